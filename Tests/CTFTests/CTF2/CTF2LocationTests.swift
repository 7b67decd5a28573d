import CTF
import Testing

/// What lengths and selectors may refer to.
struct CTF2LocationTests {
    private static func text(_ path: String, origin: String = "") -> String {
        #"{"type":"dynamic-length-string","length-field-location":{\#(origin)"path":[\#(path)]}}"#
    }

    private static let payload = #""origin":"event-record-payload","#

    private static func structure(_ members: String...) -> String {
        #"{"type":"structure","member-classes":[\#(members.joined(separator: ","))]}"#
    }

    private static func variant(_ selector: String, _ options: [String]) -> String {
        let options = options.enumerated().map {
            #"{"selector-field-ranges":[[\#($0),\#($0)]],"field-class":\#($1)}"#
        }
        return #"{"type":"variant","selector-field-location":{"path":[\#(selector)]},"options":["#
            + options.joined(separator: ",") + "]}"
    }

    private static let byte = CTF2Texts.unsigned(8)

    private static func member(_ name: String, _ fieldClass: String) -> String { CTF2Texts.member(name, fieldClass) }

    private static func location(_ members: String...) throws -> FieldLocation? {
        try MetadataReader.ctf2Members(members.joined(separator: ",")).last?.fieldClass.neededLocation
    }

    private static func code(_ members: String...) -> MetadataError.Code? {
        MetadataReader.code(CTF2Texts.payload(members.joined(separator: ",")))
    }

