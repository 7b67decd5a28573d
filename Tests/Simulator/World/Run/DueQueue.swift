import Coordinator
import SimulatedRelay

/// Something that is to happen.
struct Due {
    enum What {
        /// Bytes reach the relay.
        case toRelay(link: Int, attempt: Int, bytes: [UInt8])
        /// Bytes reach the coordinator.
        case toCoordinator(link: Int, attempt: Int, bytes: [UInt8])
        /// A connect reaches the relay.
        case knock(link: Int, attempt: Int)
        case connected(link: Int, attempt: Int)
        case connectFailed(link: Int, attempt: Int, reason: String)
        /// The coordinator learns that a connection is gone.
        case disconnected(link: Int, attempt: Int, reason: String)
        /// The relay learns it.
        case hungUp(relay: Int, life: Int, connection: RelayConnectionID)
        case relayWakes(Int)
        case timer(CoordinatorTimer)
        /// Of `WorldPlan.happenings`.
        case happening(Int)
        /// The subscriber takes its next piece.
        case subscriber(Int, connection: Int)
        /// All must be well by now.
        case settled
    }

    var atNs: UInt64
    /// Of two at the same time the one that was planned first comes first.
    var order: UInt64
    var what: What
}

/// What is to happen, the next first: a binary heap.
struct DueQueue {
    private var heap: [Due] = []
    private var count: UInt64 = 0

    var nextNs: UInt64? { heap.first?.atNs }

    mutating func add(_ what: Due.What, atNs: UInt64) {
        heap.append(Due(atNs: atNs, order: count, what: what))
        count += 1
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard isBefore(child, parent) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func takeFirst() -> Due? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return first }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && isBefore(child, least) {
                least = child
            }
            guard least != parent else { return first }
            heap.swapAt(parent, least)
            parent = least
        }
    }

    private func isBefore(_ left: Int, _ right: Int) -> Bool {
        (heap[left].atNs, heap[left].order) < (heap[right].atNs, heap[right].order)
    }
}
