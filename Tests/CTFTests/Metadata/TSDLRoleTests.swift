import CTF
import Testing

/// What members mean by their names, and which of them tell the time.
struct TSDLRoleTests {
    private static let types = """
        typealias integer { size = 8; } := u8; typealias integer { size = 32; } := u32;
        typealias integer { size = 8; signed = true; } := i8;

        """

    private static func trace(header: String = "", stream: String = "", before: String = "") throws -> TraceClass {
        try MetadataReader.trace(text(header: header, stream: stream, before: before))
    }

    private static func text(header: String = "", stream: String = "", before: String = "") -> String {
        types + "trace { major = 1; minor = 8; byte_order = le; packet.header := struct { \(header) }; };"
            + before + "stream { \(stream) };"
    }

    private static func roles(_ structure: StructureClass?) -> [FieldRoles] {
        structure?.members.map { $0.fieldClass.integer?.roles ?? $0.fieldClass.array?.roles ?? [] } ?? []
    }

    // MARK: - Roles

    @Test func `the packet header's members have roles`() throws {
        let trace = try Self.trace(header: "u32 magic; u8 uuid[16]; u8 stream_id; u8 stream_instance_id; u8 other;")
        #expect(
            Self.roles(trace.packetHeader) == [
                .packetMagicNumber, .metadataStreamUUID, .streamClassID, .streamInstanceID, [],
            ]
        )
    }

    @Test func `the packet context's members have roles`() throws {
        let trace = try Self.trace(
            stream:
                "packet.context := struct { u8 packet_size; u8 content_size; u8 packet_seq_num; "
                + "u8 events_discarded; u8 cpu_id; };"
        )
        #expect(
            Self.roles(trace.streamClasses[0].packetContext)
                == [.packetTotalLength, .packetContentLength, .packetSequenceNumber, .discardedEventCounter, []]
        )
    }

    @Test func `the timestamp of the packet's end does not set the clock`() throws {
        let trace = try Self.trace(
            stream:
                "packet.context := struct { integer { size = 64; map = clock.c.value; } "
                + "timestamp_begin, timestamp_end; };",
            before: "clock { name = c; };"
        )
        #expect(Self.roles(trace.streamClasses[0].packetContext) == [.defaultClockTimestamp, .packetEndTimestamp])
        #expect(trace.streamClasses[0].defaultClock == 0)
    }

    @Test func `the event header's ids have their role however deep they stand`() throws {
        let header = """
            enum : u8 { compact, extended } id;
            variant <id> { struct { u8 timestamp; } compact; struct { u32 id; u32 timestamp; } extended; } v;
            """
        let members = try #require(
            try Self.trace(stream: "event.header := struct { \(header) };").streamClasses[0].eventHeader
        ).members
        #expect(members[0].fieldClass.integer?.roles == .eventRecordClassID)
        let options = try #require(members[1].fieldClass.variant).options.map(\.member.fieldClass.structure)
        #expect(Self.roles(options[0]) == [.defaultClockTimestamp])
        #expect(Self.roles(options[1]) == [.eventRecordClassID, .defaultClockTimestamp])
    }

    @Test func `an option of a variant is no member, but tells the time`() throws {
        let header = "enum : u8 { id, timestamp } t; variant <t> { u8 id; u8 timestamp; } v;"
        let trace = try Self.trace(stream: "event.header := struct { \(header) };")
        let variant = try #require(trace.streamClasses[0].eventHeader?.members[1].fieldClass.variant)
        #expect(variant.options.map(\.member.fieldClass.integer?.roles) == [[], .defaultClockTimestamp])
    }

    @Test func `roles go by the name that readers show, and by scope`() throws {
        let trace = try Self.trace(
            header: "u8 _stream_id; u8 id; u8 packet_size;",
            stream: "packet.context := struct { u8 stream_id; u8 id; }; event.header := struct { u8 packet_size; };"
        )
        #expect(Self.roles(trace.packetHeader) == [.streamClassID, [], []])
        #expect(Self.roles(trace.streamClasses[0].packetContext) == [[], []])
        #expect(Self.roles(trace.streamClasses[0].eventHeader) == [[]])
    }

    @Test func `a member whose class does not fit has no role`() throws {
        let trace = try Self.trace(
            header: "u8 uuid[15]; string stream_instance_id; i8 stream_id; struct { u32 magic; u8 uuid[16]; } x;",
            stream:
                "packet.context := struct { i8 packet_size; string content_size; }; "
                + "event.header := struct { string id; };"
        )
        #expect(Self.roles(trace.packetHeader) == [[], [], [], []])
        #expect(Self.roles(trace.packetHeader?.members[3].fieldClass.structure) == [[], []])
        #expect(Self.roles(trace.streamClasses[0].packetContext) == [[], []])
        #expect(Self.roles(trace.streamClasses[0].eventHeader) == [[]])
        #expect(Self.roles(try Self.trace(header: "u8 magic;").packetHeader) == [[]])
    }

    @Test func `the magic number is first`() {
        #expect(MetadataReader.code(Self.text(header: "u8 a; u32 magic;")) == .magicNotFirst)
    }

    // MARK: - Clocks

    @Test func `a mapped integer anywhere in a stream tells its time`() throws {
        let clocks = "clock { name = a; }; clock { name = b; };"
        let event =
            "event { name = e; fields := struct { integer { size = 8; map = clock.b.value; } t; u8 timestamp; }; };"
        let trace = try MetadataReader.trace(Self.types + Texts.trace + clocks + event)
        #expect(trace.streamClasses[0].defaultClock == 1)
        #expect(Self.roles(trace.streamClasses[0].eventClasses[0].payload) == [.defaultClockTimestamp, []])
    }

    @Test func `a type may be mapped before its clock is declared`() throws {
        let text =
            "typealias integer { size = 8; map = clock.c.value; } := t;" + Texts.trace
            + "clock { name = c; }; stream { event.header := struct { t x; }; };"
        #expect(try MetadataReader.trace(text).streamClasses[0].defaultClock == 0)
    }

    @Test func `timestamps that are not mapped tell the time of the only clock`() throws {
        for stream in [
            "packet.context := struct { u8 timestamp_begin; };", "packet.context := struct { u8 timestamp_end; };",
            "event.header := struct { struct { u8 timestamp; } x; };",
        ] {
            let trace = try Self.trace(stream: stream, before: "clock { name = c; };")
            #expect(trace.streamClasses[0].defaultClock == 0 && trace.clocks.map(\.name) == ["c"], "\(stream)")
        }
    }

    @Test func `where there is no clock, timestamps have one that is called default`() throws {
        let trace = try Self.trace(stream: "event.header := struct { u8 timestamp; };")
        #expect(trace.clocks == [ClockClass(name: "default")])
        #expect(trace.streamClasses[0].defaultClock == 0)
        // Nothing else has: a timestamp in a payload is a number.
        let other = try Self.trace(
            stream: "event.header := struct { u8 time; }; event.context := struct { u8 timestamp; };"
        )
        #expect(other.clocks.isEmpty && other.streamClasses[0].defaultClock == nil)
    }

    @Test func `timestamps must say which of several clocks they tell`() {
        let clocks = "clock { name = a; }; clock { name = b; };"
        #expect(
            MetadataReader.code(Self.text(stream: "event.header := struct { u8 timestamp; };", before: clocks))
                == .severalClocks
        )
        let both =
            "event.header := struct { integer { size = 8; map = clock.a.value; } x; "
            + "integer { size = 8; map = clock.b.value; } y; };"
        #expect(MetadataReader.code(Self.text(stream: both, before: clocks)) == .severalClocks)
    }

    @Test func `a clock must be there, and not in the packet header`() {
        let mapped = "integer { size = 8; map = clock.c.value; } x;"
        #expect(MetadataReader.code(Self.text(stream: "event.header := struct { \(mapped) };")) == .clockNotFound)
        #expect(MetadataReader.code("clock { name = c; };" + Self.text(header: mapped)) == .clockInPacketHeader)
    }
}
