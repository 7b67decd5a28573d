/// A point in time as people write it.
package struct Timestamp: Sendable, Equatable {
    /// Since the Unix epoch.
    package var nanoseconds: Int64

    /// RFC 3339: `2026-11-23T15:00:00Z`, with a fraction of up to nine digits, and an offset instead of `Z`.
    /// - Returns: nil when it is no such time, or not one of the years 1970 to 2262.
    package init?(rfc3339 text: String) {
        let bytes = Array(text.utf8)
        func number(_ range: Range<Int>) -> Int64? {
            guard range.upperBound <= bytes.count else { return nil }
            var value: Int64 = 0
            for byte in bytes[range] {
                guard byte >= 0x30, byte <= 0x39 else { return nil }
                value = value * 10 + Int64(byte - 0x30)
            }
            return value
        }
        func has(_ character: Character, at index: Int) -> Bool {
            index < bytes.count && bytes[index] == character.asciiValue
        }
        guard let year = number(0..<4), has("-", at: 4), let month = number(5..<7), has("-", at: 7),
            let day = number(8..<10), has("T", at: 10) || has("t", at: 10) || has(" ", at: 10),
            let hour = number(11..<13), has(":", at: 13), let minute = number(14..<16), has(":", at: 16),
            let second = number(17..<19), year >= 1970, (1...12).contains(month),
            (1...Timestamp.days(ofMonth: month, year: year)).contains(day), hour < 24, minute < 60, second <= 60
        else { return nil }
        var index = 19
        var fraction: Int64 = 0
        if has(".", at: index) {
            var scale: Int64 = 1_000_000_000
            index += 1
            let first = index
            while let digit = number(index..<index + 1), scale > 1 {
                scale /= 10
                fraction += digit * scale
                index += 1
            }
            guard index > first else { return nil }
        }
        var offsetSeconds: Int64 = 0
        if has("Z", at: index) || has("z", at: index) {
            index += 1
        } else {
            guard has("+", at: index) || has("-", at: index), let hours = number(index + 1..<index + 3),
                has(":", at: index + 3), let minutes = number(index + 4..<index + 6), hours < 24, minutes < 60
            else { return nil }
            offsetSeconds = (hours * 3600 + minutes * 60) * (has("-", at: index) ? -1 : 1)
            index += 6
        }
        guard index == bytes.count else { return nil }
        // Days since the epoch, by the civil calendar's 400-year eras of 146097 days that begin in March.
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offsetSeconds
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return nil }
        let (sum, sumOverflow) = scaled.addingReportingOverflow(fraction)
        guard !sumOverflow else { return nil }
        nanoseconds = sum
    }
    private static func days(ofMonth month: Int64, year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}
