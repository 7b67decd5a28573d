package import Configuration
package import Coordinator
import Feed
package import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import TLS

/// `tidemark serve`: a coordinator, its log, and its subscribers' listener.
package struct FeedDaemon: Service {
    /// How long subscribers may take to get what is left when the daemon stops.
    private static let drainLimit = TimeAmount.seconds(5)
    private static let backlog: Int32 = 256

    private let configuration: Configuration
    private let tls: TLSContext
    private let logger: Logger
    private let listening: @Sendable (Int) -> Void

    /// - Parameter listening: told the port of the feed once subscribers may connect.
    /// - Throws: `TLSError` when a certificate or key is unusable.
    package init(
        _ configuration: Configuration,
        logger: Logger,
        listening: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws {
        self.configuration = configuration
        self.logger = logger
        self.listening = listening
        let feed = configuration.feed
        let identity = try TLSIdentity(certificateFile: feed.certificateFile, keyFile: feed.keyFile)
        try identity.checkValidity()
        tls = try TLSContext(server: identity, clientTrust: try TLSTrust(file: feed.clientAuthorityFile))
    }

    package func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        do {
            try await serve(coordinatorLoop: group.next(), feedLoop: group.next())
            try await group.shutdownGracefully()
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    private func serve(coordinatorLoop: any EventLoop, feedLoop: any EventLoop) async throws {
        let hub = FeedHub(
            loop: feedLoop,
            feed: .random(),
            retainedBytes: Int(clamping: configuration.log.retainBytes),
            logger: logger
        )
        let listener = try await listen(on: feedLoop, hub: hub)
        logger.info(
            "feed is served",
            metadata: ["listen": "\(configuration.feed.listen)", "feed": "\(hub.feed.id)"]
        )
        listening(listener.localAddress?.port ?? 0)
        if configuration.feed.allow.isEmpty {
            logger.warning("feed.allow is empty: no subscriber may see anything")
        }
        let lane = CoordinatorLane(
            loop: coordinatorLoop,
            configuration: CoordinatorConfiguration(configuration, seed: hub.feed.id.low),
            addresses: configuration.relays.map {
                RelayAddress(host: $0.url.endpoint.host, port: Int($0.url.endpoint.port))
            },
            consumer: hub,
            notes: { [logger] in logger.log($0) }
        )
        try await withGracefulShutdownHandler {
            lane.start()
            _ = try await lane.finished.get()
        } onGracefulShutdown: {
            logger.info("stopping")
            lane.stop(reason: "the coordinator stops")
        }
        try? await listener.close()
        try await hub.drain(within: Self.drainLimit).get()
        logger.info("stopped")
    }

    private func listen(on loop: any EventLoop, hub: FeedHub) async throws -> any Channel {
        let endpoint = configuration.feed.listen
        let rules = configuration.feed.allow.map { AllowRule($0) }
        do {
            return try await ServerBootstrap(group: loop)
                .serverChannelOption(.backlog, value: Self.backlog)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelOption(.socketOption(.so_keepalive), value: 1)
                .childChannelOption(
                    .writeBufferWaterMark,
                    value: ChannelOptions.Types.WriteBufferWaterMark(
                        low: SubscriberChannel.Limits.outgoingBytesMax / 4,
                        high: SubscriberChannel.Limits.outgoingBytesMax
                    )
                )
                .childChannelInitializer { [tls] channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(
                            SubscriberChannel(hub: hub, tls: tls, rules: { rules })
                        )
                    }
                }
                .bind(host: endpoint.host, port: Int(endpoint.port)).get()
        } catch {
            throw ListenError(endpoint: "\(endpoint)", reason: describe(error))
        }
    }
}

/// The feed's address cannot be listened on.
package struct ListenError: Error, CustomStringConvertible {
    package let endpoint: String
    package let reason: String
    package var description: String { "cannot listen on \(endpoint): \(reason)" }
}

extension FeedIdentity {
    /// A new feed.
    static func random() -> FeedIdentity {
        FeedIdentity(id: FeedID(high: .random(in: 1 ... .max), low: .random(in: 0 ... .max)))
    }
}

extension AllowRule {
    init(_ rule: Configuration.AllowRule) {
        self.init(
            identity: rule.identity.pattern,
            relays: rule.relays.map(\.pattern),
            hosts: rule.hosts.map(\.pattern),
            sessions: rule.sessions.map(\.pattern)
        )
    }
}

extension CoordinatorConfiguration {
    /// What the configuration file asks of the coordinator.
    init(_ configuration: Configuration, seed: UInt64) {
        let relays = configuration.relays.map { relay in
            RelaySource(
                name: relay.name,
                sessions: SessionPattern.all(of: relay),
                start: relay.from == .now ? .now : .beginning,
                correctionNs: relay.clockOffsetNs
            )
        }
        let stallAfterNs: UInt64? =
            switch configuration.order.stallAfter {
            case .never: nil
            case .afterNs(let limit): UInt64(clamping: limit)
            }
        self.init(relays: relays, stallAfterNs: stallAfterNs, lifetime: .service, seed: seed)
    }
}

extension SessionPattern {
    /// The session of the URL, or the configured globs.
    static func all(of relay: Configuration.Relay) -> [SessionPattern] {
        if case .relay(_, let session?) = relay.url {
            return [.exactly(host: session.hostname, session: session.session)]
        }
        return relay.sessions.map { .glob($0.pattern) }
    }
}

extension Logger {
    /// A coordinator's note as a log line.
    package func log(_ note: CoordinatorNote) {
        let level: Logger.Level =
            switch note.level {
            case .debug: .debug
            case .info: .info
            case .warning: .warning
            case .error: .error
            }
        log(level: level, "\(note.text)", metadata: ["relay": "\(note.relay)"])
    }
}
