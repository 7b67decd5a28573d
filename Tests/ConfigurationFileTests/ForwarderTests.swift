import ConfigurationFile
import Testing

/// The entries of `forward`.
struct ForwarderTests {
    private let relay = "relays: [{name: a, url: 'net://h'}]\n"

    private func forwarders(_ entries: String) -> [Configuration.Forwarder]? {
        let text = relay + "forward:\n" + entries + "\n" + feedLines
        return Configuration.parse(text, file: "/etc/t.yaml", surroundings: closed).configuration?
            .forward
    }

    /// Of one entry, whose keys are in line 2.
    private func problems(_ entry: String) -> [String] {
        mistakes(relay + "forward: [{" + entry + "}]\n" + feedLines)
    }

    @Test
    func `each collector has its keys, and its defaults`() {
        let found = forwarders(
            """
              - {name: a, file: x}
              - {name: b, file: /y, rotate-bytes: 1MiB, keep: 3, all: true, filter: "name = 'x'", from: now}
              - {name: c, exec: [cat, -n]}
              - {name: d, syslog: "tls://h", ca: ca.pem}
              - {name: e, syslog: "tls://[::1]:7", ca: ca.pem, certificate: c, key: k, facility: user}
              - {name: f, otlp: "http://h"}
              - name: g
                otlp: https://h:1/x/v1/logs?a=b
                ca: ca.pem
                headers: {Authorization: Bearer abc, x-scope: t}
                gzip: false
                batch-events: 10
                batch-bytes: 1KiB
                batch-after: 5ms
                concurrency: 3
                timeout: 2s
            """
        )
        let tls = Configuration.ClientTLS(authorityFile: "/etc/ca.pem")
        let own = Configuration.ServerCertificate(certificateFile: "/etc/c", keyFile: "/etc/k")
        #expect(
            found == [
                .init(name: "a", collector: .file(.init(path: "/etc/x"))),
                .init(
                    name: "b",
                    collector: .file(
                        .init(path: "/y", rotateBytes: 1 << 20, keep: 3, includesControlRecords: true)
                    ),
                    filter: "name = 'x'",
                    from: .now
                ),
                .init(name: "c", collector: .exec(.init(command: ["cat", "-n"]))),
                .init(name: "d", collector: .syslog(.init(endpoint: .init(host: "h", port: 6514), tls: tls))),
                .init(
                    name: "e",
                    collector: .syslog(
                        .init(
                            endpoint: .init(host: "::1", port: 7),
                            tls: .init(authorityFile: "/etc/ca.pem", certificate: own),
                            facility: .user
                        )
                    )
                ),
                .init(name: "f", collector: .otlp(.init(endpoint: .init(host: "h", port: 4318)))),
                .init(
                    name: "g",
                    collector: .otlp(
                        .init(
                            endpoint: .init(host: "h", port: 1),
                            path: "/x/v1/logs?a=b",
                            tls: tls,
                            headers: [
                                .init(name: "Authorization", value: "Bearer abc"), .init(name: "x-scope", value: "t"),
                            ],
                            usesGzip: false,
                            batch: .init(events: 10, bytes: 1024, afterNs: 5_000_000),
                            concurrency: 3,
                            timeoutNs: 2_000_000_000
                        )
                    )
                ),
            ]
        )
    }

    @Test
    func `what is wrong is said with its line and key`() {
        #expect(problems("name: a") == ["2: forward[0]: names no collector: one of otlp, syslog, exec, file"])
        #expect(
            problems("name: a, file: b, exec: [c]") == [
                "2: forward[0]: names more than one collector: one of otlp, syslog, exec, file"
            ]
        )
        #expect(problems("name: a, fil: b").first == "2: forward[0].fil: unknown key; did you mean 'file'?")
        #expect(problems("name: a, file: b, ca: c") == ["2: forward[0].ca: is not for file"])
        #expect(problems("name: a, exec: cat") == [#"2: forward[0].exec: a list is expected, as ["cat"]"#])
        #expect(
            problems("name: a, exec: []") == ["2: forward[0].exec: is empty: a program is needed, and its arguments"]
        )
        #expect(problems("name: a, syslog: 'tls://h'") == ["2: forward[0].ca: is missing"])
        #expect(
            problems("name: a, syslog: 'udp://h', ca: c") == [
                "2: forward[0].syslog: 'udp://' is not known: tls:// is expected"
            ]
        )
        #expect(problems("name: a, otlp: 'http://h', ca: c") == ["2: forward[0].ca: is for https:// only"])
        #expect(
            problems("name: a, otlp: 'https://u:p@h', ca: c") == [
                "2: forward[0].otlp: has a name or a password in it: headers are the place for those"
            ]
        )
        #expect(problems("name: a, otlp: 'https://h', ca: c, key: k") == ["2: forward[0].certificate: is missing"])
        #expect(
            problems("name: a, otlp: 'http://h', headers: {content-type: x}") == [
                "2: forward[0].headers: 'content-type' is not the name of a header that may be given"
            ]
        )
        #expect(
            problems(#"name: a, otlp: 'http://h', headers: {x: "a\r\nb: c"}"#) == [
                "2: forward[0].headers.x: a header has at most 8192 visible ASCII characters"
            ]
        )
        #expect(
            problems("name: a, file: b}, {name: a, file: c") == [
                "2: forward[1].name: 'a' is the name of the forwarder in line 2 too"
            ]
        )
        #expect(
            problems("name: a, file: b}, {name: c, file: b") == [
                "2: forward[1].file: is the file of the forwarder 'a' too"
            ]
        )
        #expect(
            problems("name: 'a b', file: c") == [
                "2: forward[0].name: 'a b' is not a name: letters, digits, '.', '-' and '_', at most 128"
            ]
        )
    }
}
