import ConfigurationFile
import Feed
import Logging
import TLS
import Testing

@testable import Runtime

/// Who may ask by HTTP, as the configuration and its files change.
struct HTTPAccessTests {
    private let identities: TestIdentities

    init() throws { identities = try TestIdentities() }

    private func configuration(_ http: Configuration.HTTP?) -> Configuration {
        Configuration(
            relays: [],
            order: .init(),
            feed: identities.feed(allow: ["*"]),
            log: .init(),
            http: http,
            live: nil,
            forward: []
        )
    }

    private var protected: Configuration.HTTP {
        Configuration.HTTP(
            listen: NetworkEndpoint(host: "0.0.0.0", port: 7480),
            certificate: .init(
                certificateFile: identities.file("server.pem"),
                keyFile: identities.file("server.key")
            ),
            clientAuthorityFile: identities.file("ca.pem")
        )
    }

    private func settings(_ configuration: Configuration) throws -> LiveSettings {
        try LiveSettings(
            configuration,
            file: "test.yaml",
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    @Test
    func `what protects it is taken over, where it listens waits for the next start`() throws {
        let old = configuration(protected)
        var new = old
        new.http?.clientAuthorityFile = nil
        new.http?.token = "0123456789abcdef"
        let difference = ConfigurationDifference(from: old, to: new)
        #expect(difference.applied == ["http.client-ca", "http.token"] && difference.deferred.isEmpty)
        #expect(difference.result == new)
    }

    /// What loopback may do without would be without it everywhere.
    @Test
    func `what is meant for another address protects only that one`() throws {
        let old = configuration(protected)
        let loopback = Configuration.HTTP(listen: NetworkEndpoint(host: "127.0.0.1", port: 7480))
        for http in [loopback, nil] {
            let difference = ConfigurationDifference(from: old, to: configuration(http))
            #expect(difference.applied.isEmpty && difference.deferred == ["http"])
            #expect(difference.result == old)
        }
        let settings = try settings(old)
        let tls = try #require(settings.http?.current.tls)
        try settings.reload(configuration(loopback))
        #expect(settings.http?.current.tls != nil)
        #expect(settings.http?.current.admits(nil, authorization: nil) == .forbidden)
        #expect(tls !== settings.http?.current.tls, "it was not read again")
        #expect(try self.settings(configuration(nil)).http == nil)
    }

    @Test
    func `a file that cannot be used is named by its key, and changes nothing`() throws {
        let settings = try settings(configuration(protected))
        let tls = settings.http?.current.tls
        let changes: [(String, (inout Configuration.HTTP) -> Void)] = [
            ("http.certificate", { $0.certificate?.certificateFile = "/nowhere.pem" }),
            ("http.key", { $0.certificate?.keyFile = self.identities.file("client.key") }),
            ("http.client-ca", { $0.clientAuthorityFile = self.identities.file("server.key") }),
            ("http.crl[0]", { $0.revocationListFiles = ["/nowhere.crl"] }),
        ]
        for (key, change) in changes {
            var http = protected
            change(&http)
            let error = #expect(throws: CredentialsError.self) { try settings.reload(configuration(http)) }
            let keys = error?.problems.map(\.key) ?? []
            #expect(keys == [key])
            #expect(settings.http?.current.tls === tls)
            let problems = HTTPAccess.problems(of: configuration(http), file: "test.yaml")
            #expect(problems.map(\.key) == keys)
        }
        #expect(HTTPAccess.problems(of: configuration(protected), file: "test.yaml").isEmpty)
        #expect(HTTPAccess.problems(of: configuration(nil), file: "test.yaml").isEmpty)
    }

    @Test
    func `its certificates are among those that run out, and what the feed has as well is there once`() throws {
        let feedOnly = try settings(configuration(nil)).expiries.map(\.file)
        #expect(feedOnly.contains(identities.file("server.pem")))
        #expect(try settings(configuration(protected)).expiries.map(\.file) == feedOnly)
        var http = protected
        http.certificate?.certificateFile = identities.file("client.pem")
        http.certificate?.keyFile = identities.file("client.key")
        #expect(try settings(configuration(http)).expiries.map(\.file) == feedOnly + [identities.file("client.pem")])
    }
}
