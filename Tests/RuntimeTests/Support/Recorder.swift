import Synchronization

/// What was seen so far, and a way to wait for more of it without looking at a clock.
final class Recorder<Seen: Sendable>: Sendable {
    private struct Waiter {
        let number: Int
        let isMet: @Sendable (Seen) -> Bool
        let continuation: CheckedContinuation<Seen, Never>
    }

    private struct State {
        var seen: Seen
        var waiters: [Waiter] = []
        var waiterCount = 0
    }

    private let state: Mutex<State>

    init(_ seen: Seen) {
        state = Mutex(State(seen: seen))
    }

    var seen: Seen { state.withLock { $0.seen } }

    func update(_ change: (inout Seen) -> Void) {
        let (seen, met) = state.withLock { state in
            change(&state.seen)
            let seen = state.seen
            let met = state.waiters.filter { $0.isMet(seen) }
            if !met.isEmpty { state.waiters.removeAll { $0.isMet(seen) } }
            return (seen, met)
        }
        for waiter in met { waiter.continuation.resume(returning: seen) }
    }

    /// Waits until `isMet`. The test's time limit ends a vain wait: what was seen until then is returned.
    @discardableResult
    func until(_ isMet: @escaping @Sendable (Seen) -> Bool) async -> Seen {
        let number = state.withLock { state in
            state.waiterCount += 1
            return state.waiterCount
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let seen = state.withLock { state -> Seen? in
                    if Task.isCancelled || isMet(state.seen) { return state.seen }
                    state.waiters.append(Waiter(number: number, isMet: isMet, continuation: continuation))
                    return nil
                }
                if let seen { continuation.resume(returning: seen) }
            }
        } onCancel: {
            let (seen, waiter) = state.withLock { state in
                let index = state.waiters.firstIndex { $0.number == number }
                return (state.seen, index.map { state.waiters.remove(at: $0) })
            }
            waiter?.continuation.resume(returning: seen)
        }
    }
}
