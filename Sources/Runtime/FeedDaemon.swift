package import Configuration
package import Coordinator
import Feed
import FeedLog
package import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization

/// `tidemark serve`: a coordinator, its log, and its subscribers' listener.
package final class FeedDaemon: Service {
    private let configuration: Configuration
    private let file: String
    private let access: FeedAccess
    private let limits: SubscriberLimits
    private let logger: Logger
    private let listening: @Sendable (Int) -> Void
    private let hub = Mutex<FeedHub?>(nil)

    /// - Parameters:
    ///   - file: the configuration file's name, for messages.
    ///   - listening: told the port of the feed once subscribers may connect.
    /// - Throws: `CredentialsError` when a certificate or key is unusable.
    package init(
        _ configuration: Configuration,
        file: String = "",
        limits: SubscriberLimits = SubscriberLimits(),
        logger: Logger,
        listening: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws(CredentialsError) {
        self.configuration = configuration
        self.file = file
        self.limits = limits.with(configuration.feed.limits)
        self.logger = logger
        self.listening = listening
        access = FeedAccess(try FeedAccess.Grant(configuration.feed, file: file))
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

    /// Takes over what a changed configuration says of certificates and `allow` rules: subscribers whose view changes
    /// have to subscribe again. All else is for the next start, which is logged. May be called from any thread.
    /// - Throws: when a certificate or key is unusable; nothing has changed then.
    package func reload(_ new: Configuration) throws(CredentialsError) {
        access.replace(try FeedAccess.Grant(new.feed, file: file))
        hub.withLock { $0 }?.accessHasChanged()
        logger.info("certificates and allow rules are reloaded", metadata: ["file": "\(file)"])
        var rest = new
        rest.feed = configuration.feed
        rest.feed.listen = new.feed.listen
        guard rest != configuration else { return }
        logger.warning(
            "other changes of the configuration take effect at the next start",
            metadata: ["file": "\(file)"]
        )
    }

    private func serve(coordinatorLoop: any EventLoop, feedLoop: any EventLoop) async throws {
        let (hub, recovered) = try openHub(on: feedLoop)
        let listener = try await FeedListener.listen(on: configuration.feed.listen, hub: hub, access: access)
        self.hub.withLock { $0 = hub }
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
            restored: recovered.map { RestoredFeed($0) },
            consumer: hub,
            notes: { [logger] in logger.log($0) }
        )
        hub.gate.connect { lane.setOutputIsHeld($0) }
        try await withGracefulShutdownHandler {
            lane.start()
            _ = try await lane.finished.get()
        } onGracefulShutdown: { [logger] in
            logger.info("stopping")
            lane.stop(reason: "the coordinator stops")
        }
        try? await listener.close()
        try await hub.drain().get()
        await hub.close()
        logger.info("stopped")
    }

    /// The hub with its log, and where the feed goes on: nil where it begins.
    /// - Throws: `LogDirectoryError`, `LogError`.
    private func openHub(on loop: any EventLoop) throws -> (FeedHub, recovered: FeedState?) {
        guard configuration.log.directory != nil else {
            let bytes = Int(clamping: configuration.log.retainBytes)
            let hub = FeedHub(loop: loop, feed: .random(), retainedBytes: bytes, limits: limits, logger: logger)
            return (hub, nil)
        }
        let stored = try StoredFeed.open(configuration.log, logger: logger)
        let recovered = stored.isNew ? nil : stored.log.state
        return (FeedHub(loop: loop, stored: stored, limits: limits, logger: logger), recovered)
    }
}

extension SubscriberLimits {
    /// What the configuration file allows each identity.
    fileprivate func with(_ limits: Configuration.Limits) -> SubscriberLimits {
        var changed = self
        changed.subscribersPerIdentity = limits.connections
        changed.bytesPerSecondPerIdentity = limits.bytesPerSecond
        changed.outgoingBytes = min(outgoingBytes, max(16 << 10, limits.bufferBytes / limits.connections))
        return changed
    }
}

extension FeedIdentity {
    /// A new feed.
    static func random() -> FeedIdentity {
        FeedIdentity(id: FeedID(high: .random(in: 1 ... .max), low: .random(in: 0 ... .max)))
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
                correctionNs: relay.clockOffsetNs,
                correctsClocks: relay.clock == .measured
            )
        }
        let stallAfterNs: UInt64? =
            switch configuration.order.stallAfter {
            case .never: nil
            case .afterNs(let limit): UInt64(clamping: limit)
            }
        self.init(
            relays: relays,
            stallAfterNs: stallAfterNs,
            lifetime: .service,
            messages: configuration.order.messages.map {
                MessageRule(send: $0.send, receive: $0.receive, field: $0.by)
            },
            seed: seed
        )
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
        // Names in it come from peers.
        log(level: level, "\(printable(note.text))", metadata: ["relay": "\(note.relay)"])
    }
}
