import CTF
import Feed
import NIOCore
import TLS

/// TLS and the subscriber's machine on one channel. Confined to its event loop.
final class FeedClientChannel: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Fired into the pipeline when this is the connection to use, of those that a host's addresses gave.
    struct Begin: Sendable {}

    /// Fired into the pipeline to tell the coordinator that all up to the token is done with.
    struct Acknowledgement: Sendable {
        var token: ResumeToken
    }

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

    // MARK: Channel

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let acknowledgement = event as? Acknowledgement { return acknowledge(acknowledgement.token, context) }
        guard event is Begin else { return context.fireUserInboundEventTriggered(event) }
        guard context.channel.isActive else {
            finish(.unreachable("the connection was closed at once"), context)
            return
        }
        do throws(TLSError) {
            let engine = try TLSEngine(tls, serverName: serverName)
            self.engine = engine
            sendOutput(engine, context)
        } catch {
            finish(.refused("\(error)"), context)
        }
    }

    private func acknowledge(_ token: ResumeToken, _ context: ChannelHandlerContext) {
        guard let engine, !isEnded, case .established = engine.state else { return }
        do {
            let message = try client.acknowledgement(of: token)
            defer { withExtendedLifetime(message) {} }
            _ = try engine.write(message.bytes)
            sendOutput(engine, context)
        } catch {
            finish(.unreachable("\(error)"), context)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let engine, !isEnded else { return }
        let result: Result<Void, TLSError> = unwrapInboundIn(data).withUnsafeReadableBytes { bytes in
            Result { () throws(TLSError) in
                try engine.withReceived(bytes) { (engine) throws(TLSError) in
                    try greet(engine)
                    try read(engine, context)
                }
            }
        }
        sendOutput(engine, context)
        if case .failure(let error) = result { finish(FeedClientEnd(error), context) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        // Without an engine it is not, or not yet, the connection to use.
        guard let engine else { return }
        finish(lost(engine), context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard engine != nil else { return }
        finish(.unreachable(describe(error)), context)
    }

    /// The socket has ended: in order, or cut?
    private func lost(_ engine: TLSEngine) -> FeedClientEnd {
        if case .handshaking = engine.state {
            return .unreachable("closed the connection during the TLS handshake: is it a coordinator's feed?")
        }
        do throws(TLSError) {
            try engine.receiveEnd()
        } catch {
            return FeedClientEnd(error)
        }
        return .unreachable("the coordinator closed the connection")
    }

    // MARK: Receiving

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
        guard let buffer = engine.takeOutput(context.channel.allocator) else { return }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    private func finish(_ reason: FeedClientEnd, _ context: ChannelHandlerContext) {
        guard !isEnded else { return }
        isEnded = true
        end.succeed(reason)
        // Later, so that an alert of ours still goes out, and nothing is closed in the middle of its work.
        let channel = context.channel
        context.eventLoop.execute { channel.close(promise: nil) }
    }
}

extension FeedClientEnd {
    init(_ error: TLSError) {
        switch error.kind {
        case .truncated: self = .unreachable("the connection was cut")
        case .notTLS: self = .unreachable("does not speak TLS: is it a coordinator's feed?")
        default: self = error.isRefusal ? .refused("\(error)") : .unreachable("\(error)")
        }
    }

    init(_ refusal: Refusal) {
        let text = refusal.text.isEmpty ? "\(refusal.code)" : refusal.text
        switch refusal.code {
        case .forbidden: self = .refused(text)
        case .busy, .stopping: self = .unreachable(text)
        case .foreignFeed:
            self = .foreignFeed("\(text): the coordinator has begun a new one since; start anew, without the token")
        case .filter: self = .wrongFilter(text)
        case .unspecified, .malformed, .version, .unsupported: self = .cannotServe(text)
        }
    }
}
