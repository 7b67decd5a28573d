import Synchronization
import Timeline

/// Whose turn it is to look for a filter's events: one after the other.
final class FilterTurns: Sendable {
    /// By filters that somebody looks for: who waits, oldest first.
    private let waiting = Mutex<[TimelineBook.FilterKey: [CheckedContinuation<Void, Never>]]>([:])

    /// Waits for a turn, which has to be passed on.
    func take(_ key: TimelineBook.FilterKey) async {
        await withCheckedContinuation { continuation in
            let isFirst = waiting.withLock { waiting in
                guard waiting[key] != nil else {
                    waiting[key] = []
                    return true
                }
                waiting[key]?.append(continuation)
                return false
            }
            if isFirst { continuation.resume() }
        }
    }

    func pass(_ key: TimelineBook.FilterKey) {
        let next: CheckedContinuation<Void, Never>? = waiting.withLock { waiting in
            guard var others = waiting[key], !others.isEmpty else {
                waiting[key] = nil
                return nil
            }
            let first = others.removeFirst()
            waiting[key] = others
            return first
        }
        next?.resume()
    }
}
