/// Some ascending columns that are not 0, and their counts, in about two bytes each.
///
/// Each is a variable-length number (seven bits a byte, low ones first) of twice the distance to the column before,
/// plus 1 where the count is not 1; then another such number, the count minus 2, follows.
struct ColumnChunk: Sendable {
    /// Columns that one chunk holds at most.
    static let columnsMax = 512
    /// What a chunk takes besides its bytes: itself, the array's head, and what the allocator rounds up, bytes.
    static let overheadBytes = 88

    private(set) var first: Int64
    private(set) var last: Int64
    private(set) var columns = 0
    /// Sum of the counts.
    private(set) var total: UInt64 = 0
    /// With room behind the columns for at least one more, unless sealed.
    private var bytes: [UInt8] = []
    private var used = 0
    /// What one column takes at most, bytes.
    private static let columnBytesMax = 20

    /// A chunk with one column.
    /// - Parameter count: > 0, as in all that follows.
    init(column: Int64, count: UInt64) {
        first = column
        last = column
        _ = append(column: column, count: count)
    }

    var isFull: Bool { columns >= Self.columnsMax }
    /// With all that belongs to it.
    var byteCount: Int { bytes.count + Self.overheadBytes }

    /// Appends a column behind the last one.
    /// - Returns: by how many bytes the chunk has grown.
    mutating func append(column: Int64, count: UInt64) -> Int {
        var grownBytes = 0
        if used + Self.columnBytesMax > bytes.count {
            grownBytes = max(32, bytes.count)
            bytes.append(contentsOf: repeatElement(0, count: grownBytes))
        }
        // Columns are less than 2^48 from 0.
        let head = UInt64(bitPattern: column &- last) << 1 | (count == 1 ? 0 : 1)
        var position = used
        bytes.withUnsafeMutableBufferPointer { bytes in
            Self.write(head, bytes, &position)
            if count != 1 { Self.write(count &- 2, bytes, &position) }
        }
        used = position
        last = column
        columns &+= 1
        total = total.plus(count)
        return grownBytes
    }

    @inline(__always)
    private static func write(_ number: UInt64, _ bytes: UnsafeMutableBufferPointer<UInt8>, _ position: inout Int) {
        var rest = number
        while rest >= 0x80 {
            bytes[position] = UInt8(truncatingIfNeeded: rest) | 0x80
            position &+= 1
            rest >>= 7
        }
        bytes[position] = UInt8(truncatingIfNeeded: rest)
        position &+= 1
    }

    /// Gives back memory that only growing needs.
    mutating func seal() {
        let grown = bytes[..<used]
        bytes = Array(unsafeUninitializedCapacity: grown.count) { space, count in
            _ = space.initialize(from: grown)
            count = grown.count
        }
    }

    /// Shows all columns in ascending order.
    /// - Complexity: O(columns), a few nanoseconds each.
    @inline(__always)
    func forEach(_ body: (_ column: Int64, _ count: UInt64) -> Void) {
        bytes.withUnsafeBufferPointer { all in
            let bytes = UnsafeBufferPointer(rebasing: all[..<used])
            var position = 0
            var column = first
            while position < bytes.count {
                let head = Self.read(bytes, &position)
                column &+= Int64(bitPattern: head >> 1)
                body(column, head & 1 == 0 ? 1 : Self.read(bytes, &position) &+ 2)
            }
        }
    }

    @inline(__always)
    private static func read(_ bytes: UnsafeBufferPointer<UInt8>, _ position: inout Int) -> UInt64 {
        var number: UInt64 = 0
        var shift: UInt64 = 0
        while position < bytes.count {
            let byte = bytes[position]
            position &+= 1
            number |= UInt64(byte & 0x7F) &<< shift
            if byte < 0x80 { break }
            shift &+= 7
        }
        return number
    }

    /// The chunk's columns with `count` more in one of them, in one chunk, or two where one would be too full.
    func adding(column: Int64, count: UInt64) -> [ColumnChunk] {
        var entries: [(column: Int64, count: UInt64)] = []
        entries.reserveCapacity(columns + 1)
        var isIn = false
        forEach { old, oldCount in
            if !isIn, old >= column {
                isIn = true
                if old == column {
                    entries.append((column, oldCount.plus(count)))
                    return
                }
                entries.append((column, count))
            }
            entries.append((old, oldCount))
        }
        if !isIn { entries.append((column, count)) }
        guard entries.count > Self.columnsMax else { return [ColumnChunk(entries[...])].compactMap { $0 } }
        let middle = entries.count / 2
        return [ColumnChunk(entries[..<middle]), ColumnChunk(entries[middle...])].compactMap { $0 }
    }

    /// The columns from one on; nil where there are none.
    func dropping(before column: Int64) -> ColumnChunk? {
        var entries: [(column: Int64, count: UInt64)] = []
        forEach { if $0 >= column { entries.append(($0, $1)) } }
        return ColumnChunk(entries[...])
    }

    private init?(_ entries: ArraySlice<(column: Int64, count: UInt64)>) {
        guard let head = entries.first else { return nil }
        self.init(column: head.column, count: head.count)
        for entry in entries.dropFirst() { _ = append(column: entry.column, count: entry.count) }
        seal()
    }
}
