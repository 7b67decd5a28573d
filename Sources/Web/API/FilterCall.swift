import Feed
import Runtime
import Timeline

/// `/api/filter`: whether an expression is right, and which streams it means.
enum FilterCall {
    static func answer(_ call: APICall) async throws -> WebAnswer {
        _ = try call.parameters.required("expression")
        guard let filter = try call.parameters.filter("expression") else {
            throw APIError.parameter("expression is missing")
        }
        let scope = call.scope
        var lanes: [UInt32]?
        if filter.namesLanesOnly {
            lanes = try await call.timeline.ask { book, _ in
                let table = book.model.lanes
                let view = table.narrowed(table.view(of: scope), by: filter)
                let streams = table.rows(view: view).filter { $0.lane.kind == .stream }
                return streams.map(\.lane.id).filter { view?.counted.contains($0) != false }
            }
        }
        var json = JSONBuffer()
        json.object { json in
            json.member("ok", true)
            guard let lanes else { return }
            json.key("lanes")
            json.array { json in for lane in lanes { json.append(lane) } }
        }
        return WebAnswer(json)
    }
}
