import ConfigurationFile
import TLS
import Testing

@testable import Runtime
@testable import Web

/// Who is answered: TLS, tokens and certificates.
@Suite(.timeLimit(.minutes(5)))
struct AccessTests {
    private static let token = "correct-horse-battery-staple"

    @Test
    func `with a token only who shows it is answered`() async throws {
        let loopback = NetworkEndpoint(host: "127.0.0.1", port: 0)
        try await RunningServer.with(.init(listen: loopback, token: Self.token)) { server in
            for header in [
                [], ["Authorization: Bearer"], ["Authorization: Bearer "], ["Authorization: \(Self.token)"],
                ["Authorization: Basic \(Self.token)"], ["Authorization: Bearer \(Self.token)x"],
                ["Authorization: Bearer \(Self.token.dropLast())"],
                ["Authorization: Bearer \(Self.token)\(Self.token)"],
                ["Authorization: Bearer \(Self.token.uppercased())"],
            ] {
                let answer = try await server.ask("/all", headers: header)
                #expect(answer.status == 401, "\(header)")
                #expect(answer.header("WWW-Authenticate") == "Bearer realm=\"tidemark\"")
                #expect(!answer.text.contains("all"))
            }
            for scheme in ["Bearer", "bearer"] {
                #expect(try await server.ask("/all", headers: ["Authorization: \(scheme) \(Self.token)"]).status == 200)
            }
            // Not even whether there is something is told to others.
            #expect(try await server.ask("/none").status == 401)
        }
    }

    @Test
    func `another token counts from the next request on`() async throws {
        let loopback = NetworkEndpoint(host: "127.0.0.1", port: 0)
        try await RunningServer.with(.init(listen: loopback, token: Self.token)) { server in
            let client = try await HTTPClient.connect(port: server.port)
            let request = "GET /part HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(Self.token)\r\n\r\n"
            client.say(request)
            let seen = try await client.until { $0.text.hasSuffix("part\n") }
            #expect(seen.status == 200)
            let other = Configuration.HTTP(listen: loopback, token: "another-token-altogether")
            server.access.replace(try HTTPAccess.Grant(other, .unused, file: "test.yaml"))
            client.say(request)
            let both = try await client.until { $0.statuses.count == 2 }
            #expect(both.statuses == [200, 401])
            try await client.close()
        }
    }

    @Test
    func `TLS carries requests and answers of any size`() async throws {
        let identities = try TestIdentities()
        let large = String(repeating: "0123456789", count: 300_000)
        try await RunningServer.with(
            identities.http(token: Self.token),
            resources: ["/large": Text(large), "/part": Text("part")]
        ) { server in
            let bearer = ["Authorization: Bearer \(Self.token)"]
            let tls = try identities.clientContext(nil)
            let answer = try await server.ask("/large", headers: bearer, tls: tls)
            #expect(answer.status == 200 && answer.body == large + "\n" && answer.fault == nil)
            #expect(try await server.ask(host: "localhost:1", headers: bearer, tls: tls).status == 200)
            #expect(try await server.ask(tls: tls).status == 401)
        }
    }

    @Test
    func `who speaks without TLS where there is TLS is not answered`() async throws {
        let identities = try TestIdentities()
        try await RunningServer.with(identities.http(token: Self.token)) { server in
            let answer = try await server.ask(headers: ["Authorization: Bearer \(Self.token)"])
            #expect(answer.status == nil && !answer.text.contains("part"), "\(answer.text)")
        }
    }

    @Test
    func `a certificate's identity sees what its allow rules let it see`() async throws {
        let identities = try TestIdentities()
        for name in ["all", "some", "nobody"] { try identities.addClient(name) }
        let feed = identities.feed(allow: [
            .init(identity: Glob("tidemark:client/all")),
            .init(identity: Glob("tidemark:client/some"), hosts: [Glob("web-*")]),
        ])
        try await RunningServer.with(identities.http(clientAuthority: true), feed: feed) { server in
            func status(_ path: String, _ client: String?) async throws -> Int? {
                try await server.ask(path, tls: try identities.clientContext(client)).status
            }
            #expect(try await status("/all", "all") == 200)
            #expect(try await status("/part", "all") == 200)
            #expect(try await status("/all", "some") == 403)
            #expect(try await status("/part", "some") == 200)
            #expect(try await status("/part", "nobody") == 403)
            let without = try await server.ask(tls: try identities.clientContext(nil))
            #expect(without.status == nil && without.fault != nil, "\(without)")
            let strangers = try TestIdentities()
            let stranger = try TLSContext(
                client: TLSIdentity(
                    certificateFile: strangers.file("client.pem"),
                    keyFile: strangers.file("client.key")
                ),
                serverTrust: TLSTrust(file: identities.file("ca.pem")),
                options: {
                    var options = TLSOptions(); options.applicationProtocols = []; return options
                }()
            )
            #expect(try await server.ask(tls: stranger).status == nil)
        }
    }

    @Test
    func `a client that is not trusted any more is refused on the connection that it has`() async throws {
        let identities = try TestIdentities()
        let others = try TestIdentities()
        let feed = identities.feed(allow: [.init(identity: Glob("*"))])
        try await RunningServer.with(identities.http(clientAuthority: true), feed: feed) { server in
            let client = try await HTTPClient.connect(port: server.port, tls: try identities.clientContext())
            client.say("GET /part HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let seen = try await client.until { $0.text.hasSuffix("part\n") }
            #expect(seen.status == 200)
            var http = identities.http(clientAuthority: true)
            http.clientAuthorityFile = others.file("ca.pem")
            server.access.replace(try HTTPAccess.Grant(http, feed, file: "test.yaml"))
            client.say("GET /part HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let both = try await client.until { $0.statuses.count == 2 }
            #expect(both.statuses == [200, 403])
            try await client.close()
        }
    }

    @Test
    func `names that our certificate is for are ours`() async throws {
        let identities = try TestIdentities()
        let grant = try HTTPAccess.Grant(identities.http(token: Self.token), .unused, file: "test.yaml")
        #expect(grant.isOurName("localhost"))
        #expect(!grant.isOurName("evil.example"))
        let rules = RequestRules(limits: WebLimits(), listenHost: "web.example.org")
        #expect(rules.isOurs("WEB.example.org:7480", grant))
        #expect(!rules.isOurs("example.org", grant))
    }
}
