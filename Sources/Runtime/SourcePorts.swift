import NIOCore

/// The local ports that a connection to a relay is made from: the same ones each time, also by the next process.
///
/// A relayd that does not hear of our end (a cable pulled, a machine without power) keeps our old connection, and with
/// it the session attached, for ever. A connect from the same port ends that: it meets the old connection, whose answer
/// our kernel resets, and the relayd finds it gone. So the port follows from the relay's address and the session that
/// the connection reads. Where it is taken the next ones are tried, which follow from it, and at last any.
enum SourcePorts {
    /// Above those that Linux gives to connections without a port of their own.
    static let range = 61_000..<65_536
    /// Ports tried before any will do.
    static let candidatesMax = 8

    /// - Parameter identity: tells the connections to a relay apart, over all runs.
    static func candidates(_ address: RelayAddress, identity: UInt64) -> [Int] {
        var hash = FowlerHash()
        for byte in address.host.utf8 { hash.append(byte) }
        hash.append(bytesOf: UInt64(address.port))
        hash.append(bytesOf: identity)
        let first = Int(hash.value % UInt64(range.count))
        return (0..<candidatesMax).map { range.lowerBound + (first + $0) % range.count }
            // From its own port a connect would meet itself.
            .filter { $0 != address.port }
    }
}

/// FNV-1a, 64 bit: does not change from run to run, as `Hasher` does.
private struct FowlerHash {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func append(_ byte: UInt8) {
        // Wraps by design: the hash is modulo 2^64.
        value = (value ^ UInt64(byte)) &* 0x100_0000_01B3
    }

    mutating func append(bytesOf number: UInt64) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) { append(UInt8(truncatingIfNeeded: number >> shift)) }
    }
}
