package import Feed

/// Counts of the events that a filter wants: of those times that were looked at so far.
///
/// Made bit by bit, as `EventWalk` finds events: whoever asks takes the frames that `nextFrames` names, for as long as
/// it wants, and gets what is then known. Times at and after W are not looked at. What comes late for times that are
/// known is counted by `note`, which is to be given each batch that leaves.
package struct FilteredCounts: Sendable {
    private let bytesMax: Int
    private let stepEvents: Int
    private var reader: EventReader
    private var counts: [UInt32: LaneCounts] = [:]
    private var known = TimeRanges()
    private var emptyTrack: DensityTrack
    private var step: Range<Int64>?
    /// Found in the step that is not at its end: if it is given up, nothing of it counts.
    private var stepFound: [FoundEvent] = []

    /// - Parameters:
    ///   - scope: its rules for event names count too. What it may see of lanes is for who asks.
    ///   - least: the finest level of which counts are kept.
    ///   - bytesMax: what counts may take; beyond that the finest level is given up.
    ///   - stepEvents: how many events one step reads, about.
    package init(
        filter: FilterExpression?,
        scope: ViewScope = .full,
        least: Int,
        bytesMax: Int = 32 << 20,
        stepEvents: Int = 8192
    ) {
        self.stepEvents = stepEvents
        self.bytesMax = bytesMax
        reader = EventReader(lanes: nil, view: nil, filter: filter, scope: scope, isNamed: false)
        emptyTrack = DensityTrack(least: least)
    }

    /// The finest level of which counts are kept.
    package var leastLevel: Int { emptyTrack.least }
    /// About.
    package var byteCount: Int { counts.values.reduce(0) { $0 + $1.byteCount } }

    /// Begins to look at the first part of a range that is not known.
    /// - Returns: the frames to take; nil where all is known that can be.
    package mutating func nextFrames(_ model: borrowing TimelineModel, in range: Range<Int64>) -> [ClosedRange<UInt64>]?
    {
        stepFound.removeAll()
        guard let end = model.figures.watermarkNs.map({ min($0, range.upperBound) }) else { return nil }
        let begin = max(range.lowerBound, model.figures.beginNs ?? .min)
        guard begin < end, let missing = known.firstMissing(in: begin..<end) else { return nil }
        let next = model.index.firstStep(missing, events: stepEvents)
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
        known.insert(step)
        self.step = nil
        add(stepFound)
        stepFound.removeAll()
    }

    /// Looks for late events in a batch that has just left.
    package mutating func note(_ batch: FeedBatch, _ table: LaneTable) {
        let isAnyLate = batch.records.contains {
            if case .events(let group) = $0 { !group.late.isEmpty } else { false }
        }
        guard isAnyLate, let first = known.ranges.first, let last = known.ranges.last else { return }
        var found: [FoundEvent] = []
        reader.read(batch, times: first.lowerBound..<last.upperBound, table, into: &found)
        let ranges = known.ranges
        add(found.filter { event in ranges.contains { $0.contains(event.position.ns) } })
        // A step that is not at its end has perhaps read a part of the log that this is not in.
        step = nil
    }

    private mutating func add(_ found: [FoundEvent]) {
        for event in found.sorted(by: { $0.position < $1.position }) {
            counts[event.lane, default: LaneCounts()].add(ns: event.position.ns, empty: emptyTrack)
            guard event.lateNs > 0 else { continue }
            counts[event.lane, default: LaneCounts()].addLate(ns: event.position.ns, empty: emptyTrack)
        }
        while byteCount > bytesMax, emptyTrack.coarsen() {
            for lane in counts.keys { counts[lane]?.coarsen() }
        }
    }

    /// The log has let go of what lies before a time.
    package mutating func drop(beforeNs: Int64, _ table: LaneTable) {
        known.drop(beforeNs: beforeNs)
        emptyTrack.drop(beforeNs: beforeNs)
        for lane in counts.keys { counts[lane]?.drop(beforeNs: beforeNs) }
        counts = counts.filter { table[$0.key] != nil }
    }

    /// The columns of a request that are known, from the first on.
    func known(_ request: DensityRequest, _ model: borrowing TimelineModel) -> Range<Int> {
        let range = request.times
        // Nothing is before the beginning, and nothing after W that is not late.
        let begin = max(range.lowerBound, model.figures.beginNs ?? .min)
        let end = min(range.upperBound, model.figures.watermarkNs ?? .min)
        guard begin < end, let missing = known.firstMissing(in: begin..<end) else { return 0..<request.columns }
        return 0..<Int((missing.lowerBound >> Int64(request.level)) - (request.fromNs >> Int64(request.level)))
    }

    /// The body of an answer with what is known.
    /// - Parameter view: as of `TimelineModel.density`.
    package func density(
        _ request: DensityRequest,
        _ model: borrowing TimelineModel,
        view: LaneView? = nil
    ) -> [UInt8] {
        model.density(request, view: view, known: known(request, model)) { counts[$0.lane.id] }
    }

    /// Up to where a range is known, from its begin on, nanoseconds.
    package func knownEndNs(in range: Range<Int64>, _ model: borrowing TimelineModel) -> Int64 {
        let begin = max(range.lowerBound, model.figures.beginNs ?? .min)
        let end = min(range.upperBound, model.figures.watermarkNs ?? .min)
        guard begin < end else { return range.upperBound }
        return known.firstMissing(in: begin..<end)?.lowerBound ?? range.upperBound
    }

    /// What lanes count in whole columns of the finest level, by lane and not summed; losses are not filtered, and so
    /// are 0.
    /// - Parameter columns: times at which columns begin, nanoseconds.
    /// - Complexity: O(chunks).
    package func sums(columns: Range<Int64>) -> [UInt32: RangeCounts.Counts] {
        let (first, end) = (columns.lowerBound >> Int64(leastLevel), columns.upperBound >> Int64(leastLevel))
        return counts.mapValues { lane in
            RangeCounts.Counts(
                events: lane.events?.sum(from: first, to: end) ?? 0,
                late: lane.late?.sum(from: first, to: end) ?? 0
            )
        }
    }
}
