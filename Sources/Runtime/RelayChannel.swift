import Glibc
import NIOCore
import NIOPosix

/// Moves the bytes of one relay connection between its socket and the coordinator's lane.
///
/// relayd never sets TCP_NODELAY and answers in small pieces, so with delayed acknowledgements a batch costs 44 ms; the
/// quick-ack option, which is not sticky, is therefore armed again, and what is read acknowledged, as long as more of a
/// batch is to come. Confined to the lane's event loop.
final class RelayChannel: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let relay: Int
    private let lane: CoordinatorLane
    /// Which connection of the relay this is, so that the events of one that was given up are told apart.
    private let attempt: UInt64

    init(relay: Int, attempt: UInt64, lane: CoordinatorLane) {
        self.relay = relay
        self.attempt = attempt
        self.lane = lane
    }

    /// How a relay's socket is opened.
    ///
    /// A relay that is cut off is noticed by its silence (`LiveLimits`); the kernel's own times are for connections
    /// that wait for nothing. The send buffer holds all requests that may be on their way, so that none is ever written
    /// in part: a relayd would wait for the rest, and serve nobody else meanwhile. The receive buffer grows with what
    /// comes: most connections only ever receive beacons.
    static func bootstrap(on loop: any EventLoop, connectNsMax: UInt64) -> ClientBootstrap {
        ClientBootstrap(group: loop)
            .connectTimeout(.nanoseconds(Int64(clamping: connectNsMax)))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_reuseaddr), value: 1)
            .channelOption(.socketOption(.so_sndbuf), value: 208 << 10)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(LinuxTCPOption.keepAliveIdleS, value: 5)
            .channelOption(LinuxTCPOption.keepAliveIntervalS, value: 2)
            .channelOption(LinuxTCPOption.keepAliveCount, value: 3)
            .channelOption(LinuxTCPOption.userTimeoutMs, value: 10_000)
            .channelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 1 << 10, initial: 2 << 10, maximum: 256 << 10)
            )
            .channelOption(.maxMessagesPerRead, value: 4)
    }

    /// Connects from the first of `ports` that is free, or from any.
    static func connect(
        to address: RelayAddress,
        ports: ArraySlice<Int>,
        on loop: any EventLoop,
        connectNsMax: UInt64,
        handler: @escaping @Sendable () -> RelayChannel
    ) -> EventLoopFuture<any Channel> {
        let port = ports.first
        return bootstrap(on: loop, connectNsMax: connectNsMax)
            .channelInitializer { channel in
                bind(channel, to: port).flatMapThrowing {
                    try channel.pipeline.syncOperations.addHandler(handler())
                }
            }
            .connect(host: address.host, port: address.port)
            .flatMapError { error in
                guard port != nil, isPortTaken(error) else { return loop.makeFailedFuture(error) }
                return connect(
                    to: address,
                    ports: ports.dropFirst(),
                    on: loop,
                    connectNsMax: connectNsMax,
                    handler: handler
                )
            }
    }

    /// Binds a socket, of whichever family it is, to a local port.
    private static func bind(_ channel: any Channel, to port: Int?) -> EventLoopFuture<Void> {
        guard let port, let options = channel as? any SocketOptionProvider else {
            return channel.eventLoop.makeSucceededVoidFuture()
        }
        let family: EventLoopFuture<CInt> = options.unsafeGetSocketOption(
            level: .socket,
            name: .init(rawValue: SO_DOMAIN)
        )
        return family.flatMapThrowing { family in
            try SocketAddress(ipAddress: family == AF_INET6 ? "::" : "0.0.0.0", port: port)
        }.flatMap { channel.bind(to: $0) }
    }

    /// Whether an attempt failed because a connection with these addresses and ports is there already.
    private static func isPortTaken(_ error: any Error) -> Bool {
        switch error {
        case let error as IOError: error.errnoCode == EADDRINUSE || error.errnoCode == EADDRNOTAVAIL
        case let error as NIOConnectionError: error.connectionErrors.contains { isPortTaken($0.error) }
        default: false
        }
    }

    /// Lets the kernel forget the connection at once when it is closed: one that is cut off would keep its port until
    /// the relay has answered.
    static func forgetOnClose(_ channel: any Channel) {
        guard let options = channel as? any SocketOptionProvider else { return }
        // Failing is harmless: the next attempt takes the next port.
        options.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in }
    }

    func channelActive(context: ChannelHandlerContext) {
        rearmQuickAcknowledgement(context)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        lane.received(relay: relay, attempt: attempt, unwrapInboundIn(data))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Before the next requests are sent: they bring the acknowledgement along if all replies are here.
        if lane.awaitsReply(relay: relay, attempt: attempt) { rearmQuickAcknowledgement(context) }
        lane.readCompleted(relay: relay, attempt: attempt)
    }

    func channelInactive(context: ChannelHandlerContext) {
        lane.disconnected(relay: relay, attempt: attempt, reason: "the relay closed the connection")
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        lane.disconnected(relay: relay, attempt: attempt, reason: describe(error))
        context.close(promise: nil)
    }

    private func rearmQuickAcknowledgement(_ context: ChannelHandlerContext) {
        // Failing is harmless: it costs time only.
        try? context.channel.syncOptions?.setOption(LinuxTCPOption.quickAcknowledgement, value: 1)
    }
}

/// Linux's options of TCP sockets that NIO does not name.
enum LinuxTCPOption {
    typealias Option = ChannelOptions.Types.SocketOption

    static let keepAliveIdleS = Option(level: .tcp, name: .init(rawValue: TCP_KEEPIDLE))
    static let keepAliveIntervalS = Option(level: .tcp, name: .init(rawValue: TCP_KEEPINTVL))
    static let keepAliveCount = Option(level: .tcp, name: .init(rawValue: TCP_KEEPCNT))
    static let quickAcknowledgement = Option(level: .tcp, name: .init(rawValue: TCP_QUICKACK))
    /// Milliseconds for which sent bytes may stay without acknowledgement.
    static let userTimeoutMs = Option(level: .tcp, name: .init(rawValue: TCP_USER_TIMEOUT))
}
