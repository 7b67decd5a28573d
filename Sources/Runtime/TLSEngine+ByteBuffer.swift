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

    /// Hands waiting ciphertext to the socket, and an empty buffer without any, so that the promise is kept when all
    /// before it is written.
    package func sendOutput(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>? = nil) {
        let output = takeOutput(context.channel.allocator)
        guard let buffer = output ?? promise.map({ _ in context.channel.allocator.buffer(capacity: 0) }) else { return }
        context.write(NIOAny(buffer), promise: promise)
    }

    /// Decrypts all that is there.
    /// - Parameter room: for one record's plaintext, used again each time.
    /// - Returns: whether the other side sends nothing more.
    package func readAll(into plain: inout ByteBuffer, by room: inout [UInt8]) throws(TLSError) -> Bool {
        while true {
            var fault: TLSError?
            var result = ReadResult.wantsMore
            room.withUnsafeMutableBytes { bytes in
                do throws(TLSError) { result = try read(into: bytes) } catch { fault = error }
            }
            if let fault { throw fault }
            switch result {
            case .wantsMore: return false
            case .closed: return true
            case .bytes(let count): plain.writeBytes(room[..<count])
            }
        }
    }
}
