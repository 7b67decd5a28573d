internal import COpenSSL

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// A certificate, the certificates that lead from it to an authority, and its private key. Immutable.
package final class TLSIdentity: Sendable {
    let leaf: CertificateHandle
    /// Sent after the leaf.
    let intermediates: [CertificateHandle]
    let key: KeyHandle
    package let certificateFile: String
    /// The certificate's own names and validity.
    package let certificate: PeerCertificate

    /// Reads both files; they may be the same.
    /// - Throws: `.file(path:_)` for the file at fault: unreadable, not PEM, key locked, key of another certificate.
    package init(certificateFile: String, keyFile: String) throws(TLSError) {
        let chain = try PEMFile(certificateFile).certificates()
        let keyText = try PEMFile(keyFile)
        let key = try keyText.privateKey()
        let leaf = chain[0]
        guard X509_check_private_key(leaf.pointer, key.pointer) == 1 else {
            ERR_clear_error()
            throw keyText.fault(.keyDoesNotMatch(certificate: certificateFile))
        }
        self.leaf = leaf
        self.key = key
        self.certificateFile = certificateFile
        intermediates = Array(chain.dropFirst())
        certificate = PeerCertificate(leaf.pointer)
    }

    /// Whether the certificate is for a host of that name: one of its DNS names, case aside, or one with `*` in place
    /// of the first label.
    func isFor(host: String) -> Bool {
        certificate.dnsNames.contains { HostName.matches($0, host) }
    }

    /// A server or a client may start with a certificate that ran out, but its peers will refuse it: check first.
    /// - Parameter secondsSinceEpoch: the moment to check for; nil means the system's clock now.
    /// - Throws: `.file` with `.expired` or `.notYetValid`.
    package func checkValidity(at secondsSinceEpoch: Int64? = nil) throws(TLSError) {
        let moment = secondsSinceEpoch ?? Int64(time(nil))
        if moment > certificate.notAfter {
            throw TLSError(.file(path: certificateFile, .expired(notAfter: certificate.notAfter)))
        }
        if moment < certificate.notBefore {
            throw TLSError(.file(path: certificateFile, .notYetValid(notBefore: certificate.notBefore)))
        }
    }
}
