import CTF
import Testing

/// Texts in UTF-16 and UTF-32.
struct WideTextTests {
    private static func text(_ bytes: [UInt8], _ encoding: TextEncoding) -> String {
        bytes.withUnsafeBytes { bytes in
            var utf8: [UInt8] = []
            WideText(bytes, encoding: encoding).forEachUTF8 { utf8 += $0 }
            return String(decoding: utf8, as: UTF8.self)
        }
    }

    @Test(arguments: ["", "plain", "é€😀", "\u{10FFFF}\u{FFFD}\u{D7FF}\u{E000}"])
    func `what is written is read`(text: String) {
        let units16 = text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
        let units32 = text.unicodeScalars.flatMap { scalar in (0..<4).map { UInt8(scalar.value >> (8 * $0) & 0xFF) } }
        #expect(Self.text(units16, .utf16LittleEndian) == text)
        #expect(Self.text(units32, .utf32LittleEndian) == text)
        #expect(Self.text(Self.swapped(units16, 2), .utf16BigEndian) == text)
        #expect(Self.text(Self.swapped(units32, 4), .utf32BigEndian) == text)
    }

    @Test func `what is not valid is replaced`() {
        #expect(Self.text([0x41, 0, 0x00, 0xD8, 0x42, 0], .utf16LittleEndian) == "A\u{FFFD}B")
        #expect(Self.text([0x00, 0xDC, 0x42, 0], .utf16LittleEndian) == "\u{FFFD}B")
        #expect(Self.text([0x41, 0, 0x42], .utf16LittleEndian) == "A\u{FFFD}")
        #expect(Self.text([0x00, 0xD8], .utf16LittleEndian) == "\u{FFFD}")
        #expect(Self.text([0, 0x11, 0, 0, 0, 0, 0, 0x41], .utf32BigEndian) == "\u{FFFD}A")
    }

    private static func swapped(_ bytes: [UInt8], _ unit: Int) -> [UInt8] {
        stride(from: 0, to: bytes.count, by: unit).flatMap { bytes[$0..<$0 + unit].reversed() }
    }
}
