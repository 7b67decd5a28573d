package import CTF

/// The coordinator's side of one subscriber, without I/O: `received` until it says `open` or `refuse`; after `open` the shell
/// finds the start in the log and calls `opened`, then `frame` for each frame that the log has.
package struct Subscription: ~Copyable {
    /// What the shell does after bytes came.
    package enum Action: Sendable {
        /// Nothing yet, or nothing any more: a subscriber speaks once.
        case wait
        /// Look the start up in the log, then call `opened` or `refuse`.
        case open(SubscriptionStart)
        /// Send these bytes, then close.
        case refuse(ByteStorage, Refusal)
    }

    /// What the subscriber asked for, once it has.
    package private(set) var request: SubscribeRequest?
    /// What it may see; nil: nothing.
    package let scope: ViewScope?

    package init(
        peer: PeerIdentity, rules: [AllowRule], feed: FeedIdentity, serverName: String = "",
        limits: FeedLimits = FeedLimits()
    ) {
        scope = ViewScope(peer: peer, rules: rules)
    }

    /// Bytes came from the subscriber.
    package mutating func received(_ bytes: UnsafeRawBufferPointer) -> Action {
        .wait
    }

    /// The answer that refuses for the shell's own reason; send it, then close.
    package mutating func refuse(_ refusal: Refusal) -> ByteStorage {
        ByteStorage(capacity: 0)
    }

    /// The log has found the start.
    /// - Returns: what to send first: the welcome and the checkpoint.
    package mutating func opened(_ opening: SubscriptionOpening) throws(FeedError) -> [ByteStorage] {
        []
    }

    /// The subscriber was too slow and the log has dropped frames that it had not got.
    /// - Returns: what to send: a checkpoint that names the gap.
    package mutating func reopened(_ opening: SubscriptionOpening) throws(FeedError) -> [ByteStorage] {
        []
    }

    /// The next frame of the log.
    /// - Returns: what to send: the log's own bytes when nothing is hidden and the encoding is raw.
    package mutating func frame(_ frame: EncodedFrame) throws(FeedError) -> [ByteStorage] {
        [frame.storage]
    }
}
