import CTF
import ConfigurationFile
import Feed
import FeedLog
import Logging
import NIOCore
import Observability

/// Has the coordinator's batches numbered, encoded and logged, and wakes the subscribers that wait for them.
///
/// The newest frames are in memory; where there is a log on disk, older ones are read from there, and no subscriber
/// gets a frame before it is stored. Confined to the feed's event loop, on which the subscribers' connections live as
/// well. Each batch is encoded once; what a subscriber without restriction gets are the log's own bytes.
final class FeedHub: BatchConsumer, @unchecked Sendable {
    /// What a cursor finds: at once, or when it has been read.
    enum Reading {
        case now(StoredRead)
        case later(EventLoopFuture<StoredRead>)

        func future(on loop: any EventLoop) -> EventLoopFuture<StoredRead> {
            switch self {
            case .now(let read): loop.makeSucceededFuture(read)
            case .later(let future): future
            }
        }
    }

    /// The log on disk.
    private struct Disk {
        var storage: any LogStorage
        var reading: StoredReading
        var catalogue: LogCatalogue
    }

    let loop: any EventLoop
    /// Changes with recovery only, before there is a hub.
    let history: FeedHistory
    var feed: FeedIdentity { history.feed }
    /// Changes on the loop only.
    private(set) var limits: SubscriberLimits
    let logger: Logger
    /// Batches that wait to be logged.
    let gate: QueueGate
    /// Numbers and encodes where there is no log on disk.
    private var encoder: FrameEncoder
    /// The whole log, or the end of the one on disk.
    private var tail: MemoryLog
    private var disk: Disk?
    /// What subscribers with the same view share.
    let views = ViewCache()
    /// Stores frames on disk, on a thread of its own; nil where the log is in memory.
    private let lane: LogLane?
    /// Bytes of the frames that came since the start.
    private(set) var appendedBytes: UInt64 = 0
    /// Said to everyone as long as nothing can be logged, and the number of what is said.
    private(set) var notice: (frame: ByteStorage, number: UInt64)?
    private var noticeCount: UInt64 = 0
    /// Why the log cannot be written; nil while it can.
    private(set) var logFailure: String?
    private let cursors: CursorKeeper
    private var usages: [String: IdentityUsage] = [:]
    private var subscribers: [ObjectIdentifier: SubscriberChannel] = [:]
    private var followers: [ObjectIdentifier: FeedFollower] = [:]
    /// Whether all that will ever be in the log is there.
    private(set) var hasEnded = false
    /// Of `subscribers`, those that have been let in.
    private(set) var admittedCount = 0
    /// Connections that have not subscribed.
    var waitingCount: Int { subscribers.count - admittedCount }
    /// Connections and subscriptions that were one too many.
    private(set) var refusedCount: UInt64 = 0
    /// Connections that there have been.
    private var connectionCount: UInt64 = 0
    private var refusalSaidAt: NIODeadline?
    private var isStopping = false
    /// Who serves it to LTTng live viewers.
    weak var viewers: ViewerListener?
    /// The sessions that live, and after which frame.
    private var listed: (sequence: UInt64, sessions: [FeedState.LiveSession])?
    /// What subscribers that have left were sent, bytes.
    private var leftSentBytes: UInt64 = 0
    /// By batch: how long it waited to be logged, and how old its newest event was then.
    private var queueTime = Histogram()
    private var eventDelay = Histogram()

    /// A feed whose log is in memory only.
    init(loop: any EventLoop, feed: FeedIdentity, retainedBytes: Int, limits: SubscriberLimits, logger: Logger) {
        self.loop = loop
        history = FeedHistory(feed: feed)
        self.limits = limits
        self.logger = logger
        gate = QueueGate(waitingMax: limits.waitingBatches, waitingMin: limits.waitingBatches / 4)
        encoder = FrameEncoder(feed: feed)
        tail = MemoryLog(feed: feed, limits: FeedHub.tailLimits(limits, retainedBytes: retainedBytes))
        cursors = CursorKeeper(CursorTable(), loop: loop, logger: logger, save: nil)
        lane = nil
    }

