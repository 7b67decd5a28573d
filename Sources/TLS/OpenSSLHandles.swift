internal import COpenSSL

/// Owns one reference to an X509.
/// `@unchecked Sendable`: libcrypto's count of references is atomic, and we change no certificate after it is made.
final class CertificateHandle: @unchecked Sendable {
    let pointer: OpaquePointer

    /// Takes over the caller's reference.
    init(owning pointer: OpaquePointer) { self.pointer = pointer }

    deinit { X509_free(pointer) }
}

/// Owns one reference to an EVP_PKEY.
/// `@unchecked Sendable`: as `CertificateHandle`.
final class KeyHandle: @unchecked Sendable {
    let pointer: OpaquePointer

    /// Takes over the caller's reference.
    init(owning pointer: OpaquePointer) { self.pointer = pointer }

    deinit { EVP_PKEY_free(pointer) }
}

/// Owns one reference to an X509_CRL.
/// `@unchecked Sendable`: as `CertificateHandle`.
final class RevocationListHandle: @unchecked Sendable {
    let pointer: OpaquePointer

    /// Takes over the caller's reference.
    init(owning pointer: OpaquePointer) { self.pointer = pointer }

    deinit { X509_CRL_free(pointer) }
}
