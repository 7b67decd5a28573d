/// Reads integers of any size at any bit of a packet, in both byte orders.
///
/// Little-endian fields fill bytes from their low bits, big-endian ones from their high bits (CTF 1.8, 4.1.5):
///
///     LE  byte 0: b7 … b0 | byte 1: b15 … b8      a field at bit 3 begins at b3 with its least significant bit
///     BE  byte 0: b0 … b7 | byte 1: b8 … b15      a field at bit 3 begins at b3 with its most significant bit
///
/// Callers have checked that the field lies within the bytes; the reader never loads a byte outside of them.
@frozen @usableFromInline
struct BitReader: BitwiseCopyable {
    @usableFromInline let start: UnsafeRawPointer
    @usableFromInline let firstByte: Int
    @usableFromInline let count: Int

    @inlinable
    init(_ bytes: PacketBytes) {
        start = bytes.start
        firstByte = bytes.firstByte
        count = bytes.count
    }

    /// Offset in memory of the byte that holds a bit.
    @inlinable @inline(always)
    func offset(_ positionBits: UInt64) -> Int {
        // Positions are below 2^60 and not before the first byte.
        Int(truncatingIfNeeded: positionBits &>> 3) &- firstByte
    }

    /// A whole number that begins at a byte.
    @inlinable @inline(always)
    func load<T: FixedWidthInteger & BitwiseCopyable>(
        _ type: T.Type,
        at positionBits: UInt64,
        isBigEndian: Bool
    ) -> T {
        let value = (start + offset(positionBits)).loadUnaligned(as: T.self)
        return isBigEndian ? T(bigEndian: value) : T(littleEndian: value)
    }

    /// An integer of 1 ... 64 bits, not sign-extended.
    @inlinable @inline(always)
    func bits(at positionBits: UInt64, size: UInt8, isBigEndian: Bool) -> UInt64 {
        let offset = offset(positionBits)
        let shift = positionBits & 7
        // A whole word can be loaded where it lies within the bytes and holds the field.
        guard offset &+ 8 <= count, shift &+ UInt64(size) <= 64 else {
            return bitsNearEnd(offset: offset, shift: shift, size: size, isBigEndian: isBigEndian)
        }
        let word = (start + offset).loadUnaligned(as: UInt64.self)
        let unused = 64 &- UInt64(size)
        return isBigEndian
            ? (UInt64(bigEndian: word) &<< shift) &>> unused
            : ((UInt64(littleEndian: word) &>> shift) &<< unused) &>> unused
    }

    /// As `bits`, byte by byte: for fields near the end of the bytes, and those that touch nine bytes.
    @usableFromInline
    func bitsNearEnd(offset: Int, shift: UInt64, size: UInt8, isBigEndian: Bool) -> UInt64 {
        let touched = Int((shift + UInt64(size) + 7) / 8)
        var word: UInt64 = 0
        for index in 0..<min(touched, 8) {
            let byte = UInt64((start + offset + index).load(as: UInt8.self))
            word |= byte << UInt64(isBigEndian ? 56 - 8 * index : 8 * index)
        }
        let ninth = touched > 8 ? UInt64((start + offset + 8).load(as: UInt8.self)) : 0
        let unused = 64 - UInt64(size)
        // Nine bytes are touched only with a shift of 1 ... 7.
        return isBigEndian
            ? ((word << shift) | (ninth >> (8 - shift))) >> unused
            : (((word >> shift) | (ninth << (64 - shift))) << unused) >> unused
    }

    /// Sign-extends an integer of `size` bits.
    @inlinable @inline(always)
    static func extended(_ bits: UInt64, size: UInt8) -> UInt64 {
        let unused = 64 &- UInt64(size)
        return UInt64(bitPattern: Int64(bitPattern: bits &<< unused) &>> Int64(bitPattern: unused))
    }

    /// Eight integers of 8 bits each, the first in the high bits of the result: half of a UUID.
    @usableFromInline @inline(never)
    func eightBytes(at positionBits: UInt64, isBigEndian: Bool) -> UInt64 {
        (0..<8).reduce(0) { word, index in
            word << 8 | bits(at: positionBits + index * 8, size: 8, isBigEndian: isBigEndian)
        }
    }

    /// Looks for the first NUL in a range of memory.
    /// - Returns: its offset, or `end` when there is none.
    @inlinable
    func terminator(from offset: Int, to end: Int) -> Int {
        var at = offset
        while end &- at >= 8 {
            let word = UInt64(littleEndian: (start + at).loadUnaligned(as: UInt64.self))
            // The lowest set bit marks the first zero byte: borrows only disturb the bytes above it.
            let zeros = (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
            if zeros != 0 { return at &+ (zeros.trailingZeroBitCount &>> 3) }
            at &+= 8
        }
        while at < end {
            if (start + at).load(as: UInt8.self) == 0 { return at }
            at &+= 1
        }
        return end
    }
}
