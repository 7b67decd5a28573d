internal import COpenSSL

/// Whom a context trusts, at the handshake and later.
extension TLSContext {
    /// Verifies the peer, who must show a certificate, against these authorities and no others.
    func trust(_ trust: TLSTrust) throws(TLSError) {
        let store = SSL_CTX_get_cert_store(pointer)
        for authority in trust.authorities {
            guard X509_STORE_add_cert(store, authority.pointer) == 1 else {
                throw TLSError.fromLibrary("an authority is refused")
            }
            if role == .server { SSL_CTX_add_client_CA(pointer, authority.pointer) }
        }
        for list in trust.revocationLists {
            guard X509_STORE_add_crl(store, list.pointer) == 1 else {
                throw TLSError.fromLibrary("a revocation list is refused")
            }
        }
        let parameters = SSL_CTX_get0_param(pointer)
        var flags = UInt(X509_V_FLAG_PARTIAL_CHAIN)
        if !trust.revocationLists.isEmpty { flags |= UInt(X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) }
        X509_VERIFY_PARAM_set_flags(parameters, flags)
        if let time = options.verificationTime { X509_VERIFY_PARAM_set_time(parameters, Int(time)) }
        SSL_CTX_set_verify_depth(pointer, Int32(TLSLimits.chainDepthMax))
        let mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
        SSL_CTX_set_verify(pointer, mode) { accepted, store in
            guard TLSContext.verdict(accepted, store) == 1 else {
                TLSEngine.transport(ofVerification: store)?.certificateRefused(store)
                return 0
            }
            return TLSEngine.hasProtocolIfNeeded(store) ? 1 : 0
        }
    }

    /// What is wrong with the certificate of an established peer by this context's trust, which may be newer than the
    /// one that let it in: revoked since, expired since, its authority no longer trusted.
    /// - Returns: nil where it would be let in now, and where it has shown no certificate.
    package func fault(ofPeerOf engine: TLSEngine) -> CertificateFault? {
        ERR_clear_error()
        defer { ERR_clear_error() }
        guard let leaf = SSL_get0_peer_certificate(engine.ssl) else { return nil }
        guard let verification = X509_STORE_CTX_new() else { return Self.noVerdict(leaf) }
        defer { X509_STORE_CTX_free(verification) }
        let chain = SSL_get_peer_cert_chain(engine.ssl)
        guard X509_STORE_CTX_init(verification, SSL_CTX_get_cert_store(pointer), leaf, chain) == 1,
            X509_STORE_CTX_set_default(verification, role == .server ? "ssl_client" : "ssl_server") == 1,
            X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(verification), SSL_CTX_get0_param(pointer)) == 1
        else { return Self.noVerdict(leaf) }
        X509_STORE_CTX_set_verify_cb(verification) { TLSContext.verdict($0, $1) }
        return X509_verify_cert(verification) == 1 ? nil : CertificateFault(verification)
    }

    /// Where libcrypto cannot even look.
    private static func noVerdict(_ leaf: OpaquePointer) -> CertificateFault {
        CertificateFault(
            reason: .invalid,
            text: "it cannot be verified",
            subject: PeerCertificate.subject(leaf),
            depth: 0,
            certificate: PeerCertificate(leaf)
        )
    }

    /// libcrypto's verdict on one certificate, but for this: what is trusted as it stands needs no revocation list.
    private static func verdict(_ accepted: Int32, _ verification: OpaquePointer?) -> Int32 {
        guard accepted == 0, X509_STORE_CTX_get_error(verification) == X509_V_ERR_UNABLE_TO_GET_CRL,
            X509_STORE_CTX_get_error_depth(verification) == tidemark_X509_STORE_CTX_chain_count(verification) - 1
        else { return accepted }
        X509_STORE_CTX_set_error(verification, X509_V_OK)
        return 1
    }
}

extension CertificateFault {
    /// What a verification has found, at the certificate where it stands.
    init(_ verification: OpaquePointer?) {
        let code = X509_STORE_CTX_get_error(verification)
        self.init(
            reason: Reason(verificationError: code),
            text: X509_verify_cert_error_string(Int(code)).map { String(cString: $0) } ?? "error \(code)",
            subject: X509_STORE_CTX_get_current_cert(verification).map { PeerCertificate.subject($0) } ?? "",
            depth: Int(X509_STORE_CTX_get_error_depth(verification)),
            certificate: X509_STORE_CTX_get0_cert(verification).map { PeerCertificate($0) }
        )
    }
}
