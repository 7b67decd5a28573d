/// One word of a filter expression.
struct FilterToken: Equatable {
    enum Kind: Equatable {
        case integer(Int64)
        case float(Double)
        case text(FilterPattern)
        /// A payload field's name.
        case name(String)
        /// `$` and the names behind it, with their points and colons.
        case variable(String)
        /// An operator or a bracket.
        case symbol(Symbol)
        case end
    }

    enum Symbol: String, CaseIterable {
        // Longer ones stand before those that they begin with.
        case leftShift = "<<"
        case rightShift = ">>"
        case lessOrEqual = "<="
        case greaterOrEqual = ">="
        case equal = "=="
        case notEqual = "!="
        case logicalAnd = "&&"
        case logicalOr = "||"
        case less = "<"
        case greater = ">"
        case not = "!"
        case and = "&"
        case or = "|"
        case xor = "^"
        case complement = "~"
        case plus = "+"
        case minus = "-"
        case leftParenthesis = "("
        case rightParenthesis = ")"
        case leftBracket = "["
        case rightBracket = "]"
        case point = "."
    }

    var kind: Kind
    /// Where it begins, bytes from the expression's start.
    var offset: Int
    /// Its bytes.
    var length: Int
}

/// Cuts a filter expression into words.
///
/// Works on bytes: all that is not ASCII may only stand in texts.
struct FilterLexer {
    private let bytes: [UInt8]
    private var offset = 0

    init(_ expression: String) {
        bytes = Array(expression.utf8)
    }

    /// The column of a byte, counted from 1 in characters.
    func column(_ offset: Int) -> Int {
        1 + bytes[..<min(offset, bytes.count)].count { $0 & 0xC0 != 0x80 }
    }

    func error(_ offset: Int, _ reason: String) -> FilterError {
        FilterError(column: column(offset), reason: reason)
    }

    /// What a token looks like, for people.
    func quoted(_ token: FilterToken) -> String {
        guard token.kind != .end else { return "the end" }
        let text = String(decoding: bytes[token.offset..<token.offset + token.length].prefix(40), as: UTF8.self)
        return "`\(String(String.UnicodeScalarView(text.unicodeScalars.map(\.shown))))`"
    }

