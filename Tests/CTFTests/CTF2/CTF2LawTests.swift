import CTF
import MetadataWriter
import Testing

/// What holds for every sequence of fragments, however it comes, and whatever is in it.
struct CTF2LawTests {
    private static func read(_ pieces: [ArraySlice<UInt8>]) throws(MetadataError) -> TraceClass? {
        var reader = MetadataReader()
        for piece in pieces { try reader.append(Array(piece)) }
        try reader.finish()
        return reader.traceClass
    }

    private static func cut(_ bytes: [UInt8], every length: Int) -> [ArraySlice<UInt8>] {
        stride(from: 0, to: bytes.count, by: length).map { bytes[$0..<min($0 + length, bytes.count)] }
    }

    @Test func `a cut at any byte changes nothing`() throws {
        let members = CTF2Texts.member("n", CTF2Texts.unsigned(8)) + ","
        let alias = #"{"type":"field-class-alias","name":"\u0061\"","field-class":{"type":"null-terminated-string"}}"#
        let text = CTF2Texts.payload(members + CTF2Texts.member("s", #""a\"""#), before: [alias])
        let whole = try #require(try MetadataReader.read(text))
        for index in text.indices {
            #expect(try Self.read([text[..<index], text[index...]]) == whole, "cut at \(index)")
        }
    }

    @Test(arguments: [CTF2Texts.userSpace, CTF2Texts.kernel])
    func `a cut anywhere in what tracers write changes nothing`(text: [UInt8]) throws {
        let whole = try #require(try MetadataReader.read(text))
        for index in stride(from: 0, to: text.count, by: 31) {
            #expect(try Self.read([text[..<index], text[index...]]) == whole, "cut at \(index)")
        }
    }

    @Test(arguments: [1, 2, 7, 64])
    func `pieces of any length give the same class`(length: Int) throws {
        let whole = try #require(try MetadataReader.read(CTF2Texts.kernel))
        #expect(try Self.read(Self.cut(CTF2Texts.kernel, every: length)) == whole)
    }

    @Test(arguments: [true, false])
    func `packets give the same class as their text`(isLittleEndian: Bool) throws {
        let text = CTF2Texts.userSpace
        let whole = try #require(try MetadataReader.read(text))
        for version in [(1, 8), (2, 0)] as [(UInt8, UInt8)] {
            let maker = PacketMaker(isLittleEndian: isLittleEndian, version: version)
            for textBytes in [13, 100, 4059] {
                let packets = maker.packets(text, textBytes: textBytes)
                #expect(try MetadataReader.read(packets) == whole, "packets of \(textBytes)")
                #expect(try Self.read(Self.cut(packets, every: 29)) == whole, "packets of \(textBytes), cut")
            }
        }
    }

    @Test func `a fragment counts as soon as its last brace has come`() throws {
        var reader = MetadataReader()
        var counts: [Int] = []
        for byte in CTF2Texts.userSpace {
            try reader.append([byte])
            let count = reader.traceClass?.streamClasses.first?.eventClasses.count ?? 0
            if counts.last != count { counts.append(count) }
        }
        #expect(counts == [0, 1])
        #expect(reader.traceClass == (try MetadataReader.read(CTF2Texts.userSpace)))
    }

    @Test func `there is no class before the trace class, and then it grows`() throws {
        var reader = MetadataReader()
        try reader.append(CTF2Texts.sequence([CTF2Texts.preamble, #"{"type":"clock-class","id":"c","frequency":1}"#]))
        #expect(reader.traceClass == nil)
        try reader.append(CTF2Texts.sequence([#"{"type":"trace-class","environment":{"hostname":"h"}}"#]))
        #expect(reader.traceClass?.clocks.count == 1 && reader.traceClass?.environment.count == 1)
        let before = reader.traceClass
        try reader.append(CTF2Texts.sequence([#"{"type":"data-stream-class","id":4}"#]))
        #expect(before?.streamClasses.isEmpty == true && reader.traceClass?.streamClasses.map(\.id) == [4])
    }

    @Test func `events that come before their stream class wait for it`() throws {
        let events = [
            #"{"type":"event-record-class","data-stream-class-id":1,"id":5,"name":"a"}"#,
            #"{"type":"event-record-class","data-stream-class-id":1,"id":6,"name":"b"}"#,
        ]
        let stream = #"{"type":"data-stream-class","id":1}"#
        let waiting = [CTF2Texts.preamble, #"{"type":"trace-class"}"#] + events
        #expect(MetadataReader.code(CTF2Texts.sequence(waiting)) == .streamNotFound)
        let trace = try #require(try MetadataReader.read(CTF2Texts.sequence(waiting + [stream])))
        #expect(trace.streamClasses.first?.eventClasses.map(\.name) == ["a", "b"])
    }

    @Test func `an error leaves the class of what came before it`() throws {
        var reader = MetadataReader()
        try reader.append(CTF2Texts.sequence([CTF2Texts.preamble, #"{"type":"data-stream-class"}"#]))
        let good = reader.traceClass
        #expect(throws: MetadataError.self) { try reader.append(CTF2Texts.sequence([#"{"type":"nonsense"}"#])) }
        #expect(throws: MetadataError.self) { try reader.append(CTF2Texts.sequence([#"{"type":"trace-class"}"#])) }
        #expect(good?.streamClasses.count == 1 && reader.traceClass == good)
    }

    @Test func `an error says where it is`() {
        let text = [0x1E] + Array("{\"type\":\"preamble\",\n \"version\": 3}".utf8)
        #expect(throws: MetadataError(.versionUnknown, line: 2, column: 13)) { try MetadataReader.read(text) }
        let second = CTF2Texts.sequence([CTF2Texts.preamble, #"{"type":"trace-class","x":1}"#])
        #expect(throws: MetadataError(.attributeUnknown, line: 2, column: 28, subject: "`x`")) {
            try MetadataReader.read(second)
        }
    }

    // MARK: - Hostile text

    private static func survive(_ bytes: [UInt8]) {
        do throws(MetadataError) {
            guard let traceClass = try MetadataReader.read(bytes) else { return }
            _ = try? TraceProgram(traceClass)
        } catch {
            #expect(!error.description.isEmpty)
        }
    }

    @Test func `text that is cut anywhere is survived`() {
        for end in stride(from: 0, to: CTF2Texts.kernel.count, by: 11) {
            Self.survive(Array(CTF2Texts.kernel[..<end]))
        }
    }

    @Test(arguments: 0..<8)
    func `mutations are survived`(seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        let sample = seed % 2 == 0 ? CTF2Texts.userSpace : CTF2Texts.kernel
        let words = String(decoding: sample, as: UTF8.self).split(whereSeparator: { "{}[],:".contains($0) })
        let symbols = Array("{}[],:\"\\u0-9.eE\u{1E}\0 null true".utf8)
        for _ in 0..<120 {
            var text = sample
            for _ in 0...random.next(below: 4) {
                let at = random.next(below: text.count)
                switch random.next(below: 5) {
                case 0: text[at] = UInt8(random.next(below: 256))
                case 1: text[at] = symbols[random.next(below: symbols.count)]
                case 2: text.removeSubrange(at..<min(text.count, at + 1 + random.next(below: 20)))
                case 3: text.insert(contentsOf: Array(words[random.next(below: words.count)].utf8), at: at)
                default:
                    let piece = text[at..<min(text.count, at + random.next(below: 200))]
                    text.insert(contentsOf: piece, at: random.next(below: text.count))
                }
                if text.isEmpty { text = sample }
            }
            Self.survive(text)
        }
    }

    @Test(arguments: ["[", "{\"a\":", "{\"attributes\":{\"a\":["])
    func `nesting has an end`(opening: String) {
        let text = [0x1E] + Array(("{\"attributes\":" + String(repeating: opening, count: 50_000)).utf8)
        // Where the braces do not end, the fragment does not; where they do, it is too deep.
        #expect(MetadataReader.code(text) == .unexpectedEnd)
        let deep =
            "{\"attributes\":" + String(repeating: "[", count: 50_000) + String(repeating: "]", count: 50_000) + "}"
        #expect(MetadataReader.code([0x1E] + Array(deep.utf8)) == .nestedTooDeeply)
    }

    @Test func `classes in classes have an end`() {
        var fieldClass = #"{"type":"null-terminated-string"}"#
        for _ in 0..<70 {
            fieldClass = #"{"type":"static-length-array","length":1,"element-field-class":\#(fieldClass)}"#
        }
        #expect(MetadataReader.classCode(fieldClass) == .nestedTooDeeply)
        let aliases = (1...80).map { level in
            #"{"type":"field-class-alias","name":"a\#(level)","field-class":{"type":"static-length-array","length":1,"#
                + #""element-field-class":"a\#(level - 1)"}}"#
        }
        let first = #"{"type":"field-class-alias","name":"a0","field-class":{"type":"null-terminated-string"}}"#
        #expect(MetadataReader.code(CTF2Texts.payload("", before: [first] + aliases)) == .nestedTooDeeply)
    }

    @Test func `aliases that stand for more and more fields cost nothing until they are refused`() {
        let first = #"{"type":"field-class-alias","name":"a0","field-class":{"type":"null-terminated-string"}}"#
        let aliases = (1...30).map { level in
            let members = (0..<10).map { CTF2Texts.member("m\($0)", #""a\#(level - 1)""#) }.joined(separator: ",")
            return #"{"type":"field-class-alias","name":"a\#(level)","field-class":{"type":"structure","#
                + #""member-classes":[\#(members)]}}"#
        }
        let before = [first] + aliases
        #expect(MetadataReader.code(CTF2Texts.payload("", before: before)) == nil)
        #expect(
            MetadataReader.code(CTF2Texts.payload(CTF2Texts.member("f", #""a30""#), before: before)) == .tooManyFields
        )
        #expect(MetadataReader.code(CTF2Texts.payload(CTF2Texts.member("f", #""a3""#), before: before)) == nil)
    }

    @Test func `locations that mean more and more fields are refused`() {
        // Each step leads into a variant of two structures that have the next one.
        var fieldClass = CTF2Texts.unsigned(8)
        for _ in 0..<12 {
            let inner = #"{"type":"structure","member-classes":[\#(CTF2Texts.member("v", fieldClass))]}"#
            fieldClass =
                #"{"type":"variant","selector-field-location":{"origin":"event-record-payload","path":["s"]},"#
                + #""options":[{"selector-field-ranges":[[0,0]],"field-class":\#(inner)},"#
                + #"{"selector-field-ranges":[[1,1]],"field-class":\#(inner)}]}"#
        }
        let path = [String](repeating: #""v""#, count: 13).joined(separator: ",")
        let text = #"{"type":"dynamic-length-string","length-field-location":{"path":[\#(path)]}}"#
        let others = CTF2Texts.member("s", CTF2Texts.unsigned(8)) + "," + CTF2Texts.member("v", fieldClass) + ","
        var limits = MetadataLimits()
        limits.fieldsMax = 20_000
        let metadata = CTF2Texts.payload(others + CTF2Texts.member("f", text))
        #expect(MetadataReader.code(metadata, limits: limits) == .tooManyFields)
    }

    @Test func `each count has a limit`() {
        var limits = MetadataLimits()
        limits.valuesMax = 10
        #expect(MetadataReader.code(CTF2Texts.userSpace, limits: limits) == .tooManyDeclarations)
        limits = MetadataLimits()
        limits.membersMax = 2
        #expect(MetadataReader.code(CTF2Texts.userSpace, limits: limits) == .tooManyFields)
        limits = MetadataLimits()
        limits.environmentEntriesMax = 2
        #expect(MetadataReader.code(CTF2Texts.userSpace, limits: limits) == .tooManyDeclarations)
        limits = MetadataLimits()
        limits.clocksMax = 0
        #expect(MetadataReader.code(CTF2Texts.userSpace, limits: limits) == .tooManyDeclarations)
        limits = MetadataLimits()
        limits.streamClassesMax = 0
        #expect(MetadataReader.code(CTF2Texts.userSpace, limits: limits) == .tooManyDeclarations)
        limits = MetadataLimits()
        limits.eventClassesMax = 0
        #expect(MetadataReader.code(CTF2Texts.userSpace, limits: limits) == .tooManyDeclarations)
    }
}
