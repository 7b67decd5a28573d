/// A private authority in a directory, for `tidemark cert`: `ca.pem ca.key server.pem server.key client.pem client.key`.
package struct CertificateAuthority: Sendable {
    /// What new certificates get.
    package struct Terms: Sendable, Equatable {
        /// Seconds since the Unix epoch; nil means the system's clock now.
        package var validFrom: Int64?
        package var authorityDays = 3_650
        package var leafDays = 365
        /// Names and addresses that the server's certificate is for.
        package var serverNames = ["localhost"]
        package var serverAddresses = ["127.0.0.1", "::1"]

        package init() {}
    }

    /// What a made certificate is for.
    package enum Usage: Sendable, Equatable { case server, client }

    package let directory: String

    /// Makes the directory if needed, the authority, a server identity and the client `client`.
    /// Nothing is overwritten; where any of the files exists, none is written.
    /// - Returns: the authority and the paths of the files written.
    package static func create(
        inDirectory directory: String, terms: Terms = .init()
    ) throws(TLSError) -> (authority: CertificateAuthority, files: [String]) { throw TLSError(.library) }

    /// Opens an authority that `create` made.
    package init(openingDirectory directory: String) throws(TLSError) { throw TLSError(.library) }

    /// Writes `NAME.pem` and `NAME.key` with SAN `URI:tidemark:client/NAME`, signed by the authority.
    /// - Returns: the paths of the files written.
    package func addClient(_ name: String, terms: Terms = .init()) throws(TLSError) -> [String] { [] }
}
