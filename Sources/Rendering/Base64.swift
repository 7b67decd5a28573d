/// How JSON writes bytes: base64 with padding (RFC 4648, section 4).
enum Base64 {
    private static let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

    static func append(_ bytes: UnsafeRawBufferPointer, to pen: inout OutputPen) {
        pen.reserve((bytes.count + 2) / 3 * 4)
        var index = 0
        while index < bytes.count {
            let count = min(3, bytes.count - index)
            var word: UInt32 = 0
            for offset in 0..<3 { word = word << 8 | (offset < count ? UInt32(bytes[index + offset]) : 0) }
            for digit in 0..<4 {
                pen.append(digit <= count ? alphabet.utf8Start[Int(word >> UInt32(18 - 6 * digit) & 63)] : 0x3D)
            }
            index += 3
        }
    }
}
