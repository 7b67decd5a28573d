import CTF
import PacketWriter
import Testing

/// A packet's times where their fields have less than 64 bits.
@Suite struct ShortTimeTests {
    private func integer(_ name: String, _ bits: UInt32?, _ roles: FieldRoles) -> StructureClass.Member {
        let isVariable = bits == nil
        let integer = IntegerClass(
            sizeBits: bits ?? 64,
            alignmentBits: 8,
            isSigned: false,
            roles: roles,
            isVariableLength: isVariable
        )
        return ClassBuilder().member(name, .integer(integer))
    }

    /// A packet of a begin and an end, read with the clock before it; a nil size is a number of variable length.
    private func preamble(
        _ sizes: (begin: UInt32?, end: UInt32?),
        _ bytes: [UInt8],
        after clockCycles: UInt64,
        isEndFirst: Bool = false
    ) throws -> PacketPreamble {
        var trace = ProgramErrorTests.trace([])
        var members = [
            integer("begin", sizes.begin, .defaultClockTimestamp), integer("end", sizes.end, .packetEndTimestamp),
        ]
        if isEndFirst { members.reverse() }
        trace.streamClasses[0].packetContext = StructureClass(members: members)
        let program = try TraceProgram(trace)
        return try bytes.withPacketBytes { packet throws(PacketError) in
            try program.readPreamble(packet, clockCycles: clockCycles)
        }
    }

    @Test func `a short begin is the first such time that is not before the clock`() throws {
        for (clock, begin) in [(0, 0x10), (0x10, 0x10), (0x11, 0x110), (0x3FF, 0x410), (0x305, 0x310)]
            as [(UInt64, UInt64)]
        {
            let preamble = try preamble((8, 64), [0x10] + [UInt8](repeating: 0, count: 8), after: clock)
            #expect(preamble.timestampBeginCycles == begin && preamble.clockCycles == begin, "after \(clock)")
        }
        #expect(try preamble((64, 8), [0x10, 0, 0, 0, 0, 0, 0, 0, 0x20], after: 0x305).timestampBeginCycles == 0x10)
    }

    @Test(arguments: [false, true]) func `a short end is the first such time that is not before the begin`(
        isEndFirst: Bool
    ) throws {
        for (end, cycles) in [(0x20, 0x320), (0x10, 0x310), (0x0F, 0x40F)] as [(UInt8, UInt64)] {
            let bytes: [UInt8] = isEndFirst ? [end, 0x10, 3] : [0x10, 3, end]
            let preamble = try preamble((16, 8), bytes, after: 0, isEndFirst: isEndFirst)
            #expect(preamble.timestampEndCycles == cycles && preamble.timestampEndBits == 8)
            #expect(preamble.certainEndCycles == nil)
            #expect(preamble.mayEnd(atCycles: cycles) && preamble.mayEnd(atCycles: cycles + 0xF00))
            #expect(!preamble.mayEnd(atCycles: cycles + 1))
        }
    }

    @Test func `a whole end is what it says`() throws {
        let preamble = try preamble((16, 64), [0x10, 3, 5, 0, 0, 0, 0, 0, 0, 0], after: 0)
        #expect(preamble.timestampEndCycles == 5 && preamble.certainEndCycles == 5)
        #expect(preamble.mayEnd(atCycles: 5) && !preamble.mayEnd(atCycles: 5 + 1 << 63))
    }

    @Test func `an end of variable length has seven bits for each byte`() throws {
        let short = try preamble((16, nil), [0x10, 3, 0x85, 0x01], after: 0)
        #expect(short.timestampEndCycles == 0x4085 && short.timestampEndBits == 14)
        let long = [UInt8](repeating: 0xFF, count: 9) + [0x01]
        let whole = try preamble((16, nil), [0x10, 3] + long, after: 0)
        #expect(whole.timestampEndCycles == .max && whole.certainEndCycles == .max)
    }
}
