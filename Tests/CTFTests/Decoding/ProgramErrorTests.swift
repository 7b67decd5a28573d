import CTF
import PacketWriter
import Testing

/// Trace classes that cannot be compiled.
@Suite struct ProgramErrorTests {
    let build = ClassBuilder()

    @Test func `a length that stands nowhere is refused`() {
        expect(.unresolvedLocation, [build.sequence("s", 8, length: "_len")])
    }

    @Test func `a length that comes too late is refused`() {
        expect(.locationNotYetRead, [build.sequence("s", 8, length: "_len"), build.integer("len", 8)])
    }

    @Test func `a length that is no integer is refused`() {
        expect(.unresolvedLocation, [build.string("len"), build.sequence("s", 8, length: "_len")])
    }

    @Test func `a length in a later scope is refused`() {
        var trace = Self.trace([build.integer("len", 8)])
        trace.streamClasses[0].eventClasses[0].specificContext = StructureClass(
            members: [build.sequence("s", 8, length: "_len")]
        )
        #expect { try TraceProgram(trace) } throws: { ($0 as? ProgramError)?.code == .locationNotYetRead }
    }

    @Test func `classes nested without end are refused`() {
        var inner = build.integer("n", 8)
        for _ in 0..<100 { inner = build.member("s", .structure(StructureClass(members: [inner]))) }
        expect(.tooDeep, [inner])
    }

    @Test func `too many instructions are refused`() {
        var limits = ProgramLimits()
        limits.instructionCountMax = 5
        let trace = Self.trace((0..<9).map { build.integer("n\($0)", 8) })
        #expect { try TraceProgram(trace, limits: limits) } throws: { ($0 as? ProgramError)?.code == .tooLarge }
    }

    @Test func `sizes and alignments that no field can have are refused`() {
        func integer(_ size: UInt32, _ alignment: UInt32) -> StructureClass.Member {
            build.member("n", .integer(IntegerClass(sizeBits: size, alignmentBits: alignment)))
        }
        expect(.badSize, [integer(65, 8)])
        expect(.badSize, [integer(0, 8)])
        expect(.badAlignment, [integer(8, 24)])
        expect(.badAlignment, [integer(8, 0)])
        expect(.badSize, [build.member("f", .float(FloatClass(sizeBits: 24, alignmentBits: 8)))])
    }

    @Test func `a clock that does not exist is refused`() {
        var trace = Self.trace([])
        trace.streamClasses[0].defaultClock = 3
        #expect { try TraceProgram(trace) } throws: { ($0 as? ProgramError)?.code == .badClock }
    }

    @Test func `errors name the field`() {
        let error = #expect(throws: ProgramError.self) {
            try TraceProgram(Self.trace([build.sequence("s", 8, length: "_len")]))
        }
        #expect(error?.description == "eventPayload._s: length or selector not found")
    }

    // MARK: helpers

    static func trace(_ members: [StructureClass.Member]) -> TraceClass {
        let event = EventClass(id: 0, name: "e", payload: StructureClass(members: members))
        return TraceClass(streamClasses: [StreamClass(id: 0, eventClasses: [event])])
    }

    func expect(_ code: ProgramError.Code, _ members: [StructureClass.Member]) {
        #expect { try TraceProgram(Self.trace(members)) } throws: { ($0 as? ProgramError)?.code == code }
    }
}
