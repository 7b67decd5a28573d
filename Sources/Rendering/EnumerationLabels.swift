import CTF

/// The labels of a program's enumerations, looked up for each value that is printed.
///
/// Where no value of an enumeration has two labels, its ranges are sorted and found by bisection; else all are looked
/// at, in order of declaration. Bounds are kept so that unsigned comparison is right for signed enumerations too. All
/// lies in flat memory, which whoever made it frees.
struct EnumerationLabels: BitwiseCopyable {
    struct Range: BitwiseCopyable {
        var lower: UInt64
        var upper: UInt64
        /// Tells labels apart.
        var mapping: UInt32
        /// The label as it is to be printed, quoted and escaped.
        var label: LiteralArena.Literal
    }

    private let ranges: UnsafeMutablePointer<Range>
    private let count: Int
    private let isDisjoint: Bool
    private let bias: UInt64

    /// - Parameter prepare: puts a label into the arena in its printed form.
    init(_ enumeration: ProgramEnumeration, prepare: (String) -> LiteralArena.Literal) {
        let bias: UInt64 = enumeration.isSigned ? 1 << 63 : 0
        self.bias = bias
        var declared: [Range] = []
        for (number, mapping) in enumeration.mappings.enumerated() {
            let label = prepare(mapping.label)
            for range in mapping.ranges {
                let (lower, upper) = (range.lowerBits ^ bias, range.upperBits ^ bias)
                // A range whose bounds are swapped holds no value.
                guard lower <= upper else { continue }
                declared.append(Range(lower: lower, upper: upper, mapping: UInt32(clamping: number), label: label))
            }
        }
        let sorted = declared.sorted { $0.lower < $1.lower }
        isDisjoint = zip(sorted, sorted.dropFirst()).allSatisfy { $0.upper < $1.lower }
        count = declared.count
        ranges = allocated(isDisjoint ? sorted : declared)
    }

    func deallocate() {
        ranges.deallocate()
    }

    /// The next label of a value, in order of declaration.
    /// - Parameters:
    ///   - valueBits: the value's bit pattern.
    ///   - next: where to look on; 0 at first.
    ///   - last: the mapping of the label before.
    @inline(__always)
    func nextLabel(of valueBits: UInt64, from next: inout Int, last: inout UInt32) -> LiteralArena.Literal? {
        let value = valueBits ^ bias
        if isDisjoint {
            guard next == 0, let range = bisect(value) else { return nil }
            next = 1
            return range.label
        }
        while next < count {
            let range = ranges[next]
            next += 1
            if range.lower <= value, value <= range.upper, range.mapping != last {
                last = range.mapping
                return range.label
            }
        }
        return nil
    }

    @inline(__always)
    private func bisect(_ value: UInt64) -> Range? {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upper < value { low = middle + 1 } else { high = middle }
        }
        return low < count && ranges[low].lower <= value ? ranges[low] : nil
    }
}
