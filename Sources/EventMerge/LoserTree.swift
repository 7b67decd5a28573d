// A tournament of stream heads: which stream's next event is the least, and which is the second.
//
// `nodes[0]` is the overall winner; `nodes[1 ..< capacity]` are the losers of the matches, node 1 at the top, the
// children of node i at 2i and 2i + 1. The stream in slot s plays first at node (s + capacity) / 2. Each slot's head is
// thus in exactly one node, copied there whole (16 bytes), so a match reads one cache line and follows no pointer.
// A slot without an event plays with a key that loses against every event.
//
//                    nodes[0]  winner
//                       |
//                    nodes[1]
//                   /        \
//            nodes[2]        nodes[3]        losers
//            /      \        /      \
//         slot 0  slot 1  slot 2  slot 3     (not stored)
//
// The hot step is `replaceWinner`: log2(capacity) matches without a branch on their outcome. A head that is not the
// winner may change, too (`lower`, `raise`): a loser tree can do that as long as it is known in which direction.
// All keys differ (the slot is part of them), so the order is total. Confined to its owner's thread.

internal import CHints

/// A stream's next event as the tournament compares it: timestamp first, then the stream's place among equals.
///
/// A number of 127 bits in two words. Bits 63...126: timestamp + 2^63, so that unsigned order is time order. Bits
/// 24...62: order. Bits 0...23: slot. Bit 127 is 0, so that the sign of a difference says which is less.
struct HeadKey: BitwiseCopyable, Comparable {
    var high: UInt64
    var low: UInt64

    static var slotBits: UInt64 { 24 }
    /// Slots are less than this.
    static var slotCountMax: Int { 0x100_0000 }
    private static var slotMask: UInt64 { 0xff_ffff }
    private static var placeMask: UInt64 { 0x7fff_ffff_ffff_ffff }
    /// The order of a slot without an event; events' orders are less.
    static var noneOrder: UInt64 { 0x7f_ffff_ffff }

    /// - Parameter place: as `place(order:slot:)` makes it.
    @inline(__always)
    init(time: UInt64, place: UInt64) {
        high = time &>> 1
        low = time &<< 63 | place
    }

    /// The key of a slot without an event: greater than every event's.
    static func none(slot: Int) -> HeadKey {
        HeadKey(time: .max, place: place(order: noneOrder, slot: slot))
    }

    static func place(order: UInt64, slot: Int) -> UInt64 {
        order &<< slotBits | UInt64(slot)
    }

    /// Timestamp + 2^63.
    @inline(__always)
    static func time(_ timestampNs: Int64) -> UInt64 {
        UInt64(bitPattern: timestampNs) ^ 0x8000_0000_0000_0000
    }

    @inline(__always)
    static func timestampNs(_ time: UInt64) -> Int64 {
        Int64(bitPattern: time ^ 0x8000_0000_0000_0000)
    }

    @inline(__always) var time: UInt64 { high &<< 1 | low &>> 63 }
    @inline(__always) var place: UInt64 { low & HeadKey.placeMask }
    @inline(__always) var slot: Int { Int(low & HeadKey.slotMask) }
    var isNone: Bool { place &>> HeadKey.slotBits == HeadKey.noneOrder }

    @inline(__always)
    static func < (left: HeadKey, right: HeadKey) -> Bool {
        left.number < right.number
    }

    @inline(__always) private var number: UInt128 { UInt128(high) &<< 64 | UInt128(low) }

    @inline(__always)
    static func select(_ condition: Bool, _ first: HeadKey, _ second: HeadKey) -> HeadKey {
        HeadKey(
            high: tidemark_select(condition, first.high, second.high),
            low: tidemark_select(condition, first.low, second.low)
        )
    }

    @inline(__always)
    private init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

struct LoserTree: ~Copyable {
    /// A power of two, at least 2: slots 0 ..< capacity play.
    private(set) var capacity: Int
    private var nodes: UnsafeMutablePointer<HeadKey>

    /// - Parameter capacity: a power of two, at least 2; no slot has an event.
    init(capacity: Int) {
        precondition(capacity > 1 && capacity & (capacity - 1) == 0 && capacity <= HeadKey.slotCountMax)
        self.capacity = capacity
        nodes = .allocate(capacity: capacity)
        for slot in 0..<capacity { nodes[slot] = .none(slot: slot) }
        rebuild()
    }

    deinit { nodes.deallocate() }

    /// The least head.
    @inline(__always) var winner: HeadKey { nodes[0] }

    /// The least head but the winner's. O(log capacity).
    @inline(__always)
    var runnerUp: HeadKey {
        var least = HeadKey.none(slot: HeadKey.slotCountMax - 1)
        var node = (nodes[0].slot &+ capacity) &>> 1
        while node > 0 {
            let other = nodes[node]
            least = .select(other < least, other, least)
            node &>>= 1
        }
        return least
    }

