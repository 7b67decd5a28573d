import TLS
import Testing

/// Revocation lists: who is refused by them, at the handshake and later, and which of them cannot be used.
struct RevocationTests {
    let ours: TestAuthority

    init() throws { ours = try TestAuthority() }

    private func server(_ lists: [String]) throws -> TLSContext {
        let trust = try TLSTrust(file: ours.file("ca.pem"), revocationListFiles: lists)
        return try TLSContext(server: ours.identity("server"), clientTrust: trust, options: testOptions())
    }

    private func pair(_ server: TLSContext, client: String = "client") throws -> EnginePair {
        let client = try TLSContext(
            client: ours.identity(client),
            serverTrust: ours.trust(),
            options: testOptions()
        )
        var pair = try EnginePair(client: client, server: server)
        pair.pump()
        return pair
    }

    private func fault(_ error: TLSError?) -> CertificateFault? {
        guard case .peerNotTrusted(let fault) = error?.kind else { return nil }
        return fault
    }

    @Test
    func `a client that was revoked is refused and told so, others are not`() throws {
        _ = try ours.authority.addClient("other", terms: dayAround(testTime))
        let server = try server([try ours.revocationList(of: ["client"])])
        let refused = try pair(server)
        let told = fault(refused.serverError)
        let fault = try #require(told)
        #expect(fault.reason == .revoked)
        #expect(fault.description == "certificate revoked (CN=client)")
        #expect(fault.certificate == (try ours.identity("client").certificate))
        #expect(refused.clientError?.kind == .refusedByPeer(.certificateRevoked))
        let other = try pair(server, client: "other")
        #expect(other.server.state == .established)
        #expect(other.serverError == nil)
    }

    @Test
    func `a list that has run out refuses everybody in plain words`() throws {
        let list = try ours.revocationList(of: [], from: testTime - 7_200, to: testTime - 1)
        let pair = try pair(try server([list]))
        #expect(fault(pair.serverError)?.reason == .revocationUnknown)
        #expect(fault(pair.serverError)?.text == "CRL has expired")
        #expect(pair.clientError?.isRefusal == true)
        let trust = try TLSTrust(file: ours.file("ca.pem"), revocationListFiles: [list])
        let error = #expect(throws: TLSError.self) { try trust.checkValidity(at: testTime) }
        #expect(error?.description == "\(list): the revocation list (CRL) expired on 2027-01-15T07:59:59Z")
        try trust.checkValidity(at: testTime - 1)
    }

    @Test
    func `a list of the future is named`() throws {
        let list = try ours.revocationList(of: [], from: testTime + 10, to: testTime + 20)
        let pair = try pair(try server([list]))
        #expect(fault(pair.serverError)?.reason == .revocationUnknown)
        let trust = try TLSTrust(file: ours.file("ca.pem"), revocationListFiles: [list])
        let error = #expect(throws: TLSError.self) { try trust.checkValidity(at: testTime) }
        #expect(error?.kind == .file(path: list, .revocationListNotYetValid(lastUpdate: testTime + 10)))
    }

    @Test
    func `without a list of its authority nobody is let in, once there are lists`() throws {
        let other = try TestAuthority()
        let pair = try pair(try server([try other.revocationList(of: [])]))
        #expect(fault(pair.serverError)?.reason == .revocationUnknown)
        #expect(fault(pair.serverError)?.text == "unable to get certificate CRL")
    }

    @Test
    func `a list that another key signed counts for nothing`() throws {
        let other = try TestAuthority()
        // The name of the authority, and another key.
        let forged = try other.revocationList(of: ["client"], signedAs: ours)
        let pair = try pair(try server([forged]))
        #expect(fault(pair.serverError)?.reason == .revocationUnknown)
    }

    @Test
    func `an established client is found revoked by a newer list`() throws {
        let pair = try pair(try server([try ours.revocationList(of: [])]))
        #expect(pair.server.state == .established)
        let same = try server([try ours.revocationList(of: [])])
        #expect(same.fault(ofPeerOf: pair.server) == nil)
        let newer = try server([try ours.revocationList(of: ["client"])])
        #expect(newer.fault(ofPeerOf: pair.server)?.reason == .revoked)
    }

