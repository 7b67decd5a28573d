/// The parts of a syslog message (RFC 5424, 6).
enum SyslogText {
    /// Names of structured data and of its parameters.
    static let nameBytesMax = 32

    /// A header's field: printable ASCII, `-` where there is nothing.
    static func append(field text: UnsafeBufferPointer<UInt8>, bytesMax: Int, to bytes: inout [UInt8]) {
        guard !text.isEmpty else { return bytes.append(UInt8(ascii: "-")) }
        let text = UnsafeBufferPointer(rebasing: text.prefix(bytesMax))
        if text.allSatisfy(isPrintable) { return bytes.append(contentsOf: text) }
        for byte in text { bytes.append(isPrintable(byte) ? byte : UInt8(ascii: "_")) }
    }

    static func append(field text: String, bytesMax: Int, to bytes: inout [UInt8]) {
        var text = text
        text.withUTF8 { append(field: $0, bytesMax: bytesMax, to: &bytes) }
    }

    /// ` NAME="VALUE"`. The value is UTF-8, of which the quote, the backslash and the closing bracket are escaped.
    static func append(
        parameter name: UnsafeBufferPointer<UInt8>,
        value: UnsafeBufferPointer<UInt8>,
        to bytes: inout [UInt8]
    ) {
        bytes.append(UInt8(ascii: " "))
        let name = UnsafeBufferPointer(rebasing: name.prefix(nameBytesMax))
        if name.isEmpty {
            bytes.append(UInt8(ascii: "_"))
        } else if name.allSatisfy(isName) {
            bytes.append(contentsOf: name)
        } else {
            for byte in name { bytes.append(isName(byte) ? byte : UInt8(ascii: "_")) }
        }
        bytes.append(UInt8(ascii: "="))
        bytes.append(UInt8(ascii: "\""))
        if value.allSatisfy(isPlain) {
            bytes.append(contentsOf: value)
        } else {
            for byte in value { append(escaped: byte, to: &bytes) }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    static func append(parameter name: String, value: String, to bytes: inout [UInt8]) {
        var (name, value) = (name, value)
        name.withUTF8 { name in value.withUTF8 { append(parameter: name, value: $0, to: &bytes) } }
    }

    private static func append(escaped byte: UInt8, to bytes: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "]"):
            bytes.append(UInt8(ascii: "\\"))
            bytes.append(byte)
        // Others would end a line in a file of messages.
        case 0..<0x20, 0x7F: bytes.append(UInt8(ascii: " "))
        default: bytes.append(byte)
        }
    }

    private static func isPrintable(_ byte: UInt8) -> Bool { byte >= 0x21 && byte <= 0x7E }

    /// Whether it may stand in the name of a parameter.
    private static func isName(_ byte: UInt8) -> Bool {
        isPrintable(byte) && byte != UInt8(ascii: "=") && byte != UInt8(ascii: "]") && byte != UInt8(ascii: "\"")
    }

    /// Whether it may stand in a value as it is.
    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
            && byte != UInt8(ascii: "]")
    }

    /// With octet counting (RFC 5425, 4.3): the length, a space, and the message.
    static func frame(_ message: [UInt8], to bytes: inout [UInt8]) {
        bytes += "\(message.count) ".utf8
        bytes += message
    }

    /// What stands behind a time's seconds: `.123456Z`.
    /// - Parameter microseconds: less than a million.
    static func append(microseconds: Int64, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "."))
        var unit: Int64 = 100_000
        while unit > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: microseconds / unit % 10))
            unit /= 10
        }
        bytes.append(UInt8(ascii: "Z"))
    }
}
