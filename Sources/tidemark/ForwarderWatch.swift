import ConfigurationFile
import Forwarding
import NIOCore
import Rendering
import Runtime
import Synchronization

/// Asks a coordinator's HTTP how its forwarders stand. May be used from any thread.
final class ForwarderWatch: Sendable {
    private struct State {
        var table = ForwarderTable()
        var isAsking = false
        /// Why nothing is known.
        var trouble: String?
    }

    private static let patience = TimeAmount.seconds(2)

    private let endpoint: NetworkEndpoint
    private let loop: any EventLoop
    private let state = Mutex(State())

    init(_ endpoint: NetworkEndpoint, on loop: any EventLoop) {
        self.endpoint = endpoint
        self.loop = loop
    }

    /// Asks once more, unless an answer is on its way.
    func look() {
        let isFirst = state.withLock { state in
            defer { state.isAsking = true }
            return !state.isAsking
        }
        guard isFirst else { return }
        HTTPGet.body(endpoint, path: "/metrics", within: Self.patience, on: loop).whenComplete { result in
            self.state.withLock { state in
                state.isAsking = false
                switch result {
                case .success(let body):
                    state.trouble = nil
                    state.table.take(
                        String(decoding: body, as: UTF8.self),
                        nowNs: NIODeadline.now().uptimeNanoseconds
                    )
                case .failure(let error): state.trouble = "forwarders: \(printable("\(error)"))"
                }
            }
        }
    }

    /// - Returns: the table, or one line that says why there is none.
    func lines(width: Int) -> [String] {
        state.withLock { state in
            state.trouble.map { [String($0.prefix(width))] } ?? state.table.lines(width: width)
        }
    }
}
