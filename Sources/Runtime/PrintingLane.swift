package import Feed
import NIOPosix
import Synchronization

/// What became of something that was printed.
package enum PrintVerdict: Sendable, Equatable {
    case goOn
    /// No more is wanted: a limit was reached, or the reader has gone.
    case stop
}

/// Prints batches or frames on a thread of its own, in order, with a bounded queue before it.
///
/// Whoever fills the queue is told when it is full and when there is room again; nothing is dropped.
package final class PrintingLane<Element: Sendable>: Sendable {
    /// Elements that wait at most; about 1 MiB of events each.
    private static var waitingMax: Int { 32 }
    /// Elements that wait when filling goes on.
    private static var waitingMin: Int { 8 }

    private let pool = NIOThreadPool(numberOfThreads: 1)
    private let gate = QueueGate(waitingMax: waitingMax, waitingMin: waitingMin)
    private let isStopped = Mutex(false)
    private let printElement: @Sendable (Element) -> PrintVerdict
    private let stopped: Mutex<(@Sendable () -> Void)?> = Mutex(nil)

    /// - Parameter print: called on the thread, one element at a time; may block.
    package init(print: @escaping @Sendable (Element) -> PrintVerdict) {
        printElement = print
        pool.start()
    }

    /// - Parameters:
    ///   - held: told true when the queue is full, and false when there is room again.
    ///   - stopped: told once when `print` wants no more.
    package func connect(held: @escaping @Sendable (Bool) -> Void, stopped: @escaping @Sendable () -> Void) {
        gate.connect(held)
        self.stopped.withLock { $0 = stopped }
    }

    /// Puts an element into the queue. Elements are printed in the order of the calls; none after `print` wanted no
    /// more.
    package func submit(_ element: Element) {
        guard !isStopped.withLock({ $0 }) else { return }
        gate.enter()
        pool.submit { state in
            guard case .active = state else { return }
            self.take(element)
        }
    }

    private func take(_ element: Element) {
        defer { gate.leave() }
        guard !isStopped.withLock({ $0 }) else { return }
        guard printElement(element) == .stop else { return }
        isStopped.withLock { $0 = true }
        stopped.withLock { $0 }?()
    }

    /// Runs `body` on the thread after all that waits now.
    package func afterWaiting(_ body: @escaping @Sendable () -> Void) {
        pool.submit { _ in body() }
    }

    /// Runs `last` after all that waits has been printed, and ends the thread.
    package func drain(_ last: @escaping @Sendable () -> Void) async {
        await withCheckedContinuation { continuation in
            pool.submit { _ in
                last()
                continuation.resume()
            }
        }
        try? await pool.shutdownGracefully()
    }
}

extension PrintingLane: BatchConsumer where Element == FeedBatch {
    package func publish(_ batch: FeedBatch) {
        submit(batch)
    }
}
