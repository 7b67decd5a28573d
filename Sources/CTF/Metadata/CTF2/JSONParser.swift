/// Reads one JSON text (RFC 8259): no nesting without bound, integers exact, strings repaired where they are no UTF-8.
///
/// A NUL in a string is refused, as names go out to readers for which it ends them.
struct JSONParser {
    private let text: UnsafeBufferPointer<UInt8>
    private let nestingMax: Int
    private var offset = 0
    private(set) var position: MetadataPosition
    private let valuesMax: Int
    private(set) var valueCount = 0

    /// - Parameters:
    ///   - text: lives longer than the parser.
    ///   - position: of its first byte.
    ///   - nestingMax: arrays and objects inside of each other.
    ///   - valuesMax: all values of the text.
    init(_ text: UnsafeBufferPointer<UInt8>, at position: MetadataPosition, nestingMax: Int, valuesMax: Int) {
        self.text = text
        self.position = position
        self.nestingMax = nestingMax
        self.valuesMax = valuesMax
    }

    /// Reads the only value of the text.
    mutating func parse() throws(MetadataError) -> JSONValue {
        let value = try value(depth: 0)
        skipBlanks()
        if let byte = peek() { throw unexpected(byte) }
        return value
    }

    // MARK: - Bytes

    private func peek() -> UInt8? {
        offset < text.count ? text[offset] : nil
    }

    private mutating func advance() {
        if text[offset] == UInt8(ascii: "\n") {
            position.line += 1
            position.column = 1
        } else {
            position.column += 1
        }
        offset += 1
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        advance()
        return true
    }