    /// A feed that goes on from a log on disk, or begins there.
    init(loop: any EventLoop, stored: consuming StoredFeed, limits: SubscriberLimits, logger: Logger) {
        let catalogue = stored.log.catalogue
        let state = stored.log.state
        self.loop = loop
        history = catalogue.history
        let feed = history.feed
        self.limits = limits
        self.logger = logger
        let gate = QueueGate(waitingMax: limits.waitingBatches, waitingMin: limits.waitingBatches / 4)
        self.gate = gate
        encoder = FrameEncoder(feed: feed)
        tail = MemoryLog(
            feed: feed,
            state: state,
            limits: FeedHub.tailLimits(limits, retainedBytes: limits.memoryBytes)
        )
        let (storage, sync, table) = (stored.storage, stored.sync, stored.cursors)
        let told = LaneNews()
        let lane = LogLane(stored.log, storage: storage, sync: sync, loop: loop, logger: logger) { told.hub?.take($0) }
        cursors = CursorKeeper(table, loop: loop, logger: logger) { lane.save($0) }
        disk = Disk(
            storage: storage,
            reading: StoredReading(storage, loop: loop),
            catalogue: catalogue
        )
        self.lane = lane
        told.hub = self
    }

    /// Who is told what the lane does. Set before the lane has anything to do, then read on the loop.
    private final class LaneNews: @unchecked Sendable {
        weak var hub: FeedHub?
    }

    private static func tailLimits(_ limits: SubscriberLimits, retainedBytes: Int) -> MemoryLog.Limits {
        // A log that is small keeps to its size.
        MemoryLog.Limits(
            retainedBytes: retainedBytes,
            checkpointBytes: min(limits.checkpointBytes, max(retainedBytes / 8, 1))
        )
    }

    /// May be called from any thread; batches keep the order of the calls.
    func publish(_ batch: FeedBatch) {
        gate.enter(QueueGate.Entry(newestEventNs: batch.floorNs))
        // The lane's thread stores while the loop serves; without one there is nothing that blocks.
        if let lane { return lane.submit(batch) }
        loop.execute {
            self.append(batch)
            self.leave()
        }
    }

    private func append(_ batch: FeedBatch) {
        do throws(FeedError) {
            for publication in try encoder.encode(batch) { try remember(publication) }
        } catch {
            // Our own batch does not fit our own format: said, and the feed goes on behind it.
            logger.error("a batch cannot be published", metadata: ["error": "\(error)"])
            return
        }
        wake()
    }

    /// There is more in the log.
    private func wake() {
        for subscriber in subscribers.values { subscriber.pump() }
        for follower in followers.values { follower.pump() }
    }

    /// A batch is in the log, from which subscribers are sent it.
    private func leave() {
        guard let entry = gate.leave() else { return }
        queueTime.record(ns: (NIODeadline.now() - entry.at).nanoseconds)
        guard let newestEventNs = entry.newestEventNs else { return }
        eventDelay.record(ns: nanoseconds(from: newestEventNs, to: WallClock.nowNs))
    }

    private func remember(_ publication: Publication) throws(FeedError) {
        try tail.append(publication)
        appendedBytes += UInt64(publication.frame.byteCount)
    }

    private func take(_ news: LogLane.News) {
        switch news {
        case .stored(let publications, let catalogue, let batches):
            do throws(FeedError) {
                for publication in publications { try remember(publication) }
            } catch {
                logger.critical("frames do not follow each other", metadata: ["error": "\(error)"])
            }
            disk?.catalogue = catalogue
            for _ in 0..<batches { leave() }
            wake()
        case .failed(let error):
            logger.error("the log cannot be written; relays are not asked for more", metadata: ["error": "\(error)"])
            gate.setBlocked(true)
            logFailure = error.reason
            say(LogRecord(condition: .failing, reason: error.reason))
        case .recovered(let heldNs):
            logger.notice("the log is written again", metadata: ["held_ms": "\(heldNs / 1_000_000)"])
            notice = nil
            logFailure = nil
            gate.setBlocked(false)
        }
    }

