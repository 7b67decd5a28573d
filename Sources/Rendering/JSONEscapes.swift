/// How JSON writes strings: as UTF-8, invalid bytes as U+FFFD, control characters escaped (the C1 ones and DEL too,
/// which terminals obey).
enum JSONEscapes {
    private static let replacement: StaticString = "\u{FFFD}"

    @inline(__always)
    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x7F && byte != 0x22 && byte != 0x5C
    }

    /// Whether each of eight bytes stands for itself.
    @inline(__always)
    private static func isPlain(_ word: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        // As in `TextEscapes`: a top bit is set where a byte is below 0x20 or equal to one of these.
        let controls = (word &- ones &* 0x20) & ~word
        let found =
            controls | TextEscapes.zeros(word ^ (ones &* 0x7F)) | TextEscapes.zeros(word ^ (ones &* 0x22))
            | TextEscapes.zeros(word ^ (ones &* 0x5C))
        return (found | word) & tops == 0
    }

    /// Appends `bytes` as a JSON string's content, without quotes.
    @inline(__always)
    static func append(_ bytes: UnsafeRawBufferPointer, to pen: inout OutputPen) {
        guard let start = bytes.baseAddress else { return }
        let count = bytes.count
        pen.reserve(count)
        var index = 0
        while count - index >= 8 {
            let word = start.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            guard isPlain(word) else { break }
            UnsafeMutableRawPointer(pen.position).storeBytes(of: word, as: UInt64.self)
            pen.position += 8
            index += 8
        }
        while index < count {
            let byte = start.load(fromByteOffset: index, as: UInt8.self)
            guard isPlain(byte) else { break }
            pen.position.pointee = byte
            pen.position += 1
            index += 1
        }
        if index < count { appendUnusual(bytes, from: index, to: &pen) }
    }

    @inline(never)
    private static func appendUnusual(_ bytes: UnsafeRawBufferPointer, from start: Int, to pen: inout OutputPen) {
        var index = start
        while index < bytes.count {
            // Six bytes at most for each one.
            pen.reserve(6)
            let byte = bytes[index]
            if byte < 0x80 {
                appendASCII(byte, to: &pen)
                index += 1
                continue
            }
            let (length, isValid) = sequence(in: bytes, at: index)
            if !isValid {
                pen.appendLiteral(replacement)
            } else if length == 2, byte == 0xC2, bytes[index + 1] < 0xA0 {
                appendEscape(bytes[index + 1], to: &pen)
            } else {
                for offset in 0..<length { pen.append(bytes[index + offset]) }
            }
            index += length
        }
    }

    private static func appendASCII(_ byte: UInt8, to pen: inout OutputPen) {
        switch byte {
        case 0x22: pen.appendLiteral("\\\"")
        case 0x5C: pen.appendLiteral("\\\\")
        case 0x0A: pen.appendLiteral("\\n")
        case 0x0D: pen.appendLiteral("\\r")
        case 0x09: pen.appendLiteral("\\t")
        case 0x20..<0x7F: pen.append(byte)
        default: appendEscape(byte, to: &pen)
        }
    }

    private static func appendEscape(_ byte: UInt8, to pen: inout OutputPen) {
        pen.appendLiteral("\\u00")
        pen.append(TextEscapes.hexadecimalDigit(byte >> 4))
        pen.append(TextEscapes.hexadecimalDigit(byte & 15))
    }

    /// The UTF-8 sequence at `index`, whose first byte is at least 0x80.
    /// - Returns: its length; where it is not valid, how many bytes one U+FFFD stands for: the longest beginning of a
    ///   valid sequence, at least one byte (Unicode, 3.9).
    private static func sequence(in bytes: UnsafeRawBufferPointer, at index: Int) -> (length: Int, isValid: Bool) {
        let first = bytes[index]
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch first {
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: length = 4
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: return (1, false)
        }
        for offset in 1..<length {
            guard index + offset < bytes.count else { return (offset, false) }
            let byte = bytes[index + offset]
            guard offset == 1 ? second.contains(byte) : byte & 0xC0 == 0x80 else { return (offset, false) }
        }
        return (length, true)
    }
}

extension OutputPen {
    /// Appends a JSON string with its quotes.
    mutating func appendJSON(_ text: String) {
        var text = text
        append(0x22)
        text.withUTF8 { JSONEscapes.append(UnsafeRawBufferPointer($0), to: &self) }
        append(0x22)
    }

    /// Appends a JSON number, in the shortest form that reads back as the same double; a string where there is none.
    mutating func appendJSON(_ value: Double) {
        guard value.isFinite else {
            if value.isNaN {
                appendLiteral("\"NaN\"")
            } else if value < 0 {
                appendLiteral("\"-Infinity\"")
            } else {
                appendLiteral("\"Infinity\"")
            }
            return
        }
        // Up to 2^53 an integer's digits are the shortest form.
        if value.magnitude < 9_007_199_254_740_992, value == value.rounded(.towardZero) {
            if value.sign == .minus { append(0x2D) }
            appendDecimal(UInt64(value.magnitude))
            appendLiteral(".0")
        } else {
            append(value.description)
        }
    }
}
