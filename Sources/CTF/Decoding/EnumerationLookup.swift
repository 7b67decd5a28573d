/// Finds the labels of an enumeration's values.
///
/// Where no value has two labels, as in most enumerations, the ranges are sorted and a value's is found by bisection;
/// else a `LabelTree` knows. Bounds are kept so that unsigned comparison is right for signed enumerations too. All
/// lies in flat memory, which whoever made it frees.
@frozen @usableFromInline
package struct EnumerationLookup: BitwiseCopyable {
    @frozen @usableFromInline
    struct Range: BitwiseCopyable {
        @usableFromInline var lower: UInt64
        @usableFromInline var upper: UInt64
        /// Index in the enumeration's mappings.
        @usableFromInline var mapping: UInt32
    }

    /// Sorted; none where `tree` is used.
    @usableFromInline let ranges: UnsafeMutablePointer<Range>
    @usableFromInline let count: Int
    @usableFromInline let bias: UInt64
    @usableFromInline let tree: LabelTree?

    /// - Complexity: O(ranges x log(ranges)), memory too.
    package init(_ enumeration: ProgramEnumeration) {
        let bias: UInt64 = enumeration.isSigned ? 1 << 63 : 0
        var declared: [Range] = []
        for (number, mapping) in enumeration.mappings.enumerated() {
            for range in mapping.ranges {
                let (lower, upper) = (range.lowerBits ^ bias, range.upperBits ^ bias)
                // A range whose bounds are swapped holds no value.
                guard lower <= upper else { continue }
                declared.append(Range(lower: lower, upper: upper, mapping: UInt32(clamping: number)))
            }
        }
        let sorted = declared.sorted { $0.lower < $1.lower }
        let isDisjoint = zip(sorted, sorted.dropFirst()).allSatisfy { $0.upper < $1.lower }
        self.bias = bias
        count = isDisjoint ? sorted.count : 0
        ranges = .allocate(capacity: max(count, 1))
        if isDisjoint { ranges.initialize(from: sorted, count: sorted.count) }
        tree = isDisjoint ? nil : LabelTree(declared)
    }

    package func deallocate() {
        ranges.deallocate()
        tree?.deallocate()
    }

    /// How many notes on ranges are held in memory.
    package var noteCount: Int { tree?.noteCount ?? count }

    /// The next label of a value, in order of declaration, as an index in the enumeration's mappings; nil when there is
    /// no other one.
    /// - Parameters:
    ///   - valueBits: the value's bit pattern.
    ///   - last: the label before; -1 for the first one.
    /// - Complexity: O(log(ranges)), squared where values have several labels.
    @inlinable @inline(__always)
    package func mapping(of valueBits: UInt64, after last: Int) -> Int? {
        if let tree { return tree.mapping(of: valueBits ^ bias, after: last) }
        guard last < 0 else { return nil }
        return bisect(valueBits ^ bias)
    }

    @inlinable @inline(__always)
    func bisect(_ value: UInt64) -> Int? {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upper < value { low = middle + 1 } else { high = middle }
        }
        return low < count && ranges[low].lower <= value ? Int(ranges[low].mapping) : nil
    }
}
