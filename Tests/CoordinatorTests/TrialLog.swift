import Coordinator
import Feed

/// What a trial's batches leave in a log: each goes through its frame, and the state through a checkpoint's frames.
struct TrialLog {
    private(set) var frames: [EncodedFrame] = []

    mutating func append(_ batch: FeedBatch) {
        do {
            var encoder = FrameEncoder(feed: Self.feed, nextSequence: UInt64(frames.count) + 1)
            frames += try encoder.encode(batch).map(\.frame)
        } catch {
            preconditionFailure("a batch that cannot be logged: \(error)")
        }
    }

    /// Where the feed is by its frames: those before the middle come from a checkpoint.
    func recovered() -> RestoredFeed {
        do {
            let middle = frames.count / 2
            var first = FrameFolder(state: FeedState())
            for frame in frames[..<middle] { try first.fold(frame) }
            var encoder = FrameEncoder(feed: Self.feed)
            let checkpoint = try encoder.checkpoint(SubscriptionOpening(state: first.state), forLog: true)
            var folder = try FrameFolder(checkpoint: checkpoint, watermarkNs: first.state.watermarkNs)
            for frame in frames[middle...] { try folder.fold(frame) }
            return RestoredFeed(folder.state)
        } catch {
            preconditionFailure("a log that cannot be read: \(error)")
        }
    }

    private static let feed = FeedIdentity(id: FeedID(high: 1, low: 2))
}
