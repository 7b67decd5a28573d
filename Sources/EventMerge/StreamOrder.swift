/// Streams in the order of their ranks, each with a number that says its place.
///
/// A number is chosen between the neighbours' when a stream joins; only where none is left between them are all given
/// new ones, evenly spread (`insert` says so). A joining or leaving stream thus costs O(log n) comparisons and the move
/// of some of 4n bytes, and renumbering costs O(n) once in many joins.
struct StreamOrder {
    /// Ranked streams have numbers 1 ..< this; those without a rank go behind, in the order in which they came.
    static var rankedEnd: UInt64 { 0x40_0000_0000 }

    private var ranks: [StreamRank?] = []
    /// By slot.
    private(set) var numbers: [UInt64] = []
    /// Slots of ranked streams, ascending.
    private(set) var ranked: [UInt32] = []
    private var unrankedNext = StreamOrder.rankedEnd

    /// Makes room for slots less than `count`.
    mutating func reserve(_ count: Int) {
        while ranks.count < count {
            ranks.append(nil)
            numbers.append(0)
        }
    }

    /// Adds a slot that is not there. Behind those of equal rank.
    /// - Returns: whether all numbers have changed.
    mutating func insert(_ slot: Int, rank: StreamRank?) -> Bool {
        ranks[slot] = rank
        guard let rank else {
            precondition(unrankedNext < HeadKey.noneOrder, "too many streams without rank")
            numbers[slot] = unrankedNext
            unrankedNext += 1
            return false
        }
        let index = firstIndex { rank < $0 }
        ranked.insert(UInt32(slot), at: index)
        let before = index > 0 ? numbers[Int(ranked[index - 1])] : 0
        let after = index + 1 < ranked.count ? numbers[Int(ranked[index + 1])] : StreamOrder.rankedEnd
        numbers[slot] = before + (after - before) / 2
        guard numbers[slot] == before else { return false }
        renumber()
        return true
    }

    mutating func remove(_ slot: Int) {
        guard ranks[slot] != nil else { return }
        ranks[slot] = nil
        // By number, not by rank: ranks may be equal.
        let number = numbers[slot]
        var low = 0
        var high = ranked.count
        while low < high {
            let middle = (low + high) / 2
            if numbers[Int(ranked[middle])] < number { low = middle + 1 } else { high = middle }
        }
        precondition(low < ranked.count && ranked[low] == UInt32(slot), "a stream is not where it was put")
        ranked.remove(at: low)
    }

    /// The least index in `ranked` whose rank is greater, as `isGreater` says; `ranked.count` if none.
    private func firstIndex(_ isGreater: (StreamRank) -> Bool) -> Int {
        var low = 0
        var high = ranked.count
        while low < high {
            let middle = (low + high) / 2
            if let rank = ranks[Int(ranked[middle])], !isGreater(rank) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private mutating func renumber() {
        let step = StreamOrder.rankedEnd / UInt64(ranked.count + 1)
        for (index, slot) in ranked.enumerated() { numbers[Int(slot)] = step * UInt64(index + 1) }
    }

    /// Stops the program where ranks and numbers disagree.
    func checkInvariants() {
        for index in ranked.indices.dropFirst() {
            let left = Int(ranked[index - 1])
            let right = Int(ranked[index])
            precondition(numbers[left] < numbers[right], "numbers are not ascending")
            guard let leftRank = ranks[left], let rightRank = ranks[right] else { preconditionFailure("no rank") }
            precondition(leftRank <= rightRank, "ranks are not ascending")
        }
    }
}
