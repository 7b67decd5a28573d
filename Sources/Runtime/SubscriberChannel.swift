import CTF
import Feed
import FeedLog
import Logging
import NIOCore
import TLS

/// One subscriber's connection: TLS, the subscription, and its cursor in the log.
///
/// A subscriber costs its cursor and at most `outgoingBytes` of ciphertext; one that does not read is simply not
/// written to, and falls out of the log in the end, which it is told. Confined to the feed's event loop, which
/// `@unchecked Sendable` stands for.
final class SubscriberChannel: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum State {
        /// TLS and the request are not complete, or the start is being looked up. Next: streaming, closing.
        case opening
        /// Next: closing.
        case streaming
        /// The rest is written, then our side is closed, then the connection.
        case closing
    }

    /// What came from the subscriber.
    private enum Received {
        case nothing
        case request(Subscription.Action)
        case end
    }

    private let hub: FeedHub
    private let access: FeedAccess
    private var engine: TLSEngine?
    private var peer: PeerIdentity?
    private var subscription: Subscription?
    private var state = State.opening
    /// Whether it was let in as a subscriber.
    private(set) var isAdmitted = false
    private var position = LogPosition(sequence: 0)
    private var closesAtEnd = false
    private var isPumping = false
    /// What comes next is being read from disk.
    private var isReading = false
    private var context: ChannelHandlerContext?
    private var peerName = "?"
    private var identity = "?"
    private var deadline: Scheduled<Void>?
    private let closePromise: EventLoopPromise<Void>
    private var plaintext = [UInt8](repeating: 0, count: 16 << 10)

    init(hub: FeedHub, access: FeedAccess) {
        self.hub = hub
        self.access = access
        closePromise = hub.loop.makePromise()
    }

    private var limits: SubscriberLimits { hub.limits }

    /// Succeeds when the connection is closed.
    var closed: EventLoopFuture<Void> { closePromise.futureResult }

    // MARK: Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        peerName = context.remoteAddress.map { "\($0)" } ?? "?"
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        ended()
    }

    func channelActive(context: ChannelHandlerContext) {
        guard hub.add(self) else {
            state = .closing
            context.close(promise: nil)
            return
        }
        after(limits.handshake) { $0.drop("no subscription within \($0.limits.handshake.nanoseconds / 1_000_000) ms") }
        do throws(TLSError) {
            engine = try TLSEngine(access.current.tls)
        } catch {
            drop("TLS: \(error)")
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if case .streaming = state { hub.logger.info("subscriber has left", metadata: metadata) }
        ended()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let engine else { return }
        if case .closing = state { return }
        let received: Result<Received, TLSError> = unwrapInboundIn(data).withUnsafeReadableBytes { bytes in
            Result { () throws(TLSError) in
                try engine.withReceived(bytes) { (engine) throws(TLSError) in try read(engine) }
            }
        }
        switch received {
        case .failure(let error): drop("TLS: \(error)")
        case .success(.end): close()
        case .success(.request(.open(let start))): open(start, engine)
        case .success(.request(.refuse(let answer, let refusal))): answerRefusal(answer, refusal, engine)
        case .success(.nothing), .success(.request(.wait)):
            sendOutput(engine)
            context.flush()
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { pump() }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if case .streaming = state {
            hub.logger.info("subscriber has left", metadata: metadata.with("reason", describe(error)))
        }
        state = .closing
        context.close(promise: nil)
    }

    // MARK: Receiving

    private func read(_ engine: TLSEngine) throws(TLSError) -> Received {
        while true {
            let result: Result<TLSEngine.ReadResult, TLSError> = plaintext.withUnsafeMutableBytes { bytes in
                Result { () throws(TLSError) in try engine.read(into: bytes) }
            }
            switch try result.get() {
            case .wantsMore: return .nothing
            case .closed: return .end
            case .bytes(let count):
                if subscription == nil { subscription = makeSubscription(engine) }
                let action = plaintext.withUnsafeBytes { bytes in
                    subscription?.received(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
                }
                switch action {
                case .wait, nil: continue
                case .open, .refuse: return action.map { .request($0) } ?? .nothing
                }
            }
        }
    }

    private func makeSubscription(_ engine: TLSEngine) -> Subscription {
        let certificate = engine.peerCertificate
        identity = certificate?.identities.joined(separator: ",") ?? "?"
        let peer = PeerIdentity(
            alternativeNames: certificate.map { $0.hasAlternativeNames ? $0.uris + $0.dnsNames : [] } ?? [],
            commonName: certificate?.hasAlternativeNames == false ? certificate?.commonName : nil
        )
        self.peer = peer
        return Subscription(
            peer: peer,
            rules: access.current.rules,
            feed: hub.feed,
            serverName: "tidemark",
            views: hub.views
        )
    }

    private func open(_ start: SubscriptionStart, _ engine: TLSEngine) {
        let reading: FeedHub.Reading
        do throws(Refusal) {
            reading = try hub.open(start)
        } catch {
            guard let answer = subscription?.refuse(error) else { return close() }
            answerRefusal(answer, error, engine)
            return
        }
        isAdmitted = true
        deadline?.cancel()
        hub.logger.info("subscriber", metadata: metadata.with("start", "\(start)"))
        wait(for: reading) { $0.opened($1) }
    }

    private func opened(_ read: StoredRead) {
        guard case .opening = state, let engine else { return }
        guard case .fallenOut(let opening) = found(read).found else { return drop("the log cannot be read") }
        state = .streaming
        do {
            try write(subscription?.opened(opening) ?? [], engine)
            context?.flush()
        } catch {
            return drop("\(error)")
        }
        pump()
    }

    /// Calls `body` with what is read: now, or when it has been.
    private func wait(
        for reading: FeedHub.Reading,
        _ body: @escaping @Sendable (SubscriberChannel, StoredRead) -> Void
    ) {
        switch reading {
        case .now(let read): body(self, read)
        case .later(let future):
            isReading = true
            future.whenComplete { result in
                self.isReading = false
                switch result {
                case .success(let read): body(self, read)
                case .failure(let error): self.drop("the log cannot be read: \(error)")
                }
            }
        }
    }

    /// Takes the position that a read has led to.
    /// - Returns: what to send.
    private func found(_ read: StoredRead) -> StoredRead {
        var read = read
        if let damage = read.damage {
            hub.logger.error("the log is damaged", metadata: metadata.with("at", "\(damage)"))
        }
        if case .unreadable = read.found { read = hub.goOnInMemory(after: position) }
        position = read.position
        return read
    }

    private func answerRefusal(_ answer: ByteStorage, _ refusal: Refusal, _ engine: TLSEngine) {
        hub.logger.warning(
            "subscriber refused",
            metadata: metadata.with("code", "\(refusal.code)").with("reason", refusal.text)
        )
        do {
            try write([answer], engine)
        } catch {
            hub.logger.debug("the refusal could not be sent", metadata: metadata.with("error", "\(error)"))
        }
        close()
    }

    /// The rules have changed: whoever sees something else now has to subscribe again, and goes on from its token.
    func review() {
        if case .closing = state { return }
        guard let peer, ViewScope(peer: peer, rules: access.current.rules) != subscription?.scope else { return }
        drop("the allow rules for it have changed")
    }

    // MARK: Sending

    /// Sends what the log has, as far as the socket takes it and others are not kept waiting.
    func pump() {
        // Flushing may make the channel writable and bring us here again.
        guard case .streaming = state, !isPumping, !isReading, let context else { return }
        isPumping = true
        defer { isPumping = false }
        var turnBytes = 0
        while context.channel.isWritable, case .streaming = state {
            guard turnBytes < limits.turnBytes else { return pumpLater() }
            switch hub.read(after: position, limitBytes: limits.readBytes) {
            case .now(let read):
                if case .atEnd = read.found {
                    if closesAtEnd { close() }
                    return
                }
                turnBytes += send(read)
            case let reading:
                return wait(for: reading) { subscriber, read in
                    _ = subscriber.send(read)
                    subscriber.pumpLater()
                }
            }
        }
    }

    /// - Returns: the log bytes that were sent.
    private func send(_ read: StoredRead) -> Int {
        guard case .streaming = state, let engine, let context else { return 0 }
        var bytes = 0
        do {
            switch found(read).found {
            case .frames(let frames):
                for frame in frames {
                    bytes += frame.byteCount
                    try write(subscription?.frame(frame) ?? [], engine)
                }
            case .fallenOut(let opening):
                hub.logger.warning("subscriber has fallen out of the log", metadata: metadata)
                try write(subscription?.reopened(opening) ?? [], engine)
            case .atEnd, .unreadable: break
            }
            context.flush()
        } catch {
            drop("\(error)")
        }
        return bytes
    }

    private func pumpLater() {
        hub.loop.execute { self.pump() }
    }

    private func write(_ messages: [ByteStorage], _ engine: TLSEngine) throws {
        for message in messages { try seal(message.bytes, engine) }
    }

    /// Encrypts bytes straight into what goes to the socket.
    private func seal(_ bytes: UnsafeRawBufferPointer, _ engine: TLSEngine) throws(TLSError) {
        guard let context else { return }
        var rest = bytes
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 20))
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

    /// Closes once the log's end has been sent; cuts off whoever does not take it in time.
    func closeAtEnd() {
        guard case .streaming = state else { return close() }
        closesAtEnd = true
        after(limits.closing) { $0.cutOff("did not take the end of the feed in time") }
        pump()
    }

    private func drop(_ reason: String) {
        if case .closing = state { return }
        hub.logger.warning("subscriber dropped", metadata: metadata.with("reason", reason))
        close()
    }

    /// Says goodbye, writes what waits, closes our side, and closes the connection once the peer has or its time is
    /// over.
    private func close() {
        if case .closing = state { return }
        state = .closing
        guard let context else { return }
        if let engine {
            engine.shutdown()
            sendOutput(engine)
        }
        if !closesAtEnd { after(limits.closing) { $0.cutOff("does not read") } }
        let channel = context.channel
        channel.writeAndFlush(channel.allocator.buffer(capacity: 0)).whenComplete { _ in
            channel.close(mode: .output).whenComplete { _ in
                self.after(self.limits.linger) { $0.cutOff(nil) }
            }
        }
    }

    private func cutOff(_ reason: String?) {
        if let reason { hub.logger.warning("subscriber cut off", metadata: metadata.with("reason", reason)) }
        context?.close(promise: nil)
    }

    /// Runs `action` then, instead of what was to be run later.
    private func after(_ time: TimeAmount, _ action: @escaping @Sendable (SubscriberChannel) -> Void) {
        deadline?.cancel()
        guard let context else { return }
        deadline = context.eventLoop.scheduleTask(in: time) { action(self) }
    }

    private func ended() {
        guard context != nil else { return }
        context = nil
        deadline?.cancel()
        state = .closing
        // It shares work with others on this loop.
        subscription = nil
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
