import ConfigurationFile
package import Feed
import Glibc
import Logging
package import NIOCore
import ServiceLifecycle
import SimulatedRelay
import Synchronization
import TLS

/// `tidemark demo`: simulated relays, a coordinator and a subscriber over mutual TLS, in one process.
package final class DemoRun: Service {
    private static let namesOfHosts = [
        "atlantic", "baltic", "caribbean", "drake", "english", "florida", "gibraltar", "hudson",
    ]
    /// Hosts at most.
    package static let hostsMax = namesOfHosts.count

    private let hostCount: Int
    private let seconds: UInt64?
    private let directory: String
    private let group: any EventLoopGroup
    private let printing: PrintingLane<ReceivedFrame>
    private let say: @Sendable (String) -> Void
    private let subscriber = Mutex<TailRun?>(nil)

    /// - Parameters:
    ///   - hostCount: 1 ... `hostsMax`.
    ///   - seconds: when it ends by itself; nil for never.
    ///   - directory: an empty directory for certificates.
    ///   - say: receives lines for standard error.
    package init(
        hostCount: Int,
        seconds: UInt64?,
        directory: String,
        group: any EventLoopGroup,
        printing: PrintingLane<ReceivedFrame>,
        say: @escaping @Sendable (String) -> Void
    ) {
        self.hostCount = hostCount
        self.seconds = seconds
        self.directory = directory
        self.group = group
        self.printing = printing
        self.say = say
    }

    package func run() async throws {
        let relays = try await startRelays()
        let (_, files) = try CertificateAuthority.create(inDirectory: directory)
        say("certificates for both sides: \(files.count) files in \(directory)")
        let ports = AsyncStream<Int>.makeStream()
        let daemon = try FeedDaemon(
            configuration(relays: relays),
            logger: quietLogger(),
            listening: { ports.continuation.yield($0) }
        )
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            let services = ServiceGroup(
                configuration: .init(
                    services: [.init(service: daemon)],
                    gracefulShutdownSignals: [],
                    logger: quietLogger()
                )
            )
            tasks.addTask {
                defer { ports.continuation.finish() }
                try await services.run()
            }
            var iterator = ports.stream.makeAsyncIterator()
            guard let port = await iterator.next() else {
                try await tasks.waitForAll()
                return
            }
            say("the feed is served on tls://localhost:\(port), TLS 1.3 with client certificates")
            let tail = try subscribe(port: port)
            subscriber.withLock { $0 = tail }
            tasks.addTask { [seconds] in
                guard let seconds else { return }
                try? await Task.sleep(for: .seconds(seconds))
                tail.stop()
            }
            try await tail.run()
            await services.triggerGracefulShutdown()
            tasks.cancelAll()
            while (try? await tasks.next()) != nil {}
        }
    }

    private func startRelays() async throws -> [Configuration.Relay] {
        let startNs = NIODeadline.now().uptimeNanoseconds
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let epochNs = UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
        var relays: [Configuration.Relay] = []
        for (index, name) in Self.namesOfHosts.prefix(hostCount).enumerated() {
            let channel = try await SimulatedRelayServer.listen(on: group.next(), startNs: startNs) {
                var host = GeneratedHost(hostname: name, seed: UInt64(index) + 1)
                host.epochOffsetNs = epochNs
                host.eventsPerSecond = 5
                return SimulatedRelay(hosts: [host])
            }
            let port = UInt16(clamping: channel.localAddress?.port ?? 0)
            say("simulated relay \(name) on net://localhost:\(port)")
            relays.append(
                Configuration.Relay(
                    name: name,
                    url: .relay(NetworkEndpoint(host: "127.0.0.1", port: port), session: nil)
                )
            )
        }
        return relays
    }

    private func configuration(relays: [Configuration.Relay]) -> Configuration {
        Configuration(
            relays: relays,
            order: Configuration.Order(),
            feed: Configuration.Feed(
                listen: NetworkEndpoint(host: "127.0.0.1", port: 0),
                certificateFile: "\(directory)/server.pem",
                keyFile: "\(directory)/server.key",
                clientAuthorityFile: "\(directory)/ca.pem",
                allow: [Configuration.AllowRule(identity: Glob("tidemark:client/*"))]
            ),
            log: Configuration.Log(),
            http: nil,
            live: nil,
            forward: []
        )
    }

    private func subscribe(port: Int) throws -> TailRun {
        let identity = try TLSIdentity(
            certificateFile: "\(directory)/client.pem",
            keyFile: "\(directory)/client.key"
        )
        let tls = try TLSContext(client: identity, serverTrust: try TLSTrust(file: "\(directory)/ca.pem"))
        return TailRun(
            address: RelayAddress(host: "localhost", port: port),
            tls: tls,
            start: .earliest,
            reconnects: false,
            group: group,
            printing: printing,
            say: say
        )
    }

    private func quietLogger() -> Logger {
        var logger = Logger(label: "tidemark") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .warning
        return logger
    }
}
