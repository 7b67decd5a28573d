/// Counts durations by how long they are. Plain integers: whoever owns it counts, and a copy of it is a scrape's value.
package struct Histogram: Sendable, Equatable {
    /// From a tenth of a millisecond to five minutes, nanoseconds.
    package static let latencyBoundsNs: [UInt64] = [
        100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000,
        250_000_000, 500_000_000,
        1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000, 30_000_000_000, 60_000_000_000, 300_000_000_000,
    ]

    /// The longest that each bucket counts, nanoseconds, ascending.
    package let boundsNs: [UInt64]
    /// By bucket, each duration once; the last bucket is for what is longer than all bounds.
    package private(set) var counts: [UInt64]
    /// Of all durations, nanoseconds; stays at its greatest value rather than overflow.
    package private(set) var sumNs: UInt64 = 0
    package private(set) var count: UInt64 = 0

    package init(boundsNs: [UInt64] = Self.latencyBoundsNs) {
        precondition(zip(boundsNs, boundsNs.dropFirst()).allSatisfy { $0 < $1 }, "bounds ascend")
        self.boundsNs = boundsNs
        counts = [UInt64](repeating: 0, count: boundsNs.count + 1)
    }

    /// Counts one duration. O(bounds), no allocation.
    /// - Parameter ns: nanoseconds; a negative one, of clocks that differ, counts as 0.
    package mutating func record(ns: Int64) {
        let duration = UInt64(max(ns, 0))
        var bucket = 0
        while bucket < boundsNs.count, duration > boundsNs[bucket] { bucket += 1 }
        counts[bucket] += 1
        count += 1
        let (sum, overflow) = sumNs.addingReportingOverflow(duration)
        sumNs = overflow ? .max : sum
    }
}