    /// Gives the winner's slot another head, greater or not. O(log capacity).
    /// - Returns: the winner now.
    @inline(__always) @discardableResult
    mutating func replaceWinner(_ key: HeadKey) -> HeadKey { matches.replaceWinner(key) }

    /// The tree as long as it does not grow: for a loop that keeps it in registers.
    @inline(__always) var matches: Matches { Matches(nodes: UnsafeMutableRawPointer(nodes), capacity: UInt(capacity)) }

    struct Matches {
        fileprivate let nodes: UnsafeMutableRawPointer
        fileprivate let capacity: UInt

        /// As that of the tree.
        @inline(__always) @discardableResult
        func replaceWinner(_ key: HeadKey) -> HeadKey {
            var candidate = key
            // A node's place in bytes, so that nothing is left to compute for its address.
            var place = ((UInt(bitPattern: key.slot) &+ capacity) &>> 1) &<< 4
            repeat {
                let node = (nodes + Int(bitPattern: place)).assumingMemoryBound(to: HeadKey.self)
                let other = node.pointee
                let otherWins = other < candidate
                node.pointee = .select(otherWins, candidate, other)
                candidate = .select(otherWins, other, candidate)
                place = (place &>> 1) & ~15
            } while place != 0
            nodes.assumingMemoryBound(to: HeadKey.self).pointee = candidate
            return candidate
        }
    }

    /// Gives a slot a head that is less than its present one. O(log capacity).
    mutating func lower(_ key: HeadKey) {
        if nodes[0].slot == key.slot {
            nodes[0] = key
            return
        }
        // Up to where the slot lost: below, it has won and goes on winning.
        var node = (key.slot + capacity) >> 1
        while nodes[node].slot != key.slot { node >>= 1 }
        while true {
            // Who won at `node` lost in the nearest node above that names a slot of its subtree, or nowhere.
            let shift = capacity.trailingZeroBitCount - (Int.bitWidth - 1 - node.leadingZeroBitCount)
            var above = node >> 1
            while above > 0, (nodes[above].slot + capacity) >> shift != node { above >>= 1 }
            let rival = nodes[above]
            if rival < key {
                nodes[node] = key
                return
            }
            nodes[node] = rival
            if above == 0 {
                nodes[0] = key
                return
            }
            node = above
        }
    }

    /// Gives a slot a head that is greater than its present one. O(log capacity).
    mutating func raise(_ key: HeadKey) {
        if nodes[0].slot == key.slot {
            replaceWinner(key)
            return
        }
        var candidate = key
        var node = (key.slot + capacity) >> 1
        while nodes[node].slot != key.slot {
            if nodes[node] < candidate { swap(&nodes[node], &candidate) }
            node >>= 1
        }
        // Here the slot lost with its lesser head; who won against that wins against the candidate.
        nodes[node] = candidate
    }

    /// Doubles the capacity. O(capacity).
    mutating func grow() {
        precondition(capacity < HeadKey.slotCountMax, "too many streams")
        let larger = UnsafeMutablePointer<HeadKey>.allocate(capacity: capacity * 2)
        for index in 0..<capacity { larger[index] = nodes[index] }
        for slot in capacity..<(capacity * 2) { larger[slot] = .none(slot: slot) }
        nodes.deallocate()
        nodes = larger
        capacity *= 2
        rebuild()
    }

    /// Writes new places into all heads, in the same order as the old ones. O(capacity).
    mutating func relabel(_ place: (_ slot: Int) -> UInt64) {
        for index in 0..<capacity where !nodes[index].isNone {
            nodes[index] = HeadKey(time: nodes[index].time, place: place(nodes[index].slot))
        }
    }

    /// Plays all matches again; the heads are in `nodes` in any arrangement.
    private mutating func rebuild() {
        withUnsafeTemporaryAllocation(of: HeadKey.self, capacity: capacity * 2) { winners in
            for index in 0..<capacity { winners[nodes[index].slot + capacity] = nodes[index] }
            var node = capacity - 1
            while node > 0 {
                let left = winners[node * 2]
                let right = winners[node * 2 + 1]
                winners[node] = left < right ? left : right
                nodes[node] = left < right ? right : left
                node -= 1
            }
            nodes[0] = winners[1]
        }
    }

    /// Stops the program where the tree is not what `heads` say.
    func checkInvariants(_ head: (_ slot: Int) -> HeadKey) {
        withUnsafeTemporaryAllocation(of: HeadKey.self, capacity: capacity * 2) { winners in
            for slot in 0..<capacity { winners[slot + capacity] = head(slot) }
            var node = capacity - 1
            while node > 0 {
                let left = winners[node * 2]
                let right = winners[node * 2 + 1]
                winners[node] = min(left, right)
                precondition(nodes[node] == max(left, right), "loser of a match is wrong")
                node -= 1
            }
            precondition(nodes[0] == winners[1], "winner is wrong")
        }
    }
}
