internal import COpenSSL

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The text of a file with certificates or a key, and the reading of its blocks.
/// The closures given to libcrypto refuse to name a passphrase: it would otherwise ask for one at the terminal.
struct PEMFile {
    let path: String
    private let bytes: [UInt8]

    /// - Throws: `.file`: unreadable or too large.
    init(_ path: String) throws(TLSError) {
        self.path = path
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.unreadable(path) }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 16 << 10)
        var used = 0
        while true {
            if used == bytes.count {
                guard used < TLSLimits.fileBytesMax else { throw TLSError(.file(path: path, .tooLarge)) }
                bytes.append(contentsOf: repeatElement(0, count: min(used, TLSLimits.fileBytesMax - used)))
            }
            let count = bytes.withUnsafeMutableBytes { buffer in
                read(descriptor, buffer.baseAddress.map { $0 + used }, buffer.count - used)
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw Self.unreadable(path)
            }
            if count == 0 { break }
            used += count
        }
        bytes.removeLast(bytes.count - used)
        self.bytes = bytes
    }

    /// All certificates of the file, in order; at least one.
    func certificates() throws(TLSError) -> [CertificateHandle] {
        // The first block may be a "trusted certificate" too; we read both as plain certificates.
        try blocks(orElse: .noCertificate) { bio in
            PEM_read_bio_X509(bio, nil, { _, _, _, _ in -1 }, nil).map { CertificateHandle(owning: $0) }
        }
    }

    /// All revocation lists of the file, in order; at least one.
    func revocationLists() throws(TLSError) -> [RevocationListHandle] {
        try blocks(orElse: .noRevocationList) { bio in
            PEM_read_bio_X509_CRL(bio, nil, { _, _, _, _ in -1 }, nil).map { RevocationListHandle(owning: $0) }
        }
    }

    /// All blocks of a kind.
    /// - Parameters:
    ///   - absence: what is wrong where there is none.
    ///   - next: reads the next block; nil behind the last one, or where it is damaged.
    private func blocks<Block>(
        orElse absence: TLSError.FileFault,
        _ next: (OpaquePointer) -> Block?
    ) throws(TLSError) -> [Block] {
        var found: [Block] = []
        ERR_clear_error()
        let bio = try reader()
        defer { BIO_free(bio) }
        while true {
            if let block = next(bio) {
                found.append(block)
                guard found.count <= TLSLimits.certificatesPerFileMax else { throw fault(.tooLarge) }
                continue
            }
            let failures = OpenSSLFailure.drain()
            let ended = failures.last.map { $0.library == ERR_LIB_PEM && $0.reason == PEM_R_NO_START_LINE } ?? true
            guard ended else { throw fault(.malformed, failures) }
            guard !found.isEmpty else { throw fault(absence) }
            return found
        }
    }

    /// The first private key of the file.
    func privateKey() throws(TLSError) -> KeyHandle {
        ERR_clear_error()
        let bio = try reader()
        defer { BIO_free(bio) }
        if let pointer = PEM_read_bio_PrivateKey(bio, nil, { _, _, _, _ in -1 }, nil) {
            ERR_clear_error()
            return KeyHandle(owning: pointer)
        }
        let failures = OpenSSLFailure.drain()
        let text = bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        guard text.contains("PRIVATE KEY-----") else { throw fault(.noPrivateKey) }
        if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
            throw fault(.keyIsEncrypted)
        }
        throw fault(.malformed, failures)
    }

    func fault(_ fault: TLSError.FileFault, _ failures: [OpenSSLFailure] = []) -> TLSError {
        TLSError(.file(path: path, fault), details: failures.map(\.text))
    }

    /// A reading BIO over the bytes, which it copies.
    private func reader() throws(TLSError) -> OpaquePointer {
        guard let bio = BIO_new(BIO_s_secmem()) else { throw TLSError.fromLibrary("BIO_new") }
        let written = bytes.withUnsafeBytes { BIO_write(bio, $0.baseAddress, Int32($0.count)) }
        guard bytes.isEmpty || Int(written) == bytes.count else {
            BIO_free(bio)
            throw TLSError.fromLibrary("BIO_write")
        }
        return bio
    }

    private static func unreadable(_ path: String) -> TLSError {
        TLSError(.file(path: path, .unreadable(SystemFault.text(errno))))
    }
}

/// The system's words for an error number.
enum SystemFault {
    static func text(_ number: Int32) -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard strerror_r(number, &buffer, buffer.count) == 0 else { return "error \(number)" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
