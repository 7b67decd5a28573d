/// What only CTF 2 needs of a packet's bytes; all out of line.
extension BitReader {
    /// An integer of variable length (LEB128): seven bits in each byte, the lowest first; the last byte has its highest
    /// bit clear.
    @frozen @usableFromInline
    struct VariableInteger: BitwiseCopyable {
        /// Sign-extended where it is signed.
        @usableFromInline var value: UInt64 = 0
        /// Bytes; 0 when it could not be read.
        @usableFromInline var count: UInt64 = 0
        /// Where it ends, or where the byte stands that is not there or is one too many; bits from the packet's start.
        @usableFromInline var endBits: UInt64
        /// It has more than 64 bits.
        @usableFromInline var isTooLong = false
    }

    /// Bytes that hold 64 bits.
    private static var variableBytesMax: UInt64 { 10 }

    @usableFromInline @inline(never)
    func variableInteger(at positionBits: UInt64, limitBits: UInt64, isSigned: Bool) -> VariableInteger {
        var read = VariableInteger(endBits: positionBits)
        var value: UInt64 = 0
        for count in 1...Self.variableBytesMax {
            guard read.endBits + 8 <= limitBits else { return read }
            let byte = UInt64((start + offset(read.endBits)).load(as: UInt8.self))
            let shift = (count - 1) * 7
            value |= (byte & 0x7F) << shift
            if count == Self.variableBytesMax {
                // One bit is left, and in a signed number six copies of it.
                let isFine = isSigned ? byte == 0 || byte == 0x7F : byte <= 1
                guard isFine else {
                    read.isTooLong = true
                    return read
                }
            }
            if byte & 0x80 == 0 {
                if isSigned, shift + 7 < 64, byte & 0x40 != 0 { value |= ~0 << (shift + 7) }
                read.endBits += 8
                read.count = count
                read.value = value
                return read
            }
            read.endBits += 8
        }
        return read
    }

    /// An integer of 1 ... 64 bits whose first bit is at the other end.
    @usableFromInline @inline(never)
    func reversedBits(at positionBits: UInt64, size: UInt8, isBigEndian: Bool, isSigned: Bool) -> UInt64 {
        var bits = bits(at: positionBits, size: size, isBigEndian: isBigEndian)
        var reversed: UInt64 = 0
        for _ in 0..<size {
            reversed = reversed << 1 | bits & 1
            bits >>= 1
        }
        return isSigned ? Self.extended(reversed, size: size) : reversed
    }

    /// A floating-point number of 16 bits (IEEE 754, binary16), exactly.
    @usableFromInline
    static func float16(_ bits: UInt64) -> Float {
        let sign: FloatingPointSign = bits & 0x8000 == 0 ? .plus : .minus
        let exponent = Int((bits >> 10) & 0x1F)
        let fraction = Float(bits & 0x3FF)
        switch exponent {
        case 0: return Float(sign: sign, exponent: -24, significand: fraction)
        case 31:
            let special: Float = fraction == 0 ? .infinity : .nan
            return sign == .minus ? -special : special
        default: return Float(sign: sign, exponent: exponent - 25, significand: 1024 + fraction)
        }
    }

    /// Looks for the first NUL of `unitBytes` bytes, at multiples of as many.
    /// - Returns: its offset, or `end` when there is none.
    @usableFromInline @inline(never)
    func wideTerminator(from offset: Int, to end: Int, unitBytes: Int) -> Int {
        var at = offset
        while end - at >= unitBytes {
            if (0..<unitBytes).allSatisfy({ (start + at + $0).load(as: UInt8.self) == 0 }) { return at }
            at += unitBytes
        }
        return end
    }
}
