import CTF
import Feed
import HandmadeTraces
import Rendering
import Testing

/// Text of hand-made fields, as babeltrace2 2.0.4 prints the same bytes.
struct FieldTextTests {
    private func text(
        _ fields: String,
        _ bytes: [UInt8],
        context: String = "",
        types: String = "",
        _ change: (inout TextOptions) -> Void = { _ in }
    ) throws -> String {
        let metadata = """
            trace { major = 1; minor = 8; byte_order = le; };
            typealias integer { size = 8; align = 8; signed = false; } := u8;
            \(types)
            stream { event.header := struct { }; };
            event { name = "ev"; id = 0; \(context) \(fields.isEmpty ? "" : "fields := struct { \(fields) };") };
            """
        let trace = try HandmadeTrace(metadata)
        var options = RenderingOptions()
        change(&options.text)
        let group = EventGroup([try trace.slice(bytes, events: 1)], order: [(0, 1)])
        return try rendered(FeedBatch(records: [.events(group)]), options).text
    }

    private func integer(_ name: String, size: Int, isSigned: Bool, base: Int) -> String {
        let align = size % 8 == 0 ? 8 : 1
        return "integer { size = \(size); align = \(align); signed = \(isSigned); base = \(base); } \(name);"
    }

    @Test(arguments: [
        (2, "{ a = 0b11001000, b = 0b0000000000000000, c = 0b11001000, d = 0b1111111111111111 }"),
        (8, "{ a = 0310, b = 00, c = 0710, d = 0777777 }"),
        (10, "{ a = 200, b = 0, c = -56, d = -1 }"),
        (16, "{ a = 0xC8, b = 0x0, c = 0xC8, d = 0xFFFF }"),
    ])
    func `integers in each base`(base: Int, expected: String) throws {
        let fields = [("a", 8, false), ("b", 16, false), ("c", 8, true), ("d", 16, true)]
            .map { integer($0.0, size: $0.1, isSigned: $0.2, base: base) }
        #expect(try text(fields.joined(), [200, 0, 0, 200, 0xFF, 0xFF]) == "ev: \(expected)\n")
    }

    @Test(arguments: [
        (2, "{ s1 = 0b1, s2 = 0b10, s3 = 0b011, s5 = 0b10111, s7 = 0b1110000, s6 = 0b111111 }"),
        (8, "{ s1 = 07, s2 = 06, s3 = 03, s5 = 067, s7 = 0760, s6 = 077 }"),
        (16, "{ s1 = 0xF, s2 = 0xE, s3 = 0x3, s5 = 0xF7, s7 = 0xF0, s6 = 0xFF }"),
    ])
    func `negative bit fields are as wide as their digits`(base: Int, expected: String) throws {
        let fields = [1, 2, 3, 5, 7, 6].map { integer("s\($0)", size: $0, isSigned: true, base: base) }
        #expect(try text(fields.joined(), [0b1101_1101, 0b1000_0101, 0b1111_1111]) == "ev: \(expected)\n")
    }

    @Test func `enumerations show all labels, or that there is none`() throws {
        let types = """
            typealias enum : u8 { A = 1, B = 1 ... 5, "C d" = 3, A = 7, "q\\"uo\\te\\n" = 9 } := many;
            typealias enum : integer { size = 16; align = 8; signed = true; base = 16; } { NEG = -5 ... -1, Z } := few;
            """
        let fields = "many e0; many e1; many e2; many e3; many e4; few e5; few e6;"
        let expected = [
            #"e0 = ( "A", "B" : container = 1 )"#, #"e1 = ( "B", "C d" : container = 3 )"#,
            #"e2 = ( "A" : container = 7 )"#, #"e3 = ( "q\"uo\te\n" : container = 9 )"#,
            #"e4 = ( <unknown> : container = 200 )"#, #"e5 = ( "NEG" : container = 0xFFFD )"#,
            #"e6 = ( "Z" : container = 0x0 )"#,
        ].joined(separator: ", ")
        let bytes = [1, 3, 7, 9, 200] + little(Int16(-3)) + little(Int16(0))
        #expect(try text(fields, bytes, types: types) == "ev: { \(expected) }\n")
    }

