import CTF
import Testing

/// Names and labels whose bytes differ are different, though strings may call them equal.
@Suite struct ExactNameTests {
    /// `é`, as one character and as two.
    private static let (one, two) = ("\u{E9}", "e\u{301}")

    private static func payload(_ traceClass: TraceClass?) -> [StructureClass.Member] {
        traceClass?.streamClasses.first?.eventClasses.first?.payload?.members ?? []
    }

    private static func labels(_ member: StructureClass.Member) -> [[UInt8]] {
        guard case .integer(let integer) = member.fieldClass else { return [] }
        return integer.mappings?.map { Array($0.label.utf8) } ?? []
    }

    private let both = [Array(one.utf8), Array(two.utf8)]

    @Test func `labels of TSDL are told apart by their bytes`() throws {
        let enumeration = #"enum : integer { size = 8; } { "\#(Self.one)" = 1, "\#(Self.two)" = 2 } e;"#
        let members = Self.payload(
            try MetadataReader.read(Texts.trace + "event { name = e; fields := struct { \(enumeration) }; };")
        )
        #expect(members.map(Self.labels) == [both])
    }

    @Test func `clocks of TSDL are told apart by their bytes`() throws {
        let clocks = [Self.one, Self.two].map { #"clock { name = "\#($0)"; };"# }.joined()
        #expect(try MetadataReader.read(Texts.trace + clocks)?.clocks.map { Array($0.name.utf8) } == both)
    }

    @Test func `labels, members and aliases of CTF 2 are told apart by their bytes`() throws {
        let mappings = #","mappings":{"\#(Self.one)":[[1,1]],"\#(Self.two)":[[2,2]]}"#
        let aliases = [Self.one, Self.two].enumerated().map { index, name in
            let fieldClass = CTF2Texts.unsigned(index == 0 ? 8 : 16, more: mappings)
            return #"{"type":"field-class-alias","name":"\#(name)","field-class":\#(fieldClass)}"#
        }
        let names = [Self.one, Self.two]
        let members = names.map { CTF2Texts.member($0, #""\#($0)""#) }.joined(separator: ",")
        let payload = Self.payload(try MetadataReader.read(CTF2Texts.payload(members, before: aliases)))
        #expect(payload.map { Array($0.name.utf8) } == both)
        #expect(payload.map(Self.labels) == [both, both])
        #expect(payload.map { $0.fieldClass.integer?.sizeBits } == [8, 16])
    }

    @Test func `clocks and options of CTF 2 are told apart by their bytes`() throws {
        let names = [Self.one, Self.two]
        let clocks = names.map { #"{"type":"clock-class","id":"\#($0)","frequency":1000}"# }
        let options = names.enumerated().map { index, name in
            let string = #"{"type":"null-terminated-string"}"#
            return #"{"name":"\#(name)","selector-field-ranges":[[\#(index),\#(index)]],"field-class":\#(string)}"#
        }
        let variant =
            #"{"type":"variant","selector-field-location":{"path":["t"]},"options":["#
            + options.joined(separator: ",") + "]}"
        let members = [CTF2Texts.member("t", CTF2Texts.unsigned(8)), CTF2Texts.member("v", variant)]
        let traceClass = try MetadataReader.read(
            CTF2Texts.payload(members.joined(separator: ","), before: clocks)
        )
        #expect(traceClass?.clocks.map { Array($0.name.utf8) } == both)
    }

    @Test(arguments: [0, 10])
    func `a location means the member with its bytes`(others: Int) throws {
        // A structure with many members is indexed, one with few is not.
        let more = (0..<others).map { CTF2Texts.member("o\($0)", CTF2Texts.unsigned(8)) }
        let location = #"{"path":["\#(Self.two)"]}"#
        let string = #"{"type":"dynamic-length-string","length-field-location":\#(location)}"#
        let members =
            more + [
                CTF2Texts.member(Self.one, CTF2Texts.unsigned(8)), CTF2Texts.member(Self.two, CTF2Texts.unsigned(8)),
                CTF2Texts.member("s", string),
            ]
        let text = CTF2Texts.payload(members.joined(separator: ","))
        let program = try TraceProgram(try #require(try MetadataReader.read(text)))
        let decoded = try DecodedPacket(program, [UInt8](repeating: 0, count: others) + [1, 2] + Array("ab".utf8))
        #expect(decoded.keys.count == 1 && decoded.error == nil)
    }

    @Test func `texts are equal when all of their bytes are`() {
        for count in 0...20 {
            let text = String(repeating: "n", count: count)
            #expect(ExactText(text) == ExactText(String(text.reversed())))
            #expect(ExactText(text) != ExactText(text + "n"))
            for place in 0..<count {
                var other = Array(text.utf8)
                other[place] = UInt8(ascii: "m")
                #expect(ExactText(text) != ExactText(String(decoding: other, as: UTF8.self)))
            }
        }
        #expect(Self.one == Self.two && ExactText(Self.one) != ExactText(Self.two))
    }
}
