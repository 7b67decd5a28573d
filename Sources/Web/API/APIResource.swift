import Feed
import HTTPTypes
import HummingbirdCore
import Runtime
import Synchronization
import Timeline

/// What a call is asked.
struct APICall: Sendable {
    /// After this much decoding, time is over, and the answer says how far it came.
    static let patience = Duration.milliseconds(30)

    let timeline: FeedTimeline
    let request: WebRequest
    let parameters: APIParameters
    let deadline = ContinuousClock.now + patience

    var scope: ViewScope { request.scope }
}

/// A call of the API: what it is given is looked at, what goes wrong is said in JSON, and nobody has too many at once.
struct APIResource: WebResource {
    let audience = WebAudience.viewers
    let timeline: FeedTimeline
    let gate: ClientGate
    /// Of the parameters.
    let names: Set<String>
    let body: @Sendable (APICall) async throws -> WebAnswer

    func answer(_ request: WebRequest) async -> WebAnswer {
        guard gate.enter(request.client) else { return APIError.busy("too many requests at once").answer }
        defer { gate.leave(request.client) }
        do {
            let parameters = try APIParameters(request.uri.query, names: names)
            return try await body(APICall(timeline: timeline, request: request, parameters: parameters))
        } catch {
            return Self.refusal(error).answer
        }
    }

    static func refusal(_ error: any Error) -> APIError {
        switch error {
        case let error as APIError: error
        case TimelineError.range(let text): .range(text)
        case TimelineError.parameter(let text): .parameter(text)
        case TimelineUnavailable.starting(let progress): .starting(progress: progress)
        case let refusal as Refusal: APIError(.serviceUnavailable, "stopping", refusal.text)
        case TimelineUnavailable.stopping: APIError(.serviceUnavailable, "stopping", "the coordinator ends")
        default: APIError(.serviceUnavailable, "stopping", "a thread does not answer")
        }
    }
}

/// How many of something a client has at once.
final class ClientGate: Sendable {
    private struct State {
        var all = 0
        var counts: [String: Int] = [:]
    }

    private let allMax: Int
    private let eachMax: Int
    private let state = Mutex(State())

    init(all: Int = .max, each: Int) {
        allMax = all
        eachMax = each
    }

    /// - Returns: false when there are enough; else it has to leave.
    func enter(_ client: String) -> Bool {
        state.withLock { state in
            guard state.all < allMax, state.counts[client, default: 0] < eachMax else { return false }
            state.all += 1
            state.counts[client, default: 0] += 1
            return true
        }
    }

    /// - Returns: what leaves when it is let go of; nil when there are enough.
    func stay(_ client: String) -> Stay? {
        enter(client) ? Stay(self, client) : nil
    }

    /// Of one who has entered.
    final class Stay: Sendable {
        private let gate: ClientGate
        private let client: String

        fileprivate init(_ gate: ClientGate, _ client: String) {
            self.gate = gate
            self.client = client
        }

        deinit { gate.leave(client) }
    }

    func leave(_ client: String) {
        state.withLock { state in
            state.all -= 1
            let left = state.counts[client, default: 1] - 1
            state.counts[client] = left > 0 ? left : nil
        }
    }
}
