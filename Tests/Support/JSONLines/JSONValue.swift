/// A JSON text taken apart, strictly: numbers stay as they are written.
package enum JSONValue: Equatable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([Member])

    package struct Member: Equatable {
        package var name: String
        package var value: JSONValue

        package init(name: String, value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    package struct Failure: Error {
        package var offset: Int
        package var reason: String
    }

    /// - Throws: where `text` is not exactly one JSON value.
    package init(_ text: some StringProtocol) throws {
        var parser = JSONParser(bytes: Array(text.utf8))
        self = try parser.value(depth: 0)
        guard parser.offset == parser.bytes.count else { throw parser.failure("more than one value") }
    }

    package subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// The same value, numbers by what they mean.
    package static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): return true
        case (.bool(let left), .bool(let right)): return left == right
        case (.string(let left), .string(let right)): return Array(left.utf8) == Array(right.utf8)
        case (.array(let left), .array(let right)): return left == right
        case (.object(let left), .object(let right)): return left == right
        case (.number(let left), .number(let right)):
            if left == right { return true }
            // Zero has a sign.
            let isReal = left.contains(".") || left.contains("e") || left == "-0"
            return isReal && Double(left)?.bitPattern == Double(right)?.bitPattern
        default: return false
        }
    }
}

private struct JSONParser {
    let bytes: [UInt8]
    var offset = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    func failure(_ reason: String) -> JSONValue.Failure {
        JSONValue.Failure(offset: offset, reason: reason)
    }

    private var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    /// Takes the next byte that is no space if it is this one.
    private mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard next == byte else { return false }
        offset += 1
        return true
    }

    private mutating func take(word: String) -> Bool {
        guard bytes[offset...].starts(with: word.utf8) else { return false }
        offset += word.utf8.count
        return true
    }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0A { offset += 1 }
    }

    mutating func value(depth: Int) throws -> JSONValue {
        guard depth < 200 else { throw failure("too deep") }
        skipSpace()
        switch next {
        case 0x5B: return .array(try elements(depth: depth))
        case 0x7B: return .object(try members(depth: depth))
        case 0x22:
            offset += 1
            return .string(try string())
        case 0x6E where take(word: "null"): return .null
        case 0x74 where take(word: "true"): return .bool(true)
        case 0x66 where take(word: "false"): return .bool(false)
        default: return .number(try number())
        }
    }

    private mutating func elements(depth: Int) throws -> [JSONValue] {
        offset += 1
        var elements: [JSONValue] = []
        if take(0x5D) { return elements }
        repeat { elements.append(try value(depth: depth + 1)) } while take(0x2C)
        guard take(0x5D) else { throw failure("array without end") }
        return elements
    }

    private mutating func members(depth: Int) throws -> [JSONValue.Member] {
        offset += 1
        var members: [JSONValue.Member] = []
        if take(0x7D) { return members }
        repeat {
            guard case .string(let name) = try value(depth: depth + 1), take(0x3A) else { throw failure("name") }
            guard !members.contains(where: { $0.name == name }) else { throw failure("name '\(name)' twice") }
            members.append(JSONValue.Member(name: name, value: try value(depth: depth + 1)))
        } while take(0x2C)
        guard take(0x7D) else { throw failure("object without end") }
        return members
    }

    private mutating func string() throws -> String {
        var text: [UInt8] = []
        while let byte = next, byte != 0x22 {
            offset += 1
            guard byte >= 0x20 else { throw failure("control character") }
            guard byte == 0x5C else {
                text.append(byte)
                continue
            }
            guard let letter = next else { throw failure("escape") }
            offset += 1
            switch letter {
            case 0x22, 0x5C, 0x2F: text.append(letter)
            case 0x6E: text.append(0x0A)
            case 0x72: text.append(0x0D)
            case 0x74: text.append(0x09)
            case 0x62: text.append(0x08)
            case 0x66: text.append(0x0C)
            case 0x75:
                let digits = String(decoding: bytes[offset..<min(offset + 4, bytes.count)], as: UTF8.self)
                guard let code = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(code) else {
                    throw failure("escape")
                }
                offset += 4
                text += Array(String(scalar).utf8)
            default: throw failure("escape")
            }
        }
        guard next == 0x22, let valid = String(validating: text, as: UTF8.self) else { throw failure("string") }
        offset += 1
        return valid
    }

    private mutating func number() throws -> String {
        let start = offset
        while let byte = next, byte != 0x2C, byte != 0x5D, byte != 0x7D { offset += 1 }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        // Most are integers, and regular expressions are slow.
        let digits = bytes[start..<offset].drop { $0 == 0x2D }
        let isInteger = (1...19).contains(digits.count) && digits.allSatisfy { (0x30...0x39).contains($0) }
        guard
            isInteger && (digits.first != 0x30 || digits.count == 1) && offset - start - digits.count <= 1
                || text.wholeMatch(of: /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/) != nil
        else { throw failure("number '\(text)'") }
        return text
    }
}
