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

    /// Whoever watches may look at any time, and sees what belongs together.
    func look(_ snapshot: CoordinatorSnapshot, atNs: UInt64, _ verdict: inout Verdict) {
        let names = Set(snapshot.relays.map(\.name))
        if let holder = snapshot.holder, !names.contains(holder.relay) {
            verdict.found(.bounds, atNs: atNs, "\(holder.relay) is said to hold the watermark, and is not there")
        }
        let sessions = snapshot.relays.reduce(0) { $0 + $1.sessionCount }
        if sessions != snapshot.sessions.count || !snapshot.sessions.allSatisfy({ names.contains($0.relay) }) {
            verdict.found(.bounds, atNs: atNs, "\(snapshot.sessions.count) sessions are told of, \(sessions) counted")
        }
        if snapshot.relays.contains(where: { $0.activity.ownConnections > $0.activity.connections }) {
            verdict.found(.bounds, atNs: atNs, "a relay has more connections of its own than there were")
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
