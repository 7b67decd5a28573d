import CTF
import Feed

/// Control records as JSON lines (`--all`).
struct JSONControl {
    private var lastWatermarkNs: Int64?
    private var lastToken: String?

    /// Appends a watermark record, when there is news.
    mutating func appendWatermark(_ watermarkNs: Int64?, token: String?, to pen: inout OutputPen) {
        guard let watermarkNs, watermarkNs != lastWatermarkNs || token != lastToken else { return }
        lastWatermarkNs = watermarkNs
        lastToken = token
        begin("watermark", &pen)
        member("ts", watermarkNs, &pen)
        if let token { member("token", token, &pen) }
        end(&pen)
    }

    /// Appends a record that is neither of events nor of metadata.
    func append(_ record: FeedRecord, streams: KnownStreams, to pen: inout OutputPen) {
        switch record {
        case .trace, .metadata, .stream, .traceEnd, .streamEnd, .events, .source, .idle: return
        case .relay(let change):
            begin("relay", &pen)
            member("relay", change.relay, &pen)
            member("state", change.state.name, &pen)
            member("reason", change.reason, &pen)
        case .session(let change):
            begin("session", &pen)
            source(change.relay, change.host, change.session, change.sessionID, &pen)
            member("state", change.state.name, &pen)
            if !change.reason.isEmpty { member("reason", change.reason, &pen) }
        case .lost(let loss): append(loss, streams: streams, &pen)
        case .holder(let holder):
            begin("holder", &pen)
            source(holder.relay, holder.host, holder.session, nil, &pen)
            if let streamID = holder.streamID { member("stream", streams[streamID]?.shownID ?? streamID, &pen) }
            member("held_ns", holder.heldNs, &pen)
        case .clock(let report): append(report, &pen)
        case .gap(let gap):
            begin("gap", &pen)
            member("from_sequence", gap.fromSequence, &pen)
            member("to_sequence", gap.toSequence, &pen)
            member("reason", gap.reason, &pen)
        case .log(let log):
            begin("log", &pen)
            member("state", log.condition.name, &pen)
            if !log.reason.isEmpty { member("reason", log.reason, &pen) }
            if log.condition == .writing { member("held_ns", log.heldNs, &pen) }
        case .end(let reason):
            begin("end", &pen)
            member("reason", reason, &pen)
        }
        end(&pen)
    }

    private func append(_ loss: LossRecord, streams: KnownStreams, _ pen: inout OutputPen) {
        begin("lost", &pen)
        source(loss.relay, loss.host, loss.session, loss.sessionID, &pen)
        if let streamID = loss.streamID {
            let stream = streams[streamID]
            if let trace = stream?.traceUUID?.description ?? stream?.trace?.path { member("trace", trace, &pen) }
            member("stream", stream?.shownID ?? streamID, &pen)
        }
        member(loss.unit == .events ? "events" : "packets", loss.count, &pen)
        member("from", loss.fromNs, &pen)
        member("to", loss.toNs, &pen)
        if !loss.reason.isEmpty { member("reason", loss.reason, &pen) }
    }

    private func append(_ report: ClockReport, _ pen: inout OutputPen) {
        begin("clock", &pen)
        source(report.relay, report.host, "", nil, &pen)
        if !report.clock.isEmpty { member("clock", report.clock, &pen) }
        if !report.referenceRelay.isEmpty { member("reference_relay", report.referenceRelay, &pen) }
        if !report.referenceHost.isEmpty { member("reference_host", report.referenceHost, &pen) }
        member("quality", report.quality.name, &pen)
        member("lower_ns", report.lowerNs, &pen)
        member("upper_ns", report.upperNs, &pen)
        if let driftPpb = report.driftPpb {
            member("drift_ppb", driftPpb, &pen)
            member("drift_error_ppb", report.driftErrorPpb, &pen)
        }
        if let stepNs = report.stepNs {
            member("step_ns", stepNs, &pen)
            member("step_error_ns", report.stepErrorNs, &pen)
        }
        member("correction_ns", report.correctionNs, &pen)
        if report.spreadNs > 0 { member("spread_ns", report.spreadNs, &pen) }
    }

    // MARK: Members

    private func begin(_ type: StaticString, _ pen: inout OutputPen) {
        pen.appendLiteral("{\"type\":\"")
        pen.appendLiteral(type)
        pen.append(0x22)
    }

    private func end(_ pen: inout OutputPen) {
        pen.appendLiteral("}\n")
    }

    /// Where it happened; names that nobody gave are left out, as in events.
    private func source(
        _ relay: String,
        _ host: String,
        _ session: String,
        _ sessionID: UInt64?,
        _ pen: inout OutputPen
    ) {
        if !relay.isEmpty { member("relay", relay, &pen) }
        if !host.isEmpty { member("host", host, &pen) }
        if !session.isEmpty { member("session", session, &pen) }
        if !relay.isEmpty, let sessionID { member("session_id", sessionID, &pen) }
    }

    private func name(_ name: StaticString, _ pen: inout OutputPen) {
        pen.appendLiteral(",\"")
        pen.appendLiteral(name)
        pen.appendLiteral("\":")
    }

    private func member(_ name: StaticString, _ value: String, _ pen: inout OutputPen) {
        self.name(name, &pen)
        pen.appendJSON(value)
    }

    private func member(_ name: StaticString, _ value: UInt64?, _ pen: inout OutputPen) {
        self.name(name, &pen)
        if let value { pen.appendDecimal(value) } else { pen.appendLiteral("null") }
    }

    private func member(_ name: StaticString, _ value: Int64?, _ pen: inout OutputPen) {
        self.name(name, &pen)
        if let value { pen.appendDecimal(value) } else { pen.appendLiteral("null") }
    }
}

extension RelayState {
    /// The word for people and programs.
    var name: String {
        switch self {
        case .connecting: "connecting"
        case .active: "active"
        case .quiet: "quiet"
        case .lagging: "lagging"
        case .excluded: "excluded"
        case .rejoining: "rejoining"
        case .ended: "ended"
        }
    }
}

extension SessionState {
    /// The word for people and programs.
    var name: String {
        switch self {
        case .held: "held"
        case .active: "active"
        case .ended: "ended"
        case .lost: "lost"
        }
    }
}

extension LogRecord.Condition {
    /// The word for people and programs.
    var name: String {
        switch self {
        case .writing: "writing"
        case .failing: "failing"
        }
    }
}

extension ClockQuality {
    /// The word for people and programs.
    package var name: String {
        switch self {
        case .absent: "absent"
        case .oneSided: "one-sided"
        case .approximate: "approximate"
        case .accurate: "accurate"
        case .failed: "failed"
        }
    }
}
