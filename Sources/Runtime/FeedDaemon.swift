package import ConfigurationFile
package import Coordinator
import Feed
import FeedLog
package import Logging
import NIOCore
import NIOPosix
import ReExport
import ServiceLifecycle

/// `tidemark serve`: a coordinator, its log, and its subscribers' listener.
package final class FeedDaemon: Service {
    private let configuration: Configuration
    private let limits: SubscriberLimits
    private let logger: Logger
    private let listening: @Sendable (Int) -> Void
    private let settings: LiveSettings
    private let notifier: ServiceNotifier?
    private let monitor: DaemonMonitor?
    private let timeline: FeedTimeline?
    private let forwarding: (any FeedForwarding)?

    /// - Parameters:
    ///   - file: the configuration file's name, for messages.
    ///   - monitor: told when there is something to ask, and when no longer.
    ///   - timeline: kept of the feed while it is served.
    ///   - notifier: the service manager that is told how the daemon is doing.
    ///   - forwarding: sends the feed on to collectors.
    ///   - listening: told the port of the feed once subscribers may connect.
    /// - Throws: `CredentialsError` when a certificate, a key or a forwarder's filter is unusable.
    package init(
        _ configuration: Configuration,
        file: String = "",
        limits: SubscriberLimits = SubscriberLimits(),
        logger: Logger,
        notifier: ServiceNotifier? = nil,
        monitor: DaemonMonitor? = nil,
        timeline: FeedTimeline? = nil,
        forwarding: (any FeedForwarding)? = nil,
        listening: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws(CredentialsError) {
        self.configuration = configuration
        self.limits = limits.with(configuration.feed.limits)
        self.logger = logger
        self.listening = listening
        self.notifier = notifier
        self.monitor = monitor
        self.timeline = timeline
        self.forwarding = forwarding
        settings = try LiveSettings(configuration, file: file, forwarding: forwarding, logger: logger)
    }

    /// Who may ask by HTTP, kept up to date while the daemon runs; nil where the configuration has no HTTP.
    package var http: HTTPAccess? { settings.http }

    package func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.live == nil ? 2 : 3)
        do {
            try await serve(coordinatorLoop: group.next(), feedLoop: group.next(), viewerLoop: group.next())
            try await group.shutdownGracefully()
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    /// Takes over what a changed configuration says, as far as a running feed can; what it cannot is for the next
    /// start, and is named in the log. May be called from any thread.
    /// - Throws: when a certificate or key is unusable; nothing has changed then.
    package func reload(_ new: Configuration) throws(CredentialsError) {
        try settings.reload(new)
    }

    /// - Parameter viewerLoop: used only where the configuration has LTTng live viewers.
    private func serve(
        coordinatorLoop: any EventLoop,
        feedLoop: any EventLoop,
        viewerLoop: any EventLoop
    ) async throws {
        let (hub, recovered) = try openHub(on: feedLoop)
        let listener = try await FeedListener.listen(on: configuration.feed.listen, hub: hub, access: settings.access)
        logger.info(
            "feed is served",
            metadata: ["listen": "\(configuration.feed.listen)", "feed": "\(hub.feed.id)"]
        )
        let viewers = try await serveViewers(hub, on: viewerLoop)
        listening(listener.localAddress?.port ?? 0)
        if configuration.feed.allow.isEmpty {
            logger.warning("feed.allow is empty: no subscriber may see anything")
        }
        let lane = CoordinatorLane(
            loop: coordinatorLoop,
            configuration: CoordinatorConfiguration(configuration, feed: hub.feed.id),
            addresses: configuration.relays.map { SourceAddress($0) },
            restored: recovered.map { RestoredFeed($0) },
            consumer: hub,
            notes: { [logger, timeline] note in
                logger.log(note)
                timeline?.note(note)
            }
        )
        hub.gate.connect { lane.setOutputIsHeld($0) }
        lane.start()
        timeline?.serves(coordinator: lane, hub: hub, logger: logger)
        monitor?.serves(DaemonMonitor.Served(lane: lane, hub: hub, settings: settings, forwarding: forwarding))
        forwarding?.begin(configuration.forward, FeedSource(hub: hub))
        // Its threads end with this function.
        defer { monitor?.stops() }
        var repeated = settings.begin(configuration, hub: hub, lane: lane, on: feedLoop)
        if let notifier { repeated += notifier.watch(coordinatorLoop, feedLoop) }
        defer { repeated.forEach { $0.cancel() } }
        notifier?.ready(status: "the feed is served on \(configuration.feed.listen)")
        try await withGracefulShutdownHandler {
            _ = try await lane.finished.get()
        } onGracefulShutdown: { [logger, notifier, monitor] in
            logger.info("stopping")
            notifier?.stopping()
            monitor?.stops()
            lane.stop(reason: "the coordinator stops")
        }
        try? await listener.close()
        // Collectors, viewers and subscribers have the same time.
        try await hub.endFollowers().get()
        async let forwarded: Void? = forwarding?.finish()
        async let viewersAreGone: Void? = viewers?.close()
        try await hub.drain().get()
        _ = await (forwarded, viewersAreGone)
        await timeline?.stops()
        await hub.close()
        logger.info("stopped")
    }

    /// - Returns: nil where the configuration has no viewers.
    private func serveViewers(_ hub: FeedHub, on loop: any EventLoop) async throws -> ViewerListener? {
        guard let live = configuration.live else { return nil }
        let viewers = try await ViewerListener.listen(
            on: live.listen,
            key: "live.listen",
            hub: hub,
            loop: loop,
            limits: ViewerLimits(live),
            logger: logger
        )
        let port = try await viewers.port()
        logger.info(
            "the feed is shown to LTTng live viewers",
            metadata: ["listen": "\(live.listen)", "port": "\(port)"]
        )
        return viewers
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
    func with(_ limits: Configuration.Limits) -> SubscriberLimits {
        var changed = self
        changed.subscribersPerIdentity = limits.connections
        changed.bytesPerSecondPerIdentity = limits.bytesPerSecond
        changed.outgoingBytes = min(outgoingBytes, max(16 << 10, limits.bufferBytes / limits.connections))
        return changed
    }
}

extension ViewerLimits {
    /// What the configuration file allows.
    init(_ live: Configuration.Live) {
        self.init()
        viewers = live.viewers
        export = ReExportLimits(memoryBytes: live.memoryBytes)
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
    /// - Parameter feed: the feed's number, which also seeds what is random.
    init(_ configuration: Configuration, feed: FeedID) {
        self.init(
            relays: configuration.relays.map { RelaySource($0) },
            stallAfterNs: configuration.order.stallAfter.limitNs,
            lifetime: .service,
            messages: configuration.order.messages.map {
                MessageRule(send: $0.send, receive: $0.receive, field: $0.by)
            },
            seed: feed.low,
            feed: feed
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

extension ServiceNotifier {
    /// Says that the daemon is alive for as long as both the loop of the merge and that of the log do their work.
    func watch(_ coordinatorLoop: any EventLoop, _ feedLoop: any EventLoop) -> [RepeatedTask] {
        guard let watchdogNs else { return [] }
        // Twice as often as asked for, and once more in time for a loop that is slow.
        let interval = TimeAmount.nanoseconds(Int64(clamping: watchdogNs / 3))
        let task = coordinatorLoop.scheduleRepeatedTask(initialDelay: .zero, delay: interval) { _ in
            feedLoop.execute { self.alive() }
        }
        return [task]
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
