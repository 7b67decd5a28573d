import CTF

/// The labels of an enumeration's values, looked up for each value that is printed.
///
/// Where no value has two labels, ranges are sorted and found by bisection; else all are looked at, in order of
/// declaration. Bounds are kept so that unsigned comparison is right for signed enumerations too.
struct EnumerationLabels {
    private struct Range: BitwiseCopyable {
        var lower: UInt64
        var upper: UInt64
        var label: UInt32
    }

    private let ranges: [Range]
    private let areDisjoint: Bool
    private let bias: UInt64
    /// The labels as they are to be printed, quoted and escaped.
    let labels: [LiteralArena.Literal]

    /// - Parameter prepare: puts a label into the arena in its printed form.
    init(_ mappings: [EnumerationMapping], isSigned: Bool, prepare: (String) -> LiteralArena.Literal) {
        let bias: UInt64 = isSigned ? 1 << 63 : 0
        self.bias = bias
        labels = mappings.map { prepare($0.label) }
        var all: [Range] = []
        for (label, mapping) in mappings.enumerated() {
            for range in mapping.ranges {
                all.append(Range(lower: range.lowerBits ^ bias, upper: range.upperBits ^ bias, label: UInt32(label)))
            }
        }
        let sorted = all.sorted { $0.lower < $1.lower }
        areDisjoint = zip(sorted, sorted.dropFirst()).allSatisfy { $0.upper < $1.lower }
        ranges = areDisjoint ? sorted : all
    }

    /// Calls `body` with each label of `valueBits`, once, in order of declaration.
    @inline(__always)
    func forEachLabel(of valueBits: UInt64, _ body: (LiteralArena.Literal) -> Void) {
        let value = valueBits ^ bias
        guard areDisjoint else { return forEachOverlapping(value, body) }
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upper < value { low = middle + 1 } else { high = middle }
        }
        guard low < ranges.count, ranges[low].lower <= value else { return }
        body(labels[Int(ranges[low].label)])
    }

    private func forEachOverlapping(_ value: UInt64, _ body: (LiteralArena.Literal) -> Void) {
        var last: UInt32?
        for range in ranges where range.lower <= value && value <= range.upper && range.label != last {
            last = range.label
            body(labels[Int(range.label)])
        }
    }
}
