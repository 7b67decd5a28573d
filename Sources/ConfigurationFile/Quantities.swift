/// Durations and sizes as people write them: a whole number and its unit, `30s`, `10GiB`.
enum Quantity {
    private static let durationUnits: [(name: String, factor: Int64)] = [
        ("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ]
    private static let sizeUnits: [(name: String, factor: Int64)] = [
        ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30),
    ]

    /// - Returns: nanoseconds.
    static func durationNs(_ text: String) throws(ValueError) -> Int64 {
        try read(text, "a duration", durationUnits, example: "30s")
    }

    /// - Returns: nanoseconds, more than 0.
    static func positiveDurationNs(_ text: String) throws(ValueError) -> Int64 {
        let value = try durationNs(text)
        guard value > 0 else { throw ValueError("'\(text)' must be more than 0") }
        return value
    }

    /// - Returns: bytes, more than 0.
    static func sizeBytes(_ text: String) throws(ValueError) -> UInt64 {
        let value = try read(text, "a size", sizeUnits, example: "10GiB")
        guard let bytes = UInt64(exactly: value), bytes > 0 else { throw ValueError("'\(text)' must be more than 0") }
        return bytes
    }

    /// - Returns: a number from 1 to a million.
    static func count(_ text: String) throws(ValueError) -> Int {
        guard let number = Int(text), (1...1_000_000).contains(number) else {
            throw ValueError("'\(text)' is not a number from 1 to 1000000")
        }
        return number
    }

    private static func read(
        _ text: String,
        _ kind: String,
        _ units: [(name: String, factor: Int64)],
        example: String
    ) throws(ValueError) -> Int64 {
        let digitsEnd = text.unicodeScalars.firstIndex { !("0"..."9").contains($0) && $0 != "-" && $0 != "+" }
        let number = text[..<(digitsEnd ?? text.endIndex)]
        let unit = text[(digitsEnd ?? text.endIndex)...]
        guard let value = Int64(number) else {
            guard number.count > 15 else { throw ValueError("'\(text)' is not \(kind), as \(example)") }
            throw ValueError("'\(text)' is too large")
        }
        guard let factor = units.first(where: { $0.name == unit })?.factor else {
            let names = units.map(\.name).joined(separator: " ")
            if unit.isEmpty { throw ValueError("'\(text)' needs a unit: one of \(names)") }
            throw ValueError("'\(unit)' is not a unit: one of \(names) is expected, after a whole number")
        }
        let (result, overflow) = value.multipliedReportingOverflow(by: factor)
        guard !overflow else { throw ValueError("'\(text)' is too large") }
        return result
    }
}

extension Configuration.StallLimit {
    /// Reads `30s` or `never`.
    package init(_ text: String) throws(ValueError) {
        if text == "never" {
            self = .never
            return
        }
        do throws(ValueError) {
            self = .afterNs(try Quantity.positiveDurationNs(text))
        } catch {
            throw ValueError("\(error) (or never)")
        }
    }
}

extension Configuration.Start {
    /// Reads `beginning` (also `earliest`) or `now` (also `latest`).
    package init(_ text: String) throws(ValueError) {
        switch text {
        case "beginning", "earliest": self = .beginning
        case "now", "latest": self = .now
        default: throw ValueError("'\(text)' is not a start: beginning or now is expected")
        }
    }
}

extension Configuration.TLSVersion {
    /// Reads `1.2` or `1.3`.
    package init(_ text: String) throws(ValueError) {
        guard let known = Self(rawValue: text) else {
            throw ValueError("'\(text)' is not a version of TLS that is spoken here: 1.3 or 1.2 is expected")
        }
        self = known
    }
}

extension Configuration.Clock {
    /// Reads `reported` or `measured`.
    package init(_ text: String) throws(ValueError) {
        guard let known = Self(rawValue: text) else {
            throw ValueError("'\(text)' is not known: reported or measured is expected")
        }
        self = known
    }
}

extension Configuration.Log.Sync {
    /// Reads `none`, `always` or `1s`.
    package init(_ text: String) throws(ValueError) {
        switch text {
        case "none": self = .never
        case "always": self = .always
        default:
            do throws(ValueError) {
                self = .everyNs(try Quantity.positiveDurationNs(text))
            } catch {
                throw ValueError("\(error) (or none, or always)")
            }
        }
    }
}
