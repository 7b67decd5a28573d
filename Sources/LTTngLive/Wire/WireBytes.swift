extension UnsafeRawBufferPointer {
    /// The big-endian integer at `offset`.
    /// - Precondition: it lies inside; callers hold a whole part of known size.
    func load<Integer: FixedWidthInteger>(_ type: Integer.Type, at offset: Int) -> Integer {
        precondition(offset >= 0 && offset <= count - MemoryLayout<Integer>.size)
        return Integer(bigEndian: loadUnaligned(fromByteOffset: offset, as: Integer.self))
    }

    /// The bytes of `range`, counted from zero again.
    func part(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[range])
    }

    /// What stands before the first NUL; nil without one.
    func terminated() -> UnsafeRawBufferPointer? {
        guard let end = firstIndex(of: 0) else { return nil }
        return part(0..<end)
    }

    /// As text, with what is not UTF-8 replaced by U+FFFD.
    var text: String { String(decoding: self, as: UTF8.self) }
}

/// Messages on their way out, in one run of bytes.
struct WireOutput {
    private(set) var bytes: [UInt8] = []

    mutating func append<Integer: FixedWidthInteger>(_ value: Integer) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func append(_ source: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: source)
    }

    /// The UTF-8 of `text`, cut to fit, then NULs up to `fieldBytes`; the last byte is always NUL.
    mutating func append(field text: String, bytes fieldBytes: Int) {
        let content = text.utf8.prefix(fieldBytes - 1)
        bytes.append(contentsOf: content)
        bytes.append(contentsOf: Self.zeros.prefix(fieldBytes - content.count))
    }

    /// As many as the longest field.
    private static let zeros = [UInt8](repeating: 0, count: WireSize.pathField)

    mutating func append(request command: LiveCommand) {
        append(UInt64(command.payloadBytes))
        append(command.rawValue)
        append(UInt32(0))
    }

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: bytes.capacity <= 1 << 20)
    }
}
