/// TLS of one connection: bytes in, bytes out, no socket. Confined: not thread safe, not re-entrant.
///
/// ```
///  socket -> receive(_:) -> read(into:)  -> the application
///  socket <- takeOutput  <- write(_:)    <- the application
/// ```
/// After *every* call, thrown errors included, `outputByteCount` may have grown (handshake, alert, key update): send it.
package final class TLSEngine {
    package enum State: Sendable, Equatable {
        /// Next: `.established` or `.failed`.
        case handshaking
        /// As far as this side can know: in TLS 1.3 a server may still refuse a client, by an alert at its first read.
        /// Next: `.peerClosed` or `.failed`.
        case established
        /// The peer said close_notify and sends nothing more; we may still write.
        case peerClosed
        case failed(TLSError)
    }

    package enum ReadResult: Sendable, Equatable {
        /// That many bytes of plaintext were put into the buffer, at least one.
        case bytes(Int)
        /// Nothing more until `receive` brings more.
        case wantsMore
        /// The peer closed in order.
        case closed
    }

    /// Makes the engine; a client's first flight is in the output at once.
    /// - Parameter serverName: for clients: the host name or IP address that the server's certificate must be for,
    ///   also sent as SNI where it is a name. Required for clients, ignored for servers.
    package init(_ context: TLSContext, serverName: String? = nil) throws(TLSError) { throw TLSError(.library) }

    package var state: State { preconditionFailure() }
    /// Bytes of ciphertext that wait to be sent.
    package var outputByteCount: Int { preconditionFailure() }
    /// Bytes of ciphertext received and not yet read by libssl; stop reading the socket while it is not 0.
    package var unreadByteCount: Int { preconditionFailure() }
    /// The peer's verified certificate, once established; nil before, and where none was asked for.
    package var peerCertificate: PeerCertificate? { preconditionFailure() }
    /// `TLSv1.3`, once established.
    package var protocolVersion: String? { preconditionFailure() }
    /// The ALPN protocol agreed on.
    package var applicationProtocol: String? { preconditionFailure() }

    /// Takes ciphertext from the peer and drives the handshake. Plaintext waits for `read(into:)`. The bytes are copied.
    package func receive(_ bytes: UnsafeRawBufferPointer) throws(TLSError) {}

    /// As `receive(_:)`, but lends the bytes for the time of `body`, where `read(into:)` decrypts them with no copy
    /// between; only what `body` leaves unread is copied.
    package func withReceived<Result>(
        _ bytes: UnsafeRawBufferPointer, _ body: (TLSEngine) throws(TLSError) -> Result
    ) throws(TLSError) -> Result { preconditionFailure() }

    /// The socket ended. Read all plaintext first.
    /// - Throws: `.truncated` where the peer did not say close_notify.
    package func receiveEnd() throws(TLSError) {}

    /// Gives decrypted bytes; call until `.wantsMore` or `.closed`.
    /// - Throws: `.refusedByPeer` where a server refuses this client after its handshake, and all that breaks a stream.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(TLSError) -> ReadResult { .wantsMore }

    /// Encrypts bytes into the output. Only when `.established` or `.peerClosed`.
    /// - Returns: the number of bytes taken: fewer than given once `TLSLimits.outgoingBytesMax` is reached.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(TLSError) -> Int { 0 }

    /// Encrypts bytes straight into the caller's buffer, behind the output that waits already (which goes first).
    /// What does not fit stays in the output.
    /// - Returns: plaintext bytes taken and ciphertext bytes put into `output`.
    package func write(
        _ bytes: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(TLSError) -> (taken: Int, put: Int) { (0, 0) }

    /// The size of a buffer that holds the ciphertext of so many bytes of plaintext, in bytes.
    package static func sealedByteCount(of plaintextByteCount: Int) -> Int { 0 }

    /// Moves waiting output into the caller's buffer. - Returns: the number of bytes moved.
    package func takeOutput(into buffer: UnsafeMutableRawBufferPointer) -> Int { 0 }

    /// Lends waiting output without a copy; `body` returns how many bytes of it were sent.
    package func withOutput<Failure: Error>(_ body: (UnsafeRawBufferPointer) throws(Failure) -> Int) throws(Failure) {}

    /// Says close_notify to the peer (in the output); reading may go on. Does nothing after a failure.
    package func shutdown() {}
}
