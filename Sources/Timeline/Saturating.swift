extension UInt64 {
    /// The sum, or the greatest number there is.
    func plus(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    /// The difference, or 0.
    func minus(_ other: UInt64) -> UInt64 { self > other ? self - other : 0 }
}
