import CTF
import MetadataWriter
import Testing

/// Text that means harm: it must be refused or read, and neither trap nor take long.
struct HostileMetadataTests {
    private static let sample = Array(Texts.sample.utf8)

    private static func survive(_ bytes: [UInt8]) {
        do throws(MetadataError) {
            _ = try MetadataReader.read(bytes)
        } catch {
            #expect(!error.description.isEmpty)
        }
    }

    @Test func `text that is cut anywhere is survived`() {
        for end in Self.sample.indices { Self.survive(Array(Self.sample[..<end])) }
    }

    @Test func `text without its beginning is survived`() {
        for start in stride(from: 0, to: Self.sample.count, by: 3) { Self.survive(Array(Self.sample[start...])) }
    }

    @Test func `packets that are cut or changed anywhere are survived`() {
        let packets = PacketMaker().packets(Array(Self.sample[..<400]), textBytes: 170)
        for index in packets.indices {
            Self.survive(Array(packets[..<index]))
            var changed = packets
            changed[index] ^= 0x81
            Self.survive(changed)
        }
    }

    @Test(arguments: 0..<8)
    func `mutations are survived`(seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        let words = Texts.sample.split(whereSeparator: { $0 == " " || $0 == "\n" }).map { Array($0.utf8) }
        let symbols = Array("{}[]<>;:=,.\"'\\/*-+0x\0\u{1}".utf8)
        for _ in 0..<150 {
            var text = Self.sample
            for _ in 0...random.next(below: 4) {
                let at = random.next(below: text.count)
                switch random.next(below: 5) {
                case 0: text[at] = UInt8(random.next(below: 256))
                case 1: text[at] = symbols[random.next(below: symbols.count)]
                case 2: text.removeSubrange(at..<min(text.count, at + 1 + random.next(below: 20)))
                case 3: text.insert(contentsOf: words[random.next(below: words.count)], at: at)
                default:
                    let piece = text[at..<min(text.count, at + random.next(below: 200))]
                    text.insert(contentsOf: piece, at: random.next(below: text.count))
                }
                if text.isEmpty { text = Self.sample }
            }
            Self.survive(text)
        }
    }

    // MARK: - Depth

    @Test(arguments: ["struct { ", "variant <a> { ", "enum : ", "struct { struct x { "])
    func `nesting has an end`(opening: String) {
        let text = String(repeating: opening, count: 100_000)
        #expect(MetadataReader.code(Texts.trace + text + ";") == .nestedTooDeeply)
    }

