// A private authority in a directory, for `tidemark cert`:
//
// ```
//  ca.pem ca.key          the authority, self-signed
//  server.pem server.key  for localhost, 127.0.0.1 and ::1          (EKU serverAuth)
//  NAME.pem NAME.key      a client, SAN URI:tidemark:client/NAME    (EKU clientAuth)
// ```
// Everything is made in memory first; the files appear whole or not at all, and never in place of others.

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// A private authority in a directory: `ca.pem ca.key server.pem server.key client.pem client.key`.
package struct CertificateAuthority: Sendable {
    /// What new certificates get.
    package struct Terms: Sendable, Equatable {
        /// Seconds since the Unix epoch; nil means a minute before the system's clock now, for hosts slightly behind.
        package var validFrom: Int64?
        /// From 1 to 36,500.
        package var authorityDays = 3_650
        /// From 1 to 36,500.
        package var leafDays = 365
        /// Names and addresses that the server's certificate is for.
        package var serverNames = ["localhost"]
        package var serverAddresses = ["127.0.0.1", "::1"]

        package init() {}
    }

    package let directory: String
    private let certificate: CertificateHandle
    private let key: KeyHandle

    /// Makes the directory if needed, the authority, a server identity and the client `client`.
    /// Nothing is overwritten; where any of the files exists, none is written.
    /// - Returns: the authority and the paths of the files written.
    /// - Throws: `.file` with `.exists` or `.unwritable`.
    package static func create(
        inDirectory directory: String,
        terms: Terms = .init()
    ) throws(TLSError) -> (authority: CertificateAuthority, files: [String]) {
        let times = try Times(terms)
        let (certificate, key) = try IssuedCertificate.authority(notBefore: times.start, notAfter: times.authorityEnd)
        let authority = CertificateAuthority(directory: directory, certificate: certificate, key: key)
        var files = NewFiles(directory: directory)
        try files.add("ca.pem", PEMText.certificate(certificate), isSecret: false)
        try files.add("ca.key", PEMText.key(key), isSecret: true)
        try authority.issue(
            .server(names: terms.serverNames, addresses: terms.serverAddresses),
            "server",
            times,
            &files
        )
        try authority.issue(.client(name: "client"), "client", times, &files)
        try NewFiles.makeDirectory(directory)
        return (authority, try files.write())
    }

    /// Opens an authority that `create` made.
    /// - Throws: `.file`: missing, damaged, not matching, or not an authority.
    package init(openingDirectory directory: String) throws(TLSError) {
        let identity = try TLSIdentity(certificateFile: directory + "/ca.pem", keyFile: directory + "/ca.key")
        guard IssuedCertificate.isAuthority(identity.leaf) else {
            throw TLSError(.file(path: directory + "/ca.pem", .notAnAuthority))
        }
        self.init(directory: directory, certificate: identity.leaf, key: identity.key)
    }

    private init(directory: String, certificate: CertificateHandle, key: KeyHandle) {
        self.directory = directory
        self.certificate = certificate
        self.key = key
    }

    /// Writes `NAME.pem` and `NAME.key` with SAN `URI:tidemark:client/NAME`, signed by the authority.
    /// - Returns: the paths of the files written.
    /// - Throws: `.file` with `.badName`, `.exists` or `.unwritable`.
    package func addClient(_ name: String, terms: Terms = .init()) throws(TLSError) -> [String] {
        guard Self.isUsable(name) else { throw TLSError(.file(path: name, .badName)) }
        var files = NewFiles(directory: directory)
        try issue(.client(name: name), name, try Times(terms), &files)
        return try files.write()
    }

    private func issue(
        _ subject: IssuedCertificate.Subject,
        _ fileName: String,
        _ times: Times,
        _ files: inout NewFiles
    ) throws(TLSError) {
        let (leaf, leafKey) = try IssuedCertificate.leaf(
            subject,
            issuer: certificate,
            issuerKey: key,
            notBefore: times.start,
            notAfter: times.leafEnd
        )
        try files.add(fileName + ".pem", PEMText.certificate(leaf), isSecret: false)
        try files.add(fileName + ".key", PEMText.key(leafKey), isSecret: true)
    }

    /// A name that is safe in a file name, in a URI and in libcrypto's extension syntax.
    private static func isUsable(_ name: String) -> Bool {
        guard (1...64).contains(name.utf8.count), name.first != ".", name.first != "-" else { return false }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }

    /// Validity in seconds since the Unix epoch.
    private struct Times {
        let start: Int64
        let authorityEnd: Int64
        let leafEnd: Int64

        init(_ terms: Terms) throws(TLSError) {
            let start = terms.validFrom ?? Int64(time(nil)) - 60
            guard (1...36_500).contains(terms.authorityDays), (1...36_500).contains(terms.leafDays),
                (0...200_000_000_000).contains(start)
            else { throw TLSError(.library, details: ["validity out of range"]) }
            self.start = start
            authorityEnd = start + Int64(terms.authorityDays) * 86_400
            leafEnd = start + Int64(terms.leafDays) * 86_400
        }
    }
}
