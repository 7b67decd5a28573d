/// A certificate, the certificates that lead from it to an authority, and its private key. Immutable.
package final class TLSIdentity: Sendable {
    /// Reads both files; they may be the same.
    /// - Throws: `.file(path:_)` for the file at fault: unreadable, not PEM, key locked, key of another certificate.
    package init(certificateFile: String, keyFile: String) throws(TLSError) { throw TLSError(.library) }

    /// The certificate's own names and validity.
    package var certificate: PeerCertificate { preconditionFailure() }

    /// - Parameter secondsSinceEpoch: the moment to check for; nil means the system's clock now.
    /// - Throws: `.file` with `.expired` or `.notYetValid`.
    package func checkValidity(at secondsSinceEpoch: Int64? = nil) throws(TLSError) {}
}

/// The authorities whose signature we accept. Immutable.
package final class TLSTrust: Sendable {
    /// Reads every certificate of a PEM file.
    /// - Throws: `.file(path:_)`: unreadable, no certificate in it.
    package init(file: String) throws(TLSError) { throw TLSError(.library) }
}
