import Glibc

/// Powers of ten that 128 bits hold.
private let powersOfTen: [UInt128] = {
    var powers: [UInt128] = [1]
    for _ in 0..<38 { powers.append((powers.last ?? 1) * 10) }
    return powers
}()

extension OutputPen {
    /// Appends `value` as C's `%g` does: six significant digits, correctly rounded, without trailing zeros.
    mutating func appendGeneral(_ value: Double) {
        guard value.isFinite else {
            // C names the sign of a NaN too.
            if value.sign == .minus { append(0x2D) }
            if value.isNaN { appendLiteral("nan") } else { appendLiteral("inf") }
            return
        }
        let magnitude = value.magnitude
        if magnitude < 1_000_000, magnitude == magnitude.rounded(.towardZero) {
            if value.sign == .minus { append(0x2D) }
            appendDecimal(UInt64(magnitude))
            return
        }
        guard let decimal = SixDigits(magnitude) else { return appendGeneralByLibrary(value) }
        if value.sign == .minus { append(0x2D) }
        append(decimal)
    }

    /// Writes what `%g` makes of rounded digits: `d.ddddde±XX` where the exponent is below -4 or above 5.
    private mutating func append(_ decimal: SixDigits) {
        reserve(32)
        // A value may round up to 1000000, one digit more.
        var digits = decimal.digits
        var exponent = decimal.exponent
        if digits == 1_000_000 {
            digits = 100_000
            exponent += 1
        }
        var count = 6
        while digits % 10 == 0, count > 1 {
            digits /= 10
            count -= 1
        }
        var text = UInt64(digits)
        let isScientific = exponent < -4 || exponent > 5
        let pointAfter = isScientific ? 1 : exponent + 1
        if pointAfter <= 0 {
            appendLiteral("0.")
            for _ in 0..<(-pointAfter) { append(0x30) }
            appendDecimal(text, width: count)
        } else if pointAfter >= count {
            for _ in count..<pointAfter { text *= 10 }
            appendDecimal(text)
        } else {
            var power: UInt64 = 1
            for _ in 0..<(count - pointAfter) { power *= 10 }
            appendDecimal(text / power)
            append(0x2E)
            appendDecimal(text % power, width: count - pointAfter)
        }
        guard isScientific else { return }
        append(0x65)
        append(exponent < 0 ? 0x2D : 0x2B)
        appendDecimal(UInt64(exponent.magnitude), width: 2)
    }

    /// For the rare values whose digits do not fit in 128-bit arithmetic.
    private mutating func appendGeneralByLibrary(_ value: Double) {
        reserve(40)
        let written = withVaList([value]) { arguments in
            position.withMemoryRebound(to: CChar.self, capacity: 40) { vsnprintf($0, 40, "%g", arguments) }
        }
        position += max(0, min(Int(written), 39))
    }
}

/// The six leading decimal digits of a number, rounded half to even from its exact value.
private struct SixDigits {
    /// 100000 ... 1000000.
    var digits: UInt32
    /// The decimal exponent of the first digit, before a round up to 1000000.
    var exponent: Int

    /// - Returns: nil when exact arithmetic would need more than 128 bits.
    init?(_ magnitude: Double) {
        guard magnitude > 1e-16, magnitude < 1e37 else { return nil }
        // magnitude = significand * 2^binaryExponent, both exact.
        let significand = UInt128(magnitude.significandBitPattern | (1 << 52))
        let binaryExponent = Int(magnitude.exponent) - 52
        var exponent = Int((Double(magnitude.exponent) * 0.301029995663981).rounded(.down))
        for _ in 0..<3 {
            let digits = Self.scaled(significand, binaryExponent: binaryExponent, decimalShift: 5 - exponent)
            if digits < 100_000 {
                exponent -= 1
            } else if digits > 1_000_000 {
                exponent += 1
            } else {
                self.digits = UInt32(digits)
                self.exponent = exponent
                return
            }
        }
        return nil
    }

    /// significand * 2^binaryExponent * 10^decimalShift, rounded half to even.
    private static func scaled(_ significand: UInt128, binaryExponent: Int, decimalShift: Int) -> UInt128 {
        if decimalShift >= 0 {
            // Below 2^53 * 10^22 < 2^127; the binary exponent is negative for every number below 10^6.
            let product = significand * powersOfTen[decimalShift]
            guard binaryExponent < 0 else { return product << UInt128(binaryExponent) }
            return rounded(product, shiftedRightBy: -binaryExponent)
        }
        let divisor = powersOfTen[-decimalShift]
        if binaryExponent >= 0 { return rounded(significand << UInt128(binaryExponent), dividedBy: divisor) }
        return rounded(significand, dividedBy: divisor << UInt128(-binaryExponent))
    }

    private static func rounded(_ value: UInt128, shiftedRightBy shift: Int) -> UInt128 {
        guard shift < 128 else { return 0 }
        let quotient = value >> UInt128(shift)
        let remainder = value - quotient << UInt128(shift)
        let half = UInt128(1) << UInt128(shift - 1)
        return remainder > half || (remainder == half && quotient & 1 == 1) ? quotient + 1 : quotient
    }

    private static func rounded(_ value: UInt128, dividedBy divisor: UInt128) -> UInt128 {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        let rest = divisor - remainder
        return remainder > rest || (remainder == rest && quotient & 1 == 1) ? quotient + 1 : quotient
    }
}
