package import CTF

/// The coordinator's side of one subscriber, without I/O.
///
/// Call `received` until it says `open` or `refuse`; after `open` find the start in the log and call `opened`, then
/// `frame` for each frame that the log has. A frame costs the full view nothing: it gets the log's own bytes.
package struct Subscription: ~Copyable, Sendable {
    /// What the shell does after bytes came.
    package enum Action: Sendable {
        /// Nothing yet; or nothing any more: what a subscriber without a cursor says after its request is ignored.
        case wait
        /// Look the start up in the log, then call `opened` or `refuse`.
        case open(SubscriptionStart)
        /// Send these bytes, then close.
        case refuse(ByteStorage, Refusal)
        /// The subscriber's cursor is to stand at the token.
        case acknowledge(ResumeToken)
        /// It broke the protocol: close.
        case abort(FeedError)
    }

    private enum State: Sendable {
        /// -> opening, closed
        case awaitingRequest
        /// -> streaming, closed
        case opening
        case streaming
        case closed
    }

    /// What the subscriber asked for, once it has.
    package private(set) var request: SubscribeRequest?
    /// What it may see; nil: nothing.
    package let scope: ViewScope?

    private let feed: FeedIdentity
    private let serverName: String
    private let limits: FeedLimits
    private let messages: SubscriptionMessages
    private var assembler: MessageAssembler
    private var state = State.awaitingRequest
    /// Which events it wants; nil: all.
    private var filter: FilterExpression?
    /// Nil where the log's own bytes are sent.
    private var cutter: FrameCutter?
    private let views: ViewCache?
    /// Where there are others with the same view.
    private var seat: ViewSeat?

    /// - Parameter views: where subscribers with the same view share the work; all of them on one thread.
    package init(
        peer: PeerIdentity,
        rules: [AllowRule],
        feed: FeedIdentity,
        serverName: String = "",
        views: ViewCache? = nil,
        limits: FeedLimits = FeedLimits()
    ) {
        self.views = views
        scope = ViewScope(peer: peer, rules: rules)
        self.feed = feed
        self.serverName = serverName
        self.limits = limits
        messages = SubscriptionMessages(limits: limits)
        assembler = MessageAssembler(limitBytes: limits.subscribeBytes)
    }

    /// Bytes came from the subscriber.
    package mutating func received(_ bytes: UnsafeRawBufferPointer) -> Action {
        switch state {
        case .awaitingRequest: break
        case .opening, .streaming: return acknowledgement(bytes)
        case .closed: return .wait
        }
        do throws(Refusal) {
            return try request(bytes)
        } catch {
            return .refuse(refuse(error), error)
        }
    }

    private mutating func request(_ bytes: UnsafeRawBufferPointer) throws(Refusal) -> Action {
        var bytes = bytes
        let message: ByteStorage?
        do throws(FeedError) {
            message = try assembler.next(from: &bytes)
        } catch {
            throw Refusal(.malformed, "the request cannot be understood: \(error)")
        }
        guard let message else { return .wait }
        let request = try messages.request(message)
        guard scope != nil else { throw Refusal(.forbidden, "no allow rule names this subscriber") }
        filter = try filterExpression(request.filter)
        self.request = request
        state = .opening
        return .open(request.start)
    }

    private func filterExpression(_ text: String) throws(Refusal) -> FilterExpression? {
        guard !text.isEmpty else { return nil }
        do throws(FilterError) {
            return try FilterExpression(text)
        } catch {
            throw Refusal(.filter, "filter: \(error)")
        }
    }

    /// The last of the acknowledgements that `bytes` complete stands for all of them.
    private mutating func acknowledgement(_ bytes: UnsafeRawBufferPointer) -> Action {
        guard request?.cursor.isEmpty == false else { return .wait }
        var bytes = bytes
        var last: ResumeToken?
        do throws(FeedError) {
            while let message = try assembler.next(from: &bytes) { last = try messages.acknowledgement(message) }
        } catch {
            state = .closed
            return .abort(error)
        }
        return last.map { .acknowledge($0) } ?? .wait
    }

    /// The answer that refuses, for the shell's own reason too; send it, then close.
    package mutating func refuse(_ refusal: Refusal) -> ByteStorage {
        state = .closed
        var refusal = refusal
        // A text that does not fit says less, but the code arrives.
        if refusal.text.utf8.count > limits.subscribeBytes / 2 { refusal.text = "" }
        return (try? messages.encode(refusal)) ?? ByteStorage(capacity: 0)
    }

    /// The log has found the start.
    /// - Parameter commonSequence: see `Welcome`.
    /// - Returns: what to send first: the welcome and the checkpoint.
    /// - Precondition: `received` has said `open`.
    package mutating func opened(
        _ opening: SubscriptionOpening,
        commonSequence: UInt64 = 0
    ) throws(FeedError) -> [ByteStorage] {
        guard case .opening = state, let request, let scope else { preconditionFailure("nothing was to be opened") }
        state = .streaming
        if request.encoding != .raw || !scope.isFull || filter != nil {
            cutter = FrameCutter(
                feed: feed,
                scope: scope,
                filter: filter,
                encoding: request.encoding,
                limits: limits
            )
            let key = ViewCache.Key(scope: scope, filter: filter?.text, encoding: request.encoding)
            if let views { seat = ViewSeat(views, key) }
        }
        let welcome = Welcome(
            feed: feed,
            startSequence: opening.state.sequence + 1,
            serverName: serverName,
            isRestricted: !scope.isFull,
            commonSequence: commonSequence
        )
        return [try messages.encode(welcome)] + (try checkpoint(opening))
    }

    /// The subscriber was too slow and the log has dropped frames that it had not got.
    /// - Returns: what to send: a checkpoint that names the gap.
    package mutating func reopened(_ opening: SubscriptionOpening) throws(FeedError) -> [ByteStorage] {
        guard case .streaming = state else { preconditionFailure("not opened yet") }
        return try checkpoint(opening)
    }

    private mutating func checkpoint(_ opening: SubscriptionOpening) throws(FeedError) -> [ByteStorage] {
        if let frames = try cutter?.open(opening) { return frames }
        // Made for this alone: the arena of a large checkpoint is not kept for as long as the subscriber stays.
        var encoder = FrameEncoder(feed: feed, limits: limits)
        return try encoder.checkpoint(opening).map { $0.storage }
    }

    /// The next frame of the log.
    /// - Returns: what to send: the log's own bytes when nothing is hidden or left out and the encoding is raw.
    package mutating func frame(_ frame: EncodedFrame) throws(FeedError) -> [ByteStorage] {
        guard case .streaming = state else { preconditionFailure("not opened yet") }
        guard let before = cutter?.undeclared else { return [frame.storage] }
        if let cut = seat?.find(frame.sequence, undeclared: before) {
            try cutter?.follow(frame, undeclared: cut.undeclaredAfter)
            return cut.messages
        }
        let messages = try cutter?.cut(frame) ?? []
        let cut = ViewCache.Cut(
            undeclaredBefore: before,
            undeclaredAfter: cutter?.undeclared ?? [],
            messages: messages
        )
        seat?.keep(cut, of: frame.sequence)
        return messages
    }
}
