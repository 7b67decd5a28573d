import TLS

/// Times as syslog has them, `2026-11-26T12:00:00.123456Z`; what is less than a microsecond is cut off. The text of a
/// second is kept for the events that follow in it.
struct SyslogTime {
    private var second: Int64?
    /// `2026-11-26T12:00:00`
    private var text: [UInt8] = []

    /// - Parameter ns: nanoseconds since the Unix epoch; any: what a clock says is saturated, not checked.
    mutating func append(_ ns: Int64, to bytes: inout [UInt8]) {
        var (second, rest) = ns.quotientAndRemainder(dividingBy: 1_000_000_000)
        if rest < 0 {
            second -= 1
            rest += 1_000_000_000
        }
        if self.second != second {
            self.second = second
            text = Array(CalendarTime(secondsSinceEpoch: second).description.utf8.dropLast())
        }
        bytes += text
        SyslogText.append(microseconds: rest / 1000, to: &bytes)
    }
}
