import Foundation
import TLS
import Testing

/// Several certificates at one address: which of them a client is shown.
struct ServerNameTests {
    /// One authority whose servers have names of their own.
    private let ours: TestAuthority

    init() throws { ours = try TestAuthority() }

    /// Another authority's server, for these hosts.
    private func identity(_ names: [String]) throws -> (TLSIdentity, TestAuthority) {
        let authority = try TestAuthority(serverNames: names)
        return (try authority.identity("server"), authority)
    }

    /// Which host's certificate a client is shown that asks for one.
    private func shown(_ host: String, named: [(TLSIdentity, TestAuthority)]) throws -> [String]? {
        let server = try TLSContext(
            server: ours.identity("server"),
            namedIdentities: named.map(\.0),
            clientTrust: nil,
            options: testOptions()
        )
        // A client that trusts all of them, and refuses only one of another name.
        let all = try ([ours] + named.map(\.1)).map { try String(contentsOfFile: $0.file("ca.pem"), encoding: .utf8) }
        let trust = try TLSTrust(file: try ours.directory.write(all.joined(separator: "\n"), to: "all.pem"))
        let client = try TLSContext(client: nil, serverTrust: trust, options: testOptions())
        var pair = try EnginePair(client: client, server: server, serverName: host)
        pair.pump()
        if case .peerNotTrusted(let fault) = pair.clientError?.kind { return fault.certificate?.dnsNames }
        return pair.client.peerCertificate?.dnsNames
    }

    @Test
    func `the certificate of the host that the client names is shown`() throws {
        let first = try identity(["one.example.org", "uno.example.org"])
        let wild = try identity(["*.example.org"])
        let named = [first, wild]
        #expect(try shown("one.example.org", named: named) == ["one.example.org", "uno.example.org"])
        #expect(try shown("UNO.example.org", named: named) == ["one.example.org", "uno.example.org"])
        #expect(try shown("two.example.org", named: named) == ["*.example.org"])
        // By the order given, not by how exact the name is.
        #expect(try shown("one.example.org", named: [wild, first]) == ["*.example.org"])
    }

    @Test(arguments: ["localhost", "127.0.0.1", "a.b.example.org", "example.org", "one.example.com"])
    func `whoever names no host of theirs is shown the plain one`(host: String) throws {
        let named = [try identity(["one.example.org"]), try identity(["*.example.org"])]
        #expect(try shown(host, named: named) == ["localhost"])
    }

    @Test
    func `a star stands for nothing where too little is left of the name`() throws {
        #expect(try shown("example.org", named: [try identity(["*.org"])]) == ["localhost"])
    }

    @Test
    func `a certificate that names no host cannot be chosen, and is refused`() throws {
        let client = try ours.identity("client")
        let error = #expect(throws: TLSError.self) {
            try TLSContext(server: ours.identity("server"), namedIdentities: [client], clientTrust: nil)
        }
        #expect(error?.kind == .file(path: ours.file("client.pem"), .noHostName))
    }
}
