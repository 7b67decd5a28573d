package import Feed

/// The ordered frames of a feed: what was published, for as long as it is kept.
///
/// Not thread-safe: the shell guards it. Frames are shared, never copied. A subscriber's cursor is the number of the
/// last frame that it got: it pins nothing, and when what follows is gone, it is told so.
package protocol FrameLog: ~Copyable {
    var feed: FeedIdentity { get }
    /// The oldest frame that is kept; nil when there is none.
    var oldestSequence: UInt64? { get }
    /// The newest frame; 0 before the first.
    var newestSequence: UInt64 { get }
    /// W after the newest frame, nanoseconds since the Unix epoch.
    var watermarkNs: Int64? { get }
    /// Bytes of the frames that are kept.
    var retainedBytes: Int { get }

    /// Appends a frame and drops the oldest ones beyond the limit.
    /// - Throws: `sequenceBroken` when it is not the next one; what `FeedState.fold` throws.
    mutating func append(_ publication: Publication) throws(FeedError)

    /// Frames after `sequence`, at most `limitBytes` of them, but at least one if there is one.
    /// - Parameter sequence: where the cursor stands: `opening.state.sequence`, then the last frame read.
    func read(after sequence: UInt64, limitBytes: Int) -> LogRead

    /// Finds where a subscription begins; its first frame is `opening.state.sequence + 1`.
    /// - Throws: a refusal when the token is of another feed, or of a frame that was never written.
    func open(_ start: SubscriptionStart) throws(Refusal) -> SubscriptionOpening
}

/// What a cursor finds.
package enum LogRead: Sendable {
    /// At least one, in order.
    case frames([EncodedFrame])
    /// Nothing new.
    case atEnd
    /// The next frames are gone: go on after this opening (`Subscription.reopened`), which names the gap.
    case fallenOut(SubscriptionOpening)
}
