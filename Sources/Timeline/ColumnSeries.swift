/// The columns of one level that are not 0: those that are done with in chunks, and the newest one open.
struct ColumnSeries: Sendable {
    /// By ascending columns; none is empty.
    private var chunks: [ColumnChunk] = []
    /// The newest column, which is not in `chunks`; its count is 0 where there is none.
    private(set) var openColumn: Int64 = .min
    private(set) var openCount: UInt64 = 0
    /// Bytes of the chunks.
    private(set) var byteCount = 0

    var isEmpty: Bool { openCount == 0 && chunks.isEmpty }
    var firstColumn: Int64? { chunks.first?.first ?? (openCount > 0 ? openColumn : nil) }

    /// Adds to the open column.
    mutating func addToOpen(_ count: UInt64) { openCount = openCount.plus(count) }

    /// Opens another column, which is after all others.
    /// - Returns: the one that was open; its count is 0 where none was.
    mutating func open(column: Int64, count: UInt64) -> (column: Int64, count: UInt64) {
        let closed = close()
        openColumn = column
        openCount = count
        return closed
    }

    /// Puts the open column to the others.
    mutating func close() -> (column: Int64, count: UInt64) {
        let closed = (column: openColumn, count: openCount)
        if openCount > 0 { append(column: openColumn, count: openCount) }
        openCount = 0
        return closed
    }

    private mutating func append(column: Int64, count: UInt64) {
        let last = chunks.count - 1
        if last >= 0, !chunks[last].isFull {
            byteCount += chunks[last].append(column: column, count: count)
            return
        }
        if last >= 0 {
            byteCount -= chunks[last].byteCount
            chunks[last].seal()
            byteCount += chunks[last].byteCount
        }
        let chunk = ColumnChunk(column: column, count: count)
        byteCount += chunk.byteCount
        chunks.append(chunk)
    }

    /// Adds to a column before the open one.
    /// - Complexity: O(log chunks + columns of a chunk), and O(chunks) when one has to be cut in two.
    mutating func insert(column: Int64, count: UInt64) {
        guard let last = chunks.last, column <= last.last else {
            append(column: column, count: count)
            return
        }
        let index = max(0, chunkCount(startingNotAfter: column) - 1)
        let parts = chunks[index].adding(column: column, count: count)
        byteCount += parts.reduce(-chunks[index].byteCount) { $0 + $1.byteCount }
        chunks.replaceSubrange(index...index, with: parts)
    }

    /// How many chunks begin at or before a column.
    private func chunkCount(startingNotAfter column: Int64) -> Int {
        var (low, high) = (0, chunks.count)
        while low < high {
            let middle = (low + high) / 2
            if chunks[middle].first <= column { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Forgets the columns before one, but for the open one.
    /// - Returns: what they counted.
    /// - Complexity: O(chunks).
    mutating func drop(before column: Int64) -> UInt64 {
        var dropped: UInt64 = 0
        var whole = 0
        while whole < chunks.count, chunks[whole].last < column {
            dropped = dropped.plus(chunks[whole].total)
            byteCount -= chunks[whole].byteCount
            whole += 1
        }
        chunks.removeFirst(whole)
        guard let head = chunks.first, head.first < column, let rest = head.dropping(before: column) else {
            return dropped
        }
        byteCount += rest.byteCount - head.byteCount
        chunks[0] = rest
        return dropped.plus(head.total.minus(rest.total))
    }

    /// Forgets the open column.
    mutating func dropOpen() { openCount = 0 }

    /// Shows the columns of a range in ascending order, but for the open one.
    /// - Complexity: O(log chunks + columns of the chunks that touch the range).
    @inline(__always)
    func forEach(from first: Int64, to end: Int64, _ body: (_ column: Int64, _ count: UInt64) -> Void) {
        var index = max(0, chunkCount(startingNotAfter: first) - 1)
        while index < chunks.count, chunks[index].first < end {
            chunks[index].forEach { column, count in
                if column >= first, column < end { body(column, count) }
            }
            index += 1
        }
    }

    /// The first column at or after one, but for the open one.
    func first(from column: Int64) -> Int64? {
        var index = max(0, chunkCount(startingNotAfter: column) - 1)
        while index < chunks.count, chunks[index].last < column { index += 1 }
        guard index < chunks.count else { return nil }
        var found: Int64?
        chunks[index].forEach { next, _ in if found == nil, next >= column { found = next } }
        return found
    }

    /// The last column at or before one, but for the open one.
    func last(to column: Int64) -> Int64? {
        let index = chunkCount(startingNotAfter: column) - 1
        guard index >= 0 else { return nil }
        var found: Int64?
        chunks[index].forEach { previous, _ in if previous <= column { found = previous } }
        return found
    }

    /// What the columns of a range count together, but for the open one.
    /// - Complexity: O(chunks that touch the range).
    func sum(from first: Int64, to end: Int64) -> UInt64 {
        var sum: UInt64 = 0
        var index = max(0, chunkCount(startingNotAfter: first) - 1)
        while index < chunks.count, chunks[index].first < end {
            if chunks[index].first >= first, chunks[index].last < end {
                sum = sum.plus(chunks[index].total)
            } else {
                chunks[index].forEach { if $0 >= first, $0 < end { sum = sum.plus($1) } }
            }
            index += 1
        }
        return sum
    }
}
