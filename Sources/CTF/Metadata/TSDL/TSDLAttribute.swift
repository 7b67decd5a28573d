/// What stands to the right of an attribute's `=`.
enum TSDLValue: Sendable, Equatable {
    /// A quoted string.
    case string(String)
    /// A name, or names joined by dots.
    case word(String)
    case integer(TSDLNumber)

    /// The text of a string or a name.
    var text: String? {
        switch self {
        case .string(let text), .word(let text): text
        case .integer: nil
        }
    }
}

/// `name = value;`, and the readings that its value may have.
struct TSDLAttribute: Sendable {
    var name: String
    var value: TSDLValue
    var position: MetadataPosition

    /// The attributes that mean something, in one block or another. They can be given once.
    static let known: Set<String> = [
        "major", "minor", "uuid", "byte_order", "packet.header", "id", "packet.context", "event.header",
        "event.context",
        "name", "stream_id", "context", "fields", "loglevel", "model.emf.uri", "description", "freq", "precision",
        "offset", "offset_s", "absolute", "size", "align", "signed", "base", "encoding", "map", "exp_dig", "mant_dig",
    ]

    func invalid() -> MetadataError {
        MetadataError(.attributeValueInvalid, at: position, "`\(name)`")
    }

    /// A string or a name.
    func text() throws(MetadataError) -> String {
        guard let text = value.text else { throw invalid() }
        return text
    }

    func unsigned() throws(MetadataError) -> UInt64 {
        guard case .integer(let number) = value, let unsigned = number.unsigned else { throw invalid() }
        return unsigned
    }

    func signed() throws(MetadataError) -> Int64 {
        guard case .integer(let number) = value, let signed = number.signed else { throw invalid() }
        return signed
    }

    func boolean() throws(MetadataError) -> Bool {
        switch value {
        case .word("true"), .word("TRUE"), .string("true"), .string("TRUE"): return true
        case .word("false"), .word("FALSE"), .string("false"), .string("FALSE"): return false
        case .integer(let number) where number.unsigned == 0: return false
        case .integer(let number) where number.unsigned == 1: return true
        default: throw invalid()
        }
    }

    /// A power of two, in bits.
    func alignment() throws(MetadataError) -> UInt32 {
        let value = try unsigned()
        guard value.nonzeroBitCount == 1, value <= 1 << 30 else { throw invalid() }
        return UInt32(value)
    }

    /// Nil for `native`.
    func byteOrder() throws(MetadataError) -> ByteOrder? {
        switch value.text {
        case "le": return .littleEndian
        case "be", "network": return .bigEndian
        case "native": return nil
        default: throw invalid()
        }
    }

    func displayBase() throws(MetadataError) -> UInt8 {
        if case .integer(let number) = value {
            switch number.unsigned {
            case 2: return 2
            case 8: return 8
            case 10: return 10
            case 16: return 16
            default: throw invalid()
            }
        }
        switch value.text {
        case "binary", "b": return 2
        case "octal", "oct", "o": return 8
        case "decimal", "dec", "d", "i", "u": return 10
        case "hexadecimal", "hex", "x", "X", "p": return 16
        default: throw invalid()
        }
    }

    /// Nil for `none`.
    func encoding() throws(MetadataError) -> TextEncoding? {
        switch value.text {
        case "UTF8", "utf8", "UTF-8", "utf-8": return .utf8
        case "ASCII", "ascii": return .ascii
        case "none": return nil
        default: throw invalid()
        }
    }

    func uuid() throws(MetadataError) -> TraceUUID {
        guard case .string(let text) = value, let uuid = TraceUUID(text) else { throw invalid() }
        return uuid
    }
}

extension TraceUUID {
    /// Reads the canonical form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, in either case.
    package init?(_ text: String) {
        var high: UInt64 = 0
        var low: UInt64 = 0
        var digits = 0
        for (index, byte) in text.utf8.enumerated() {
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard digits < 32, let digit = Character(UnicodeScalar(byte)).hexDigitValue else { return nil }
            if digits < 16 { high = high << 4 | UInt64(digit) } else { low = low << 4 | UInt64(digit) }
            digits += 1
        }
        guard digits == 32 else { return nil }
        self.init(high: high, low: low)
    }
}
