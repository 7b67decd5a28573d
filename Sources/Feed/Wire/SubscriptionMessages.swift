import CFeedSchema
import CTF

/// The messages besides frames: Subscribe, its Answer, and Acknowledge.
struct SubscriptionMessages: Sendable {
    private let limits: FeedLimits
    private let arena = Arena(firstBytes: 4 << 10)

    init(limits: FeedLimits) {
        self.limits = limits
    }

    func encode(_ request: SubscribeRequest) throws(FeedError) -> ByteStorage {
        arena.reset()
        let message: UnsafeMutablePointer<Tidemark__Feed__Subscribe> = arena.make(tidemark__feed__subscribe__init)
        message.pointee.protocol_version = SubscribeRequest.protocolVersion
        message.pointee.encoding = Tidemark__Feed__Encoding(UInt32(request.encoding.rawValue))
        message.pointee.filter = arena.string(request.filter)
        message.pointee.client_name = arena.string(request.clientName)
        message.pointee.cursor = arena.string(request.cursor)
        message.pointee.overflow = Tidemark__Feed__Overflow(UInt32(request.overflow.rawValue))
        switch request.start {
        case .earliest:
            message.pointee.start_case = TIDEMARK__FEED__SUBSCRIBE__START_EARLIEST
            message.pointee.earliest = 1
        case .latest:
            message.pointee.start_case = TIDEMARK__FEED__SUBSCRIBE__START_LATEST
            message.pointee.latest = 1
        case .time(let ns):
            message.pointee.start_case = TIDEMARK__FEED__SUBSCRIBE__START_TIME_NS
            message.pointee.time_ns = ns
        case .token(let token):
            message.pointee.start_case = TIDEMARK__FEED__SUBSCRIBE__START_TOKEN
            message.pointee.token = arena.string(token.text)
        }
        return try pack(message, limitBytes: limits.subscribeBytes)
    }

    func encode(_ welcome: Welcome) throws(FeedError) -> ByteStorage {
        arena.reset()
        let message: UnsafeMutablePointer<Tidemark__Feed__Welcome> = arena.make(tidemark__feed__welcome__init)
        message.pointee.protocol_version = SubscribeRequest.protocolVersion
        message.pointee.feed_id = welcome.feed.id.withBytes { arena.bytes($0) }
        message.pointee.epoch = welcome.feed.epoch
        message.pointee.start_sequence = welcome.startSequence
        message.pointee.server_name = arena.string(welcome.serverName)
        message.pointee.restricted = welcome.isRestricted ? 1 : 0
        message.pointee.common_sequence = welcome.commonSequence
        let answer: UnsafeMutablePointer<Tidemark__Feed__Answer> = arena.make(tidemark__feed__answer__init)
        answer.pointee.answer_case = TIDEMARK__FEED__ANSWER__ANSWER_WELCOME
        answer.pointee.welcome = message
        return try pack(answer, limitBytes: limits.subscribeBytes)
    }

    func encode(_ refusal: Refusal) throws(FeedError) -> ByteStorage {
        arena.reset()
        let message: UnsafeMutablePointer<Tidemark__Feed__Refused> = arena.make(tidemark__feed__refused__init)
        message.pointee.code = Tidemark__Feed__RefusalCode(UInt32(refusal.code.rawValue))
        message.pointee.text = arena.string(refusal.text)
        let answer: UnsafeMutablePointer<Tidemark__Feed__Answer> = arena.make(tidemark__feed__answer__init)
        answer.pointee.answer_case = TIDEMARK__FEED__ANSWER__ANSWER_REFUSED
        answer.pointee.refused = message
        return try pack(answer, limitBytes: limits.subscribeBytes)
    }

    private func pack<Message>(
        _ message: UnsafeMutablePointer<Message>,
        limitBytes: Int
    ) throws(FeedError) -> ByteStorage {
        let base = UnsafeMutableRawPointer(message).assumingMemoryBound(to: ProtobufCMessage.self)
        return try base.packed(limitBytes: limitBytes)
    }

