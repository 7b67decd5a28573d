import CTF
import ConfigurationFile
import Feed
import Logging
import NIOCore
import NIOPosix
import Runtime
import Synchronization

/// One forwarder: reads the feed through its follower as its sink has room, on an event loop of its own.
///
/// All but `snapshot` is confined to that loop, which `@unchecked Sendable` stands for.
final class ForwarderLane: @unchecked Sendable {
    let configuration: Configuration.Forwarder
    let loop: any EventLoop
    let logger: Logger
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let follower: FeedFollower
    private let sink: any ForwarderSink
    private var filter: EventFilter?
    private var decoder = FrameDecoder()
    private var isAsking = false
    private var hasBegun = false
    private var isEnding = false
    private var hasEnded = false
    private let endPromise: EventLoopPromise<Void>
    private var openDelay = RetryDelay()
    private var hasSaidTrouble = false
    private let account: Mutex<ForwarderSnapshot>

    init(
        _ configuration: Configuration.Forwarder,
        follower: FeedFollower,
        logger: Logger,
        sink: (Configuration.Forwarder, any EventLoop, Logger) -> any ForwarderSink
    ) {
        var logger = logger
        logger[metadataKey: "forwarder"] = "\(configuration.name)"
        self.configuration = configuration
        self.follower = follower
        self.logger = logger
        loop = group.next()
        self.sink = sink(configuration, loop, logger)
        // The expression has been checked.
        filter = (try? ForwarderChecks.filter(of: configuration)).flatMap { $0 }.map { EventFilter($0) }
        endPromise = loop.makePromise()
        account = Mutex(ForwarderSnapshot(name: configuration.name, kind: configuration.collector.kind))
    }

    var feed: FeedIdentity { follower.feed }

    // MARK: From any thread

    func start() {
        loop.execute { self.open() }
    }

    func renewCredentials() {
        loop.execute { self.sink.renewCredentials() }
    }

    /// Ends with what the feed has, in that time, and else without.
    func finish(within time: TimeAmount) async {
        let cut = loop.scheduleTask(in: time) { self.cutOff() }
        try? await endPromise.futureResult.get()
        cut.cancel()
        try? await group.shutdownGracefully()
    }

    /// Ends at once; what was not taken is sent again by whoever goes on from the cursor.
    func stop() async {
        loop.execute { self.end() }
        try? await endPromise.futureResult.get()
        try? await group.shutdownGracefully()
    }

    func snapshot(on other: any EventLoop) -> EventLoopFuture<ForwarderSnapshot> {
        follower.place().hop(to: other).map { place in
            var snapshot = self.account.withLock { $0 }
            snapshot.lagFrames = place.newest - min(place.acknowledged, place.newest)
            return snapshot
        }
    }

    // MARK: Reading

