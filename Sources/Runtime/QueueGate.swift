import NIOCore
import Synchronization

/// Counts what waits in a queue, and tells whoever fills it when it is full and when there is room again.
///
/// May be used from any thread. What is told is told in turn, and the last word is always right: the filler is never
/// left held by a queue that has room.
final class QueueGate: Sendable {
    /// What is known of something that waits.
    struct Entry: Sendable {
        /// When it came.
        let at = NIODeadline.now()
        /// The time of its newest event, nanoseconds since the Unix epoch; nil without events.
        var newestEventNs: Int64?
    }

    private struct Queue {
        /// What waits, oldest first.
        var entries = CircularBuffer<Entry>()
        var waiting: Int { entries.count }
        var isFull = false
        var isBlocked = false
    }

    private struct Listener {
        var isHeld = false
        var tell: (@Sendable (Bool) -> Void)?
    }

    private let waitingMax: Int
    private let waitingMin: Int
    private let queue = Mutex(Queue())
    private let listener = Mutex(Listener())

    /// - Parameters:
    ///   - waitingMax: full with so many.
    ///   - waitingMin: has room again with so many.
    init(waitingMax: Int, waitingMin: Int) {
        precondition(waitingMin < waitingMax)
        self.waitingMax = waitingMax
        self.waitingMin = waitingMin
    }

    /// - Parameter held: told true when the queue is full, false when there is room again; it must not use the gate.
    func connect(_ held: @escaping @Sendable (Bool) -> Void) {
        listener.withLock { $0.tell = held }
    }

    /// How many wait.
    var waitingCount: Int { queue.withLock { $0.waiting } }

    /// One more waits.
    func enter(_ entry: Entry = Entry()) {
        let isNews = queue.withLock { queue in
            queue.entries.append(entry)
            guard !queue.isFull, queue.waiting >= waitingMax else { return false }
            queue.isFull = true
            return true
        }
        if isNews { tell() }
    }

    /// The oldest waits no longer.
    /// - Returns: what was said of it when it came.
    @discardableResult
    func leave() -> Entry? {
        let (entry, isNews) = queue.withLock { queue in
            let entry = queue.entries.popFirst()
            guard queue.isFull, queue.waiting <= waitingMin else { return (entry, false) }
            queue.isFull = false
            return (entry, true)
        }
        if isNews { tell() }
        return entry
    }

    /// Whether the filler is held however few wait.
    func setBlocked(_ isBlocked: Bool) {
        queue.withLock { $0.isBlocked = isBlocked }
        tell()
    }

    private func tell() {
        listener.withLock { listener in
            let isHeld = queue.withLock { $0.isFull || $0.isBlocked }
            guard isHeld != listener.isHeld else { return }
            listener.isHeld = isHeld
            listener.tell?(isHeld)
        }
    }
}
