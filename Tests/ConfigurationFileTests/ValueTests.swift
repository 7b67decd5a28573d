import ConfigurationFile
import Testing

/// Single values: URLs, addresses, globs, durations, sizes.
struct ValueTests {
    @Test(arguments: [
        ("net://h", "net://h:5344"), ("net://h/", "net://h:5344"), ("net://10.0.0.5:1", "net://10.0.0.5:1"),
        ("net://[::1]", "net://[::1]:5344"), ("net://[fe80::1%eth0]:7", "net://[fe80::1%eth0]:7"),
        ("net://h:65535/host/web-1/my session", "net://h:65535/host/web-1/my session"),
        ("net://[::1]/host/a/b%20c", "net://[::1]:5344/host/a/b%20c"),
        ("tls://a-b.example.org:7443", "tls://a-b.example.org:7443"),
        ("tls://[2001:db8::1]:7443/", "tls://[2001:db8::1]:7443"),
    ])
    func `source URLs are read, and written in full`(text: String, full: String) throws {
        let url = try SourceURL(text)
        #expect(url.description == full)
        #expect(try SourceURL(full) == url)
        #expect(try SourceArgument(text) == .url(url))
    }

    @Test
    func `a source URL has its parts`() throws {
        #expect(
            try SourceURL("net://[::1]:99/host/web/s")
                == .relay(.init(host: "::1", port: 99), session: .init(hostname: "web", session: "s"))
        )
        #expect(try SourceURL("tls://h:1").endpoint == .init(host: "h", port: 1))
        #expect(try SourceArgument("traces/a") == .directory("traces/a"))
    }

    @Test(arguments: [
        ("net://", "needs a host"), ("net://:5344", "needs a host"), ("net://h:", "'' is not a port"),
        ("net://h:0", "'0' is not a port"), ("net://h:65536", "'65536' is not a port"),
        ("net://h:+1", "'+1' is not a port"),
        ("net://h:1:2", "an IPv6 address is written in brackets"),
        ("net://::1", "an IPv6 address is written in brackets"),
        ("net://[::1", "lacks the closing bracket"), ("net://[1.2.3.4]", "'1.2.3.4' is not an IPv6 address"),
        ("net://[::1]x", "'x' behind the bracket is not a port"),
        ("net://user@h", "'user@h' is not a host name or address"),
        ("net://h/host/a", "/host/HOSTNAME/SESSION is expected"),
        ("net://h/host//b", "/host/HOSTNAME/SESSION is expected"),
        ("net://h/host/a/b/c", "/host/HOSTNAME/SESSION is expected"),
        ("net://h/x", "/host/HOSTNAME/SESSION is expected"),
        ("tls://h", "needs a port, as in h:7443"), ("tls://[::1]", "needs a port, as in [::1]:7443"),
        ("tls://h:1/x", "a tls:// URL has no path: '/x'"), ("http://h", "'http://' is not known"),
        ("h:5344", "is not a URL"),
        ("", "is not a URL"), ("net://h/host/a/b\n", "control characters"), ("net://h ", "is not a host name"),
    ])
    func `source URLs that are wrong are told why`(text: String, reason: String) {
        let error = #expect(throws: ValueError.self) { try SourceURL(text) }
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
    }

    @Test
    func `addresses to listen on need a port, which may be 0`() throws {
        #expect(try NetworkEndpoint(listening: "0.0.0.0:0") == .init(host: "0.0.0.0", port: 0))
        #expect(try NetworkEndpoint(listening: "[::]:7443").description == "[::]:7443")
        for text in ["7443", "host", ":7443", "a b:1", "[]:1", ""] {
            #expect(throws: ValueError.self) { try NetworkEndpoint(listening: text) }
        }
    }

    @Test(arguments: [
        ("*", "", true), ("*", "web-1/session", true), ("", "", true), ("", "a", false), ("?", "", false),
        ("?", "é", true),
        ("a?c", "abc", true), ("a?c", "ac", false), ("web-*/S", "web-1/S", true), ("web-*/S", "web-1/T", false),
        ("*/S", "a/b/S", true), ("*a*b*c*", "xxaxxbxxcxx", true), ("*a*b*c*", "xxaxxcxxbxx", false), ("**", "x", true),
        ("\\*", "*", true), ("\\*", "x", false), ("\\?", "?", true), ("\\\\", "\\", true), ("a\\", "a\\", true),
        ("*.example.org", "example.org", false), ("A", "a", false), ("a*", "a", true), ("*a", "ba", true),
        ("*ab", "aab", true),
    ])
    func `globs match the whole text`(pattern: String, text: String, matches: Bool) {
        #expect(Glob(pattern).matches(text) == matches)
    }

    @Test
    func `globs agree with their definition on all short patterns and texts`() {
        func strings(_ alphabet: [Character], _ length: Int) -> [String] {
            length == 0 ? [""] : strings(alphabet, length - 1).flatMap { tail in alphabet.map { "\($0)\(tail)" } }
        }
        func defined(_ pattern: Substring, _ text: Substring) -> Bool {
            guard let first = pattern.first else { return text.isEmpty }
            let rest = pattern.dropFirst()
            if first == "*" { return defined(rest, text) || (!text.isEmpty && defined(pattern, text.dropFirst())) }
            return !text.isEmpty && (first == "?" || first == text.first) && defined(rest, text.dropFirst())
        }
        let texts = (0...4).flatMap { strings(["a", "b"], $0) }
        for pattern in (0...4).flatMap({ strings(["a", "b", "*", "?"], $0) }) {
            let glob = Glob(pattern)
            for text in texts { #expect(glob.matches(text) == defined(pattern[...], text[...]), "\(pattern) \(text)") }
        }
    }

    @Test
    func `a glob of many stars takes no time to speak of`() {
        let glob = Glob(String(repeating: "*a", count: 200) + "b")
        #expect(!glob.matches(String(repeating: "a", count: 5_000)))
    }

    @Test(arguments: [
        ("1ns", 1), ("2us", 2_000), ("3ms", 3_000_000), ("4s", 4_000_000_000), ("5m", 300_000_000_000),
        ("2h", 7_200_000_000_000), ("9223372036854775807ns", Int64.max),
    ])
    func `durations are whole numbers with a unit`(text: String, ns: Int64) throws {
        #expect(try Configuration.StallLimit(text) == .afterNs(ns))
    }

    @Test(arguments: [
        "", "30", "s", "1.5s", "1 s", "30S", "30sec", "-1s", "0s", "1h30m", "--1s", "9223372036854775808ns", "2562048h",
        "٣s", "Never",
    ])
    func `other durations are refused`(text: String) {
        #expect(throws: ValueError.self) { try Configuration.StallLimit(text) }
    }

    @Test
    func `never is a limit, and starts have two names each`() throws {
        #expect(try Configuration.StallLimit("never") == .never)
        for (text, start) in [
            ("beginning", Configuration.Start.beginning), ("earliest", .beginning), ("now", .now), ("latest", .now),
        ] {
            #expect(try Configuration.Start(text) == start)
        }
        #expect(throws: ValueError.self) { try Configuration.Start("then") }
    }

    @Test(arguments: [("1B", 1), ("2KiB", 2_048), ("3MiB", 3 << 20), ("4GiB", 4 << 30)])
    func `sizes are whole numbers with a unit`(text: String, bytes: UInt64) throws {
        let file = "log: {retain-bytes: \(text)}\nrelays: [{name: a, url: 'net://h'}]\n" + feedLines
        let configuration = try #require(Configuration.parse(file, file: "t", surroundings: closed).configuration)
        #expect(configuration.log.retainBytes == bytes)
    }

    @Test(arguments: ["1", "0B", "-1B", "1KB", "1TiB", "9007199254740992GiB"])
    func `other sizes are refused`(text: String) {
        let file = "log: {retain-bytes: \(text)}\nrelays: [{name: a, url: 'net://h'}]\n" + feedLines
        #expect(mistakes(file).count == 1)
    }
}
