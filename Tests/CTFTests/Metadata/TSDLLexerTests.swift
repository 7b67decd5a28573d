import CTF
import MetadataWriter
import Testing

/// Words, literals, comments, and the places of errors.
struct TSDLLexerTests {
    private static func name(_ literal: String) throws -> String? {
        try MetadataReader.trace(Texts.trace + "event { name = \(literal); };").streamClasses.first?.eventClasses.first?
            .name
    }

    @Test(arguments: [
        (#""plain""#, "plain"), (#""a\nb\tc\\d\"e""#, "a\nb\tc\\d\"e"), (#""\x41\x4a\x1b.""#, "AJ\u{1b}."),
        (#""\101\7\0612""#, "A\u{7}12"), (#""\a\b\v\f\r\?\'""#, "\u{7}\u{8}\u{b}\u{c}\r?'"),
        (#""/* no comment */ // {;""#, "/* no comment */ // {;"),
        ("\"über\"", "über"), ("word", "word"), ("event", "event"), ("a.b.c", "a.b.c"),
        ("\"two\nlines\"", "two\nlines"), (#""""#, ""),
    ])
    func `strings have escapes, and names may stand for them`(literal: String, text: String) throws {
        #expect(try Self.name(literal) == text)
    }

    @Test(arguments: [
        (#""\0""#, MetadataError.Code.invalidEscape), (#""\x""#, .invalidEscape), (#""\777""#, .invalidEscape),
        ("\"a\0b\"", .unexpectedCharacter),
        (#""abc" "def""#, .unexpectedToken), ("#", .unexpectedCharacter), ("''", .unexpectedCharacter),
        ("'ab'", .unexpectedCharacter),
    ])
    func `literals that make no sense are refused`(literal: String, code: MetadataError.Code) {
        #expect(MetadataReader.code(Texts.trace + "event { name = \(literal); };") == code)
    }

    private static func number(_ literal: String) throws -> EnvironmentEntry.Value? {
        try MetadataReader.trace(Texts.trace + "env { n = \(literal); };").environmentValue("n")
    }

    @Test(arguments: [
        ("0", 0), ("1234", 1234), ("+1234", 1234), ("-1234", -1234), ("0xABC234", 0xABC234), ("0Xff", 255),
        ("06534", 0o6534),
        ("-0x10", -16), ("5u", 5), ("5UL", 5), ("5ull", 5), ("'a'", 97), (#"'\n'"#, 10), (#"'\''"#, 39), ("'\"'", 34),
        ("- 3", -3), ("-0", 0),
        ("-9223372036854775808", Int64.min), ("9223372036854775807", Int64.max),
    ])
    func `numbers are decimal, octal, hexadecimal or characters`(literal: String, value: Int64) throws {
        #expect(try Self.number(literal) == .integer(value))
    }

    @Test(arguments: [
        "08", "0x", "12ab", "0xg", "1ulll", "18446744073709551616", "-9223372036854775809", "--1", "1.5", "0b1",
    ])
    func `numbers that are none are refused`(literal: String) {
        #expect(MetadataReader.code(Texts.trace + "env { n = \(literal); };") != nil)
    }

    @Test func `comments and any line ends may stand between words`() throws {
        let text = "/**/trace/* { */{// ; \"\r\nmajor=1;\rminor\u{b}=8;/***/byte_order=le;/* * / \" ' */}/*/ */;// end"
        #expect(try MetadataReader.trace(text).byteOrder == .littleEndian)
        let crlf = Texts.sample.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n")
        #expect(try MetadataReader.trace(crlf) == MetadataReader.trace(Texts.sample))
    }

    @Test func `a semicolon too many is nothing`() throws {
        #expect(try MetadataReader.trace(";;" + Texts.trace + ";").streamClasses.isEmpty)
    }

    @Test(arguments: [
        "trace {", "trace { major = 1; };;} ", "/* open", "trace { a = \"open", "typealias integer { size =",
        "trace { major = 1; minor = 8; byte_order = le; }", "}", "x;",
    ])
    func `text that is cut off or torn is refused`(text: String) {
        #expect(MetadataReader.code(text) != nil)
    }

    // MARK: - Places of errors

    private static func error(_ text: String) -> MetadataError? {
        do throws(MetadataError) {
            _ = try MetadataReader.read(text)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        ("trace { major = 1;\n  minor 8; };", 2, 9), ("/* a\nb */ trace\t{ # };", 2, 14),
        (Texts.trace + "event { name = e;\n fields := struct {\n  string a[n];\n }; };", 5, 12),
        (Texts.trace + "event { name = e;\n fields := struct { unknown a; }; };", 4, 21),
        (Texts.trace + "typealias integer {\n size = 8;\n align = 3; } := t;", 5, 2),
        (Texts.trace + "event { name = e; };\n\nevent { name = f; };", 5, 1),
    ])
    func `an error says where it is`(text: String, line: Int, column: Int) {
        let error = Self.error(text)
        #expect(error?.line == line && error?.column == column, "\(error?.description ?? "no error")")
    }

    @Test func `the place is that in all packets' text`() throws {
        let text = Array((Texts.trace + "event { name = e;\n wrong\n };").utf8)
        let plain = try #require(Self.error(String(decoding: text, as: UTF8.self)))
        for textBytes in [1, 10, 1000] {
            #expect(throws: plain) { try MetadataReader.read(PacketMaker().packets(text, textBytes: textBytes)) }
        }
    }

    @Test func `an error describes itself`() {
        #expect(
            Self.error("trace { major = 1;\n  minor 8; };")?.description
                == "metadata line 2, column 9: syntax error: expected `=` or `:=`, found `8`"
        )
        #expect(Self.error("")?.description == "metadata: there is no trace block")
        for code in MetadataError.Code.allCases {
            #expect(MetadataError(code, line: 0, column: 0).description.count > 20)
        }
    }
}
