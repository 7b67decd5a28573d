import CTF
import PacketWriter
import Testing

/// What LTTng sends in CTF 2, from user space and from the kernel.
struct CTF2LTTngTests {
    @Test func `identity, environment and clock are read`() throws {
        let trace = try #require(try MetadataReader.read(CTF2Texts.userSpace))
        #expect(trace.uuid?.description == "01020304-0506-0708-090a-0b0c0d0e0f10")
        let uid = "01020304-0506-0708-090a-0b0c0d0e0f10"
        #expect(trace.identity == ClassIdentity(namespace: "lttng.org,2009", name: "", uid: uid))
        #expect(trace.environmentValue("hostname") == .text("web-1"))
        #expect(trace.environmentValue("tracer_major") == .integer(2))
        let clock = try #require(trace.clocks.first)
        #expect(clock.name == "monotonic" && clock.originIsUnixEpoch && clock.frequencyHz == 1_000_000_000)
        #expect(clock.offsetSeconds == 1_700_000_000 && clock.offsetCycles == 250)
        #expect(clock.uuid?.description == "4ee3c2b1-5a13-4a16-9d8c-6f1c5a3f7e21")
        #expect(trace.streamClasses.first?.defaultClock == 0)
    }

    @Test func `log levels and model URIs stand in attributes`() throws {
        let trace = try #require(try MetadataReader.read(CTF2Texts.userSpace))
        let event = try #require(trace.streamClasses.first?.eventClasses.first)
        #expect(event.name == "demo:tick" && event.logLevel == 13 && event.emfURI == "http://example.com/tick")
        let kernel = try #require(try MetadataReader.read(CTF2Texts.kernel))
        #expect(kernel.streamClasses.first?.eventClasses.first?.logLevel == nil)
    }

    @Test(arguments: [("emergency", 0), ("notice", 5), ("debug:system", 7), ("debug", 14)])
    func `log levels have LTTng's numbers`(name: String, level: Int64) throws {
        let text = CTF2Texts.sequence([
            CTF2Texts.preamble, #"{"type":"data-stream-class"}"#,
            #"{"type":"event-record-class","attributes":{"lttng.org,2009":{"log-level":"\#(name)"}}}"#,
        ])
        let trace = try #require(try MetadataReader.read(text))
        #expect(trace.streamClasses.first?.eventClasses.first?.logLevel == level)
    }

