import CTF
package import Feed
package import NIOCore
import NIOPosix
package import TLS

/// What a subscriber's connection tells.
package enum FeedClientEvent: Sendable {
    case welcomed(Welcome)
    case frame(ReceivedFrame)
}

/// Why a subscription ended.
package enum FeedClientEnd: Error, Sendable {
    /// No connection, or it was lost: worth another attempt.
    case unreachable(String)
    /// TLS or the coordinator turned us away; another attempt would end the same.
    case refused(String)
    /// The coordinator does not know the feed that the token is of, or cannot do what was asked.
    case cannotServe(String)
    /// The coordinator broke the protocol.
    case broken(String)
    /// We closed it.
    case stopped
}

/// One connection to a coordinator's feed.
package enum FeedClient {
    /// Connects, subscribes, and hands every event to `receive` until the connection ends.
    /// - Parameters:
    ///   - receive: called on the connection's event loop.
    ///   - channel: called once with a handle to stop the connection, or to pause its reading.
    /// - Returns: why it ended.
    package static func run(
        address: RelayAddress,
        tls: TLSContext,
        request: SubscribeRequest,
        group: any EventLoopGroup,
        receive: @escaping @Sendable (FeedClientEvent) -> Void,
        channel handle: @Sendable (FeedConnection) -> Void
    ) async -> FeedClientEnd {
        let loop = group.next()
        let promise = loop.makePromise(of: FeedClientEnd.self)
        do {
            let channel = try await ClientBootstrap(group: loop)
                .connectTimeout(.seconds(5))
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelOption(.socketOption(.so_keepalive), value: 1)
                .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 256 << 10))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(
                            try FeedClientChannel(
                                serverName: address.host,
                                tls: tls,
                                request: request,
                                receive: receive,
                                end: promise
                            )
                        )
                    }
                }
                .connect(host: address.host, port: address.port).get()
            handle(FeedConnection(channel: channel))
        } catch {
            promise.succeed(.unreachable(describe(error)))
        }
        return (try? await promise.futureResult.get()) ?? .stopped
    }
}

/// A handle to an open connection.
package struct FeedConnection: Sendable {
    let channel: any Channel

    /// Whether bytes are read from the socket.
    package func setReading(_ isReading: Bool) {
        channel.setOption(.autoRead, value: isReading).whenComplete { _ in }
    }

    package func stop() {
        channel.close(promise: nil)
    }
}

/// TLS and the subscriber's machine on one channel. Confined to its event loop.
private final class FeedClientChannel: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let serverName: String
    private let tls: TLSContext
    private let receive: @Sendable (FeedClientEvent) -> Void
    private let end: EventLoopPromise<FeedClientEnd>
    private var client: SubscriptionClient
    private var engine: TLSEngine?
    private var isGreeted = false
    private var isEnded = false
    private var plaintext = [UInt8](repeating: 0, count: 256 << 10)

    init(
        serverName: String,
        tls: TLSContext,
        request: SubscribeRequest,
        receive: @escaping @Sendable (FeedClientEvent) -> Void,
        end: EventLoopPromise<FeedClientEnd>
    ) throws(FeedError) {
        self.serverName = serverName
        self.tls = tls
        self.receive = receive
        self.end = end
        client = try SubscriptionClient(request: request)
    }

    func channelActive(context: ChannelHandlerContext) {
        do throws(TLSError) {
            let engine = try TLSEngine(tls, serverName: serverName)
            self.engine = engine
            sendOutput(engine, context)
        } catch {
            finish(.refused("\(error)"), context)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let engine, !isEnded else { return }
        let buffer = unwrapInboundIn(data)
        do throws(TLSError) {
            let outcome: Result<Void, TLSError> = buffer.withUnsafeReadableBytes { bytes in
                Result { () throws(TLSError) in try engine.receive(bytes) }
            }
            try outcome.get()
            try greet(engine)
            try read(engine, context)
        } catch {
            sendOutput(engine, context)
            finish(error.isRefusal ? .refused("\(error)") : .unreachable("\(error)"), context)
            return
        }
        sendOutput(engine, context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish(.unreachable("the coordinator closed the connection"), context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // In TLS 1.3 a refusal may be followed by a reset: the alert has been read by then, since reads come first.
        finish(.unreachable(describe(error)), context)
    }

    private func greet(_ engine: TLSEngine) throws(TLSError) {
        guard !isGreeted, case .established = engine.state else { return }
        isGreeted = true
        _ = try engine.write(client.greeting.bytes)
    }

    private func read(_ engine: TLSEngine, _ context: ChannelHandlerContext) throws(TLSError) {
        while !isEnded {
            let result: Result<TLSEngine.ReadResult, TLSError> = plaintext.withUnsafeMutableBytes { bytes in
                Result { () throws(TLSError) in try engine.read(into: bytes) }
            }
            switch try result.get() {
            case .wantsMore: return
            case .closed:
                finish(.unreachable("the coordinator closed the connection"), context)
                return
            case .bytes(let count): take(count, context)
            }
        }
    }

    private func take(_ count: Int, _ context: ChannelHandlerContext) {
        let outcome: Result<[SubscriptionClient.Event], FeedError> = plaintext.withUnsafeBytes { bytes in
            Result { () throws(FeedError) in
                try client.received(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
            }
        }
        switch outcome {
        case .failure(let error): finish(.broken("\(error)"), context)
        case .success(let events):
            for event in events where !isEnded {
                switch event {
                case .welcomed(let welcome): receive(.welcomed(welcome))
                case .frame(let frame): receive(.frame(frame))
                case .refused(let refusal): finish(FeedClientEnd(refusal), context)
                }
            }
        }
    }

    private func sendOutput(_ engine: TLSEngine, _ context: ChannelHandlerContext) {
        guard engine.outputByteCount > 0 else { return }
        var buffer = context.channel.allocator.buffer(capacity: engine.outputByteCount)
        engine.withOutput { bytes in
            buffer.writeBytes(bytes)
            return bytes.count
        }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    private func finish(_ reason: FeedClientEnd, _ context: ChannelHandlerContext) {
        guard !isEnded else { return }
        isEnded = true
        end.succeed(reason)
        context.close(promise: nil)
    }
}

extension FeedClientEnd {
    fileprivate init(_ refusal: Refusal) {
        let text = refusal.text.isEmpty ? "\(refusal.code)" : refusal.text
        self =
            switch refusal.code {
            case .forbidden: .refused(text)
            case .busy, .stopping: .unreachable(text)
            case .unspecified, .malformed, .version, .foreignFeed, .unsupported: .cannotServe(text)
            }
    }
}
