import Foundation
import TLS
import Testing

/// Files with certificates and keys, good and bad: each error names the file and the reason.
struct IdentityTests {
    let ours: TestAuthority
    let scratch: TemporaryDirectory

    init() throws {
        ours = try TestAuthority()
        scratch = try TemporaryDirectory()
    }

    private func fault(certificate: String, key: String) -> TLSError.Kind? {
        #expect(throws: TLSError.self) { try TLSIdentity(certificateFile: certificate, keyFile: key) }?.kind
    }

    @Test
    func `a missing file is named`() {
        let (missing, key) = (scratch.path + "/none.pem", ours.file("client.key"))
        #expect(fault(certificate: missing, key: key) == .file(path: missing, .unreadable("No such file or directory")))
        let certificate = ours.file("client.pem")
        #expect(
            fault(certificate: certificate, key: missing)
                == .file(path: missing, .unreadable("No such file or directory"))
        )
        #expect(fault(certificate: scratch.path, key: key) == .file(path: scratch.path, .unreadable("Is a directory")))
    }

    @Test
    func `what is not PEM is named`() throws {
        let text = try scratch.write("hello\n", to: "text")
        let empty = try scratch.write("", to: "empty")
        for file in [text, empty] {
            #expect(fault(certificate: file, key: ours.file("client.key")) == .file(path: file, .noCertificate))
            #expect(fault(certificate: ours.file("client.pem"), key: file) == .file(path: file, .noPrivateKey))
        }
    }

    @Test
    func `a certificate is no key and a key no certificate`() {
        let (certificate, key) = (ours.file("client.pem"), ours.file("client.key"))
        #expect(fault(certificate: key, key: key) == .file(path: key, .noCertificate))
        #expect(fault(certificate: certificate, key: certificate) == .file(path: certificate, .noPrivateKey))
    }

    @Test
    func `a damaged block is named`() throws {
        for (name, isKey) in [("client.pem", false), ("client.key", true)] {
            var lines = try String(contentsOfFile: ours.file(name), encoding: .utf8).split(separator: "\n")
            lines.remove(at: 1)
            let file = try scratch.write(lines.joined(separator: "\n") + "\n", to: name)
            let kind =
                isKey
                ? fault(certificate: ours.file("client.pem"), key: file)
                : fault(certificate: file, key: ours.file("client.key"))
            #expect(kind == .file(path: file, .malformed))
        }
    }

    @Test
    func `a key of another certificate is named with both files`() {
        let (certificate, key) = (ours.file("client.pem"), ours.file("server.key"))
        let error = #expect(throws: TLSError.self) { try TLSIdentity(certificateFile: certificate, keyFile: key) }
        #expect(error?.description == "\(key): this private key does not belong to the certificate in \(certificate)")
    }

    @Test
    func `a locked key is named, and nobody is asked`() throws {
        let locked = scratch.path + "/locked.key"
        let made = try run([
            "openssl", "pkcs8", "-topk8", "-in", ours.file("client.key"), "-out", locked, "-passout", "pass:secret",
        ])
        #expect(made.status == 0, "\(made.output)")
        #expect(fault(certificate: ours.file("client.pem"), key: locked) == .file(path: locked, .keyIsEncrypted))
    }

    @Test
    func `a file without end is refused`() {
        #expect(fault(certificate: "/dev/zero", key: ours.file("client.key")) == .file(path: "/dev/zero", .tooLarge))
    }

    @Test
    func `one file may hold certificate, chain and key`() throws {
        let text = try ["client.key", "client.pem", "ca.pem"]
            .map { try String(contentsOfFile: ours.file($0), encoding: .utf8) }.joined(separator: "\n")
        let file = try scratch.write(text, to: "all.pem")
        let identity = try TLSIdentity(certificateFile: file, keyFile: file)
        #expect(identity.certificate.identities == ["tidemark:client/client"])
    }

    @Test
    func `validity is checked at a moment`() throws {
        let identity = try ours.identity("client")
        let end = identity.certificate.notAfter
        try identity.checkValidity(at: testTime)
        try identity.checkValidity(at: end)
        let late = #expect(throws: TLSError.self) { try identity.checkValidity(at: end + 1) }
        #expect(late?.description == "\(ours.file("client.pem")): the certificate expired on 2027-01-16T07:00:00Z")
        let early = #expect(throws: TLSError.self) { try identity.checkValidity(at: testTime - 3_601) }
        #expect(
            early?.description == "\(ours.file("client.pem")): the certificate is not valid before 2027-01-15T07:00:00Z"
        )
    }

    @Test
    func `identities are alternative names, and the common name only without any`() throws {
        func made(_ name: String, _ extra: String) throws -> PeerCertificate {
            let (certificate, key) = ("\(scratch.path)/\(name).pem", "\(scratch.path)/\(name).key")
            var command = [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                "1",
                "-subj", "/CN=common", "-out", certificate, "-keyout", key,
            ]
            if !extra.isEmpty { command += ["-addext", "subjectAltName=" + extra] }
            let result = try run(command)
            #expect(result.status == 0, "\(result.output)")
            return try TLSIdentity(certificateFile: certificate, keyFile: key).certificate
        }
        #expect(try made("a", "").identities == ["common"])
        #expect(try made("b", "URI:u:1,DNS:d,URI:u:2").identities == ["u:1", "u:2", "d"])
        #expect(try made("c", "IP:127.0.0.1").identities == [])
        #expect(try made("d", "email:a@b").identities == [])
    }

    @Test
    func `moments are told in the calendar`() {
        let cases: [(Int64, String)] = [
            (0, "1970-01-01T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"), (-1, "1969-12-31T23:59:59Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"), (4_107_542_400, "2100-03-01T00:00:00Z"),
            (.max, "9999-12-31T23:59:59Z"), (.min, "0001-01-01T00:00:00Z"),
        ]
        for (seconds, text) in cases { #expect(CalendarTime(secondsSinceEpoch: seconds).description == text) }
    }
}
