import CTF

/// What a lane counts by itself. A lane that is no stream has events only where there are too many lanes for one more.
struct LaneCounts: Sendable {
    /// What is counted.
    enum Plane: CaseIterable {
        case events
        case late
        case losses
    }

    /// Taken once there is something to count.
    private(set) var events: DensityTrack?
    private(set) var late: DensityTrack?
    private(set) var losses: DensityTrack?
    /// Events without a clock: they are in no column.
    var timelessEvents: UInt64 = 0
    /// Losses of which no time is known.
    var timelessLosses: UInt64 = 0
    private(set) var firstNs: Int64?
    private(set) var lastNs: Int64?
    var countedAt: UInt64 = 0

    subscript(plane: Plane) -> DensityTrack? {
        switch plane {
        case .events: events
        case .late: late
        case .losses: losses
        }
    }

    var byteCount: Int {
        (events?.byteCount ?? 0) + (late?.byteCount ?? 0) + (losses?.byteCount ?? 0)
    }

    /// Whether nothing that has a time is counted.
    var isEmpty: Bool { (events?.total ?? 0) == 0 && (late?.total ?? 0) == 0 && (losses?.total ?? 0) == 0 }

    var sums: LaneSums {
        var sums = LaneSums()
        sums.events = (events?.total ?? 0).plus(timelessEvents)
        sums.late = late?.total ?? 0
        sums.lost = (losses?.total ?? 0).plus(timelessLosses)
        sums.firstNs = firstNs
        sums.lastNs = lastNs
        sums.countedAt = countedAt
        return sums
    }

    /// Counts an event for each key.
    /// - Parameters:
    ///   - empty: what a new track begins as.
    ///   - times: the least and the greatest time of the keys.
    mutating func add(_ keys: UnsafeBufferPointer<EventKey>, times: ClosedRange<Int64>, empty: DensityTrack) {
        if events == nil { events = empty }
        events?.add(keys)
        firstNs = min(firstNs ?? times.lowerBound, times.lowerBound)
        lastNs = max(lastNs ?? times.upperBound, times.upperBound)
    }

    /// Counts one event.
    mutating func add(ns: Int64, empty: DensityTrack) {
        if events == nil { events = empty }
        events?.add(ns: ns)
        firstNs = min(firstNs ?? ns, ns)
        lastNs = max(lastNs ?? ns, ns)
    }

    mutating func addLate(ns: Int64, empty: DensityTrack) {
        if late == nil { late = empty }
        late?.add(ns: ns)
    }

    mutating func addLoss(ns: Int64?, empty: DensityTrack) {
        guard let ns else {
            timelessLosses = timelessLosses.plus(1)
            return
        }
        if losses == nil { losses = empty }
        losses?.add(ns: ns)
    }

    mutating func drop(beforeNs: Int64) {
        events?.drop(beforeNs: beforeNs)
        late?.drop(beforeNs: beforeNs)
        losses?.drop(beforeNs: beforeNs)
        guard let first = firstNs, first < beforeNs else { return }
        // Nobody has kept which event is now the first, but its column.
        firstNs = events?.firstNs.map { max($0, beforeNs) }
        if firstNs == nil { lastNs = nil }
    }

    /// Gives up the finest level.
    mutating func coarsen() {
        _ = events?.coarsen()
        _ = late?.coarsen()
        _ = losses?.coarsen()
    }
}
