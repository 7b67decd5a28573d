import Foundation
import Runtime
import TLS

/// A directory that goes with its owner.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/tidemark-runtime-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { "\(path)/\(name)" }
}

/// An authority, a server for `localhost` only, and clients.
final class TestIdentities: Sendable {
    let directory: TemporaryDirectory
    private let authority: CertificateAuthority

    init() throws {
        directory = try TemporaryDirectory()
        var terms = CertificateAuthority.Terms()
        terms.serverAddresses = []
        authority = try CertificateAuthority.create(inDirectory: directory.path, terms: terms).authority
    }

    func file(_ name: String) -> String { directory.file(name) }

    /// Another client of the same authority.
    func addClient(_ name: String) throws { _ = try authority.addClient(name) }

    /// A client whose certificate ran out long ago.
    func addExpiredClient(_ name: String) throws {
        var terms = CertificateAuthority.Terms()
        terms.validFrom = 1_000_000_000
        terms.leafDays = 1
        _ = try authority.addClient(name, terms: terms)
    }

    /// - Parameters:
    ///   - client: nil shows no certificate.
    ///   - authority: whom the client trusts; nil: this one.
    func clientContext(_ client: String? = "client", trusting authority: TestIdentities? = nil) throws -> TLSContext {
        let identity = try client.map {
            try TLSIdentity(certificateFile: file("\($0).pem"), keyFile: file("\($0).key"))
        }
        return try TLSContext(client: identity, serverTrust: try TLSTrust(file: (authority ?? self).file("ca.pem")))
    }
}
