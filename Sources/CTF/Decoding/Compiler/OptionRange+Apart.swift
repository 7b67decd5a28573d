extension OptionRange {
    /// The same choice by ranges that are in order and have no value in common: where several hold a value, the first
    /// of them counts.
    /// - Complexity: O(n log n); at most twice as many ranges.
    static func apart(_ ranges: [OptionRange]) -> [OptionRange] {
        // Between two of these values, the choice is always the same.
        var starts = ranges.map(\.lower)
        for range in ranges where range.upper < .max { starts.append(range.upper + 1) }
        starts = Array(Set(starts)).sorted()

        var owners = [Int?](repeating: nil, count: starts.count)
        // From each part on, the first that has no owner; shortened on the way.
        var free = Array(0...starts.count)
        func firstFree(from part: Int) -> Int {
            var part = part
            while free[part] != part {
                free[part] = free[free[part]]
                part = free[part]
            }
            return part
        }
        for (owner, range) in ranges.enumerated() {
            var part = firstFree(from: index(of: range.lower, in: starts))
            while part < starts.count, starts[part] <= range.upper {
                owners[part] = owner
                free[part] = part + 1
                part = firstFree(from: part + 1)
            }
        }

        var result: [OptionRange] = []
        for (part, owner) in owners.enumerated() {
            guard let owner else { continue }
            let upper = part + 1 < starts.count ? starts[part + 1] - 1 : ranges[owner].upper
            if let last = result.last, last.option == ranges[owner].option, last.upper == starts[part] &- 1 {
                result[result.count - 1].upper = upper
            } else {
                result.append(OptionRange(lower: starts[part], upper: upper, option: ranges[owner].option, target: 0))
            }
        }
        return result
    }

    /// Where a value stands that is known to be there.
    private static func index(of value: UInt64, in values: [UInt64]) -> Int {
        var (low, high) = (0, values.count)
        while low < high {
            let middle = low + (high - low) / 2
            if values[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
