/// Why a peer's certificate is refused, with the certificate it is about.
package struct CertificateFault: Sendable, Equatable {
    package enum Reason: Sendable, Equatable {
        case expired
        case notYetValid
        /// Signed by an authority that we do not know.
        case unknownCA
        /// Signed by itself, and not one that we know.
        case selfSigned
        /// The server's certificate is for another host or address.
        case hostnameMismatch
        /// Not made for this use: a server's certificate shown by a client, or the reverse.
        case wrongPurpose
        case revoked
        /// Whether it was revoked cannot be known: its authority's revocation list is missing, out of date or invalid.
        case revocationUnknown
        /// The signature is wrong, or another rule of X.509 is broken.
        case invalid
    }

    package let reason: Reason
    /// libssl's words for it.
    package let text: String
    /// The subject of the certificate at fault, as `CN=…`, without control characters; empty where not known.
    package let subject: String
    /// 0 for the peer's own certificate, 1 for its issuer, and so on.
    package let depth: Int
    /// The peer's own certificate, which nothing in this fault makes trustworthy; nil where not known.
    package let certificate: PeerCertificate?

    package init(reason: Reason, text: String, subject: String, depth: Int, certificate: PeerCertificate?) {
        self.reason = reason
        self.text = text
        self.subject = subject
        self.depth = depth
        self.certificate = certificate
    }
}

extension CertificateFault: CustomStringConvertible {
    package var description: String { subject.isEmpty ? text : "\(text) (\(subject))" }
}
