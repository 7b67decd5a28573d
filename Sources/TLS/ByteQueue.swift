#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Bytes in order of arrival, in one growable block: appended at the end, dropped at the front.
///
/// ```
///  storage [ dropped | waiting bytes | free ]
///          0        head            tail   capacity
/// ```
/// An emptied block larger than `keptBytesMax` is given back, so that one burst does not stay in memory.
struct ByteQueue: ~Copyable {
    private static let keptBytesMax = 256 << 10

    private var storage: UnsafeMutableRawPointer?
    private var capacity = 0
    private var head = 0
    private var tail = 0

    init() {}

    deinit { free(storage) }

    var count: Int { tail - head }

    /// The waiting bytes; valid until the next mutation.
    var bytes: UnsafeRawBufferPointer {
        guard let storage, tail > head else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(start: storage + head, count: tail - head)
    }

    /// - Returns: false where there is no memory; then nothing changed.
    mutating func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let source = bytes.baseAddress, !bytes.isEmpty else { return true }
        guard reserve(bytes.count), let storage else { return false }
        memcpy(storage + tail, source, bytes.count)
        tail += bytes.count
        return true
    }

    /// Drops bytes at the front; `byteCount` is at most `count`.
    mutating func drop(_ byteCount: Int) {
        precondition(byteCount >= 0 && byteCount <= count, "more dropped than there is")
        head += byteCount
        guard head == tail else { return }
        head = 0
        tail = 0
        if capacity > Self.keptBytesMax {
            free(storage)
            storage = nil
            capacity = 0
        }
    }

    /// Moves bytes from the front into `buffer`. - Returns: how many.
    mutating func move(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let moved = min(count, buffer.count)
        guard moved > 0, let storage, let target = buffer.baseAddress else { return 0 }
        memcpy(target, storage + head, moved)
        drop(moved)
        return moved
    }

    /// Makes room for `byteCount` more bytes behind `tail`.
    private mutating func reserve(_ byteCount: Int) -> Bool {
        if byteCount <= capacity - tail { return true }
        let (needed, overflow) = count.addingReportingOverflow(byteCount)
        if overflow { return false }
        if needed <= capacity, head >= count, let storage {
            memcpy(storage, storage + head, count)  // halves do not overlap: head >= count
            tail = count
            head = 0
            return true
        }
        var wanted = max(capacity, 4_096)
        while wanted < needed {
            let (doubled, tooLarge) = wanted.multipliedReportingOverflow(by: 2)
            if tooLarge { return false }
            wanted = doubled
        }
        guard let grown = malloc(wanted) else { return false }
        if let storage { memcpy(grown, storage + head, count) }
        free(storage)
        storage = grown
        capacity = wanted
        tail = count
        head = 0
        return true
    }
}
