import ConfigurationFile
import Testing

/// `${env:…}` and `${file:…}` in values.
struct ReplacementTests {
    private let open = Surroundings(
        variable: { ["HOST": "web", "EMPTY": "", "ODD": "${env:HOST}", "LINES": "a: b\nc"][$0] },
        text: { (path) throws(ValueError) in
            switch path {
            case "/etc/t/secret": "word\n"
            case "/etc/t/dos": "word\r\n"
            default: throw ValueError("cannot be read: \(path) is not there")
            }
        }
    )

    /// The name of the only relay, written as `value`, or the mistakes.
    private func name(_ value: String, _ surroundings: Surroundings) -> String {
        let text = "relays: [{name: \"\(value)\", url: 'net://h'}]\n" + feedLines
        let (configuration, problems) = Configuration.parse(text, file: "/etc/t/t.yaml", surroundings: surroundings)
        return configuration?.relays.first?.name ?? problems.map(\.message).joined(separator: "|")
    }

    @Test(arguments: [
        ("${env:HOST}", "web"), ("a-${env:HOST}-${env:HOST}", "a-web-web"), ("${env:HOST:-x}", "web"),
        ("${env:NONE:-x}", "x"), ("${env:EMPTY:-x}", "x"), ("${env:NONE:-a:-b}", "a:-b"),
        ("${file:secret}", "word"), ("${file:/etc/t/dos}", "word"), ("$${env:HOST}", "${env:HOST}"),
        ("${env:ODD}", "${env:HOST}"), ("$x", "$x"), ("{}", "{}"),
        ("${env:NONE}", "the environment variable NONE is not set"), ("${env:EMPTY}", "is empty"),
        ("${env:}", "'${env:}' does not name a variable"),
        ("${env:HOST", "'${env:HOST' lacks the closing brace of '${'"),
        ("${HOST}", "'${HOST}' is not known: ${env:NAME}, ${env:NAME:-default} or ${file:PATH} is expected"),
        ("${file:x}", "/etc/t/x cannot be read: /etc/t/x is not there"),
        ("${file:}", "'${file:}' does not name a file"),
    ])
    func `values are replaced`(value: String, result: String) {
        #expect(name(value, open) == result)
    }

    @Test
    func `what is put in is text, never YAML`() {
        #expect(name("${env:LINES}", open) == "'a: bc' is not a name: no spaces and no '/', at most 128 bytes")
    }

    @Test
    func `keys are not replaced`() {
        #expect(
            mistakes("${env:HOST}: 1\nrelays: [{name: a, url: 'net://h'}]\n" + feedLines, surroundings: open)
                == [
                    "1: ${env:HOST}: unknown key; known here are relays, order, feed, log, http, live, forward"
                ]
        )
    }

    @Test
    func `without looking around, unknown values count as right and known ones are still checked`() {
        let text = """
            relays:
              - name: ${env:NAME}
                url: ${file:url}
                clock-offset: ${env:OFFSET:-5}
                from: ${env:FROM:-now}
            feed:
              listen: ${env:LISTEN}
              certificate: a
              key: ${nothing}
              client-ca: c
            """
        #expect(
            mistakes(text, surroundings: .none) == [
                "4: relays[0].clock-offset: '5' needs a unit: one of ns us ms s m h",
                "9: feed.key: '${nothing}' is not known: ${env:NAME}, ${env:NAME:-default} or ${file:PATH} is expected",
            ]
        )
        #expect(
            mistakes("relays: [{name: '${env:N}', url: '${env:U}', ca: x}]\n" + feedLines, surroundings: .none) == []
        )
    }

    @Test
    func `replacements that make a value too long are refused`() {
        let long = String(repeating: "x", count: 60_000)
        let surroundings = Surroundings(variable: { _ in long }, text: { (_) throws(ValueError) in "" })
        #expect(name("${env:A}${env:A}", surroundings) == "is too long after its replacements")
    }
}