    /// Tells whoever is connected, now or later, as long as it holds.
    private func say(_ record: LogRecord) {
        do throws(FeedError) {
            noticeCount += 1
            notice = (try encoder.notice(.log(record), sequence: tail.newestSequence), noticeCount)
        } catch {
            logger.error("a notice cannot be encoded", metadata: ["error": "\(error)"])
        }
        for subscriber in subscribers.values { subscriber.pump() }
    }

    // MARK: Subscribers

    /// A new connection. Where too many have not subscribed yet, one of the others gives way: a client that means it
    /// has subscribed in a moment, and whoever holds connections open does not keep it out.
    /// - Returns: its number.
    func add(_ subscriber: SubscriberChannel) -> UInt64 {
        if waitingCount >= limits.pendingConnections, let other = dispensable {
            let reason = "\(limits.pendingConnections) connections have not subscribed yet"
            countRefusal(reason)
            remove(other)
            other.giveWay(reason)
        }
        subscribers[ObjectIdentifier(subscriber)] = subscriber
        connectionCount += 1
        return connectionCount
    }

    /// Of the connections that have not subscribed: the oldest that is about to be closed, or else the oldest of the
    /// host that has most of them. O(connections).
    private var dispensable: SubscriberChannel? {
        let waiting = subscribers.values.filter { !$0.isAdmitted }
        let closing = waiting.filter(\.isClosing)
        if let oldest = closing.min(by: { $0.arrival < $1.arrival }) { return oldest }
        let ofHost = Dictionary(grouping: waiting, by: \.host).values
        // Of hosts with as many, the one that came first: the choice must not hang on the order of a dictionary.
        let most = ofHost.compactMap { group in
            group.min(by: { $0.arrival < $1.arrival }).map { (count: group.count, oldest: $0) }
        }
        return most.max { ($0.count, $1.oldest.arrival) < ($1.count, $0.oldest.arrival) }?.oldest
    }

    /// Finds where a subscription begins. The subscriber is let in.
    func open(_ start: SubscriptionStart, identity: String) throws(Refusal) -> Reading {
        guard !isStopping else { throw Refusal(.stopping, "the coordinator is about to stop") }
        guard admittedCount < limits.subscribers else {
            countRefusal("there are \(limits.subscribers) subscribers")
            throw Refusal(.busy, "the coordinator has as many subscribers as it serves, \(limits.subscribers)")
        }
        let usage = usages[identity] ?? IdentityUsage(bytesPerSecond: limits.bytesPerSecondPerIdentity, now: .now())
        guard usage.connections < limits.subscribersPerIdentity else {
            refusedCount += 1
            throw Refusal(.busy, "this identity has as many subscribers as it may, \(limits.subscribersPerIdentity)")
        }
        let reading = try opening(start)
        admittedCount += 1
        usages[identity] = usage
        usage.connections += 1
        return reading
    }

    // MARK: Followers

    var newestSequence: UInt64 { tail.newestSequence }

    /// From now on it is told when there is more in the log, and now.
    func add(_ follower: FeedFollower) {
        followers[ObjectIdentifier(follower)] = follower
        follower.pump()
    }

    /// It is told nothing more.
    func remove(_ follower: FeedFollower) { followers[ObjectIdentifier(follower)] = nil }

    /// Lets followers have what the log has, and tells them that nothing follows.
    func endFollowers() -> EventLoopFuture<Void> {
        stored().map {
            self.hasEnded = true
            for follower in self.followers.values { follower.pump() }
        }
    }

