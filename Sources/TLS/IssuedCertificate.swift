internal import COpenSSL

/// Makes certificates over new P-256 keys, signed with SHA-256.
enum IssuedCertificate {
    enum Subject {
        case server(names: [String], addresses: [String])
        /// - name: letters, digits, `.`, `_` and `-`.
        case client(name: String)
    }

    /// A self-signed authority that signs end certificates only. Times in seconds since the Unix epoch.
    static func authority(notBefore: Int64, notAfter: Int64) throws(TLSError) -> (CertificateHandle, KeyHandle) {
        let key = try newKey()
        // Two authorities never share a name, so that messages and verifiers can tell them apart.
        let name = "Tidemark authority \(hexadecimal(try random(8)))"
        let certificate = try blank(commonName: name, key, notBefore, notAfter)
        try setIssuer(of: certificate, to: certificate)
        try extend(certificate, by: certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0")
        try extend(certificate, by: certificate, NID_key_usage, "critical,keyCertSign,cRLSign")
        try extend(certificate, by: certificate, NID_subject_key_identifier, "hash")
        try sign(certificate, with: key)
        return (certificate, key)
    }

    /// A certificate for one end of a connection. Times in seconds since the Unix epoch.
    static func leaf(
        _ subject: Subject,
        issuer: CertificateHandle,
        issuerKey: KeyHandle,
        notBefore: Int64,
        notAfter: Int64
    ) throws(TLSError) -> (CertificateHandle, KeyHandle) {
        let key = try newKey()
        let (commonName, alternativeNames, usage) = try words(subject)
        let certificate = try blank(commonName: commonName, key, notBefore, notAfter)
        try setIssuer(of: certificate, to: issuer)
        try extend(certificate, by: issuer, NID_basic_constraints, "critical,CA:FALSE")
        try extend(certificate, by: issuer, NID_key_usage, "critical,digitalSignature")
        try extend(certificate, by: issuer, NID_ext_key_usage, usage)
        try extend(certificate, by: issuer, NID_subject_alt_name, alternativeNames)
        try extend(certificate, by: issuer, NID_subject_key_identifier, "hash")
        try extend(certificate, by: issuer, NID_authority_key_identifier, "keyid:always")
        try sign(certificate, with: issuerKey)
        return (certificate, key)
    }

    static func isAuthority(_ certificate: CertificateHandle) -> Bool { X509_check_ca(certificate.pointer) == 1 }

    /// Common name, subjectAltName and extended key usage, in the syntax of openssl.cnf.
    private static func words(_ subject: Subject) throws(TLSError) -> (String, String, String) {
        switch subject {
        case .client(let name): return (name, "URI:tidemark:client/\(name)", "clientAuth")
        case .server(let names, let addresses):
            let plain = (names + addresses).allSatisfy { name in
                (1...253).contains(name.utf8.count)
                    && name.utf8.allSatisfy {
                        $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: ";")
                    }
            }
            guard plain, let first = names.first ?? addresses.first, first.utf8.count <= 64 else {
                throw TLSError(.library, details: ["unusable server name or address"])
            }
            let all = names.map { "DNS:\($0)" } + addresses.map { "IP:\($0)" }
            return (first, all.joined(separator: ","), "serverAuth")
        }
    }

    // MARK: Steps

    private static func newKey() throws(TLSError) -> KeyHandle {
        ERR_clear_error()
        guard let key = tidemark_EC_generate_P256() else { throw TLSError.fromLibrary("no key can be made") }
        return KeyHandle(owning: key)
    }

    private static func random(_ byteCount: Int) throws(TLSError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: byteCount)
        guard RAND_bytes(&bytes, Int32(byteCount)) == 1 else { throw TLSError.fromLibrary("RAND_bytes") }
        return bytes
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// A version 3 certificate with a random serial of 128 bits, subject, key and validity; not signed yet.
    private static func blank(
        commonName: String,
        _ key: KeyHandle,
        _ notBefore: Int64,
        _ notAfter: Int64
    ) throws(TLSError) -> CertificateHandle {
        ERR_clear_error()
        guard let pointer = X509_new() else { throw TLSError.fromLibrary("X509_new") }
        let certificate = CertificateHandle(owning: pointer)
        let serial = try random(16)
        guard let number = BN_bin2bn(serial, Int32(serial.count), nil) else { throw TLSError.fromLibrary("BN_bin2bn") }
        defer { BN_free(number) }
        guard X509_set_version(pointer, 2) == 1,
            BN_to_ASN1_INTEGER(number, X509_get_serialNumber(pointer)) != nil,
            ASN1_TIME_set(X509_getm_notBefore(pointer), Int(notBefore)) != nil,
            ASN1_TIME_set(X509_getm_notAfter(pointer), Int(notAfter)) != nil,
            X509_set_pubkey(pointer, key.pointer) == 1,
            X509_NAME_add_entry_by_txt(
                X509_get_subject_name(pointer),
                "CN",
                MBSTRING_UTF8,
                commonName,
                Int32(commonName.utf8.count),
                -1,
                0
            ) == 1
        else { throw TLSError.fromLibrary("a certificate cannot be made") }
        return certificate
    }

    private static func setIssuer(of certificate: CertificateHandle, to issuer: CertificateHandle) throws(TLSError) {
        guard X509_set_issuer_name(certificate.pointer, X509_get_subject_name(issuer.pointer)) == 1 else {
            throw TLSError.fromLibrary("a certificate's issuer cannot be set")
        }
    }

    private static func extend(
        _ certificate: CertificateHandle,
        by issuer: CertificateHandle,
        _ identifier: Int32,
        _ text: String
    ) throws(TLSError) {
        guard let extra = tidemark_X509_extension(issuer.pointer, certificate.pointer, identifier, text) else {
            throw TLSError.fromLibrary("extension \(text)")
        }
        defer { X509_EXTENSION_free(extra) }
        guard X509_add_ext(certificate.pointer, extra, -1) == 1 else { throw TLSError.fromLibrary("extension \(text)") }
    }

    private static func sign(_ certificate: CertificateHandle, with key: KeyHandle) throws(TLSError) {
        guard X509_sign(certificate.pointer, key.pointer, EVP_sha256()) > 0 else {
            throw TLSError.fromLibrary("a certificate cannot be signed")
        }
    }
}

/// Certificates and keys as PEM.
enum PEMText {
    static func certificate(_ certificate: CertificateHandle) throws(TLSError) -> [UInt8] {
        guard let bio = BIO_new(BIO_s_mem()) else { throw TLSError.fromLibrary("BIO_new") }
        defer { BIO_free(bio) }
        guard PEM_write_bio_X509(bio, certificate.pointer) == 1 else {
            throw TLSError.fromLibrary("PEM_write_bio_X509")
        }
        return OpenSSLMemory.bytes(bio)
    }

    /// Unencrypted PKCS #8.
    static func key(_ key: KeyHandle) throws(TLSError) -> [UInt8] {
        guard let bio = BIO_new(BIO_s_secmem()) else { throw TLSError.fromLibrary("BIO_new") }
        defer { BIO_free(bio) }
        guard PEM_write_bio_PKCS8PrivateKey(bio, key.pointer, nil, nil, 0, nil, nil) == 1 else {
            throw TLSError.fromLibrary("PEM_write_bio_PKCS8PrivateKey")
        }
        return OpenSSLMemory.bytes(bio)
    }
}