    /// A subscriber's first message.
    /// - Throws: what to refuse it with.
    func request(_ storage: ByteStorage) throws(Refusal) -> SubscribeRequest {
        var messages = MessageReader(limits: limits)
        let message: UnsafeMutablePointer<Tidemark__Feed__Subscribe>
        do throws(FeedError) {
            let body = try FrameDecoder.body(storage, limitBytes: limits.subscribeBytes)
            message = try messages.unpack(body, tidemark__feed__subscribe__init)
        } catch {
            throw Refusal(.malformed, "the request cannot be understood: \(error)")
        }
        defer { withExtendedLifetime(messages) {} }
        let version = message.pointee.protocol_version
        guard version == SubscribeRequest.protocolVersion else {
            throw Refusal(
                .version,
                "protocol version \(version) is not spoken here, only \(SubscribeRequest.protocolVersion)"
            )
        }
        guard let encoding = FeedEncoding(rawValue: UInt8(clamping: message.pointee.encoding.rawValue)) else {
            throw Refusal(.unsupported, "encoding \(message.pointee.encoding.rawValue) is not known")
        }
        guard let overflow = OverflowPolicy(rawValue: UInt8(clamping: message.pointee.overflow.rawValue)) else {
            throw Refusal(.unsupported, "overflow policy \(message.pointee.overflow.rawValue) is not known")
        }
        let cursor = text(message.pointee.cursor)
        guard cursor.utf8.count <= SubscribeRequest.cursorBytesMax else {
            throw Refusal(.malformed, "a cursor's name has at most \(SubscribeRequest.cursorBytesMax) bytes")
        }
        return SubscribeRequest(
            start: try start(message),
            encoding: encoding,
            filter: text(message.pointee.filter),
            clientName: text(message.pointee.client_name),
            cursor: cursor,
            overflow: overflow
        )
    }

    private func start(_ message: UnsafeMutablePointer<Tidemark__Feed__Subscribe>) throws(Refusal) -> SubscriptionStart
    {
        switch message.pointee.start_case {
        case TIDEMARK__FEED__SUBSCRIBE__START_EARLIEST: return .earliest
        case TIDEMARK__FEED__SUBSCRIBE__START_TIME_NS: return .time(ns: message.pointee.time_ns)
        case TIDEMARK__FEED__SUBSCRIBE__START_TOKEN:
            guard let token = ResumeToken(text: text(message.pointee.token)) else {
                throw Refusal(.malformed, "the token is damaged, or not one of a feed")
            }
            return .token(token)
        default: return .latest
        }
    }

    func encode(acknowledgement token: ResumeToken) throws(FeedError) -> ByteStorage {
        arena.reset()
        let message: UnsafeMutablePointer<Tidemark__Feed__Acknowledge> = arena.make(tidemark__feed__acknowledge__init)
        message.pointee.token = arena.string(token.text)
        return try pack(message, limitBytes: limits.subscribeBytes)
    }

    /// What a subscriber says after its request.
    func acknowledgement(_ storage: ByteStorage) throws(FeedError) -> ResumeToken {
        var messages = MessageReader(limits: limits)
        let body = try FrameDecoder.body(storage, limitBytes: limits.subscribeBytes)
        let message: UnsafeMutablePointer<Tidemark__Feed__Acknowledge> =
            try messages.unpack(body, tidemark__feed__acknowledge__init)
        defer { withExtendedLifetime(messages) {} }
        guard let token = ResumeToken(text: text(message.pointee.token)) else { throw .invalid(.token) }
        return token
    }

    /// The coordinator's answer.
    func answer(_ storage: ByteStorage) throws(FeedError) -> Result<Welcome, Refusal> {
        var messages = MessageReader(limits: limits)
        let body = try FrameDecoder.body(storage, limitBytes: limits.frameBytes)
        let message: UnsafeMutablePointer<Tidemark__Feed__Answer> =
            try messages.unpack(body, tidemark__feed__answer__init)
        defer { withExtendedLifetime(messages) {} }
        switch message.pointee.answer_case {
        case TIDEMARK__FEED__ANSWER__ANSWER_WELCOME:
            guard let welcome = message.pointee.welcome?.pointee, welcome.feed_id.buffer.count == FeedID.byteCount
            else {
                throw .invalid(.feedID)
            }
            return .success(
                Welcome(
                    feed: FeedIdentity(id: FeedID(bytes: welcome.feed_id.buffer), epoch: welcome.epoch),
                    startSequence: welcome.start_sequence,
                    serverName: text(welcome.server_name),
                    isRestricted: welcome.restricted != 0,
                    commonSequence: welcome.common_sequence
                )
            )
        case TIDEMARK__FEED__ANSWER__ANSWER_REFUSED:
            guard let refused = message.pointee.refused?.pointee else { throw .invalid(.answer) }
            let code = Refusal.Code(rawValue: UInt8(clamping: refused.code.rawValue)) ?? .unspecified
            return .failure(Refusal(code, text(refused.text)))
        default: throw .invalid(.answer)
        }
    }
}
