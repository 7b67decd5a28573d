import Coordinator
import Feed

/// What a trial's batches leave in a log: each goes through its frame, and the state through a checkpoint's frames.
struct TrialLog {
    private(set) var feed: FeedIdentity
    private(set) var frames: [EncodedFrame] = []

    init(feed: FeedIdentity = FeedIdentity(id: FeedID(high: 1, low: 2))) {
        self.feed = feed
    }

    mutating func append(_ batch: FeedBatch) {
        do {
            var encoder = FrameEncoder(feed: feed, nextSequence: UInt64(frames.count) + 1)
            frames += try encoder.encode(batch).map(\.frame)
        } catch {
            preconditionFailure("a batch that cannot be logged: \(error)")
        }
    }

    /// The last frames are lost, and another life of the feed begins.
    mutating func cut(_ count: Int) {
        frames.removeLast(count)
        feed.epoch += 1
    }

    /// What lives behind a frame.
    func state(behind sequence: UInt64) -> FeedState {
        do {
            var folder = FrameFolder(state: FeedState())
            for frame in frames[..<Int(sequence)] { try folder.fold(frame) }
            return folder.state
        } catch {
            preconditionFailure("a log that cannot be read: \(error)")
        }
    }

    /// Where the feed is by its frames: those before the middle come from a checkpoint.
    func recovered() -> RestoredFeed {
        do {
            let middle = frames.count / 2
            let first = state(behind: UInt64(middle))
            var encoder = FrameEncoder(feed: feed)
            let checkpoint = try encoder.checkpoint(SubscriptionOpening(state: first), forLog: true)
            var folder = try FrameFolder(checkpoint: checkpoint, watermarkNs: first.watermarkNs)
            for frame in frames[middle...] { try folder.fold(frame) }
            return RestoredFeed(folder.state)
        } catch {
            preconditionFailure("a log that cannot be read: \(error)")
        }
    }
}
