import CTF
import Testing

/// Integers, floats, strings, enumerations, structures, variants, arrays, and their names.
struct TSDLTypeTests {
    private static let byte = "typealias integer { size = 8; } := u8; typedef string s;\n"

    // MARK: - Integers

    @Test(arguments: [(8, 8), (64, 8), (16, 8), (1, 1), (27, 1), (63, 1)])
    func `an integer of whole bytes is aligned to a byte, another one to a bit`(size: Int, alignment: Int) throws {
        let integer = try #require(
            try MetadataReader.payload("integer { size = \(size); } a;").first?.fieldClass.integer
        )
        #expect(integer.sizeBits == UInt32(size))
        #expect(integer.alignmentBits == UInt32(alignment))
        #expect(!integer.isSigned && integer.displayBase == 10 && integer.encoding == nil && integer.mappings == nil)
    }

    @Test(arguments: [
        ("", ByteOrder.littleEndian), ("byte_order = native;", .littleEndian), ("byte_order = le;", .littleEndian),
        ("byte_order = be;", .bigEndian), ("byte_order = network;", .bigEndian),
    ])
    func `byte orders are native, little, big or that of the network`(attribute: String, order: ByteOrder) throws {
        let members = try MetadataReader.payload(
            "integer { size = 16; \(attribute) } a; floating_point { exp_dig = 8; mant_dig = 24; \(attribute) } b;"
        )
        #expect(members[0].fieldClass.integer?.byteOrder == order)
        #expect(members[1].fieldClass == .float(FloatClass(sizeBits: 32, alignmentBits: 8, byteOrder: order)))
    }

    @Test func `the native byte order holds for types that stand before the trace block`() throws {
        let text =
            "typealias integer { size = 32; } := u32; "
            + "trace { packet.header := struct { u32 stream_id; }; byte_order = be; major = 1; minor = 8; };"
        let header = try #require(try MetadataReader.trace(text).packetHeader)
        #expect(header.members[0].fieldClass.integer?.byteOrder == .bigEndian)
    }

    @Test(arguments: [
        ("2", 2), ("b", 2), ("binary", 2), ("8", 8), ("o", 8), ("oct", 8), ("octal", 8), ("10", 10), ("d", 10),
        ("dec", 10), ("decimal", 10), ("i", 10), ("u", 10), ("16", 16), ("x", 16), ("X", 16), ("p", 16), ("hex", 16),
        ("hexadecimal", 16),
    ])
    func `bases are numbers or words`(base: String, value: UInt8) throws {
        let member = try MetadataReader.payload("integer { size = 8; base = \(base); } a;")[0]
        #expect(member.fieldClass.integer?.displayBase == value)
    }

    @Test(arguments: [
        "size = 0", "size = 65", "size = -8", "size = \"8\"", "size = x", "align = 0", "align = 3", "align = -8",
        "align = \"8\"", "align = 4294967296", "signed = maybe", "signed = 2", "byte_order = iroquois",
        "byte_order = 5", "base = 7", "base = \"y\"", "encoding = true", "map = 3",
    ])
    func `an attribute value that makes no sense is refused`(attribute: String) {
        let size = attribute.hasPrefix("size") ? "" : "size = 8;"
        #expect(MetadataReader.payloadCode("integer { \(size) \(attribute); } a;") == .attributeValueInvalid)
    }

    @Test func `an integer needs a size`() {
        #expect(MetadataReader.payloadCode("integer { align = 8; } a;") == .attributeMissing)
        #expect(MetadataReader.payloadCode("integer a;") == .attributeMissing)
    }

    @Test func `an attribute is given once, and unknown ones are ignored`() throws {
        #expect(MetadataReader.payloadCode("integer { size = 8; size = 8; } a;") == .duplicateAttribute)
        let member = try MetadataReader.payload("integer { size = 8; colour = red; colour = -3; wet = \"no\"; } a;")[0]
        #expect(member.fieldClass.integer?.sizeBits == 8)
    }

    // MARK: - Floats and strings

    @Test func `floats have 32 or 64 bits`() throws {
        let members = try MetadataReader.payload(
            "floating_point { exp_dig = 8; mant_dig = 24; align = 1; } a;"
                + "floating_point { mant_dig = 53; exp_dig = 11; } b;"
        )
        #expect(members[0].fieldClass == .float(FloatClass(sizeBits: 32, alignmentBits: 1)))
        #expect(members[1].fieldClass == .float(FloatClass(sizeBits: 64, alignmentBits: 8)))
        #expect(
            MetadataReader.payloadCode("floating_point { exp_dig = 5; mant_dig = 11; } a;") == .attributeValueInvalid
        )
        #expect(MetadataReader.payloadCode("floating_point { exp_dig = 8; } a;") == .attributeMissing)
    }

    @Test func `strings are UTF-8 or ASCII`() throws {
        let members = try MetadataReader.payload(
            "string a; string { encoding = ASCII; } b; string { encoding = \"utf-8\"; } c;"
                + " string { encoding = none; } d;"
        )
        #expect(members.map(\.fieldClass) == [.utf8, .ascii, .utf8, .utf8].map { .string(StringClass(encoding: $0)) })
    }

    @Test func `an array of characters is a text, unless their encoding is none`() throws {
        let members = try MetadataReader.payload(
            "integer { size = 8; encoding = UTF8; } a[4]; integer { size = 8; encoding = none; } b[4];"
                + " integer { size = 8; align = 16; encoding = UTF8; } c[4];"
                + " integer { size = 8; align = 4; encoding = UTF8; } d[4];"
        )
        #expect(members[0].fieldClass.array?.textEncoding == .utf8)
        #expect(members[1].fieldClass.array?.textEncoding == nil)
        #expect(members[2...].allSatisfy { $0.fieldClass.array?.textEncoding == nil }, "with gaps, or across bytes")
    }

    // MARK: - Enumerations

    private static func mappings(_ labels: String, of integer: String = "integer { size = 8; }") throws -> [String] {
        let member = try MetadataReader.payload("enum : \(integer) { \(labels) } e;")[0]
        let mappings = try #require(member.fieldClass.integer?.mappings)
        return mappings.map { mapping in
            mapping.label
                + mapping.ranges.map { " \(Int64(bitPattern: $0.lowerBits))...\(Int64(bitPattern: $0.upperBits))" }
                .joined()
        }
    }

    @Test func `a label without value gets the one after the last upper bound`() throws {
        let mappings = try Self.mappings("a, b, c = 7, d, e = 10 ... 20, f, g = -3, h")
        #expect(
            mappings == [
                "a 0...0", "b 1...1", "c 7...7", "d 8...8", "e 10...20", "f 21...21", "g -3...-3", "h -2...-2",
            ]
        )
    }

    @Test func `ranges may overlap, and a label may have several`() throws {
        #expect(
            try Self.mappings("a = 1 ... 5, b = 5, a = 9 ... 17, c = 0 ... 100,") == [
                "a 1...5 9...17", "b 5...5", "c 0...100",
            ]
        )
    }

    @Test func `labels are quoted or words, with all their underscores`() throws {
        #expect(
            try Self.mappings(#""two words", _x, __y, "\"", struct"#) == [
                "two words 0...0", "_x 1...1", "__y 2...2", "\" 3...3", "struct 4...4",
            ]
        )
    }

    @Test func `values may have all 64 bits`() throws {
        #expect(
            try Self.mappings("a = 0xffffffffffffffff, b = 0", of: "integer { size = 64; }") == [
                "a -1...-1", "b 0...0",
            ]
        )
        let signed = "integer { size = 64; signed = true; }"
        #expect(
            try Self.mappings("a = -9223372036854775808, b", of: signed) == [
                "a \(Int64.min)...\(Int64.min)", "b \(Int64.min + 1)...\(Int64.min + 1)",
            ]
        )
    }

    @Test func `an enumeration without type is an int`() throws {
        let alias = "typealias integer { size = 3; } := int;"
        let member = try MetadataReader.payload("enum { a } e;", after: alias)[0]
        #expect(member.fieldClass.integer?.sizeBits == 3)
        #expect(MetadataReader.payloadCode("enum { a } e;") == .unknownType)
        #expect(MetadataReader.payloadCode("enum { a } e;", after: "typealias string := int;") == .notAnInteger)
    }

    @Test(arguments: [
        ("enum : u8 {} e;", MetadataError.Code.enumerationEmpty), ("enum : u8 { a = b } e;", .unexpectedToken),
        ("enum : u8 { a = 5 ... 4 } e;", .rangeInvalid),
        ("enum : u8 { a = 18446744073709551615, b } e;", .numberTooLarge),
        ("enum : u8 { a = -9223372036854775809 } e;", .numberTooLarge), ("enum : s { a } e;", .notAnInteger),
        ("enum : u8 { 3 } e;", .unexpectedToken), ("enum : u8 { a b } e;", .unexpectedToken),
    ])
    func `an enumeration that makes no sense is refused`(text: String, code: MetadataError.Code) {
        #expect(MetadataReader.payloadCode(text, after: Self.byte) == code)
    }

    // MARK: - Structures

    @Test func `a structure may ask for an alignment, even an empty one`() throws {
        let members = try MetadataReader.payload("struct { string s; } align(64) a; struct {} align(8) b; struct {} c;")
        #expect(members.map { $0.fieldClass.structure?.minimumAlignmentBits } == [64, 8, 1])
        #expect(members.map { $0.fieldClass.structure?.members.count } == [1, 0, 0])
    }

    @Test(arguments: ["align(0)", "align(3)", "align(-16)"])
    func `an alignment is a power of two`(alignment: String) {
        #expect(MetadataReader.payloadCode("struct {} \(alignment) a;") == .attributeValueInvalid)
    }

    @Test func `one leading underscore is for the text only`() throws {
        let members = try MetadataReader.payload("string a; string _b; string __c; string _;")
        #expect(members.map(\.name) == ["a", "b", "_c", ""])
        #expect(members.map(\.metadataName) == ["a", "_b", "__c", "_"])
    }

    @Test func `names clash with and without their underscore`() {
        #expect(MetadataReader.payloadCode("string a; string a;") == .duplicateName)
        #expect(MetadataReader.payloadCode("string str; string _str;") == .duplicateName)
        // Where the structure is used, that is: readers show it then.
        #expect(MetadataReader.code(Texts.trace + "struct s { string a; string _a; };") == nil)
    }

    @Test func `keywords may be names of members`() throws {
        let members = try MetadataReader.payload("string event; u8 stream, align; u8 trace[2];", after: Self.byte)
        #expect(members.map(\.name) == ["event", "stream", "align", "trace"])
    }

    // MARK: - Arrays

    @Test(arguments: ["3", "0x3", "03", "3u", "3ULL", "+3"])
    func `lengths are numbers in any base`(length: String) throws {
        #expect(try MetadataReader.payload("string a[\(length)];")[0].fieldClass.array?.length == .constant(3))
    }

    @Test func `the first length is that of the outer array`() throws {
        let outer = try #require(try MetadataReader.payload("string a[2][3];")[0].fieldClass.array)
        #expect(outer.length == .constant(2))
        #expect(outer.element.array?.length == .constant(3))
    }

    @Test func `arrays of named arrays are arrays of arrays`() throws {
        let outer = try #require(
            try MetadataReader.payload("row a[2];", after: "typedef string row[3];")[0].fieldClass.array
        )
        #expect(outer.length == .constant(2))
        #expect(outer.element.array?.length == .constant(3))
    }

    @Test func `a length may be an entry of the environment`() throws {
        let environment = "env { length = 5; text = \"5\"; less = -1; };"
        let member = try MetadataReader.payload("string a[env.length];", after: environment)[0]
        #expect(member.fieldClass.array?.length == .constant(5))
        for name in ["env.text", "env.less", "env", "env.length.more"] {
            #expect(MetadataReader.payloadCode("string a[\(name)];", after: environment) == .locationInvalid, "\(name)")
        }
    }

    @Test(arguments: ["", "\"x\"", "-1", "1.5", "1 2", ".a", "a."])
    func `a length that is none is refused`(length: String) {
        #expect(MetadataReader.payloadCode("string a[\(length)];") != nil)
    }

    // MARK: - Names of types

    @Test func `types have names of one word or several`() throws {
        let declarations = "typealias integer { size = 64; } := unsigned long; typedef unsigned long word_t, pair_t[2];"
        let members = try MetadataReader.payload("unsigned long a; word_t b; pair_t c;", after: declarations)
        #expect(members[0].fieldClass.integer?.sizeBits == 64)
        #expect(members[1].fieldClass.integer?.sizeBits == 64)
        #expect(members[2].fieldClass.array?.length == .constant(2))
    }

    @Test func `a name must be declared before it is used`() {
        #expect(MetadataReader.payloadCode("t a;") == .unknownType)
        #expect(MetadataReader.payloadCode("struct t a;") == .unknownType)
        #expect(MetadataReader.payloadCode("variant t <a> b;") == .unknownType)
        #expect(MetadataReader.payloadCode("enum t b;") == .unknownType)
        let forward = "struct a { struct b x; }; struct b { string y; };"
        #expect(MetadataReader.code(Texts.trace + forward) == .unknownType)
        // Nor can a structure hold itself.
        #expect(MetadataReader.code(Texts.trace + "struct a { struct a x; };") == .unknownType)
    }

    @Test func `names live in their block and hide those outside`() throws {
        let members = try MetadataReader.payload(
            "typealias integer { size = 16; } := t; struct { typealias integer { size = 32; } := t; t a; } x; t b;",
            after: "typealias integer { size = 8; } := t;"
        )
        #expect(members[0].fieldClass.structure?.members[0].fieldClass.integer?.sizeBits == 32)
        #expect(members[1].fieldClass.integer?.sizeBits == 16)
        #expect(MetadataReader.payloadCode("struct { typedef string t; } x; t y;") == .unknownType)
    }

    @Test func `structures, variants, enumerations and aliases have name spaces of their own`() throws {
        let declarations =
            "struct n { string s; }; enum n : integer { size = 8; } { s }; variant n { string s; }; typedef string n;"
        let members = try MetadataReader.payload("struct n a; enum n b; variant n <b> c; n d;", after: declarations)
        #expect(members[0].fieldClass.structure != nil)
        #expect(members[1].fieldClass.integer?.mappings?.count == 1)
        #expect(members[2].fieldClass.variant?.options.count == 1)
        #expect(members[3].fieldClass == .string(StringClass()))
    }

    @Test func `a name is declared once in a block`() {
        #expect(MetadataReader.code(Texts.trace + "typedef string t; typedef string t;") == .duplicateDeclaration)
        #expect(MetadataReader.code(Texts.trace + "struct t {}; struct t {};") == .duplicateDeclaration)
    }

    @Test(arguments: ["integer", "struct", "event", "stream", "clock", "string", "env", "variant"])
    func `a reserved word names no type`(word: String) {
        #expect(MetadataReader.code(Texts.trace + "typealias string := \(word);") == .reservedName)
    }

    @Test func `types may be declared in every block`() throws {
        let text = """
            trace {
                typedef string t1; major = 1; minor = 8; byte_order = le;
                packet.header := struct { typedef string h; t1 a; h b; };
            };
            stream { typedef string s1; packet.context := struct { s1 a; }; event.context := struct { s1 b; }; };
            event { name = e; typedef string e1; context := struct { e1 a; }; fields := struct { e1 b; }; };
            """
        let trace = try MetadataReader.trace(text)
        #expect(trace.packetHeader?.members.count == 2)
        #expect(MetadataReader.code(text + "event { name = f; fields := struct { e1 a; }; };") == .unknownType)
    }

    @Test func `the semicolon behind a named type may be missing`() throws {
        let members = try MetadataReader.payload(
            "struct b x;",
            after: "struct a { string s; } struct b { struct a s; };"
        )
        #expect(members[0].fieldClass.structure?.members[0].fieldClass.structure != nil)
    }
}
