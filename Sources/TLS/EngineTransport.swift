internal import COpenSSL

/// The two ends of an engine's wire as a BIO of our own: libssl reads ciphertext straight from the bytes that the
/// caller lends, and writes records straight into the buffer that the caller lends. Queues hold what was not lent.
///
/// ```
///  caller's received bytes (lent) ─┐
///  incoming (left over earlier) ───┴─> BIO read ──> libssl ──> BIO write ─┬─> caller's buffer (lent), while it
///                                                                         │   has room
///                                                                         └─> outgoing
/// ```
/// Order: `incoming` goes before lent bytes; `outgoing` is empty while a lent buffer has room.
/// Confined to the thread that uses its engine; the BIO and libssl's callbacks hold it unretained, the engine owns it.
final class EngineTransport {
    var incoming = ByteQueue()
    var outgoing = ByteQueue()
    /// The rest of the bytes lent for reading.
    var lentInput = UnsafeRawBufferPointer(start: nil, count: 0)
    /// The rest of the buffer lent for writing.
    var lentOutput = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    /// Bytes that went through a queue.
    var copiedByteCount: UInt64 = 0
    /// libssl wrote more than the limit, or there is no memory.
    var outputOverflowed = false
    let outgoingBytesMax: Int
    /// True where the context names application protocols.
    var needsApplicationProtocol = false
    /// Reported by libssl's callbacks while a handshake runs.
    var certificateFault: CertificateFault?
    var lacksApplicationProtocol = false

    /// - Parameter outgoingBytesMax: hard: the engine's own limit and what a handshake and alerts may add.
    init(outgoingBytesMax: Int) { self.outgoingBytesMax = outgoingBytesMax }

    /// A BIO over this transport. The caller keeps the transport alive longer than the BIO.
    func makeBIO() -> OpaquePointer? {
        guard let method = Self.method.pointer, let bio = BIO_new(method) else { return nil }
        BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
        BIO_set_init(bio, 1)
        return bio
    }

    fileprivate static func of(_ bio: OpaquePointer?) -> EngineTransport? {
        BIO_get_data(bio).map { Unmanaged<EngineTransport>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Gives libssl bytes from the peer. - Returns: how many; 0 where there are none now.
    fileprivate func pull(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        if incoming.count > 0 { return incoming.move(into: buffer) }
        let pulled = min(lentInput.count, buffer.count)
        guard pulled > 0 else { return 0 }
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: lentInput[..<pulled]))
        lentInput = UnsafeRawBufferPointer(rebasing: lentInput[pulled...])
        return pulled
    }

    /// Takes bytes for the peer from libssl: all of them, or none and false.
    fileprivate func push(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let direct = outgoing.count == 0 ? min(bytes.count, lentOutput.count) : 0
        let rest = UnsafeRawBufferPointer(rebasing: bytes[direct...])
        guard !outputOverflowed, rest.count <= outgoingBytesMax - outgoing.count, outgoing.append(rest) else {
            outputOverflowed = true
            return false
        }
        if direct > 0 {
            lentOutput.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<direct]))
            lentOutput = UnsafeMutableRawBufferPointer(rebasing: lentOutput[direct...])
        }
        copiedByteCount += UInt64(rest.count)
        return true
    }
}

// MARK: - The BIO's method table

extension EngineTransport {
    /// The table is made once, never changed and never freed, so that any thread may use it.
    private struct Method: @unchecked Sendable { let pointer: OpaquePointer? }

    private static let method: Method = {
        let kind = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK
        guard let method = BIO_meth_new(kind, "tidemark engine") else { return Method(pointer: nil) }
        BIO_meth_set_write(method) { bio, bytes, count in
            guard let transport = EngineTransport.of(bio), let bytes, count > 0 else { return 0 }
            tidemark_BIO_clear_retry(bio)
            return transport.push(UnsafeRawBufferPointer(start: bytes, count: Int(count))) ? count : -1
        }
        BIO_meth_set_read(method) { bio, buffer, count in
            guard let transport = EngineTransport.of(bio), let buffer, count > 0 else { return 0 }
            tidemark_BIO_clear_retry(bio)
            let pulled = transport.pull(into: UnsafeMutableRawBufferPointer(start: buffer, count: Int(count)))
            if pulled > 0 { return Int32(pulled) }
            tidemark_BIO_set_retry_read(bio)
            return -1
        }
        BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
        return Method(pointer: method)
    }()
}
