/// Two decimal digits for each of 0 ... 99.
private let digitPairs: StaticString = """
    00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354\
    5556575859606162636465666768697071727374757677787980818283848586878889909192939495969798\
    99
    """

extension OutputPen {
    @inline(__always)
    private static func storePair(_ value: UInt64, at target: UnsafeMutablePointer<UInt8>) {
        let pair = UnsafeRawPointer(digitPairs.utf8Start).loadUnaligned(
            fromByteOffset: Int(truncatingIfNeeded: value) * 2,
            as: UInt16.self
        )
        UnsafeMutableRawPointer(target).storeBytes(of: pair, as: UInt16.self)
    }

    @inline(__always)
    mutating func appendDecimal(_ value: UInt64) {
        reserve(20)
        if value < 10 {
            position.pointee = UInt8(truncatingIfNeeded: value) + 0x30
            position += 1
        } else if value < 100 {
            Self.storePair(value, at: position)
            position += 2
        } else {
            appendLongDecimal(value)
        }
    }

    @inline(__always)
    mutating func appendDecimal(_ value: Int64) {
        if value < 0 { append(0x2D) }
        appendDecimal(value.magnitude)
    }

    /// `value` is at least 100, and there is room for 20 bytes.
    @inline(never)
    private mutating func appendLongDecimal(_ value: UInt64) {
        let count = Self.decimalDigitCount(value)
        var rest = value
        var end = position + count
        position = end
        while rest >= 100 {
            let next = rest / 100
            end -= 2
            Self.storePair(rest &- next &* 100, at: end)
            rest = next
        }
        if rest >= 10 {
            Self.storePair(rest, at: end - 2)
        } else {
            (end - 1).pointee = UInt8(truncatingIfNeeded: rest) + 0x30
        }
    }

    /// How many decimal digits `value` has; at least one.
    private static func decimalDigitCount(_ value: UInt64) -> Int {
        var count = 1
        var bound: UInt64 = 10
        while value >= bound {
            count += 1
            let (next, overflow) = bound.multipliedReportingOverflow(by: 10)
            guard !overflow else { break }
            bound = next
        }
        return count
    }

    /// Appends exactly nine digits.
    /// - Parameter value: below 10^9.
    @inline(__always)
    mutating func appendNineDigits(_ value: UInt32) {
        reserve(9)
        let high = value / 100_000_000
        let low = value % 100_000_000
        position.pointee = UInt8(truncatingIfNeeded: high) + 0x30
        let upper = low / 10_000
        let lower = low % 10_000
        Self.storePair(UInt64(upper / 100), at: position + 1)
        Self.storePair(UInt64(upper % 100), at: position + 3)
        Self.storePair(UInt64(lower / 100), at: position + 5)
        Self.storePair(UInt64(lower % 100), at: position + 7)
        position += 9
    }

    /// Appends `value` with zeros before it up to `width` digits, at most 20.
    mutating func appendDecimal(_ value: UInt64, width: Int) {
        reserve(20)
        for _ in 0..<max(0, min(width, 20) - Self.decimalDigitCount(value)) { append(0x30) }
        appendDecimal(value)
    }

    /// Appends `value` in base 2, 8 or 16 without leading zeros; capital letters.
    mutating func append(_ value: UInt64, bitsPerDigit: Int) {
        let significantBits = 64 - value.leadingZeroBitCount
        append(value, bitsPerDigit: bitsPerDigit, digits: max(1, (significantBits + bitsPerDigit - 1) / bitsPerDigit))
    }

    /// Appends the low `digits` digits of `value` in base 2, 8 or 16.
    mutating func append(_ value: UInt64, bitsPerDigit: Int, digits: Int) {
        reserve(digits)
        let mask = UInt64(1) << UInt64(bitsPerDigit) - 1
        for index in 0..<digits {
            let digit = UInt8(truncatingIfNeeded: (value >> UInt64((digits - 1 - index) * bitsPerDigit)) & mask)
            position[index] = digit < 10 ? digit + 0x30 : digit + 0x37
        }
        position += digits
    }
}
