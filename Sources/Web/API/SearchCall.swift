import Feed
import Runtime
import Timeline

/// `/api/search`: the next event that matches.
enum SearchCall {
    static func answer(_ call: APICall) async throws -> WebAnswer {
        let from = try call.parameters.required("from")
        let until: Int64? = try call.parameters.number("until")
        let lanes = try call.parameters.lanes()
        let filter = try call.parameters.filter()
        let isForward: Bool
        switch try call.parameters.required("direction") {
        case "next": isForward = true
        case "previous": isForward = false
        default: throw APIError.parameter("direction is next or previous")
        }
        let (ns, beyond) = try await origin(from, call)
        let times = isForward ? ns..<max(ns, until ?? .max) : min(ns, until ?? .min)..<ns
        // The time of an event itself is looked at too.
        let range =
            beyond != nil && !isForward ? times.lowerBound..<times.upperBound.advanced(by: ns < .max ? 1 : 0) : times
        let walk = try await call.walk(
            isForward ? .forwards : .backwards,
            times: range,
            beyond: beyond,
            lanes: lanes,
            filter: filter,
            stepEvents: filter == nil ? 512 : 8192
        )
        let isOver = try await call.timeline.advance(walk, enough: 1, until: call.deadline)
        return WebAnswer(json(walk.value, isForward: isForward, isOver: isOver))
    }

    private static func origin(_ text: String, _ call: APICall) async throws -> (Int64, EventPosition?) {
        if let ns = Int64(text) { return (ns, nil) }
        guard let id = EventID(text) else { throw APIError.parameter("from is a time, or an event's id") }
        let position = try await call.find(id).0.position
        return (position.ns, position)
    }

    private static func json(_ walk: EventWalk, isForward: Bool, isOver: Bool) -> JSONBuffer {
        let edge = isForward ? walk.left.lowerBound : walk.left.upperBound
        let found = walk.found.first
        let goesOn = found == nil && !isOver && !walk.left.isEmpty
        var json = JSONBuffer()
        json.object { json in
            json.key("found")
            if let found {
                json.object { json in
                    json.member("id", "\(EventID(found.position))")
                    json.member("ts", ns: found.position.ns)
                    json.member("lane", found.lane)
                    json.member("name", found.name)
                    json.member("late_ns", found.lateNs)
                }
            } else {
                json.append(json: "null".utf8)
            }
            json.member("next", goesOn ? "\(edge)" : nil)
            json.member("scanned_to", ns: found?.position.ns ?? edge)
        }
        return json
    }
}
