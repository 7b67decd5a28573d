/// What went wrong in TLS, as a value that says who refused whom, and why.
package struct TLSError: Error, Sendable, Equatable {
    /// The case that callers branch on.
    package enum Kind: Sendable, Equatable {
        /// The peer refused us with a fatal alert: `certificate required`, `unknown ca`, `certificate expired`…
        /// In TLS 1.3 it comes to a client at its first read, after its handshake is done.
        case refusedByPeer(TLSAlert)
        /// Any other fatal alert of the peer: it could not follow what we sent.
        case alertFromPeer(TLSAlert)
        /// We refuse the peer's certificate.
        case peerNotTrusted(CertificateFault)
        /// We are the server, and the client showed no certificate.
        case noPeerCertificate
        /// The peer offers none of our application protocols (ALPN), or none at all.
        case noCommonProtocol
        /// The peer speaks no version of TLS that we allow.
        case noCommonVersion
        /// The peer's bytes are not TLS at all.
        case notTLS
        /// The peer breaks the protocol.
        case protocolViolation
        /// The connection ended without the peer's close_notify: what came before may be cut.
        case truncated
        /// A limit of `TLSLimits` is exceeded; its name is in the message.
        case limitExceeded
        /// The engine was used after its end.
        case closed
        /// A file with a certificate or a key is unusable.
        case file(path: String, FileFault)
        /// libssl refused to do what we asked: out of memory, or a broken installation.
        case library
    }

    /// Why a file is unusable.
    package enum FileFault: Sendable, Equatable {
        /// It cannot be opened or read: the system's message.
        case unreadable(String)
        /// It cannot be written: the system's message.
        case unwritable(String)
        /// It is there already, and is never overwritten.
        case exists
        /// It is larger than `TLSLimits.fileBytesMax`.
        case tooLarge
        /// It holds no PEM block of the wanted kind.
        case noCertificate
        case noPrivateKey
        case noRevocationList
        /// Its PEM block does not parse.
        case malformed
        /// The private key is locked by a passphrase, which we never ask for.
        case keyIsEncrypted
        /// The private key does not belong to the certificate in this file.
        case keyDoesNotMatch(certificate: String)
        /// The certificate ran out, or is not valid yet: seconds since the Unix epoch.
        case expired(notAfter: Int64)
        case notYetValid(notBefore: Int64)
        /// A revocation list is out of date, or not valid yet: seconds since the Unix epoch.
        case revocationListExpired(nextUpdate: Int64)
        case revocationListNotYetValid(lastUpdate: Int64)
        /// A certificate that is to be chosen by a name that the client asks for names no host.
        case noHostName
        /// The certificate is not one of an authority, which it is used as.
        case notAnAuthority
        /// A name that cannot be used in a file name or a certificate.
        case badName
    }

    package let kind: Kind
    /// libssl's own words, oldest first; empty where it had nothing to say.
    package let details: [String]

    package init(_ kind: Kind, details: [String] = []) {
        self.kind = kind
        self.details = details
    }

    /// True where one side turned the other away (exit code 77), as against a broken connection or file.
    package var isRefusal: Bool {
        switch kind {
        case .refusedByPeer, .peerNotTrusted, .noPeerCertificate, .noCommonProtocol, .noCommonVersion: true
        case .alertFromPeer, .notTLS, .protocolViolation, .truncated, .limitExceeded, .closed, .file, .library: false
        }
    }
}

extension TLSError: CustomStringConvertible {
    /// One line for people; file errors begin with the file's name.
    package var description: String {
        let told = details.isEmpty ? "" : " (\(details.joined(separator: "; ")))"
        switch kind {
        case .refusedByPeer(let alert): return "refused by the peer: alert: \(alert)"
        case .alertFromPeer(let alert): return "the peer gave up: alert: \(alert)"
        case .peerNotTrusted(let fault): return "the peer's certificate is refused: \(fault)"
        case .noPeerCertificate: return "the peer showed no certificate"
        case .noCommonProtocol: return "the peer does not offer our application protocol (ALPN)"
        case .noCommonVersion: return "the peer speaks no version of TLS that is allowed here" + told
        case .notTLS: return "the peer does not speak TLS" + told
        case .protocolViolation: return "the peer breaks the TLS protocol" + told
        case .truncated: return "the connection was cut without a close_notify"
        case .limitExceeded: return "a limit was exceeded" + told
        case .closed: return "the connection is closed"
        case .file(let path, let fault): return "\(path): \(fault)" + told
        case .library: return "libssl failed" + told
        }
    }
}

extension TLSError.FileFault: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unreadable(let reason): "cannot be read: \(reason)"
        case .unwritable(let reason): "cannot be written: \(reason)"
        case .exists: "exists already, and is not overwritten"
        case .tooLarge: "is too large for a certificate or key"
        case .noCertificate: "holds no certificate in PEM format"
        case .noPrivateKey: "holds no private key in PEM format"
        case .noRevocationList: "holds no revocation list (CRL) in PEM format"
        case .malformed: "is damaged: its PEM block does not parse"
        case .keyIsEncrypted: "the private key is locked by a passphrase; give one without"
        case .keyDoesNotMatch(let certificate): "this private key does not belong to the certificate in \(certificate)"
        case .expired(let notAfter): "the certificate expired on \(CalendarTime(secondsSinceEpoch: notAfter))"
        case .notYetValid(let notBefore):
            "the certificate is not valid before \(CalendarTime(secondsSinceEpoch: notBefore))"
        case .revocationListExpired(let nextUpdate):
            "the revocation list (CRL) expired on \(CalendarTime(secondsSinceEpoch: nextUpdate))"
        case .revocationListNotYetValid(let lastUpdate):
            "the revocation list (CRL) is not valid before \(CalendarTime(secondsSinceEpoch: lastUpdate))"
        case .noHostName: "the certificate names no host (DNS), so that no client can ask for it"
        case .notAnAuthority: "is not the certificate of an authority"
        case .badName: "is not a usable name: letters, digits, '.', '_' and '-' only, at most 64"
        }
    }
}
