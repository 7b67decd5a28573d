/// Numbers of which the least is always known: a tournament in an array.
///
/// Node 1 is the root, the children of node i are 2i and 2i + 1, leaf l is node `capacity + l`. Setting a leaf climbs
/// only as far as the least of a subtree changes: in a tree where all go forward at their own pace, one or two levels
/// as a rule, O(log leaves) at worst. Leaves that are not used hold `Int64.max`.
struct MinimumTree {
    private var nodes: ContiguousArray<Int64>
    /// A power of two.
    private var capacity: Int
    private var leafEnd = 0
    private var freeLeaves: [Int] = []

    init() {
        capacity = 1
        nodes = [.max, .max]
    }

    /// The least of all leaves; `Int64.max` where there is none.
    var least: Int64 { nodes[1] }

    /// The first leaf that holds the least.
    var leastLeaf: Int {
        var node = 1
        while node < capacity { node = nodes[node * 2] == nodes[node] ? node * 2 : node * 2 + 1 }
        return node - capacity
    }

    subscript(leaf: Int) -> Int64 { nodes[capacity + leaf] }

    /// Whether a leaf from `first` on holds more than `value`, and less than `Int64.max`. O(leaves).
    func hasMore(than value: Int64, from first: Int) -> Bool {
        for leaf in first..<max(first, leafEnd) where self[leaf] > value && self[leaf] < .max { return true }
        return false
    }

    /// Adds a leaf: the lowest number that was never used, or one that was removed.
    mutating func add(_ value: Int64) -> Int {
        let leaf: Int
        if let free = freeLeaves.popLast() {
            leaf = free
        } else {
            if leafEnd == capacity { grow() }
            leaf = leafEnd
            leafEnd += 1
        }
        set(leaf, to: value)
        return leaf
    }

    mutating func remove(_ leaf: Int) {
        set(leaf, to: .max)
        freeLeaves.append(leaf)
    }

    mutating func set(_ leaf: Int, to value: Int64) {
        var node = capacity + leaf
        guard nodes[node] != value else { return }
        nodes[node] = value
        while node > 1 {
            let least = min(nodes[node], nodes[node ^ 1])
            node >>= 1
            guard nodes[node] != least else { return }
            nodes[node] = least
        }
    }

    private mutating func grow() {
        var larger = ContiguousArray<Int64>(repeating: .max, count: capacity * 4)
        for leaf in 0..<capacity { larger[capacity * 2 + leaf] = nodes[capacity + leaf] }
        capacity *= 2
        for node in stride(from: capacity - 1, to: 0, by: -1) {
            larger[node] = min(larger[node * 2], larger[node * 2 + 1])
        }
        nodes = larger
    }

    /// Stops the program where a node is not the least of its children.
    func checkInvariants() {
        for node in 1..<capacity {
            precondition(nodes[node] == min(nodes[node * 2], nodes[node * 2 + 1]), "a subtree's least is wrong")
        }
        for leaf in leafEnd..<max(leafEnd, capacity) { precondition(self[leaf] == .max, "an unused leaf counts") }
        for leaf in freeLeaves { precondition(self[leaf] == .max, "a removed leaf counts") }
    }
}