    @Test
    func `an established client is found wanting by other trust and at a later time`() throws {
        let pair = try pair(try server([]))
        #expect(try server([]).fault(ofPeerOf: pair.server) == nil)
        let stranger = try TLSContext(
            server: ours.identity("server"),
            clientTrust: TestAuthority().trust(),
            options: testOptions()
        )
        #expect(stranger.fault(ofPeerOf: pair.server)?.reason == .unknownCA)
        let later = try TLSContext(
            server: ours.identity("server"),
            clientTrust: ours.trust(),
            options: testOptions { $0.verificationTime = testTime + 2 * 86_400 }
        )
        #expect(later.fault(ofPeerOf: pair.server)?.reason == .expired)
    }

    @Test
    func `what is trusted as it stands needs no list of its own issuer`() throws {
        // The authority's own certificate is looked for in a list of its own; it is the trust itself.
        let server = try server([try ours.revocationList(of: [])])
        #expect(try pair(server).server.state == .established)
    }

    @Test
    func `a file without a list, and a damaged one, are named`() throws {
        func kind(_ file: String) -> TLSError.Kind? {
            #expect(throws: TLSError.self) {
                try TLSTrust(file: ours.file("ca.pem"), revocationListFiles: [file])
            }?.kind
        }
        #expect(kind(ours.file("ca.pem")) == .file(path: ours.file("ca.pem"), .noRevocationList))
        let damaged = try ours.directory.write(
            "-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n",
            to: "damaged.crl"
        )
        #expect(kind(damaged) == .file(path: damaged, .malformed))
        #expect(kind("/none") == .file(path: "/none", .unreadable("No such file or directory")))
    }

    private func dayAround(_ time: Int64) -> CertificateAuthority.Terms {
        var terms = CertificateAuthority.Terms()
        terms.validFrom = time - 3_600
        terms.leafDays = 1
        return terms
    }
}

extension TestAuthority {
    /// Makes a revocation list by `openssl ca`.
    /// - Parameters:
    ///   - names: of the identities that it revokes.
    ///   - authority: whose name it carries, signed by this authority's key all the same; nil: this one's.
    func revocationList(
        of names: [String],
        from start: Int64 = testTime - 60,
        to end: Int64 = testTime + 3_600,
        signedAs authority: TestAuthority? = nil
    ) throws -> String {
        let folder = try TemporaryDirectory()
        _ = try folder.write("", to: "index.txt")
        _ = try folder.write("01\n", to: "number")
        var certificate = file("ca.pem")
        if let authority {
            // A certificate with the other's name over this one's key.
            certificate = "\(folder.path)/named.pem"
            let subject = try authority.identity("ca").certificate.commonName ?? ""
            try openssl([
                "req", "-x509", "-new", "-key", file("ca.key"), "-subj", "/CN=\(subject)", "-days", "365", "-out",
                certificate,
            ])
        }
        let configuration = try folder.write(
            """
            [ca]
            default_ca = own
            [own]
            database = \(folder.path)/index.txt
            crlnumber = \(folder.path)/number
            certificate = \(certificate)
            private_key = \(file("ca.key"))
            default_md = sha256
            crl_extensions = extensions
            [extensions]
            authorityKeyIdentifier = keyid
            """,
            to: "ca.cnf"
        )
        let owner = authority ?? self
        for name in names {
            try openssl(["ca", "-config", configuration, "-revoke", owner.file("\(name).pem")])
        }
        let list = "\(directory.path)/\(names.joined(separator: "-"))-\(start)-\(end).crl"
        try openssl([
            "ca", "-config", configuration, "-gencrl", "-crl_lastupdate", Self.asn1(start), "-crl_nextupdate",
            Self.asn1(end), "-out", list,
        ])
        return list
    }

    private func openssl(_ arguments: [String]) throws {
        let result = try run(["openssl"] + arguments)
        try #require(result.status == 0, "openssl \(arguments.joined(separator: " ")): \(result.output)")
    }

    /// As `20270115080000Z`.
    private static func asn1(_ secondsSinceEpoch: Int64) -> String {
        CalendarTime(secondsSinceEpoch: secondsSinceEpoch).description.filter { $0.isNumber || $0 == "Z" }
    }
}