    static func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
    }

    private mutating func skipBlanks() {
        while let byte = peek(), Self.isBlank(byte) { advance() }
    }

    private func unexpected(_ byte: UInt8?) -> MetadataError {
        guard let byte else { return MetadataError(.unexpectedEnd, at: position) }
        return MetadataError(.unexpectedCharacter, at: position, "0x" + String(byte, radix: 16))
    }

    private mutating func expect(_ byte: UInt8) throws(MetadataError) {
        guard take(byte) else { throw unexpected(peek()) }
    }

    // MARK: - Values

    private mutating func value(depth: Int) throws(MetadataError) -> JSONValue {
        skipBlanks()
        guard valueCount < valuesMax else { throw MetadataError(.tooManyDeclarations, at: position) }
        valueCount += 1
        let start = position
        guard let byte = peek() else { throw unexpected(nil) }
        let kind: JSONValue.Kind
        switch byte {
        case UInt8(ascii: "{"): kind = .object(try object(depth: depth))
        case UInt8(ascii: "["): kind = .array(try array(depth: depth))
        case UInt8(ascii: "\""): kind = .string(try string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): kind = try number()
        case UInt8(ascii: "t"): kind = try word("true", .boolean(true))
        case UInt8(ascii: "f"): kind = try word("false", .boolean(false))
        case UInt8(ascii: "n"): kind = try word("null", .null)
        default: throw unexpected(byte)
        }
        return JSONValue(kind: kind, position: start)
    }

    private mutating func word(_ word: StaticString, _ kind: JSONValue.Kind) throws(MetadataError) -> JSONValue.Kind {
        for index in 0..<word.utf8CodeUnitCount { try expect(word.utf8Start[index]) }
        return kind
    }

    private mutating func array(depth: Int) throws(MetadataError) -> [JSONValue] {
        guard depth < nestingMax else { throw MetadataError(.nestedTooDeeply, at: position) }
        advance()
        var elements: [JSONValue] = []
        skipBlanks()
        if take(UInt8(ascii: "]")) { return elements }
        while true {
            elements.append(try value(depth: depth + 1))
            skipBlanks()
            if take(UInt8(ascii: "]")) { return elements }
            try expect(UInt8(ascii: ","))
        }
    }

    private mutating func object(depth: Int) throws(MetadataError) -> JSONObject {
        guard depth < nestingMax else { throw MetadataError(.nestedTooDeeply, at: position) }
        advance()
        var object = JSONObject()
        skipBlanks()
        if take(UInt8(ascii: "}")) { return object }
        while true {
            skipBlanks()
            let start = position
            guard peek() == UInt8(ascii: "\"") else { throw unexpected(peek()) }
            let name = try string()
            skipBlanks()
            try expect(UInt8(ascii: ":"))
            guard object.append(name, try value(depth: depth + 1)) else {
                throw MetadataError(.duplicateAttribute, at: start, "`\(name)`")
            }
            skipBlanks()
            if take(UInt8(ascii: "}")) { return object }
            try expect(UInt8(ascii: ","))
        }
    }

    // MARK: - Numbers

    private mutating func number() throws(MetadataError) -> JSONValue.Kind {
        let start = position
        let firstOffset = offset
        let isNegative = take(UInt8(ascii: "-"))
        var magnitude: UInt64 = 0
        var isTooLarge = false
        let startsWithZero = peek() == UInt8(ascii: "0")
        let count = takeDigits { digit in
            let (product, overflows) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, carries) = product.addingReportingOverflow(digit)
            isTooLarge = isTooLarge || overflows || carries
            magnitude = sum
        }
        guard count > 0, count == 1 || !startsWithZero else { throw MetadataError(.invalidNumber, at: start) }
        var isReal = false
        if take(UInt8(ascii: ".")) {
            guard takeDigits({ _ in }) > 0 else { throw MetadataError(.invalidNumber, at: start) }
            isReal = true
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            guard takeDigits({ _ in }) > 0 else { throw MetadataError(.invalidNumber, at: start) }
            isReal = true
        }
        if isReal {
            let digits = UnsafeBufferPointer(rebasing: text[firstOffset..<offset])
            guard let value = Double(String(decoding: digits, as: UTF8.self)) else {
                throw MetadataError(.invalidNumber, at: start)
            }
            return .real(value)
        }
        let value = isNegative ? -Int128(magnitude) : Int128(magnitude)
        guard !isTooLarge, value >= Int128(Int64.min) else { throw MetadataError(.numberTooLarge, at: start) }
        return .integer(value)
    }

    private mutating func takeDigits(_ take: (UInt64) -> Void) -> Int {
        var count = 0
        while let byte = peek(), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            take(UInt64(byte - UInt8(ascii: "0")))
            advance()
            count += 1
        }
        return count
    }

    // MARK: - Strings

    private mutating func string() throws(MetadataError) -> String {
        let start = position
        advance()
        var bytes: [UInt8] = []
        while let byte = peek() {
            switch byte {
            case UInt8(ascii: "\""):
                advance()
                return String(decoding: bytes, as: UTF8.self)
            case UInt8(ascii: "\\"):
                try escape(into: &bytes)
            case 0..<0x20:
                throw unexpected(byte)
            default:
                bytes.append(byte)
                advance()
            }
        }
        throw MetadataError(.unexpectedEnd, at: start, "string without end")
    }

    private mutating func escape(into bytes: inout [UInt8]) throws(MetadataError) {
        let start = position
        advance()
        guard let byte = peek() else { throw MetadataError(.unexpectedEnd, at: start, "escape sequence") }
        advance()
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(byte)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "u"): bytes += UTF8.encode(try scalar(start)).map(Array.init) ?? []
        default: throw MetadataError(.invalidEscape, at: start)
        }
    }

    /// What stands behind `\u`, and, where that is half of a surrogate pair, behind the `\u` that follows.
    private mutating func scalar(_ start: MetadataPosition) throws(MetadataError) -> Unicode.Scalar {
        var code = try hexadecimal(start)
        if (0xD800...0xDBFF).contains(code) {
            guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
                throw MetadataError(.invalidEscape, at: start)
            }
            let low = try hexadecimal(start)
            guard (0xDC00...0xDFFF).contains(low) else { throw MetadataError(.invalidEscape, at: start) }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard code != 0, let scalar = Unicode.Scalar(code) else {
            throw MetadataError(.invalidEscape, at: start, code == 0 ? "NUL in a string" : "")
        }
        return scalar
    }

    private mutating func hexadecimal(_ start: MetadataPosition) throws(MetadataError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek(), let digit = Self.digit(byte) else {
                throw MetadataError(.invalidEscape, at: start)
            }
            code = code << 4 | digit
            advance()
        }
        return code
    }

    private static func digit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}
