internal import COpenSSL

extension PeerCertificate {
    /// Reads a certificate's names and validity. Everything in it may be hostile: names with unprintable or non-ASCII
    /// bytes (a NUL inside among them) are left out rather than shortened.
    init(_ certificate: OpaquePointer) {
        var uris: [String] = []
        var dnsNames: [String] = []
        if let names = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil).map(OpaquePointer.init) {
            for index in 0..<min(tidemark_general_names_count(names), Int32(TLSLimits.namesPerCertificateMax)) {
                guard let name = tidemark_general_names_at(names, index) else { continue }
                var kind: Int32 = 0
                let value = GENERAL_NAME_get0_value(name, &kind)
                guard kind == GEN_URI || kind == GEN_DNS, let value else { continue }
                guard let text = Self.plainText(value.assumingMemoryBound(to: ASN1_STRING.self)) else { continue }
                if kind == GEN_URI { uris.append(text) } else { dnsNames.append(text) }
            }
            GENERAL_NAMES_free(names)
        }
        ERR_clear_error()  // a malformed extension reports itself; it counts as one without names
        self.init(
            uris: uris,
            dnsNames: dnsNames,
            commonName: Self.commonName(certificate),
            hasAlternativeNames: X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1) >= 0,
            serialNumber: Self.serialNumber(certificate),
            fingerprint: Self.fingerprint(certificate),
            notBefore: ASN1Time.seconds(X509_get0_notBefore(certificate)),
            notAfter: ASN1Time.seconds(X509_get0_notAfter(certificate))
        )
    }

    /// The subject as `CN=…,O=…` for people, printable.
    static func subject(_ certificate: OpaquePointer) -> String {
        guard let bio = BIO_new(BIO_s_mem()) else { return "" }
        defer { BIO_free(bio) }
        guard tidemark_X509_NAME_print(bio, X509_get_subject_name(certificate)) >= 0 else {
            ERR_clear_error()
            return ""
        }
        return String(decoding: OpenSSLMemory.bytes(bio), as: UTF8.self).printable
    }

    /// Text of printable ASCII only, not empty, at most 1,024 bytes.
    private static func plainText(_ value: UnsafePointer<ASN1_STRING>) -> String? {
        let count = Int(ASN1_STRING_length(value))
        guard (1...1_024).contains(count), let data = ASN1_STRING_get0_data(value) else { return nil }
        let bytes = UnsafeBufferPointer(start: data, count: count)
        guard bytes.allSatisfy({ (0x20...0x7E).contains($0) }) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The one common name; nil where there are several, since then nobody can say which is meant.
    private static func commonName(_ certificate: OpaquePointer) -> String? {
        guard let subject = X509_get_subject_name(certificate) else { return nil }
        let first = X509_NAME_get_index_by_NID(subject, NID_commonName, -1)
        guard first >= 0, X509_NAME_get_index_by_NID(subject, NID_commonName, first) < 0,
            let value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, first))
        else { return nil }
        var utf8: UnsafeMutablePointer<UInt8>?
        let count = ASN1_STRING_to_UTF8(&utf8, value)
        guard count > 0, count <= 1_024, let utf8 else {
            ERR_clear_error()
            return nil
        }
        defer { CRYPTO_free(utf8, #file, #line) }
        let text = String(decoding: UnsafeBufferPointer(start: utf8, count: Int(count)), as: UTF8.self)
        return text.printable == text ? text : nil
    }

    private static func serialNumber(_ certificate: OpaquePointer) -> String {
        guard let number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nil) else {
            ERR_clear_error()
            return ""
        }
        defer { BN_free(number) }
        guard BN_num_bits(number) <= 1_024, let text = BN_bn2hex(number) else { return "" }
        defer { CRYPTO_free(text, #file, #line) }
        let digits = String(cString: text).lowercased().drop { $0 == "0" }
        return digits.isEmpty ? "0" : String(digits)
    }

    private static func fingerprint(_ certificate: OpaquePointer) -> String {
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: UInt32 = 0
        guard X509_digest(certificate, EVP_sha256(), &digest, &count) == 1 else {
            ERR_clear_error()
            return ""
        }
        return digest.prefix(Int(count)).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

/// Times of certificates and revocation lists.
enum ASN1Time {
    /// Seconds since the Unix epoch; 0 where the time does not parse.
    static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64 {
        guard let epoch = ASN1_TIME_set(nil, 0) else { return 0 }
        defer { ASN1_STRING_free(epoch) }
        var (days, rest): (Int32, Int32) = (0, 0)
        guard ASN1_TIME_diff(&days, &rest, epoch, time) == 1 else {
            ERR_clear_error()
            return 0
        }
        return Int64(days) * 86_400 + Int64(rest)
    }
}

/// What a memory BIO holds.
enum OpenSSLMemory {
    static func bytes(_ bio: OpaquePointer) -> [UInt8] {
        var start: UnsafePointer<CChar>?
        let count = tidemark_BIO_memory(bio, &start)
        guard count > 0, let start else { return [] }
        return Array(UnsafeRawBufferPointer(start: start, count: count))
    }
}
