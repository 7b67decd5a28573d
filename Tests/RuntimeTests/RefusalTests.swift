import ConfigurationFile
import Dispatch
import NIOCore
import NIOPosix
import Testing

@testable import Runtime

/// Who is turned away is told so, every time: no reset of TCP may overtake the alert or the answer.
@Suite(.timeLimit(.minutes(1)))
struct RefusalTests {
    private static let attempts = 5

    private func expectRefused(
        _ feed: HandFedFeed,
        _ client: String?,
        trusting authority: TestIdentities? = nil,
        of identities: TestIdentities? = nil,
        host: String = "localhost",
        says words: String
    ) async throws {
        for _ in 0..<Self.attempts {
            let subscriber = TestSubscriber(
                address: RelayAddress(host: host, port: feed.port),
                tls: try (identities ?? feed.identities).clientContext(client, trusting: authority)
            )
            let end = await subscriber.end
            guard case .refused(let text) = end else {
                Issue.record("not refused, but \(end)")
                return
            }
            #expect(text.contains(words))
        }
        // Whom it should let in, it still does.
        let welcome = try feed.subscribe()
        await welcome.recorder.until { $0.isWelcomed }
        try await feed.stop()
    }

    @Test
    func `a client without a certificate`() async throws {
        try await expectRefused(try await HandFedFeed(), nil, says: "certificate required")
    }

    @Test
    func `the alert arrives although the client talks on before it reads`() async throws {
        let feed = try await HandFedFeed { $0.linger = .seconds(30) }
        let isDropped = DispatchSemaphore(value: 0)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let dropped = Task {
            await feed.log.until { $0.contains { $0.hasPrefix("subscriber dropped") } }
            // What the feed does at once about it is done. A socket that is closed would answer more bytes with a
            // reset.
            try await feed.hub.loop.submit {}.get()
            isDropped.signal()
        }
        // From its handshake on the peer's loop stands still, and so may whoever waits for its connection.
        let peer = try await RawPeer(
            port: feed.port,
            tls: try feed.identities.clientContext(nil),
            on: group,
            interlude: { isDropped.wait() }
        )
        try await dropped.value
        let seen = await peer.recorder.until { $0.isClosed && $0.writes.count == 10 }
        #expect(seen.fault?.contains("certificate required") == true)
        #expect(!seen.writes.contains(false))
        try await feed.stop()
        try await group.shutdownGracefully()
    }

    @Test
    func `a client whose certificate ran out`() async throws {
        let feed = try await HandFedFeed()
        try feed.identities.addExpiredClient("old")
        try await expectRefused(feed, "old", says: "certificate expired")
    }

    @Test
    func `a client of another authority`() async throws {
        let feed = try await HandFedFeed()
        let others = try TestIdentities()
        try await expectRefused(feed, "client", trusting: feed.identities, of: others, says: "unknown ca")
    }

    @Test
    func `a client that no rule names`() async throws {
        let feed = try await HandFedFeed(allow: ["tidemark:client/client"])
        try feed.identities.addClient("nobody")
        try await expectRefused(feed, "nobody", says: "no allow rule names this subscriber")
    }

    @Test
    func `a server of another authority is refused by the client`() async throws {
        let feed = try await HandFedFeed()
        try await expectRefused(feed, "client", trusting: try TestIdentities(), says: "certificate is refused")
    }

    @Test
    func `a server of another name is refused by the client`() async throws {
        try await expectRefused(try await HandFedFeed(), "client", host: "127.0.0.1", says: "mismatch")
    }

    @Test
    func `all that is wrong with certificates is said, with the key that names them`() throws {
        let identities = try TestIdentities()
        var feed = identities.feed(allow: [])
        #expect(FeedCredentials.problems(of: feed, file: "t.yaml").isEmpty)
        feed.keyFile = identities.file("client.key")
        feed.clientAuthorityFile = identities.file("no.pem")
        #expect(
            FeedCredentials.problems(of: feed, file: "t.yaml").map { "\($0)" } == [
                "t.yaml: feed.key: \(feed.keyFile): this private key does not belong to the certificate in "
                    + feed.certificateFile,
                "t.yaml: feed.client-ca: \(feed.clientAuthorityFile): cannot be read: No such file or directory",
            ]
        )
        try identities.addExpiredClient("old")
        feed = identities.feed(allow: [])
        feed.certificateFile = identities.file("old.pem")
        feed.keyFile = identities.file("old.key")
        let problems = FeedCredentials.problems(of: feed, file: "t.yaml")
        #expect(problems.map(\.key) == ["feed.certificate"])
        #expect(problems.allSatisfy { $0.message.contains("expired on") })
    }

    @Test
    func `what is shown to another coordinator is looked at as well, with the key that names it`() throws {
        let identities = try TestIdentities()
        func problems(_ authority: String, _ certificate: String, _ key: String) throws -> [String] {
            let credentials = Configuration.Credentials(
                authorityFile: identities.file(authority),
                certificateFile: identities.file(certificate),
                keyFile: identities.file(key)
            )
            let configuration = Configuration(
                relays: [
                    Configuration.Relay(name: "plain", url: try SourceURL("net://a")),
                    Configuration.Relay(name: "feed", url: try SourceURL("tls://b:1"), credentials: credentials),
                ],
                order: .init(),
                feed: identities.feed(allow: []),
                log: .init(),
                http: nil,
                live: nil,
                forward: []
            )
            return ClientCredentials.problems(of: configuration, file: "t.yaml").map(\.key)
        }
        try identities.addExpiredClient("old")
        #expect(try problems("ca.pem", "client.pem", "client.key") == [])
        #expect(try problems("no.pem", "client.pem", "client.key") == ["relays[1].ca"])
        #expect(try problems("ca.pem", "no.pem", "client.key") == ["relays[1].certificate"])
        #expect(try problems("ca.pem", "client.pem", "server.key") == ["relays[1].key"])
        #expect(try problems("ca.pem", "old.pem", "old.key") == ["relays[1].certificate"])
    }
}
