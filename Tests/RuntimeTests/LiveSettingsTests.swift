import Configuration
import Foundation
import Logging
import NIOCore
import TLS
import Testing

@testable import Runtime

/// Certificates that change while the feed runs.
@Suite(.timeLimit(.minutes(1)))
struct LiveSettingsTests {
    private let identities: TestIdentities
    private let log = Recorder<[String]>([])
    private let settings: LiveSettings

    init() throws {
        identities = try TestIdentities()
        let log = log
        settings = try LiveSettings(
            Self.configuration(identities.feed(allow: ["*"])),
            file: "test.yaml",
            logger: Logger(label: "test") { _ in LogBox(log) }
        )
    }

    private static func configuration(_ feed: Configuration.Feed) -> Configuration {
        Configuration(
            relays: [],
            order: .init(),
            feed: feed,
            log: .init(),
            http: nil,
            live: nil,
            forward: []
        )
    }

    /// The certificate that connections are shown now.
    private var plain: Int64? { settings.access.current.credentials.expiries.first?.secondsSinceEpoch }

    private func copy(_ name: String, of others: TestIdentities, to target: String? = nil) throws {
        let file = identities.file(target ?? name)
        try FileManager.default.removeItem(atPath: file)
        try FileManager.default.copyItem(atPath: others.file(name), toPath: file)
    }

    @Test
    func `files that have not changed are not read again`() {
        let before = settings.access.current.tls
        settings.lookAtFiles()
        #expect(settings.access.current.tls === before)
        #expect(log.seen.isEmpty)
    }

    @Test
    func `a certificate and its key that are replaced one by one are taken over when both are there`() throws {
        let others = try TestIdentities()
        let before = settings.access.current.tls
        try copy("server.pem", of: others)
        settings.lookAtFiles()
        #expect(settings.access.current.tls === before)
        let line = try #require(log.seen.last)
        #expect(line.hasPrefix("changed certificates cannot be used, those in use stay"))
        #expect(line.contains("test.yaml: feed.key: "), "\(line)")
        try copy("server.key", of: others)
        settings.lookAtFiles()
        #expect(settings.access.current.tls !== before)
        #expect(log.seen.contains { $0.hasPrefix("certificates are reloaded: their files have changed") })
    }

    @Test
    func `a file that goes away changes nothing, and is taken over when it is back`() throws {
        let before = settings.access.current.tls
        let file = identities.file("ca.pem")
        let text = try Data(contentsOf: URL(fileURLWithPath: file))
        try FileManager.default.removeItem(atPath: file)
        settings.lookAtFiles()
        #expect(settings.access.current.tls === before)
        try text.write(to: URL(fileURLWithPath: file))
        settings.lookAtFiles()
        #expect(settings.access.current.tls !== before)
    }

    @Test
    func `a certificate that is about to run out is said to be`() throws {
        var terms = CertificateAuthority.Terms()
        terms.leafDays = 10
        let directory = try TemporaryDirectory()
        _ = try CertificateAuthority.create(inDirectory: directory.path, terms: terms)
        var feed = identities.feed(allow: ["*"])
        feed.certificates = [
            .init(certificateFile: directory.file("server.pem"), keyFile: directory.file("server.key"))
        ]
        try settings.reload(Self.configuration(feed))
        let soon = log.seen.filter { $0.hasPrefix("certificate is about to run out") }
        #expect(soon.count == 1)
        #expect(soon.first?.contains("days=9 path=\(directory.file("server.pem"))") == true, "\(soon)")
        #expect(log.seen.contains { $0.hasPrefix("certificate is good") && $0.contains("days=364") })
    }

    @Test
    func `who is not trusted any more is out at once, and others stay`() async throws {
        let feed = try await HandFedFeed()
        let others = try TestIdentities()
        // Both authorities are trusted first.
        let both = try ["ca.pem"].flatMap { name in
            try [feed.identities, others].map { try String(contentsOfFile: $0.file(name), encoding: .utf8) }
        }
        try both.joined(separator: "\n").write(
            toFile: feed.identities.file("both.pem"),
            atomically: true,
            encoding: .utf8
        )
        var section = feed.identities.feed(allow: ["*"])
        section.clientAuthorityFile = feed.identities.file("both.pem")
        feed.access.replace(try FeedAccess.Grant(section, file: "test.yaml"))
        let ours = try feed.subscribe()
        let theirs = TestSubscriber(
            address: feed.address,
            tls: try others.clientContext(trusting: feed.identities)
        )
        await ours.recorder.until { $0.isWelcomed }
        await theirs.recorder.until { $0.isWelcomed }
        section.clientAuthorityFile = feed.identities.file("ca.pem")
        feed.access.replace(try FeedAccess.Grant(section, file: "test.yaml"))
        feed.hub.accessHasChanged()
        #expect(await theirs.end == .unreachable("the coordinator closed the connection"))
        #expect(feed.log.seen.contains { $0.contains("its certificate is not accepted any more") })
        feed.publish(1...2)
        await ours.recorder.until { $0.numbers == [1, 2] }
        try await feed.stop()
    }
}
