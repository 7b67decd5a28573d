// TLS of one connection: bytes in, bytes out, no socket, no thread, no clock but libcrypto's for validity.
//
// ```
//  socket -> receive(_:) / withReceived(_:_:) -> read(into:)           -> the application
//  socket <- takeOutput / withOutput          <- write(_:) / write(_:into:) <- the application
// ```
// Copies of ciphertext: with `withReceived` and `write(_:into:)` none but libssl's own (between its record buffer and
// the lent memory); with `receive` and `write(_:)` one more, through the queues of `EngineTransport`.
//
// Memory: at most `TLSLimits.incomingBytesMax` + `outgoingBytesMax` in the queues, besides libssl's two record buffers
// (16 KiB each, given back while idle).

internal import COpenSSL

/// TLS of one connection. Confined: not thread safe, and not to be entered again from inside a closure given to it.
///
/// After *every* call, thrown errors included, `outputByteCount` may have grown (handshake, alert, key update): send
/// what is there.
package final class TLSEngine {
    package enum State: Sendable, Equatable {
        /// Next: `.established` or `.failed`.
        case handshaking
        /// As far as this side can know: in TLS 1.3 a server may still refuse a client, by an alert at its first read.
        /// Next: `.peerClosed` or `.failed`.
        case established
        /// The peer said close_notify and sends nothing more; we may still write.
        case peerClosed
        /// The end. What waits in the output (an alert) should still be sent.
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

    /// Largest plaintext of one TLS record, in bytes (RFC 8446, 5.1).
    package static let recordPlaintextBytesMax = 16 << 10
    /// Header, explicit nonce (1.2) or inner type (1.3), and tag: at most this many bytes more, whatever the cipher.
    static let recordOverheadBytesMax = 32

    package internal(set) var state = State.handshaking
    /// The peer's verified certificate, once established; nil before, and where none was asked for.
    package internal(set) var peerCertificate: PeerCertificate?
    /// `TLSv1.3`, once established.
    package internal(set) var protocolVersion: String?
    /// The ALPN protocol agreed on.
    package internal(set) var applicationProtocol: String?

    let context: TLSContext
    let ssl: OpaquePointer
    let transport: EngineTransport
    var limits: TLSLimits { context.options.limits }
    var handshakeByteCount = 0
    /// False once the peer's first two bytes cannot begin a TLS record.
    var looksLikeTLS = true
    private var saidCloseNotify = false
    private var recordsUnderKey: UInt64 = 0

    /// Makes the engine; a client's first flight is in the output at once.
    /// - Parameter serverName: for clients: the host name or IP address that the server's certificate must be for,
    ///   also sent as SNI where it is a name. Required for clients, ignored for servers.
    package init(_ context: TLSContext, serverName: String? = nil) throws(TLSError) {
        ERR_clear_error()
        guard let ssl = SSL_new(context.pointer) else { throw TLSError.fromLibrary("SSL_new") }
        self.context = context
        self.ssl = ssl
        let bytesMax = context.options.limits.outgoingBytesMax
        transport = EngineTransport(
            outgoingBytesMax: bytesMax.addingReportingOverflow(TLSLimits.ownOutputBytesMax).partialValue
        )
        transport.needsApplicationProtocol = !context.options.applicationProtocols.isEmpty
        // From here on deinit frees the connection, thrown errors included.
        guard SSL_set_ex_data(ssl, 0, Unmanaged.passUnretained(transport).toOpaque()) == 1,
            let bio = transport.makeBIO()
        else { throw TLSError.fromLibrary("BIO_new") }
        SSL_set_bio(ssl, bio, bio)  // takes over the BIO, once for both directions
        switch context.role {
        case .server: SSL_set_accept_state(ssl)
        case .client:
            SSL_set_connect_state(ssl)
            try expectServer(serverName ?? "")
            try advanceHandshake()
        }
    }

    deinit { SSL_free(ssl) }  // and the BIO, before the transport that it points to

    /// Whether it is the context that has let the peer in, or will.
    package func isMade(from context: TLSContext) -> Bool { self.context === context }

    /// Bytes of ciphertext that wait to be sent.
    package var outputByteCount: Int { transport.outgoing.count }
    /// Bytes of ciphertext received and not yet read by libssl; stop reading the socket while it is not 0.
    package var unreadByteCount: Int { transport.incoming.count }
    /// Bytes of ciphertext that went through a queue, in both directions since the beginning: for measuring.
    package var copiedByteCount: UInt64 { transport.copiedByteCount }

    // MARK: From the peer

    /// Takes ciphertext from the peer and drives the handshake. Plaintext waits for `read(into:)`.
    /// The bytes are copied.
    package func receive(_ bytes: UnsafeRawBufferPointer) throws(TLSError) {
        try withReceived(bytes) { (_) throws(TLSError) in }
    }

    /// As `receive(_:)`, but lends the bytes for the time of `body`, where `read(into:)` decrypts them with no copy
    /// between; only what `body` leaves unread is copied.
    package func withReceived<Result>(
        _ bytes: UnsafeRawBufferPointer,
        _ body: (TLSEngine) throws(TLSError) -> Result
    ) throws(TLSError) -> Result {
        if case .failed(let error) = state { throw error }
        transport.lentInput = bytes
        defer { transport.lentInput = UnsafeRawBufferPointer(start: nil, count: 0) }
        if case .handshaking = state {
            inspectFirst(bytes)
            handshakeByteCount = handshakeByteCount.addingReportingOverflow(bytes.count).partialValue
            try advanceHandshake()
            if case .handshaking = state, handshakeByteCount > limits.handshakeBytesMax {
                throw fail(TLSError(.limitExceeded, details: ["handshakeBytesMax"]))
            }
        }
        let result = try body(self)
        try keepUnread()
        return result
    }

    /// The socket ended. Read all plaintext first.
    /// - Throws: `.truncated` where the peer did not say close_notify.
    package func receiveEnd() throws(TLSError) {
        switch state {
        case .peerClosed: return
        case .failed(let error): throw error
        case .handshaking, .established: throw fail(TLSError(.truncated))
        }
    }

    /// Gives decrypted bytes, as many as are there and fit; call until `.wantsMore` or `.closed`.
    /// - Parameter buffer: not empty.
    /// - Throws: `.refusedByPeer` where a server refuses this client after its handshake, and all that breaks a stream;
    ///   bytes that came before in order are given first.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(TLSError) -> ReadResult {
        switch state {
        case .failed(let error): throw error
        case .peerClosed: return .closed
        case .handshaking:
            try advanceHandshake()
            guard case .established = state else { return .wantsMore }
        case .established: break
        }
        var total = 0
        while total < buffer.count, let base = buffer.baseAddress {
            ERR_clear_error()
            var count = 0
            let result = SSL_read_ex(ssl, base + total, buffer.count - total, &count)
            if result == 1 {
                total += count
                continue
            }
            switch outcome(of: result) {
            case .incomplete: return total > 0 ? .bytes(total) : .wantsMore
            case .ended:
                state = .peerClosed
                return total > 0 ? .bytes(total) : .closed
            case .failed(let error):
                state = .failed(error)
                if total > 0 { return .bytes(total) }
                throw error
            }
        }
        return total > 0 ? .bytes(total) : .wantsMore
    }

    // MARK: To the peer

    /// Encrypts bytes into the output.
    /// - Returns: the number of bytes taken: fewer than given once `TLSLimits.outgoingBytesMax` is reached, none while
    ///   the handshake runs.
    /// - Throws: `.closed` after `shutdown()`.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(TLSError) -> Int {
        switch state {
        case .handshaking: return 0
        case .failed(let error): throw error
        case .established, .peerClosed: break
        }
        if saidCloseNotify { throw TLSError(.closed) }
        let room = transport.lentOutput.count + max(0, limits.outgoingBytesMax - transport.outgoing.count)
        let records = room / (Self.recordPlaintextBytesMax + Self.recordOverheadBytesMax)
        let last = room % (Self.recordPlaintextBytesMax + Self.recordOverheadBytesMax) - Self.recordOverheadBytesMax
        // Bounded by the buffer's own size and the limits, so that neither can overflow.
        let wanted = min(bytes.count, records * Self.recordPlaintextBytesMax + max(0, last))
        guard wanted > 0 else { return 0 }
        try renewKey(before: wanted)
        ERR_clear_error()
        var taken = 0
        let result = SSL_write_ex(ssl, bytes.baseAddress, wanted, &taken)
        if result == 1 { return taken }
        // Our BIO takes all or fails, so libssl never asks to wait here.
        guard case .failed(let error) = outcome(of: result) else { throw fail(TLSError(.library)) }
        throw fail(error)
    }

    /// Encrypts bytes straight into the caller's buffer, behind the output that waits already (which goes first).
    /// What does not fit stays in the output.
    /// - Returns: plaintext bytes taken and ciphertext bytes put into `output`.
    package func write(
        _ bytes: UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer
    ) throws(TLSError) -> (taken: Int, put: Int) {
        let waiting = takeOutput(into: output)
        guard transport.outgoing.count == 0 else { return (try write(bytes), waiting) }
        let rest = UnsafeMutableRawBufferPointer(rebasing: output[waiting...])
        transport.lentOutput = rest
        defer { transport.lentOutput = UnsafeMutableRawBufferPointer(start: nil, count: 0) }
        let taken = try write(bytes)
        return (taken, waiting + rest.count - transport.lentOutput.count)
    }

    /// The size of a buffer that holds the ciphertext of so many bytes of plaintext, in bytes.
    /// - Parameter plaintextByteCount: at least 0, and far from `Int.max`.
    package static func sealedByteCount(of plaintextByteCount: Int) -> Int {
        let records = (plaintextByteCount + recordPlaintextBytesMax - 1) / recordPlaintextBytesMax
        return plaintextByteCount + records * recordOverheadBytesMax
    }

    /// Moves waiting output into the caller's buffer. - Returns: the number of bytes moved.
    package func takeOutput(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        transport.outgoing.move(into: buffer)
    }

    /// Lends waiting output without a copy; `body` returns how many bytes of it were sent.
    package func withOutput<Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) {
        let bytes = transport.outgoing.bytes
        guard !bytes.isEmpty else { return }
        transport.outgoing.drop(try body(bytes))
    }

    /// Says close_notify to the peer (in the output); reading may go on. Does nothing after a failure, or twice.
    package func shutdown() {
        switch state {
        case .established, .peerClosed: break
        case .handshaking, .failed: return
        }
        guard !saidCloseNotify else { return }
        saidCloseNotify = true
        ERR_clear_error()
        SSL_shutdown(ssl)
        ERR_clear_error()
    }

    /// A key may protect only so many records (RFC 8446, 5.5): a long feed changes it on the way. 1.3 only; in 1.2 the
    /// sequence number would end first, which no connection lives to see.
    private func renewKey(before byteCount: Int) throws(TLSError) {
        let records = UInt64(byteCount / Self.recordPlaintextBytesMax + 1)
        recordsUnderKey += records
        guard recordsUnderKey > limits.recordsPerKeyMax, SSL_version(ssl) == TLS1_3_VERSION else { return }
        recordsUnderKey = records
        ERR_clear_error()
        guard SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 else {
            throw fail(TLSError.fromLibrary("SSL_key_update"))
        }
    }

    /// Queues what was lent and not read.
    private func keepUnread() throws(TLSError) {
        let left = transport.lentInput
        guard !left.isEmpty else { return }
        if case .peerClosed = state { return }  // nothing counts behind a close_notify
        guard left.count <= limits.incomingBytesMax - transport.incoming.count, transport.incoming.append(left) else {
            throw fail(TLSError(.limitExceeded, details: ["incomingBytesMax"]))
        }
        transport.copiedByteCount += UInt64(left.count)
    }
}
