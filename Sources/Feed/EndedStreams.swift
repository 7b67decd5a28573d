package import CTF

/// The streams of a session that have ended: a relay that is attached again may tell of them, and give them, once more.
///
/// Numbers are unique for a relay process only, so each goes with its trace's identity. Memory: about 40 bytes for each
/// of the newest `limit ... 2 * limit` streams.
package struct EndedStreams: Sendable, Equatable {
    /// By the relay's number of the stream.
    package private(set) var traces: [UInt64: TraceUUID] = [:]

    package init() {}

    /// A stream has ended; what it had is in the feed, or said to be lost.
    /// - Parameter limit: how many are remembered at least.
    /// - Complexity: O(1), amortised.
    package mutating func note(_ id: UInt64, of trace: TraceUUID, limit: Int = 65_536) {
        traces[id] = trace
        guard traces.count > 2 * max(limit, 1) else { return }
        // A relay counts upwards: the lesser numbers are the older ones.
        let kept = traces.keys.sorted().suffix(limit)
        let least = kept.first ?? 0
        traces = traces.filter { $0.key >= least }
    }

    /// The trace of a stream of that number that has ended; nil where there was none.
    package func trace(of id: UInt64) -> TraceUUID? { traces[id] }

    package var count: Int { traces.count }
}