    mutating func next() throws(FilterError) -> FilterToken {
        while let byte = peek(), byte == 0x20 || 0x09...0x0D ~= byte { offset += 1 }
        let start = offset
        guard let byte = peek() else { return FilterToken(kind: .end, offset: start, length: 0) }
        let kind: FilterToken.Kind
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): kind = try number()
        case UInt8(ascii: ".") where peek(1).map(Self.isDigit) == true: kind = try number()
        case UInt8(ascii: "\""): kind = .text(try text())
        case UInt8(ascii: "$"): kind = .variable(try variable())
        case _ where Self.isNameStart(byte): kind = .name(name())
        default: kind = .symbol(try symbol())
        }
        return FilterToken(kind: kind, offset: start, length: offset - start)
    }

    private func peek(_ ahead: Int = 0) -> UInt8? {
        offset + ahead < bytes.count ? bytes[offset + ahead] : nil
    }

    static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }

    private static func isNameStart(_ byte: UInt8) -> Bool {
        UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20 || byte == UInt8(ascii: "_")
    }

    private static func isName(_ byte: UInt8) -> Bool { isNameStart(byte) || isDigit(byte) }

    // MARK: Names and operators

    private mutating func name() -> String {
        let start = offset
        while let byte = peek(), Self.isName(byte) { offset += 1 }
        return String(decoding: bytes[start..<offset], as: UTF8.self)
    }

    /// A variable's name without its `$`. Types of contexts have colons, and hyphens behind these.
    private mutating func variable() throws(FilterError) -> String {
        offset += 1
        let start = offset
        var hasColon = false
        while let byte = peek() {
            if byte == UInt8(ascii: ":") {
                hasColon = true
            } else if !Self.isName(byte), byte != UInt8(ascii: "."), !(hasColon && byte == UInt8(ascii: "-")) {
                break
            }
            offset += 1
        }
        guard offset > start else { throw error(start, "a name was expected behind `$`: \(FilterVariable.all)") }
        return String(decoding: bytes[start..<offset], as: UTF8.self)
    }

    private mutating func symbol() throws(FilterError) -> FilterToken.Symbol {
        for symbol in FilterToken.Symbol.allCases where bytes[offset...].starts(with: symbol.rawValue.utf8) {
            offset += symbol.rawValue.utf8.count
            return symbol
        }
        switch bytes[offset] {
        case UInt8(ascii: "="): throw error(offset, "`==` was expected: a filter assigns nothing")
        case UInt8(ascii: "*"), UInt8(ascii: "/"), UInt8(ascii: "%"):
            throw error(offset, "an operator was expected: filters do not calculate")
        case UInt8(ascii: "'"): throw error(offset, "a text stands between double quotes")
        default: throw error(offset, "a field, a number, a text or an operator was expected")
        }
    }

    // MARK: Numbers

    private mutating func number() throws(FilterError) -> FilterToken.Kind {
        let start = offset
        if peek() == UInt8(ascii: "0"), let mark = peek(1), mark | 0x20 == UInt8(ascii: "x") {
            offset += 2
            return .integer(try integer(from: offset, start: start, radix: 16))
        }
        while let byte = peek(), Self.isDigit(byte) { offset += 1 }
        if let byte = peek(), byte == UInt8(ascii: ".") || byte | 0x20 == UInt8(ascii: "e") {
            return .float(try float(from: start))
        }
        offset = start
        return .integer(try integer(from: start, start: start, radix: bytes[start] == UInt8(ascii: "0") ? 8 : 10))
    }

    /// An integer's digits, and the suffixes that C has for them. It counts as a signed one of 64 bits.
    private mutating func integer(from first: Int, start: Int, radix: UInt64) throws(FilterError) -> Int64 {
        var value: UInt64 = 0
        while let byte = peek(), let digit = Self.digit(byte), digit < max(radix, 10) {
            guard digit < radix else { throw error(offset, "a digit from 0 to 7 was expected: the number is octal") }
            let (product, overflow) = value.multipliedReportingOverflow(by: radix)
            let (sum, carry) = product.addingReportingOverflow(digit)
            guard !overflow, !carry else { throw error(start, "a number of at most 64 bits was expected") }
            value = sum
            offset += 1
        }
        guard offset > first else { throw error(offset, "a hexadecimal digit was expected") }
        var suffixes = 0
        while let byte = peek(), byte | 0x20 == UInt8(ascii: "u") || byte | 0x20 == UInt8(ascii: "l"), suffixes < 3 {
            offset += 1
            suffixes += 1
        }
        try expectEndOfNumber()
        return Int64(bitPattern: value)
    }

    private static func digit(_ byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    private mutating func float(from start: Int) throws(FilterError) -> Double {
        if peek() == UInt8(ascii: ".") { offset += 1 }
        while let byte = peek(), Self.isDigit(byte) { offset += 1 }
        if let byte = peek(), byte | 0x20 == UInt8(ascii: "e") {
            offset += 1
            if let sign = peek(), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { offset += 1 }
            guard let digit = peek(), Self.isDigit(digit) else { throw error(offset, "an exponent was expected") }
            while let byte = peek(), Self.isDigit(byte) { offset += 1 }
        }
        let digits = String(decoding: bytes[start..<offset], as: UTF8.self)
        // Swift wants digits on both sides of a point.
        let padded = (digits.hasPrefix(".") ? "0" : "") + digits.replacingPoint
        guard let value = Double(padded), value.isFinite else { throw error(start, "a finite number was expected") }
        try expectEndOfNumber()
        return value
    }

    private func expectEndOfNumber() throws(FilterError) {
        guard let byte = peek(), Self.isName(byte) || byte == UInt8(ascii: ".") else { return }
        throw error(offset, "an operator was expected behind the number")
    }

    // MARK: Texts

    /// What stands between double quotes. A `*` there is any characters; one behind a backslash is itself.
    private mutating func text() throws(FilterError) -> FilterPattern {
        let start = offset
        var pattern = FilterPattern()
        offset += 1
        while let byte = peek() {
            offset += 1
            switch byte {
            case UInt8(ascii: "\""): return pattern
            case UInt8(ascii: "*"): pattern.appendStar()
            case UInt8(ascii: "\\"): pattern.append(try escaped())
            default: pattern.append(byte)
            }
        }
        throw error(start, "the text that begins here has no second double quote")
    }

    /// The byte that an escape stands for, as in C.
    private mutating func escaped() throws(FilterError) -> UInt8 {
        guard let byte = peek() else { throw error(offset, "an escaped character was expected") }
        offset += 1
        switch byte {
        case UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "*"), UInt8(ascii: "'"), UInt8(ascii: "?"):
            return byte
        case UInt8(ascii: "a"): return 7
        case UInt8(ascii: "b"): return 8
        case UInt8(ascii: "t"): return 9
        case UInt8(ascii: "n"): return 10
        case UInt8(ascii: "v"): return 11
        case UInt8(ascii: "f"): return 12
        case UInt8(ascii: "r"): return 13
        case UInt8(ascii: "x"): return try escapedNumber(from: offset, digitsMax: 2, radix: 16)
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            offset -= 1
            return try escapedNumber(from: offset, digitsMax: 3, radix: 8)
        default:
            throw error(offset - 2, "an escape was expected: \\\\ \\\" \\* \\n \\r \\t \\a \\b \\f \\v \\x41 or \\101")
        }
    }

    private mutating func escapedNumber(from start: Int, digitsMax: Int, radix: UInt64) throws(FilterError) -> UInt8 {
        var value: UInt64 = 0
        while offset < start + digitsMax, let digit = peek().flatMap(Self.digit), digit < radix {
            value = value * radix + digit
            offset += 1
        }
        guard offset > start, let byte = UInt8(exactly: value), byte > 0 else {
            throw error(start, "the number of a character from 1 to 255 was expected")
        }
        return byte
    }
}

extension String {
    /// With a digit behind a point that has none.
    fileprivate var replacingPoint: String {
        var text = ""
        for (index, character) in zip(indices, self) {
            text.append(character)
            guard character == "." else { continue }
            let next = self.index(after: index)
            if next == endIndex || !self[next].isWholeNumber { text.append("0") }
        }
        return text
    }
}
