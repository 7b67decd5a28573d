import CTF
import Feed
import FeedLog
import Logging
import NIOCore
import TLS

/// One subscriber's connection: TLS, the subscription, and its cursor in the log.
///
/// A subscriber costs its cursor and at most `outgoingBytesMax` of ciphertext; one that does not read is simply not written
/// to, and falls out of the log in the end, which it is told. Confined to the feed's event loop, which `@unchecked Sendable`
/// stands for.
final class SubscriberChannel: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Bounds of one subscriber.
    enum Limits {
        /// From the connection to the first message.
        static let handshake = TimeAmount.seconds(10)
        /// Log bytes turned into ciphertext at a time.
        static let readBytes = 256 << 10
        /// Ciphertext that waits for the socket.
        static let outgoingBytesMax = 1 << 20
    }

    private enum State {
        /// TLS and the request are not complete. Next: streaming, closing.
        case opening
        /// Next: closing.
        case streaming
        /// The rest is written, then the connection closes.
        case closing
    }

    private let hub: FeedHub
    private let rules: @Sendable () -> [AllowRule]
    private let tls: TLSContext
    private var engine: TLSEngine?
    private var subscription: Subscription?
    private var state = State.opening
    private var sequence: UInt64 = 0
    private var closesAtEnd = false
    private var context: ChannelHandlerContext?
    private var peerName = "?"
    private var identity = "?"
    private var deadline: Scheduled<Void>?
    private let closePromise: EventLoopPromise<Void>
    private var plaintext = [UInt8](repeating: 0, count: 16 << 10)

    init(hub: FeedHub, tls: TLSContext, rules: @escaping @Sendable () -> [AllowRule]) {
        self.hub = hub
        self.tls = tls
        self.rules = rules
        closePromise = hub.loop.makePromise()
    }

    /// Succeeds when the connection is closed.
    var closed: EventLoopFuture<Void> { closePromise.futureResult }

    // MARK: Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        peerName = context.remoteAddress.map { "\($0)" } ?? "?"
        hub.add(self)
        deadline = context.eventLoop.scheduleTask(in: Limits.handshake) {
            self.refuse("no subscription within \(Limits.handshake.nanoseconds / 1_000_000_000) s")
        }
        do throws(TLSError) {
            engine = try TLSEngine(tls)
        } catch {
            refuse("TLS: \(error)")
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        ended()
    }

    func channelInactive(context: ChannelHandlerContext) {
        if case .streaming = state { hub.logger.info("subscriber has left", metadata: metadata) }
        ended()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let engine else { return }
        let buffer = unwrapInboundIn(data)
        if case .closing = state { return }
        do throws(TLSError) {
            let outcome: Result<Void, TLSError> = buffer.withUnsafeReadableBytes { bytes in
                Result { () throws(TLSError) in try engine.receive(bytes) }
            }
            try outcome.get()
            try read(engine)
        } catch {
            sendOutput(engine)
            refuse("TLS: \(error)")
            return
        }
        sendOutput(engine)
        context.flush()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { pump() }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        hub.logger.info("subscriber connection failed", metadata: metadata.with("error", describe(error)))
        close()
    }

    // MARK: Receiving

    private func read(_ engine: TLSEngine) throws(TLSError) {
        while true {
            let result: Result<TLSEngine.ReadResult, TLSError> = plaintext.withUnsafeMutableBytes { bytes in
                Result { () throws(TLSError) in try engine.read(into: bytes) }
            }
            switch try result.get() {
            case .wantsMore: return
            case .closed:
                close()
                return
            case .bytes(let count):
                received(count, engine)
                if case .closing = state { return }
            }
        }
    }

    private func received(_ count: Int, _ engine: TLSEngine) {
        if subscription == nil { subscription = makeSubscription(engine) }
        let action = plaintext.withUnsafeBytes { bytes in
            subscription?.received(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
        }
        switch action {
        case .wait, nil: return
        case .open(let start): open(start, engine)
        case .refuse(let answer, let refusal): answerRefusal(answer, refusal, engine)
        }
    }

    private func makeSubscription(_ engine: TLSEngine) -> Subscription {
        let certificate = engine.peerCertificate
        identity = certificate?.identities.joined(separator: ",") ?? "?"
        let peer = PeerIdentity(
            alternativeNames: certificate.map { $0.hasAlternativeNames ? $0.uris + $0.dnsNames : [] } ?? [],
            commonName: certificate?.hasAlternativeNames == false ? certificate?.commonName : nil
        )
        return Subscription(peer: peer, rules: rules(), feed: hub.feed, serverName: "tidemark")
    }

    private func open(_ start: SubscriptionStart, _ engine: TLSEngine) {
        let opening: SubscriptionOpening
        do throws(Refusal) {
            opening = try hub.open(start)
        } catch {
            guard let answer = subscription?.refuse(error) else { return close() }
            answerRefusal(answer, error, engine)
            return
        }
        sequence = opening.state.sequence
        deadline?.cancel()
        state = .streaming
        hub.logger.info("subscriber", metadata: metadata.with("start", "\(start)"))
        do {
            try write(subscription?.opened(opening) ?? [], engine)
        } catch {
            refuse("\(error)")
        }
        pump()
    }

    private func answerRefusal(_ answer: ByteStorage, _ refusal: Refusal, _ engine: TLSEngine) {
        hub.logger.warning(
            "subscriber refused",
            metadata: metadata.with("code", "\(refusal.code)").with("reason", refusal.text)
        )
        state = .closing
        do {
            try write([answer], engine)
        } catch {
            hub.logger.debug("the refusal could not be sent", metadata: metadata.with("error", "\(error)"))
        }
        close()
    }

    // MARK: Sending

    /// Sends what the log has, as far as the socket takes it.
    func pump() {
        guard case .streaming = state, let engine, let context else { return }
        do {
            while context.channel.isWritable {
                switch hub.read(after: sequence, limitBytes: Limits.readBytes) {
                case .frames(let frames):
                    for frame in frames {
                        sequence = frame.sequence
                        try write(subscription?.frame(frame) ?? [], engine)
                    }
                case .atEnd:
                    context.flush()
                    if closesAtEnd { close() }
                    return
                case .fallenOut(let opening):
                    hub.logger.warning("subscriber has fallen out of the log", metadata: metadata)
                    sequence = opening.state.sequence
                    try write(subscription?.reopened(opening) ?? [], engine)
                }
                context.flush()
            }
        } catch {
            refuse("\(error)")
        }
    }

    private func write(_ messages: [ByteStorage], _ engine: TLSEngine) throws {
        for message in messages { try seal(message.bytes, engine) }
    }

    /// Encrypts bytes straight into what goes to the socket.
    private func seal(_ bytes: UnsafeRawBufferPointer, _ engine: TLSEngine) throws(TLSError) {
        guard let context else { return }
        var rest = bytes
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(Limits.outgoingBytesMax))
            let capacity = TLSEngine.sealedByteCount(of: part.count) + engine.outputByteCount
            var buffer = context.channel.allocator.buffer(capacity: capacity)
            var taken = 0
            var fault: TLSError?
            buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: capacity) { output in
                do throws(TLSError) {
                    let result = try engine.write(part, into: output)
                    taken = result.taken
                    return result.put
                } catch {
                    fault = error
                    return 0
                }
            }
            if let fault { throw fault }
            guard taken > 0 else { throw TLSError(.closed) }
            context.write(wrapOutboundOut(buffer), promise: nil)
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(taken))
        }
        sendOutput(engine)
    }

    /// Hands waiting ciphertext (handshake, alerts) to the socket.
    private func sendOutput(_ engine: TLSEngine) {
        guard let context, engine.outputByteCount > 0 else { return }
        var buffer = context.channel.allocator.buffer(capacity: engine.outputByteCount)
        engine.withOutput { bytes in
            buffer.writeBytes(bytes)
            return bytes.count
        }
        context.write(wrapOutboundOut(buffer), promise: nil)
    }

    // MARK: Ending

    /// Closes once the log's end has been sent.
    func closeAtEnd() {
        closesAtEnd = true
        if case .streaming = state { pump() } else { close() }
    }

    func cutOff() {
        context?.close(promise: nil)
    }

    private func refuse(_ reason: String) {
        if case .closing = state { return }
        hub.logger.warning("subscriber dropped", metadata: metadata.with("reason", reason))
        close()
    }

    /// Says goodbye, and closes when all has been written.
    private func close() {
        state = .closing
        guard let context else { return }
        if let engine {
            engine.shutdown()
            sendOutput(engine)
        }
        let channel = context.channel
        channel.writeAndFlush(channel.allocator.buffer(capacity: 0)).whenComplete { _ in channel.close(promise: nil) }
    }

    private func ended() {
        guard context != nil else { return }
        context = nil
        deadline?.cancel()
        state = .closing
        hub.remove(self)
        closePromise.succeed()
    }

    private var metadata: Logger.Metadata {
        ["peer": "\(peerName)", "identity": "\(identity)"]
    }
}

extension Logger.Metadata {
    fileprivate func with(_ key: String, _ value: String) -> Logger.Metadata {
        merging([key: .string(value)]) { _, new in new }
    }
}
