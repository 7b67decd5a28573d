/// How text writes strings: in quotes, with C's escapes for quotes, backslashes, question marks and control characters.
///
/// Bytes from 0x80 on go out as they are. No control character ever does, so the text of strings is safe on a terminal.
enum TextEscapes {
    /// What is written for a byte: the byte itself, or a backslash and the letter here, or (0) `\x` and two digits.
    @inline(__always)
    private static func letter(of byte: UInt8) -> UInt8 {
        switch byte {
        case 0x5C, 0x27, 0x22, 0x3F: byte
        case 0x07: 0x61
        case 0x08: 0x62
        case 0x09: 0x74
        case 0x0A: 0x6E
        case 0x0B: 0x76
        case 0x0C: 0x66
        case 0x0D: 0x72
        case 0x1B: 0x65
        default: 0
        }
    }

    @inline(__always)
    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == 0x7F || byte == 0x22 || byte == 0x27 || byte == 0x3F || byte == 0x5C
    }

    /// Whether one of eight bytes needs an escape.
    @inline(__always)
    private static func needsEscape(_ word: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        // The top bit of a byte of `x - ones * n & ~x` is set where that byte is below n (and, harmlessly, sometimes
        // in a byte above one that is). Wrapping is what the trick is made of.
        let controls = (word &- ones &* 0x20) & ~word
        let found =
            controls | zeros(word ^ (ones &* 0x7F)) | zeros(word ^ (ones &* 0x22)) | zeros(word ^ (ones &* 0x27))
            | zeros(word ^ (ones &* 0x3F)) | zeros(word ^ (ones &* 0x5C))
        return found & tops != 0
    }

    /// The top bit of a byte is set where that byte of `word` is zero.
    @inline(__always)
    static func zeros(_ word: UInt64) -> UInt64 {
        (word &- 0x0101_0101_0101_0101) & ~word
    }

    /// Appends `bytes` escaped, without quotes.
    @inline(__always)
    static func append(_ bytes: UnsafeRawBufferPointer, to pen: inout OutputPen) {
        guard let start = bytes.baseAddress else { return }
        let count = bytes.count
        // Four bytes at most for each one.
        pen.reserve(count * 4)
        var index = 0
        while count - index >= 8 {
            let word = start.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            if needsEscape(word) {
                for offset in index..<index + 8 {
                    append(start.load(fromByteOffset: offset, as: UInt8.self), to: &pen)
                }
            } else {
                UnsafeMutableRawPointer(pen.position).storeBytes(of: word, as: UInt64.self)
                pen.position += 8
            }
            index += 8
        }
        while index < count {
            append(start.load(fromByteOffset: index, as: UInt8.self), to: &pen)
            index += 1
        }
    }

    /// Appends one byte; there is room for four.
    @inline(__always)
    private static func append(_ byte: UInt8, to pen: inout OutputPen) {
        if _fastPath(!needsEscape(byte)) {
            pen.position.pointee = byte
            pen.position += 1
        } else {
            appendEscape(byte, to: &pen)
        }
    }

    @inline(never)
    private static func appendEscape(_ byte: UInt8, to pen: inout OutputPen) {
        let letter = letter(of: byte)
        pen.append(0x5C)
        guard letter == 0 else { return pen.append(letter) }
        pen.append(0x78)
        pen.append(hexadecimalDigit(byte >> 4))
        pen.append(hexadecimalDigit(byte & 15))
    }

    static func hexadecimalDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? value + 0x30 : value + 0x57
    }

    /// Appends `text` escaped and in quotes.
    static func appendQuoted(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(0x22)
        for byte in text.utf8 {
            guard needsEscape(byte) else {
                bytes.append(byte)
                continue
            }
            let letter = letter(of: byte)
            bytes.append(0x5C)
            bytes += letter == 0 ? [0x78, hexadecimalDigit(byte >> 4), hexadecimalDigit(byte & 15)] : [letter]
        }
        bytes.append(0x22)
    }
}
