import CTF
import MetadataWriter
import PacketWriter
import Testing

/// What is written as text is read again, for trace classes that seeds decide.
struct WrittenMetadataTests {
    private static let seeds = Array(UInt64(0)..<150)

    private static func trace(_ seed: UInt64) -> TraceClass {
        var random = RandomTraceClass(seed: seed)
        return random.make()
    }

    /// Packets of a class are decoded to what was written.
    private static func checkPackets(_ trace: TraceClass, seed: UInt64) throws {
        let program = try TraceProgram(trace)
        for stream in trace.streamClasses.indices {
            let packet = WrittenPacket(trace, stream: stream, eventCount: 6, seed: seed)
            let decoded = try DecodedPacket(program, packet.bytes)
            var cursor = decoded.preamble.firstEvent
            for event in packet.events {
                #expect(try DecodedPacket.visit(program, packet.bytes, decoded.preamble, &cursor) == event.calls)
            }
            #expect(cursor.positionBits == packet.contentBits)
        }
    }

    @Test(arguments: seeds)
    func `a class that has been read from TSDL is written and read without loss`(seed: UInt64) throws {
        // Half of the classes have fields that TSDL does not know.
        guard let text = TSDLWriter.text(Self.trace(seed)) else { return }
        let trace = try #require(try MetadataReader.read(text))
        let again = try #require(TSDLWriter.text(trace))
        #expect(try MetadataReader.read(again) == trace)
        try Self.checkPackets(trace, seed: seed)
    }

    @Test(arguments: seeds)
    func `a class that has been read from CTF 2 is written and read without loss`(seed: UInt64) throws {
        let trace = try #require(try MetadataReader.read(CTF2Writer.text(Self.trace(seed))))
        #expect(try MetadataReader.read(CTF2Writer.text(trace)) == trace)
        try Self.checkPackets(trace, seed: seed)
    }

    @Test func `half of the classes can be written as TSDL`() {
        let count = Self.seeds.count { TSDLWriter.text(Self.trace($0)) != nil }
        #expect(count > 50 && count < 100)
    }
}
