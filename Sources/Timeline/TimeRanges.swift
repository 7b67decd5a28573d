/// Times, as ascending ranges that do not touch.
struct TimeRanges: Sendable, Equatable {
    private(set) var ranges: [Range<Int64>] = []

    /// - Complexity: O(ranges).
    mutating func insert(_ range: Range<Int64>) {
        guard !range.isEmpty else { return }
        var joined = range
        var others: [Range<Int64>] = []
        for other in ranges {
            if other.upperBound < range.lowerBound || other.lowerBound > range.upperBound {
                others.append(other)
            } else {
                joined = min(joined.lowerBound, other.lowerBound)..<max(joined.upperBound, other.upperBound)
            }
        }
        others.append(joined)
        ranges = others.sorted { $0.lowerBound < $1.lowerBound }
    }

    mutating func drop(beforeNs: Int64) {
        ranges = ranges.compactMap { range in
            range.upperBound > beforeNs ? max(range.lowerBound, beforeNs)..<range.upperBound : nil
        }
    }

    /// The first part of a range that is not in them; nil where all of it is.
    func firstMissing(in range: Range<Int64>) -> Range<Int64>? {
        var lower = range.lowerBound
        for own in ranges where own.upperBound > lower {
            guard own.lowerBound > lower else {
                lower = own.upperBound
                continue
            }
            return lower < range.upperBound ? lower..<min(own.lowerBound, range.upperBound) : nil
        }
        return lower < range.upperBound ? lower..<range.upperBound : nil
    }
}
