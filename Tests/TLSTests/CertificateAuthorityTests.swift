import Foundation
import TLS
import Testing

/// The files of `tidemark cert`, judged by OpenSSL's own command.
struct CertificateAuthorityTests {
    private let names = ["ca.key", "ca.pem", "client.key", "client.pem", "server.key", "server.pem"]

    private func files(in directory: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
    }

    private func mode(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return try #require(attributes[.posixPermissions] as? Int)
    }

    @Test
    func `a new authority is six files, its keys for the owner alone`() throws {
        let temporary = try TemporaryDirectory()
        let directory = temporary.path + "/new/certificates"
        let made = try CertificateAuthority.create(inDirectory: directory)
        #expect(try files(in: directory) == names)
        #expect(made.files.map { String($0.dropFirst(directory.count + 1)) }.sorted() == names)
        for name in names where name.hasSuffix(".key") { #expect(try mode("\(directory)/\(name)") == 0o600) }
        #expect(try mode(directory) == 0o700)
    }

    @Test
    func `openssl accepts the certificates for their purposes and for no other`() throws {
        let ours = try TestAuthority()
        let ca = ours.file("ca.pem")
        func verify(_ file: String, _ more: String...) throws -> Bool {
            let result = try Self.openssl(
                ["verify", "-attime", "\(testTime)", "-x509_strict", "-CAfile", ca] + more + [file]
            )
            #expect([0, 2].contains(result.status), "\(result.output)")
            return result.status == 0
        }
        let (server, client) = (ours.file("server.pem"), ours.file("client.pem"))
        #expect(try verify(server, "-purpose", "sslserver", "-verify_hostname", "localhost"))
        #expect(try verify(server, "-purpose", "sslserver", "-verify_ip", "127.0.0.1"))
        #expect(try verify(server, "-purpose", "sslserver", "-verify_ip", "::1"))
        #expect(try verify(client, "-purpose", "sslclient"))
        #expect(try !verify(server, "-verify_hostname", "example.org"))
        #expect(try !verify(server, "-purpose", "sslclient"))
        #expect(try !verify(client, "-purpose", "sslserver"))
        #expect(try !verify(client, "-purpose", "sslclient", "-attime", "\(testTime + 200_000)"))
    }

    @Test
    func `keys are P-256, serials are random and of 128 bits, lifetimes as asked`() throws {
        let ours = try TestAuthority()
        let text = try Self.openssl(["x509", "-in", ours.file("client.pem"), "-noout", "-text"]).output
        for expected in [
            "NIST CURVE: P-256", "ecdsa-with-SHA256", "URI:tidemark:client/client", "TLS Web Client Authentication",
            "CA:FALSE", "Digital Signature",
        ] {
            #expect(text.contains(expected), "\(expected) is missing in:\n\(text)")
        }
        let serials = try names.filter { $0.hasSuffix(".pem") }.map { name in
            try TLSIdentity(
                certificateFile: ours.file(name),
                keyFile: ours.file(name.replacingOccurrences(of: ".pem", with: ".key"))
            ).certificate.serialNumber
        }
        #expect(Set(serials).count == 3)
        #expect(serials.allSatisfy { $0.count > 24 && $0.count <= 32 })
        let (certificate, authority) = (try ours.identity("client").certificate, try ours.identity("ca").certificate)
        #expect(certificate.notBefore == testTime - 3_600)
        #expect(certificate.notAfter - certificate.notBefore == 86_400)
        #expect(authority.notAfter - authority.notBefore == 3_650 * 86_400)
    }

    @Test(arguments: ["ca.pem", "ca.key", "server.pem", "client.key"])
    func `nothing is overwritten and nothing half-written`(taken: String) throws {
        let temporary = try TemporaryDirectory()
        let file = try temporary.write("precious", to: taken)
        let error = #expect(throws: TLSError.self) {
            try CertificateAuthority.create(inDirectory: temporary.path)
        }
        #expect(error?.kind == .file(path: file, .exists))
        #expect(error?.description == "\(file): exists already, and is not overwritten")
        #expect(try files(in: temporary.path) == [taken])
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "precious")
    }

    @Test
    func `a link to nowhere counts as a file that is there`() throws {
        let temporary = try TemporaryDirectory()
        try FileManager.default.createSymbolicLink(
            atPath: temporary.path + "/client.key",
            withDestinationPath: temporary.path + "/elsewhere"
        )
        #expect(throws: TLSError(.file(path: temporary.path + "/client.key", .exists))) {
            try CertificateAuthority.create(inDirectory: temporary.path)
        }
        #expect(try files(in: temporary.path) == ["client.key"])
    }

    @Test
    func `a directory that cannot be is named`() throws {
        let temporary = try TemporaryDirectory()
        let file = try temporary.write("", to: "file")
        let error = #expect(throws: TLSError.self) {
            try CertificateAuthority.create(inDirectory: file + "/below")
        }
        #expect(error?.description == "\(file)/below: cannot be written: Not a directory")
    }

    @Test
    func `clients are added from the kept key`() throws {
        let ours = try TestAuthority()
        let opened = try CertificateAuthority(openingDirectory: ours.directory.path)
        let added = try opened.addClient("web-1.example_org")
        #expect(added == [ours.file("web-1.example_org.pem"), ours.file("web-1.example_org.key")])
        #expect(try mode(added[1]) == 0o600)
        let identity = try TLSIdentity(certificateFile: added[0], keyFile: added[1])
        #expect(identity.certificate.identities == ["tidemark:client/web-1.example_org"])
        #expect(
            try Self.openssl(["verify", "-partial_chain", "-no_check_time", "-CAfile", ours.file("ca.pem"), added[0]])
                .status == 0
        )
        #expect(throws: TLSError(.file(path: added[0], .exists))) { try opened.addClient("web-1.example_org") }
    }

    @Test(arguments: ["", ".", "..", "a/b", "-a", "a b", "a,b", "a\nb", "ü", String(repeating: "a", count: 65)])
    func `a client's name is plain`(name: String) throws {
        let ours = try TestAuthority()
        #expect(throws: TLSError(.file(path: name, .badName))) { try ours.authority.addClient(name) }
        #expect(try files(in: ours.directory.path) == names)
    }

    @Test
    func `an authority is opened only where it is one`() throws {
        let empty = try TemporaryDirectory()
        let error = #expect(throws: TLSError.self) { try CertificateAuthority(openingDirectory: empty.path) }
        #expect(error?.description == "\(empty.path)/ca.pem: cannot be read: No such file or directory")

        let ours = try TestAuthority()
        try FileManager.default.removeItem(atPath: ours.file("ca.pem"))
        try FileManager.default.copyItem(atPath: ours.file("client.pem"), toPath: ours.file("ca.pem"))
        try FileManager.default.removeItem(atPath: ours.file("ca.key"))
        try FileManager.default.copyItem(atPath: ours.file("client.key"), toPath: ours.file("ca.key"))
        #expect(throws: TLSError(.file(path: ours.file("ca.pem"), .notAnAuthority))) {
            try CertificateAuthority(openingDirectory: ours.directory.path)
        }
    }

    @Test
    func `names of the server are as asked, and cannot carry extensions of their own`() throws {
        let temporary = try TemporaryDirectory()
        var terms = CertificateAuthority.Terms()
        terms.serverNames = ["feed.example.org", "*.example.net"]
        terms.serverAddresses = ["10.1.2.3"]
        let made = try CertificateAuthority.create(inDirectory: temporary.path + "/a", terms: terms)
        let identity = try TLSIdentity(
            certificateFile: made.authority.directory + "/server.pem",
            keyFile: made.authority.directory + "/server.key"
        )
        #expect(identity.certificate.dnsNames == terms.serverNames)
        for bad in ["a,URI:tidemark:client/x", "a b", ""] {
            terms.serverNames = [bad]
            #expect(throws: TLSError.self) {
                try CertificateAuthority.create(inDirectory: temporary.path + "/b", terms: terms)
            }
        }
    }

    private static func openssl(_ arguments: [String]) throws -> (status: Int32, output: String) {
        try run(["openssl"] + arguments)
    }
}
