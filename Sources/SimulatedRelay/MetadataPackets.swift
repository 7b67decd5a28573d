package import CTF

/// Metadata in packets, as relayd up to 2.13 sends it: text behind a header of 37 bytes, padded to 4 KiB.
package enum MetadataPackets {
    private static let magic: UInt32 = 0x75D1_1D57
    private static let headerBytes = 37
    private static let packetBytes = 4096

    /// - Returns: whole packets, in little-endian byte order.
    package static func wrap(_ text: [UInt8], uuid: TraceUUID?) -> [UInt8] {
        var bytes: [UInt8] = []
        for first in stride(from: 0, to: text.count, by: packetBytes - headerBytes) {
            let content = text[first..<min(first + packetBytes - headerBytes, text.count)]
            append(magic, to: &bytes)
            append(uuid?.high.byteSwapped ?? 0, to: &bytes)
            append(uuid?.low.byteSwapped ?? 0, to: &bytes)
            append(UInt32(0), to: &bytes)
            append(UInt32(headerBytes + content.count) * 8, to: &bytes)
            append(UInt32(packetBytes) * 8, to: &bytes)
            // Neither compressed, encrypted nor summed; version 1.8.
            bytes += [0, 0, 0, 1, 8]
            bytes += content
            bytes += repeatElement(0, count: packetBytes - headerBytes - content.count)
        }
        return bytes
    }

    /// The text of packets; what is none stays as it is.
    /// - Precondition: the bytes have been read as metadata, so that sizes are right.
    static func unwrap(_ bytes: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        var rest = bytes[...]
        while rest.count >= headerBytes {
            func number(_ offset: Int) -> UInt32 {
                rest[(rest.startIndex + offset)...].prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
            }
            let isSwapped = number(0) == magic.byteSwapped
            guard isSwapped || number(0) == magic else { break }
            let sizes = [number(24), number(28)].map { Int((isSwapped ? $0.byteSwapped : $0) / 8) }
            guard sizes[0] >= headerBytes, sizes[1] >= sizes[0] else { break }
            text += rest.prefix(sizes[0]).dropFirst(headerBytes)
            rest = rest.dropFirst(sizes[1])
        }
        return text + rest
    }

    private static func append<Integer: FixedWidthInteger>(_ value: Integer, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
}
