import Logging
import NIOCore
import Runtime
import TLS

/// TLS between the socket and HTTP: ciphertext below, plaintext above. Confined to the connection's event loop.
final class TLSServerHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let context: TLSContext
    private let limits: WebLimits
    private let logger: Logger
    private var engine: TLSEngine?
    private var deadline: Scheduled<Void>?
    private var isClosing = false
    private var plaintext = [UInt8](repeating: 0, count: TLSEngine.recordPlaintextBytesMax)

    init(_ context: TLSContext, limits: WebLimits, logger: Logger) {
        self.context = context
        self.limits = limits
        self.logger = logger
    }

    /// The certificate that the client has shown, if that is still good for `current`; nil where it has shown none.
    /// - Throws: when it is not.
    func peer(acceptedBy current: TLSContext) throws(TLSError) -> PeerCertificate? {
        guard let engine, let certificate = engine.peerCertificate else { return nil }
        if !engine.isMade(from: current), let fault = current.fault(ofPeerOf: engine) {
            throw TLSError(.peerNotTrusted(fault))
        }
        return certificate
    }

    // MARK: From the socket

    func channelActive(context: ChannelHandlerContext) {
        do throws(TLSError) {
            engine = try TLSEngine(self.context)
        } catch {
            return fail("TLS: \(error)", context)
        }
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: limits.handshake) {
            self.fail("TLS was not agreed on in time", context)
        }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let engine, !isClosing else { return }
        let ciphertext = unwrapInboundIn(data)
        var plain = context.channel.allocator.buffer(capacity: ciphertext.readableBytes)
        var isOver = false
        var fault: TLSError?
        ciphertext.withUnsafeReadableBytes { bytes in
            do throws(TLSError) {
                isOver = try engine.withReceived(bytes) { (engine) throws(TLSError) in
                    try engine.readAll(into: &plain, by: &plaintext)
                }
            } catch {
                fault = error
            }
        }
        if engine.state != .handshaking { deadline?.cancel() }
        engine.sendOutput(context)
        context.flush()
        if plain.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(plain)) }
        if let fault { return fail("TLS: \(fault)", context) }
        if isOver { close(context: context, mode: .all, promise: nil) }
    }

    // MARK: To the socket

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard let engine, !isClosing else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        do {
            try unwrapOutboundIn(data).withUnsafeReadableBytes { bytes in
                try engine.seal(bytes, context.channel.allocator) { context.write(wrapOutboundOut($0), promise: nil) }
            }
            engine.sendOutput(context, promise)
        } catch {
            promise?.fail(error)
            fail("TLS: \(error)", context)
        }
    }

    // MARK: Ending

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if mode != .input, let engine, !isClosing {
            isClosing = true
            deadline?.cancel()
            engine.shutdown()
            engine.sendOutput(context)
            context.flush()
        }
        context.close(mode: mode, promise: promise)
    }

    private func fail(_ reason: String, _ context: ChannelHandlerContext) {
        guard !isClosing else { return }
        logger.debug(
            "connection closed",
            metadata: ["reason": "\(reason)", "peer": "\(context.remoteAddress?.hostAndPort ?? "?")"]
        )
        close(context: context, mode: .all, promise: nil)
    }
}
