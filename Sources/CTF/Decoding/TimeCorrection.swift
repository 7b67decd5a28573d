/// What is added to the timestamps of a packet: an amount, or one that changes evenly to another between two times.
///
/// Later times never become earlier than earlier ones: an amount changes by less than the time in which it does.
@frozen @usableFromInline
package struct TimeCorrection: BitwiseCopyable, Sendable, Equatable {
    /// Added up to `beginNs`, nanoseconds.
    @usableFromInline package var offsetNs: Int64
    /// Between these times, uncorrected nanoseconds, it changes to `endOffsetNs`; equal where it does not.
    @usableFromInline package var beginNs: Int64
    @usableFromInline package var endNs: Int64
    /// Added from `endNs` on, nanoseconds.
    @usableFromInline package var endOffsetNs: Int64

    /// The same for all times.
    @inlinable
    package init(offsetNs: Int64) {
        self.offsetNs = offsetNs
        endOffsetNs = offsetNs
        beginNs = 0
        endNs = 0
    }

    /// How far the times may be apart, so that products are numbers of 128 bits.
    private static var spanNsMax: Int128 { 1 << 62 }

    /// - Returns: nil unless the times are in order, further apart than the amounts, and less than 2^62 apart.
    package init?(offsetNs: Int64, beginNs: Int64, endNs: Int64, endOffsetNs: Int64) {
        let span = Int128(endNs) - Int128(beginNs)
        guard span > 0, span < Self.spanNsMax, (Int128(endOffsetNs) - Int128(offsetNs)).magnitude < span.magnitude
        else { return nil }
        self.offsetNs = offsetNs
        self.beginNs = beginNs
        self.endNs = endNs
        self.endOffsetNs = endOffsetNs
    }

    package static var none: TimeCorrection { TimeCorrection(offsetNs: 0) }

    /// Whether the same is added to all times.
    @inlinable package var isConstant: Bool { beginNs == endNs }
    /// Whether no time is changed.
    @inlinable package var isNone: Bool { isConstant && offsetNs == 0 }

    /// What is added to a time, nanoseconds.
    @inlinable @inline(__always)
    package func amountNs(at rawNs: Int64) -> Int64 {
        isConstant || rawNs <= beginNs ? offsetNs : changingAmountNs(at: rawNs)
    }

    @usableFromInline
    func changingAmountNs(at rawNs: Int64) -> Int64 {
        guard rawNs < endNs else { return endOffsetNs }
        let change = (Int128(endOffsetNs) - Int128(offsetNs)) * (Int128(rawNs) - Int128(beginNs))
        let (quotient, remainder) = change.quotientAndRemainder(dividingBy: Int128(endNs) - Int128(beginNs))
        // Rounded down, and between two amounts of 64 bits.
        return Int64(truncatingIfNeeded: Int128(offsetNs) + quotient - (remainder < 0 ? 1 : 0))
    }

    /// A corrected time, saturating, nanoseconds.
    @inlinable @inline(__always)
    package func corrected(_ rawNs: Int64) -> Int64 {
        let amountNs = amountNs(at: rawNs)
        let (sum, overflow) = rawNs.addingReportingOverflow(amountNs)
        return overflow ? (amountNs < 0 ? .min : .max) : sum
    }

    /// The same with another amount, that does not change, added to all times; saturating.
    package func adding(_ offsetNs: Int64) -> TimeCorrection {
        func sum(_ left: Int64) -> Int64 {
            let (sum, overflow) = left.addingReportingOverflow(offsetNs)
            return overflow ? (offsetNs < 0 ? .min : .max) : sum
        }
        var sums = self
        sums.offsetNs = sum(self.offsetNs)
        sums.endOffsetNs = sum(endOffsetNs)
        return sums
    }
}

extension EventKeyBuffer {
    /// Corrects the times of all keys by a correction that changes.
    /// - Parameters:
    ///   - correction: takes the place of the amount with which they were scanned.
    ///   - correctionNs: that amount, nanoseconds.
    package func correct(by correction: TimeCorrection, insteadOf correctionNs: Int64) {
        // They can no longer be computed back from the times.
        if cyclesAfter == nil { storeCycles(count: count) }
        for index in 0..<count {
            let (rawNs, overflow) = storage[index].timestampNs.subtractingReportingOverflow(correctionNs)
            if !overflow { storage[index].timestampNs = correction.corrected(rawNs) }
        }
    }
}
