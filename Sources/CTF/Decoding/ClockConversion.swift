/// Turns a clock's cycles into nanoseconds from its origin, and back.
///
/// As babeltrace2 does: the seconds, the offset's cycles and the value's cycles are each turned into whole nanoseconds
/// apart, then added. Exact where babeltrace2 loses bits in a double. Saturates where 64 bits do not hold the result.
@frozen @usableFromInline
package struct ClockConversion: BitwiseCopyable, Sendable, Equatable {
    /// The clock's zero, nanoseconds from the origin.
    @usableFromInline let baseNs: Int64
    /// Cycles a second, at least 1.
    @usableFromInline let frequencyHz: UInt64

    /// - Precondition: the clock has a frequency.
    package init(_ clock: ClockClass) {
        precondition(clock.frequencyHz > 0)
        frequencyHz = clock.frequencyHz
        let seconds = clock.offsetSeconds.multipliedReportingOverflow(by: 1_000_000_000)
        let secondsNs = seconds.overflow ? (clock.offsetSeconds < 0 ? Int64.min : .max) : seconds.partialValue
        baseNs = Self.sum(secondsNs, Self.nanoseconds(ofCycles: clock.offsetCycles, frequencyHz: clock.frequencyHz))
    }

    /// Whether a cycle is a nanosecond, so that conversion is an addition.
    @inlinable
    package var isNanosecondClock: Bool { frequencyHz == 1_000_000_000 }

    /// - Parameter cycles: a value of the clock.
    /// - Returns: nanoseconds from the clock's origin.
    @inlinable @inline(__always)
    package func nanoseconds(_ cycles: UInt64) -> Int64 {
        Self.sum(baseNs, isNanosecondClock ? cycles : Self.nanoseconds(ofCycles: cycles, frequencyHz: frequencyHz))
    }

    /// The last value of the clock that is not after an instant.
    /// - Parameter instantNs: nanoseconds from the clock's origin.
    /// - Returns: cycles; 0 for instants before the clock's zero.
    package func cycles(atOrBefore instantNs: Int64) -> UInt64 {
        guard instantNs >= baseNs else { return 0 }
        // The difference of two Int64, the first not smaller, fits in UInt64.
        let elapsedNs = UInt64(bitPattern: instantNs &- baseNs)
        guard !isNanosecondClock else { return elapsedNs }
        // c is the largest with floor(c * 1e9 / f) <= e, that is c * 1e9 < (e + 1) * f.
        guard elapsedNs < .max else { return .max }
        let (high, low) = (elapsedNs + 1).multipliedFullWidth(by: frequencyHz)
        guard high < 1_000_000_000 else { return .max }
        let (quotient, remainder) = UInt64(1_000_000_000).dividingFullWidth((high, low))
        return remainder == 0 ? quotient - 1 : quotient
    }

    @inlinable
    static func nanoseconds(ofCycles cycles: UInt64, frequencyHz: UInt64) -> UInt64 {
        let (high, low) = cycles.multipliedFullWidth(by: 1_000_000_000)
        guard high < frequencyHz else { return .max }
        return frequencyHz.dividingFullWidth((high, low)).quotient
    }

    /// `left + right`, saturating.
    @inlinable @inline(__always)
    static func sum(_ left: Int64, _ right: UInt64) -> Int64 {
        if let small = Int64(exactly: right) {
            let (sum, overflow) = left.addingReportingOverflow(small)
            return overflow ? .max : sum
        }
        // right >= 2^63: the sum fits only when left takes enough away.
        guard left < 0 else { return .max }
        return Int64(exactly: right - left.magnitude) ?? .max
    }
}
