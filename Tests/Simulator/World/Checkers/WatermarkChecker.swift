import Feed

/// W never goes back; what is older than it leaves as late, by how much is true, and nothing else does.
struct WatermarkChecker {
    /// The last W that the feed has said.
    private(set) var watermarkNs: Int64?
    /// The highest W that a late event has been measured with, and when: the frames of that moment come as far.
    private var implied: (watermarkNs: Int64, atNs: UInt64)?
    private let plan: WorldPlan
    private var joins: [String: Join] = [:]
    private var sessionJoins: [SessionKey: Join] = [:]

    private enum Join {
        case waitedFor
        case wasThere
        case joined
    }

    init(_ plan: WorldPlan) {
        self.plan = plan
    }

    mutating func look(_ event: SeenEvent, atNs: UInt64, _ verdict: inout Verdict) {
        guard event.lateNs > 0 else {
            if let watermarkNs, event.timestampNs < watermarkNs {
                verdict.found(.watermark, atNs: atNs, "\(event) is not said to be late, and W was \(watermarkNs)")
            }
            return
        }
        if !plan.allowsLate, !hasJoined(event) {
            verdict.found(.watermark, atNs: atNs, "\(event) is late, and nothing made it so")
        }
        let (implied, overflow) = event.timestampNs.addingReportingOverflow(event.lateNs)
        guard let watermarkNs, !overflow, implied >= watermarkNs else {
            verdict.found(.watermark, atNs: atNs, "\(event) is not as late as it says: W was \(watermarkNs ?? 0)")
            return
        }
        self.implied = (max(self.implied?.watermarkNs ?? implied, implied), atNs)
    }

    /// A relay whose first attempt fails is not waited for: what it has by the time that it is there is late.
    mutating func look(_ change: RelayStateChange) {
        switch (change.state, joins[change.relay]) {
        case (.connecting, nil): joins[change.relay] = .waitedFor
        case (.connecting, .waitedFor): joins[change.relay] = .joined
        case (_, .waitedFor): joins[change.relay] = .wasThere
        default: break
        }
    }

    mutating func look(_ change: SessionStateChange) {
        let key = SessionKey(relay: change.relay, name: change.session, id: change.sessionID)
        switch change.state {
        case .active where sessionJoins[key] != .joined: sessionJoins[key] = .wasThere
        default: break
        }
    }

    /// A connection that was for a session alone is gone. Where it was the first, and gone before the session was
    /// attached, W waits no longer for what the session has.
    mutating func connectionIsGone(of session: SessionKey) {
        if sessionJoins[session] == nil { sessionJoins[session] = .joined }
    }

    private func hasJoined(_ event: SeenEvent) -> Bool {
        if joins[event.relay] == .joined { return true }
        guard let truth = plan.event(event.number) else { return false }
        return sessionJoins[SessionKey(plan.sessions[plan.streams[truth.stream].session])] == .joined
    }

    /// A moment begins.
    mutating func look(momentNs atNs: UInt64, _ verdict: inout Verdict) {
        guard let implied, implied.atNs < atNs else { return }
        if watermarkNs ?? .min < implied.watermarkNs {
            let had = watermarkNs ?? 0
            verdict.found(
                .watermark,
                atNs: atNs,
                "an event was late behind \(implied.watermarkNs), and W is \(had) only"
            )
        }
        self.implied = nil
    }

    mutating func look(watermarkNs next: Int64?, atNs: UInt64, _ verdict: inout Verdict) {
        guard let next else { return }
        if let watermarkNs, next < watermarkNs {
            verdict.found(.watermark, atNs: atNs, "W went back from \(watermarkNs) to \(next)")
        }
        watermarkNs = max(watermarkNs ?? next, next)
    }
}
