package import Feed
import FeedLog
package import Logging
package import NIOCore

/// Numbers, encodes and logs the coordinator's batches, and wakes the subscribers that wait for them.
///
/// Confined to the feed's event loop, on which the subscribers' connections live as well. Each batch is encoded once; what
/// a subscriber without restriction gets are the log's own bytes.
package final class FeedHub: BatchConsumer, @unchecked Sendable {
    let loop: any EventLoop
    let feed: FeedIdentity
    let logger: Logger
    private var encoder: FrameEncoder
    private var log: MemoryLog
    private var subscribers: [ObjectIdentifier: SubscriberChannel] = [:]
    private var isStopping = false

    package init(loop: any EventLoop, feed: FeedIdentity, retainedBytes: Int, logger: Logger) {
        self.loop = loop
        self.feed = feed
        self.logger = logger
        encoder = FrameEncoder(feed: feed)
        log = MemoryLog(feed: feed, limits: MemoryLog.Limits(retainedBytes: retainedBytes))
    }

    /// May be called from any thread; batches keep the order of the calls.
    package func publish(_ batch: FeedBatch) {
        loop.execute { self.append(batch) }
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

    func open(_ start: SubscriptionStart) throws(Refusal) -> SubscriptionOpening {
        guard !isStopping else { throw Refusal(.stopping, "the coordinator is about to stop") }
        return try log.open(start)
    }

    func read(after sequence: UInt64, limitBytes: Int) -> LogRead {
        log.read(after: sequence, limitBytes: limitBytes)
    }

    func add(_ subscriber: SubscriberChannel) {
        subscribers[ObjectIdentifier(subscriber)] = subscriber
    }

    func remove(_ subscriber: SubscriberChannel) {
        subscribers[ObjectIdentifier(subscriber)] = nil
    }

    var subscriberCount: Int { subscribers.count }

    /// Lets every subscriber have what the log has, then closes it; whoever does not take it in time is cut off.
    package func drain(within limit: TimeAmount) -> EventLoopFuture<Void> {
        loop.flatSubmit {
            self.isStopping = true
            let closing = self.subscribers.values.map { subscriber in
                subscriber.closeAtEnd()
                self.loop.scheduleTask(in: limit) { subscriber.cutOff() }
                return subscriber.closed
            }
            return EventLoopFuture.andAllComplete(closing, on: self.loop)
        }
    }
}
