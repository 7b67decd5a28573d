import CTF
import PacketWriter
import Testing

/// Programs that show some of their fields.
@Suite struct ShownFieldTests {
    @Test func `what is shown is what the whole program shows of it, and events end where they end`() throws {
        var shownCount = 0
        for seed in 1...150 as ClosedRange<UInt64> {
            var maker = RandomTraceClass(seed: seed)
            let trace = maker.make()
            let program = try TraceProgram(trace)
            let written = WrittenPacket(trace, stream: Int(seed % 2), eventCount: 10, seed: seed)
            var random = SeededRandom(seed: seed)
            for _ in 0..<4 {
                let part = Int.random(in: 1...6, using: &random)
                let fields = Set(program.fields.indices.filter { _ in random.once(in: part) }.map(Self.id))
                let selective = try program.showing(only: fields)
                let (calls, ends) = try Self.read(program, by: program, written)
                let (fewer, sameEnds) = try Self.read(selective, by: program, written)
                #expect(ends == sameEnds, "seed \(seed)")
                // Fields that were asked for, with what is in them.
                func isAsked(_ call: SeenValue) -> Bool {
                    Self.path(call.field, program).contains { fields.contains($0) }
                }
                #expect(fewer.filter(isAsked) == calls.filter(isAsked), "seed \(seed)")
                shownCount += fewer.count { isAsked($0) }
            }
        }
        #expect(shownCount > 1000)
    }

    @Test func `nothing is shown where nothing was asked for, and numbers of others neither`() throws {
        let trace = LTTngTrace()
        let program = try TraceProgram(trace.traceClass)
        let bytes = trace.writePacket(events: (0..<5).map { LTTngTrace.tick(at: UInt64($0), seqno: UInt64($0)) })
        let seqno = try #require(program.fields.indices.first { program.fields[$0].name == "seqno" })
        for asked in [[], [seqno]] {
            let selective = try program.showing(only: Set(asked.map(Self.id)))
            var visitor = SeenValues()
            try bytes.withUnsafeBytes { raw in
                let packet = PacketBytes(raw)
                let preamble = try program.readPreamble(packet)
                var cursor = preamble.firstEvent
                for _ in 0..<5 {
                    try selective.visitEvent(packet, preamble: preamble, cursor: &cursor, visitor: &visitor)
                }
            }
            let numbers = visitor.values.filter { $0.text == nil }
            #expect(numbers.map(\.field) == asked.flatMap { Array(repeating: Self.id($0), count: 5) })
        }
    }

    private static func id(_ index: Int) -> FieldID { FieldID(rawValue: UInt32(index)) }

    /// A field and what is around it.
    private static func path(_ field: FieldID, _ program: TraceProgram) -> [FieldID] {
        Array(sequence(first: field) { program.fields[Int($0.rawValue)].parent })
    }

    private static func read(
        _ program: TraceProgram,
        by whole: TraceProgram,
        _ written: WrittenPacket
    ) throws -> ([SeenValue], [EventCursor]) {
        var visitor = SeenValues()
        var ends: [EventCursor] = []
        try written.bytes.withUnsafeBytes { raw in
            let packet = PacketBytes(raw)
            // Preambles that one has read are the other's too.
            let preamble = try whole.readPreamble(packet)
            var cursor = preamble.firstEvent
            for _ in written.events {
                try program.visitEvent(packet, preamble: preamble, cursor: &cursor, visitor: &visitor)
                ends.append(cursor)
            }
        }
        return (visitor.values, ends)
    }
}

private struct SeenValue: Equatable {
    var field: FieldID
    var bits: UInt64 = 0
    var text: [UInt8]?
}

/// Writes down the values that it is shown.
private struct SeenValues: FieldVisitor {
    var values: [SeenValue] = []

    mutating func beginEvent(_ event: Int, clockCycles: UInt64) {}
    mutating func endEvent() {}
    mutating func beginScope(_ scope: FieldScope) {}
    mutating func endScope(_ scope: FieldScope) {}
    mutating func beginStructure(_ field: FieldID) {}
    mutating func endStructure(_ field: FieldID) {}
    mutating func beginArray(_ field: FieldID, count: Int) {}
    mutating func endArray(_ field: FieldID) {}
    mutating func beginVariant(_ field: FieldID, option: Int) {}
    mutating func endVariant(_ field: FieldID) {}
    mutating func beginOptional(_ field: FieldID, isPresent: Bool) {}
    mutating func endOptional(_ field: FieldID) {}
    mutating func unsigned(_ value: UInt64, _ field: FieldID) { values.append(SeenValue(field: field, bits: value)) }
    mutating func signed(_ value: Int64, _ field: FieldID) { unsigned(UInt64(bitPattern: value), field) }
    mutating func float(_ value: Float, _ field: FieldID) { unsigned(UInt64(value.bitPattern), field) }
    mutating func double(_ value: Double, _ field: FieldID) { unsigned(value.bitPattern, field) }
    mutating func text(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        values.append(SeenValue(field: field, text: Array(bytes)))
    }
    mutating func blob(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) { text(bytes, field) }
}