    @Test func `a label in two ranges shows once, and ranges may cross zero`() throws {
        let types = """
            typealias enum : u8 { A = 1 ... 5, B = 2, A = 3, A = 3 ... 4 } := twice;
            typealias enum : integer { size = 8; align = 8; signed = true; } { M = -2 ... 2, N = -3 } := apart;
            typealias enum : integer { size = 8; align = 8; signed = true; } { M = -2 ... 2, "O" = 1 } := lapping;
            """
        let expected = """
            ev: { ( "A" : container = 3 ), ( "M" : container = -1 ), ( "N" : container = -3 ), \
            ( "M", "O" : container = 1 ), ( "A", "B" : container = 2 ), ( <unknown> : container = 3 ) }

            """
        let fields = "twice a; apart b; apart c; lapping d; twice e; apart f;"
        #expect(try text(fields, [3, 0xFF, 0xFD, 1, 2, 3], types: types) { $0.names = [] } == expected)
    }

    private let nest = """
        struct { struct { string s; } in; u8 a; } out[2]; u8 arr[2][3];
        integer { size = 8; align = 8; signed = false; encoding = UTF8; } txt[4]; struct { } emp; u8 none[0];
        enum : u8 { _a = 0, b = 1 } tag; variant <tag> { struct { u8 x; } _a; string b; } v;
        """
    private let nestBytes: [UInt8] =
        [0x78, 0, 1, 0x79, 0, 2] + [1, 2, 3, 4, 5, 255] + [0x61, 0x3F, 0, 0x63] + [0, 5]

    @Test func `nested values`() throws {
        let expected = """
            ev: { out = [ [0] = { in = { s = "x" }, a = 1 }, [1] = { in = { s = "y" }, a = 2 } ], \
            arr = [ [0] = [ [0] = 1, [1] = 2, [2] = 3 ], [1] = [ [0] = 4, [1] = 5, [2] = 255 ] ], txt = "a\\?", \
            emp = { }, none = [ ], tag = ( "_a" : container = 0 ), v = { { x = 5 } } }

            """
        #expect(try text(nest, nestBytes) == expected)
    }

    @Test func `nested values without names`() throws {
        let expected = """
            ev: event.fields = { [ { { "x" }, 1 }, { { "y" }, 2 } ], [ [ 1, 2, 3 ], [ 4, 5, 255 ] ], "a\\?", { }, [ ], \
            ( "_a" : container = 0 ), { { 5 } } }

            """
        #expect(try text(nest, nestBytes) { $0.names = .scope } == expected)
    }

    @Test func `scopes that are there and scopes that are not`() throws {
        let context = "context := struct { u8 c; };"
        #expect(try text("", [], context: context.replacing("u8 c; ", with: "")) == "ev: { }\n")
        #expect(try text("u8 a;", [7, 8], context: context) == "ev: { c = 7 }, { a = 8 }\n")
        #expect(
            try text("u8 a;", [7, 8], context: context) { $0.names = .payload } == "ev: { 7 }, { a = 8 }\n"
        )
        #expect(try text("", [7], context: context) == "ev: { c = 7 }\n")
    }

    @Test func `floats`() throws {
        let types = "typealias floating_point { exp_dig = 11; mant_dig = 53; align = 8; } := double;"
        let values: [Double] = [0.0, -0.0, 0.1, 999_999.5, 1e-5, 1e22, -123_456.5, .nan, -.infinity]
        let bytes = values.flatMap { little($0.bitPattern) }
        let names = values.indices.map { "double d\($0);" }.joined()
        #expect(
            try text(names, bytes, types: types) { $0.names = [] }
                == "ev: { 0, -0, 0.1, 1e+06, 1e-05, 1e+22, -123456, nan, -inf }\n"
        )
    }
}
