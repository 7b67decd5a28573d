package import Feed

/// A log that lives in memory and forgets the oldest frames beyond a number of bytes.
package struct MemoryLog: FrameLog, ~Copyable {
    package struct Limits: Sendable, Equatable {
        /// Bytes of frames that are kept.
        package var retainedBytes: Int
        /// A checkpoint is kept for every so many bytes of frames.
        package var checkpointBytes: Int

        package init(retainedBytes: Int = 256 << 20, checkpointBytes: Int = 8 << 20) {
            self.retainedBytes = retainedBytes
            self.checkpointBytes = checkpointBytes
        }
    }

    package let feed: FeedIdentity
    package private(set) var oldestSequence: UInt64?
    package private(set) var newestSequence: UInt64 = 0
    package private(set) var watermarkNs: Int64?
    package private(set) var retainedBytes = 0

    package init(feed: FeedIdentity, limits: Limits = Limits()) {
        self.feed = feed
    }

    package mutating func append(_ publication: Publication) throws(FeedError) {}

    package func read(after sequence: UInt64, limitBytes: Int) -> LogRead { .atEnd }

    package func open(_ start: SubscriptionStart) throws(Refusal) -> SubscriptionOpening {
        SubscriptionOpening(state: FeedState())
    }
}
