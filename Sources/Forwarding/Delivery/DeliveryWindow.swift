package import Feed

/// Batches on their way to a collector that answers each of them, several at a time.
///
/// A batch that the collector cannot take now is sent again after a while, and nothing else is sent meanwhile; then one
/// at a time, until one is taken. What it holds against us rather than against a batch waits longer. The feed is done
/// with up to a batch's token once that batch and all before it are taken, or refused for good. Without I/O; times are
/// nanoseconds of any clock that does not go back.
package struct DeliveryWindow: Sendable {
    package typealias BatchID = UInt64

    /// What came of sending a batch.
    package enum Outcome: Sendable, Equatable {
        /// - Parameter refused: of its events, those that the collector does not want.
        case done(refused: UInt64)
        /// Not now. - Parameter afterNs: what the collector asks for.
        case failed(afterNs: Int64)
        /// Not from us, or not there: nothing is taken until somebody does something about it.
        case held(afterNs: Int64)
    }

    private enum State: Sendable, Equatable {
        /// Next: onItsWay.
        case waiting
        /// Next: waiting, done.
        case onItsWay
        case done
    }

    private struct Batch: Sendable {
        var state = State.waiting
        var progress: TextQueue.Progress
        /// Of its events, how many count as refused.
        var refusedEvents: UInt64 = 0
    }

    /// What is over and done with.
    package struct Done: Sendable, Equatable {
        package var progress: TextQueue.Progress
        package var refusedEvents: UInt64
    }

    private let concurrency: Int
    /// By age; the first has the number `firstID`.
    private var batches: [Batch] = []
    private var firstID: BatchID = 0
    private var onTheirWay = 0
    private var isFailing = false
    private var delay: RetryDelay
    private var holdDelay: RetryDelay
    /// Nothing is sent before.
    package private(set) var pausedUntilNs: Int64 = .min
    /// Whether the pause is one that something is held against us.
    private var isHeld = false

    package init(
        concurrency: Int,
        delay: RetryDelay = RetryDelay(),
        holdDelay: RetryDelay = RetryDelay(minimumNs: 5_000_000_000, maximumNs: 300_000_000_000)
    ) {
        self.concurrency = concurrency
        self.delay = delay
        self.holdDelay = holdDelay
    }

    package var isEmpty: Bool { batches.isEmpty }
    /// Batches that are not done with, and those that wait for such.
    package var count: Int { batches.count }
    package var hasWaiting: Bool { batches.contains { $0.state == .waiting } }

    package mutating func add(_ progress: TextQueue.Progress) -> BatchID {
        batches.append(Batch(progress: progress))
        return firstID + BatchID(batches.count - 1)
    }

    /// The feed has gone on without events.
    /// - Returns: what is done with at once; nil: it is once all batches are.
    package mutating func passed(_ token: ResumeToken) -> Done? {
        guard !batches.isEmpty else { return Done(progress: .init(token: token), refusedEvents: 0) }
        batches[batches.count - 1].progress.token = token
        return nil
    }

    /// - Returns: the batch to send now; nil: none may be, or is left.
    package mutating func next(nowNs: Int64) -> BatchID? {
        guard nowNs >= pausedUntilNs, onTheirWay < (isFailing ? 1 : concurrency),
            let index = batches.firstIndex(where: { $0.state == .waiting })
        else { return nil }
        batches[index].state = .onItsWay
        onTheirWay += 1
        return firstID + BatchID(index)
    }

    /// The batch went out on a connection that the collector had closed, or it has another part: it is sent again at
    /// once.
    package mutating func unsent(_ id: BatchID) {
        guard let index = index(id) else { return }
        batches[index].state = .waiting
        onTheirWay -= 1
    }

    /// - Parameter draw: random, from 0 to 1.
    /// - Returns: what is done with by that; nil for nothing.
    package mutating func ended(_ id: BatchID, _ outcome: Outcome, nowNs: Int64, draw: Double) -> Done? {
        guard let index = index(id) else { return nil }
        onTheirWay -= 1
        switch outcome {
        case .failed(let afterNs):
            batches[index].state = .waiting
            pause(isHeld: false, afterNs, nowNs: nowNs, draw: draw)
            return nil
        case .held(let afterNs):
            batches[index].state = .waiting
            pause(isHeld: true, afterNs, nowNs: nowNs, draw: draw)
            return nil
        case .done(let refused):
            // It answers: that others are taken is worth an attempt.
            isFailing = false
            delay.succeeded()
            holdDelay.succeeded()
            batches[index].refusedEvents = min(refused, batches[index].progress.events)
        }
        batches[index].state = .done
        return takeDone()
    }

    private mutating func pause(isHeld: Bool, _ afterNs: Int64, nowNs: Int64, draw: Double) {
        isFailing = true
        let pauseNs =
            if nowNs < pausedUntilNs {
                // Those that were on their way together have failed once.
                RetryDelay.bounded(afterNs)
            } else if isHeld {
                holdDelay.failed(draw: draw, atLeastNs: afterNs)
            } else {
                delay.failed(draw: draw, atLeastNs: afterNs)
            }
        self.isHeld = isHeld
        pausedUntilNs = max(pausedUntilNs, nowNs + pauseNs)
    }

    /// What was held against us may have changed: sends at once, if one at a time.
    package mutating func resume() {
        if isHeld { pausedUntilNs = .min }
        holdDelay.succeeded()
    }

    private func index(_ id: BatchID) -> Int? {
        guard id >= firstID, id - firstID < BatchID(batches.count) else { return nil }
        let index = Int(id - firstID)
        return batches[index].state == .onItsWay ? index : nil
    }

    private mutating func takeDone() -> Done? {
        var done: Done?
        while let batch = batches.first, batch.state == .done {
            var sum = done ?? Done(progress: .init(), refusedEvents: 0)
            sum.progress.token = batch.progress.token ?? sum.progress.token
            sum.progress.events += batch.progress.events - batch.refusedEvents
            sum.refusedEvents += batch.refusedEvents
            done = sum
            batches.removeFirst()
            firstID += 1
        }
        return done
    }
}