    /// The sessions that live after the newest frame.
    /// - Complexity: O(sessions + traces + streams), once a frame.
    var liveSessions: [FeedState.LiveSession] {
        if let listed, listed.sequence == tail.newestSequence { return listed.sessions }
        let sessions = tail.newestState.liveSessions
        listed = (tail.newestSequence, sessions)
        return sessions
    }

    /// Finds where something begins to read: what lives there, in `StoredRead.fallenOut`.
    func opening(_ start: SubscriptionStart) throws(Refusal) -> Reading {
        guard let disk else { return .now(StoredRead(opening: try tail.open(start))) }
        let catalogue = disk.catalogue
        let memory = tail.oldestState
        switch start {
        case .earliest:
            guard !catalogue.segments.isEmpty, catalogue.oldestSequence ?? 0 <= memory.sequence else { break }
            return fromDisk(disk) { $0.openEarliest(catalogue) }
        case .latest: break
        case .time(let ns):
            guard memory.watermarkNs ?? .max > ns, memory.sequence > 0 else { break }
            return fromDisk(disk) { $0.open(catalogue, timeNs: ns) }
        case .token(let token):
            guard let sequence = try catalogue.history.place(of: token, newestSequence: tail.newestSequence) else {
                let (common, ns) = (
                    catalogue.history.lastCommonSequence(with: token.feed.epoch) ?? 0, token.watermarkNs
                )
                return fromDisk(disk, after: LogPosition(sequence: common)) {
                    $0.open(catalogue, timeNs: ns).withLostEnd(after: common)
                }
            }
            guard sequence < memory.sequence else {
                let own = ResumeToken(feed: feed, sequence: sequence, watermarkNs: token.watermarkNs)
                return .now(StoredRead(opening: try tail.open(.token(own))))
            }
            return fromDisk(disk, after: LogPosition(sequence: sequence)) { $0.open(catalogue, after: sequence) }
        }
        return .now(StoredRead(opening: try tail.open(start)))
    }

    /// What follows `position`, in memory or on disk.
    func read(after position: LogPosition, limitBytes: Int) -> Reading {
        if let disk, position.sequence < tail.oldestState.sequence {
            let catalogue = disk.catalogue
            return fromDisk(disk, after: position) { $0.read(catalogue, after: position, limitBytes: limitBytes) }
        }
        return .now(StoredRead(tail.read(after: position.sequence, limitBytes: limitBytes), after: position))
    }

    /// `opening`, for whoever is not on the loop.
    func beginning(_ start: SubscriptionStart) -> EventLoopFuture<StoredRead> {
        loop.flatSubmit {
            do throws(Refusal) {
                return try self.opening(start).future(on: self.loop)
            } catch {
                return self.loop.makeFailedFuture(error)
            }
        }
    }

    /// `read`, for whoever is not on the loop.
    func frames(after position: LogPosition, limitBytes: Int) -> EventLoopFuture<StoredRead> {
        loop.flatSubmit { self.read(after: position, limitBytes: limitBytes).future(on: self.loop) }
    }

    /// Where the disk gives neither what follows `position` nor any checkpoint behind it, memory does.
    private func fromDisk(
        _ disk: Disk,
        after position: LogPosition = LogPosition(sequence: 0),
        _ body: @escaping @Sendable (LogReader) -> StoredRead
    ) -> Reading {
        let reading = disk.reading.run(body).map { read in
            guard case .unreadable = read.found else { return read }
            var found = self.goOnInMemory(after: position)
            found.damage = read.damage
            return found
        }
        return .later(reading)
    }

    /// The oldest frame that can be read; one that is still to come where there is none.
    var oldestSequence: UInt64 { disk?.catalogue.oldestSequence ?? tail.oldestState.sequence + 1 }

    private func goOnInMemory(after position: LogPosition) -> StoredRead {
        let state = tail.oldestState
        let gap = GapRecord(
            fromSequence: position.sequence + 1,
            toSequence: state.sequence,
            reason: "the log is damaged here"
        )
        return StoredRead(opening: SubscriptionOpening(state: state, gap: gap))
    }

