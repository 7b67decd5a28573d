/// The parts of a syslog message (RFC 5424, 6).
enum SyslogText {
    /// Names of structured data and of its parameters.
    static let nameBytesMax = 32

    /// A header's field: printable ASCII, `-` where there is nothing.
    static func append(field text: String, bytesMax: Int, to bytes: inout [UInt8]) {
        let start = bytes.count
        for byte in text.utf8.prefix(bytesMax) { bytes.append((0x21...0x7E).contains(byte) ? byte : UInt8(ascii: "_")) }
        if bytes.count == start { bytes.append(UInt8(ascii: "-")) }
    }

    /// ` NAME="VALUE"`. The value is UTF-8, of which the quote, the backslash and the closing bracket are escaped.
    static func append(parameter name: some Sequence<UInt8>, value: some Sequence<UInt8>, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: " "))
        let start = bytes.count
        for byte in name.prefix(nameBytesMax) {
            let isPlain = (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "=") && byte != UInt8(ascii: "]")
            bytes.append(isPlain && byte != UInt8(ascii: "\"") ? byte : UInt8(ascii: "_"))
        }
        if bytes.count == start { bytes.append(UInt8(ascii: "_")) }
        bytes += "=\"".utf8
        for byte in value {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "]"): bytes += [UInt8(ascii: "\\"), byte]
            // Others would end a line in a file of messages.
            case 0..<0x20, 0x7F: bytes.append(UInt8(ascii: " "))
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    static func append(parameter name: String, value: String, to bytes: inout [UInt8]) {
        append(parameter: name.utf8, value: value.utf8, to: &bytes)
    }

    /// With octet counting (RFC 5425, 4.3): the length, a space, and the message.
    static func frame(_ message: [UInt8], to bytes: inout [UInt8]) {
        bytes += "\(message.count) ".utf8
        bytes += message
    }

    /// `2026-11-26T12:00:00.123456Z`; what is less than a microsecond is cut off.
    /// - Parameter ns: nanoseconds since the Unix epoch.
    static func timestamp(_ ns: Int64, seconds: (Int64) -> String) -> String {
        let rest = ((ns % 1_000_000_000) + 1_000_000_000) % 1_000_000_000
        let text = seconds((ns - rest) / 1_000_000_000)
        let digits = String(rest / 1_000)
        return text.dropLast() + "." + String(repeating: "0", count: 6 - digits.count) + digits + "Z"
    }
}
