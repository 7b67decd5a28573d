import CTF
import PacketWriter
import Testing

/// Packets that are wrong, each in one way.
@Suite struct PacketErrorTests {
    let build = ClassBuilder()
    let trace = LTTngTrace()

    @Test func `a wrong magic number is refused`() throws {
        var packet = trace.writePacket(events: [])
        packet[0] ^= 1
        #expect(throws: PacketError(.badMagic, atBits: 0, value: 0xC1FC_1FC0)) {
            _ = try DecodedPacket(TraceProgram(trace.traceClass), packet)
        }
    }

    @Test func `another trace's UUID is refused`() throws {
        var packet = trace.writePacket(events: [])
        packet[4 + 12] ^= 1
        #expect {
            _ = try DecodedPacket(TraceProgram(trace.traceClass), packet)
        } throws: {
            ($0 as? PacketError)?.code == .uuidMismatch
        }
    }

    @Test func `metadata without a UUID takes any`() throws {
        var traceClass = trace.traceClass
        traceClass.uuid = nil
        let packet = trace.writePacket(events: [])
        #expect(try DecodedPacket(TraceProgram(traceClass), packet).preamble.traceUUID == trace.traceClass.uuid)
    }

    @Test func `an unknown stream class is refused`() throws {
        var packet = trace.writePacket(events: [])
        packet[20] = 7
        #expect {
            _ = try DecodedPacket(TraceProgram(trace.traceClass), packet)
        } throws: {
            ($0 as? PacketError)?.code == .unknownStreamClass && ($0 as? PacketError)?.value == 7
        }
    }

    @Test func `an unknown event class ends the packet after the events before it`() throws {
        var packet = trace.writePacket(events: [.init(event: 1, cycles: 5, values: [.signed(1)])] + Self.ticks(2))
        let start = try DecodedPacket(TraceProgram(trace.traceClass), packet).keys[1].startBits
        packet[Int(start / 8)] = packet[Int(start / 8)] & ~31 | 9
        let decoded = try DecodedPacket(TraceProgram(trace.traceClass), packet)
        #expect(decoded.keys.count == 1)
        #expect(decoded.error == PacketError(.unknownEventClass, atBits: start, value: 9))
    }

    @Test func `a sequence longer than the packet ends it`() throws {
        let (program, packet) = try Self.payload([
            build.integer("len", 32), build.sequence("s", 16, length: "_len"),
        ]) { $0 += [0xFF, 0xFF, 0xFF, 0xFF, 1, 2] }
        let decoded = try DecodedPacket(program, packet)
        #expect(decoded.error?.code == .tooManyElements)
        #expect(decoded.error?.value == 0xFFFF_FFFF)
    }

    @Test func `a sequence of a length that overflows ends the packet`() throws {
        let (program, packet) = try Self.payload([
            build.integer("len", 64), build.sequence("s", 64, length: "_len"),
        ]) { $0 += [UInt8](repeating: 0xFF, count: 8) + [1] }
        #expect(try DecodedPacket(program, packet).error?.code == .tooManyElements)
    }

    @Test func `a great many elements without bits end the packet`() throws {
        let empty = ArrayClass(
            element: .structure(StructureClass(members: [])),
            length: .field(FieldLocation(scope: .eventPayload, path: ["_len"]))
        )
        let (program, packet) = try Self.payload([build.integer("len", 32), build.member("s", .array(empty))]) {
            $0 += [0xFF, 0xFF, 0xFF, 0xFF]
        }
        #expect(try DecodedPacket(program, packet).error?.code == .tooManyElements)
    }

    @Test func `a string without end ends the packet`() throws {
        let (program, packet) = try Self.payload([build.string("s")]) { $0 += Array("no end".utf8) }
        #expect(try DecodedPacket(program, packet).error?.code == .unterminatedString)
    }

    @Test func `a selector that no option has ends the packet`() throws {
        let (program, packet) = try Self.payload([build.integer("tag", 8), Self.variant(build)]) { $0 += [9, 0] }
        #expect(try DecodedPacket(program, packet).error?.code == .selectorWithoutOption)
    }

    @Test func `a field that crosses the content's end ends the packet`() throws {
        let (program, packet) = try Self.payload([build.integer("a", 32)]) { $0 += [1, 0, 0, 0, 2, 0] }
        let decoded = try DecodedPacket(program, packet)
        #expect(decoded.keys.count == 1)
        #expect(decoded.error == PacketError(.beyondContent, atBits: 32, value: 64))
    }

    @Test func `an event without bits ends the packet`() throws {
        let (program, packet) = try Self.payload([]) { $0 += [1] }
        #expect(try DecodedPacket(program, packet).error?.code == .emptyEvent)
    }

    @Test(arguments: [ByteOrder.littleEndian, .bigEndian])
    func `a byte order may not change inside of a byte`(order: ByteOrder) throws {
        let other: ByteOrder = order == .littleEndian ? .bigEndian : .littleEndian
        func bits(_ size: UInt32, _ order: ByteOrder, align: UInt32 = 1) -> FieldClass {
            .integer(IntegerClass(sizeBits: size, alignmentBits: align, byteOrder: order))
        }
        let bad = [build.member("a", bits(3, order)), build.member("b", bits(4, other, align: 4))]
        let (program, packet) = try Self.payload(bad) { $0 += [0] }
        #expect(try DecodedPacket(program, packet).error?.code == .byteOrderChange)
        let good = [build.member("a", bits(3, order)), build.member("b", bits(4, other, align: 8))]
        let (goodProgram, goodPacket) = try Self.payload(good) { $0 += [0, 0] }
        #expect(try DecodedPacket(goodProgram, goodPacket).error?.code == .beyondContent)
        #expect(try DecodedPacket(goodProgram, goodPacket).keys.count == 1)
    }

    @Test func `sizes that contradict each other are refused`() throws {
        let packet = trace.writePacket(events: Self.ticks(1))
        // content_size and packet_size stand behind header, timestamp_begin and timestamp_end.
        for (offset, value, code) in [
            (48, 0, PacketError.Code.badContentSize), (56, 4, .badPacketSize), (56, 8, .badPacketSize),
        ] {
            var bad = packet
            for index in 0..<8 { bad[offset + index] = index == 0 ? UInt8(value) : 0 }
            #expect {
                _ = try DecodedPacket(TraceProgram(trace.traceClass), bad)
            } throws: {
                ($0 as? PacketError)?.code == code
            }
        }
    }

    @Test func `errors say what and where`() {
        let error = PacketError(.unknownEventClass, atBits: 83, value: 9)
        #expect(error.description == "unknown event class 9 at byte 10, bit 3 of the packet")
    }

    // MARK: helpers

    static func ticks(_ count: Int) -> [LTTngTrace.Event] {
        (0..<count).map { LTTngTrace.tick(at: UInt64(10 * $0 + 10), seqno: UInt64($0)) }
    }

    static func variant(_ build: ClassBuilder) -> StructureClass.Member {
        build.member(
            "v",
            .variant(
                VariantClass(
                    selector: FieldLocation(scope: .eventPayload, path: ["_tag"]),
                    selectorIsSigned: false,
                    options: [
                        VariantClass.Option(
                            member: build.integer("one", 8),
                            selectorRanges: [IntegerRange(lowerBits: 1, upperBits: 1)]
                        )
                    ]
                )
            )
        )
    }

    /// A program for events that are nothing but a payload, and a packet that `fill` writes.
    static func payload(
        _ members: [StructureClass.Member],
        _ fill: (inout [UInt8]) -> Void
    ) throws -> (TraceProgram, [UInt8]) {
        let event = EventClass(id: 0, name: "e", payload: StructureClass(members: members))
        let traceClass = TraceClass(streamClasses: [StreamClass(id: 0, eventClasses: [event])])
        var packet: [UInt8] = []
        fill(&packet)
        return (try TraceProgram(traceClass), packet)
    }
}
