import TLS
import Testing

/// Who gets in, who does not, and what each side is told.
struct HandshakeTests {
    let ours: TestAuthority

    init() throws { ours = try TestAuthority() }

    private func pair(
        serverIdentity: TLSIdentity? = nil,
        serverTrust: TLSTrust? = nil,
        clientIdentity: TLSIdentity?? = nil,
        clientTrust: TLSTrust? = nil,
        serverName: String = "localhost",
        serverOptions: TLSOptions = testOptions(),
        clientOptions: TLSOptions = testOptions()
    ) throws -> EnginePair {
        let server = try TLSContext(
            server: serverIdentity ?? ours.identity("server"),
            clientTrust: serverTrust ?? ours.trust(),
            options: serverOptions
        )
        let shown: TLSIdentity? = if let clientIdentity { clientIdentity } else { try ours.identity("client") }
        let client = try TLSContext(
            client: shown,
            serverTrust: clientTrust ?? ours.trust(),
            options: clientOptions
        )
        var pair = try EnginePair(client: client, server: server, serverName: serverName)
        pair.pump()
        return pair
    }

    @Test(arguments: ["localhost", "127.0.0.1", "::1", "localhost."])
    func `both sides with the right certificates agree on TLS 1.3 and know each other`(name: String) throws {
        let pair = try pair(serverName: name)
        #expect(pair.client.state == .established)
        #expect(pair.server.state == .established)
        for engine in [pair.client, pair.server] {
            #expect(engine.protocolVersion == "TLSv1.3")
            #expect(engine.applicationProtocol == "tidemark/1")
        }
        let seen = try #require(pair.server.peerCertificate)
        #expect(seen.identities == ["tidemark:client/client"])
        #expect(seen.commonName == "client")
        #expect(seen.notAfter == testTime - 3_600 + 86_400)
        #expect(pair.client.peerCertificate?.dnsNames == ["localhost"])
    }

    @Test
    func `a client without a certificate learns of it at its first read`() throws {
        let pair = try pair(clientIdentity: .some(nil))
        #expect(pair.serverError?.kind == .noPeerCertificate)
        #expect(pair.clientError?.kind == .refusedByPeer(.certificateRequired))
        #expect(pair.clientError?.isRefusal == true)
        #expect(pair.clientError?.description == "refused by the peer: alert: certificate required")
        #expect(pair.server.peerCertificate == nil)
    }

    @Test
    func `a client of another authority is refused as unknown`() throws {
        let other = try TestAuthority()
        let pair = try pair(clientIdentity: other.identity("client"))
        #expect(refusal(pair.serverError)?.reason == .unknownCA)
        #expect(refusal(pair.serverError)?.subject == "CN=client")
        #expect(pair.clientError?.kind == .refusedByPeer(.unknownCA))
    }

    @Test
    func `an expired client is refused as expired`() throws {
        let old = try ours.authority.addClient("old", terms: terms(from: testTime - 3 * 86_400))
        let pair = try pair(clientIdentity: TLSIdentity(certificateFile: old[0], keyFile: old[1]))
        #expect(refusal(pair.serverError)?.reason == .expired)
        #expect(refusal(pair.serverError)?.subject == "CN=old")
        #expect(pair.clientError?.kind == .refusedByPeer(.certificateExpired))
    }

    @Test
    func `a client that is not valid yet is refused`() throws {
        let early = try ours.authority.addClient("early", terms: terms(from: testTime + 60))
        let pair = try pair(clientIdentity: TLSIdentity(certificateFile: early[0], keyFile: early[1]))
        #expect(refusal(pair.serverError)?.reason == .notYetValid)
        #expect(pair.clientError?.kind == .refusedByPeer(.badCertificate))
    }

    @Test
    func `a server's certificate does not make a client`() throws {
        let pair = try pair(clientIdentity: ours.identity("server"))
        #expect(refusal(pair.serverError)?.reason == .wrongPurpose)
        #expect(pair.clientError?.kind == .refusedByPeer(.unsupportedCertificate))
    }

    @Test
    func `a client's certificate does not make a server`() throws {
        let pair = try pair(serverIdentity: ours.identity("client"))
        #expect(refusal(pair.clientError)?.reason == .wrongPurpose)
        #expect(pair.serverError?.kind == .refusedByPeer(.unsupportedCertificate))
    }

    @Test
    func `a client trusts no server of another authority`() throws {
        let other = try TestAuthority()
        let pair = try pair(serverIdentity: other.identity("server"))
        #expect(refusal(pair.clientError)?.reason == .unknownCA)
        #expect(pair.serverError?.kind == .refusedByPeer(.unknownCA))
        #expect(pair.client.peerCertificate == nil)
    }

    @Test
    func `a client trusts no server that signed itself`() throws {
        let other = try TestAuthority()
        let pair = try pair(serverIdentity: other.identity("ca"))
        #expect(refusal(pair.clientError)?.reason == .selfSigned)
    }

    @Test(arguments: ["example.org", "127.0.0.2", "::2", "localhost.example.org", "ocalhost"])
    func `a server's certificate for another host is refused`(name: String) throws {
        let pair = try pair(serverName: name)
        #expect(refusal(pair.clientError)?.reason == .hostnameMismatch)
        #expect(pair.clientError?.isRefusal == true)
        #expect(pair.client.state != .established)
        #expect(pair.serverError?.kind == .refusedByPeer(.badCertificate))
    }

    @Test(arguments: ["", ".", "a\0b", String(repeating: "a", count: 256)])
    func `a client must name its server`(name: String) throws {
        let context = try TLSContext(client: nil, serverTrust: ours.trust(), options: testOptions())
        #expect(throws: TLSError.self) { try TLSEngine(context, serverName: name) }
    }

