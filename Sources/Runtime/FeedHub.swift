import Feed
import FeedLog
import Logging
import NIOCore

/// Numbers, encodes and logs the coordinator's batches, and wakes the subscribers that wait for them.
///
/// Confined to the feed's event loop, on which the subscribers' connections live as well. Each batch is encoded once;
/// what a subscriber without restriction gets are the log's own bytes.
final class FeedHub: BatchConsumer, @unchecked Sendable {
    let loop: any EventLoop
    let feed: FeedIdentity
    let limits: SubscriberLimits
    let logger: Logger
    /// Batches that wait for the loop.
    let gate: QueueGate
    private var encoder: FrameEncoder
    private var log: MemoryLog
    private var subscribers: [ObjectIdentifier: SubscriberChannel] = [:]
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

    init(loop: any EventLoop, feed: FeedIdentity, retainedBytes: Int, limits: SubscriberLimits, logger: Logger) {
        self.loop = loop
        self.feed = feed
        self.limits = limits
        self.logger = logger
        gate = QueueGate(waitingMax: limits.waitingBatches, waitingMin: limits.waitingBatches / 4)
        encoder = FrameEncoder(feed: feed)
        log = MemoryLog(feed: feed, limits: Self.logLimits(retainedBytes, limits))
    }

    /// May be called from any thread; batches keep the order of the calls.
    func publish(_ batch: FeedBatch) {
        gate.enter()
        loop.execute {
            self.append(batch)
            self.gate.leave()
        }
    }

    private func append(_ batch: FeedBatch) {
        do throws(FeedError) {
            for publication in try encoder.encode(batch) { try log.append(publication) }
        } catch {
            // Our own batch does not fit our own format: said, and the feed goes on behind it.
            logger.error("a batch cannot be published", metadata: ["error": "\(error)"])
            return
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
        // Of hosts with as many, the one that came first: so that the choice does not hang on the order of a dictionary.
        let most = ofHost.compactMap { group in
            group.min(by: { $0.arrival < $1.arrival }).map { (count: group.count, oldest: $0) }
        }
        return most.max { ($0.count, $1.oldest.arrival) < ($1.count, $0.oldest.arrival) }?.oldest
    }

    /// Finds where a subscription begins. The subscriber is let in.
    func open(_ start: SubscriptionStart) throws(Refusal) -> SubscriptionOpening {
        guard !isStopping else { throw Refusal(.stopping, "the coordinator is about to stop") }
        guard admittedCount < limits.subscribers else {
            countRefusal("there are \(limits.subscribers) subscribers")
            throw Refusal(.busy, "the coordinator has as many subscribers as it serves, \(limits.subscribers)")
        }
        let opening = try log.open(start)
        admittedCount += 1
        return opening
    }

    func read(after sequence: UInt64, limitBytes: Int) -> LogRead {
        log.read(after: sequence, limitBytes: limitBytes)
    }

    func remove(_ subscriber: SubscriberChannel) {
        guard subscribers.removeValue(forKey: ObjectIdentifier(subscriber)) != nil else { return }
        if subscriber.isAdmitted { admittedCount -= 1 }
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

    /// How much of the log is kept from now on. May be called from any thread.
    func setRetainedBytes(_ bytes: Int) {
        loop.execute { self.log.setLimits(Self.logLimits(bytes, self.limits)) }
    }

    private static func logLimits(_ retainedBytes: Int, _ limits: SubscriberLimits) -> MemoryLog.Limits {
        MemoryLog.Limits(
            retainedBytes: retainedBytes,
            // A log that is small keeps to its size.
            checkpointBytes: min(limits.checkpointBytes, max(retainedBytes / 8, 1))
        )
    }

    /// Trust or rules have changed: whoever sees something else now has to subscribe again. May be called from any thread.
    func accessHasChanged() {
        loop.execute {
            for subscriber in self.subscribers.values { subscriber.review() }
        }
    }

    /// Lets every subscriber have what the log has, then closes it; whoever does not take it in time is cut off.
    /// - Returns: when all are closed, and no later than `SubscriberLimits.drain`.
    func drain() -> EventLoopFuture<Void> {
        loop.flatSubmit {
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
}