    private func open() {
        guard !hasEnded else { return }
        let saved: ResumeToken?
        do {
            saved = try sink.savedToken()
        } catch {
            troubled("\(error)")
            let delayNs = openDelay.failed(draw: .random(in: 0...1))
            loop.scheduleTask(in: .nanoseconds(delayNs)) { self.open() }
            return
        }
        let start: SubscriptionStart = configuration.from == .now ? .latest : .earliest
        // A collector that keeps its own place and has none has nothing.
        let usesCursor = !(sink.keepsPlace && start == .earliest)
        follower.open(token: saved, start: start, usesCursor: usesCursor).hop(to: loop).whenComplete { result in
            switch result {
            case .success(let (portion, token)):
                guard !self.hasEnded else { return }
                if saved != nil, token == nil {
                    self.logger.warning("the feed is another one than before: it is forwarded as if it were new")
                }
                self.logger.info(
                    "forwarding begins",
                    metadata: [
                        "kind": "\(self.configuration.collector.kind)",
                        "after": "\(portion.opening?.state.sequence ?? 0)", "resumed": "\(token != nil)",
                    ]
                )
                self.hasBegun = true
                self.sink.begin(isResumed: saved != nil && token == saved, self)
                self.take(portion)
                self.pump()
            case .failure(let error):
                self.troubled("the log cannot be read: \(error)")
                self.logger.error("nothing is forwarded: the log cannot be read", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Asks for more if the sink has room.
    private func pump() {
        guard hasBegun, !isAsking, !isEnding, !hasEnded, sink.hasRoom else { return }
        isAsking = true
        follower.next().hop(to: loop).whenComplete { result in
            self.isAsking = false
            guard !self.hasEnded else { return }
            guard case .success(let portion?) = result else {
                self.isEnding = true
                return self.sink.finish()
            }
            self.take(portion)
            self.pump()
        }
    }

    private func take(_ portion: FeedPortion) {
        do throws(FeedError) {
            var frames: [ForwardedFrame] = []
            if let opening = portion.opening {
                note(opening.gap)
                decoder = FrameDecoder()
                var encoder = FrameEncoder(feed: follower.feed)
                for part in try encoder.checkpoint(opening) { frames.append(try forwarded(part)) }
            }
            for frame in portion.frames { frames.append(try forwarded(frame)) }
            if !frames.isEmpty { sink.take(frames) }
        } catch {
            logger.error("nothing more is forwarded: a frame cannot be read", metadata: ["error": "\(error)"])
            troubled("a frame of the log cannot be read: \(error)")
            isEnding = true
            sink.finish()
        }
    }

    private func forwarded(_ frame: EncodedFrame) throws(FeedError) -> ForwardedFrame {
        let received = try decoder.decode(frame.storage)
        return ForwardedFrame(
            batch: filter?.filtered(received.batch) ?? received.batch,
            epoch: follower.epoch(of: received.batch.sequence),
            token: received.token.flatMap { ResumeToken(text: $0) },
            isCheckpoint: received.isCheckpoint
        )
    }

    private func note(_ gap: GapRecord?) {
        guard let gap else { return }
        let missed = gap.toSequence >= gap.fromSequence ? gap.toSequence - gap.fromSequence + 1 : 0
        account.withLock { $0.missedFrames += missed }
        logger.warning(
            "frames are not forwarded: the log does not have them",
            metadata: ["from": "\(gap.fromSequence)", "to": "\(gap.toSequence)", "reason": "\(printable(gap.reason))"]
        )
    }

    // MARK: What the sink tells

    /// The collector has all up to there.
    func acknowledged(_ progress: TextQueue.Progress) {
        if let token = progress.token { follower.acknowledge(token) }
        account.withLock { $0.events += progress.events }
    }

    func sent(_ bytes: Int) {
        account.withLock { $0.sentBytes += UInt64(clamping: bytes) }
    }

    func waiting(_ bytes: Int) {
        account.withLock { $0.queueBytes = bytes }
    }

    func refused(events: UInt64) {
        account.withLock { $0.refusedEvents += events }
    }

    func damaged(events: UInt64) {
        guard events > 0 else { return }
        account.withLock { $0.damagedEvents += events }
    }

    /// There may be room again.
    func roomChanged() {
        pump()
    }

    /// The collector takes what comes.
    func delivering() {
        let was = account.withLock { account in
            defer { (account.state, account.trouble) = (.delivering, nil) }
            return account.state
        }
        if was == .connecting || hasSaidTrouble { logger.info("the collector takes the feed") }
        hasSaidTrouble = false
    }

    /// The collector does not take what comes, and is tried again.
    func troubled(_ reason: String, as state: ForwarderSnapshot.State = .retrying) {
        let reason = printable(reason)
        let before = account.withLock { account in
            defer { (account.state, account.trouble) = (state, reason) }
            account.retries += 1
            return account.trouble
        }
        // Said once, not at each of many vain attempts.
        if before != reason {
            hasSaidTrouble = true
            logger.warning("the collector does not take the feed", metadata: ["reason": "\(reason)"])
        }
    }

    /// The collector wants nothing of what came last, which is gone past: counted, and logged, by who tells it.
    func refusing(_ reason: String) {
        let reason = printable(reason)
        account.withLock { ($0.state, $0.trouble) = (.refused, reason) }
    }

    /// The sink has sent all, after `finish`.
    func ended() {
        end()
    }

    // MARK: Ending

    private func cutOff() {
        guard !hasEnded else { return }
        logger.warning("the collector did not take the end of the feed in time: it is sent at the next start")
        end()
    }

    private func end() {
        guard !hasEnded else { return }
        hasEnded = true
        account.withLock { $0.state = .ended }
        follower.stop()
        sink.stop().cascade(to: endPromise)
    }
}
