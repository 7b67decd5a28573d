/// How far long work has come, in one line for people.
package struct ProgressText: Sendable {
    /// Since the work began, nanoseconds.
    package var elapsedNs: Int64
    package var events: UInt64
    /// The part that is done, 0 ... 1; nil where nobody knows.
    package var fraction: Double?

    package init(elapsedNs: Int64, events: UInt64, fraction: Double?) {
        self.elapsedNs = elapsedNs
        self.events = events
        self.fraction = fraction.map { min(max($0, 0), 1) }
    }

    /// At most `width` columns: what does not fit is cut off.
    package func line(_ what: String, width: Int) -> String {
        let seconds = Double(max(elapsedNs, 1)) / 1e9
        var parts: [String] = []
        if let fraction { parts.append("\(Int(fraction * 100)) %") }
        parts.append("\(Self.grouped(events)) events")
        parts.append("\(Self.grouped(UInt64(Double(events) / seconds)))/s")
        // A moment's work says nothing of what is left.
        if let fraction, fraction > 0.001, fraction < 1, seconds >= 1 {
            parts.append("\(Self.duration(seconds * (1 - fraction) / fraction)) left")
        }
        return String("\(what): \(parts.joined(separator: ", "))".prefix(max(width, 0)))
    }

    /// With a space between thousands.
    private static func grouped(_ number: UInt64) -> String {
        var text = ""
        for (index, digit) in "\(number)".reversed().enumerated() {
            if index > 0, index % 3 == 0 { text.append(" ") }
            text.append(digit)
        }
        return String(text.reversed())
    }

    /// Rounded up to seconds, or to minutes where there are many.
    private static func duration(_ seconds: Double) -> String {
        let whole = Int(min(seconds.rounded(.up), 1e9))
        if whole < 100 { return "\(whole) s" }
        let minutes = (whole + 59) / 60
        return minutes < 100 ? "\(minutes) min" : "\((minutes + 59) / 60) h"
    }
}
