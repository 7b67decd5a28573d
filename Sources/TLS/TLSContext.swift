/// Settings that servers and clients share.
package struct TLSOptions: Sendable, Equatable {
    /// ALPN, by preference; the peer must agree on one. Empty: ALPN is not used.
    package var applicationProtocols = ["tidemark/1"]
    /// TLS 1.2 is accepted too; 1.3 is preferred.
    package var allowsTLS12 = false
    /// The moment that certificates are checked for, in seconds since the Unix epoch; nil means the system's clock.
    package var verificationTime: Int64?
    package var limits = TLSLimits()

    package init() {}
}

/// One role with its identity and trust, from which the engines of connections are made.
/// Immutable and safe to share between threads; a reload makes a new one, and engines keep the one they came from.
package final class TLSContext: Sendable {
    package enum Role: Sendable { case server, client }
    package let role: Role
    package let options: TLSOptions

    /// - Parameter clientTrust: who may connect; nil asks no certificate of clients (then `peerCertificate` is nil).
    package init(
        server identity: TLSIdentity, clientTrust: TLSTrust?, options: TLSOptions = .init()
    ) throws(TLSError) { throw TLSError(.library) }

    /// - Parameter identity: shown to servers that ask for a certificate; nil shows none.
    package init(
        client identity: TLSIdentity?, serverTrust: TLSTrust, options: TLSOptions = .init()
    ) throws(TLSError) { throw TLSError(.library) }
}
