/// The characters of a text in UTF-16 or UTF-32, one by one; what is not valid becomes U+FFFD.
package struct WideText: IteratorProtocol, Sequence {
    private let bytes: UnsafeRawBufferPointer
    private let encoding: TextEncoding
    private var offset = 0

    /// - Parameters:
    ///   - bytes: live longer than this value.
    ///   - encoding: of the bytes. In one-byte encodings each byte counts as a character of ASCII.
    package init(_ bytes: UnsafeRawBufferPointer, encoding: TextEncoding) {
        self.bytes = bytes
        self.encoding = encoding
    }

    package mutating func next() -> Unicode.Scalar? {
        guard offset < bytes.count else { return nil }
        guard let unit = unit(at: offset) else {
            // The last code unit is incomplete.
            offset = bytes.count
            return "\u{FFFD}"
        }
        offset += encoding.unitBytes
        guard encoding.unitBytes == 2, (0xD800...0xDBFF).contains(unit) else {
            if encoding.unitBytes == 1, unit > 0x7F { return "\u{FFFD}" }
            return Unicode.Scalar(unit) ?? "\u{FFFD}"
        }
        guard let low = self.unit(at: offset), (0xDC00...0xDFFF).contains(low) else { return "\u{FFFD}" }
        offset += 2
        return Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)) ?? "\u{FFFD}"
    }

    /// Hands out the text in UTF-8, a character at a time: no memory is taken.
    package func forEachUTF8(_ body: (UnsafeRawBufferPointer) -> Void) {
        for scalar in self {
            var packed: UInt32 = 0
            var count = 0
            for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter {
                packed |= UInt32(byte) << UInt32(8 * count)
                count += 1
            }
            withUnsafeBytes(of: packed.littleEndian) { body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        }
    }

    private func unit(at offset: Int) -> UInt32? {
        let count = encoding.unitBytes
        guard bytes.count - offset >= count else { return nil }
        let isBigEndian = encoding == .utf16BigEndian || encoding == .utf32BigEndian
        return (0..<count).reduce(0) { value, index in
            value | UInt32(bytes[offset + index]) << UInt32(8 * (isBigEndian ? count - 1 - index : index))
        }
    }
}
