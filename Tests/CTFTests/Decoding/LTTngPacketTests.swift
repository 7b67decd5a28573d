import CTF
import PacketWriter
import Testing

/// Packets as LTTng writes them: both headers, both byte orders, short and extended ids and times.
@Suite struct LTTngPacketTests {
    struct Shape: CustomStringConvertible {
        var header: LTTngTrace.Header
        var byteOrder: ByteOrder
        var description: String { "\(header) \(byteOrder)" }
    }

    static let shapes = [LTTngTrace.Header.compact, .large].flatMap { header in
        [ByteOrder.littleEndian, .bigEndian].map { Shape(header: header, byteOrder: $0) }
    }

    /// Times that wrap 27 and 32 bits, to the last value that a short header can tell, and beyond.
    static let times: [UInt64] = [
        5, 5, 1 << 27 - 1, 1 << 27, (2 << 27) - 1, (3 << 27) - 2, 1 << 32 - 1, 1 << 32, 2 << 32, 1 << 40,
        1 << 40 + 1, 1 << 62,
    ]

    @Test(arguments: shapes)
    func `times and positions are those that were written`(shape: Shape) throws {
        let trace = LTTngTrace(header: shape.header, byteOrder: shape.byteOrder)
        let events = Self.times.enumerated().map { index, cycles in
            index % 2 == 0
                ? LTTngTrace.tick(at: cycles, seqno: UInt64(index)) : LTTngTrace.mark(at: cycles, value: -1)
        }
        let writer = trace.packetWriter(events: events)
        let packet = trace.writePacket(events: events, paddingBytes: 64)
        let program = try TraceProgram(trace.traceClass)
        let decoded = try DecodedPacket(program, packet)
        #expect(decoded.error == nil)
        #expect(decoded.keys.map(\.startBits) == writer.events.map(\.startBits))
        #expect(Array(decoded.cycles.dropFirst()) == Self.times)
        #expect(decoded.keys.first?.timestampNs == 1_700_000_000_000_000_005)
        var cursor = decoded.preamble.firstEvent
        for event in writer.events {
            #expect(try DecodedPacket.visit(program, packet, decoded.preamble, &cursor) == event.calls)
        }
    }

    @Test(arguments: shapes)
    func `ids past the short header's are read from the extended one`(shape: Shape) throws {
        let build = ClassBuilder(byteOrder: shape.byteOrder)
        let classes = (0..<40).map { ("e\($0)", [build.integer("n", 8)]) }
        let trace = LTTngTrace(header: shape.header, byteOrder: shape.byteOrder, eventClasses: classes)
        let ids = [0, 30, 31, 32, 39, 1]
        let events = ids.enumerated().map {
            LTTngTrace.Event(event: $1, cycles: UInt64($0), values: [.unsigned(UInt64($1))])
        }
        let packet = trace.writePacket(events: events)
        let program = try TraceProgram(trace.traceClass)
        let decoded = try DecodedPacket(program, packet)
        var cursor = decoded.preamble.firstEvent
        for id in ids {
            let calls = try DecodedPacket.visit(program, packet, decoded.preamble, &cursor)
            #expect(calls.contains(.unsigned("n", UInt64(id))))
            guard case .beginEvent(let index, _) = calls[0] else { continue }
            #expect(program.events[index].eventClass.name == "e\(id)")
        }
        #expect(decoded.keys.count == ids.count)
    }

