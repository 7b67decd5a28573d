import ConfigurationFile
import Feed
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import SimulatedRelay

@testable import Runtime

/// A whole coordinator on simulated relays, all in this process.
struct RunningDaemon {
    let identities: TestIdentities
    let daemon: FeedDaemon
    let configuration: Configuration
    let port: Int
    let log: Recorder<[String]>

    /// Runs one with a relay for each host for as long as `body` runs, then stops it in order.
    /// - Parameter liveMemoryBytes: for each LTTng live viewer; nil leaves that to the default.
    static func with(
        hosts: [GeneratedHost],
        log storedLog: Configuration.Log = Configuration.Log(),
        showsLive: Bool = false,
        liveMemoryBytes: Int? = nil,
        _ body: (RunningDaemon) async throws -> Void
    ) async throws {
        let identities = try TestIdentities()
        var relays: [any Channel] = []
        for host in hosts {
            relays.append(
                try await SimulatedRelayServer.listen(
                    on: MultiThreadedEventLoopGroup.singleton.next(),
                    startNs: NIODeadline.now().uptimeNanoseconds - 2_000_000_000
                ) { SimulatedRelay(hosts: [host]) }
            )
        }
        var live: Configuration.Live?
        if showsLive || liveMemoryBytes != nil {
            live = .init(listen: NetworkEndpoint(host: "127.0.0.1", port: 0))
            if let liveMemoryBytes { live?.memoryBytes = liveMemoryBytes }
        }
        let configuration = Configuration(
            relays: zip(hosts, relays).map { host, channel in
                let port = UInt16(clamping: channel.localAddress?.port ?? 0)
                let endpoint = NetworkEndpoint(host: "127.0.0.1", port: port)
                return Configuration.Relay(name: host.hostname, url: .relay(endpoint, session: nil))
            },
            order: Configuration.Order(),
            feed: identities.feed(allow: ["tidemark:client/*"]),
            log: storedLog,
            http: nil,
            live: live,
            forward: []
        )
        let port = Recorder<Int?>(nil)
        let log = Recorder<[String]>([])
        let logger = Logger(label: "test") { _ in LogBox(log) }
        let daemon = try FeedDaemon(configuration, file: "test.yaml", logger: logger) { bound in
            port.update { $0 = bound }
        }
        let services = ServiceGroup(
            configuration: .init(services: [.init(service: daemon)], gracefulShutdownSignals: [], logger: logger)
        )
        let running = Task { try await services.run() }
        let bound = await port.until { $0 != nil } ?? 0
        try await body(
            RunningDaemon(
                identities: identities,
                daemon: daemon,
                configuration: configuration,
                port: bound,
                log: log
            )
        )
        await services.triggerGracefulShutdown()
        try await running.value
        for relay in relays { try await relay.close() }
    }

    /// Where LTTng live viewers connect to.
    func livePort() async -> Int {
        let line = await log.until { $0.contains { $0.hasPrefix("the feed is shown") } }
            .first { $0.hasPrefix("the feed is shown") }
        return line?.split(separator: "port=").last.flatMap { Int($0) } ?? 0
    }

    func subscribe(from start: SubscriptionStart = .earliest) throws -> TestSubscriber {
        TestSubscriber(
            address: RelayAddress(host: "localhost", port: port),
            tls: try identities.clientContext(),
            start: start
        )
    }
}
