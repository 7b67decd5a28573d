import CTF
import MetadataWriter
import Testing

/// The packets that metadata text comes in.
struct MetadataPacketTests {
    private static let text = Array(Texts.trace.utf8)

    private static func code(_ bytes: [UInt8]) -> MetadataError.Code? {
        do throws(MetadataError) {
            _ = try MetadataReader.read(bytes)
            return nil
        } catch {
            return error.code
        }
    }

    @Test func `a compressed packet is refused`() {
        #expect(Self.code(PacketMaker(schemes: (1, 0, 0)).packet(Self.text)) == .packetCompressed)
    }

    @Test func `an encrypted packet is refused`() {
        #expect(Self.code(PacketMaker(schemes: (0, 1, 0)).packet(Self.text)) == .packetEncrypted)
    }

    @Test func `a packet with a checksum is refused`() {
        #expect(Self.code(PacketMaker(schemes: (0, 0, 1)).packet(Self.text)) == .packetChecksummed)
        #expect(Self.code(PacketMaker(checksum: 9).packet(Self.text)) == .packetChecksummed)
    }

    @Test func `a packet of another version is refused`() {
        #expect(Self.code(PacketMaker(version: (1, 9)).packet(Self.text)) == .packetVersionUnknown)
        #expect(Self.code(PacketMaker(version: (2, 0)).packet(Self.text)) == nil)
    }

    @Test func `all packets have the same UUID`() {
        let packets = PacketMaker().packet(Self.text) + PacketMaker(uuid: 8).packet(Self.text)
        #expect(Self.code(packets) == .packetUUIDChanged)
    }

    @Test func `what follows a packet is a packet`() {
        let garbage = [UInt8](repeating: 0x41, count: 40)
        #expect(Self.code(PacketMaker().packet(Self.text) + garbage) == .packetMagicMissing)
    }

    @Test func `the text before a bad packet has been read`() throws {
        var reader = MetadataReader()
        let first = PacketMaker().packet(Self.text)
        let bytes = first + PacketMaker(uuid: 8).packet(Self.text)
        let place = "it begins at byte \(first.count)"
        #expect(throws: MetadataError(.packetUUIDChanged, line: 0, column: 0, subject: place)) {
            try reader.append(bytes)
        }
        #expect(reader.traceClass == TraceClass())
    }

    @Test(arguments: [(0, 4096), (295, 4096), (304, 296), (297, 4096), (304, 4095)])
    func `sizes that contradict each other are refused`(contentBits: Int, packetBits: Int) {
        let packet = PacketMaker().packet(
            Self.text,
            contentBits: UInt32(contentBits),
            packetBits: UInt32(packetBits)
        )
        #expect(Self.code(packet) == .packetSizeInvalid)
    }

    @Test func `a packet without text says nothing`() {
        let packets = PacketMaker().packet([]) + PacketMaker().packet(Self.text) + PacketMaker().packet([])
        #expect(Self.code(packets) == nil)
    }

    @Test func `the last packet must be whole, but for its padding`() {
        let packet = PacketMaker().packet(Self.text)
        #expect(Self.code(packet.dropLast(3)) == nil)
        #expect(Self.code(packet.dropLast(4)) == .packetTruncated)
        #expect(Self.code(packet + packet.prefix(20)) == .packetTruncated)
    }

    @Test func `where the bad packet begins is said, however the bytes are cut`() throws {
        let first = PacketMaker().packet(Self.text)
        let second = PacketMaker().packet(Array("/* more */".utf8))
        for tail in [second.dropLast(4), second.prefix(30)] {
            for cut in 0...(first.count + tail.count) {
                var reader = MetadataReader()
                try reader.append(Array((first + tail).prefix(cut)))
                try reader.append(Array((first + tail).dropFirst(cut)))
                let place = "it begins at byte \(first.count)"
                #expect(throws: MetadataError(.packetTruncated, line: 0, column: 0, subject: place)) {
                    try reader.finish()
                }
            }
        }
    }

    @Test func `what the text is written in is told by its first byte`() {
        let fragments = [0x1E] + Array("{\"type\":\"preamble\",\"version\":2}\n\u{1E}{\"type\":\"trace-class\"}".utf8)
        #expect(Self.code(fragments) == nil)
        #expect(Self.code(PacketMaker().packet(fragments)) == nil)
        #expect(Self.code(PacketMaker(version: (2, 0)).packet(fragments)) == nil)
        #expect(Self.code(Array(fragments.dropFirst())) != nil)
    }

    @Test func `no text is no trace`() {
        #expect(Self.code([]) == .traceMissing)
        #expect(Self.code(Array("// nothing\n".utf8)) == .traceMissing)
    }

    private static func code(_ bytes: ArraySlice<UInt8>) -> MetadataError.Code? { code(Array(bytes)) }
}
