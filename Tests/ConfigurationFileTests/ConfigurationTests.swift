import ConfigurationFile
import Feed
import Foundation
import Testing

/// Every key that there is.
let wholeContract = """
    relays:
      - name: alpha
        url: net://10.0.0.5:5345
        sessions: ["web-*/*", "db/?"]
        from: now
        clock-offset: -15ms
        clock: measured
      - name: site-b
        url: tls://feed.example.org:7443
        ca: ca.pem
        certificate: /abs/b.pem
        key: b.key
    order:
      stall-after: never
      messages:
        - send: "net:send"
          receive: "net:receive"
          by: id
    feed:
      listen: "[::]:7443"
      certificate: server.pem
      key: server.key
      client-ca: sub/ca.pem
      allow:
        - identity: "tidemark:client/*"
          relays: ["alpha"]
          hosts: ["a", "b"]
          sessions: ["s*"]
          events: ["demo:*", "lttng_ust_tracef:event"]
        - identity: operator
      certificates:
        - certificate: b.pem
          key: b.key
      crl: [ca.crl, /abs/other.crl]
      tls-version: 1.2
    log:
      directory: log
      retain-bytes: 10GiB
      retain-age: 24h
    http:
      listen: 0.0.0.0:7480
      certificate: web.pem
      key: web.key
      client-ca: web-ca.pem
      crl: [web.crl]
    live:
      listen: 127.0.0.1:5399
      viewers: 64
      memory: 1GiB
    forward: []
    """

/// Whole files: what they say, and what is said of them.
struct ConfigurationTests {
    private static let http = Configuration.HTTP(
        listen: .init(host: "0.0.0.0", port: 7480),
        certificate: .init(certificateFile: "/etc/tidemark/web.pem", keyFile: "/etc/tidemark/web.key"),
        clientAuthorityFile: "/etc/tidemark/web-ca.pem",
        revocationListFiles: ["/etc/tidemark/web.crl"]
    )

