import Feed
import HTTPTypes
import Timeline

/// What a call is given after the question mark, decoded; every name once, and only names that the call knows.
struct APIParameters {
    private static let lanesTextBytesMax = 4 << 10

    private var values: [String: String] = [:]

    /// - Parameter names: that the call knows.
    init(_ query: String?, names: Set<String>) throws(APIError) {
        for part in (query ?? "").split(separator: "&") {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decoded(pair[0]), let value = Self.decoded(pair.count > 1 ? pair[1] : "") else {
                throw .parameter("the query is malformed")
            }
            guard names.contains(name) else { throw .parameter("there is no such parameter: \(name)") }
            guard values.updateValue(value, forKey: name) == nil else { throw .parameter("\(name) is given twice") }
        }
    }

    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(hexDigit), let low = rest.popFirst().flatMap(hexDigit) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    subscript(name: String) -> String? { values[name] }

    func required(_ name: String) throws(APIError) -> String {
        guard let value = values[name] else { throw .parameter("\(name) is missing") }
        return value
    }

    /// A number; nil where it is not given.
    func number<Number: FixedWidthInteger>(_ name: String, as type: Number.Type = Number.self) throws(APIError)
        -> Number?
    {
        guard let text = values[name] else { return nil }
        guard let number = Number(text) else { throw .parameter("\(name) is no number that is possible here") }
        return number
    }

    func requiredNumber<Number: FixedWidthInteger>(_ name: String) throws(APIError) -> Number {
        _ = try required(name)
        guard let number: Number = try number(name) else { throw .parameter("\(name) is missing") }
        return number
    }

    /// A number in a range; one that is not given is `unless`.
    func limit(_ name: String, in range: ClosedRange<Int>, unless: Int) throws(APIError) -> Int {
        let limit = try number(name) ?? unless
        guard range.contains(limit) else {
            throw .range("\(name) is \(range.lowerBound) to \(range.upperBound)")
        }
        return limit
    }

    /// `from` and `to`, which is behind it.
    func times() throws(APIError) -> Range<Int64> {
        let (from, to): (Int64, Int64) = (try requiredNumber("from"), try requiredNumber("to"))
        guard from < to else { throw .range("to is not after from") }
        return from..<to
    }

    /// Ids of lanes, and ranges of them; nil where none are given.
    func lanes() throws(APIError) -> [UInt32]? {
        guard let text = values["lanes"] else { return nil }
        guard text.utf8.count <= Self.lanesTextBytesMax else { throw .range("lanes are too long a text") }
        var ids: [UInt32] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { UInt32($0) }
            guard let first = ends[0], let last = ends.count > 1 ? ends[1] : first, first <= last else {
                throw .parameter("lanes are malformed")
            }
            guard ids.count + Int(last - first) < DensityRequest.lanesMax else {
                throw .range("lanes are at most \(DensityRequest.lanesMax)")
            }
            ids += first...last
        }
        return ids
    }

    /// The expression; nil where none is given.
    func filter(_ name: String = "filter") throws(APIError) -> FilterExpression? {
        guard let text = values[name] else { return nil }
        do throws(FilterError) {
            return try FilterExpression(text)
        } catch {
            var refusal = APIError(.badRequest, "filter", error.reason)
            refusal.column = error.column
            throw refusal
        }
    }
}
