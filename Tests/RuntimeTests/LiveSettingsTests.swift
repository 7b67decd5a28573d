import ConfigurationFile
import Coordinator
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

    // MARK: What forwarders show

    /// Checks as the forwarders do, and counts how often they are given what they have.
    private final class CountedForwarding: FeedForwarding {
        let renewals = Recorder(0)

        func check(_ forward: [Configuration.Forwarder], file: String) throws(CredentialsError) {
            let problems = ForwarderChecks.problems(of: forward, file: file)
            guard problems.isEmpty else { throw CredentialsError(problems: problems) }
        }

        func begin(_ forward: [Configuration.Forwarder], _ source: FeedSource) {}
        func replace(_ forward: [Configuration.Forwarder]) { renewals.update { $0 += 1 } }

        func snapshots(on loop: any EventLoop) -> EventLoopFuture<[ForwarderSnapshot]> {
            loop.makeSucceededFuture([])
        }

        func finish() async {}
    }

    @Test
    func `certificates of forwarders are watched like those of the feed, and neither waits for the other`() throws {
        let theirs = try TestIdentities()
        let forwarding = CountedForwarding()
        var configuration = Self.configuration(identities.feed(allow: ["*"]))
        let tls = Configuration.ClientTLS(
            authorityFile: theirs.file("ca.pem"),
            certificate: .init(certificateFile: theirs.file("client.pem"), keyFile: theirs.file("client.key"))
        )
        let endpoint = NetworkEndpoint(host: "localhost", port: 1)
        configuration.forward = [
            .init(name: "otel", collector: .otlp(.init(endpoint: endpoint, tls: tls))),
            .init(name: "siem", collector: .syslog(.init(endpoint: endpoint, tls: tls))),
        ]
        let log = log
        let settings = try LiveSettings(
            configuration,
            file: "test.yaml",
            forwarding: forwarding,
            logger: Logger(label: "test") { _ in LogBox(log) }
        )
        // Of a file that two of them show, once.
        #expect(settings.expiries.map(\.file) == [identities.file("server.pem"), theirs.file("client.pem")])
        let before = settings.expiries
        settings.lookAtFiles()
        #expect(forwarding.renewals.seen == 0)

        let others = try TestIdentities()
        func replace(_ name: String) throws {
            try FileManager.default.removeItem(atPath: theirs.file(name))
            try FileManager.default.copyItem(atPath: others.file(name), toPath: theirs.file(name))
        }
        // One by one; meanwhile the feed's own are replaced.
        try replace("client.pem")
        try copy("ca.pem", of: others)
        let grant = settings.access.current.tls
        settings.lookAtFiles()
        #expect(forwarding.renewals.seen == 0 && settings.access.current.tls !== grant)
        #expect(log.seen.contains { $0.contains("test.yaml: forward[0].key: ") }, "\(log.seen)")
        #expect(settings.expiries.map(\.secondsSinceEpoch) == before.map(\.secondsSinceEpoch))
        // And the other way round.
        try copy("server.pem", of: others)
        try replace("client.key")
        let same = settings.access.current.tls
        settings.lookAtFiles()
        #expect(forwarding.renewals.seen == 1 && settings.access.current.tls === same)
        #expect(
            log.seen.contains {
                $0.hasPrefix("certificates are reloaded: their files have changed")
                    && $0.contains(theirs.file("client.key"))
            }
        )
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

    @Test
    func `what one identity may use, and what is kept, changes for whoever is there`() async throws {
        let feed = try await HandFedFeed()
        let one = try feed.subscribe()
        await one.recorder.until { $0.isWelcomed }
        feed.publish(1...200, paddingBytes: 8 << 10)
        await one.recorder.until { $0.numbers.last == 200 }
        feed.hub.reconfigure(log: .init(retainBytes: 128 << 10), limits: .init(connections: 2))
        feed.publish(201...400, paddingBytes: 8 << 10)
        await one.recorder.until { $0.numbers.last == 400 }
        let two = try feed.subscribe()
        let seen = await two.recorder.until { $0.numbers.last == 400 }
        #expect(try #require(seen.numbers.first) > 300)
        guard case .unreachable(let reason) = await (try feed.subscribe()).end else {
            Issue.record("a third subscriber of the same identity was let in")
            return
        }
        #expect(reason.contains("as many subscribers as it may, 2"), "\(reason)")
        try await feed.stop()
    }

    // MARK: What changes, and what waits

    private func relay(_ name: String, _ url: String, _ change: (inout Configuration.Relay) -> Void = { _ in }) throws
        -> Configuration.Relay
    {
        var relay = Configuration.Relay(name: name, url: try SourceURL(url))
        change(&relay)
        return relay
    }

    @Test
    func `another coordinator's feed that moves, or is shown other certificates, is the same source`() throws {
        func feed(_ url: String, _ certificate: String) throws -> Configuration.Relay {
            try relay("f", url) {
                $0.credentials = .init(authorityFile: "ca", certificateFile: certificate, keyFile: "k")
            }
        }
        var old = Self.configuration(identities.feed(allow: ["*"]))
        old.relays = [try feed("tls://a:1", "c")]
        for (source, isSame) in [
            (try feed("tls://b:2", "c"), true), (try feed("tls://a:1", "d"), true),
            (try relay("f", "net://a:1"), false),
        ] {
            var new = old
            new.relays = [source]
            let difference = ConfigurationDifference(from: old, to: new)
            #expect(difference.applied == ["relays.f.url"])
            let isMove = difference.changes.map { if case .move = $0 { true } else { false } }
            #expect(isMove == (isSame ? [true] : [false, false]))
        }
    }

    @Test
    func `a difference names what is taken over and what waits for the next start`() throws {
        var old = Self.configuration(identities.feed(allow: ["*"]))
        old.relays = [
            try relay("same", "net://a"), try relay("gone", "net://b"), try relay("moved", "net://c"),
            try relay("shown", "net://d"), try relay("shifted", "net://e"),
        ]
        var new = old
        new.relays = [
            try relay("shifted", "net://e") { $0.clockOffsetNs = 5 }, try relay("same", "net://a"),
            try relay("moved", "net://c:1"), try relay("new", "net://f"),
            try relay("shown", "net://d") { $0.sessions = [Glob("x")] },
        ]
        new.order.stallAfter = .never
        new.log.retainBytes = 5
        new.feed.limits.connections = 7
        new.feed.limits.bufferBytes = 1
        new.feed.listen = NetworkEndpoint(host: "h", port: 1)
        let difference = ConfigurationDifference(from: old, to: new)
        #expect(
            difference.applied == [
                "relays.gone: removed", "relays.moved.url", "relays.new: added", "relays.shown: sessions",
                "order.stall-after", "log.retain-bytes", "feed.limits.connections",
            ]
        )
        #expect(difference.deferred == ["relays.shifted.clock-offset", "feed.limits.buffer", "feed.listen"])
        let words = difference.changes.map { change in
            switch change {
            case .remove(let name, _): "-\(name)"
            case .add(let source, let address): "+\(source.name)@\(address.address.port)"
            case .move(let source, let address): "=\(source.name)@\(address.address.port)"
            case .sessions(let name, _, _): "~\(name)"
            case .stallAfter(let limitNs): "stall \(limitNs.map(String.init) ?? "never")"
            }
        }
        #expect(words == ["-gone", "-moved", "+moved@1", "+new@5344", "~shown", "stall never"])
        // What waits still waits when the same file is read again.
        let again = ConfigurationDifference(from: difference.result, to: new)
        #expect(again.applied.isEmpty && again.changes.isEmpty)
        #expect(again.deferred == difference.deferred)
    }

    @Test
    func `a log elsewhere is for the next start, with all that is said of it`() {
        let old = Self.configuration(identities.feed(allow: ["*"]))
        var new = old
        new.log = .init(directory: "/d", sync: .always)
        let difference = ConfigurationDifference(from: old, to: new)
        #expect(difference.applied.isEmpty && difference.deferred == ["log.directory"])
        #expect(difference.result == old)
    }
}