    @Test(
        arguments: [
            (#"{"lttng.org,2009":{"log-level":3}}"#, 3), (#"{"babeltrace.org,2020":{"log-level":"warning"}}"#, 4),
            (#"{"example.com":{"log-level":"warning"}}"#, nil), (#"{"lttng.org,2009":{"log-level":"loud"}}"#, nil),
        ] as [(String, Int64?)]
    )
    func `log levels are numbers too, and stand where babeltrace2 puts them`(attributes: String, level: Int64?) throws {
        let text = CTF2Texts.sequence([
            CTF2Texts.preamble, #"{"type":"data-stream-class"}"#,
            #"{"type":"event-record-class","attributes":\#(attributes)}"#,
        ])
        let trace = try #require(try MetadataReader.read(text))
        #expect(trace.streamClasses.first?.eventClasses.first?.logLevel == level)
    }

    @Test func `attributes are kept, whatever they are`() throws {
        let value = #"{"a.b":{"list":[null,true,-3,2.5e1,"x",{"y":18446744073709551615}]},"c":null}"#
        let attributes = #","attributes":\#(value)"#
        let trace = try #require(
            try MetadataReader.read(
                CTF2Texts.sequence([
                    #"{"type":"preamble","version":2\#(attributes)}"#, #"{"type":"trace-class"\#(attributes)}"#,
                    #"{"type":"clock-class","id":"c","frequency":1\#(attributes)}"#,
                    #"{"type":"data-stream-class"\#(attributes)}"#, #"{"type":"event-record-class"\#(attributes)}"#,
                ])
            )
        )
        let list: [ClassAttribute.Value] = [
            .null, .boolean(true), .integer(-3), .real(25), .string("x"),
            .object([ClassAttribute(name: "y", value: .integer(18_446_744_073_709_551_615))]),
        ]
        let expected = [
            ClassAttribute(name: "a.b", value: .object([ClassAttribute(name: "list", value: .array(list))])),
            ClassAttribute(name: "c", value: .null),
        ]
        #expect(trace.preambleAttributes == expected && trace.attributes == expected)
        #expect(trace.clocks.map(\.attributes) == [expected])
        #expect(trace.streamClasses.map(\.attributes) == [expected])
        #expect(trace.streamClasses.first?.eventClasses.map(\.attributes) == [expected])
    }

    @Test func `attributes beyond a limit are let go, and that is no error`() throws {
        var limits = MetadataLimits()
        limits.attributeValuesMax = 3
        let text = CTF2Texts.sequence([
            CTF2Texts.preamble, #"{"type":"trace-class","attributes":{"a":{"b":1}}}"#,
            #"{"type":"data-stream-class","attributes":{"a":{"b":[1]}}}"#,
            #"{"type":"event-record-class","attributes":{"lttng.org,2009":7}}"#,
        ])
        let trace = try #require(try MetadataReader.read(text, limits: limits))
        #expect(trace.attributes.count == 1)
        #expect(trace.streamClasses.first?.attributes == [])
        #expect(trace.streamClasses.first?.eventClasses.first?.attributes.count == 1)
    }

    @Test func `aliases and relative locations give the same headers as what they stand for`() throws {
        let user = try #require(try MetadataReader.read(CTF2Texts.userSpace))
        let kernel = try #require(try MetadataReader.read(CTF2Texts.kernel))
        #expect(user.packetHeader == kernel.packetHeader)
        #expect(user.streamClasses[0].packetContext == kernel.streamClasses[0].packetContext)
        #expect(user.streamClasses[0].eventHeader == kernel.streamClasses[0].eventHeader)
    }

    @Test func `a location that leads up is resolved`() throws {
        let kernel = try #require(try MetadataReader.read(CTF2Texts.kernel))
        let payload = try #require(kernel.streamClasses[0].eventClasses[0].payload)
        let text = try #require(payload.members[2].fieldClass.structure?.members.first?.fieldClass)
        #expect(text.neededLocation == FieldLocation(scope: .eventPayload, path: ["_n"]))
    }

    @Test(arguments: [false, true])
    func `packets are decoded, with headers of both forms`(isExtended: Bool) throws {
        let trace = try #require(try MetadataReader.read(CTF2Texts.userSpace))
        let uuid = (1...16).map { UInt8($0) }
        var writer = PacketWriter(
            trace,
            stream: 0,
            header: .structure([.unsigned(0xC1FC_1FC1), .blob(uuid), .unsigned(0), .unsigned(7)]),
            context: .structure([
                .unsigned(1000), .unsigned(5000), .unsigned(0), .unsigned(0), .unsigned(3), .unsigned(2), .unsigned(1),
            ])
        )
        let time: FieldValue =
            isExtended
            ? .option(1, .structure([.unsigned(0), .unsigned(4000)])) : .option(0, .structure([.unsigned(4000)]))
        writer.write(
            event: 0,
            programIndex: 0,
            cycles: 4000,
            header: .structure([.unsigned(isExtended ? 31 : 0), time]),
            common: .structure([.signed(-5), .text(Array("app\0ghijklmnopqrs".utf8))]),
            payload: .structure([
                .unsigned(9), .string("hello"), .unsigned(2), .array([.unsigned(10), .unsigned(20)]),
            ])
        )
        let bytes = writer.finish(paddingBytes: 4).bytes
        let program = try TraceProgram(trace)
        let decoded = try DecodedPacket(program, bytes)
        #expect(decoded.error == nil)
        #expect(decoded.preamble.traceUUID == trace.uuid && decoded.preamble.streamInstanceID == 7)
        #expect(decoded.preamble.sequenceNumber == 3 && decoded.preamble.discardedEvents == 2)
        #expect(decoded.preamble.cpuID == 1 && decoded.preamble.timestampEndCycles == 5000)
        #expect(decoded.keys.map(\.timestampNs) == [1_700_000_000_000_004_250])
        var cursor = decoded.preamble.firstEvent
        let calls = try DecodedPacket.visit(program, bytes, decoded.preamble, &cursor)
        #expect(calls == writer.events[0].calls)
        #expect(calls.contains(.text("procname", Array("app".utf8))))
    }

    @Test func `another trace's packet is refused by its UUID`() throws {
        let trace = try #require(try MetadataReader.read(CTF2Texts.userSpace))
        let writer = PacketWriter(
            trace,
            stream: 0,
            header: .structure([
                .unsigned(0xC1FC_1FC1), .blob([UInt8](repeating: 9, count: 16)), .unsigned(0), .unsigned(7),
            ]),
            context: .structure([FieldValue](repeating: .unsigned(0), count: 7))
        )
        var finished = writer
        let bytes = finished.finish().bytes
        let program = try TraceProgram(trace)
        #expect { try DecodedPacket(program, bytes) } throws: { ($0 as? PacketError)?.code == .uuidMismatch }
    }
}
