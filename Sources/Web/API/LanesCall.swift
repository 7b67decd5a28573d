import Feed
import Rendering
import Timeline

/// `/api/lanes`: the tree.
enum LanesCall {
    static func answer(_ call: APICall) async throws -> WebAnswer {
        let after = try call.parameters.number("after", as: UInt32.self) ?? 0
        let limit = try call.parameters.limit("limit", in: 1...5000, unless: 5000)
        let (picture, rows) = try await call.timeline.picture(of: call.scope)
        let left = rows.filter { $0.lane.id > after }
        let shown = left.prefix(limit)
        var json = JSONBuffer(capacityBytes: 256 * (shown.count + 1))
        json.object { json in
            json.member("generation", picture.generation)
            json.member("next", left.count > shown.count ? shown.last?.lane.id : nil)
            json.key("lanes")
            json.array { json in for row in shown { json.append(row, picture) } }
        }
        return WebAnswer(json)
    }
}

extension JSONBuffer {
    /// A lane, as the picture's viewer may see it.
    mutating func append(_ row: LaneRow, _ picture: FeedPicture) {
        let lane = row.lane
        let scope = picture.scope
        // A host's is its relay's, which may name hosts and sessions.
        let showsReason = lane.kind != .host || scope.allowsAll(relay: lane.relay)
        object { json in
            json.member("id", lane.id)
            json.member("parent", lane.parent)
            json.member("kind", "\(lane.kind)")
            json.member("name", lane.name)
            json.member("state", lane.state.text)
            json.member("reason", showsReason ? lane.reason : "")
            switch lane.kind {
            case .feed: break
            case .host:
                json.member("relay", lane.relay)
                json.member("frontier", ns: picture.frontiers[lane.id])
                json.appendClock(lane.clock.flatMap { scope.allows($0) ? $0 : nil })
            case .session:
                json.member("session_id", lane.sessionID)
                json.member("start", ns: lane.startNs)
            case .stream:
                json.member("cpu", lane.stream?.cpu)
                json.member("stream", lane.stream?.number)
                json.member("path", lane.stream?.path)
                json.member("trace", lane.stream?.trace)
            }
            json.member("events", row.sums.events)
            json.member("late", row.sums.late)
            json.member("lost", row.sums.lost)
            json.member("first", ns: row.sums.firstNs)
            json.member("last", ns: row.sums.lastNs)
        }
    }

    private mutating func appendClock(_ report: ClockReport?) {
        key("clock")
        guard let report else { return append(json: "null".utf8) }
        object { json in
            json.member("quality", report.quality.name)
            json.member("lower_ns", report.lowerNs)
            json.member("upper_ns", report.upperNs)
            json.member("drift_ppb", report.driftPpb)
            json.member("drift_error_ppb", report.driftErrorPpb)
            json.member("correction_ns", report.correctionNs)
            json.member("spread_ns", report.spreadNs)
            let reference = "\(report.referenceRelay)/\(report.referenceHost)"
            json.member("reference", report.isAgainstCoordinator ? "" : reference)
        }
    }
}

extension Lane.State {
    /// As the API says it.
    var text: String {
        switch self {
        case .unknown: "active"
        case .relay(let state): "\(state)"
        case .session(let state): "\(state)"
        case .active: "active"
        case .ended: "ended"
        }
    }
}
