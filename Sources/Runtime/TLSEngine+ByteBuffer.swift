package import NIOCore
package import TLS

/// Ciphertext of an engine as NIO's buffers.
extension TLSEngine {
    /// Encrypts bytes straight into what goes to the socket.
    /// - Parameter send: gets one buffer after the other; written in that order, and before what `takeOutput` gives.
    package func seal(
        _ bytes: UnsafeRawBufferPointer,
        _ allocator: ByteBufferAllocator,
        send: (ByteBuffer) -> Void
    ) throws(TLSError) {
        var rest = bytes
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 20))
            let capacity = TLSEngine.sealedByteCount(of: part.count) + outputByteCount
            var buffer = allocator.buffer(capacity: capacity)
            var taken = 0
            var fault: TLSError?
            buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: capacity) { output in
                do throws(TLSError) {
                    let result = try write(part, into: output)
                    taken = result.taken
                    return result.put
                } catch {
                    fault = error
                    return 0
                }
            }
            if let fault { throw fault }
            guard taken > 0 else { throw TLSError(.closed) }
            send(buffer)
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(taken))
        }
    }

    /// Takes waiting ciphertext: of a handshake, an alert, or what did not fit; nil where there is none.
    package func takeOutput(_ allocator: ByteBufferAllocator) -> ByteBuffer? {
        guard outputByteCount > 0 else { return nil }
        var buffer = allocator.buffer(capacity: outputByteCount)
        withOutput { bytes in
            buffer.writeBytes(bytes)
            return bytes.count
        }
        return buffer
    }
}