    /// Where a subscriber goes on that does not wait for what it has missed.
    func goOnNow(after position: LogPosition) -> StoredRead {
        let state = tail.newestState
        let gap = GapRecord(
            fromSequence: position.sequence + 1,
            toSequence: state.sequence,
            reason: "the subscriber was slower than the feed, and asked not to wait"
        )
        return StoredRead(opening: SubscriptionOpening(state: state, gap: gap))
    }

    /// See `Welcome.commonSequence`.
    func commonSequence(of start: SubscriptionStart) -> UInt64 {
        guard disk != nil else { return 0 }
        var epoch = feed.epoch - 1
        if case .token(let token) = start, token.feed.epoch < feed.epoch { epoch = token.feed.epoch }
        return history.lastCommonSequence(with: epoch) ?? 0
    }

    func remove(_ subscriber: SubscriberChannel) {
        guard subscribers.removeValue(forKey: ObjectIdentifier(subscriber)) != nil else { return }
        leftSentBytes += subscriber.sentBytes
        guard subscriber.isAdmitted else { return }
        admittedCount -= 1
        guard let usage = usages[subscriber.identity] else { return }
        usage.connections -= 1
        // What it has used of its second is forgotten with its last connection, unless it owes.
        if usage.connections == 0, usage.delay(now: .now()) == nil { usages[subscriber.identity] = nil }
    }

    func usage(of identity: String) -> IdentityUsage? { usages[identity] }

    // MARK: Cursors

    /// - Returns: nil where there is no cursor, or one at a frame that the feed does not have.
    func cursor(_ key: CursorTable.Key) -> ResumeToken? {
        guard let token = cursors.table.token(of: key) else { return nil }
        do throws(Refusal) {
            try check(token)
            return token
        } catch {
            logger.warning("a cursor stands nowhere", metadata: ["reason": "\(error.text)"])
            return nil
        }
    }

    private func check(_ token: ResumeToken) throws(Refusal) {
        _ = try history.place(of: token, newestSequence: tail.newestSequence)
    }

    /// - Throws: a refusal when the token is none of this feed.
    func acknowledge(_ key: CursorTable.Key, _ token: ResumeToken) throws(Refusal) {
        try check(token)
        cursors.move(key, to: token)
    }

    /// Says at most once a second that somebody was one too many: whoever knocks often does not fill the log.
    private func countRefusal(_ reason: String) {
        refusedCount += 1
        let now = NIODeadline.now()
        if let said = refusalSaidAt, now - said < .seconds(1) { return }
        refusalSaidAt = now
        logger.warning(
            "connection refused: too many",
            metadata: ["reason": "\(reason)", "refused": "\(refusedCount)"]
        )
    }

    /// What is kept of the log, and what one identity may use, from now on. May be called from any thread.
    func reconfigure(log: Configuration.Log, limits: Configuration.Limits) {
        loop.execute {
            self.limits.subscribersPerIdentity = limits.connections
            self.limits.bytesPerSecondPerIdentity = limits.bytesPerSecond
            for usage in self.usages.values { usage.setRate(limits.bytesPerSecond, now: .now()) }
            if let lane = self.lane {
                lane.setRetention(bytes: log.retainBytes, ns: log.retainAgeNs)
            } else {
                self.tail.setLimits(FeedHub.tailLimits(self.limits, retainedBytes: Int(clamping: log.retainBytes)))
            }
            // Whoever was held back by the old rate.
            for subscriber in self.subscribers.values { subscriber.pump() }
        }
    }

    /// Trust or rules have changed: whoever sees something else now has to subscribe again. May be called from any
    /// thread.
    func accessHasChanged() {
        loop.execute {
            for subscriber in self.subscribers.values { subscriber.review() }
        }
    }

