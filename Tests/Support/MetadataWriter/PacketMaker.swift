/// Puts text into metadata packets.
package struct PacketMaker: Sendable {
    package var isLittleEndian: Bool
    package var uuid: UInt8
    package var version: (UInt8, UInt8)
    package var schemes: (compression: UInt8, encryption: UInt8, checksum: UInt8)
    package var checksum: UInt32
    package var paddingBytes: Int

    package init(
        isLittleEndian: Bool = true,
        uuid: UInt8 = 7,
        version: (UInt8, UInt8) = (1, 8),
        schemes: (compression: UInt8, encryption: UInt8, checksum: UInt8) = (0, 0, 0),
        checksum: UInt32 = 0,
        paddingBytes: Int = 3
    ) {
        self.isLittleEndian = isLittleEndian
        self.uuid = uuid
        self.version = version
        self.schemes = schemes
        self.checksum = checksum
        self.paddingBytes = paddingBytes
    }

    package func packet(_ text: some Collection<UInt8>) -> [UInt8] {
        let contentBits = UInt32((37 + text.count) * 8)
        return packet(text, contentBits: contentBits, packetBits: contentBits + UInt32(paddingBytes * 8))
    }

    package func packet(_ text: some Collection<UInt8>, contentBits: UInt32, packetBits: UInt32) -> [UInt8] {
        var bytes = number(0x75D1_1D57) + [UInt8](repeating: uuid, count: 16) + number(checksum)
        bytes += number(contentBits) + number(packetBits)
        bytes += [schemes.compression, schemes.encryption, schemes.checksum, version.0, version.1]
        return bytes + text + [UInt8](repeating: 0, count: paddingBytes)
    }

    /// `text` in packets of `textBytes` each.
    package func packets(_ text: [UInt8], textBytes: Int) -> [UInt8] {
        stride(from: 0, to: text.count, by: textBytes).flatMap {
            packet(text[$0..<min($0 + textBytes, text.count)])
        }
    }

    private func number(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * (isLittleEndian ? $0 : 3 - $0))) }
    }
}
