import Feed
import FeedLog
import Logging
import NIOCore

/// Reads the log for the timeline as a subscriber does: from the oldest frame on, then what comes, a piece at a time
/// and the next one when that has been taken. Nothing is kept for it: while it is behind, it reads older frames.
///
/// Confined to the feed's event loop, which is what `@unchecked Sendable` stands for.
final class TimelineFollower: LogFollower, @unchecked Sendable {
    /// Frame bytes that the timeline's thread is given at a time: what is asked of it waits for one such piece.
    private static let readBytes = 256 << 10
    private static let retryDelay = TimeAmount.seconds(5)

    private let hub: FeedHub
    private let lane: TimelineLane
    private let logger: Logger
    /// How often it is looked whether the log has let go of frames.
    private let dropInterval: TimeAmount
    /// Nil while there is no book.
    private var position: LogPosition?
    /// What the book holds begins behind this frame.
    private var firstSequence: UInt64 = 0
    private var droppedAt = NIODeadline.now()
    private var isBusy = false
    private var isStopped = false

    init(hub: FeedHub, lane: TimelineLane, logger: Logger, dropInterval: TimeAmount = .seconds(1)) {
        self.dropInterval = dropInterval
        self.hub = hub
        self.lane = lane
        self.logger = logger
    }

    /// From now on nothing is read.
    func stop() {
        isStopped = true
        hub.remove(self)
    }

    /// There may be something new.
    func pump() {
        guard !isBusy, !isStopped else { return }
        isBusy = true
        guard let position else { return open { self.begin($0) } }
        if hub.oldestSequence > firstSequence + 1, NIODeadline.now() - droppedAt >= dropInterval {
            droppedAt = .now()
            return open { self.drop($0) }
        }
        with(hub.read(after: position, limitBytes: Self.readBytes)) { self.take($0) }
    }

    private func open(_ body: @escaping @Sendable (StoredRead) -> Void) {
        do throws(Refusal) {
            with(try hub.opening(.earliest), body)
        } catch {
            retry("\(error.text)")
        }
    }

    private func with(_ reading: FeedHub.Reading, _ body: @escaping @Sendable (StoredRead) -> Void) {
        switch reading {
        case .now(let read): body(read)
        case .later(let read):
            read.whenComplete { result in
                // A failure: the threads that read have ended.
                if case .success(let read) = result { body(read) }
            }
        }
    }

    private func begin(_ read: StoredRead) {
        guard case .fallenOut(let opening) = read.found else { return retry("the log cannot be read") }
        begin(opening, at: read.position)
    }

    private func begin(_ opening: SubscriptionOpening, at position: LogPosition) {
        guard let checkpoint = checkpoint(opening) else { return }
        firstSequence = opening.state.sequence
        self.position = position
        lane.begin(checkpoint, opening.state, targetSequence: hub.newestSequence, done: done)
    }

    private func drop(_ read: StoredRead) {
        guard case .fallenOut(var opening) = read.found else { return end(nil) }
        opening.gap = nil
        guard let checkpoint = checkpoint(opening) else { return }
        firstSequence = opening.state.sequence
        lane.drop(checkpoint, opening.state, done: done)
    }

    private func take(_ read: StoredRead) {
        switch read.found {
        case .atEnd: isBusy = false
        case .frames(let frames):
            position = read.position
            lane.take(frames, done: done)
        case .fallenOut(let opening): begin(opening, at: read.position)
        case .unreadable: retry("the log cannot be read")
        }
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
        isBusy = false
        pump()
    }

    /// Begins anew, later.
    private func retry(_ reason: String) {
        logger.error("the timeline begins anew", metadata: ["reason": "\(printable(reason))"])
        position = nil
        hub.loop.scheduleTask(in: Self.retryDelay) {
            self.isBusy = false
            self.pump()
        }
    }
}
