import CTF
import Testing

/// Lengths of sequences, tags of variants, and what they refer to.
struct TSDLLocationTests {
    private static let types =
        "typealias integer { size = 8; } := u8; typealias integer { size = 8; signed = true; } := i8;\n"

    /// The location of the payload's member `name`, a sequence or variant, however deep it stands.
    private static func location(of name: String, in members: String) throws -> [String] {
        let payload = try MetadataReader.payload(members, after: types)
        let found = try #require(find(name, in: .structure(StructureClass(members: payload))))
        #expect(found.scope == .eventPayload)
        return found.path
    }

    private static func find(_ name: String, in fieldClass: FieldClass) -> FieldLocation? {
        let members: [StructureClass.Member]
        switch fieldClass {
        case .structure(let structure): members = structure.members
        case .variant(let variant): members = variant.options.map(\.member)
        case .array(let array): return find(name, in: array.element)
        default: return nil
        }
        for member in members {
            if member.name == name {
                if case .field(let location)? = member.fieldClass.array?.length { return location }
                if let variant = member.fieldClass.variant { return variant.selector }
            }
            if let location = find(name, in: member.fieldClass) { return location }
        }
        return nil
    }

    private static func code(_ members: String) -> MetadataError.Code? {
        MetadataReader.payloadCode(members, after: types)
    }

    // MARK: - Where they are found

    @Test func `a location is looked for in the structure itself`() throws {
        #expect(try Self.location(of: "s", in: "u8 n; string s[n];") == ["n"])
        #expect(try Self.location(of: "s", in: "struct { u8 n; } x; string s[x.n];") == ["x", "n"])
        #expect(try Self.location(of: "s", in: "struct { u8 n; string s[n]; } x;") == ["x", "n"])
    }

    @Test func `then in the structures around it, the innermost first`() throws {
        #expect(try Self.location(of: "s", in: "u8 n; struct { struct { string s[n]; } y; } x;") == ["n"])
        #expect(try Self.location(of: "s", in: "u8 n; struct { u8 n; struct { string s[n]; } y; } x;") == ["x", "n"])
        // What stands behind is passed by.
        #expect(try Self.location(of: "s", in: "u8 n; struct { string s[n]; u8 n; } x;") == ["n"])
        // A first name that leads nowhere is, too.
        #expect(try Self.location(of: "s", in: "struct { u8 n; } a; struct { u8 a; string s[a.n]; } x;") == ["a", "n"])
    }

    @Test func `names are those of the text`() throws {
        #expect(try Self.location(of: "s", in: "u8 __n; string _s[__n];") == ["__n"])
        #expect(Self.code("u8 _n; string s[n];") == .locationInvalid)
    }