    /// How log, subscribers and viewers stand. May be called from any thread.
    func snapshot() -> EventLoopFuture<HubSnapshot> {
        loop.flatSubmit {
            let segments = self.disk?.catalogue.segments
            let snapshot = HubSnapshot(
                sequence: self.tail.newestSequence,
                logBytes: segments?.reduce(0) { $0 + $1.byteCount } ?? UInt64(self.tail.retainedBytes),
                segmentCount: segments?.count,
                oldestNs: segments?.first?.createdNs,
                isFailing: self.notice != nil,
                waitingBatches: self.gate.waitingCount,
                queueTime: self.queueTime,
                eventDelay: self.eventDelay,
                subscribers: self.subscribers.values.filter(\.isAdmitted).map(\.snapshot),
                waitingConnections: self.waitingCount,
                connections: self.connectionCount,
                refused: self.refusedCount,
                sentBytes: self.subscribers.values.reduce(self.leftSentBytes) { $0 + $1.sentBytes }
            )
            guard let viewers = self.viewers else { return self.loop.makeSucceededFuture(snapshot) }
            return viewers.snapshot().map { viewers in
                var snapshot = snapshot
                snapshot.viewers = viewers
                return snapshot
            }
        }
    }

    // MARK: Ending

    /// Lets every subscriber have what the log has, then closes it; whoever does not take it in time is cut off.
    /// - Returns: when all are closed, and no later than `SubscriberLimits.drain`.
    func drain() -> EventLoopFuture<Void> {
        stored().flatMap {
            self.isStopping = true
            let closing = self.subscribers.values.map { subscriber in
                subscriber.closeAtEnd()
                return subscriber.closed
            }
            let all = EventLoopFuture.andAllComplete(closing, on: self.loop)
            let end = self.loop.scheduleTask(in: self.limits.drain) {
                for subscriber in self.subscribers.values { subscriber.giveWay("the feed has ended") }
            }
            all.whenComplete { _ in end.cancel() }
            return all
        }
    }

    /// Succeeds when all that was published is stored, or cannot be in time.
    private func stored() -> EventLoopFuture<Void> {
        loop.flatSubmit {
            guard let lane = self.lane else { return self.loop.makeSucceededVoidFuture() }
            let promise = self.loop.makePromise(of: Void.self)
            let timeout = self.loop.scheduleTask(in: self.limits.closing) {
                self.logger.error("what was published last cannot be logged in time")
                promise.succeed()
            }
            lane.flush().whenComplete { _ in
                timeout.cancel()
                promise.succeed()
            }
            return promise.futureResult
        }
    }

    /// Ends the threads of the log on disk. Called once, after `drain`.
    func close() async {
        guard let disk, let lane else { return }
        try? await loop.submit { self.cursors.saveNow() }.get()
        await disk.reading.close()
        disk.storage.close(isWhole: await lane.close())
    }
}

extension StoredRead {
    fileprivate init(opening: SubscriptionOpening) {
        self.init(found: .fallenOut(opening), position: LogPosition(sequence: opening.state.sequence))
    }

    fileprivate init(_ read: LogRead, after position: LogPosition) {
        switch read {
        case .frames(let frames):
            let last = frames.last?.sequence ?? position.sequence
            self.init(found: .frames(frames), position: LogPosition(sequence: last))
        case .atEnd: self.init(found: .atEnd, position: position)
        case .fallenOut(let opening): self.init(opening: opening)
        }
    }

    /// The opening of a subscriber that has seen frames after `common` which were lost since then.
    fileprivate func withLostEnd(after common: UInt64) -> StoredRead {
        guard case .fallenOut(var opening) = found else { return self }
        opening.gap = GapRecord(
            fromSequence: min(common, opening.state.sequence) + 1,
            toSequence: opening.state.sequence,
            reason: "the end of the log was lost; late events may be missing"
        )
        return StoredRead(found: .fallenOut(opening), position: position, damage: damage)
    }
}
