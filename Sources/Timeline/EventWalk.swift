package import Feed

/// Goes through single events in the order of time, forwards or backwards, a bounded step at a time.
///
/// Whoever walks asks which frames to read, takes their batches, and asks again, for as long as it wants:
/// ```
/// while walk.found.count < limit, there is time, let frames = walk.nextFrames(model) {
///     for batch in (what a decoder makes of the frames) { walk.take(batch, model.lanes) }
///     walk.endStep()
/// }
/// ```
/// `found` then has the events in order, and `left` what was not looked at.
package struct EventWalk: Sendable {
    package enum Direction: Sendable {
        case forwards
        case backwards
    }

    private let direction: Direction
    private let lanes: LaneSet?
    private let beyond: EventPosition?
    private let stepEvents: Int
    private var reader: EventReader
    /// The times of the range that have not been looked at, nanoseconds.
    package private(set) var left: Range<Int64>
    /// In the order in which they were walked through; none of them lies in `left`.
    package private(set) var found: [FoundEvent] = []
    private var step: Range<Int64>?
    private var stepFound: [FoundEvent] = []

    /// - Parameters:
    ///   - times: nanoseconds since the Unix epoch.
    ///   - beyond: only events behind this one, in the direction of the walk, are wanted.
    ///   - lanes: streams whose events are wanted; nil: all.
    ///   - view: what may be seen; nil: all.
    ///   - scope: what `view` was made of.
    ///   - stepEvents: how many events one step reads, about.
    package init(
        _ direction: Direction,
        times: Range<Int64>,
        beyond: EventPosition? = nil,
        lanes: LaneSet? = nil,
        view: LaneView? = nil,
        scope: ViewScope = .full,
        filter: FilterExpression? = nil,
        stepEvents: Int = 8192
    ) {
        self.stepEvents = stepEvents
        self.direction = direction
        self.beyond = beyond
        self.lanes = lanes
        reader = EventReader(lanes: lanes, view: view, filter: filter, scope: scope)
        left = times
    }

    /// Begins a step. Times at which the lanes have nothing are skipped.
    /// - Returns: the frames to take, none of which has to be in the log still; nil when nothing is left.
    package mutating func nextFrames(_ model: borrowing TimelineModel) -> [ClosedRange<UInt64>]? {
        switch direction {
        case .forwards:
            let next = model.nextTime(lanes, fromNs: left.lowerBound) ?? left.upperBound
            left = min(max(next, left.lowerBound), left.upperBound)..<left.upperBound
        case .backwards:
            let previous = model.previousTime(lanes, beforeNs: left.upperBound) ?? left.lowerBound
            left = left.lowerBound..<max(min(previous, left.upperBound), left.lowerBound)
        }
        guard !left.isEmpty else { return nil }
        let next =
            direction == .forwards
            ? model.index.firstStep(left, events: stepEvents) : model.index.lastStep(left, events: stepEvents)
        step = next.times
        return next.frames
    }

    /// Takes a batch of a step's frames.
    package mutating func take(_ batch: FeedBatch, _ table: LaneTable) {
        guard let step else { return }
        reader.read(batch, times: step, table, into: &stepFound)
    }

    /// All frames of the step were taken.
    package mutating func endStep() {
        guard let step else { return }
        switch direction {
        case .forwards:
            if let beyond { stepFound.removeAll { $0.position <= beyond } }
            stepFound.sort { $0.position < $1.position }
            left = step.upperBound..<left.upperBound
        case .backwards:
            if let beyond { stepFound.removeAll { $0.position >= beyond } }
            stepFound.sort { $0.position > $1.position }
            left = left.lowerBound..<step.lowerBound
        }
        found += stepFound
        stepFound.removeAll()
        self.step = nil
    }
}

extension TimelineModel {
    /// The earliest time, at or after one, at which lanes may have an event; nil where they have none.
    /// - Parameter wanted: streams; nil: all.
    /// - Complexity: O(lanes · (log chunks + a chunk's columns)).
    func nextTime(_ wanted: LaneSet?, fromNs: Int64) -> Int64? {
        lanes.entries.reduce(nil) { earliest, entry in
            guard wanted?.contains(entry.lane.id) != false, let next = entry.counts.events?.nextNs(fromNs: fromNs)
            else { return earliest }
            return min(earliest ?? next, next)
        }
    }

    /// The end of the latest times, before one, at which lanes may have an event; exclusive.
    func previousTime(_ wanted: LaneSet?, beforeNs: Int64) -> Int64? {
        lanes.entries.reduce(nil) { latest, entry in
            guard wanted?.contains(entry.lane.id) != false,
                let previous = entry.counts.events?.previousEndNs(beforeNs: beforeNs)
            else { return latest }
            return max(latest ?? previous, previous)
        }
    }
}
