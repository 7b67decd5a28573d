import ConfigurationFile
import Testing

/// Files made to break the reader.
struct HostileFileTests {
    @Test(arguments: [
        ("", ": is empty"), ("a: [", "is not YAML"), ("a: b: c", "1: is not YAML"),
        ("- 1\n- 2", "a section is expected"),
        ("text", "a section is expected"), ("a: 1\n---\nb: 2\n", "expected a single document"),
        ("\u{1}", "is not YAML"),
        ("a: *x", "1: is not YAML: found undefined alias"),
        ("relays: []\nrelays: []\n", "2: relays: is given more than once here"),
        ("? [a]\n: b", "has a key that is not plain text"), ("a: \"\\x\"", "is not YAML"),
        ("%YAML 9.9\n---\na: 1", "is not YAML"),
        ("<<: {a: 1}", "unknown key"), ("a\t: 1", "unknown key"), ("!!binary x: 1", "unknown key"),
    ])
    func `broken files are told why`(text: String, reason: String) {
        let found = mistakes(text).joined(separator: "|")
        let whole = Configuration.parse(text, file: "t.yaml", surroundings: closed).problems.map(\.description)
        #expect(found.contains(reason) || whole.joined().contains(reason), "\(whole)")
    }

    @Test(arguments: ["[", "{a: ", "- ", "? ", "[{a: "])
    func `nesting without end is refused`(piece: String) {
        let text = "a: " + (piece == "- " || piece == "? " ? "\n " : "") + String(repeating: piece, count: 200_000)
        #expect(Configuration.parse(text, file: "t", surroundings: closed).problems.count == 1)
    }

    @Test
    func `nesting beyond the limit and below the parser's is refused`() {
        for depth in [40, 900] {
            let text = "relays: " + String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
            #expect(mistakes(text) == ["1: is nested too deeply"])
        }
    }

    @Test
    func `a bomb of aliases is refused`() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...30 {
            text += "a\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", "))]\n"
        }
        let many = Configuration.parse(text, file: "t", surroundings: closed).problems.map(\.description)
        #expect(many == ["t: has more than 16 aliases (*name)"])
    }

    @Test
    func `aliases within the limit cannot multiply without bound`() {
        // 5 levels of 3 aliases over a wide list: 243 times 2,000 values.
        var text = "a0: &a0 [\(Array(repeating: "x", count: 2_000).joined(separator: ","))]\n"
        for level in 1...5 { text += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1), *a\(level - 1)]\n" }
        #expect(mistakes(text).map { $0.drop { $0 != " " } } == [" has too many values"])
    }

    @Test
    func `an anchor may be used a few times`() {
        let text = """
            relays:
              - {name: a, url: "net://h", sessions: &all ["*", "*/x"]}
              - {name: b, url: "net://i", sessions: *all}
              - {name: c, url: "net://j", sessions: *all}

            """ + feedLines
        #expect(mistakes(text) == [])
    }

    @Test
    func `globs that begin with a star are not taken for aliases`() {
        let globs = (0..<50).map { "\"*x\($0)\", '*y'" }.joined(separator: ", ")
        #expect(mistakes("relays: [{name: a, url: 'net://h', sessions: [\(globs)]}]\n" + feedLines) == [])
    }

    @Test
    func `a file as large as allowed is read, and one byte more is not`() {
        let start = "relays: [{name: a, url: 'net://h'}]\n" + feedLines + "#"
        let padding = String(repeating: "x", count: (1 << 20) - start.utf8.count)
        #expect(mistakes(start + padding) == [])
        let problems = Configuration.parse(start + padding + "x", file: "t", surroundings: closed).problems
        #expect(problems.map(\.description) == ["t: is larger than 1048576 bytes"])
    }

    @Test
    func `thousands of relays are read`() throws {
        let relays = (0..<5_000).map { "  - {name: r\($0), url: \"net://h\($0)\"}\n" }.joined()
        let text = feedLines + "relays:\n" + relays
        #expect(Configuration.parse(text, file: "t", surroundings: closed).configuration?.relays.count == 5_000)
    }

    @Test
    func `mistakes beyond a hundred are left out`() {
        let text = (0..<1_000).map { "key\($0): 1\n" }.joined()
        #expect(mistakes(text).count == 100)
    }

    @Test
    func `control characters of a file do not reach the messages`() {
        let found = mistakes("\"a\\e[31m\\u0007\": 1\nrelays: [{name: \"x\\e y\", url: \"net://\\e\"}]\n" + feedLines)
        #expect(found.count == 3)
        #expect(found.joined().unicodeScalars.allSatisfy { $0.value >= 0x20 })
    }

    @Test
    func `a file cut anywhere never traps`() throws {
        let text = Array(
            ("relays:\n  - {name: é, url: \"net://[::1]:1/host/a/b\", from: ${env:X:-now}}\n  - &a {name: b, url: *b}\n"
                + feedLines).utf8
        )
        for count in text.indices {
            let cut = String(decoding: text.prefix(count), as: UTF8.self)
            _ = Configuration.parse(cut, file: "t", surroundings: closed)
        }
    }
}
