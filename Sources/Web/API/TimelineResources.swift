import HTTPTypes
package import Runtime

/// The timeline's API, which `Web.docc/API.md` describes.
package enum TimelineResources {
    /// Calls that a client has at once.
    static let callsMax = 8
    /// Those who watch, and as one client.
    static let watchersMax = 64
    static let watchersEachMax = 4
    /// Exports at once, and as one client.
    static let exportsMax = 8
    static let exportsEachMax = 2

    /// By their paths.
    package static func all(of timeline: FeedTimeline) -> [String: any WebResource] {
        let gate = ClientGate(each: callsMax)
        func call(_ names: Set<String>, _ body: @escaping @Sendable (APICall) async throws -> WebAnswer) -> APIResource
        {
            APIResource(timeline: timeline, gate: gate, names: names, body: body)
        }
        return [
            "/api/feed": call([], FeedCall.answer),
            "/api/lanes": call(["after", "limit"], LanesCall.answer),
            "/api/density": call(["level", "from", "columns", "lanes", "filter"], DensityCall.answer),
            "/api/events": call(["from", "to", "lanes", "filter", "limit", "after"], EventsCall.answer),
            "/api/event/": call([], EventCall.answer),
            "/api/search": call(["from", "direction", "lanes", "filter", "until"], SearchCall.answer),
            "/api/counts": call(["from", "to", "filter"], CountsCall.answer),
            "/api/marks": call(["from", "to", "limit"], MarksCall.answer),
            "/api/filter": call(["expression"], FilterCall.answer),
            "/api/export": ExportResource(timeline: timeline, gate: ClientGate(all: exportsMax, each: exportsEachMax)),
            "/api/live": LiveResource(
                timeline: timeline,
                gate: ClientGate(all: watchersMax, each: watchersEachMax)
            ),
        ]
    }
}

extension WebAnswer {
    /// JSON that may be another one at the next call.
    init(_ json: JSONBuffer) {
        self.init(contentType: "application/json", bytes: json.bytes)
    }
}