    @Test func `a path leads from the structure around or from a scope's root`() throws {
        let expected = FieldLocation(scope: .eventPayload, path: ["s", "n"])
        let outer = Self.member("s", Self.structure(Self.member("n", Self.byte)))
        #expect(try Self.location(outer, Self.member("t", Self.text(#""s","n""#))) == expected)
        #expect(try Self.location(outer, Self.member("t", Self.text(#""s","n""#, origin: Self.payload))) == expected)
        #expect(
            try Self.location(outer, Self.member("t", Self.text(#""s",null,"s","n""#))) == expected,
            "up and down again"
        )
    }

    @Test func `a path may lead into the element, the option and the optional being read`() throws {
        let inner = Self.structure(
            Self.member("n", Self.byte),
            Self.member("t", Self.text(#""a","n""#, origin: Self.payload))
        )
        let array = #"{"type":"static-length-array","length":2,"element-field-class":\#(inner)}"#
        #expect(Self.code(Self.member("a", array)) == nil)
        #expect(Self.code(Self.member("s", Self.byte), Self.member("a", Self.variant(#""s""#, [inner]))) == nil)
        let optional =
            #"{"type":"optional","selector-field-location":{"path":["s"]},"selector-field-ranges":[[1,1]],"#
            + #""field-class":\#(inner)}"#
        #expect(Self.code(Self.member("s", Self.byte), Self.member("a", optional)) == nil)
        let outside = Self.member("t", Self.text(#""a","n""#))
        #expect(Self.code(Self.member("a", array), outside) == .locationInvalid, "which element?")
    }

    @Test func `a path into a variant that has been read means a field of each option`() throws {
        let options = [
            Self.structure(Self.member("n", Self.byte)),
            Self.structure(Self.member("x", Self.byte), Self.member("n", Self.byte)),
        ]
        let location = try Self.location(
            Self.member("s", Self.byte),
            Self.member("v", Self.variant(#""s""#, options)),
            Self.member("t", Self.text(#""v","n""#))
        )
        #expect(
            location
                == FieldLocation(scope: .eventPayload, path: ["v", "0", "n"], otherPaths: [["v", "1", "n"]])
        )
        #expect(
            Self.code(
                Self.member("s", Self.byte),
                Self.member("v", Self.variant(#""s""#, [options[0], Self.structure()])),
                Self.member("t", Self.text(#""v","n""#))
            ) == .locationInvalid,
            "an option without it"
        )
    }

    @Test(
        arguments: [
            (#""n""#, "itself or later"), (#"null,"s""#, "out of the scope"), (#""s","x""#, "not there"),
            (#""i""#, "signed"), (#""b""#, "a boolean"), (#""g""#, "a structure"), (#""i","x""#, "through a number"),
        ]
    )
    func `what cannot be a length is refused`(path: String, why: String) {
        let code = Self.code(
            Self.member("s", Self.byte),
            Self.member("i", #"{"type":"variable-length-signed-integer"}"#),
            Self.member("b", #"{"type":"fixed-length-boolean","length":8,"byte-order":"little-endian"}"#),
            Self.member("g", Self.structure()),
            Self.member("t", Self.text(path)),
            Self.member("n", Self.byte)
        )
        #expect(code == .locationInvalid, "\(why)")
    }

    @Test(
        arguments: [
            ("[]", .attributeValueInvalid), ("[null]", .attributeValueInvalid),
            (#"["a",null]"#, .attributeValueInvalid),
            (#""a""#, .wrongKind), ("[1]", .wrongKind), (#"["a"],"x":1"#, .attributeUnknown),
        ] as [(String, MetadataError.Code)]
    )
    func `a path is a list of names that ends with one`(path: String, code: MetadataError.Code) {
        let text = #"{"type":"dynamic-length-string","length-field-location":{"path":\#(path)}}"#
        #expect(Self.code(Self.member("a", Self.byte), Self.member("t", text)) == code)
    }

    @Test func `lengths and selectors may stand in the packet header`() throws {
        let header =
            #"{"type":"trace-class","packet-header-field-class":"# + Self.structure(Self.member("n", Self.byte)) + "}"
        let text = Self.member("t", Self.text(#""n""#, origin: #""origin":"packet-header","#))
        let member = try #require(try MetadataReader.ctf2Members(text, before: [header]).last)
        #expect(member.fieldClass.neededLocation == FieldLocation(scope: .packetHeader, path: ["n"]))
    }

    @Test func `optionals are selected by booleans, or by integers with ranges`() throws {
        let boolean = #"{"type":"fixed-length-boolean","length":1,"byte-order":"little-endian"}"#
        let signed = #"{"type":"variable-length-signed-integer"}"#
        func optional(_ selector: String, _ ranges: String) throws -> OptionalClass? {
            let text =
                #"{"type":"optional","selector-field-location":{"path":["s"]}\#(ranges),"field-class":\#(Self.byte)}"#
            let members = try MetadataReader.ctf2Members(
                Self.member("s", selector) + "," + Self.member("o", text)
            )
            guard case .optional(let optional)? = members.last?.fieldClass else { return nil }
            return optional
        }
        let ranges = #","selector-field-ranges":[[-2,-1]]"#
        #expect(
            try optional(boolean, "")?.selectorRanges == [IntegerRange(lowerBits: 1, upperBits: .max)]
        )
        let bySign = try #require(try optional(signed, ranges))
        #expect(bySign.selectorIsSigned)
        #expect(bySign.selectorRanges == [IntegerRange(lowerBits: UInt64(bitPattern: -2), upperBits: .max)])
        #expect(try optional(Self.byte, ranges)?.selectorRanges == [], "no unsigned number is negative")
        #expect(throws: MetadataError.self) { try optional(boolean, ranges) }
        #expect(throws: MetadataError.self) { try optional(signed, "") }
    }

    @Test func `scopes that come later or are not there are refused`() {
        let text = Self.text(#""n""#, origin: #""origin":"event-record-payload","#)
        let stream =
            #"{"type":"data-stream-class","packet-context-field-class":"# + Self.structure(Self.member("t", text)) + "}"
        #expect(MetadataReader.code(CTF2Texts.sequence([CTF2Texts.preamble, stream])) == .locationInvalid)
        #expect(
            Self.code(Self.member("t", Self.text(#""n""#, origin: #""origin":"packet-header","#))) == .locationInvalid
        )
    }
}
