import CTF

/// What lives in the feed after a frame: all that a subscriber needs to understand the frames behind it.
///
/// Folding every batch in turn keeps it. A value: a copy is a checkpoint.
package struct FeedState: Sendable {
    /// The last batch folded in; 0 before the first.
    package private(set) var sequence: UInt64 = 0
    /// W after it, nanoseconds since the Unix epoch.
    package private(set) var watermarkNs: Int64?

    package init() {}

    /// Takes in what `batch` changes.
    package mutating func fold(_ batch: FeedBatch) {
        sequence = batch.sequence
        watermarkNs = batch.watermarkNs ?? watermarkNs
    }
}

/// Where a subscription begins: what has to be sent before the frames after `state.sequence`.
package struct SubscriptionOpening: Sendable {
    package var state: FeedState
    /// What the subscriber asked for and cannot have.
    package var gap: GapRecord?

    package init(state: FeedState, gap: GapRecord? = nil) {
        self.state = state
        self.gap = gap
    }
}
