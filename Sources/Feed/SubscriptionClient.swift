package import CTF

/// The subscriber's side, without I/O: send `greeting`, then feed it whatever bytes come.
package struct SubscriptionClient: ~Copyable {
    package enum Event: Sendable {
        case welcomed(Welcome)
        /// Nothing comes after it.
        case refused(Refusal)
        case frame(ReceivedFrame)
    }

    /// The bytes to send first.
    package let greeting: ByteStorage

    package init(request: SubscribeRequest, limits: FeedLimits = FeedLimits()) {
        greeting = ByteStorage(capacity: 0)
    }

    /// Bytes came, split in any way.
    /// - Returns: the events that they complete, in order.
    /// - Throws: when the coordinator breaks the protocol; the connection is then to be closed.
    package mutating func received(_ bytes: UnsafeRawBufferPointer) throws(FeedError) -> [Event] {
        []
    }

    /// The connection has ended.
    /// - Throws: `truncated` when it ended inside a message.
    package mutating func ended() throws(FeedError) {}
}
