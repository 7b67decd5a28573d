/// Cuts the text of one declaration into words, on demand.
struct TSDLLexer {
    private let text: UnsafeBufferPointer<UInt8>
    private let nameBytesMax: Int
    private var offset = 0
    private(set) var position: MetadataPosition
    /// Inside of an `env` block: a quotation mark ends a string only when the line or the entry ends behind it.
    var isInEnvironment = false

    /// - Parameters:
    ///   - text: lives longer than the lexer.
    ///   - position: of its first byte.
    init(_ text: UnsafeBufferPointer<UInt8>, at position: MetadataPosition, nameBytesMax: Int) {
        self.text = text
        self.nameBytesMax = nameBytesMax
        self.position = position
    }

    /// The next word; `end` for ever once there is none.
    mutating func next() throws(MetadataError) -> TSDLToken {
        try skipBlanksAndComments()
        let start = position
        guard let byte = peek() else { return TSDLToken(kind: .end, position: start) }
        let kind: TSDLToken.Kind
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"):
            kind = .word(try word())
        case UInt8(ascii: "0")...UInt8(ascii: "9"):
            kind = .integer(try number())
        case UInt8(ascii: "\""):
            kind = .string(try string())
        case UInt8(ascii: "'"):
            kind = .integer(try character())
        default:
            kind = .symbol(try symbol(byte))
        }
        return TSDLToken(kind: kind, position: start)
    }

    static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || (0x09...0x0D).contains(byte)
    }

    /// Whether `byte`, behind a quotation mark and blanks, shows that a string of an `env` block has ended.
    static func endsEnvironmentString(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ";") || byte == UInt8(ascii: "}") || byte == UInt8(ascii: "\n")
            || byte == UInt8(ascii: "\r")
    }

    // MARK: - Bytes

    private func peek(_ distance: Int = 0) -> UInt8? {
        offset + distance < text.count ? text[offset + distance] : nil
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

    private mutating func skipBlanksAndComments() throws(MetadataError) {
        while let byte = peek() {
            if Self.isBlank(byte) {
                advance()
            } else if byte == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "/") {
                while let byte = peek(), byte != UInt8(ascii: "\n") { advance() }
            } else if byte == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "*") {
                try skipBlockComment()
            } else {
                return
            }
        }
    }

    private mutating func skipBlockComment() throws(MetadataError) {
        let start = position
        advance()
        advance()
        while let byte = peek() {
            advance()
            if byte == UInt8(ascii: "*"), peek() == UInt8(ascii: "/") {
                advance()
                return
            }
        }
        throw MetadataError(.unexpectedEnd, at: start, "comment without end")
    }

    // MARK: - Words, numbers and symbols

    private mutating func word() throws(MetadataError) -> String {
        let (start, startPosition) = (offset, position)
        while let byte = peek(), Self.isWordByte(byte) { advance() }
        guard offset - start <= nameBytesMax else { throw MetadataError(.nameTooLong, at: startPosition) }
        return String(decoding: text[start..<offset], as: UTF8.self)
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }

    /// A decimal, octal (`0…`) or hexadecimal (`0x…`) number, with C's suffixes.
    private mutating func number() throws(MetadataError) -> UInt64 {
        let start = position
        let digits = Array(try word().utf8)
        var index = 0
        var base: UInt64 = 10
        if digits[0] == UInt8(ascii: "0"), digits.count > 1 {
            if digits[1] == UInt8(ascii: "x") || digits[1] == UInt8(ascii: "X") {
                base = 16
                index = 2
            } else {
                base = 8
            }
        }
        let firstDigit = index
        var value: UInt64 = 0
        while index < digits.count, let digit = Self.digit(digits[index]), digit < base {
            let (product, overflows) = value.multipliedReportingOverflow(by: base)
            let (sum, carries) = product.addingReportingOverflow(digit)
            guard !overflows, !carries else { throw MetadataError(.numberTooLarge, at: start) }
            value = sum
            index += 1
        }
        let suffix = digits[index...]
        guard index > firstDigit, suffix.count <= 3, suffix.allSatisfy(Self.isSuffix) else {
            throw MetadataError(.invalidNumber, at: start, String(decoding: digits.prefix(32), as: UTF8.self))
        }
        return value
    }

    private static func isSuffix(_ byte: UInt8) -> Bool {
        byte | 0x20 == UInt8(ascii: "u") || byte | 0x20 == UInt8(ascii: "l")
    }

    private static func digit(_ byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    private mutating func symbol(_ byte: UInt8) throws(MetadataError) -> TSDLToken.Symbol {
        let start = position
        if byte == UInt8(ascii: ":"), peek(1) == UInt8(ascii: "=") {
            advance()
            advance()
            return .assignType
        }
        if byte == UInt8(ascii: "."), peek(1) == UInt8(ascii: "."), peek(2) == UInt8(ascii: ".") {
            for _ in 0..<3 { advance() }
            return .ellipsis
        }
        guard let symbol = TSDLToken.Symbol(rawValue: String(UnicodeScalar(byte))) else {
            throw MetadataError(.unexpectedCharacter, at: start, "0x" + String(byte, radix: 16))
        }
        advance()
        return symbol
    }

    // MARK: - Literals

    private mutating func character() throws(MetadataError) -> UInt64 {
        let start = position
        advance()
        guard let byte = peek(), byte != UInt8(ascii: "'"), byte != UInt8(ascii: "\n"), byte != 0 else {
            throw MetadataError(.unexpectedCharacter, at: start, "character literal")
        }
        let value = byte == UInt8(ascii: "\\") ? try escape() : byte
        if byte != UInt8(ascii: "\\") { advance() }
        guard peek() == UInt8(ascii: "'") else {
            throw MetadataError(.unexpectedCharacter, at: start, "character literal")
        }
        advance()
        return UInt64(value)
    }

    private mutating func string() throws(MetadataError) -> String {
        let start = position
        var bytes: [UInt8] = []
        advance()
        while let byte = peek() {
            switch byte {
            case UInt8(ascii: "\""):
                if !isInEnvironment || environmentStringEnds() {
                    advance()
                    return String(decoding: bytes, as: UTF8.self)
                }
                bytes.append(byte)
                advance()
            case UInt8(ascii: "\\"):
                let escapeStart = position
                let value = try escape()
                guard value != 0 else { throw MetadataError(.invalidEscape, at: escapeStart, "NUL in a string") }
                bytes.append(value)
            case 0:
                throw MetadataError(.unexpectedCharacter, at: position, "NUL in a string")
            default:
                bytes.append(byte)
                advance()
            }
        }
        throw MetadataError(.unexpectedEnd, at: start, "string without end")
    }

    /// Whether the quotation mark at `offset` ends a string of an `env` block.
    private func environmentStringEnds() -> Bool {
        var distance = 1
        while let byte = peek(distance), byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") { distance += 1 }
        guard let byte = peek(distance) else { return true }
        return Self.endsEnvironmentString(byte)
    }

    /// An escape sequence; a backslash before any other character stands for that character.
    private mutating func escape() throws(MetadataError) -> UInt8 {
        let start = position
        advance()
        guard let byte = peek() else { throw MetadataError(.unexpectedEnd, at: start, "escape sequence") }
        switch byte {
        case UInt8(ascii: "x"):
            advance()
            return try digits(base: 16, countMax: 2, start: start)
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            return try digits(base: 8, countMax: 3, start: start)
        default:
            advance()
            return Self.escapes[byte] ?? byte
        }
    }

    private static let escapes: [UInt8: UInt8] = [
        UInt8(ascii: "a"): 0x07, UInt8(ascii: "b"): 0x08, UInt8(ascii: "t"): 0x09, UInt8(ascii: "n"): 0x0A,
        UInt8(ascii: "v"): 0x0B, UInt8(ascii: "f"): 0x0C, UInt8(ascii: "r"): 0x0D,
    ]

    private mutating func digits(base: UInt64, countMax: Int, start: MetadataPosition) throws(MetadataError) -> UInt8 {
        var value: UInt64 = 0
        var count = 0
        while count < countMax, let byte = peek(), let digit = Self.digit(byte), digit < base {
            value = value * base + digit
            count += 1
            advance()
        }
        guard count > 0, let byte = UInt8(exactly: value) else { throw MetadataError(.invalidEscape, at: start) }
        return byte
    }
}