    @Test(arguments: shapes)
    func `a header that is not quite LTTng's is read by its program`(shape: Shape) throws {
        var trace = LTTngTrace(header: shape.header, byteOrder: shape.byteOrder)
        // A selector's range more makes no difference but to the recognition.
        var header = try #require(trace.traceClass.streamClasses[0].eventHeader)
        guard case .variant(var variant) = header.members[1].fieldClass else { return }
        variant.options[1].selectorRanges.append(IntegerRange(lowerBits: 1 << 40, upperBits: 1 << 40))
        header.members[1].fieldClass = .variant(variant)
        let events = Self.times.map { LTTngTrace.mark(at: $0, value: 7) }
        let special = try DecodedPacket(TraceProgram(trace.traceClass), trace.writePacket(events: events))
        trace.traceClass.streamClasses[0].eventHeader = header
        let generic = try DecodedPacket(TraceProgram(trace.traceClass), trace.writePacket(events: events))
        #expect(special.keys == generic.keys)
        #expect(special.cycles == generic.cycles)
    }

    @Test func `the preamble says what header and context say`() throws {
        let trace = LTTngTrace()
        let packet = trace.writePacket(
            events: [LTTngTrace.mark(at: 20, value: 1)],
            streamInstanceID: 4,
            sequenceNumber: 6,
            discardedEvents: 7,
            cpuID: 3,
            beginCycles: 10,
            endCycles: 90,
            paddingBytes: 5
        )
        let preamble = try DecodedPacket(TraceProgram(trace.traceClass), packet).preamble
        #expect(preamble.traceUUID == trace.traceClass.uuid)
        #expect(preamble.streamInstanceID == 4)
        #expect(preamble.sequenceNumber == 6)
        #expect(preamble.discardedEvents == 7)
        #expect(preamble.cpuID == 3)
        #expect(preamble.timestampBeginCycles == 10)
        #expect(preamble.timestampEndCycles == 90)
        #expect(preamble.totalBits == UInt64(packet.count) * 8)
        #expect(preamble.contentBits == UInt64(packet.count - 5) * 8)
        // The packet's end does not set the clock: the first event would seem to have wrapped.
        #expect(preamble.clockCycles == 10)
    }

    @Test func `a full buffer stops the scan before the next event`() throws {
        let trace = LTTngTrace()
        let packet = trace.writePacket(events: PacketErrorTests.ticks(7))
        let program = try TraceProgram(trace.traceClass)
        let whole = try DecodedPacket(program, packet)
        var cursor = whole.preamble.firstEvent
        var keys: [EventKey] = []
        var results: [ScanResult] = []
        while results.last != .complete {
            var buffer = EventKeyBuffer(capacity: 3)
            results.append(
                try packet.withPacketBytes { bytes throws(PacketError) in
                    try program.scan(
                        bytes,
                        preamble: whole.preamble,
                        contentBits: whole.contentBits,
                        correctionNs: 0,
                        cursor: &cursor,
                        keys: &buffer
                    )
                }
            )
            keys += Array(buffer.keys)
        }
        #expect(results == [.full, .full, .complete])
        #expect(keys == whole.keys)
    }

    @Test func `timestamps that saturate keep their cycles`() throws {
        let trace = LTTngTrace(clockOffsetSeconds: 9_000_000_000)
        let times: [UInt64] = [1, 1 << 58, 1 << 58 + 7, 1 << 62, 1 << 63]
        let packet = trace.writePacket(events: times.map { LTTngTrace.mark(at: $0, value: 0) })
        let decoded = try DecodedPacket(TraceProgram(trace.traceClass), packet)
        #expect(decoded.cycles == [1] + times)
        #expect(decoded.keys.map(\.timestampNs).suffix(3) == [.max, .max, .max])
    }

    @Test func `without a clock timestamps are zero`() throws {
        let (program, packet) = try PacketErrorTests.payload([ClassBuilder().integer("a", 8)]) { $0 += [1, 2] }
        let decoded = try DecodedPacket(program, packet)
        #expect(decoded.keys == [EventKey(timestampNs: 0, startBits: 0), EventKey(timestampNs: 0, startBits: 8)])
        #expect(decoded.cycles == [0, 0, 0])
        #expect(program.clockConversion(streamClassID: 0) == nil)
    }

    @Test func `a key takes sixteen bytes`() {
        #expect(MemoryLayout<EventKey>.size == 16)
    }
}
