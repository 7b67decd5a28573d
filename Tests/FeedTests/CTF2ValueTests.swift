import CFeedSchema
import CTF
import PacketWriter
import Testing

@testable import Feed

/// Values that only CTF 2 has, in the decoded encoding.
@Suite struct CTF2ValueTests {
    private let build = ClassBuilder()

    /// The messages of a payload's members.
    private func fields(
        _ members: [StructureClass.Member],
        _ bytes: [UInt8],
        _ check: ([Tidemark__Feed__Field]) throws -> Void
    ) throws {
        let eventClass = EventClass(id: 0, name: "e", payload: StructureClass(members: members))
        let program = try TraceProgram(TraceClass(streamClasses: [StreamClass(id: 0, eventClasses: [eventClass])]))
        var writer = ValueWriter(limits: FeedLimits())
        defer { writer.out.free() }
        let names = ProgramNames(program)
        let event = writer.out.open()
        writer.begin(names)
        try bytes.withUnsafeBytes { raw in
            let packet = PacketBytes(raw)
            let preamble = try program.readPreamble(packet)
            var cursor = preamble.firstEvent
            try program.visitEvent(packet, preamble: preamble, cursor: &cursor, visitor: &writer)
        }
        let written = writer.out.bytes(from: event)
        let start = written.baseAddress?.assumingMemoryBound(to: UInt8.self)
        let message = try #require(tidemark__feed__decoded_event__unpack(nil, written.count, start))
        defer { tidemark__feed__decoded_event__free_unpacked(message, nil) }
        let payload = try #require(message.pointee.fields).pointee
        try check((0..<payload.n_fields).compactMap { payload.fields[$0]?.pointee })
    }

    @Test func `booleans, blobs and wide texts have a form of their own`() throws {
        let boolean = IntegerClass(sizeBits: 8, alignmentBits: 8, meaning: .boolean)
        let bits = IntegerClass(sizeBits: 8, alignmentBits: 8, meaning: .bits)
        let members = [
            build.member("yes", .integer(boolean)), build.member("no", .integer(boolean)),
            build.member("bits", .integer(bits)), build.member("blob", .blob(BlobClass(length: .constant(3)))),
            build.member("text", .string(StringClass(encoding: .utf16LittleEndian, length: .constant(4)))),
            build.member("none", .string(StringClass(encoding: .utf32BigEndian, length: .constant(0)))),
        ]
        try fields(members, [9, 0, 5, 1, 2, 3, 0xE9, 0, 0x41, 0]) { fields in
            try #require(fields.count == 6)
            #expect(fields[0].value_case == TIDEMARK__FEED__FIELD__VALUE_BOOLEAN && fields[0].boolean == 1)
            #expect(fields[1].value_case == TIDEMARK__FEED__FIELD__VALUE_BOOLEAN && fields[1].boolean == 0)
            #expect(fields[2].value_case == TIDEMARK__FEED__FIELD__VALUE_UNSIGNED_INTEGER)
            #expect(fields[2].unsigned_integer == 5)
            #expect(fields[3].value_case == TIDEMARK__FEED__FIELD__VALUE_BLOB && fields[3].blob.len == 3)
            #expect((0..<3).map { fields[3].blob.data[$0] } == [1, 2, 3])
            #expect(fields[4].value_case == TIDEMARK__FEED__FIELD__VALUE_TEXT)
            #expect(String(cString: fields[4].text) == "éA" && String(cString: fields[5].text) == "")
        }
    }

    @Test func `an optional is its value under its name, or absent`() throws {
        func optional(_ value: UInt64) -> FieldClass {
            .optional(
                OptionalClass(
                    element: .integer(build.integerClass(8)),
                    selector: FieldLocation(scope: .eventPayload, path: ["_s"]),
                    selectorIsSigned: false,
                    selectorRanges: [IntegerRange(lowerBits: value, upperBits: value)]
                )
            )
        }
        let members = [
            build.integer("s", 8), build.member("there", optional(1)), build.member("not", optional(2)),
            build.integer("last", 8),
        ]
        try fields(members, [1, 42, 7]) { fields in
            try #require(fields.count == 4)
            #expect(fields.map { String(cString: $0.name) } == ["s", "there", "not", "last"])
            #expect(fields[1].value_case == TIDEMARK__FEED__FIELD__VALUE_UNSIGNED_INTEGER)
            #expect(fields[1].unsigned_integer == 42)
            #expect(fields[2].value_case == TIDEMARK__FEED__FIELD__VALUE_ABSENT)
            #expect(fields[3].unsigned_integer == 7)
        }
    }
}
