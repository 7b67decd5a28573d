import MetadataWriter
import Testing

@testable import CTF

/// Metadata that cannot be used yet, and what heals it.
struct GrowingMetadataTests {
    /// A declaration that names what a later one declares.
    struct Forward: CustomTestStringConvertible {
        var before: String
        var naming: String
        var declaring: String
        var code: MetadataError.Code
        var testDescription: String { naming }

        init(_ before: String, _ naming: String, _ declaring: String, _ code: MetadataError.Code) {
            self.before = before
            self.naming = naming
            self.declaring = declaring
            self.code = code
        }

        var pieces: [[UInt8]] { [before, naming, declaring].map { Array($0.utf8) } }
        var inOrder: [UInt8] { Array((before + declaring + naming).utf8) }
        var growing: [UInt8] { pieces.flatMap(\.self) }
    }

    private static func event(_ members: String) -> String {
        "event { name = e; fields := struct { \(members) }; };"
    }

    private static let trace = Texts.trace
    private static let stream = "stream { event.header := struct { integer { size = 8; } id; }; };"
    static let forwards: [Forward] = [
        Forward(trace, event("u8 x;"), "typealias integer { size = 8; } := u8;", .unknownType),
        Forward(trace, event("unsigned long x;"), "typealias integer { size = 64; } := unsigned long;", .unknownType),
        Forward(trace, event("struct s x;"), "struct s { string a; };", .unknownType),
        Forward(
            trace,
            event("enum : integer { size = 8; } { a } t; variant v <t> x;"),
            "variant v { string a; };",
            .unknownType
        ),
        Forward(trace, event("enum e x;"), "enum e : integer { size = 8; } { a };", .unknownType),
        Forward(trace, event("enum { a } x;"), "typealias integer { size = 8; } := int;", .unknownType),
        Forward(trace, "struct s { u8 a; };" + event("struct s x;"), "typedef integer { size = 8; } u8;", .unknownType),
        // The name that it gives itself is given back meanwhile.
        Forward(
            trace,
            "struct s { string a; } " + event("struct s x; u8 y;"),
            "typedef integer { size = 8; } u8;",
            .unknownType
        ),
        Forward(trace, event("string x[env.n];"), "env { n = 3; };", .environmentEntryNotFound),
        Forward(trace, event("integer { size = 8; map = clock.c.value; } x;"), "clock { name = c; };", .clockNotFound),
        Forward(
            trace + stream,
            "event { name = e; id = 1; fields := struct { integer { size = 8; map = clock.c.value; } x; }; };",
            "clock { name = c; };",
            .clockNotFound
        ),
        // A stream class that has been made up for an event is replaced only when the declared one can be read.
        Forward(
            trace + event("string x;"),
            "stream { packet.context := struct { integer { size = 64; map = clock.c.value; } timestamp_begin; }; };",
            "clock { name = c; };",
            .clockNotFound
        ),
    ]

    private static func errors(_ reader: inout MetadataReader, _ pieces: [[UInt8]]) -> [MetadataError.Code?] {
        pieces.map { piece in
            do throws(MetadataError) {
                try reader.append(piece)
                return nil
            } catch {
                return error.code
            }
        }
    }

    /// Reads pieces of a text, whatever they throw on the way.
    private static func grown(_ pieces: [[UInt8]]) -> TraceClass? {
        var reader = MetadataReader()
        _ = errors(&reader, pieces)
        return reader.traceClass
    }

    @Test(arguments: forwards)
    func `a declaration waits for what it names, and then is read`(forward: Forward) throws {
        var reader = MetadataReader()
        let pieces = [forward.pieces[0], forward.pieces[1], [0x20], forward.pieces[2], [0x20]]
        #expect(Self.errors(&reader, pieces) == [nil, forward.code, forward.code, nil, nil])
        #expect(reader.traceClass == (try MetadataReader.read(forward.inOrder)))
    }

    @Test(arguments: forwards)
    func `where a growing text is cut changes nothing`(forward: Forward) throws {
        let text = forward.growing + Array("event { name = late; id = 9; };".utf8)
        let whole = Self.grown([text])
        #expect(whole != nil)
        for index in text.indices {
            #expect(Self.grown([Array(text[..<index]), Array(text[index...])]) == whole, "cut at \(index)")
        }
        #expect(Self.grown(text.map { [$0] }) == whole)
    }

    @Test(arguments: forwards)
    func `a text that has ended is judged by the letter`(forward: Forward) throws {
        var reader = MetadataReader()
        _ = Self.errors(&reader, forward.pieces)
        do throws(MetadataError) {
            try reader.finish()
            Issue.record("a name before its declaration was accepted")
        } catch {
            #expect(error.code == forward.code)
        }
        #expect(MetadataReader.code(String(decoding: forward.inOrder, as: UTF8.self)) == nil)
    }

