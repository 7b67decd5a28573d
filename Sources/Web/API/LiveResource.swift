import Feed
import HummingbirdCore
import Runtime
import Timeline

/// `/api/live`: what changes, as it does.
struct LiveResource: WebResource {
    let audience = WebAudience.viewers
    let timeline: FeedTimeline
    let gate: ClientGate

    func answer(_ request: WebRequest) async -> WebAnswer {
        guard let stay = gate.stay(request.client) else { return APIError.busy("too many watch").answer }
        do {
            _ = try APIParameters(request.uri.query, names: [])
            // Whatever is wrong at the beginning is said with a status.
            _ = try await timeline.picture(of: request.scope)
        } catch {
            return APIResource.refusal(error).answer
        }
        return WebAnswer(
            contentType: "text/event-stream",
            body: .stream { [timeline] stream in
                defer { withExtendedLifetime(stay) {} }
                var updates = LiveUpdates(timeline, scope: request.scope)
                while true { try await stream.write(try await updates.next()) }
            }
        )
    }
}
