import Feed
import Runtime
import Timeline

/// `/api/marks`: what happened besides events.
enum MarksCall {
    static func answer(_ call: APICall) async throws -> WebAnswer {
        let times = try call.parameters.times()
        let limit = try call.parameters.limit("limit", in: 1...5000, unless: 2000)
        let scope = call.scope
        let (marks, more) = try await call.timeline.ask { book, _ in
            let view = book.model.lanes.view(of: scope)
            return book.model.marks(
                fromNs: times.lowerBound,
                toNs: times.upperBound,
                limit: limit,
                scope: scope,
                view: view
            )
        }
        var json = JSONBuffer(capacityBytes: 256 + 128 * marks.count)
        json.object { json in
            json.key("marks")
            json.array { json in for mark in marks { json.append(mark) } }
            json.member("more", more)
        }
        return WebAnswer(json)
    }
}

extension JSONBuffer {
    mutating func append(_ mark: Mark) {
        object { json in
            switch mark.kind {
            case .excluded(let relay, let reason):
                json.member("kind", "excluded")
                json.member("relay", relay)
                json.member("reason", reason)
            case .lost(let loss):
                json.member("kind", "lost")
                json.member("unit", "\(loss.unit)")
                json.member("count", loss.count)
                json.member("cause", "\(loss.cause)")
                json.member("reason", loss.reason)
            case .step(let stepNs, let errorNs):
                json.member("kind", "step")
                json.member("step_ns", stepNs)
                json.member("error_ns", errorNs)
            case .gap(let reason):
                json.member("kind", "gap")
                json.member("reason", reason)
            }
            json.member("lane", mark.lane)
            json.member("from", ns: mark.fromNs)
            json.member("to", ns: mark.toNs)
        }
    }
}
