import NIOCore
import NIOPosix

/// Moves the bytes of one relay connection between its socket and the coordinator's lane.
///
/// relayd never sets TCP_NODELAY and answers in small pieces, so with delayed acknowledgements a batch costs 44 ms; the
/// quick-ack option is therefore armed again before each read (it is not sticky). Confined to the lane's event loop.
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
    static func bootstrap(on loop: any EventLoop, connectNsMax: UInt64) -> ClientBootstrap {
        ClientBootstrap(group: loop)
            .connectTimeout(.nanoseconds(Int64(clamping: connectNsMax)))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.socketOption(.so_reuseaddr), value: 1)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 256 << 10))
            .channelOption(.maxMessagesPerRead, value: 4)
    }

    func channelActive(context: ChannelHandlerContext) {
        rearmQuickAcknowledgement(context)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        rearmQuickAcknowledgement(context)
        lane.received(relay: relay, attempt: attempt, buffer)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
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
        // TCP_QUICKACK, which NIO does not name. Failing is harmless: it costs time only.
        let quickAcknowledgement = ChannelOptions.Types.SocketOption(level: .tcp, name: .init(rawValue: 12))
        try? context.channel.syncOptions?.setOption(quickAcknowledgement, value: 1)
    }
}
