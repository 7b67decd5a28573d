package import CTF

/// How many events there were in each column of time, a column being 2^level nanoseconds, at every level of detail.
///
/// Column c of level l holds the times from c · 2^l on, before (c + 1) · 2^l. Every fourth level is stored, the others
/// are sums of it. A stored level has the columns that are not 0, by time; its newest one stays open, and is in no
/// level
/// above until it is closed: events that come in order cost an addition for each run in one column, and their column's
/// end a few bytes in some levels. Whatever comes behind is put where it belongs. About 5 bytes an event in all levels
/// where events are alone in their finest columns, less where they are not.
package struct DensityTrack: Sendable {
    /// The least level that a track may have. So columns are less than 2^48 from 0.
    package static let leastLevel = 16
    /// The greatest level that can be asked for.
    package static let greatestLevel = 43
    /// From one stored level to the next.
    static let levelStep = 4
    private static let seriesCount = (greatestLevel - leastLevel) / levelStep + 1

    /// The finest level of which counts are kept.
    package private(set) var least: Int
    /// Of all columns together.
    package private(set) var total: UInt64 = 0
    /// Columns of the finest level before this one are not kept.
    private var firstKept: Int64 = .min
    /// From `least` on.
    private var series: [ColumnSeries]

    /// - Parameter least: `leastLevel`, or that plus a multiple of 4 up to 40; what is between is rounded up.
    package init(least: Int = leastLevel) {
        let steps = (max(0, least - Self.leastLevel) + Self.levelStep - 1) / Self.levelStep
        let skipped = min(steps, Self.seriesCount - 1)
        self.least = Self.leastLevel + skipped * Self.levelStep
        series = Array(repeating: ColumnSeries(), count: Self.seriesCount - skipped)
    }

    /// Bytes in all levels, about.
    package var byteCount: Int {
        series.reduce(32 + series.count * MemoryLayout<ColumnSeries>.stride) { $0 + $1.byteCount }
    }

    /// Where the first column that is not 0 begins, nanoseconds.
    package var firstNs: Int64? { firstColumn.map { $0 << Int64(least) } }

    private var firstColumn: Int64? {
        series[0].firstColumn
    }

    // MARK: - Counting

    /// Counts one event for each key.
    package mutating func add(_ keys: UnsafeBufferPointer<EventKey>) {
        guard let first = keys.first else { return }
        let level = Int64(least)
        let firstKept = firstKept
        var counted: UInt64 = 0
        series.withUnsafeMutableBufferPointer { series in
            var column = first.timestampNs &>> level
            var count: UInt64 = 0
            for key in keys {
                let next = key.timestampNs &>> level
                if next != column {
                    if column >= firstKept {
                        counted &+= count
                        Self.add(column: column, count: count, to: series)
                    }
                    column = next
                    count = 0
                }
                count &+= 1
            }
            guard column >= firstKept else { return }
            counted &+= count
            Self.add(column: column, count: count, to: series)
        }
        total = total.plus(counted)
    }

    /// Counts `count` events at a time.
    package mutating func add(ns: Int64, count: UInt64 = 1) {
        let column = ns >> Int64(least)
        guard count > 0, column >= firstKept else { return }
        total = total.plus(count)
        passOn(column, count, to: 0)
    }

    /// Adds to a level, which passes on to those above what they have to know.
    private mutating func passOn(_ column: Int64, _ count: UInt64, to index: Int) {
        series.withUnsafeMutableBufferPointer { series in
            guard index < series.count else { return }
            Self.add(column: column, count: count, to: UnsafeMutableBufferPointer(rebasing: series[index...]))
        }
    }

    /// - Parameter series: the level to add to, and those above.
    private static func add(column: Int64, count: UInt64, to series: UnsafeMutableBufferPointer<ColumnSeries>) {
        var (column, count) = (column, count)
        for index in series.indices {
            if column == series[index].openColumn, series[index].openCount > 0 {
                series[index].addToOpen(count)
                return
            }
            if series[index].openCount == 0 || column > series[index].openColumn {
                (column, count) = series[index].open(column: column, count: count)
                guard count > 0 else { return }
            } else {
                series[index].insert(column: column, count: count)
            }
            // What is closed, or was put to what is, is in the level above too.
            column = column &>> Int64(levelStep)
        }
    }

    // MARK: - Forgetting

    /// Forgets the columns that lie before a time, at every level; a column in which it lies stays as it is. Whatever
    /// comes for those columns later is not counted.
    /// - Complexity: O(chunks).
    package mutating func drop(beforeNs: Int64) {
        let bound = beforeNs >> Int64(least)
        guard bound > firstKept else { return }
        firstKept = bound
        for index in series.indices {
            let bound = beforeNs >> Int64(level(index))
            var dropped = series[index].drop(before: bound)
            if series[index].openCount > 0, series[index].openColumn < bound {
                dropped = dropped.plus(series[index].openCount)
                // A greater column may reach past the time.
                passOn(series[index].openColumn >> Int64(Self.levelStep), series[index].openCount, to: index + 1)
                series[index].dropOpen()
            }
            if index == 0 { total = total.minus(dropped) }
        }
    }

    /// Gives up the finest level, for memory.
    /// - Returns: false where it is the last one.
    package mutating func coarsen() -> Bool {
        guard series.count > 1 else { return false }
        let closed = series[0].close()
        if closed.count > 0 { passOn(closed.column >> Int64(Self.levelStep), closed.count, to: 1) }
        series.removeFirst()
        least += Self.levelStep
        firstKept = firstKept >> Int64(Self.levelStep)
        total = sum(from: .min, to: .max)
        return true
    }

    // MARK: - Answers

    /// Adds the counts of some columns to those in `counts`.
    /// - Parameters:
    ///   - level: `least` to `greatestLevel`; nothing is added for others.
    ///   - first: the first column; as many as `counts` has follow.
    /// - Returns: whether any is not 0.
    /// - Complexity: O(log chunks + columns of the stored level that lie there), a few nanoseconds each.
    package func addColumns(level: Int, from first: Int64, to counts: inout [UInt64]) -> Bool {
        guard let (index, fine) = fineRange(level: level, from: first, count: counts.count) else { return false }
        let shift = Int64(level - self.level(index))
        var isAny = false
        counts.withUnsafeMutableBufferPointer { counts in
            series[index].forEach(from: fine.lowerBound, to: fine.upperBound) { column, count in
                let place = Int(truncatingIfNeeded: (column &>> shift) &- first)
                counts[place] = counts[place].plus(count)
                isAny = true
            }
            for finer in 0...index where series[finer].openCount > 0 {
                let column = series[finer].openColumn &>> Int64(level - self.level(finer))
                guard column >= first, column &- first < counts.count else { continue }
                let place = Int(truncatingIfNeeded: column &- first)
                counts[place] = counts[place].plus(series[finer].openCount)
                isAny = true
            }
        }
        return isAny
    }

    /// What whole columns of the finest level hold.
    /// - Parameters:
    ///   - first: the first column.
    ///   - end: the one behind the last.
    /// - Complexity: O(chunks).
    package func sum(from first: Int64, to end: Int64) -> UInt64 {
        guard first < end else { return 0 }
        let sum = series[0].sum(from: first, to: end)
        let isOpenIn = series[0].openCount > 0 && series[0].openColumn >= first && series[0].openColumn < end
        return isOpenIn ? sum.plus(series[0].openCount) : sum
    }

    /// The earliest time, at or after one, that lies in a column which is not 0; nil where there is none.
    /// - Complexity: O(log chunks + columns of a chunk).
    package func nextNs(fromNs: Int64) -> Int64? {
        let column = fromNs >> Int64(least)
        var next = series[0].first(from: column)
        if series[0].openCount > 0, series[0].openColumn >= column {
            next = min(next ?? series[0].openColumn, series[0].openColumn)
        }
        return next.map { max(fromNs, $0 << Int64(least)) }
    }

    /// The end, exclusive, of the latest times before one that lie in a column which is not 0.
    package func previousEndNs(beforeNs: Int64) -> Int64? {
        guard beforeNs > .min else { return nil }
        let column = (beforeNs - 1) >> Int64(least)
        var previous = series[0].last(to: column)
        if series[0].openCount > 0, series[0].openColumn <= column {
            previous = max(previous ?? series[0].openColumn, series[0].openColumn)
        }
        guard let previous else { return nil }
        // The last column there is has no end in 64 bits.
        let (end, overflow) = (previous << Int64(least)).addingReportingOverflow(1 << Int64(least))
        return overflow ? beforeNs : min(beforeNs, end)
    }

    private func level(_ index: Int) -> Int { least + index * Self.levelStep }

    /// The stored level below `level`, and the columns of it that make up the wanted ones.
    private func fineRange(level: Int, from first: Int64, count: Int) -> (index: Int, columns: Range<Int64>)? {
        guard level >= least, level <= Self.greatestLevel, count > 0 else { return nil }
        let index = min((level - least) / Self.levelStep, series.count - 1)
        let shift = Int64(level - self.level(index))
        // Columns of a level are less than 2^(63 - level) from 0.
        let edge: Int64 = 1 << Int64(63 - level)
        guard first < edge else { return nil }
        let (end, overflow) = first.addingReportingOverflow(Int64(count))
        guard end > -edge else { return nil }
        let lower = max(first, -edge) << shift
        let upper = (overflow ? edge : min(end, edge)) << shift
        return (index, lower..<upper)
    }
}
