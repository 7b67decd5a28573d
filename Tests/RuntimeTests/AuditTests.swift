import ConfigurationFile
import NIOCore
import TLS
import Testing

@testable import Runtime

/// Each connection leaves its trace in the log: that it was let in or refused, and that it is over.
@Suite(.timeLimit(.minutes(1)))
struct AuditTests {
    private func lines(_ feed: HandFedFeed, _ kind: String) -> [String] {
        feed.log.seen.filter { $0.contains("audit=\(kind)") }
    }

    @Test
    func `a peer is named as people write addresses`() throws {
        #expect(try SocketAddress(ipAddress: "10.0.0.5", port: 41234).hostAndPort == "10.0.0.5:41234")
        #expect(try SocketAddress(ipAddress: "2001:db8::7", port: 1).hostAndPort == "[2001:db8::7]:1")
        #expect(try SocketAddress(unixDomainSocketPath: "/x").hostAndPort == "?")
    }

    @Test
    func `who is let in and leaves is named twice, with its certificate`() async throws {
        let feed = try await HandFedFeed()
        let certificate = try TLSIdentity(
            certificateFile: feed.identities.file("client.pem"),
            keyFile: feed.identities.file("client.key")
        ).certificate
        let one = try feed.subscribe()
        await one.recorder.until { $0.isWelcomed }
        one.stop()
        await feed.log.until { $0.contains { $0.contains("audit=leave") } }
        for line in [try #require(lines(feed, "connect").first), try #require(lines(feed, "leave").first)] {
            #expect(line.contains("identity=tidemark:client/client"), "\(line)")
            #expect(line.contains("serial=\(certificate.serialNumber)"), "\(line)")
            #expect(line.contains("fingerprint=\(certificate.fingerprint)"), "\(line)")
            #expect(line.contains("peer=127.0.0.1:"), "\(line)")
        }
        #expect(lines(feed, "connect").count == 1 && lines(feed, "leave").count == 1)
        #expect(lines(feed, "refuse").isEmpty)
        try await feed.stop()
    }

    @Test
    func `who is refused is named once, with what it has shown`() async throws {
        let feed = try await HandFedFeed(allow: ["tidemark:client/client"])
        try feed.identities.addExpiredClient("old")
        try feed.identities.addClient("nobody")
        for name in ["old", "nobody"] {
            guard case .refused = await (try feed.subscribe(as: name)).end else {
                Issue.record("\(name) was let in")
                continue
            }
        }
        let refused = lines(feed, "refuse")
        #expect(refused.count == 2)
        let serials = try ["old", "nobody"].map { name in
            try TLSIdentity(
                certificateFile: feed.identities.file("\(name).pem"),
                keyFile: feed.identities.file("\(name).key")
            ).certificate.serialNumber
        }
        #expect(refused.first?.contains("certificate has expired") == true)
        #expect(refused.last?.contains("reason=forbidden: no allow rule names this subscriber") == true)
        for (line, serial) in zip(refused, serials) { #expect(line.contains("serial=\(serial)"), "\(line)") }
        #expect(refused.first?.contains("identity=tidemark:client/old") == true)
        try await feed.stop()
        #expect(lines(feed, "leave").isEmpty && lines(feed, "connect").isEmpty)
    }

    @Test
    func `at the end of the feed each subscriber has left`() async throws {
        let feed = try await HandFedFeed()
        let some = try (0..<3).map { _ in try feed.subscribe() }
        for one in some { await one.recorder.until { $0.isWelcomed } }
        try await feed.stop()
        #expect(lines(feed, "connect").count == 3)
        #expect(lines(feed, "leave").count { $0.contains("reason=the feed ends") } == 3)
    }
}
