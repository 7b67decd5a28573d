import CTF
import Testing

/// The blocks trace, env, clock, stream, event and callsite, and how they belong together.
struct TSDLBlockTests {
    private static let types = "typealias integer { size = 8; } := u8; typealias integer { size = 32; } := u32;\n"
    private static let twoStreams =
        types + "trace { major = 1; minor = 8; byte_order = le; packet.header := struct { u8 stream_id; }; };\n"

    // MARK: - Trace and environment

    @Test func `a trace has version 1.8, a byte order and perhaps a UUID`() throws {
        let text =
            "trace { minor = 8; byte_order = network; uuid = \"2A6422d0-6cee-11e0-8c08-cb07d7b3a564\"; major = 1; };"
        let trace = try MetadataReader.trace(text)
        #expect(trace.byteOrder == .bigEndian)
        #expect(trace.uuid?.description == "2a6422d0-6cee-11e0-8c08-cb07d7b3a564")
        #expect(try MetadataReader.trace(Texts.trace).uuid == nil)
    }

    @Test(arguments: [
        ("minor = 8; byte_order = le;", MetadataError.Code.attributeMissing),
        ("major = 1; byte_order = le;", .attributeMissing),
        ("major = 1; minor = 8;", .attributeMissing),
        ("major = 2; minor = 8; byte_order = le;", .attributeValueInvalid),
        ("major = 1; minor = 7; byte_order = le;", .attributeValueInvalid),
        ("major = 1; minor = 8; byte_order = native;", .attributeValueInvalid),
        ("major = 1; minor = 8; byte_order = le; uuid = \"2a6422d0-6cee-11e0-8c08\";", .attributeValueInvalid),
        (
            "major = 1; minor = 8; byte_order = le; uuid = \"2a6422d0-6cee-11e0-8c08-cb07d7b3a5g4\";",
            .attributeValueInvalid
        ),
        ("major = 1; minor = 8; byte_order = le; minor = 8;", .duplicateAttribute),
        ("major = 1; minor = 8; byte_order = le; packet.header := string;", .notAStructure),
    ])
    func `a trace block that makes no sense is refused`(entries: String, code: MetadataError.Code) {
        #expect(MetadataReader.code("trace { \(entries) };") == code)
    }

    @Test func `there is one trace block`() {
        #expect(MetadataReader.code(Texts.trace + Texts.trace) == .duplicateDeclaration)
        #expect(MetadataReader.code("stream {};") == .traceMissing)
    }

    @Test func `attributes that are not known are ignored`() throws {
        let text = """
            trace { major = 1; minor = 8; byte_order = le; wet = 3; tide.mark := struct {}; };
            stream { colour = "red"; }; event { name = e; colour = -1; }; clock { name = c; colour = red.green; };
            callsite { name = e; func = "f"; file = "x.c"; line = 3; }; 
            """
        #expect(try MetadataReader.trace(text).streamClasses.first?.eventClasses.count == 1)
    }

    @Test func `the environment keeps texts and numbers in order, the last value of a name`() throws {
        let text =
            Texts.trace + "env { a = \"x\"; b = -3; c = word; d = 0x10; }; env { a = \"y\"; e = 9223372036854775808; };"
        let environment = try MetadataReader.trace(text).environment
        #expect(environment.map(\.name) == ["a", "b", "c", "d", "e"])
        #expect(environment.map(\.value) == [.text("y"), .integer(-3), .text("word"), .integer(16), .integer(.min)])
    }

