import Feed

/// A while after the last fault all is well: W has passed every event, and everybody is in a state to stay in.
struct LivenessChecker {
    func settled(_ feed: FeedRun, plan: WorldPlan, isBehind: Bool, atNs: UInt64, _ verdict: inout Verdict) {
        let watermarkNs = isBehind ? feed.startWatermarkNs : feed.watermark.watermarkNs
        if let newestNs = plan.events.map(\.timestampNs).max(), watermarkNs ?? .min <= newestNs {
            let wanted = newestNs - HostClock.epochNs
            let had = watermarkNs.map { String($0 - HostClock.epochNs) } ?? "unset"
            verdict.found(.liveness, atNs: atNs, "W is \(had), and the newest event is of \(wanted)")
        }
        for relay in plan.relays.indices {
            guard let state = feed.account.relayStates["relay-\(relay)"] else {
                verdict.found(.liveness, atNs: atNs, "relay-\(relay) has no state")
                continue
            }
            switch state {
            case .active, .quiet, .ended: break
            // A clock that is behind the others' never reaches W: its relay stays without a say, as its users see.
            case .rejoining where !plan.faults.isDisjoint(with: [.skew, .steps, .drift]): break
            case .connecting, .lagging, .excluded, .rejoining:
                verdict.found(.liveness, atNs: atNs, "relay-\(relay) is still \(state)")
            }
        }
        for (index, session) in plan.sessions.enumerated() where session.endsNs >= plan.destroyedNs {
            let key = SessionKey(session)
            guard let state = feed.account.sessionStates[key], state == .active else {
                verdict.found(.liveness, atNs: atNs, "session \(index) of \(key) is not active")
                continue
            }
        }
    }

    /// All sessions have been destroyed.
    func ended(_ feed: FeedRun, plan: WorldPlan, atNs: UInt64, _ verdict: inout Verdict) {
        for (key, state) in feed.account.sessionStates.sorted(by: { $0.key < $1.key })
        where state != .ended && state != .lost {
            verdict.found(.liveness, atNs: atNs, "session \(key) is \(state), though it was destroyed")
        }
    }
}
