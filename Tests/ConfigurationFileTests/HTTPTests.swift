import ConfigurationFile
import Testing

/// The section `http`: where it may be served, and what clients have to show.
struct HTTPTests {
    private static let relay = "relays: [{name: a, url: 'net://h'}]\n"
    private static let token = "0123456789abcdef"

    /// What is wrong with a section of these lines, without line numbers.
    private func wrong(_ http: String, surroundings: Surroundings = closed) -> [String] {
        mistakes(Self.relay + feedLines + "http: {\(http)}\n", surroundings: surroundings)
            .map { String($0.dropFirst("7: ".count)) }
    }

    @Test(arguments: ["127.0.0.1:1", "127.9.9.9:1", "localhost:1", "LocalHost:0", "'[::1]:1'"])
    func `on loopback nothing else is needed`(address: String) {
        #expect(wrong("listen: \(address)") == [])
    }

    @Test(arguments: [
        "0.0.0.0:1", "'[::]:1'", "10.0.0.1:1", "web.example.org:1", "localhost.example.org:1", "127.0.1:1",
    ])
    func `elsewhere TLS is needed, and something that clients show`(address: String) {
        let certificate = "listen: \(address), certificate: a, key: b"
        #expect(
            wrong("listen: \(address)") == [
                "http.listen: is not loopback: that needs TLS, by certificate and key",
                "http.listen: is not loopback: clients have to show a certificate (client-ca) or a token",
            ]
        )
        #expect(
            wrong(certificate) == [
                "http.listen: is not loopback: clients have to show a certificate (client-ca) or a token"
            ]
        )
        #expect(
            wrong("listen: \(address), token: \(Self.token)") == [
                "http.listen: is not loopback: that needs TLS, by certificate and key"
            ]
        )
        #expect(wrong(certificate + ", client-ca: c") == [])
        #expect(wrong(certificate + ", client-ca: c, crl: [d]") == [])
        #expect(wrong(certificate + ", token: \(Self.token)") == [])
    }

    @Test
    func `keys that need each other are asked for`() {
        let loopback = "listen: '127.0.0.1:1', "
        #expect(wrong(loopback + "certificate: a") == ["http.key: is missing"])
        #expect(wrong(loopback + "key: a") == ["http.certificate: is missing"])
        #expect(wrong(loopback + "client-ca: a") == ["http.client-ca: is for TLS only: needs certificate and key"])
        #expect(wrong(loopback + "certificate: a, key: b, crl: [c]") == ["http.crl: is for client-ca only"])
        #expect(
            wrong(loopback + "certificate: a, key: b, client-ca: c, token: \(Self.token)") == [
                "http.token: clients show a certificate (client-ca) or a token, not both"
            ]
        )
        #expect(wrong("token: \(Self.token)") == ["http.listen: is missing"])
    }

    @Test
    func `a token that can be guessed or cannot be sent is refused, and not repeated`() {
        for token in ["short", "'0123456789 abcdef'", "'0123456789abcdeé'", String(repeating: "x", count: 1025)] {
            #expect(
                wrong("listen: '127.0.0.1:1', token: \(token)") == [
                    "http.token: a token has 16 to 1024 visible ASCII characters, and no spaces"
                ]
            )
        }
    }

    @Test
    func `a token comes from a file without its last line feed, and need not be known to be checked`() {
        let files = Surroundings(
            variable: { _ in nil },
            text: { (_) throws(ValueError) in Self.token + "\n" }
        )
        let text = Self.relay + feedLines + "http: {listen: '127.0.0.1:1', token: '${file:t}'}\n"
        let read = Configuration.parse(text, file: "t.yaml", surroundings: files).configuration
        #expect(read?.http?.token == Self.token)
        let everywhere = "listen: '0.0.0.0:1', certificate: a, key: b, token: '${file:t}'"
        #expect(wrong(everywhere, surroundings: .none) == [])
    }
}
