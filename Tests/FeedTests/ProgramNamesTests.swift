import CTF
import PacketWriter
import Testing

@testable import Feed

/// What the decoded encoding keeps of a program.
@Suite struct ProgramNamesTests {
    private let build = ClassBuilder()

    private func program(_ members: [StructureClass.Member]) throws -> TraceProgram {
        let event = EventClass(id: 0, name: "e", payload: StructureClass(members: members))
        return try TraceProgram(TraceClass(streamClasses: [StreamClass(id: 0, eventClasses: [event])]))
    }

    @Test func `labels that many fields share are held once`() throws {
        let labels = (0..<500 as Range<UInt64>).map { value in
            EnumerationMapping(label: "label\(value)", ranges: [IntegerRange(lowerBits: value, upperBits: value)])
        }
        let names = ProgramNames(try program((0..<400).map { build.enumeration("f\($0)", 16, labels) }))
        #expect(names.enumerations.count == 1)
        // A name or a label takes sixteen bytes.
        #expect((16...32 * 1000).contains(names.takenBytes))
    }
}
