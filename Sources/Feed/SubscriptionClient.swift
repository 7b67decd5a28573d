package import CTF

/// The subscriber's side of a raw subscription, without I/O: send `greeting`, then feed it whatever bytes come.
package struct SubscriptionClient: ~Copyable, Sendable {
    package enum Event: Sendable {
        case welcomed(Welcome)
        /// Nothing comes after it.
        case refused(Refusal)
        case frame(ReceivedFrame)
    }

    private enum State: Sendable {
        /// -> streaming, refused
        case awaitingAnswer
        case streaming
        case refused
    }

    /// The bytes to send first.
    package let greeting: ByteStorage
    private let messages: SubscriptionMessages
    private var assembler: MessageAssembler
    private var decoder: FrameDecoder
    private var state = State.awaitingAnswer

    /// - Parameter request: its encoding is taken for raw.
    /// - Throws: when the request is longer than a coordinator accepts.
    package init(request: SubscribeRequest, limits: FeedLimits = FeedLimits()) throws(FeedError) {
        var request = request
        request.encoding = .raw
        messages = SubscriptionMessages(limits: limits)
        greeting = try messages.encode(request)
        assembler = MessageAssembler(limitBytes: limits.frameBytes)
        decoder = FrameDecoder(limits: limits)
    }

    /// Bytes came, split in any way.
    /// - Returns: the events that they complete, in order.
    /// - Throws: when the coordinator breaks the protocol; the connection is then to be closed.
    package mutating func received(_ bytes: UnsafeRawBufferPointer) throws(FeedError) -> [Event] {
        var bytes = bytes
        var events: [Event] = []
        while let message = try nextMessage(&bytes) {
            switch state {
            case .awaitingAnswer:
                switch try messages.answer(message) {
                case .success(let welcome):
                    state = .streaming
                    events.append(.welcomed(welcome))
                case .failure(let refusal):
                    state = .refused
                    events.append(.refused(refusal))
                }
            case .streaming: events.append(.frame(try decoder.decode(message)))
            case .refused: break
            }
        }
        return events
    }

    private mutating func nextMessage(_ bytes: inout UnsafeRawBufferPointer) throws(FeedError) -> ByteStorage? {
        if case .refused = state { return nil }
        return try assembler.next(from: &bytes)
    }

    /// The bytes that tell the coordinator that all up to `token` is done with; only for a request with a cursor.
    package func acknowledgement(of token: ResumeToken) throws(FeedError) -> ByteStorage {
        try messages.encode(acknowledgement: token)
    }

    /// The connection has ended.
    /// - Throws: `truncated` when it ended inside a message, or before an answer.
    package mutating func ended() throws(FeedError) {
        if case .refused = state { return }
        if case .awaitingAnswer = state { throw .truncated }
        guard !assembler.isInMessage else { throw .truncated }
    }
}
