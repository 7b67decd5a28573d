/// What is wrong with bytes that a peer sent as a part of the feed, or with a batch that cannot be sent.
package enum FeedError: Error, Equatable, Sendable {
    /// A message is longer than its limit: bytes announced, bytes allowed.
    case messageTooLong(UInt64, limit: Int)
    /// A message without any byte.
    case messageEmpty
    /// Not protobuf: offset in the message where a field is malformed.
    case malformed(offset: Int)
    /// Messages nest deeper than allowed.
    case nestedTooDeep(limit: Int)
    /// More fields or elements than allowed.
    case tooManyElements(limit: Int)
    /// Unpacking would need more memory than allowed.
    case memoryExceeded(limit: Int)
    /// Protobuf, but not what the feed allows there; the word names the field.
    case invalid(FeedField)
    /// A record refers to something that was not declared.
    case unknownReference(FeedField, UInt64)
    /// A frame does not follow the one before.
    case sequenceBroken(expected: UInt64, actual: UInt64)
    /// A frame came before a checkpoint.
    case checkpointMissing
    /// More traces, streams or metadata live than allowed.
    case tooMuchState(FeedField)
    /// One record alone is longer than a frame may be: bytes.
    case recordTooLarge(Int)
    /// An event of a slice that is to be cut or decoded cannot be read.
    case unreadableEvent(packetID: UInt64)
    /// The bytes end inside a message.
    case truncated
}

/// The part of the feed that an error speaks of.
package enum FeedField: String, Sendable {
    case sequence, kind, token, record, trace, metadata, stream, packet, preamble, slice, sliceBytes, order, late, relay
    case session, lost, holder, clock, gap, log, end, subscribe, start, encoding, answer, feedID, filter, cursor, source
}

extension FeedError: CustomStringConvertible {
    /// For people.
    package var description: String {
        switch self {
        case .messageTooLong(let bytes, let limit): "a message of \(bytes) bytes, where at most \(limit) are allowed"
        case .messageEmpty: "an empty message"
        case .malformed(let offset): "malformed protobuf at byte \(offset) of a message"
        case .nestedTooDeep(let limit): "messages nested deeper than \(limit)"
        case .tooManyElements(let limit): "more than \(limit) fields or elements in a message"
        case .memoryExceeded(let limit): "a message that takes more than \(limit) bytes of memory"
        case .invalid(let field): "an invalid \(field.rawValue)"
        case .unknownReference(let field, let id): "a reference to \(field.rawValue) \(id), which was not declared"
        case .sequenceBroken(let expected, let actual): "frame \(actual) where \(expected) was to come"
        case .checkpointMissing: "a frame before the first checkpoint"
        case .tooMuchState(let field): "more live state than allowed: \(field.rawValue)"
        case .recordTooLarge(let bytes): "a record of \(bytes) bytes, longer than a frame may be"
        case .unreadableEvent(let packetID): "an event of packet \(packetID) that cannot be read"
        case .truncated: "the bytes end inside a message"
        }
    }
}
