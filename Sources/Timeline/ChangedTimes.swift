/// In which ranges of time counts have changed lately.
struct ChangedTimes: Sendable {
    private static let changesMax = 1024
    private var changes: [(revision: UInt64, range: ClosedRange<Int64>)] = []
    /// Changes up to this revision are forgotten.
    private var forgotten: UInt64 = 0

    mutating func append(_ range: ClosedRange<Int64>?, revision: UInt64) {
        guard let range else { return }
        if changes.count >= Self.changesMax {
            let half = changes.count / 2
            forgotten = changes[half - 1].revision
            changes.removeFirst(half)
        }
        changes.append((revision, range))
    }

    /// The ranges in which counts have changed after a revision: ascending, apart from each other.
    /// - Parameter limit: how many at most, > 0; those that lie closest to each other become one.
    /// - Returns: all of time where the revision is too old.
    func ranges(since revision: UInt64, limit: Int) -> [ClosedRange<Int64>] {
        guard revision >= forgotten else { return [.min ... .max] }
        let found = changes.filter { $0.revision > revision }.map(\.range)
            .sorted { $0.lowerBound < $1.lowerBound }
        var joined: [ClosedRange<Int64>] = []
        for range in found {
            if let last = joined.last, range.lowerBound <= last.upperBound {
                joined[joined.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                joined.append(range)
            }
        }
        guard joined.count > limit else { return joined }
        // The widest gaps stay.
        let gaps = joined.indices.dropFirst().sorted {
            Self.gap(joined[$0 - 1], joined[$0]) > Self.gap(joined[$1 - 1], joined[$1])
        }
        let cuts = gaps.prefix(limit - 1).sorted() + [joined.count]
        var first = 0
        return cuts.map { end in
            defer { first = end }
            return joined[first].lowerBound...joined[end - 1].upperBound
        }
    }

    private static func gap(_ left: ClosedRange<Int64>, _ right: ClosedRange<Int64>) -> UInt64 {
        UInt64(bitPattern: right.lowerBound &- left.upperBound)
    }
}