    @Test func `arrays on the way need no name, options do`() throws {
        #expect(try Self.location(of: "s", in: "struct { u8 n; string s[n]; } x[3];") == ["x", "n"])
        #expect(
            try Self.location(of: "s", in: "enum : u8 { a } t; variant <t> { struct { u8 n; string s[n]; } a; } v;")
                == ["v", "a", "n"]
        )
        #expect(try Self.location(of: "s", in: "struct { u8 n; string s[event.fields.x.n]; } x[3][4];") == ["x", "n"])
    }

    @Test func `a sequence of sequences may have two lengths`() throws {
        let payload = try MetadataReader.payload("u8 n; u8 m; string s[n][m];", after: Self.types)
        let outer = try #require(payload[2].fieldClass.array)
        #expect(outer.length == .field(FieldLocation(scope: .eventPayload, path: ["n"])))
        #expect(outer.element.array?.length == .field(FieldLocation(scope: .eventPayload, path: ["m"])))
    }

    @Test func `a named type's locations are looked for where it is used`() throws {
        let declarations = Self.types + "struct s { string q[n]; };"
        let payload = try MetadataReader.payload(
            "u8 n; struct s x; struct { u8 n; struct s y; } z;",
            after: declarations
        )
        let structure = FieldClass.structure(StructureClass(members: payload))
        #expect(Self.find("q", in: structure)?.path == ["n"])
        #expect(Self.find("q", in: try #require(payload.last?.fieldClass))?.path == ["z", "n"])
        #expect(MetadataReader.payloadCode("struct s x;", after: declarations) == .locationInvalid)
    }

    @Test(arguments: [
        "string s[n];", "string s[n]; u8 n;", "string s[s];", "string s[x.n]; struct { u8 n; } x;",
        "struct { string s[x.n]; u8 n; } x;", "struct { string s[x]; } x;", "u8 n; string s[n.m];",
        "u8 n; string s[event.fields];", "string s[event.fields.n]; u8 n;", "string s[event.context.n];",
        "struct { u8 n; } x[3]; string s[x.n];",
        "enum : u8 { a } t; variant <t> { struct { u8 n; } a; } v; string s[v.a.n];",
        "enum : u8 { a, b } t; variant <t> { u8 a; string b[v.a]; } v;",
    ])
    func `a location of which the value is not known is refused`(members: String) {
        #expect(Self.code(members) == .locationInvalid)
    }

    @Test func `a length is an unsigned integer, or an enumeration`() throws {
        #expect(Self.code("i8 n; string s[n];") == .locationInvalid)
        #expect(Self.code("string n; string s[n];") == .locationInvalid)
        #expect(Self.code("u8 n[2]; string s[n];") == .locationInvalid)
        #expect(try Self.location(of: "s", in: "enum : u8 { a } n; string s[n];") == ["n"])
        #expect(Self.code("enum : i8 { a } n; string s[n];") == .locationInvalid)
    }

    // MARK: - Absolute locations

    @Test func `any scope that is read before can be named`() throws {
        let text =
            Self.types + """
                trace { major = 1; minor = 8; byte_order = le; packet.header := struct { u8 n; }; };
                stream {
                    packet.context := struct { u8 n; string s[trace.packet.header.n]; };
                    event.header := struct { struct { u8 n; } v; string s[stream.packet.context.n]; };
                    event.context := struct { u8 n; string s[stream.event.header.v.n]; };
                };
                event {
                    name = e;
                    context := struct { u8 n; string s[stream.event.context.n]; };
                    fields := struct { u8 n; string s[event.context.n]; string t[event.fields.n];
                        string u[trace.packet.header.n]; };
                };
                """
        let stream = try #require(try MetadataReader.trace(text).streamClasses.first)
        let event = try #require(stream.eventClasses.first)
        let locations = [
            stream.packetContext, stream.eventHeader, stream.eventCommonContext, event.specificContext, event.payload,
        ]
        .flatMap { $0?.members ?? [] }.compactMap { member -> FieldLocation? in
            if case .field(let location)? = member.fieldClass.array?.length { location } else { nil }
        }
        #expect(
            locations.map(\.scope) == [
                .packetHeader, .packetContext, .eventHeader, .eventCommonContext, .eventSpecificContext, .eventPayload,
                .packetHeader,
            ]
        )
        #expect(locations.map(\.path) == [["n"], ["n"], ["v", "n"], ["n"], ["n"], ["n"], ["n"]])
    }

    @Test func `a scope that is read later, or is not there, is refused`() {
        let stream =
            "stream { packet.context := struct { string s[stream.event.header.n]; };"
            + " event.header := struct { u8 n; }; };"
        #expect(MetadataReader.code(Texts.trace + Self.types + stream) == .locationInvalid)
        #expect(Self.code("string s[stream.event.context.n];") == .locationInvalid)
    }

    // MARK: - Variants

    private static func ranges(_ members: String) throws -> [[IntegerRange]] {
        let payload = try MetadataReader.payload(members, after: types)
        return try #require(payload.last?.fieldClass.variant).options.map(\.selectorRanges)
    }

    private static func range(_ lower: Int64, _ upper: Int64) -> IntegerRange {
        IntegerRange(lowerBits: UInt64(bitPattern: lower), upperBits: UInt64(bitPattern: upper))
    }

    @Test func `an option is chosen by the ranges of its label`() throws {
        let ranges = try Self.ranges("enum : i8 { a = -2 ... -1, b = 3, a = 9 } t; variant <t> { u8 b; string a; } v;")
        #expect(ranges == [[Self.range(3, 3)], [Self.range(-2, -1), Self.range(9, 9)]])
    }

    @Test func `labels match options by the names of the text`() throws {
        let ranges = try Self.ranges("enum : u8 { _a, b } t; variant <t> { u8 _a; u8 _b; } v;")
        #expect(ranges == [[Self.range(0, 0)], []])
        let payload = try MetadataReader.payload("enum : u8 { _a } t; variant <t> { u8 _a; } v;", after: Self.types)
        #expect(payload[1].fieldClass.variant?.options.map(\.member.name) == ["a"])
        #expect(payload[0].fieldClass.integer?.mappings?.map(\.label) == ["_a"])
    }

    @Test func `a tag is an enumeration, whose sign the selector has`() throws {
        let payload = try MetadataReader.payload(
            "enum : i8 { a } t; variant <t> { u8 a; } v; enum : u8 { a } w; variant <w> { u8 a; } x;",
            after: Self.types
        )
        #expect(payload[1].fieldClass.variant?.selectorIsSigned == true)
        #expect(payload[3].fieldClass.variant?.selectorIsSigned == false)
        #expect(Self.code("u8 t; variant <t> { u8 a; } v;") == .locationInvalid)
        #expect(Self.code("string t; variant <t> { u8 a; } v;") == .locationInvalid)
    }

    @Test func `a named variant gets its tag where it is used`() throws {
        let declarations = Self.types + "variant v { u8 a; string b; };"
        let payload = try MetadataReader.payload("enum : u8 { b, a } t; variant v <t> x;", after: declarations)
        let variant = try #require(payload[1].fieldClass.variant)
        #expect(variant.options.map(\.selectorRanges) == [[Self.range(1, 1)], [Self.range(0, 0)]])
        #expect(MetadataReader.payloadCode("variant v x;", after: declarations) == .variantWithoutTag)
    }

    @Test func `a variant in a variant has the nearest tag`() throws {
        let members = """
            enum : u8 { a, b } t;
            variant <t> {
                struct { enum : u8 { c } t; variant <t> { string c; } w; } a;
                struct { variant <t> { u8 a; string b; } x; } b;
            } v;
            """
        #expect(try Self.location(of: "w", in: members) == ["v", "a", "t"])
        #expect(try Self.location(of: "x", in: members) == ["t"])
    }

    @Test(arguments: [
        "variant <> { u8 a; } v;", "variant <2> { u8 a; } v;", "variant <\"t\"> { u8 a; } v;",
        "variant <.t> { u8 a; } v;",
    ])
    func `a tag is a name`(member: String) {
        #expect(Self.code("enum : u8 { a } t; \(member)") == .unexpectedToken)
    }

    @Test func `an option's name is used once`() {
        #expect(Self.code("enum : u8 { a } t; variant <t> { u8 a; string a; } v;") == .duplicateName)
        #expect(Self.code("enum : u8 { a } t; variant <t> { u8 a; string _a; } v;") == .duplicateName)
    }
}