    @Test func `what was read before stays, and what comes behind is read meanwhile`() throws {
        var reader = MetadataReader()
        let text = [
            Self.trace + "stream { event.header := struct { integer { size = 8; } id; }; };",
            "event { name = a; id = 1; };",
            "event { name = b; id = 2; fields := struct { later x; }; }; event { name = c; id = 3; };",
            "event { name = d; id = 4; };",
            "typealias string := later;",
        ]
        #expect(Self.errors(&reader, text.map { Array($0.utf8) }) == [nil, nil, .unknownType, .unknownType, nil])
        #expect(reader.traceClass?.streamClasses.first?.eventClasses.map(\.name) == ["a", "c", "d", "b"])
    }

    @Test func `declarations that wait for each other are read in turn`() throws {
        let names = (0..<20).map { "struct s\($0) { struct s\($0 + 1) x; };" }
        var reader = MetadataReader()
        let pieces = [Self.trace + Self.event("struct s0 x;")] + names + ["struct s20 { string x; };"]
        let codes = Self.errors(&reader, pieces.map { Array($0.utf8) })
        #expect(codes == Array(repeating: .unknownType, count: 21) + [nil])
        #expect(reader.traceClass?.streamClasses.first?.eventClasses.count == 1)
    }

    @Test func `a fragment of CTF 2 waits for its alias, its clock and its stream class`() throws {
        let alias = #"{"type":"field-class-alias","name":"a","field-class":{"type":"null-terminated-string"}}"#
        let clock = #"{"type":"clock-class","id":"c","frequency":1}"#
        let stream = #"{"type":"data-stream-class","id":1,"default-clock-class-id":"c"}"#
        let event =
            #"{"type":"event-record-class","data-stream-class-id":1,"payload-field-class":{"type":"structure","#
            + #""member-classes":[{"name":"x","field-class":"a"}]}}"#
        let start = [CTF2Texts.preamble, #"{"type":"trace-class"}"#]
        func pieces(_ fragments: [String]) -> [[UInt8]] { fragments.map { CTF2Texts.sequence([$0]) } }
        var reader = MetadataReader()
        #expect(
            Self.errors(&reader, pieces(start + [stream, event, clock, alias]))
                == [nil, nil, .clockNotFound, .clockNotFound, .unknownType, nil]
        )
        let inOrder = start + [clock, stream, alias, event]
        #expect(reader.traceClass == (try MetadataReader.read(CTF2Texts.sequence(inOrder))))
        #expect(MetadataReader.code(CTF2Texts.sequence(start + [stream, event, clock, alias])) == .clockNotFound)
        let text = CTF2Texts.sequence(start + [stream, event, clock, alias])
        for index in text.indices {
            #expect(Self.grown([Array(text[..<index]), Array(text[index...])]) == reader.traceClass, "cut at \(index)")
        }
    }

