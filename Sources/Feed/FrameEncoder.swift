/// A batch as it left: numbered, and as a frame.
package struct Publication: Sendable {
    package let frame: EncodedFrame
    /// What the frame says.
    package let batch: FeedBatch
}

/// Turns batches into frames: encodes each once, for the log and all raw subscribers.
///
/// Confined to one thread. One allocation a frame (its bytes); everything else comes from an arena that is used again.
package struct FrameEncoder: ~Copyable {
    package let feed: FeedIdentity
    /// The number of the next frame.
    package private(set) var nextSequence: UInt64

    /// - Parameter nextSequence: 1 for a new feed, else the last logged frame's number + 1.
    package init(feed: FeedIdentity, nextSequence: UInt64 = 1, limits: FeedLimits = FeedLimits()) {
        self.feed = feed
        self.nextSequence = nextSequence
    }

    /// Numbers and encodes a batch, in more than one frame if it is too large for one; only the last of these carries the
    /// watermark. A single event that does not fit a frame is replaced by a `lost` record.
    /// - Throws: `recordTooLarge` when another record does not fit; `unreadableEvent` when a slice that has to be cut
    ///   cannot be. Nothing is numbered then.
    package mutating func encode(_ batch: FeedBatch) throws(FeedError) -> [Publication] {
        []
    }

    /// About how long the frame of `batch` will be, never less than it really is, in bytes.
    /// - Complexity: O(records + slices + late events).
    package static func estimatedBytes(_ batch: FeedBatch) -> Int {
        0
    }
}
