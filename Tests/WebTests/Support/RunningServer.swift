import ConfigurationFile
import Feed
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization
import TLS

@testable import Runtime
@testable import Web

/// A web server on loopback with resources that a test knows.
struct RunningServer {
    let port: Int
    let access: HTTPAccess
    let stop: @Sendable () async -> Void
    let ended: @Sendable () async throws -> Void

    /// Runs one for as long as `body` runs.
    static func with(
        _ http: Configuration.HTTP = Configuration.HTTP(listen: NetworkEndpoint(host: "127.0.0.1", port: 0)),
        feed: Configuration.Feed = .unused,
        resources: [String: any WebResource] = ["/part": Text("part"), "/all": Text("all", for: .fullViewers)],
        limits: WebLimits = WebLimits(),
        _ body: (RunningServer) async throws -> Void
    ) async throws {
        let access = HTTPAccess(try HTTPAccess.Grant(http, feed, file: "test.yaml"))
        let listening = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: Int.self)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let server = WebServer(http, access: access, resources: resources, limits: limits, logger: logger) {
            listening.succeed($0)
        }
        let services = ServiceGroup(
            configuration: .init(services: [.init(service: server)], gracefulShutdownSignals: [], logger: logger)
        )
        let running = Task {
            do {
                try await services.run()
            } catch {
                listening.fail(error)
                throw error
            }
        }
        let port = try await listening.futureResult.get()
        try await body(
            RunningServer(
                port: port,
                access: access,
                stop: { await services.triggerGracefulShutdown() },
                ended: { try await running.value }
            )
        )
        await services.triggerGracefulShutdown()
        try await running.value
    }

    /// Asks once, on a connection of its own.
    func ask(
        _ target: String = "/part",
        method: String = "GET",
        host: String? = "localhost",
        headers: [String] = [],
        tls: TLSContext? = nil
    ) async throws -> HTTPClient.Answer {
        let client = try await HTTPClient.connect(port: port, tls: tls)
        let lines = ["\(method) \(target) HTTP/1.1"] + (host.map { ["Host: \($0)"] } ?? []) + headers
        client.say((lines + ["Connection: close", "", ""]).joined(separator: "\r\n"))
        return try await client.untilClosed()
    }

    /// The status that a request of `/part` is answered with; 0 without an answer.
    func status(_ target: String = "/part", host: String? = "localhost", headers: [String] = []) async throws -> Int {
        try await ask(target, host: host, headers: headers).status ?? 0
    }
}

/// A resource that is a text.
struct Text: WebResource {
    let text: String
    let audience: WebAudience

    init(_ text: String, for audience: WebAudience = .viewers) {
        self.text = text
        self.audience = audience
    }

    func answer(_ request: WebRequest) async -> WebAnswer { WebAnswer(.ok, text) }
}

/// A resource that answers when it is told to.
final class Slow: WebResource {
    let audience = WebAudience.viewers
    private let loop = MultiThreadedEventLoopGroup.singleton.any()
    private let asked: EventLoopPromise<Void>
    private let allowed: EventLoopPromise<Void>

    init() {
        asked = loop.makePromise()
        allowed = loop.makePromise()
    }

    func answer(_ request: WebRequest) async -> WebAnswer {
        asked.succeed()
        try? await allowed.futureResult.get()
        return WebAnswer(.ok, "slow")
    }

    func untilAsked() async throws { try await asked.futureResult.get() }
    func allow() { allowed.succeed() }
}

extension Configuration.Feed {
    /// Of a feed that a test does not look at.
    static var unused: Configuration.Feed {
        Configuration.Feed(
            listen: NetworkEndpoint(host: "127.0.0.1", port: 0),
            certificateFile: "",
            keyFile: "",
            clientAuthorityFile: "",
            allow: []
        )
    }
}