    @Test func `an error that no later text can heal stays`() throws {
        var reader = MetadataReader()
        let pieces = [Self.trace, "event { name = e; fields := struct { 5 x; }; };", "event { name = f; };"]
        #expect(
            Self.errors(&reader, pieces.map { Array($0.utf8) }) == [nil, .unexpectedToken, .unexpectedToken]
        )
        #expect(reader.traceClass?.streamClasses.isEmpty == true)
    }

    // MARK: - Packets

    @Test func `behind a bad packet header, the next reply that begins with a packet goes on`() throws {
        let maker = PacketMaker()
        let good = maker.packet(Array(Self.trace.utf8))
        var bad = maker.packet(Array(Self.event("string lost;").utf8))
        bad[33] = 1
        let next = maker.packet(Array("event { name = next; };".utf8))
        let pieces = [good + bad + next, bad, Array("event { name = plain; };".utf8), [0x57], [0x57] + next, next]
        var reader = MetadataReader()
        #expect(
            Self.errors(&reader, pieces)
                == [
                    .packetEncrypted, .packetEncrypted, .packetEncrypted, .packetEncrypted, .packetEncrypted, nil,
                ]
        )
        #expect(reader.traceClass?.streamClasses.first?.eventClasses.map(\.name) == ["next"])
        try reader.finish()
    }

    @Test func `metadata that ends behind a bad packet header is refused`() throws {
        var reader = MetadataReader()
        var bad = PacketMaker().packet(Array(Self.trace.utf8))
        bad[32] = 1
        #expect(Self.errors(&reader, [PacketMaker().packet(Array(Self.trace.utf8)), bad]) == [nil, .packetCompressed])
        #expect {
            try reader.finish()
        } throws: {
            ($0 as? MetadataError)?.code == .packetCompressed
        }
    }

    @Test func `two halves of different declarations do not become one`() throws {
        let maker = PacketMaker()
        var bad = maker.packet(Array("string b; }; }; event { name = g; fields := struct { ".utf8))
        bad[34] = 1
        let start = maker.packet(Array((Self.trace + "event { name = e; fields := struct { string a; ").utf8))
        var reader = MetadataReader()
        let end = maker.packet(Array("string c; }; };".utf8))
        #expect(Self.errors(&reader, [start, bad, end]) == [nil, .packetChecksummed, .unexpectedToken])
        #expect(reader.traceClass?.streamClasses.isEmpty == true)
    }

    @Test func `behind what is missing, a declaration begins`() throws {
        let maker = PacketMaker()
        let start = maker.packet(Array((Self.trace + "event { name = e; fields := struct { /* ").utf8))
        var bad = maker.packet(Array("nothing".utf8))
        bad[34] = 1
        var reader = MetadataReader()
        let end = maker.packet(Array("event { name = whole; };".utf8))
        #expect(Self.errors(&reader, [start, bad, end]) == [nil, .packetChecksummed, nil])
        #expect(reader.traceClass?.streamClasses.first?.eventClasses.map(\.name) == ["whole"])
    }

    @Test func `fragments go on at the separator behind what is missing, where the text is cut changes nothing`() throws
    {
        let maker = PacketMaker()
        var bad = maker.packet(Array("nothing".utf8))
        bad[34] = 1
        let start =
            CTF2Texts.sequence([CTF2Texts.preamble, #"{"type":"trace-class"}"#]) + [0x1E] + Array(#"{"type":"#.utf8)
        let end =
            Array(#"" event", {"id": [{ "#.utf8) + CTF2Texts.sequence([#"{"type":"data-stream-class","id":7}"#])
        for textBytes in [1, 3, 10, 1000] {
            var reader = MetadataReader()
            let pieces = [maker.packets(start, textBytes: 40), bad, maker.packets(end, textBytes: textBytes)]
            #expect(Self.errors(&reader, pieces) == [nil, .packetChecksummed, nil])
            #expect(reader.traceClass?.streamClasses.map(\.id) == [7])
        }
    }

    // MARK: - Bounds

    @Test func `how many declarations may wait has a limit`() {
        var limits = MetadataLimits()
        limits.waitingDeclarationsMax = 2
        let waiting = (0..<2).map { "typedef t\($0) u\($0);" }.joined()
        #expect(MetadataReader.code(waiting + Self.trace, limits: limits) == .unknownType)
        #expect(MetadataReader.code(waiting + "typedef t3 u3;", limits: limits) == .tooManyDeclarations)
        #expect(MetadataReader.code("env { a = 1; }; env { b = 1; };" + Self.trace, limits: limits) == nil)
        #expect(
            MetadataReader.code("env { a = 1; }; env { b = 1; }; env { c = 1; };" + Self.trace, limits: limits)
                == .tooManyDeclarations
        )
    }

    @Test func `what is tried again is paid for by the text`() throws {
        var waiting = WaitingDeclarations(limits: MetadataLimits())
        let long = [UInt8](repeating: 0x20, count: 10_000)
        func error(_ name: Int) -> MetadataError {
            MetadataError(.unknownType, at: MetadataPosition(), missing: .type("\(name)"))
        }
        waiting.grew(by: long.count)
        try waiting.add(
            WaitingDeclarations.Declaration(text: long, position: MetadataPosition(), error: error(0)),
            lacking: .type("0")
        )
        var textBytes = long.count
        var triedBytes = 0
        // Each small declaration gives what the long one lacks, and then it lacks the next thing.
        for name in 0..<5_000 {
            waiting.grew(by: 10)
            textBytes += 10
            waiting.provide(.type("\(name)"))
            while var due = waiting.takeDue() {
                triedBytes += due.text.count
                due.error = error(name + 1)
                try waiting.add(due, lacking: .type("\(name + 1)"))
            }
            #expect(triedBytes <= 65_536 + 4 * textBytes)
        }
        #expect(triedBytes > 10 * long.count, "what is due is tried again once the text has grown enough")
    }

    @Test func `a long declaration that lacks one thing after the other costs its length a few times`() throws {
        // With a look at all of it for each of its names this would take minutes.
        let count = 3_000
        var reader = MetadataReader()
        let members = (0..<count).map { "t\($0) m\($0);" }.joined()
        #expect(Self.errors(&reader, [Array((Self.trace + "struct s { \(members) };").utf8)]) == [.unknownType])
        for number in 0..<count {
            #expect(throws: MetadataError.self) { try reader.append(Array("typedef string t\(number);".utf8)) }
        }
        #expect(reader.traceClass != nil)
    }

    @Test func `fields are paid for also where they lead to an error`() {
        var limits = MetadataLimits()
        limits.fieldsMax = 1_000
        let big = "struct s { " + (0..<100).map { "string a\($0)[2]; " }.joined() + "};"
        let naming = "struct s x; string y[env.n]; "
        let events = (0..<5).map { "event { name = e; id = \($0); fields := struct { \(naming) }; };" }.joined()
        let text = Self.trace + Self.stream + big + events
        #expect(MetadataReader.code(text, limits: limits) == .tooManyFields)
        limits.fieldsMax = 2_000
        #expect(MetadataReader.code(text, limits: limits) == .environmentEntryNotFound)
    }
}
