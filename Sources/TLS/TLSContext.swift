internal import COpenSSL

/// Settings that servers and clients share.
package struct TLSOptions: Sendable, Equatable {
    /// ALPN, by preference; the peer must agree on one. Empty: ALPN is not used. Each of 1 to 255 bytes.
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
///
/// `@unchecked Sendable`: an SSL_CTX may be used by many threads once it is no longer changed, which is after `init`.
package final class TLSContext: @unchecked Sendable {
    package enum Role: Sendable { case server, client }

    package let role: Role
    package let options: TLSOptions
    let pointer: OpaquePointer
    /// ALPN as on the wire: each name after its length. Held here because libssl's callback reads it.
    let protocolList: [UInt8]
    /// A server's further identities, each for the hosts that its certificate names.
    let namedIdentities: [TLSIdentity]

    /// - Parameters:
    ///   - identity: shown to clients that name no host, or one that none of `namedIdentities` is for.
    ///   - namedIdentities: the first that is for the host that a client names (SNI) is shown to it.
    ///   - clientTrust: who may connect; nil asks no certificate of clients (then `peerCertificate` is nil).
    package convenience init(
        server identity: TLSIdentity,
        namedIdentities: [TLSIdentity] = [],
        clientTrust: TLSTrust?,
        options: TLSOptions = .init()
    ) throws(TLSError) {
        try self.init(role: .server, options, namedIdentities: namedIdentities)
        try use(identity)
        if let clientTrust {
            try trust(clientTrust)
        } else {
            SSL_CTX_set_client_hello_cb(pointer, { ssl, alert, _ in TLSContext.clientHelloArrived(ssl, alert) }, nil)
        }
        let own = Unmanaged.passUnretained(self).toOpaque()  // every engine keeps its context alive
        if !namedIdentities.isEmpty {
            for identity in namedIdentities where identity.certificate.dnsNames.isEmpty {
                throw TLSError(.file(path: identity.certificateFile, .noHostName))
            }
            SSL_CTX_set_cert_cb(pointer, { TLSContext.certificateWanted($0, $1) }, own)
        }
        guard !protocolList.isEmpty else { return }
        let selectProtocol: SSL_CTX_alpn_select_cb_func = { _, selected, count, offered, offeredCount, context in
            guard let context else { return SSL_TLSEXT_ERR_ALERT_FATAL }
            let own = Unmanaged<TLSContext>.fromOpaque(context).takeUnretainedValue()
            let list = UnsafeBufferPointer(start: offered, count: Int(offeredCount))
            guard let match = own.selectProtocol(list) else { return SSL_TLSEXT_ERR_ALERT_FATAL }
            selected?.pointee = match.baseAddress
            count?.pointee = UInt8(match.count)  // a length of one byte on the wire
            return SSL_TLSEXT_ERR_OK
        }
        SSL_CTX_set_alpn_select_cb(pointer, selectProtocol, own)
    }

    /// - Parameter identity: shown to servers that ask for a certificate; nil shows none.
    package convenience init(
        client identity: TLSIdentity?,
        serverTrust: TLSTrust,
        options: TLSOptions = .init()
    ) throws(TLSError) {
        try self.init(role: .client, options)
        if let identity { try use(identity) }
        try trust(serverTrust)
        guard protocolList.isEmpty || SSL_CTX_set_alpn_protos(pointer, protocolList, UInt32(protocolList.count)) == 0
        else { throw TLSError.fromLibrary("SSL_CTX_set_alpn_protos") }
    }

    private init(role: Role, _ options: TLSOptions, namedIdentities: [TLSIdentity] = []) throws(TLSError) {
        ERR_clear_error()
        var list: [UInt8] = []
        for name in options.applicationProtocols {
            guard (1...255).contains(name.utf8.count), list.count < 1_024 else {
                throw TLSError(.library, details: ["unusable application protocol name"])
            }
            list.append(UInt8(name.utf8.count))
            list.append(contentsOf: name.utf8)
        }
        guard let pointer = SSL_CTX_new(role == .server ? TLS_server_method() : TLS_client_method()) else {
            throw TLSError.fromLibrary("SSL_CTX_new")
        }
        // From here on deinit frees the context, thrown errors included.
        self.role = role
        self.options = options
        self.pointer = pointer
        protocolList = list
        self.namedIdentities = namedIdentities
        try harden()
    }

    deinit { SSL_CTX_free(pointer) }

    /// Versions, ciphers, and no resumption of any kind: a resumed session would pass by a newer list of clients.
    private func harden() throws(TLSError) {
        let minimum = options.allowsTLS12 ? TLS1_2_VERSION : TLS1_3_VERSION
        guard tidemark_SSL_CTX_set_versions(pointer, minimum, TLS1_3_VERSION) == 1,
            SSL_CTX_set_cipher_list(pointer, "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL") == 1,
            // Elliptic curves of 128 bits and more.
            tidemark_SSL_CTX_set_groups(pointer, "X25519:P-256:P-384:X448:P-521") == 1,
            SSL_CTX_set_num_tickets(pointer, 0) == 1,
            SSL_CTX_set_max_early_data(pointer, 0) == 1
        else { throw TLSError.fromLibrary("SSL_CTX_new") }
        tidemark_SSL_CTX_set_hardened(pointer, TLSLimits.peerChainBytesMax)
        SSL_CTX_set_default_passwd_cb(pointer) { _, _, _, _ in -1 }
    }

    private func use(_ identity: TLSIdentity) throws(TLSError) {
        guard SSL_CTX_use_certificate(pointer, identity.leaf.pointer) == 1,
            SSL_CTX_use_PrivateKey(pointer, identity.key.pointer) == 1
        else { throw TLSError.fromLibrary("the certificate is refused") }
        for certificate in identity.intermediates {
            guard tidemark_SSL_CTX_add1_chain_cert(pointer, certificate.pointer) == 1 else {
                throw TLSError.fromLibrary("the certificate's chain is refused")
            }
        }
    }
}

// MARK: - libssl's callbacks

extension TLSContext {
    /// A client that offers no application protocol at all never reaches `selectProtocol`. Where clients have to show
    /// a certificate it is refused with that, so that scanners of TLS, which offer none, have something to look at.
    fileprivate static func clientHelloArrived(
        _ ssl: OpaquePointer?,
        _ alert: UnsafeMutablePointer<Int32>?
    ) -> Int32 {
        guard let transport = TLSEngine.transport(of: ssl), transport.needsApplicationProtocol else {
            return SSL_CLIENT_HELLO_SUCCESS
        }
        let alpn = UInt32(TLSEXT_TYPE_application_layer_protocol_negotiation)
        if SSL_client_hello_get0_ext(ssl, alpn, nil, nil) == 1 { return SSL_CLIENT_HELLO_SUCCESS }
        transport.lacksApplicationProtocol = true
        alert?.pointee = SSL_AD_NO_APPLICATION_PROTOCOL
        return SSL_CLIENT_HELLO_ERROR
    }

    /// The client has said which host it wants: shows it the certificate of that host, if there is one of its own.
    /// - Returns: 1, or 0 where libssl has no memory for it.
    fileprivate static func certificateWanted(_ ssl: OpaquePointer?, _ context: UnsafeMutableRawPointer?) -> Int32 {
        guard let ssl, let context, let name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) else { return 1 }
        let own = Unmanaged<TLSContext>.fromOpaque(context).takeUnretainedValue()
        let host = String(cString: name)
        guard let identity = own.namedIdentities.first(where: { $0.isFor(host: host) }) else { return 1 }
        SSL_certs_clear(ssl)
        guard SSL_use_certificate(ssl, identity.leaf.pointer) == 1, SSL_use_PrivateKey(ssl, identity.key.pointer) == 1
        else { return 0 }
        for certificate in identity.intermediates {
            guard tidemark_SSL_add1_chain_cert(ssl, certificate.pointer) == 1 else { return 0 }
        }
        return 1
    }

    /// - Returns: the name to agree on, as bytes of the client's list, which outlives the call.
    fileprivate func selectProtocol(_ offered: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8>? {
        protocolList.withUnsafeBufferPointer { ProtocolList.firstMatch(ours: $0, offered: offered) }
    }
}

/// Lists of names, each after its length in one byte.
enum ProtocolList {
    /// The first of our names that the peer offers too, as bytes of the peer's list.
    static func firstMatch(
        ours: UnsafeBufferPointer<UInt8>,
        offered: UnsafeBufferPointer<UInt8>
    ) -> UnsafeBufferPointer<UInt8>? {
        var start = 0
        while let name = name(at: &start, in: ours) {
            var offeredStart = 0
            while let candidate = self.name(at: &offeredStart, in: offered) {
                if candidate.elementsEqual(name) { return candidate }
            }
        }
        return nil
    }

    private static func name(at start: inout Int, in list: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8>? {
        guard start < list.count else { return nil }
        let end = start + 1 + Int(list[start])
        guard end <= list.count, end > start + 1 else { return nil }
        defer { start = end }
        return UnsafeBufferPointer(rebasing: list[(start + 1)..<end])
    }
}
