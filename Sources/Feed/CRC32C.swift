import CHints

/// The Castagnoli CRC, reflected, polynomial 0x1EDC6F41: of tokens and of the log's records.
package enum CRC32C {
    private static let isInHardware = tidemark_has_crc32c()

    /// - Parameter previous: the checksum of what comes before `bytes`; 0 at the start.
    /// - Complexity: O(bytes); about eight bytes a cycle where the processor has an instruction for it.
    package static func checksum(_ bytes: UnsafeRawBufferPointer, after previous: UInt32 = 0) -> UInt32 {
        guard let start = bytes.baseAddress else { return previous }
        return isInHardware
            ? ~tidemark_crc32c_hardware(~previous, start, bytes.count)
            : ~tidemark_crc32c_portable(~previous, start, bytes.count)
    }

    package static func checksum(_ bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBytes { checksum($0) }
    }

    /// What processors without the instruction compute.
    static func portableChecksum(_ bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBytes { $0.baseAddress.map { ~tidemark_crc32c_portable(.max, $0, bytes.count) } ?? 0 }
    }
}
