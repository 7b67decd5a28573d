import CTF

/// A trace's metadata on its way into an export: plain text, with another UUID where two traces would have one.
struct CTFMetadata {
    /// Text without packets begins with it.
    static let signature = Array("/* CTF 1.8 */\n".utf8)

    private var packets = MetadataPacketReader()
    private(set) var text: [UInt8] = []

    /// Metadata has grown by whole packets or text.
    mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { packets.read($0, into: &text) }
    }

    /// Places that are tried: a clock may have the trace's UUID.
    private static let placesMax = 8

    /// The text with another UUID of the trace's; as long as it was.
    /// - Returns: nil where it would not be the same trace with that UUID: it is named in another way, as in CTF 2.
    func text(_ old: TraceUUID, replacedBy new: TraceUUID) -> [UInt8]? {
        let (from, to) = (Array("\"\(old)\"".utf8), Array("\"\(new)\"".utf8))
        guard var expected = Self.read(text), expected.uuid == old else { return nil }
        expected.uuid = new
        var places = 0
        var start = 0
        while start + from.count <= text.count, places < Self.placesMax {
            let piece = text[start..<start + from.count]
            // Hexadecimal digits may be capitals.
            if piece.elementsEqual(from, by: { $0 == $1 || (0x41...0x46).contains($0) && $0 | 0x20 == $1 }) {
                places += 1
                var changed = text
                changed.replaceSubrange(start..<start + from.count, with: to)
                if Self.read(changed) == expected { return changed }
            }
            start += 1
        }
        return nil
    }

    /// A text without a declaration at its end that is not whole.
    static func complete(_ text: [UInt8]) -> ArraySlice<UInt8> {
        func isWhole(_ text: ArraySlice<UInt8>) -> Bool {
            var reader = MetadataReader()
            do {
                try text.withUnsafeBytes { try reader.append($0) }
                try reader.finish()
                return true
            } catch {
                return false
            }
        }
        guard !isWhole(text[...]) else { return text[...] }
        // A declaration of TSDL ends with these; a fragment of CTF 2 begins with a separator.
        var end = text.count
        if text.first == 0x1E, let last = text.lastIndex(of: 0x1E) { end = last }
        if text.first != 0x1E {
            while end > 1, !(text[end - 1] == 0x3B && text[end - 2] == 0x7D) { end -= 1 }
        }
        return isWhole(text[..<end]) ? text[..<end] : text[...]
    }

    private static func read(_ text: [UInt8]) -> TraceClass? {
        var reader = MetadataReader()
        try? text.withUnsafeBytes { try reader.append($0) }
        return reader.traceClass
    }
}
