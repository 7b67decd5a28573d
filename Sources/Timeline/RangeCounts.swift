import CTF
package import Feed

/// What lanes count in a range of time, exactly: whole columns from what is kept, and the two edges, which take events
/// out of the log.
package struct RangeCounts: ~Copyable, Sendable {
    /// What a lane has, and those below it.
    package struct Counts: Sendable, Equatable {
        package var events: UInt64 = 0
        package var late: UInt64 = 0
        package var losses: UInt64 = 0

        package init(events: UInt64 = 0, late: UInt64 = 0, losses: UInt64 = 0) {
            self.events = events
            self.late = late
            self.losses = losses
        }

        mutating func add(_ other: Counts) {
            events = events.plus(other.events)
            late = late.plus(other.late)
            losses = losses.plus(other.losses)
        }
    }

    /// The parts of the range that whole columns do not cover; two at most.
    package let edges: [Range<Int64>]
    /// The frames that hold the edges' events: each has to be taken once.
    package let frames: [ClosedRange<UInt64>]
    /// By lane, not summed.
    private var counts: [UInt32: Counts] = [:]
    private var scanner = SliceScanner()

    init(edges: [Range<Int64>], frames: [ClosedRange<UInt64>]) {
        self.edges = edges
        self.frames = frames
    }

    /// Counts of lanes that were made elsewhere, not summed.
    package init(_ counts: [UInt32: Counts] = [:]) {
        edges = []
        frames = []
        self.counts = counts
    }

    package mutating func add(_ counts: Counts, lane: UInt32) {
        guard counts != Counts() else { return }
        self.counts[lane, default: Counts()].add(counts)
    }

    /// Counts those events of a batch out of the log that lie at the edges.
    /// - Parameter lanes: of the model that was asked.
    package mutating func take(_ batch: FeedBatch, lanes: LaneTable) {
        for case .events(let group) in batch.records {
            var places = LatePlaces(group)
            for (number, slice) in group.slices.enumerated() {
                let late = places.take(slice: number)
                guard let lane = lanes.lane(ofStream: slice.packet.stream.id) else { continue }
                add(Self.count(slice, late: late, edges: edges, &scanner), lane: lane)
            }
        }
    }

    private static func count(
        _ slice: EventSlice,
        late: [Int],
        edges: [Range<Int64>],
        _ scanner: inout SliceScanner
    ) -> Counts {
        var found = Counts()
        var nextLate = late[...]
        _ = scanner.scan(slice) { keys, first in
            for (index, key) in keys.keys.enumerated() {
                let isLate = nextLate.first == first + index
                if isLate { nextLate.removeFirst() }
                guard edges.contains(where: { $0.contains(key.timestampNs) }) else { continue }
                found.events += 1
                if isLate { found.late += 1 }
            }
        }
        return found
    }

    /// The counts of all lanes that have any, those of lanes above being sums; by ascending ids.
    /// - Parameter view: what may be seen; nil: all.
    package func sums(_ lanes: LaneTable, view: LaneView? = nil) -> [(lane: UInt32, counts: Counts)] {
        var sums: [UInt32: Counts] = [:]
        for (id, own) in counts where view?.counted.contains(id) != false {
            var next: UInt32? = id
            while let lane = next {
                sums[lane, default: Counts()].add(own)
                next = lane == 0 ? nil : lanes[lane]?.parent ?? 0
            }
        }
        return sums.filter { view?.shown.contains($0.key) != false }.sorted { $0.key < $1.key }
            .map { (lane: $0.key, counts: $0.value) }
    }
}

extension TimelineModel {
    /// Begins to count a range: what is left to do is to `take` the frames that it names.
    /// - Parameters:
    ///   - fromNs: inclusive.
    ///   - toNs: exclusive.
    /// - Complexity: O(chunks of all lanes in the range + marks), and one chunk's columns for each lane.
    package func counts(fromNs: Int64, toNs: Int64) throws(TimelineError) -> RangeCounts {
        guard fromNs < toNs else { throw .range("to is not after from") }
        let fromNs = max(fromNs, figures.beginNs ?? fromNs)
        guard fromNs < toNs else { return RangeCounts(edges: [], frames: []) }
        let level = Int64(leastLevel)
        let first = fromNs >> level + (fromNs & (1 << level - 1) == 0 ? 0 : 1)
        let end = toNs >> level
        let edges =
            first < end
            ? [fromNs..<first << level, end << level..<toNs].filter { !$0.isEmpty } : [fromNs..<toNs]
        // One after the other: no frame may come twice.
        var frames: [ClosedRange<UInt64>] = []
        for edge in edges { frames += index.frames(fromNs: edge.lowerBound, toNs: edge.upperBound) }
        var counts = RangeCounts(edges: edges, frames: TimeIndex.joined(frames))
        for entry in lanes.entries {
            counts.add(
                RangeCounts.Counts(
                    events: entry.counts.events?.sum(from: first, to: end) ?? 0,
                    late: entry.counts.late?.sum(from: first, to: end) ?? 0,
                    losses: entry.counts.losses?.sum(from: first, to: end) ?? 0
                ),
                lane: entry.lane.id
            )
        }
        for mark in marks.losses where edges.contains(where: { mark.columnNs.map($0.contains) ?? false }) {
            counts.add(RangeCounts.Counts(losses: 1), lane: mark.lane)
        }
        return counts
    }
}
