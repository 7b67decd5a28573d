/// Protobuf's wire format, written front to back into memory that grows.
///
/// For what there is too much of to go through protobuf-c, which visits each member of a message's schema, twice. The
/// length of a message inside a message is written when its end is known: `open` leaves a byte for it, and `close`
/// moves the content up where that is not enough. A value that is given to another owner is the same memory: `free`
/// ends it.
struct WireBuffer {
    private(set) var bytes: UnsafeMutablePointer<UInt8>
    private(set) var count = 0
    private var capacity: Int

    /// - Parameter capacity: bytes, at least 1.
    init(capacity: Int) {
        bytes = .allocate(capacity: capacity)
        self.capacity = capacity
    }

    func free() {
        bytes.deallocate()
    }

    /// What was written from `start` on; valid until more is.
    func bytes(from start: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: bytes + start, count: count - start)
    }

    /// Forgets what was written from `start` on.
    mutating func truncate(to start: Int) {
        count = start
    }

    // MARK: Values

    /// A tag or a number below 128.
    @inline(__always)
    mutating func byte(_ byte: UInt8) {
        reserve(1)
        bytes[count] = byte
        count += 1
    }

    @inline(__always)
    mutating func varint(_ value: UInt64) {
        reserve(10)
        var rest = value
        while rest >= 0x80 {
            bytes[count] = UInt8(truncatingIfNeeded: rest) | 0x80
            count += 1
            rest >>= 7
        }
        bytes[count] = UInt8(truncatingIfNeeded: rest)
        count += 1
    }

    /// `sint64`.
    @inline(__always)
    mutating func zigzag(_ value: Int64) {
        varint(UInt64(bitPattern: value << 1 ^ value >> 63))
    }

    /// `fixed64`, `sfixed64` and `double`.
    @inline(__always)
    mutating func fixed64(_ bits: UInt64) {
        reserve(8)
        UnsafeMutableRawPointer(bytes + count).storeBytes(of: bits.littleEndian, as: UInt64.self)
        count += 8
    }

    @inline(__always)
    mutating func copy(_ source: UnsafeRawBufferPointer) {
        guard let base = source.baseAddress else { return }
        reserve(source.count)
        UnsafeMutableRawPointer(bytes + count).copyMemory(from: base, byteCount: source.count)
        count += source.count
    }

    /// `string` and `bytes`, behind their tag.
    @inline(__always)
    mutating func prefixed(_ source: UnsafeRawBufferPointer) {
        varint(UInt64(source.count))
        copy(source)
    }

    // MARK: Messages

    /// Begins a message behind its tag. - Returns: what `close` wants.
    @inline(__always)
    mutating func open() -> Int {
        byte(0)
        return count
    }

    /// Ends the message that began at `start`.
    @inline(__always)
    mutating func close(_ start: Int) {
        let length = count - start
        if length < 0x80 { bytes[start - 1] = UInt8(truncatingIfNeeded: length) } else { widen(start, length) }
    }

    private mutating func widen(_ start: Int, _ length: Int) {
        let more = (Int.bitWidth - 1 - length.leadingZeroBitCount) / 7
        reserve(more)
        UnsafeMutableRawPointer(bytes + start + more).copyMemory(from: bytes + start, byteCount: length)
        let end = count + more
        count = start - 1
        varint(UInt64(length))
        count = end
    }

    @inline(__always)
    private mutating func reserve(_ byteCount: Int) {
        if byteCount > capacity - count { grow(byteCount) }
    }

    private mutating func grow(_ byteCount: Int) {
        capacity = max(2 * capacity, count + byteCount)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        larger.update(from: bytes, count: count)
        bytes.deallocate()
        bytes = larger
    }
}
