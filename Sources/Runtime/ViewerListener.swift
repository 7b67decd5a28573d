import ConfigurationFile
import Feed
import Logging
import NIOCore
import NIOPosix
import ReExport

/// Serves the feed to LTTng live viewers, each from its own cursor in the log.
///
/// The protocol has neither encryption nor names: whoever can connect sees the whole feed. Confined to an event loop of
/// the viewers' own, which `@unchecked Sendable` stands for: nothing on the feed's loop waits for what is decoded for
/// them.
final class ViewerListener: @unchecked Sendable {
    let hub: FeedHub
    let loop: any EventLoop
    let limits: ViewerLimits
    let logger: Logger
    private var channel: (any Channel)?
    private var viewers: [ObjectIdentifier: ViewerChannel] = [:]
    /// Connections that there have been.
    private var connectionCount: UInt64 = 0
    private var refusedCount: UInt64 = 0
    private var refusalSaidAt: NIODeadline?
    /// What viewers that have left were given.
    private var leftTotals = ReExport.Totals()
    private var leftSentBytes: UInt64 = 0

    private init(hub: FeedHub, loop: any EventLoop, limits: ViewerLimits, logger: Logger) {
        self.hub = hub
        self.loop = loop
        self.limits = limits
        self.logger = logger
    }

    /// - Parameters:
    ///   - key: of the configuration, or the option, that names the address, for messages.
    ///   - loop: where viewers are answered; should be another than the feed's.
    /// - Throws: `ListenError`.
    static func listen(
        on endpoint: NetworkEndpoint,
        key: String,
        hub: FeedHub,
        loop: any EventLoop,
        limits: ViewerLimits = ViewerLimits(),
        logger: Logger
    ) async throws -> ViewerListener {
        let listener = ViewerListener(hub: hub, loop: loop, limits: limits, logger: logger)
        let bootstrap = ServerBootstrap(group: loop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            // No more is received than is answered: so much, when all before it is.
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(
                .recvAllocator,
                value: FixedSizeRecvByteBufferAllocator(capacity: limits.incomingBytes)
            )
            .childChannelOption(
                .writeBufferWaterMark,
                value: ChannelOptions.Types.WriteBufferWaterMark(
                    low: limits.outgoingBytes / 4,
                    high: limits.outgoingBytes
                )
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ViewerChannel(listener))
                }
            }
        do {
            let channel = try await bootstrap.bind(host: endpoint.host, port: Int(endpoint.port)).get()
            try await loop.submit { listener.channel = channel }.get()
            try await hub.loop.submit { hub.viewers = listener }.get()
            return listener
        } catch {
            throw ListenError(endpoint, key: key, error)
        }
    }

    /// Where it listens. May be called from any thread.
    func port() async throws -> Int {
        try await loop.submit { self.channel?.localAddress?.port ?? 0 }.get()
    }

    // MARK: Viewers

    /// Where there are as many as may be, the oldest that has nothing attached gives way: who looks on is let alone,
    /// and who holds connections open does not keep others out.
    /// - Returns: the connection's number; nil where all have.
    func add(_ viewer: ViewerChannel) -> UInt64? {
        if viewers.count >= limits.viewers {
            guard let idle = viewers.values.filter({ !$0.looksOn }).min(by: { $0.number ?? 0 < $1.number ?? 0 }) else {
                countRefusal()
                return nil
            }
            remove(idle)
            idle.giveWay("it has nothing attached, and there are \(limits.viewers) viewers")
        }
        viewers[ObjectIdentifier(viewer)] = viewer
        connectionCount += 1
        return connectionCount
    }

    func remove(_ viewer: ViewerChannel) {
        guard viewers.removeValue(forKey: ObjectIdentifier(viewer)) != nil else { return }
        leftTotals.add(viewer.totals)
        leftSentBytes += viewer.sentBytes
    }

    /// Says at most once a second that there is one too many.
    private func countRefusal() {
        refusedCount += 1
        let now = NIODeadline.now()
        if let said = refusalSaidAt, now - said < .seconds(1) { return }
        refusalSaidAt = now
        logger.warning(
            "viewer refused: too many",
            metadata: ["viewers": "\(limits.viewers)", "refused": "\(refusedCount)"]
        )
    }

    /// How the viewers stand. May be called from any thread.
    func snapshot() -> EventLoopFuture<ViewersSnapshot> {
        loop.submit {
            var totals = self.leftTotals
            for viewer in self.viewers.values { totals.add(viewer.totals) }
            return ViewersSnapshot(
                connections: self.connectionCount,
                refused: self.refusedCount,
                sentBytes: self.viewers.values.reduce(self.leftSentBytes) { $0 + $1.sentBytes },
                totals: totals,
                viewers: self.viewers.values.map(\.snapshot)
            )
        }
    }

    /// No further viewer is let in; those that are there take what is left, or are cut off. Called once, when the feed
    /// has ended.
    func close() async {
        let closing = loop.flatSubmit { () -> EventLoopFuture<Void> in
            self.channel?.close(promise: nil)
            for viewer in self.viewers.values { viewer.endAtLogEnd() }
            let end = self.loop.scheduleTask(in: self.limits.drain) {
                for viewer in self.viewers.values { viewer.giveWay("the feed has ended") }
            }
            let all = EventLoopFuture.andAllComplete(self.viewers.values.map(\.closed), on: self.loop)
            all.whenComplete { _ in end.cancel() }
            return all
        }
        try? await closing.get()
    }
}

extension ReExport.Totals {
    mutating func add(_ other: ReExport.Totals) {
        packets += other.packets
        withheldPackets += other.withheldPackets
        withheldEvents += other.withheldEvents
        givenUpPackets += other.givenUpPackets
    }
}
