import Foundation

/// Certificates that `tidemark cert` does not make, by the `openssl` command, signed by an authority that it has made.
struct CertificateWorkshop {
    let identities: Identities
    private let folder: ScratchFolder

    init(_ identities: Identities) throws {
        self.identities = identities
        folder = try ScratchFolder()
        _ = try folder.write("", to: "index.txt")
        _ = try folder.write("01\n", to: "number")
        _ = try folder.write(
            """
            [ca]
            default_ca = own
            [own]
            database = \(folder.file("index.txt"))
            unique_subject = no
            new_certs_dir = \(folder.path)
            rand_serial = yes
            crlnumber = \(folder.file("number"))
            certificate = \(identities.file("ca.pem"))
            private_key = \(identities.file("ca.key"))
            default_md = sha256
            policy = any
            copy_extensions = copy
            [any]
            commonName = supplied
            [req]
            distinguished_name = names
            [names]

            """,
            to: "ca.cnf"
        )
    }

    /// Makes `NAME.pem` and `NAME.key` beside the others.
    /// - Parameters:
    ///   - usage: `clientAuth` or `serverAuth`.
    ///   - start: and `end`: days from now.
    ///   - alternativeName: as `URI:…` or `DNS:…`; nil: a client's as `tidemark cert` makes it.
    func make(
        _ name: String,
        usage: String = "clientAuth",
        from start: Double = -1,
        to end: Double = 30,
        alternativeName: String? = nil
    ) throws {
        let key = identities.file(name + ".key")
        let request = folder.file(name + ".csr")
        try Command.run([
            "openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
            "-subj", "/CN=\(name)", "-addext", "extendedKeyUsage=\(usage)", "-addext",
            "subjectAltName=\(alternativeName ?? "URI:tidemark:client/\(name)")", "-out", request,
        ])
        try Command.run([
            "openssl", "ca", "-batch", "-notext", "-config", folder.file("ca.cnf"), "-in", request, "-startdate",
            Self.time(start), "-enddate", Self.time(end), "-out", identities.file(name + ".pem"),
        ])
    }

    /// Writes the authority's revocation list, in place of one that is there.
    func writeRevocationList(_ file: String, revoking names: [String]) throws {
        for name in names {
            try Command.run([
                "openssl", "ca", "-config", folder.file("ca.cnf"), "-revoke", identities.file(name + ".pem"),
            ])
        }
        let written = folder.file("new.crl")
        try Command.run([
            "openssl", "ca", "-config", folder.file("ca.cnf"), "-gencrl", "-crldays", "7", "-out", written,
        ])
        try FileManager.default.replaceFile(file, by: written)
    }

    /// As `20270115080000Z`.
    private static func time(_ days: Double) -> String {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(identifier: "UTC")
        format.dateFormat = "yyyyMMddHHmmss'Z'"
        return format.string(from: Date(timeIntervalSinceNow: days * 86_400))
    }
}

extension FileManager {
    /// Puts a file in the place of another in one step.
    func replaceFile(_ target: String, by file: String) throws {
        let beside = target + ".new"
        try? removeItem(atPath: beside)
        try copyItem(atPath: file, toPath: beside)
        guard rename(beside, target) == 0 else { throw Failure("\(target) cannot be replaced") }
    }
}
