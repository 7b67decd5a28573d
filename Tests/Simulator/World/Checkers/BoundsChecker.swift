import Coordinator
import LTTngLive

/// What the coordinator keeps stays within its limits, and in the end it keeps nothing.
struct BoundsChecker {
    /// Bytes of packets: the budget, the packet that fills it, and of each stream one before W is
    /// known, and one that may hold it.
    private let pendingBytesMax: Int
    private let requestsMax = LiveLimits().requestsOutstandingMax

    init(_ plan: WorldPlan) {
        let largest = plan.streams.lazy.flatMap(\.packets).map(\.events.count).max() ?? 0
        pendingBytesMax = plan.pendingBytesMax + (2 * plan.streams.count + 1) * (200 + 20 * largest)
    }

    func look(_ sizes: CoordinatorSizes, atNs: UInt64, _ verdict: inout Verdict) {
        if sizes.pendingBytesOfRelayMax > pendingBytesMax {
            verdict.found(.bounds, atNs: atNs, "\(sizes.pendingBytesOfRelayMax) bytes of packets are kept of a relay")
        }
        if sizes.requestsOfConnectionMax > requestsMax {
            verdict.found(.bounds, atNs: atNs, "\(sizes.requestsOfConnectionMax) requests are out on a connection")
        }
    }

    /// All sessions have ended a while ago.
    func ended(_ sizes: CoordinatorSizes, sabotage: Sabotage?, atNs: UInt64, _ verdict: inout Verdict) {
        var left = [
            ("traces", sizes.traces), ("streams", sizes.streams), ("streams that drain", sizes.draining),
            ("bytes of packets", sizes.pendingBytesOfRelayMax), ("events", sizes.pendingEvents),
            ("sessions' connections", sizes.sessionConnections),
        ]
        if sabotage == .leak { left[1].1 += 1 }
        for (what, count) in left where count != 0 {
            verdict.found(.bounds, atNs: atNs, "in the end the coordinator still has \(count) \(what)")
        }
    }
}
