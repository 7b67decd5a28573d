import Glibc

/// How the machine's wall clock stands to its monotonic one, which is never set.
package struct WallClock {
    /// How often it is looked at, nanoseconds.
    private static let intervalNs: UInt64 = 1_000_000_000
    /// A change that is less is none: reading two clocks takes that long, nanoseconds.
    private static let noiseNs: Int64 = 1_000

    private var toldNs: Int64?
    private var dueNs: UInt64 = 0

    /// - Parameter nowNs: the monotonic clock, nanoseconds.
    /// - Returns: the wall clock minus the monotonic one, nanoseconds, if it has changed since it was returned last.
    mutating func change(nowNs: UInt64) -> Int64? {
        guard nowNs >= dueNs else { return nil }
        dueNs = nowNs + Self.intervalNs
        let offsetNs = Self.offsetNs
        if let toldNs, (offsetNs - toldNs).magnitude < Self.noiseNs.magnitude { return nil }
        toldNs = offsetNs
        return offsetNs
    }

    /// Nanoseconds since the Unix epoch.
    package static var nowNs: Int64 { read(CLOCK_REALTIME) }

    private static var offsetNs: Int64 {
        let before = read(CLOCK_MONOTONIC)
        let wall = read(CLOCK_REALTIME)
        let after = read(CLOCK_MONOTONIC)
        return wall - (before + (after - before) / 2)
    }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// How far one time is behind another, nanoseconds; at most what can be said.
func nanoseconds(from earlierNs: Int64, to laterNs: Int64) -> Int64 {
    let (difference, overflow) = laterNs.subtractingReportingOverflow(earlierNs)
    return overflow ? (earlierNs < 0 ? .max : .min) : difference
}
