import CTF
import PacketWriter
import Testing

/// Values that are kept while a packet is read.
@Suite struct SlotTests {
    let build = ClassBuilder()

    @Test func `a length that an event has not read is zero, not that of the event before`() throws {
        // Only option 1 has the length that the sequence behind the variant takes.
        var options = [VariantClass.Option]()
        for (value, name) in [(UInt64(1), "len"), (2, "other")] {
            let range = IntegerRange(lowerBits: value, upperBits: value)
            options.append(VariantClass.Option(member: build.integer(name, 8), selectorRanges: [range]))
        }
        let variant = VariantClass(
            selector: FieldLocation(scope: .eventPayload, path: ["_tag"]),
            selectorIsSigned: false,
            options: options
        )
        let sequence = ArrayClass(
            element: .integer(build.integerClass(8)),
            length: .field(FieldLocation(scope: .eventPayload, path: ["_v", "_len"]))
        )
        let (program, packet) = try PacketErrorTests.payload([
            build.integer("tag", 8), build.member("v", .variant(variant)), build.member("s", .array(sequence)),
        ]) { $0 += [1, 3, 10, 11, 12, 2, 9, 2, 8] }
        let decoded = try DecodedPacket(program, packet)
        #expect(decoded.error == nil)
        #expect(decoded.keys.map(\.startBits) == [0, 40, 56])
        var cursor = decoded.preamble.firstEvent
        let counts = try (0..<3).map { _ in
            try DecodedPacket.visit(program, packet, decoded.preamble, &cursor).filter {
                if case .beginArray = $0 { true } else { false }
            }
        }
        #expect(counts == [[.beginArray("s", count: 3)], [.beginArray("s", count: 0)], [.beginArray("s", count: 0)]])
    }

    @Test func `ids too large for a table are found`() throws {
        let ids: [UInt64] = [7, 1 << 40, .max, 300_000]
        let header = StructureClass(members: [build.integer("id", 64, roles: .eventRecordClassID)])
        let classes = ids.map { EventClass(id: $0, name: "e\($0)") }
        let trace = TraceClass(streamClasses: [StreamClass(id: 0, eventHeader: header, eventClasses: classes)])
        let program = try TraceProgram(trace)
        let packet = (ids + [8]).flatMap { id in (0..<8).map { UInt8(truncatingIfNeeded: id >> UInt64($0 * 8)) } }
        let decoded = try DecodedPacket(program, packet)
        #expect(decoded.keys.count == 4)
        #expect(decoded.error?.code == .unknownEventClass && decoded.error?.value == 8)
        var cursor = decoded.preamble.firstEvent
        for index in ids.indices {
            let calls = try DecodedPacket.visit(program, packet, decoded.preamble, &cursor)
            #expect(calls == [.beginEvent(index, clockCycles: 0), .endEvent])
        }
    }

    @Test func `the last id read wins`() throws {
        let header = StructureClass(members: [
            build.integer("id", 8, roles: .eventRecordClassID), build.integer("id2", 16, roles: .eventRecordClassID),
        ])
        let classes = [EventClass(id: 1, name: "one"), EventClass(id: 2, name: "two")]
        let trace = TraceClass(streamClasses: [StreamClass(id: 0, eventHeader: header, eventClasses: classes)])
        let program = try TraceProgram(trace)
        let packet: [UInt8] = [1, 2, 0]
        var cursor = EventCursor(positionBits: 0, clockCycles: 0)
        let preamble = try DecodedPacket(program, packet).preamble
        let calls = try DecodedPacket.visit(program, packet, preamble, &cursor)
        #expect(calls.first == .beginEvent(1, clockCycles: 0))
    }

    @Test func `a preamble of another program is refused`() throws {
        let (program, packet) = try PacketErrorTests.payload([build.integer("a", 8)]) { $0 += [1] }
        var preamble = try DecodedPacket(program, packet).preamble
        preamble.streamIndex = 5
        var cursor = preamble.firstEvent
        #expect(throws: PacketError(.foreignPreamble, atBits: 0)) {
            try DecodedPacket.visit(program, packet, preamble, &cursor)
        }
    }
}
