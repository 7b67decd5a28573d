import Feed
import FeedLog
import Logging
import NIOCore

/// Reads the log for the timeline as a subscriber does: from the oldest frame on, then what comes, a piece at a time
/// and the next one when that has been taken. Nothing is kept for it: while it is behind, it reads older frames.
///
/// Confined to the feed's event loop, which is what `@unchecked Sendable` stands for.
final class TimelineFollower: @unchecked Sendable {
    /// Frame bytes that the timeline's thread is given at a time: what is asked of it waits for one such piece.
    private static let portionBytes = 256 << 10
    private static let retryDelay = TimeAmount.seconds(5)

    private let hub: FeedHub
    private let follower: FeedFollower
    private let lane: TimelineLane
    private let logger: Logger
    /// How often it is looked whether the log has let go of frames.
    private let dropInterval: TimeAmount
    /// What the book holds begins behind this frame.
    private var firstSequence: UInt64 = 0
    private var droppedAt = NIODeadline.now()
    private var isStopped = false

    init(hub: FeedHub, lane: TimelineLane, logger: Logger, dropInterval: TimeAmount = .seconds(1)) {
        self.dropInterval = dropInterval
        self.hub = hub
        // No forwarder has this name, so that there is no cursor.
        follower = FeedFollower(hub: hub, name: "", portionBytes: Self.portionBytes)
        self.lane = lane
        self.logger = logger
    }

    /// Begins a book.
    func start() {
        guard !isStopped else { return }
        follower.open(token: nil, start: .earliest).whenComplete { result in
            switch result {
            case .success(let (portion, _)):
                guard let opening = portion.opening else { return self.retry("the log cannot be read") }
                self.begin(opening)
            case .failure(let error): self.retry("\(error)")
            }
        }
    }

    /// From now on nothing is read.
    func stop() {
        isStopped = true
        follower.stop()
    }

    private func goOn() {
        guard !isStopped else { return }
        if hub.oldestSequence > firstSequence + 1, NIODeadline.now() - droppedAt >= dropInterval {
            droppedAt = .now()
            return hub.beginning(.earliest).whenComplete { self.drop($0) }
        }
        follower.next().whenComplete { result in
            // Anything else: the feed has ended.
            guard case .success(let portion?) = result else { return }
            if let opening = portion.opening { return self.begin(opening) }
            self.lane.take(portion.frames, done: self.done)
        }
    }

    private func begin(_ opening: SubscriptionOpening) {
        guard let checkpoint = checkpoint(opening) else { return }
        firstSequence = opening.state.sequence
        lane.begin(checkpoint, opening.state, targetSequence: hub.newestSequence, done: done)
    }

    private func drop(_ result: Result<StoredRead, any Error>) {
        guard case .success(let read) = result, case .fallenOut(var opening) = read.found else { return end(nil) }
        opening.gap = nil
        guard let checkpoint = checkpoint(opening) else { return }
        firstSequence = opening.state.sequence
        lane.drop(checkpoint, opening.state, done: done)
    }

    private func checkpoint(_ opening: SubscriptionOpening) -> [EncodedFrame]? {
        var encoder = FrameEncoder(feed: hub.feed)
        do throws(FeedError) {
            return try encoder.checkpoint(opening)
        } catch {
            retry("\(error)")
            return nil
        }
    }

    private var done: @Sendable (FeedError?) -> Void {
        { error in self.hub.loop.execute { self.end(error) } }
    }

    private func end(_ error: FeedError?) {
        if let error { return retry("\(error)") }
        goOn()
    }

    /// Begins anew, later.
    private func retry(_ reason: String) {
        logger.error("the timeline begins anew", metadata: ["reason": "\(printable(reason))"])
        hub.loop.scheduleTask(in: Self.retryDelay) { self.start() }
    }
}
