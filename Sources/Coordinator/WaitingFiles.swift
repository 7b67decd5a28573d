/// Files of one stream in the order in which their next packets begin: a binary heap.
struct WaitingFiles {
    private struct Entry {
        var beginNs: Int64
        /// Decides between packets that begin at one time.
        var place: Int
        var file: Int

        func isBefore(_ other: Entry) -> Bool { (beginNs, place) < (other.beginNs, other.place) }
    }

    /// No entry is before that of half its index: its parent.
    private var heap: [Entry] = []
    private var firstPlace = 0
    private var lastPlace = 0

    var isEmpty: Bool { heap.isEmpty }

    /// When the first file's packet begins, nanoseconds; nil when there is none.
    var firstBeginNs: Int64? { heap.first?.beginNs }

    /// Adds a file behind those that begin at the same time.
    /// - Complexity: O(log files), as all that changes the heap.
    mutating func add(_ file: Int, beginNs: Int64) {
        lastPlace += 1
        push(Entry(beginNs: beginNs, place: lastPlace, file: file))
    }

    /// Adds a file before those that begin at the same time.
    mutating func addBeforeEqual(_ file: Int, beginNs: Int64) {
        firstPlace -= 1
        push(Entry(beginNs: beginNs, place: firstPlace, file: file))
    }

    private mutating func push(_ entry: Entry) {
        heap.append(entry)
        var index = heap.count - 1
        while index > 0, heap[index].isBefore(heap[(index - 1) / 2]) {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    /// Takes the first file away.
    mutating func popFirst() -> Int? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        guard !heap.isEmpty else { return first.file }
        heap[0] = last
        var index = 0
        while true {
            let left = 2 * index + 1
            guard left < heap.count else { break }
            let least = left + 1 < heap.count && heap[left + 1].isBefore(heap[left]) ? left + 1 : left
            guard heap[least].isBefore(heap[index]) else { break }
            heap.swapAt(index, least)
            index = least
        }
        return first.file
    }
}