    @Test func `dimensions have an end`() {
        #expect(
            MetadataReader.payloadCode("string a" + String(repeating: "[1]", count: 100_000) + ";") == .nestedTooDeeply
        )
    }

    @Test func `names in names have an end`() {
        let chain = (1...100).map { "struct s\($0) { struct s\($0 - 1) x; };" }.joined()
        #expect(MetadataReader.code(Texts.trace + "struct s0 {};" + chain) == .nestedTooDeeply)
        let arrays = (1...100).map { "typedef t\($0 - 1) t\($0)[1];" }.joined()
        #expect(MetadataReader.code(Texts.trace + "typedef string t0;" + arrays) == .nestedTooDeeply)
        #expect(
            MetadataReader.payloadCode("string a[" + String(repeating: "a.", count: 100_000) + "a];")
                == .nestedTooDeeply
        )
    }

    @Test func `as deep as allowed is read`() throws {
        let depth = MetadataLimits().nestingMax - 2
        let members =
            String(repeating: "struct { ", count: depth) + "string s; " + String(repeating: "} x; ", count: depth)
        #expect(MetadataReader.payloadCode(members) == nil)
        #expect(MetadataReader.payloadCode("struct { \(members) } y;") == .nestedTooDeeply)
    }

    // MARK: - Size

    @Test func `names that stand for more and more fields cost nothing until they are refused`() {
        let chain = (1...30).map { level in
            "struct s\(level) {" + (0..<10).map { " struct s\(level - 1) m\($0);" }.joined() + " };"
        }
        let text = "struct s0 { string s; };" + chain.joined()
        #expect(MetadataReader.code(Texts.trace + text) == nil)
        #expect(MetadataReader.payloadCode("struct s30 x;", after: text) == .tooManyFields)
        #expect(MetadataReader.payloadCode("struct s3 x;", after: text) == nil)
    }

    @Test func `all scopes together have a limit`() {
        var limits = MetadataLimits()
        limits.fieldsMax = 50
        let types = "typealias integer { size = 8; } := u8; struct s { string a, b, c, d, e, f, g, h; };"
        let stream = "stream { event.header := struct { u8 id; }; };"
        let events = (0..<8).map { "event { name = e; id = \($0); fields := struct { struct s x; }; };" }
        #expect(MetadataReader.code(types + Texts.trace + stream + events[..<5].joined(), limits: limits) == nil)
        #expect(MetadataReader.code(types + Texts.trace + stream + events.joined(), limits: limits) == .tooManyFields)
    }

    @Test func `each count has a limit`() {
        var limits = MetadataLimits()
        limits.membersMax = 3
        #expect(MetadataReader.code("struct s { string a, b, c; };" + Texts.trace, limits: limits) == nil)
        #expect(MetadataReader.code("struct s { string a, b, c, d; };" + Texts.trace, limits: limits) == .tooManyFields)
        #expect(
            MetadataReader.code("struct s { string a; string b; string c; string d; };", limits: limits)
                == .tooManyFields
        )
        limits = MetadataLimits()
        limits.declarationsMax = 20
        let labels = (0..<20).map { "l\($0)" }.joined(separator: ",")
        #expect(
            MetadataReader.code(Texts.trace + "enum e : integer { size = 8; } { \(labels) };", limits: limits)
                == .tooManyDeclarations
        )
        #expect(
            MetadataReader.code(Texts.trace + String(repeating: "env { a = 1; };", count: 20), limits: limits)
                == .tooManyDeclarations
        )
        limits = MetadataLimits()
        limits.environmentEntriesMax = 2
        #expect(MetadataReader.code(Texts.trace + "env { a = 1; b = 2; a = 3; };", limits: limits) == nil)
        #expect(
            MetadataReader.code(Texts.trace + "env { a = 1; b = 2; c = 3; };", limits: limits) == .tooManyDeclarations
        )
        limits.clocksMax = 1
        #expect(
            MetadataReader.code(Texts.trace + "clock { name = a; }; clock { name = b; };", limits: limits)
                == .tooManyDeclarations
        )
        limits.eventClassesMax = 0
        #expect(MetadataReader.code(Texts.trace + "event { name = a; };", limits: limits) == .tooManyDeclarations)
        limits.streamClassesMax = 0
        #expect(MetadataReader.code(Texts.trace + "stream {};", limits: limits) == .tooManyDeclarations)
    }

    @Test func `arrays have a greatest length`() {
        #expect(MetadataReader.payloadCode("string a[16777216];") == nil)
        #expect(MetadataReader.payloadCode("string a[16777217];") == .arrayTooLong)
        #expect(MetadataReader.payloadCode("string a[18446744073709551615];") == .arrayTooLong)
        #expect(
            MetadataReader.payloadCode("string a[env.n];", after: "env { n = 9223372036854775807; };") == .arrayTooLong
        )
    }

    @Test func `text has a greatest length, in packets and plain`() {
        var limits = MetadataLimits()
        limits.textBytesMax = 100
        var reader = MetadataReader(limits: limits)
        #expect(throws: Never.self) { try reader.append([UInt8](repeating: 0x20, count: 100)) }
        #expect(throws: MetadataError(.textTooLong, line: 0, column: 0, subject: "more than 100 bytes")) {
            try reader.append([0x20])
        }
        #expect(reader.textBytes == 100)
        var other = MetadataReader(limits: limits)
        #expect(throws: MetadataError.self) {
            try other.append(PacketMaker().packets([UInt8](repeating: 0x20, count: 101), textBytes: 10))
        }
    }

    @Test func `a long declaration that comes in small pieces is looked at once`() throws {
        // With a second look at each piece this would take minutes.
        var reader = MetadataReader()
        try reader.append(Array((Texts.trace + "event { name = e; /* ").utf8))
        for _ in 0..<40_000 { try reader.append([0x2A, 0x20, 0x22]) }
        try reader.append(Array(" */ };".utf8))
        #expect(reader.traceClass?.streamClasses.first?.eventClasses.count == 1)
    }
}
