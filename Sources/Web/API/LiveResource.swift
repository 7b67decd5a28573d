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
        guard gate.enter(request.client) else { return APIError.busy("too many watch").answer }
        do {
            _ = try APIParameters(request.uri.query, names: [])
            // Whatever is wrong at the beginning is said with a status.
            _ = try await timeline.picture(of: request.scope)
        } catch {
            gate.leave(request.client)
            return APIResource.refusal(error).answer
        }
        let stay = Stay(gate, request.client)
        return WebAnswer(
            contentType: "text/event-stream",
            body: .stream { [timeline] stream in
                defer { withExtendedLifetime(stay) {} }
                var updates = LiveUpdates(timeline, scope: request.scope)
                while true { try await stream.write(try await updates.next()) }
            }
        )
    }

    /// Of one who watches; ends with the stream, or with the answer where nobody takes it.
    private final class Stay: Sendable {
        private let gate: ClientGate
        private let client: String

        init(_ gate: ClientGate, _ client: String) {
            self.gate = gate
            self.client = client
        }

        deinit { gate.leave(client) }
    }
}
