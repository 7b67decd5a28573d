import CTF
import Feed
import FeedLog
import Logging
import NIOCore
import TLS

/// One subscriber's connection: TLS, the subscription, and its cursor in the log.
///
/// A subscriber costs its cursor and at most `outgoingBytes` of ciphertext; one that does not read is simply not
/// written to, later reads from disk what it has missed, and falls out of the log in the end, which it is told.
/// Confined to the feed's event loop, which `@unchecked Sendable` stands for.
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
    private var audit: ConnectionAudit
    /// Of which number this connection is, from the feed's first on, and which host it comes from.
    private(set) var arrival: UInt64 = 0
    private(set) var host = ""
    var identity: String { audit.identity }
    private var usage: IdentityUsage?
    /// What it was sent, bytes inside TLS.
    private(set) var sentBytes: UInt64 = 0
    /// Where its cursor is kept, if it has named one.
    private var cursor: CursorTable.Key?
    /// Its overflow policy counts from when it has had all that there was.
    private var hasCaughtUp = false
    /// `hub.appendedBytes` at its position; meaningful once it has caught up.
    private var reachedBytes: UInt64 = 0
    /// The last notice that it was sent.
    private var noticeNumber: UInt64 = 0
    private var throttle: Scheduled<Void>?
    private var deadline: Scheduled<Void>?
    private let closePromise: EventLoopPromise<Void>
    private var plaintext = [UInt8](repeating: 0, count: 16 << 10)

    init(hub: FeedHub, access: FeedAccess) {
        self.hub = hub
        self.access = access
        audit = ConnectionAudit(logger: hub.logger)
        closePromise = hub.loop.makePromise()
    }

    private var limits: SubscriberLimits { hub.limits }

    /// Succeeds when the connection is closed.
    var closed: EventLoopFuture<Void> { closePromise.futureResult }

    var snapshot: HubSnapshot.Subscriber {
        HubSnapshot.Subscriber(
            identity: identity,
            peer: audit.peer,
            number: arrival,
            sequence: position.sequence,
            hasCaughtUp: hasCaughtUp,
            queueBytes: (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0,
            sentBytes: sentBytes
        )
    }

    // MARK: Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        audit.peer = context.remoteAddress?.hostAndPort ?? "?"
        host = context.remoteAddress?.ipAddress ?? ""
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        ended()
    }

    func channelActive(context: ChannelHandlerContext) {
        arrival = hub.add(self)
        after(limits.handshake) { $0.drop("no subscription within \($0.limits.handshake.nanoseconds / 1_000_000) ms") }
        do throws(TLSError) {
            engine = try TLSEngine(access.current.tls)
        } catch {
            drop("TLS: \(error)")
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        audit.left(reason: "it closed the connection")
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
        case .failure(let error):
            if case .peerNotTrusted(let fault) = error.kind { audit.certificate = fault.certificate }
            drop("TLS: \(error)")
        case .success(.end):
            audit.left(reason: "it closed the connection")
            close()
        case .success(.request(.open(let start))): open(start, engine)
        case .success(.request(.abort(let error))): drop("broke the protocol: \(error)")
        case .success(.request(.acknowledge(let token))): acknowledge(token)
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
        audit.left(reason: describe(error))
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
                case .acknowledge(let token): acknowledge(token)
                case .open, .refuse, .abort: return action.map { .request($0) } ?? .nothing
                }
            }
        }
    }

    private func makeSubscription(_ engine: TLSEngine) -> Subscription {
        let certificate = engine.peerCertificate
        audit.certificate = certificate
        let peer = PeerIdentity(certificate)
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
        // The certificates may have been reloaded since its handshake began.
        let tls = access.current.tls
        if !engine.isMade(from: tls), let fault = tls.fault(ofPeerOf: engine) { return drop("TLS: \(fault)") }
        var start = start
        if let name = subscription?.request?.cursor, !name.isEmpty {
            let key = CursorTable.Key(identity: identity, name: name)
            cursor = key
            if let token = hub.cursor(key) { start = .token(token) }
        }
        let reading: FeedHub.Reading
        do throws(Refusal) {
            reading = try hub.open(start, identity: identity)
        } catch {
            guard let answer = subscription?.refuse(error) else { return close() }
            answerRefusal(answer, error, engine)
            return
        }
        isAdmitted = true
        usage = hub.usage(of: identity)
        deadline?.cancel()
        audit.admitted(start: "\(start)")
        let commonSequence = hub.commonSequence(of: start)
        wait(for: reading) { $0.opened($1, commonSequence: commonSequence) }
    }

    private func acknowledge(_ token: ResumeToken) {
        guard let cursor else { return }
        do throws(Refusal) {
            try hub.acknowledge(cursor, token)
        } catch {
            drop("acknowledges what it cannot have: \(error.text)")
        }
    }

    private func opened(_ read: StoredRead, commonSequence: UInt64) {
        guard case .opening = state, let engine else { return }
        guard case .fallenOut(let opening) = found(read).found else { return drop("the log cannot be read") }
        state = .streaming
        do {
            try write(subscription?.opened(opening, commonSequence: commonSequence) ?? [], engine)
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
        if let damage = read.damage {
            hub.logger.error("the log is damaged: \(damage)", metadata: audit.metadata)
        }
        position = read.position
        return read
    }

    private func answerRefusal(_ answer: ByteStorage, _ refusal: Refusal, _ engine: TLSEngine) {
        audit.ended(.warning, "subscriber refused", reason: "\(refusal.code): \(refusal.text)")
        do {
            try write([answer], engine)
        } catch {
            hub.logger.debug("the refusal could not be sent: \(error)", metadata: audit.metadata)
        }
        close()
    }

    /// Trust or rules have changed: whoever is not trusted any more is out, and whoever sees something else now has to
    /// subscribe again, and goes on from its token.
    func review() {
        if case .closing = state { return }
        if let engine, let fault = access.current.tls.fault(ofPeerOf: engine) {
            return drop("its certificate is not accepted any more: \(fault)")
        }
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
        guard !isOverrun else { return drop("slower than the feed, and asked not to wait") }
        sayNotice()
        while context.channel.isWritable, case .streaming = state {
            guard turnBytes < limits.turnBytes else { return pumpLater() }
            if let delay = usage?.delay(now: .now()) { return pumpAfter(delay) }
            if isBehind, subscription?.request?.overflow == .skip {
                turnBytes += send(hub.goOnNow(after: position))
                reachedBytes = hub.appendedBytes
                continue
            }
            switch hub.read(after: position, limitBytes: limits.readBytes) {
            case .now(let read):
                if case .atEnd = read.found {
                    hasCaughtUp = true
                    reachedBytes = hub.appendedBytes
                    if closesAtEnd {
                        audit.ended(.info, "subscriber has all", reason: "the feed ends")
                        close()
                    }
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
                    reachedBytes += UInt64(frame.byteCount)
                    try write(subscription?.frame(frame) ?? [], engine)
                }
            case .fallenOut(let opening):
                hub.logger.warning("subscriber has fallen out of the log", metadata: audit.metadata)
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

    private func pumpAfter(_ delay: TimeAmount) {
        guard throttle == nil else { return }
        throttle = hub.loop.scheduleTask(in: delay) {
            self.throttle = nil
            self.pump()
        }
    }

    /// Whether it is further behind than one may be that does not want to wait.
    private var isBehind: Bool {
        hasCaughtUp && hub.appendedBytes > reachedBytes
            && hub.appendedBytes - reachedBytes > UInt64(limits.overflowBytes)
    }

    private var isOverrun: Bool { isBehind && subscription?.request?.overflow == .disconnect }

    /// Says how the log stands, where that is not said in the feed.
    private func sayNotice() {
        guard let notice = hub.notice, notice.number != noticeNumber, let engine, let context,
            context.channel.isWritable
        else { return }
        noticeNumber = notice.number
        do {
            try write([notice.frame], engine)
            context.flush()
        } catch {
            drop("\(error)")
        }
    }

    private func write(_ messages: [ByteStorage], _ engine: TLSEngine) throws {
        for message in messages {
            usage?.spend(message.capacity)
            sentBytes += UInt64(message.capacity)
            try seal(message.bytes, engine)
        }
    }

    private func seal(_ bytes: UnsafeRawBufferPointer, _ engine: TLSEngine) throws(TLSError) {
        guard let context else { return }
        try engine.seal(bytes, context.channel.allocator) { context.write(wrapOutboundOut($0), promise: nil) }
        sendOutput(engine)
    }

    /// Hands waiting ciphertext to the socket.
    private func sendOutput(_ engine: TLSEngine) {
        guard let context, let buffer = engine.takeOutput(context.channel.allocator) else { return }
        context.write(wrapOutboundOut(buffer), promise: nil)
    }

    // MARK: Ending

    /// Closes once the log's end has been sent; cuts off whoever does not take it in time.
    func closeAtEnd() {
        guard case .streaming = state else {
            audit.ended(.info, "connection closed", reason: "the feed ends")
            return close()
        }
        closesAtEnd = true
        after(limits.closing) { $0.cutOff("did not take the end of the feed in time") }
        pump()
    }

    private func drop(_ reason: String) {
        if case .closing = state { return }
        audit.ended(.warning, "subscriber dropped", reason: reason)
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
        if let reason { audit.ended(.warning, "subscriber cut off", reason: reason) }
        context?.close(promise: nil)
    }

    /// Makes room for another connection, at once.
    func giveWay(_ reason: String) {
        cutOff(reason)
    }

    /// Whether it is about to be closed: what is left is the other side's turn.
    var isClosing: Bool {
        if case .closing = state { return true }
        return false
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
        throttle?.cancel()
        state = .closing
        // It shares work with others on this loop.
        subscription = nil
        hub.remove(self)
        closePromise.succeed()
    }
}
