/// The labels of values that may have several.
///
/// The bounds of all ranges cut the values into segments, and a binary tree stands over these: node n's children are
/// 2n and 2n + 1, the segments come last. Each range is noted at the few nodes whose segments it is made of, at most
/// two of each level. So a value's labels are those noted on the way from its segment to the root, and each node has
/// its own in order of declaration. However ranges lie, memory is O(ranges x log(ranges)), and a label is found without
/// a look at those that the value does not have.
@usableFromInline
struct LabelTree: BitwiseCopyable {
    /// Where segments begin, in ascending order; the first is 0.
    private let starts: UnsafeMutablePointer<UInt64>
    private let segmentCount: Int
    /// By node: where its notes begin. One more than there are nodes.
    private let firstNotes: UnsafeMutablePointer<UInt32>
    /// Indexes of mappings.
    private let notes: UnsafeMutablePointer<UInt32>

    /// - Parameter ranges: in the order of their mappings, at least one. There are far less than 2^24, and each is
    ///   noted less than 2 x 26 times: all numbers fit.
    init(_ ranges: [EnumerationLookup.Range]) {
        var bounds: [UInt64] = [0]
        for range in ranges {
            bounds.append(range.lower)
            if range.upper < .max { bounds.append(range.upper + 1) }
        }
        bounds.sort()
        starts = .allocate(capacity: bounds.count)
        var segmentCount = 0
        for bound in bounds where segmentCount == 0 || starts[segmentCount - 1] != bound {
            (starts + segmentCount).initialize(to: bound)
            segmentCount += 1
        }
        self.segmentCount = segmentCount

        let nodeCount = 2 * segmentCount
        var nexts = [UInt32](repeating: 0, count: nodeCount + 1)
        for range in ranges {
            Self.forEachNode(of: range, starts, segmentCount) { nexts[$0 + 1] += 1 }
        }
        for node in 0..<nodeCount { nexts[node + 1] += nexts[node] }
        firstNotes = .allocate(capacity: nodeCount + 1)
        firstNotes.initialize(from: nexts, count: nodeCount + 1)
        let notes = UnsafeMutablePointer<UInt32>.allocate(capacity: Int(nexts[nodeCount]))
        for range in ranges {
            Self.forEachNode(of: range, starts, segmentCount) { node in
                (notes + Int(nexts[node])).initialize(to: range.mapping)
                nexts[node] += 1
            }
        }
        self.notes = notes
    }

    func deallocate() {
        starts.deallocate()
        firstNotes.deallocate()
        notes.deallocate()
    }

    var noteCount: Int { Int(firstNotes[2 * segmentCount]) }

    /// The first mapping after `last` that has `value`.
    @usableFromInline @inline(never)
    func mapping(of value: UInt64, after last: Int) -> Int? {
        var found: Int?
        var node = Self.segment(of: value, starts, segmentCount) + segmentCount
        while node > 0 {
            if let note = note(at: node, after: last), note < found ?? .max { found = note }
            node /= 2
        }
        return found
    }

    private func note(at node: Int, after last: Int) -> Int? {
        var low = Int(firstNotes[node])
        let end = Int(firstNotes[node + 1])
        var high = end
        while low < high {
            let middle = (low + high) / 2
            if Int(notes[middle]) <= last { low = middle + 1 } else { high = middle }
        }
        return low < end ? Int(notes[low]) : nil
    }

    /// The segment that holds `value`.
    private static func segment(of value: UInt64, _ starts: UnsafeMutablePointer<UInt64>, _ count: Int) -> Int {
        var low = 1
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if starts[middle] <= value { low = middle + 1 } else { high = middle }
        }
        return low - 1
    }

    /// The nodes whose segments a range is made of.
    private static func forEachNode(
        of range: EnumerationLookup.Range,
        _ starts: UnsafeMutablePointer<UInt64>,
        _ segmentCount: Int,
        _ body: (Int) -> Void
    ) {
        var left = segment(of: range.lower, starts, segmentCount) + segmentCount
        var right = segment(of: range.upper, starts, segmentCount) + segmentCount + 1
        while left < right {
            if left % 2 == 1 {
                body(left)
                left += 1
            }
            if right % 2 == 1 {
                right -= 1
                body(right)
            }
            left /= 2
            right /= 2
        }
    }
}
