import ConfigurationFile
import Foundation
import Runtime
import TLS

/// An authority, a server for `localhost`, and clients, in a directory that goes with its owner.
final class TestIdentities: Sendable {
    private let path: String
    private let authority: CertificateAuthority

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/tidemark-web-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        authority = try CertificateAuthority.create(inDirectory: path).authority
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Another client of the same authority.
    func addClient(_ name: String) throws { _ = try authority.addClient(name) }

    /// - Parameter client: nil shows no certificate.
    func clientContext(_ client: String? = "client") throws -> TLSContext {
        let identity = try client.map {
            try TLSIdentity(certificateFile: file("\($0).pem"), keyFile: file("\($0).key"))
        }
        var options = TLSOptions()
        options.applicationProtocols = []
        return try TLSContext(client: identity, serverTrust: try TLSTrust(file: file("ca.pem")), options: options)
    }

    /// HTTP on loopback with the server's certificate.
    func http(clientAuthority: Bool = false, token: String? = nil) -> Configuration.HTTP {
        Configuration.HTTP(
            listen: NetworkEndpoint(host: "127.0.0.1", port: 0),
            certificate: .init(certificateFile: file("server.pem"), keyFile: file("server.key")),
            clientAuthorityFile: clientAuthority ? file("ca.pem") : nil,
            token: token
        )
    }

    func feed(allow: [Configuration.AllowRule] = []) -> Configuration.Feed {
        Configuration.Feed(
            listen: NetworkEndpoint(host: "127.0.0.1", port: 0),
            certificateFile: file("server.pem"),
            keyFile: file("server.key"),
            clientAuthorityFile: file("ca.pem"),
            allow: allow
        )
    }
}