    @Test
    func `a client without ALPN is refused`() throws {
        let pair = try pair(clientOptions: testOptions { $0.applicationProtocols = [] })
        #expect(pair.serverError?.kind == .noCommonProtocol)
        #expect(pair.clientError?.kind == .refusedByPeer(.handshakeFailure))
    }

    @Test
    func `a client without ALPN is refused by a server that asks for no certificate`() throws {
        let server = try TLSContext(server: ours.identity("server"), clientTrust: nil, options: testOptions())
        let client = try TLSContext(
            client: nil,
            serverTrust: ours.trust(),
            options: testOptions { $0.applicationProtocols = [] }
        )
        var pair = try EnginePair(client: client, server: server)
        pair.pump()
        #expect(pair.serverError?.kind == .noCommonProtocol)
        #expect(pair.clientError?.kind == .refusedByPeer(.noApplicationProtocol))
    }

    @Test
    func `a client that is not trusted is refused for that, whatever it speaks`() throws {
        let other = try TestAuthority()
        let pair = try pair(
            clientIdentity: other.identity("client"),
            clientOptions: testOptions { $0.applicationProtocols = [] }
        )
        #expect(refusal(pair.serverError)?.reason == .unknownCA)
    }

    @Test
    func `a client with another ALPN is refused`() throws {
        let pair = try pair(clientOptions: testOptions { $0.applicationProtocols = ["h2", "tidemark/2", "tidemark/"] })
        #expect(pair.serverError?.kind == .noCommonProtocol)
        #expect(pair.clientError?.kind == .refusedByPeer(.noApplicationProtocol))
    }

    @Test
    func `a client refuses a server that agrees on no ALPN`() throws {
        let pair = try pair(serverOptions: testOptions { $0.applicationProtocols = [] })
        #expect(pair.clientError?.kind == .noCommonProtocol)
    }

    @Test
    func `the server's order of protocols decides`() throws {
        let pair = try pair(
            serverOptions: testOptions { $0.applicationProtocols = ["b", "a"] },
            clientOptions: testOptions { $0.applicationProtocols = ["a", "b"] }
        )
        #expect(pair.client.applicationProtocol == "b")
        #expect(pair.server.applicationProtocol == "b")
    }

    @Test
    func `TLS 1-2 is refused unless the server allows it`() throws {
        // A client that can do no better: its ClientHello is a 1.2 one, written down by hand below.
        let server = try TLSEngine(
            TLSContext(server: ours.identity("server"), clientTrust: ours.trust(), options: testOptions())
        )
        #expect(throws: TLSError.self) { try server.receive(Self.clientHello12) }
        guard case .failed(let error) = server.state else { throw error(server) }
        #expect(error.kind == .noCommonVersion)
        #expect(server.takeAllOutput() == [21, 3, 3, 0, 2, 2, TLSAlert.protocolVersion.rawValue])

        let lenient = try TLSEngine(
            TLSContext(
                server: ours.identity("server"),
                clientTrust: ours.trust(),
                options: testOptions { $0.allowsTLS12 = true }
            )
        )
        try lenient.receive(Self.clientHello12)
        #expect(lenient.outputByteCount > 500)  // ServerHello, Certificate…
    }

    @Test
    func `a server that asks for no certificate knows nobody`() throws {
        let server = try TLSContext(server: ours.identity("server"), clientTrust: nil, options: testOptions())
        let client = try TLSContext(client: nil, serverTrust: ours.trust(), options: testOptions())
        var pair = try EnginePair(client: client, server: server)
        pair.pump()
        #expect(pair.server.state == .established)
        #expect(pair.server.peerCertificate == nil)
    }

    @Test
    func `a certificate that is checked at no given time is checked now`() throws {
        let today = try TestAuthority(validFrom: 1_000_000_000, leafDays: 36_500)
        var options = TLSOptions()
        options.verificationTime = nil
        let server = try TLSContext(server: today.identity("server"), clientTrust: today.trust(), options: options)
        let client = try TLSContext(client: today.identity("client"), serverTrust: today.trust(), options: options)
        var pair = try EnginePair(client: client, server: server)
        pair.pump()
        // Leaf valid for 100 years, the authority ended in 2011: the chain is expired whatever the day.
        #expect(refusal(pair.clientError)?.reason == .expired)
        #expect(refusal(pair.clientError)?.depth == 1)
    }

    private func refusal(_ error: TLSError?) -> CertificateFault? {
        guard case .peerNotTrusted(let fault) = error?.kind else { return nil }
        return fault
    }

    private func error(_ engine: TLSEngine) -> TLSError { TLSError(.library, details: ["\(engine.state)"]) }

    private func terms(from start: Int64) -> CertificateAuthority.Terms {
        var terms = CertificateAuthority.Terms()
        terms.validFrom = start
        terms.leafDays = 1
        return terms
    }

    /// A ClientHello of TLS 1.2: no supported_versions; ECDHE-ECDSA with AES-128-GCM, P-256, ALPN `tidemark/1`.
    static let clientHello12: [UInt8] = {
        let alpn = [UInt8](arrayLiteral: 0, 16, 0, 13, 0, 11, 10) + Array("tidemark/1".utf8)
        let groups: [UInt8] = [0, 10, 0, 4, 0, 2, 0, 23]
        let formats: [UInt8] = [0, 11, 0, 2, 1, 0]
        let signatures: [UInt8] = [0, 13, 0, 4, 0, 2, 4, 3]
        let extensions = alpn + groups + formats + signatures
        let body: [UInt8] =
            [3, 3] + pattern(32) + [0] + [0, 2, 0xC0, 0x2B] + [1, 0] + [0, UInt8(extensions.count)] + extensions
        return [22, 3, 1, 0, UInt8(body.count + 4), 1, 0, 0, UInt8(body.count)] + body
    }()
}
