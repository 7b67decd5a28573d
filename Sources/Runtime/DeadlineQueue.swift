/// Deadlines by what they are for: the earliest is at hand, and each can be moved or taken away.
///
/// A binary heap, and beside it where each key stands in it. O(log n) a change, O(1) to look at the earliest; an event
/// loop's own queue looks through all its tasks to take one away, which with a thousand relays is most of the work.
package struct DeadlineQueue<Key: Hashable> {
    private var heap: [(atNs: UInt64, key: Key)] = []
    private var places: [Key: Int] = [:]

    package init() {}

    package var count: Int { heap.count }

    /// Nanoseconds of the clock that the deadlines are of; nil where there is none.
    package var earliestNs: UInt64? { heap.first?.atNs }

    /// Sets the key's deadline, in the place of the one it had.
    package mutating func set(_ key: Key, to atNs: UInt64) {
        if let place = places[key] {
            let before = heap[place].atNs
            heap[place].atNs = atNs
            if atNs < before { rise(from: place) } else { sink(from: place) }
        } else {
            heap.append((atNs, key))
            places[key] = heap.count - 1
            rise(from: heap.count - 1)
        }
    }

    package mutating func remove(_ key: Key) {
        guard let place = places[key] else { return }
        swap(place, heap.count - 1)
        heap.removeLast()
        places[key] = nil
        guard place < heap.count else { return }
        rise(from: place)
        sink(from: place)
    }

    package mutating func removeAll() {
        heap.removeAll()
        places.removeAll()
    }

    /// Takes a key away whose deadline has come, those of the earliest first; nil where none has.
    package mutating func takeDue(nowNs: UInt64) -> Key? {
        guard let first = heap.first, first.atNs <= nowNs else { return nil }
        remove(first.key)
        return first.key
    }

    private mutating func rise(from start: Int) {
        var place = start
        while place > 0 {
            let parent = (place - 1) / 2
            guard heap[place].atNs < heap[parent].atNs else { return }
            swap(place, parent)
            place = parent
        }
    }

    private mutating func sink(from start: Int) {
        var place = start
        while true {
            let child = 2 * place + 1
            var least = place
            if child < heap.count, heap[child].atNs < heap[least].atNs { least = child }
            if child + 1 < heap.count, heap[child + 1].atNs < heap[least].atNs { least = child + 1 }
            guard least != place else { return }
            swap(place, least)
            place = least
        }
    }

    private mutating func swap(_ left: Int, _ right: Int) {
        guard left != right else { return }
        heap.swapAt(left, right)
        places[heap[left].key] = left
        places[heap[right].key] = right
    }
}
