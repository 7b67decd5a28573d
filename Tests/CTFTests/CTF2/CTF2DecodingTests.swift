import CTF
import PacketWriter
import Testing

/// Values that only CTF 2 has, and where reading them stops.
struct CTF2DecodingTests {
    let build = ClassBuilder()

    private static func variable(isSigned: Bool = false) -> FieldClass {
        .integer(IntegerClass(sizeBits: 64, alignmentBits: 8, isSigned: isSigned, isVariableLength: true))
    }

    private func visit(_ members: [StructureClass.Member], _ bytes: [UInt8]) throws -> [Visited] {
        let program = try TraceProgram(ProgramErrorTests.trace(members))
        let decoded = try DecodedPacket(program, bytes)
        var cursor = decoded.preamble.firstEvent
        let calls = try DecodedPacket.visit(program, bytes, decoded.preamble, &cursor)
        return calls.filter { if case .unsigned = $0 { true } else if case .signed = $0 { true } else { false } }
    }

    private func error(_ members: [StructureClass.Member], _ bytes: [UInt8]) throws -> PacketError? {
        try DecodedPacket(try TraceProgram(ProgramErrorTests.trace(members)), bytes).error
    }

    @Test(
        arguments: [
            ([0x00], 0), ([0x7F], 127), ([0x80, 0x01], 128), ([0x80, 0x80, 0x00], 0),
            ([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], .max),
        ] as [([UInt8], UInt64)]
    )
    func `unsigned numbers of variable length`(bytes: [UInt8], value: UInt64) throws {
        #expect(try visit([build.member("n", Self.variable())], bytes) == [.unsigned("n", value)])
    }

    @Test(
        arguments: [
            ([0x00], 0), ([0x3F], 63), ([0x40], -64), ([0x7F], -1), ([0xC0, 0x00], 64), ([0xFF, 0x7F], -1),
            ([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7F], .min),
            ([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00], .max),
        ] as [([UInt8], Int64)]
    )
    func `signed numbers of variable length`(bytes: [UInt8], value: Int64) throws {
        #expect(try visit([build.member("n", Self.variable(isSigned: true))], bytes) == [.signed("n", value)])
    }

    @Test func `numbers of more than 64 bits are refused at their last byte`() throws {
        let member = build.member("n", Self.variable())
        let long = [UInt8](repeating: 0x80, count: 9)
        #expect(try error([member], long + [0x80, 0x00])?.code == .oversizedInteger)
        #expect(try error([member], long + [0x02]) == PacketError(.oversizedInteger, atBits: 72))
        let signed = build.member("n", Self.variable(isSigned: true))
        #expect(try error([signed], long + [0x01])?.code == .oversizedInteger)
    }

    @Test func `the clock takes as many bits as a number of variable length has`() throws {
        let time = IntegerClass(
            sizeBits: 64,
            alignmentBits: 8,
            roles: .defaultClockTimestamp,
            isVariableLength: true
        )
        let stream = StreamClass(
            id: 0,
            defaultClock: 0,
            eventHeader: StructureClass(members: [build.member("t", .integer(time))]),
            eventClasses: [EventClass(id: 0, name: "e")]
        )
        let program = try TraceProgram(TraceClass(clocks: [ClockClass(name: "c")], streamClasses: [stream]))
        // 100, then 7 bits that wrap to 128 + 5, then 14 bits.
        let decoded = try DecodedPacket(program, [100, 5, 0x80 | 1, 0x02])
        #expect(decoded.keys.map(\.timestampNs) == [100, 133, 257])
    }

    @Test func `an optional's length that was not read is none`() throws {
        let length = FieldLocation(scope: .eventPayload, path: ["_o"])
        let optional = OptionalClass(
            element: .integer(build.integerClass(8)),
            selector: FieldLocation(scope: .eventPayload, path: ["_s"]),
            selectorIsSigned: false,
            selectorRanges: [IntegerRange(lowerBits: 1, upperBits: 1)]
        )
        let members = [
            build.integer("s", 8), build.member("o", .optional(optional)),
            build.member("b", .blob(BlobClass(length: .field(length)))),
        ]
        let program = try TraceProgram(ProgramErrorTests.trace(members))
        let bytes: [UInt8] = [1, 2, 0xAA, 0xBB, 0, 0]
        let decoded = try DecodedPacket(program, bytes)
        #expect(decoded.error == nil && decoded.keys.map(\.startBits) == [0, 32, 40])
        var cursor = decoded.preamble.firstEvent
        let blobs = try (0..<3).map { _ in
            try DecodedPacket.visit(program, bytes, decoded.preamble, &cursor).compactMap { call -> [UInt8]? in
                if case .blob(_, let bytes) = call { bytes } else { nil }
            }
        }
        #expect(blobs == [[[0xAA, 0xBB]], [[]], [[]]])
    }

