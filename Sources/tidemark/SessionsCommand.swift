import ArgumentParser
import ConfigurationFile
import LTTngLive
import NIOCore
import NIOPosix
import Rendering
import Runtime

/// `tidemark sessions`: lists what relays offer.
struct SessionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sessions",
        abstract: "List the sessions that relays offer."
    )

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text
        case json
    }

    @Argument(help: "net://HOST[:PORT], several for several relays.")
    var urls: [String]

    @Option(help: "text or json (one object a line).")
    var format: Format = .text

    func validate() throws {
        guard !urls.isEmpty else { throw ValidationError("no URL given: net://HOST[:PORT] is expected") }
        for url in urls { _ = try endpoint(url) }
    }

    func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let output = StandardOutput()
        var isComplete = true
        for url in urls {
            let endpoint = try endpoint(url)
            do {
                let sessions = try await SessionQuery.run(
                    address: RelayAddress(host: endpoint.host, port: Int(endpoint.port)),
                    group: group
                )
                let sorted = sessions.sorted {
                    ($0.hostname, $0.name, $0.id.rawValue) < ($1.hostname, $1.name, $1.id.rawValue)
                }
                try output.write(
                    format == .json ? json(sorted, endpoint) : text(sorted, endpoint),
                    command: "sessions"
                )
            } catch let error as SessionQueryError {
                standardError.write(line: "tidemark sessions: net://\(endpoint): \(error)")
                isComplete = false
            }
        }
        try await group.shutdownGracefully()
        guard isComplete else { throw ExitStatus.unavailable }
    }

    private func endpoint(_ url: String) throws -> NetworkEndpoint {
        guard case .relay(let endpoint, _) = try sourceURL(url) else {
            throw ValidationError("\(url): only relays (net://) have sessions")
        }
        return endpoint
    }

    private func text(_ sessions: [ListedSession], _ endpoint: NetworkEndpoint) -> String {
        let count = sessions.count == 1 ? "1 session" : sessions.isEmpty ? "no sessions" : "\(sessions.count) sessions"
        var text = "net://\(endpoint): \(count)\n"
        for session in sessions {
            let timer = session.liveTimerUs == 0 ? "not live" : "live timer \(session.liveTimerUs) us"
            let streams = "\(session.streamCount) stream\(session.streamCount == 1 ? "" : "s")"
            let viewers = session.clientCount == 0 ? "no viewer" : "held by a viewer"
            text += "  \(session.hostname)/\(session.name)  \(timer), \(streams), \(viewers)"
            if session.format == .ctf2 { text += ", CTF 2" }
            text += "\n"
        }
        return text
    }

    private func json(_ sessions: [ListedSession], _ endpoint: NetworkEndpoint) -> String {
        sessions.map { session in
            """
            {"url":\(jsonString("net://\(endpoint)")),"host":\(jsonString(session.hostname)),\
            "session":\(jsonString(session.name)),"id":\(session.id.rawValue),"live_timer_us":\(session.liveTimerUs),\
            "streams":\(session.streamCount),"clients":\(session.clientCount),\
            "format":"\(session.format == .ctf2 ? "ctf-2" : "ctf-1.8")"}

            """
        }.joined()
    }
}

/// A URL among the arguments; what is wrong with it is a usage error.
func sourceURL(_ text: String) throws -> SourceURL {
    do throws(ValueError) {
        return try SourceURL(text)
    } catch {
        throw ValidationError("\(text): \(error)")
    }
}
