import Testing

@testable import Rendering

private func escapedText(_ bytes: [UInt8]) -> [UInt8] {
    var pen = OutputPen(capacityBytes: 64)
    defer { pen.deallocate() }
    bytes.withUnsafeBytes { TextEscapes.append($0, to: &pen) }
    return Array(UnsafeBufferPointer(start: pen.base, count: pen.count))
}

private func escapedJSON(_ bytes: [UInt8]) -> String {
    written { pen in bytes.withUnsafeBytes { JSONEscapes.append($0, to: &pen) } }
}

struct EscapeTests {
    @Test func `text escapes what C escapes`() {
        let bytes: [UInt8] = Array(1..<0x80)
        let expected = #"""
            \x01\x02\x03\x04\x05\x06\a\b\t\n\v\f\r\x0e\x0f\#
            \x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\e\x1c\x1d\x1e\x1f\#
             !\"#$%&\'()*+,-./0123456789:;<=>\?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~\x7f
            """#
        #expect(escapedText(bytes) == Array(expected.utf8))
        #expect(escapedText(Array(0x80...0xFF)) == Array(0x80...0xFF))
    }

    @Test func `each byte is escaped alike wherever it stands`() {
        for byte in UInt8.min...UInt8.max {
            let alone = escapedText([byte])
            for length in 1..<20 {
                for place in 0..<length {
                    var bytes = [UInt8](repeating: 0x61, count: length)
                    bytes[place] = byte
                    let expected = bytes.flatMap { $0 == byte ? alone : [$0] }
                    #expect(escapedText(bytes) == expected)
                }
            }
        }
    }

    @Test func `a label is escaped as a value is`() {
        let label = "a\"b\\c\n\u{7}\u{1}é?"
        var bytes: [UInt8] = []
        TextEscapes.appendQuoted(label, to: &bytes)
        #expect(bytes == [0x22] + escapedText(Array(label.utf8)) + [0x22])
    }

    @Test func `JSON replaces invalid bytes as the language does`() {
        var random = SplitMix(state: 4)
        let pool: [UInt8] = [
            0x41, 0x7A, 0x80, 0xBF, 0xC0, 0xC2, 0xC3, 0xDF, 0xE0, 0xA0, 0x9F, 0xED, 0xEF, 0xF0, 0x90, 0x8F, 0xF4, 0xF5,
            0xFF,
        ]
        for _ in 0..<20_000 {
            let bytes = (0..<random.next() % 12).map { _ in pool[Int(random.next() % UInt64(pool.count))] }
            var expected = ""
            for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
                let isC1 = (0x80..<0xA0).contains(scalar.value)
                expected += isC1 ? "\\u00" + String(scalar.value, radix: 16) : String(scalar)
            }
            #expect(Array(escapedJSON(bytes).utf8) == Array(expected.utf8), "\(bytes)")
        }
    }

    @Test func `JSON escapes control characters, quotes and backslashes`() {
        #expect(escapedJSON(Array("plain text of some length".utf8)) == "plain text of some length")
        #expect(escapedJSON(Array("a\"b\\c\nd\te\rf".utf8)) == #"a\"b\\c\nd\te\rf"#)
        #expect(escapedJSON([0x00, 0x1B, 0x1F, 0x7F]) == #"\u0000\u001b\u001f\u007f"#)
        #expect(escapedJSON(Array("long enough for words \u{9B}31m".utf8)) == #"long enough for words \u009b31m"#)
    }

    @Test func `notices lose control characters`() {
        #expect(terminalSafe("a\u{1B}[31mb\nc\u{9B}d\u{7F}é") == "a[31mbcdé")
    }
}
