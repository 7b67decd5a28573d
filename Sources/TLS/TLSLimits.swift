/// Every limit of this room.
package struct TLSLimits: Sendable, Equatable {
    /// Ciphertext that was received and not yet read by libssl, in bytes. Stop reading the socket while some waits.
    package var incomingBytesMax = 1 << 20
    /// Ciphertext not yet taken, in bytes: `write` takes less when it is reached.
    package var outgoingBytesMax = 4 << 20
    /// All ciphertext of one handshake, in bytes.
    package var handshakeBytesMax = 256 << 10
    /// Records encrypted under one key (RFC 8446, 5.5 allows AES-GCM about 2^24.5 full ones).
    package var recordsPerKeyMax: UInt64 = 1 << 23

    /// A certificate or key file, in bytes.
    package static let fileBytesMax = 1 << 20
    /// Certificates in one file.
    package static let certificatesPerFileMax = 256
    /// Names read from a peer's certificate.
    package static let namesPerCertificateMax = 64
    /// The peer's chain of certificates, in bytes.
    package static let peerChainBytesMax = 64 << 10
    /// What libssl may add to the output by itself, beyond `outgoingBytesMax`, in bytes: handshake, alerts, key
    /// updates.
    package static let ownOutputBytesMax = 256 << 10
    /// Certificates between the peer's own and ours.
    package static let chainDepthMax = 8

    package init() {}
}