    @Test func `marks without backslash are read in the environment`() throws {
        let text =
            Texts.trace
            + "env {\n\ta = \"say \"hi\" to {x;\" ;\n\tb = \"\"\"; c = \"\"; "
            + "d = \"\\\\\"\n; e = \"{\"; };\nevent { name = \"n\"; };"
        let trace = try MetadataReader.trace(text)
        #expect(
            trace.environment.map(\.value) == [
                .text("say \"hi\" to {x;"), .text("\""), .text(""), .text("\\"), .text("{"),
            ]
        )
        #expect(trace.streamClasses.first?.eventClasses.first?.name == "n")
    }

    // MARK: - Clocks

    @Test func `a clock says how fast it counts and from when`() throws {
        let text =
            Texts.trace + """
                clock {
                    name = c; uuid = "00000000-0000-0001-0000-000000000002"; description = "d"; freq = 19200000;
                    precision = 5;
                    offset_s = -7; offset = 18446744073709551615; absolute = TRUE;
                };
                """
        let clock = try #require(try MetadataReader.trace(text).clocks.first)
        let expected = ClockClass(
            name: "c",
            uuid: TraceUUID(high: 1, low: 2),
            frequencyHz: 19_200_000,
            offsetSeconds: -7,
            offsetCycles: .max,
            precisionCycles: 5,
            originIsUnixEpoch: true,
            description: "d"
        )
        #expect(clock == expected)
    }

    @Test func `a clock without frequency counts nanoseconds`() throws {
        let clock = try #require(try MetadataReader.trace(Texts.trace + "clock { name = c; };").clocks.first)
        #expect(clock == ClockClass(name: "c"))
        #expect(clock.frequencyHz == 1_000_000_000 && !clock.originIsUnixEpoch)
    }

    @Test(arguments: [
        "name = 23", "uuid = \"\"", "uuid = x", "description = x", "freq = 0", "freq = -1", "freq = \"hi\"",
        "freq = 18446744073709551615", "offset_s = \"a\"", "offset_s = 9223372036854775808", "offset = -1",
        "precision = \"x\"", "absolute = 23", "absolute = maybe",
    ])
    func `a clock's value that makes no sense is refused`(attribute: String) {
        let name = attribute.hasPrefix("name") ? "" : "name = c;"
        #expect(MetadataReader.code(Texts.trace + "clock { \(name) \(attribute); };") == .attributeValueInvalid)
    }

    @Test func `a clock has a name of its own`() {
        #expect(MetadataReader.code(Texts.trace + "clock { freq = 1; };") == .attributeMissing)
        #expect(MetadataReader.code(Texts.trace + "clock { name = c; }; clock { name = c; };") == .duplicateName)
    }

    @Test func `LTTng's monotonic clock counts from the Unix epoch`() throws {
        let clock = "clock { name = monotonic; };"
        let lttng = "env { tracer_name = \"lttng-modules\"; };"
        #expect(try MetadataReader.trace(Texts.trace + lttng + clock).clocks[0].originIsUnixEpoch)
        #expect(try MetadataReader.trace(Texts.trace + clock + lttng).clocks[0].originIsUnixEpoch)
        #expect(try MetadataReader.trace(Texts.trace + clock).clocks[0].originIsUnixEpoch == false)
        #expect(
            try MetadataReader.trace(Texts.trace + lttng + "clock { name = c; };").clocks[0].originIsUnixEpoch == false
        )
        #expect(
            try MetadataReader.trace(Texts.trace + "env { tracer_name = \"other\"; };" + clock).clocks[0]
                .originIsUnixEpoch == false
        )
    }

    // MARK: - Streams and events

    @Test func `a stream block without id is stream class 0`() throws {
        let trace = try MetadataReader.trace(Texts.trace + "stream {};")
        #expect(trace.streamClasses == [StreamClass(id: 0)])
    }

    @Test func `an event without any stream block has stream class 0`() throws {
        let trace = try MetadataReader.trace(Texts.trace + "event { name = e; };")
        #expect(trace.streamClasses == [StreamClass(id: 0, eventClasses: [EventClass(id: 0, name: "e")])])
    }

    @Test func `an event waits for its stream block`() throws {
        let event = "event { name = e; stream_id = 1; fields := struct { string s[stream.event.context.n]; }; };"
        let stream = "stream { id = 1; event.context := struct { u8 n; }; };"
        let trace = try MetadataReader.trace(Self.twoStreams + event + "stream { id = 0; };" + stream)
        #expect(trace.streamClasses.map(\.id) == [0, 1])
        #expect(trace.streamClasses[1].eventClasses.map(\.name) == ["e"])
        #expect(MetadataReader.code(Self.twoStreams + event + "stream { id = 0; };") == .streamNotFound)
    }

    @Test func `an event without stream id waits for the only stream block`() throws {
        let trace = try MetadataReader.trace(
            Self.twoStreams + "event { name = e; id = 3; };" + "stream { id = 9; event.header := struct { u8 id; }; };"
        )
        #expect(trace.streamClasses.map(\.id) == [9])
        #expect(trace.streamClasses[0].eventClasses == [EventClass(id: 3, name: "e")])
    }

    @Test func `declarations may stand before the trace block`() throws {
        let text = "clock { name = c; }; stream {}; event { name = e; }; env { a = 1; };" + Texts.trace
        let trace = try MetadataReader.trace(text)
        #expect(trace.clocks.count == 1 && trace.environment.count == 1)
        #expect(trace.streamClasses.first?.eventClasses.count == 1)
    }

    @Test func `stream classes are told apart by the packet header's stream id`() {
        #expect(MetadataReader.code(Self.twoStreams + "stream { id = 0; }; stream { id = 1; };") == nil)
        #expect(MetadataReader.code(Self.twoStreams + "stream { id = 2; }; stream { id = 2; };") == .duplicateID)
        #expect(MetadataReader.code(Self.twoStreams + "stream { id = 0; }; stream {};") == .idMissing)
        #expect(MetadataReader.code(Texts.trace + "stream { id = 0; }; stream { id = 1; };") == .idMissing)
    }

    @Test func `an event says which of several stream classes is its own`() {
        let streams = Self.twoStreams + "stream { id = 0; }; stream { id = 1; };"
        #expect(MetadataReader.code(streams + "event { name = e; };") == .idMissing)
        #expect(MetadataReader.code(streams + "event { name = e; stream_id = 1; };") == nil)
        #expect(MetadataReader.code(streams + "event { name = e; stream_id = 2; };") == .streamNotFound)
    }

    @Test func `event ids are per stream class`() throws {
        let streams =
            Self.twoStreams
            + "stream { id = 0; event.header := struct { u8 id; }; };"
            + "stream { id = 1; event.header := struct { u8 id; }; };"
        let event = "event { name = e; id = 42; stream_id = 0; };"
        #expect(MetadataReader.code(streams + event + "event { name = f; id = 42; stream_id = 1; };") == nil)
        #expect(MetadataReader.code(streams + event + "event { name = f; id = 42; stream_id = 0; };") == .duplicateID)
    }

    @Test func `several events need ids, and a header that has one`() {
        let withID = Self.types + "stream { event.header := struct { u8 id; }; };"
        let first = "event { name = e; id = 0; };"
        #expect(MetadataReader.code(Texts.trace + withID + first + "event { name = f; id = 1; };") == nil)
        #expect(MetadataReader.code(Texts.trace + withID + first + "event { name = f; };") == .idMissing)
        #expect(MetadataReader.code(Texts.trace + "stream {};" + first + "event { name = f; id = 1; };") == .idMissing)
    }

    @Test func `an event has a name, and perhaps a log level and a URI`() throws {
        let text = Texts.trace + "event { name = \"p:a b\\n\"; loglevel = -1; model.emf.uri = \"http://x/'y'\"; };"
        let event = try #require(try MetadataReader.trace(text).streamClasses.first?.eventClasses.first)
        #expect(event.name == "p:a b\n" && event.logLevel == -1 && event.emfURI == "http://x/'y'")
        #expect(MetadataReader.code(Texts.trace + "event {};") == .attributeMissing)
        for attribute in [
            "name = -17", "id = \"x\"", "id = -1", "stream_id = x", "loglevel = \"x\"", "model.emf.uri = 23",
        ] {
            let name = attribute.hasPrefix("name") ? "" : "name = e;"
            #expect(
                MetadataReader.code(Texts.trace + "event { \(name) \(attribute); };") == .attributeValueInvalid,
                "\(attribute)"
            )
        }
    }

    @Test(arguments: ["packet.context", "event.header", "event.context"])
    func `a stream's scopes are structures, each given once`(scope: String) {
        #expect(MetadataReader.code(Texts.trace + "stream { \(scope) := string; };") == .notAStructure)
        #expect(
            MetadataReader.code(Texts.trace + "stream { \(scope) := struct {}; \(scope) := struct {}; };")
                == .duplicateAttribute
        )
    }
}
