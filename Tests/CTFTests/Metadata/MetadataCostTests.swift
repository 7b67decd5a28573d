import CTF
import Testing

/// What a short text may cost: memory and time are in proportion to it.
struct MetadataCostTests {
    private static func limits(fieldsFree: Int) -> MetadataLimits {
        var limits = MetadataLimits()
        limits.fieldsFree = fieldsFree
        return limits
    }

    private static func event(_ members: String) -> String {
        "event { name = e; fields := struct { \(members) }; };"
    }

    @Test func `fields that are written out are paid for by their text`() {
        let members = (0..<2000).map { "string a\($0); " }.joined()
        #expect(MetadataReader.code(Texts.trace + Self.event(members), limits: Self.limits(fieldsFree: 0)) == nil)
    }

    @Test func `fields that a name stands for are free up to a limit`() {
        let types = "struct s { string a, b, c, d, e, f, g, h; }; struct t { struct s a, b, c, d, e, f, g, h; };"
        let text = Texts.trace + types + Self.event("struct t a, b;")
        #expect(MetadataReader.code(text, limits: Self.limits(fieldsFree: 150)) == nil)
        #expect(MetadataReader.code(text, limits: Self.limits(fieldsFree: 100)) == .tooManyFields)
    }

    @Test func `text that comes later pays for what comes after it`() {
        let types = "struct s { string a, b, c, d, e, f, g, h; };"
        let comment = "/*" + String(repeating: "*", count: 200) + "*/"
        for (between, code) in [("", MetadataError.Code.tooManyFields), (comment, nil)] {
            let text = Texts.trace + types + between + Self.event("struct s a, b, c, d;")
            #expect(MetadataReader.code(text, limits: Self.limits(fieldsFree: 10)) == code)
        }
    }

    @Test func `looking for a location is paid for at each structure on the way`() {
        // The member is in the outermost structure; those in between have one that leads far, and then nowhere.
        let deep = "struct d0 { string y; };" + (1...20).map { "struct d\($0) { struct d\($0 - 1) a; };" }.joined()
        let right =
            "typealias integer { size = 8; } := u8; struct g0 { u8 x; };"
            + (1...20).map { "struct g\($0) { struct g\($0 - 1) a; };" }.joined()
        let path = String(repeating: "a.", count: 21) + "x"
        let levels =
            "struct l0 { struct d20 a; u8 q[\(path)], r[\(path)], s[\(path)], t[\(path)]; };"
            + (1...20).map { "struct l\($0) { struct d20 a; struct l\($0 - 1) z; };" }.joined()
        let text = Texts.trace + deep + right + levels + Self.event("struct g20 a; struct l20 z;")
        #expect(MetadataReader.code(text) == nil)
        #expect(MetadataReader.code(text, limits: Self.limits(fieldsFree: 1200)) == .tooManyFields)
    }

