import Feed
import SimulatedRelay

/// What is said to be lost is really missing; and what the tracer discarded is said.
struct LossChecker {
    private let plan: WorldPlan

    init(_ plan: WorldPlan) {
        self.plan = plan
    }

    func ended(_ account: FeedAccount, atNs: UInt64, _ verdict: inout Verdict) {
        var claims = [Claims](repeating: Claims(), count: plan.streams.count)
        for loss in account.losses {
            let candidates = account.candidates(loss)
            if candidates.isEmpty, !isOfListedGarbage(loss.record) {
                verdict.found(.loss, atNs: atNs, "a loss of a stream that is none: \(loss.record)")
            }
            // Where it may mean several, nothing is known of any one.
            guard candidates.count == 1, let count = loss.record.count else { continue }
            claims[candidates[0]].add(loss.record, count)
        }
        for index in plan.streams.indices {
            check(claims[index], of: index, account, atNs: atNs, &verdict)
        }
    }

    /// Whether it is of a session that garbage in a relay's list has made: the relay has spoken of it, and then no
    /// more. That it had anything is not claimed.
    private func isOfListedGarbage(_ loss: LossRecord) -> Bool {
        guard loss.streamID == nil, loss.count == nil,
            let relay = plan.relays.indices.first(where: { "relay-\($0)" == loss.relay })
        else { return false }
        return plan.relays[relay].lives.contains { life in
            life.script.faults.contains { fault in
                if case .reply(.listSessions, _, _) = fault { true } else { false }
            }
        }
    }

    private struct Claims {
        var discarded: UInt64 = 0
        var events: UInt64 = 0
        var packets: UInt64 = 0

        mutating func add(_ record: LossRecord, _ count: UInt64) {
            switch (record.unit, record.cause) {
            case (.events, .tracer): discarded += count
            case (.events, .delivery): events += count
            case (.packets, _): packets += count
            }
        }
    }

    private func check(
        _ claims: Claims,
        of index: Int,
        _ account: FeedAccount,
        atNs: UInt64,
        _ verdict: inout Verdict
    ) {
        let stream = plan.streams[index]
        var missing = Claims()
        var lastDelivered: Int?
        for (number, packet) in stream.packets.enumerated() {
            let lost = packet.events.count { !account.delivered.contains($0) }
            missing.events += UInt64(lost)
            // A packet without events may be refused, or left undecoded, and nobody can see that it was.
            let isDoubtful = packet.events.isEmpty && !plan.faults.isDisjoint(with: [.garbage, .lateMetadata])
            if lost > 0 || packet.fate != .served || isDoubtful { missing.packets += 1 }
            if lost < packet.events.count { lastDelivered = number }
        }
        missing.discarded = stream.packets.last?.discarded ?? 0
        let compared = [
            ("discarded events", claims.discarded, missing.discarded), ("events", claims.events, missing.events),
            ("packets", claims.packets, missing.packets),
        ]
        for (what, said, real) in compared where said > real {
            verdict.found(.loss, atNs: atNs, "stream \(index): \(said) \(what) are said to be lost of \(real)")
        }
        if let lastDelivered, claims.discarded < stream.packets[lastDelivered].discarded {
            let known = stream.packets[lastDelivered].discarded
            verdict.found(.loss, atNs: atNs, "stream \(index): \(claims.discarded) of \(known) discarded are said")
        }
    }
}