    @Test(
        arguments: [
            (0x3C00, 1), (0xC000, -2), (0x7BFF, 65_504), (0x0001, 0x1p-24), (0x83FF, -0x3FFp-24), (0x8000, -0.0),
            (0x7C00, .infinity), (0xFC00, -.infinity), (0x3555, 0x1.554p-2),
        ] as [(UInt16, Float)]
    )
    func `floating-point numbers of 16 bits are told as what they are`(bits: UInt16, value: Float) throws {
        let number = FloatClass(sizeBits: 16, alignmentBits: 8, byteOrder: .littleEndian)
        let program = try TraceProgram(ProgramErrorTests.trace([build.member("f", .float(number))]))
        let bytes = [UInt8(bits & 0xFF), UInt8(bits >> 8)]
        let decoded = try DecodedPacket(program, bytes)
        var cursor = decoded.preamble.firstEvent
        let calls = try DecodedPacket.visit(program, bytes, decoded.preamble, &cursor)
        #expect(calls.contains(.float("f", value.bitPattern)), "\(calls)")
    }

    @Test func `an element forgets the length that the element before it has read`() throws {
        func location(_ path: String...) -> FieldLocation { FieldLocation(scope: .eventPayload, path: path) }
        let optional = OptionalClass(
            element: .integer(build.integerClass(8)),
            selector: location("_x", "_h"),
            selectorIsSigned: false,
            selectorRanges: [IntegerRange(lowerBits: 1, upperBits: 1)]
        )
        let element = StructureClass(members: [
            build.integer("h", 8), build.member("n", .optional(optional)),
            build.member(
                "a",
                .array(ArrayClass(element: .integer(build.integerClass(8)), length: .field(location("_x", "_n"))))
            ),
        ])
        let array = ArrayClass(element: .structure(element), length: .constant(2))
        let program = try TraceProgram(ProgramErrorTests.trace([build.member("x", .array(array))]))
        let bytes: [UInt8] = [1, 2, 7, 8, 0, 0, 0, 0, 1, 1, 9]
        let decoded = try DecodedPacket(program, bytes)
        #expect(decoded.error == nil && decoded.keys.map(\.startBits) == [0, 40, 56])
        var cursor = decoded.preamble.firstEvent
        let values = try (0..<3).map { _ in
            try DecodedPacket.visit(program, bytes, decoded.preamble, &cursor).compactMap { call -> UInt64? in
                if case .unsigned(_, let value) = call { value } else { nil }
            }
        }
        #expect(values == [[1, 2, 7, 8, 0], [0, 0], [0, 1, 1, 9]])
    }

    @Test func `wide texts end at a NUL of their own width`() throws {
        let text = build.member("t", .string(StringClass(encoding: .utf16BigEndian)))
        let bytes: [UInt8] = [0x01, 0x00, 0x00, 0x41, 0x00, 0x00]
        let program = try TraceProgram(ProgramErrorTests.trace([text]))
        let decoded = try DecodedPacket(program, bytes)
        var cursor = decoded.preamble.firstEvent
        let calls = try DecodedPacket.visit(program, bytes, decoded.preamble, &cursor)
        #expect(calls.contains(.text("t", [0x01, 0x00, 0x00, 0x41])) && cursor.positionBits == 48)
        #expect(try error([text], Array(bytes.dropLast()))?.code == .unterminatedString)
    }

    @Test func `errors name the first field that does not fit`() throws {
        let members = [
            build.integer("a", 32), build.integer("b", 16),
            build.member("c", .blob(BlobClass(length: .constant(3)))), build.integer("d", 8),
        ]
        let header = StructureClass(members: [build.integer("content", 8, roles: .packetContentLength)])
        for (contentBits, position) in [(8 + 16, 8), (8 + 40, 40), (8 + 56, 56), (8 + 72, 80)] {
            var trace = ProgramErrorTests.trace(members)
            trace.streamClasses[0].packetContext = header
            let bytes = [UInt8(contentBits)] + [UInt8](repeating: 7, count: 20)
            let error = try DecodedPacket(try TraceProgram(trace), bytes).error
            #expect(error?.code == .beyondContent && error?.positionBits == UInt64(position))
        }
    }
}
