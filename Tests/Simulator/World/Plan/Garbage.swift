import SimulatedRelay

/// Replies that break the protocol: each must cost the connection, and nothing else.
enum Garbage {
    struct Reply: Sendable {
        var kind: RelayFault.RequestKind
        var bytes: [UInt8]
    }

    private static func numbers<Integer: FixedWidthInteger>(_ values: Integer...) -> [UInt8] {
        values.flatMap { value in withUnsafeBytes(of: value.bigEndian) { Array($0) } }
    }

    private static func index(
        offset: UInt64 = 0,
        packetBits: UInt64 = 1024,
        contentBits: UInt64 = 1024,
        begin: UInt64 = 0,
        end: UInt64 = 1,
        status: UInt32 = 1,
        flags: UInt32 = 0
    ) -> [UInt8] {
        numbers(offset, packetBits, contentBits, begin, end, 0, 0) + numbers(status, flags)
    }

    static let replies: [Reply] = [
        Reply(kind: .connect, bytes: [UInt8](repeating: 0xA5, count: 64)),
        Reply(kind: .connect, bytes: numbers(UInt64(1)) + numbers(UInt32(3), 4, 0)),
        Reply(kind: .createViewerSession, bytes: numbers(UInt32(77))),
        Reply(kind: .listSessions, bytes: numbers(UInt32.max)),
        // Half of a list, and then nothing.
        Reply(kind: .listSessions, bytes: numbers(UInt32(2)) + [0, 0, 0]),
        Reply(kind: .attach, bytes: numbers(UInt32(77), 0)),
        Reply(kind: .attach, bytes: numbers(UInt32(1), .max)),
        Reply(kind: .newStreams, bytes: numbers(UInt32(1), .max)),
        Reply(kind: .newStreams, bytes: numbers(UInt32(77), 0)),
        Reply(kind: .nextIndex, bytes: index(status: 77)),
        Reply(kind: .nextIndex, bytes: index(flags: 64)),
        Reply(kind: .nextIndex, bytes: index(contentBits: 2048)),
        Reply(kind: .nextIndex, bytes: index(begin: 9)),
        Reply(kind: .nextIndex, bytes: index(offset: .max)),
        Reply(kind: .nextIndex, bytes: index(packetBits: 1 << 36)),
        Reply(kind: .packet, bytes: numbers(UInt32(1), .max, 0)),
        Reply(kind: .packet, bytes: numbers(UInt32(77), 0, 0)),
        Reply(kind: .metadata, bytes: numbers(UInt64(1) << 63) + numbers(UInt32(1))),
        Reply(kind: .metadata, bytes: numbers(UInt64(0)) + numbers(UInt32(77))),
        // What is odd, and has to be put up with.
        Reply(kind: .metadata, bytes: numbers(UInt64(0)) + numbers(UInt32(1))),
        Reply(kind: .packet, bytes: numbers(UInt32(2), 0, 0)),
        Reply(kind: .packet, bytes: numbers(UInt32(3), 0, 0)),
    ]
}
