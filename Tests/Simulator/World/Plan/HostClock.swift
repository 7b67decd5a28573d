import PacketWriter

/// A host's clocks: one that only counts, which events carry, and the wall clock, which traces take their offset from.
struct HostClock: Sendable {
    /// Cycles, of a nanosecond each, at simulated time 0.
    var bootCycles: UInt64
    /// Nanoseconds in a million by which it is too fast.
    var driftPpm: Int64 = 0
    /// Nanoseconds by which the wall clock is ahead of the true time at the beginning.
    var skewNs: Int64 = 0
    /// When the wall clock is set, and by how much it moves.
    var step: (atNs: UInt64, byNs: Int64)?

    /// The true time of simulated time 0, nanoseconds since the epoch.
    static let epochNs: Int64 = 1_767_225_600_000_000_000

    /// Never goes back. - Parameter ns: simulated time, at most an hour.
    func cycles(_ ns: UInt64) -> UInt64 {
        bootCycles + UInt64(Int64(ns) + Int64(ns) * driftPpm / 1_000_000)
    }

    /// The offset of a trace that is made at a time: what its cycles are counted from, nanoseconds since the epoch.
    func offset(madeAt ns: UInt64) -> Int64 {
        var wall = Self.epochNs + skewNs + Int64(cycles(ns) - bootCycles)
        if let step, step.atNs <= ns { wall += step.byNs }
        return wall - Int64(cycles(ns))
    }
}
