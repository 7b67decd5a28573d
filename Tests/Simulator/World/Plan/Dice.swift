import PacketWriter

extension SeededRandom {
    /// True in so many of a hundred times.
    mutating func chance(_ percent: UInt64) -> Bool { number(0, 99) < percent }

    /// A number of `low ... high`.
    mutating func number(_ low: UInt64, _ high: UInt64) -> UInt64 {
        high <= low ? low : low + next().multipliedFullWidth(by: high - low + 1).high
    }

    /// A number of `-reach ... reach`.
    mutating func either(_ reach: Int64) -> Int64 {
        Int64(number(0, UInt64(2 * reach))) - reach
    }
}

extension UInt64 {
    /// Milliseconds in nanoseconds.
    static func ms(_ count: UInt64) -> UInt64 { count * 1_000_000 }
}
