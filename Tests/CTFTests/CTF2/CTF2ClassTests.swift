import CTF
import Testing

/// Fragments and field classes, one by one.
struct CTF2ClassTests {
    private static func fieldClass(_ text: String, after others: String = "") throws -> FieldClass {
        try #require(try MetadataReader.ctf2Members(others + CTF2Texts.member("f", text)).last).fieldClass
    }

    // MARK: - Text

    private static func environment(_ entries: String) throws -> [EnvironmentEntry] {
        let trace = #"{"type":"trace-class","environment":{\#(entries)}}"#
        return try #require(try MetadataReader.read(CTF2Texts.sequence([CTF2Texts.preamble, trace]))).environment
    }

    private static func environmentCode(_ entries: String) -> MetadataError.Code? {
        let trace = #"{"type":"trace-class","environment":{\#(entries)}}"#
        return MetadataReader.code(CTF2Texts.sequence([CTF2Texts.preamble, trace]))
    }

    @Test func `strings have escapes`() throws {
        let entries = try Self.environment(#""a":"\"\\\/\b\f\n\r\t","b":"\u00e9\ud83d\ude00","c":"é😀""#)
        #expect(entries.map(\.name) == ["a", "b", "c"])
        #expect(entries[0].value == .text("\"\\/\u{8}\u{C}\n\r\t"))
        #expect(entries[1].value == .text("é😀") && entries[2].value == .text("é😀"))
    }

    @Test(arguments: [#"\x"#, #"\u12"#, #"\ud83d"#, #"\ud83d\u0041"#, #"\udc00"#, #"\u0000"#])
    func `bad escapes are refused`(escape: String) {
        #expect(Self.environmentCode(#""a":"\#(escape)""#) == .invalidEscape)
    }

    @Test(arguments: [Int64.min, -1, 0, 9_007_199_254_740_993, Int64.max] as [Int64])
    func `integers are exact`(value: Int64) throws {
        #expect(try Self.environment("\"a\":\(value)").first?.value == .integer(value))
    }

    @Test func `integers that do not fit are refused`() {
        #expect(Self.environmentCode(#""a":9223372036854775808"#) == .attributeValueInvalid)
        #expect(Self.environmentCode(#""a":18446744073709551616"#) == .numberTooLarge)
        #expect(Self.environmentCode(#""a":-9223372036854775809"#) == .numberTooLarge)
    }

    @Test(arguments: ["01", "-", "1.", ".5", "1e", "+1", "0x1"])
    func `what JSON does not take for a number is refused`(number: String) {
        #expect(Self.environmentCode("\"a\":\(number)") != nil)
    }

    @Test(arguments: ["1.0", "true", "null", "[]", "{}"])
    func `the environment has strings and integers only`(value: String) {
        #expect(Self.environmentCode("\"a\":\(value)") == .wrongKind)
    }

    @Test func `a property stands once`() {
        #expect(Self.environmentCode(#""a":1,"a":2"#) == .duplicateAttribute)
    }

    @Test func `bytes that are not UTF-8 are repaired`() throws {
        var text = CTF2Texts.sequence([CTF2Texts.preamble, #"{"type":"trace-class","environment":{"a":"x"}}"#])
        text[try #require(text.lastIndex(of: UInt8(ascii: "x")))] = 0xFF
        #expect(try MetadataReader.read(text)?.environment.first?.value == .text("\u{FFFD}"))
    }

    // MARK: - Fragments

    @Test(
        arguments: [
            ([#"{"type":"trace-class"}"#], .preambleMissing),
            ([#"{"type":"preamble","version":1}"#], .versionUnknown),
            ([CTF2Texts.preamble, CTF2Texts.preamble], .duplicateDeclaration),
            ([#"{"type":"preamble","version":2,"uuid":[1]}"#], .attributeValueInvalid),
            ([#"{"type":"preamble","version":2,"extensions":{"x":{"y":1}}}"#], .extensionUnknown),
            ([CTF2Texts.preamble], .traceMissing),
            ([CTF2Texts.preamble, #"{"type":"trace-class"}"#, #"{"type":"trace-class"}"#], .duplicateDeclaration),
            (
                [CTF2Texts.preamble, #"{"type":"data-stream-class"}"#, #"{"type":"trace-class"}"#],
                .duplicateDeclaration
            ),
            ([CTF2Texts.preamble, #"{"type":"data-stream-class","default-clock-class-id":"c"}"#], .clockNotFound),
            (
                [CTF2Texts.preamble, #"{"type":"data-stream-class"}"#, #"{"type":"data-stream-class","id":0}"#],
                .duplicateID
            ),
            (
                [CTF2Texts.preamble, #"{"type":"data-stream-class","packet-context-field-class":{"type":"variant"}}"#],
                .attributeMissing
            ),
            (
                [
                    CTF2Texts.preamble,
                    #"{"type":"trace-class","packet-header-field-class":{"type":"null-terminated-string"}}"#,
                ], .notAStructure
            ),
            ([CTF2Texts.preamble, clock("c"), clock("c")], .duplicateName),
            ([CTF2Texts.preamble, clock("c", frequency: 0)], .attributeValueInvalid),
            ([CTF2Texts.preamble, clock("c", more: #","origin":{"name":"b","uid":"c","x":1}"#)], .attributeUnknown),
            (
                [
                    CTF2Texts.preamble, #"{"type":"data-stream-class"}"#, #"{"type":"event-record-class","id":5}"#,
                    #"{"type":"event-record-class","id":5}"#,
                ], .duplicateID
            ), ([CTF2Texts.preamble, alias("a"), alias("a")], .duplicateName),
        ] as [([String], MetadataError.Code)]
    )
    func `bad fragments are refused`(fragments: [String], code: MetadataError.Code) {
        #expect(MetadataReader.code(CTF2Texts.sequence(fragments)) == code)
    }

    private static func clock(_ id: String, frequency: Int = 1, more: String = "") -> String {
        #"{"type":"clock-class","id":"\#(id)","frequency":\#(frequency)\#(more)}"#
    }

    private static func alias(_ name: String) -> String {
        #"{"type":"field-class-alias","name":"\#(name)","field-class":{"type":"null-terminated-string"}}"#
    }

    @Test func `between fragments there are separators and blanks only`() {
        let trace = Array(#"{"type":"trace-class"}"#.utf8)
        let preamble = Array(CTF2Texts.preamble.utf8)
        #expect(MetadataReader.code([0x1E, 0x1E, 0x20] + preamble + [0x0A, 0x1E] + trace) == nil)
        #expect(MetadataReader.code([0x1E] + preamble + trace) == .unexpectedCharacter)
        #expect(MetadataReader.code([0x1E] + preamble + [0x1E] + trace.dropLast() + [0x1E] + trace) == .unexpectedEnd)
        #expect(MetadataReader.code([0x1E] + preamble + [0x1E] + trace.dropLast()) == .unexpectedEnd)
        let cut = trace.prefix(12) + [0x1E] + trace.dropFirst(12)
        #expect(MetadataReader.code([0x1E] + preamble + [0x1E] + cut) == .unexpectedEnd, "a separator in a string")
    }

    @Test func `the magic number comes first, and has 32 bits`() {
        func header(_ members: [String]) -> MetadataError.Code? {
            let members = members.joined(separator: ",")
            let trace =
                #"{"type":"trace-class","packet-header-field-class":{"type":"structure","#
                + #""member-classes":[\#(members)]}}"#
            return MetadataReader.code(CTF2Texts.sequence([CTF2Texts.preamble, trace]))
        }
        let magic = CTF2Texts.member("m", CTF2Texts.unsigned(32, more: CTF2Texts.role("packet-magic-number")))
        let short = CTF2Texts.member("m", CTF2Texts.unsigned(16, more: CTF2Texts.role("packet-magic-number")))
        let other = CTF2Texts.member("o", CTF2Texts.unsigned(8))
        #expect(header([magic, other]) == nil)
        #expect(header([other, magic]) == .magicNotFirst)
        #expect(header([short]) == .attributeValueInvalid)
        let uuid = #"{"type":"static-length-blob","length":15,"roles":["metadata-stream-uuid"]}"#
        #expect(header([CTF2Texts.member("u", uuid)]) == .attributeValueInvalid)
    }

    @Test func `clocks have an offset, an origin and errors`() throws {
        func clock(_ more: String) throws -> ClockClass {
            let text = CTF2Texts.sequence([
                CTF2Texts.preamble, #"{"type":"clock-class","id":"c","frequency":1000\#(more)}"#,
                #"{"type":"data-stream-class","default-clock-class-id":"c"}"#,
            ])
            return try #require(try MetadataReader.read(text)?.clocks.first)
        }
        #expect(try clock("") == ClockClass(name: "c", frequencyHz: 1000))
        let full = try clock(
            #","namespace":"n","name":"x","uid":"u","precision":3,"accuracy":4,"description":"d","#
                + #""origin":{"namespace":"a","name":"b","uid":"c"},"offset-from-origin":{"seconds":-5,"cycles":7}"#
        )
        #expect(full.name == "x" && full.identity == ClassIdentity(namespace: "n", name: "x", uid: "u"))
        #expect(full.precisionCycles == 3 && full.accuracyCycles == 4 && full.description == "d")
        #expect(full.origin == ClassIdentity(namespace: "a", name: "b", uid: "c") && !full.originIsUnixEpoch)
        #expect(full.offsetSeconds == -5 && full.offsetCycles == 7)
        let carried = try clock(#","offset-from-origin":{"cycles":-1}"#)
        #expect(carried.offsetSeconds == -1 && carried.offsetCycles == 999)
        #expect(try clock(#","offset-from-origin":{"seconds":1,"cycles":2001}"#).offsetSeconds == 3)
        #expect(throws: MetadataError.self) {
            try clock(#","offset-from-origin":{"seconds":9223372036854775807,"cycles":2000}"#)
        }
        #expect(throws: MetadataError.self) { try clock(#","origin":"tai""#) }
        #expect(throws: MetadataError.self) { try clock(#","origin":{"name":"b"}"#) }
    }

    // MARK: - Field classes

    @Test func `bits are given an order`() throws {
        for (byteOrder, bitOrder, isReversed) in [
            ("little-endian", "first-to-last", false), ("little-endian", "last-to-first", true),
            ("big-endian", "first-to-last", true), ("big-endian", "last-to-first", false),
        ] {
            let text =
                #"{"type":"fixed-length-bit-array","length":9,"byte-order":"\#(byteOrder)","bit-order":"\#(bitOrder)"}"#
            let integer = try #require(try Self.fieldClass(text).integer)
            #expect(integer.isReversed == isReversed && integer.meaning == .bits && integer.alignmentBits == 1)
        }
    }

    @Test func `mappings keep their order and their signs`() throws {
        let text =
            #"{"type":"fixed-length-signed-integer","length":8,"byte-order":"big-endian","mappings":"#
            + #"{"z":[[-3,-1],[5,5]],"a":[[0,127]]}}"#
        let integer = try #require(try Self.fieldClass(text).integer)
        let minus3 = UInt64(bitPattern: -3)
        #expect(
            integer.mappings == [
                EnumerationMapping(
                    label: "z",
                    ranges: [
                        IntegerRange(lowerBits: minus3, upperBits: .max), IntegerRange(lowerBits: 5, upperBits: 5),
                    ]
                ), EnumerationMapping(label: "a", ranges: [IntegerRange(lowerBits: 0, upperBits: 127)]),
            ]
        )
    }

    @Test(
        arguments: [
            (#"{"type":"fixed-length-unsigned-integer","length":8}"#, .attributeMissing),
            (#"{"type":"fixed-length-unsigned-integer","length":8.0,"byte-order":"big-endian"}"#, .wrongKind),
            (#"{"type":"fixed-length-boolean","length":65,"byte-order":"big-endian"}"#, .attributeValueInvalid),
            (
                #"{"type":"fixed-length-floating-point-number","length":128,"byte-order":"big-endian"}"#,
                .attributeValueInvalid
            ),
            (
                #"{"type":"fixed-length-floating-point-number","length":48,"byte-order":"big-endian"}"#,
                .attributeValueInvalid
            ),
            (
                #"{"type":"variable-length-unsigned-integer","preferred-display-base":3}"#, .attributeValueInvalid
            ),
            (#"{"type":"fixed-length-bit-map","length":8,"byte-order":"big-endian","flags":{}}"#, .enumerationEmpty),
            (#"{"type":"variable-length-unsigned-integer","mappings":{"a":[]}}"#, .rangeInvalid),
            (
                #"{"type":"variable-length-signed-integer","mappings":{"a":[[0,9223372036854775808]]}}"#, .rangeInvalid
            ),
            (
                #"{"type":"structure","member-classes":[\#(CTF2Texts.member("m", CTF2Texts.unsigned(8))),"#
                    + #"\#(CTF2Texts.member("m", CTF2Texts.unsigned(8)))]}"#, .duplicateName
            ),
            (#"{"type":"variable-length-signed-integer","roles":["x"]}"#, .attributeUnknown),
            (#"{"type":"variable-length-unsigned-integer","mappings":{"a":[[2,1]]}}"#, .rangeInvalid),
            (#"{"type":"static-length-string","length":4,"encoding":"latin-1"}"#, .attributeValueInvalid),
            (#"{"type":"static-length-blob","length":99999999}"#, .arrayTooLong),
            (#"{"type":"structure","minimum-alignment":3}"#, .attributeValueInvalid),
            (#"{"type":"optional","field-class":{"type":"null-terminated-string"}}"#, .attributeMissing),
            (#"{"type":"unknown"}"#, .unknownType), (#""alias""#, .unknownType),
        ] as [(String, MetadataError.Code)]
    )
    func `bad classes are refused`(text: String, code: MetadataError.Code) {
        #expect(MetadataReader.classCode(text) == code)
    }

    @Test func `a selector chooses one option at most`() {
        func variant(_ first: String, _ second: String) -> MetadataError.Code? {
            let string = #"{"type":"null-terminated-string"}"#
            let options = [first, second].map { #"{"selector-field-ranges":\#($0),"field-class":\#(string)}"# }
            let text =
                #"{"type":"variant","selector-field-location":{"path":["s"]},"options":["#
                + options.joined(separator: ",") + "]}"
            return MetadataReader.classCode(text, after: CTF2Texts.member("s", CTF2Texts.unsigned(8)) + ",")
        }
        #expect(variant("[[0,3],[2,2]]", "[[4,5]]") == nil)
        #expect(variant("[[0,3],[9,9]]", "[[5,9]]") == .rangeInvalid)
        #expect(variant("[[0,100]]", "[[50,60]]") == .rangeInvalid)
        #expect(variant("[[3,1]]", "[[50,60]]") == .rangeInvalid, "a range that ends before it begins")
    }

    @Test func `options have names of their own, and there is one at least`() {
        func variant(_ options: [String]) -> MetadataError.Code? {
            let string = #"{"type":"null-terminated-string"}"#
            let options = options.enumerated().map {
                #"{"name":"\#($1)","selector-field-ranges":[[\#($0),\#($0)]],"field-class":\#(string)}"#
            }
            let text =
                #"{"type":"variant","selector-field-location":{"path":["s"]},"options":["#
                + options.joined(separator: ",") + "]}"
            return MetadataReader.classCode(text, after: CTF2Texts.member("s", CTF2Texts.unsigned(8)) + ",")
        }
        #expect(variant(["a", "b"]) == nil)
        #expect(variant(["a", "a"]) == .duplicateName)
        #expect(variant([]) == .attributeValueInvalid)
    }

    @Test(arguments: [(2, 2), (8, 8), (10, 10), (16, 16)]) func `numbers have a base`(written: Int, base: Int) throws {
        let text = #"{"type":"variable-length-unsigned-integer","preferred-display-base":\#(written)}"#
        #expect(try #require(try Self.fieldClass(text).integer).displayBase == base)
    }

    @Test(
        arguments: [
            ("utf-8", .utf8), ("utf-16be", .utf16BigEndian), ("utf-16le", .utf16LittleEndian),
            ("utf-32be", .utf32BigEndian), ("utf-32le", .utf32LittleEndian),
        ] as [(String, TextEncoding)]
    )
    func `strings have an encoding`(name: String, encoding: TextEncoding) throws {
        let text = #"{"type":"null-terminated-string","encoding":"\#(name)"}"#
        guard case .string(let string) = try Self.fieldClass(text) else {
            Issue.record("not a string")
            return
        }
        #expect(string.encoding == encoding)
    }

    @Test func `roles that mean nothing in their scope, or nothing to us, are left out`() throws {
        let roles = #","roles":["packet-total-length","made-up","event-record-class-id"]"#
        let number = try #require(try Self.fieldClass(CTF2Texts.unsigned(32, more: roles)).integer)
        #expect(number.roles == [])
    }

    @Test func `a timestamp updates no clock where the stream has none`() throws {
        let header =
            #""event-record-header-field-class":{"type":"structure","member-classes":["#
            + CTF2Texts.member("t", CTF2Texts.unsigned(64, more: CTF2Texts.role("default-clock-timestamp"))) + "]}"
        func roles(_ clocks: [String], _ id: String) throws -> FieldRoles? {
            let text = CTF2Texts.sequence(
                [CTF2Texts.preamble] + clocks + [#"{"type":"data-stream-class",\#(id)\#(header)}"#]
            )
            let stream = try #require(try MetadataReader.read(text)?.streamClasses.first)
            return stream.eventHeader?.members.first?.fieldClass.integer?.roles
        }
        #expect(try roles([], "") == [])
        #expect(try roles([Self.clock("c")], #""default-clock-class-id":"c","#) == .defaultClockTimestamp)
    }
}