    @Test
    func `every key of the contract is read into its value`() throws {
        let (read, problems) = Configuration.parse(
            wholeContract,
            file: "/etc/tidemark/t.yaml",
            surroundings: closed
        )
        #expect(problems == [])
        let configuration = try #require(read)
        #expect(
            configuration.relays == [
                .init(
                    name: "alpha",
                    url: .relay(.init(host: "10.0.0.5", port: 5345), session: nil),
                    sessions: [Glob("web-*/*"), Glob("db/?")],
                    from: .now,
                    clockOffsetNs: -15_000_000,
                    clock: .measured
                ),
                .init(
                    name: "site-b",
                    url: .coordinator(.init(host: "feed.example.org", port: 7443)),
                    credentials: .init(
                        authorityFile: "/etc/tidemark/ca.pem",
                        certificateFile: "/abs/b.pem",
                        keyFile: "/etc/tidemark/b.key"
                    )
                ),
            ]
        )
        let messages = Configuration.Messages(send: "net:send", receive: "net:receive", by: "id")
        #expect(configuration.order == .init(stallAfter: .never, messages: [messages]))
        #expect(
            configuration.feed
                == .init(
                    listen: .init(host: "::", port: 7443),
                    certificateFile: "/etc/tidemark/server.pem",
                    keyFile: "/etc/tidemark/server.key",
                    clientAuthorityFile: "/etc/tidemark/sub/ca.pem",
                    allow: [
                        .init(
                            identity: Glob("tidemark:client/*"),
                            relays: [Glob("alpha")],
                            hosts: [Glob("a"), Glob("b")],
                            sessions: [Glob("s*")],
                            events: [Glob("demo:*"), Glob("lttng_ust_tracef:event")]
                        ),
                        .init(identity: Glob("operator")),
                    ],
                    certificates: [
                        .init(certificateFile: "/etc/tidemark/b.pem", keyFile: "/etc/tidemark/b.key")
                    ],
                    revocationListFiles: ["/etc/tidemark/ca.crl", "/abs/other.crl"],
                    tlsVersion: .v12
                )
        )
        #expect(
            configuration.log
                == .init(directory: "/etc/tidemark/log", retainBytes: 10 << 30, retainAgeNs: 86_400_000_000_000)
        )
        #expect(configuration.http == Self.http)
        let address = NetworkEndpoint(host: "127.0.0.1", port: 5399)
        #expect(configuration.live == .init(listen: address, viewers: 64, memoryBytes: 1 << 30))
        #expect(configuration.forward == [])
    }

    @Test
    func `what is not given has its default`() throws {
        let text = feedLines + "relays: [{name: a, url: 'net://h'}]"
        let configuration = try #require(
            Configuration.parse(text, file: "t.yaml", surroundings: closed).configuration
        )
        #expect(
            configuration.relays == [.init(name: "a", url: .relay(.init(host: "h", port: 5344), session: nil))]
        )
        #expect(configuration.relays[0].sessions == [Glob("*")])
        #expect(configuration.relays[0].from == .beginning)
        #expect(configuration.order == .init(stallAfter: .afterNs(30_000_000_000)))
        #expect(configuration.relays[0].clock == .reported)
        #expect(configuration.feed.allow == [])
        #expect(configuration.feed.certificateFile == "server.pem")
        #expect(configuration.log == .init())
        #expect(configuration.log.retainBytes == 256 << 20 && configuration.log.retainAgeNs == nil)
        #expect(configuration.http == nil)
    }

    @Test(
        arguments: [
            ("none", .never), ("always", .always), ("200ms", .everyNs(200_000_000)),
        ] as [(String, Configuration.Log.Sync)]
    )
    func `a log on disk keeps a day, and is made safe as asked`(text: String, sync: Configuration.Log.Sync) throws {
        let file = feedLines + "relays: [{name: a, url: 'net://h'}]\nlog: {directory: d, sync: \(text)}"
        let configuration = try #require(
            Configuration.parse(file, file: "t.yaml", surroundings: closed).configuration
        )
        #expect(
            configuration.log
                == .init(directory: "d", retainBytes: 10 << 30, retainAgeNs: 86_400_000_000_000, sync: sync)
        )
    }

    @Test
    func `what is for a log on disk needs its directory`() {
        let file = feedLines + "relays: [{name: a, url: 'net://h'}]\nlog:\n  retain-age: 1h\n  sync: maybe"
        #expect(
            mistakes(file).map { $0.drop { $0 != " " } } == [
                " log.retain-age: is for a log on disk only: log.directory",
                " log.sync: 'maybe' is not a duration, as 30s (or none, or always)",
            ]
        )
    }

    @Test
    func `all mistakes are reported at once, in the file's order`() {
        let text = """
            relays:
              - name: a b
                url: http://x
                session: ["*"]
              - name: beta
                url: net://h:99999
                from: yesterday
                clock-offset: 5
              - name: beta
                url: net://h
                key: x
            order:
              stall-after: 0s
            fed:
              listen: 1
            log:
              retain-bytes: 5GB
              retain-age: [1]
            """
        #expect(
            mistakes(text) == [
                "1: feed: is missing: who may read the feed, and where",
                "2: relays[0].name: 'a b' is not a name: no spaces and no '/', at most 128 bytes",
                "3: relays[0].url: 'http://' is not known: net:// or tls:// is expected",
                "4: relays[0].session: unknown key; did you mean 'sessions'?",
                "6: relays[1].url: '99999' is not a port: a number up to 65535 is expected",
                "7: relays[1].from: 'yesterday' is not a start: beginning or now is expected",
                "8: relays[1].clock-offset: '5' needs a unit: one of ns us ms s m h",
                "9: relays[2].name: 'beta' is the name of the relay in line 5 too",
                "11: relays[2].key: is for tls:// only",
                "13: order.stall-after: '0s' must be more than 0 (or never)",
                "14: fed: unknown key; did you mean 'feed'?",
                "17: log.retain-bytes: 'GB' is not a unit: one of B KiB MiB GiB is expected, after a whole number",
                "18: log.retain-age: a single value is expected",
            ]
        )
    }

    @Test
    func `what is wrong about clocks and messages is named`() {
        let text = """
            relays:
              - name: a
                url: net://h
                clock: corrected
            order:
              messages:
                - send: x
                  receive: x
                  by: id
                - send: x
                  receive: ""
                  with: id
            """
        #expect(
            mistakes(text + "\n" + feedLines) == [
                "4: relays[0].clock: 'corrected' is not known: reported or measured is expected",
                "8: order.messages[0].receive: is the event that is sent, too: one event cannot be both",
                "10: order.messages[1].by: is missing",
                "11: order.messages[1].receive: is empty",
                "12: order.messages[1].with: unknown key; known here are send, receive, by",
            ]
        )
        let entry = "    - { send: a, receive: b, by: c }\n"
        let many = "relays:\n  - { name: a, url: \"net://h\" }\norder:\n  messages:\n"
        #expect(mistakes(many + String(repeating: entry, count: 16) + feedLines) == [])
        #expect(
            mistakes(many + String(repeating: entry, count: 17) + feedLines) == [
                "4: order.messages: at most 16 are allowed"
            ]
        )
    }

    @Test
    func `what is wrong about certificates is named`() {
        let text =
            feedLines + """
                  certificates:
                    - certificate: a
                      kay: b
                    - c
                  crl: one
                  tls-version: 1.1
                relays: [{name: a, url: 'net://h'}]
                """
        #expect(
            mistakes(text) == [
                "7: feed.certificates[0].key: is missing",
                "8: feed.certificates[0].kay: unknown key; did you mean 'key'?",
                "9: feed.certificates[1]: a section is expected, with the keys certificate, key",
                "10: feed.crl: a list is expected, as [\"one\"]",
                "11: feed.tls-version: '1.1' is not a version of TLS that is spoken here: 1.3 or 1.2 is expected",
            ]
        )
    }

    @Test
    func `a key that is given twice is named where it stands again`() {
        let cases = [
            (
                "relays:\n  - name: a\n    url: net://h\n    name: b\n" + feedLines,
                "4: name: is given more than once here"
            ),
            ("relays:\n  - \"name\": a\n    # name: no\n    'name': b\n", "4: name: is given more than once here"),
            (feedLines + "log: {}\n" + feedLines, "7: feed: is given more than once here"),
            ("relays: [{name: a, name: b}]\n", "1: name: is given more than once here"),
            ("order:\n  names: 1\n  name: 1\n  name : 2\n", "4: name: is given more than once here"),
        ]
        for (text, mistake) in cases { #expect(mistakes(text) == [mistake], "\(text)") }
    }

    @Test
    func `the lines of keys are known to whoever reports what they name`() throws {
        let file = FileManager.default.temporaryDirectory.path + "/tidemark-lines-\(UUID().uuidString).yaml"
        defer { try? FileManager.default.removeItem(atPath: file) }
        let text = feedLines + "  crl:\n    - a\n    - b\nrelays: [{name: a, url: 'net://h'}]\n"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        let lines = Configuration.lines(inFile: file)
        #expect(lines["feed.key"] == 4 && lines["feed.crl[1]"] == 8 && lines["relays[0].url"] == 9)
        #expect(lines["feed.nothing"] == nil)
        #expect(Configuration.lines(inFile: file + ".none").isEmpty)
    }

    @Test
    func `missing and empty parts are named`() {
        #expect(mistakes("relays: []\n" + feedLines) == ["1: relays: is empty: at least one relay is needed"])
        #expect(mistakes("relays:\n" + feedLines) == ["1: relays: has no value: a list is expected"])
        #expect(mistakes(feedLines) == ["1: relays: is missing: at least one relay is needed"])
        #expect(
            mistakes("relays: [{}]\n" + feedLines) == [
                "1: relays[0].name: is missing", "1: relays[0].url: is missing",
            ]
        )
        #expect(
            mistakes("relays: [{name: a, url: 'net://h', sessions: []}]\n" + feedLines) == [
                "1: relays[0].sessions: is empty: it would match nothing"
            ]
        )
        #expect(
            mistakes("relays: [{name: '', url: }]\n" + feedLines) == [
                "1: relays[0].name: is empty", "1: relays[0].url: has no value",
            ]
        )
        #expect(
            mistakes("relays: [{name: a, url: 'net://h'}]\nfeed:\n") == [
                "2: feed: has no value: a section is expected, with the keys listen, certificate, key, client-ca, "
                    + "allow, limits, certificates, crl, tls-version"
            ]
        )
        #expect(
            mistakes("relays: [{name: a, url: 'tls://h:1', ca: x}]\n" + feedLines) == [
                "1: relays[0].certificate: is missing", "1: relays[0].key: is missing",
            ]
        )
        #expect(
            mistakes("relays: [{name: a, url: 'net://h/host/a/b', sessions: ['*']}]\n" + feedLines) == [
                "1: relays[0].sessions: the url names one session already"
            ]
        )
        let feed = "{name: a, url: 'tls://h:1', ca: x, certificate: y, key: z, sessions: ['*'], clock: measured, "
        #expect(
            mistakes("relays: [\(feed)clock-offset: 1ms}]\n" + feedLines) == [
                "1: relays[0].sessions: is for net:// only", "1: relays[0].clock-offset: is for net:// only",
                "1: relays[0].clock: is for net:// only",
            ]
        )
    }

    @Test
    func `viewers are served on loopback, or where the file says that everyone may look`() {
        func live(_ lines: String) -> String {
            "relays: [{name: a, url: 'net://h'}]\n" + feedLines + "live:\n" + lines
        }
        let line = live("").split(separator: "\n").count + 1
        #expect(mistakes(live("  listen: 127.0.0.1:0\n")) == [])
        #expect(mistakes(live("  listen: '[::1]:5399'\n")) == [])
        let warning = """
            live.listen: is not loopback: whoever can connect sees the whole feed, unencrypted; \
            exposed: true allows it
            """
        #expect(mistakes(live("  listen: 0.0.0.0:5399\n")) == ["\(line): \(warning)"])
        #expect(mistakes(live("  listen: 0.0.0.0:5399\n  exposed: false\n")) == ["\(line): \(warning)"])
        #expect(mistakes(live("  listen: 0.0.0.0:5399\n  exposed: true\n")) == [])
        #expect(
            mistakes(live("  listen: 127.0.0.1:1\n  exposed: 7\n"))
                == ["\(line + 1): live.exposed: '7' is neither true nor false"]
        )
        #expect(mistakes(live("  exposed: true\n")).count == 1)
        #expect(
            mistakes(live("  listen: 127.0.0.1:1\n  viewers: 0\n  memory: 5\n")).map { $0.prefix { $0 != "'" } }
                == ["\(line + 1): live.viewers: ", "\(line + 2): live.memory: "]
        )
    }

    @Test
    func `the example beside the program is accepted, and shows every key`() throws {
        let root = try #require(repositoryRoot(), "no Package.swift above \(#filePath)")
        let file = root.appendingPathComponent("Config/tidemark.yaml").path
        #expect(Configuration.problems(inFile: file, surroundings: .none) == [])
        let configuration = try Configuration.load(
            file: file,
            surroundings: Surroundings(
                variable: { _ in nil },
                text: { (_) throws(ValueError) in throw ValueError("none") }
            )
        )
        #expect(configuration.relays.count == 2)
        #expect(configuration.order == .init())
        #expect(configuration.log == .init(directory: "/var/lib/tidemark"))
        #expect(configuration.http == .init(listen: .init(host: "127.0.0.1", port: 7480)))
        #expect(configuration.live == .init(listen: .init(host: "127.0.0.1", port: 5399)))

        let text = try String(contentsOfFile: file, encoding: .utf8)
        // With the other coordinator's feed taken out of its comment.
        let relays = try #require(text.components(separatedBy: "\norder:").first).split(separator: "\n")
        let shown = relays.map { line in
            line.hasPrefix("  #   - ") || line.hasPrefix("  #     ") ? "  " + line.dropFirst(6) : String(line)
        }
        let whole = Configuration.parse(
            shown.joined(separator: "\n") + "\n" + feedLines,
            file: "t.yaml",
            surroundings: closed
        )
        #expect(whole.problems == [])
        #expect(whole.configuration?.relays.count == 3)
        #expect(whole.configuration?.relays.last?.credentials?.authorityFile == "site-b-ca.pem")
    }

    @Test
    func `the forwarders that the example shows are accepted`() throws {
        let root = try #require(repositoryRoot(), "no Package.swift above \(#filePath)")
        let text = try String(contentsOf: root.appendingPathComponent("Config/tidemark.yaml"), encoding: .utf8)
        let begin = try #require(text.range(of: "# forward:\n")).lowerBound
        let end = try #require(text.range(of: "\nforward: []")).lowerBound
        let shown = text[begin..<end].split(separator: "\n").map { $0.dropFirst(2) }.joined(separator: "\n")
        let surroundings = Surroundings(
            variable: { _ in nil },
            text: { (_) throws(ValueError) in "token" }
        )
        let relays = "relays: [{name: a, url: 'net://h'}]\n"
        let whole = Configuration.parse(relays + feedLines + shown, file: "t.yaml", surroundings: surroundings)
        #expect(whole.problems == [])
        let forward = try #require(whole.configuration?.forward)
        #expect(forward.map(\.name) == ["archive", "tool", "otel", "siem"])
        let filter = try #require(forward.first { !$0.filter.isEmpty }?.filter)
        #expect(throws: Never.self) { try FilterExpression(filter) }
    }

    @Test
    func `a file that cannot be read is named`() {
        let problems = Configuration.problems(inFile: "/nonexistent/t.yaml")
        #expect(problems.map(\.description) == ["/nonexistent/t.yaml: cannot be read: No such file or directory"])
        let error = #expect(throws: ConfigurationError.self) { try Configuration.load(file: "/") }
        #expect(error?.description == "/: cannot be read: Is a directory")
        #expect(
            Configuration.problems(inFile: "/dev/zero").map(\.description)
                == ["/dev/zero: is larger than 1048576 bytes"]
        )
    }
}
