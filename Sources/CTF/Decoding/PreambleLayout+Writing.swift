extension PreambleLayout.Field {
    /// Writes a value over the field of a packet: its low bits, as many as the field has. Nothing where the packet's
    /// bytes end before the field does.
    package func write(_ value: UInt64, to bytes: inout [UInt8]) {
        let size = UInt64(sizeBits)
        guard positionBits + size <= UInt64(bytes.count) * 8 else { return }
        for index in 0..<size {
            let position = positionBits + index
            let isLittle = byteOrder == .littleEndian
            let bit = value >> (isLittle ? index : size - 1 - index) & 1
            let mask = UInt8(1) << UInt8(isLittle ? position % 8 : 7 - position % 8)
            let byte = Int(position / 8)
            bytes[byte] = bit == 1 ? bytes[byte] | mask : bytes[byte] & ~mask
        }
    }
}

extension PreambleLayout {
    /// Writes the trace's UUID over that of a packet, where packets carry one.
    package func write(_ uuid: TraceUUID, to bytes: inout [UInt8]) {
        guard let uuidBits, uuidBits / 8 + 16 <= UInt64(bytes.count) else { return }
        for (index, byte) in uuid.bytes.enumerated() { bytes[Int(uuidBits / 8) + index] = byte }
    }
}

extension TraceUUID {
    /// Its 16 bytes, in order.
    package var bytes: [UInt8] {
        (0..<16).map { UInt8(truncatingIfNeeded: ($0 < 8 ? high : low) >> UInt64(56 - $0 % 8 * 8)) }
    }
}