    @Test func `ranges that are used again and again are paid for`() {
        let labels = Array(repeating: "l", count: 500).joined(separator: ",")
        let variants = (0..<20).map { "variant <t> { string l; } v\($0);" }.joined()
        let tsdl = Texts.trace + Self.event("enum : integer { size = 16; } { \(labels) } t; \(variants)")
        #expect(MetadataReader.code(tsdl) == nil)
        #expect(MetadataReader.code(tsdl, limits: Self.limits(fieldsFree: 5000)) == .tooManyFields)

        let ranges = (0..<500).map { "[\($0),\($0)]" }.joined(separator: ",")
        let selector = #""selector-field-location":{"path":["t"]}"#
        let string = #"{"type":"null-terminated-string"}"#
        let variant =
            #"{"type":"variant",\#(selector),"options":[{"selector-field-ranges":[\#(ranges)],"#
            + #""field-class":\#(string)}]}"#
        let optional =
            #"{"type":"optional",\#(selector),"selector-field-ranges":[\#(ranges)],"field-class":\#(string)}"#
        for fieldClass in [variant, optional] {
            let alias = #"{"type":"field-class-alias","name":"a","field-class":\#(fieldClass)}"#
            let members =
                [CTF2Texts.member("t", CTF2Texts.unsigned(16))] + (0..<20).map { CTF2Texts.member("v\($0)", #""a""#) }
            let text = CTF2Texts.payload(members.joined(separator: ","), before: [alias])
            #expect(MetadataReader.code(text) == nil)
            #expect(MetadataReader.code(text, limits: Self.limits(fieldsFree: 5000)) == .tooManyFields)
        }
    }

    @Test func `long names that are used again and again are paid for`() {
        let name = String(repeating: "n", count: 4000)
        let uses = (0..<200).map { "struct s m\($0);" }.joined()
        let tsdl = Texts.trace + "struct s { string \(name); };" + Self.event(uses)
        let options = #"[{"name":"\#(name)","selector-field-ranges":[[1,1]],"field-class":"#
        let string = #"{"type":"null-terminated-string"}"#
        let fieldClasses = [
            #"{"type":"structure","member-classes":[\#(CTF2Texts.member(name, string))]}"#,
            #"{"type":"variant","selector-field-location":{"path":["t"]},"options":\#(options)\#(string)}]}"#,
        ]
        let members =
            [CTF2Texts.member("t", CTF2Texts.unsigned(8))] + (0..<200).map { CTF2Texts.member("m\($0)", #""a""#) }
        let ctf2 = fieldClasses.map { fieldClass in
            let alias = #"{"type":"field-class-alias","name":"a","field-class":\#(fieldClass)}"#
            return CTF2Texts.payload(members.joined(separator: ","), before: [alias])
        }
        for text in [Array(tsdl.utf8)] + ctf2 {
            #expect(MetadataReader.code(text) == nil)
            #expect(MetadataReader.code(text, limits: Self.limits(fieldsFree: 1000)) == .tooManyFields)
        }
    }

    @Test func `names have a greatest length`() {
        let (longest, tooLong) = (String(repeating: "n", count: 4096), String(repeating: "n", count: 4097))
        #expect(MetadataReader.payloadCode("string \(longest);") == nil)
        #expect(MetadataReader.payloadCode("string \(tooLong);") == .nameTooLong)
        #expect(MetadataReader.code(Texts.trace + "clock { name = \"\(longest)\"; };") == nil)
        #expect(MetadataReader.code(Texts.trace + "clock { name = \"\(tooLong)\"; };") == .nameTooLong)
        let string = #"{"type":"null-terminated-string"}"#
        #expect(MetadataReader.code(CTF2Texts.payload(CTF2Texts.member(longest, string))) == nil)
        #expect(MetadataReader.code(CTF2Texts.payload(CTF2Texts.member(tooLong, string))) == .nameTooLong)
        let located = #"{"type":"dynamic-length-string","length-field-location":{"path":["\#(tooLong)"]}}"#
        #expect(MetadataReader.code(CTF2Texts.payload(CTF2Texts.member("s", located))) == .nameTooLong)
    }

    @Test func `what a message is about is cut`() {
        let path = Array(repeating: String(repeating: "p", count: 1000), count: 60).joined(separator: ".")
        let error = #expect(throws: MetadataError.self) {
            try MetadataReader.read(Texts.trace + Self.event("string a[\(path)];"))
        }
        #expect(error?.code == .locationInvalid)
        #expect((error?.subject.utf8.count ?? .max) < 600)
    }

    @Test func `one fragment of CTF 2 has a greatest number of values`() {
        var limits = MetadataLimits()
        limits.fragmentValuesMax = 40
        let fragment =
            #"{"type":"trace-class","attributes":{"a":[\#(Array(repeating: "1", count: 20).joined(separator: ","))]}}"#
        let more = fragment.replacing("[1", with: "[" + String(repeating: "1,", count: 20) + "1")
        #expect(MetadataReader.code(CTF2Texts.sequence([CTF2Texts.preamble, fragment]), limits: limits) == nil)
        #expect(
            MetadataReader.code(CTF2Texts.sequence([CTF2Texts.preamble, more]), limits: limits) == .tooManyDeclarations
        )
    }
}
