internal import COpenSSL

extension TLSEngine {
    /// What a call of libssl that did not succeed means for us.
    enum Outcome {
        /// It needs more bytes from the peer.
        case incomplete
        /// The peer said close_notify.
        case ended
        case failed(TLSError)
    }

    /// Enters the failed state. - Returns: the error, to be thrown.
    func fail(_ error: TLSError) -> TLSError {
        state = .failed(error)
        return error
    }

    /// Whom a client expects: the certificate must be for this name or address. Without one nothing would be checked.
    func expectServer(_ name: String) throws(TLSError) {
        var name = name
        if name.hasSuffix(".") { name.removeLast() }
        guard !name.isEmpty, name.utf8.count <= 255, !name.utf8.contains(0) else {
            throw TLSError(.library, details: ["no usable server name"])
        }
        let parameters = SSL_get0_param(ssl)
        if X509_VERIFY_PARAM_set1_ip_asc(parameters, name) == 1 { return }
        ERR_clear_error()  // it is not an address
        X509_VERIFY_PARAM_set_hostflags(parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        guard X509_VERIFY_PARAM_set1_host(parameters, name, name.utf8.count) == 1,
            tidemark_SSL_set_host_name(ssl, name) == 1
        else { throw TLSError.fromLibrary("the server's name is refused") }
    }

    /// Goes on with the handshake as far as the bytes that are there allow.
    func advanceHandshake() throws(TLSError) {
        ERR_clear_error()
        let result = SSL_do_handshake(ssl)
        if result == 1 { return try finishHandshake() }
        switch outcome(of: result) {
        case .incomplete: return
        case .ended: throw fail(TLSError(.truncated))
        case .failed(let error): throw fail(error)
        }
    }

    /// Remembers whether the peer's very first bytes can begin a record: alert or handshake, version 3.x.
    func inspectFirst(_ bytes: UnsafeRawBufferPointer) {
        for (index, byte) in bytes.prefix(max(0, 2 - handshakeByteCount)).enumerated() {
            let fits = handshakeByteCount + index == 0 ? byte == 21 || byte == 22 : byte == 3
            if !fits { looksLikeTLS = false }
        }
    }

    private func finishHandshake() throws(TLSError) {
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &name, &count)
        if let name, count > 0 {
            let text = String(decoding: UnsafeBufferPointer(start: name, count: Int(count)), as: UTF8.self)
            applicationProtocol = text.printable
        } else if transport.needsApplicationProtocol {
            throw fail(TLSError(.noCommonProtocol))
        }
        protocolVersion = SSL_get_version(ssl).map { String(cString: $0) }
        peerCertificate = SSL_get0_peer_certificate(ssl).map { PeerCertificate($0) }
        state = .established
    }

    // MARK: Errors

    /// Reads libssl's error queue, which is empty before each call and thus holds this call's errors only.
    func outcome(of result: Int32) -> Outcome {
        let code = SSL_get_error(ssl, result)
        let failures = OpenSSLFailure.drain()
        if transport.outputOverflowed { return .failed(TLSError(.limitExceeded, details: ["outgoingBytesMax"])) }
        switch code {
        case SSL_ERROR_WANT_READ: return .incomplete
        case SSL_ERROR_ZERO_RETURN: return .ended
        default: return .failed(error(from: failures))
        }
    }

    private func error(from failures: [OpenSSLFailure]) -> TLSError {
        let details = failures.map(\.text)
        let reasons = failures.lazy.filter { $0.library == ERR_LIB_SSL }.map(\.reason)
        if let received = reasons.first(where: { (SSL_AD_REASON_OFFSET...SSL_AD_REASON_OFFSET + 255).contains($0) }) {
            let alert = TLSAlert(rawValue: UInt8(received - SSL_AD_REASON_OFFSET))
            return TLSError(alert.isRefusal ? .refusedByPeer(alert) : .alertFromPeer(alert), details: details)
        }
        if transport.lacksApplicationProtocol { return TLSError(.noCommonProtocol, details: details) }
        if let fault = transport.certificateFault, reasons.contains(SSL_R_CERTIFICATE_VERIFY_FAILED) {
            return TLSError(.peerNotTrusted(fault), details: details)
        }
        if case .handshaking = state, !looksLikeTLS { return TLSError(.notTLS, details: details) }
        for reason in reasons {
            switch reason {
            case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return TLSError(.noPeerCertificate, details: details)
            case SSL_R_NO_APPLICATION_PROTOCOL: return TLSError(.noCommonProtocol, details: details)
            case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_WRONG_SSL_VERSION, SSL_R_VERSION_TOO_LOW,
                SSL_R_NO_PROTOCOLS_AVAILABLE:
                return TLSError(.noCommonVersion, details: details)
            case Int32(truncatingIfNeeded: ERR_R_MALLOC_FAILURE): return TLSError(.library, details: details)
            default: continue
            }
        }
        return TLSError(.protocolViolation, details: details)
    }
}

// MARK: - What libssl's callbacks report

extension TLSEngine {
    /// The transport of the engine that `ssl` belongs to.
    static func transport(of ssl: OpaquePointer?) -> EngineTransport? {
        SSL_get_ex_data(ssl, 0).map { Unmanaged<EngineTransport>.fromOpaque($0).takeUnretainedValue() }
    }

    static func transport(ofVerification store: OpaquePointer?) -> EngineTransport? {
        transport(of: connection(ofVerification: store))
    }

    private static func connection(ofVerification store: OpaquePointer?) -> OpaquePointer? {
        X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()).map { OpaquePointer($0) }
    }

    /// At a server, when a client's own certificate is found good: whether an application protocol is agreed on, where
    /// one is needed. Where not, the verification is made to fail.
    static func hasProtocolIfNeeded(_ store: OpaquePointer?) -> Bool {
        guard X509_STORE_CTX_get_error_depth(store) == 0, let ssl = connection(ofVerification: store),
            SSL_is_server(ssl) == 1, let transport = transport(of: ssl), transport.needsApplicationProtocol
        else { return true }
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &name, &count)
        if count > 0 { return true }
        transport.lacksApplicationProtocol = true
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION)
        return false
    }
}

extension EngineTransport {
    /// Keeps the first fault of a certificate, which decides.
    func certificateRefused(_ store: OpaquePointer?) {
        if certificateFault == nil { certificateFault = CertificateFault(store) }
    }
}

extension CertificateFault.Reason {
    /// - Parameter code: one of `X509_V_ERR_…`.
    init(verificationError code: Int32) {
        switch code {
        case X509_V_ERR_CERT_HAS_EXPIRED: self = .expired
        case X509_V_ERR_CERT_NOT_YET_VALID: self = .notYetValid
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: self = .selfSigned
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
            X509_V_ERR_CERT_UNTRUSTED:
            self = .unknownCA
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH: self = .hostnameMismatch
        case X509_V_ERR_INVALID_PURPOSE: self = .wrongPurpose
        case X509_V_ERR_CERT_REVOKED: self = .revoked
        case X509_V_ERR_UNABLE_TO_GET_CRL, X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER, X509_V_ERR_CRL_HAS_EXPIRED,
            X509_V_ERR_CRL_NOT_YET_VALID, X509_V_ERR_CRL_SIGNATURE_FAILURE,
            X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE, X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD,
            X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD, X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
            self = .revocationUnknown
        default: self = .invalid
        }
    }
}
