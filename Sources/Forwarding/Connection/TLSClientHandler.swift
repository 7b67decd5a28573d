import NIOCore
import Runtime
import TLS

/// TLS between the socket and a collector's protocol: ciphertext below, plaintext above. It is added to a channel that
/// is connected; what is written before TLS is agreed on waits. Confined to the channel's event loop.
final class TLSClientHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let tls: TLSContext
    private let serverName: String
    private let agreed: EventLoopPromise<Void>
    private var engine: TLSEngine?
    private var isAgreed = false
    private var isClosing = false
    private var waiting: [(data: ByteBuffer, promise: EventLoopPromise<Void>?)] = []
    private var plaintext = [UInt8](repeating: 0, count: TLSEngine.recordPlaintextBytesMax)

    /// - Parameters:
    ///   - serverName: told to the collector (SNI), and what its certificate must be for.
    ///   - agreed: succeeds when TLS is agreed on, fails when it cannot be.
    init(_ tls: TLSContext, serverName: String, agreed: EventLoopPromise<Void>) {
        self.tls = tls
        self.serverName = serverName
        self.agreed = agreed
    }

    func handlerAdded(context: ChannelHandlerContext) {
        do throws(TLSError) {
            let engine = try TLSEngine(tls, serverName: serverName)
            self.engine = engine
            engine.sendOutput(context)
            context.flush()
        } catch {
            fail(error, context)
        }
    }

    // MARK: From the socket

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
        engine.sendOutput(context)
        context.flush()
        if fault == nil, !isAgreed, case .established = engine.state { established(context) }
        if plain.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(plain)) }
        if let fault { return fail(fault, context) }
        if isOver { context.close(promise: nil) }
    }

    private func established(_ context: ChannelHandlerContext) {
        isAgreed = true
        agreed.succeed()
        let all = waiting
        waiting = []
        for entry in all { write(context: context, data: wrapInboundOut(entry.data), promise: entry.promise) }
        if !all.isEmpty { context.flush() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        isClosing = true
        agreed.fail(CollectorError("closed the connection during the TLS handshake: does it speak TLS?"))
        for entry in waiting { entry.promise?.fail(ChannelError.ioOnClosedChannel) }
        waiting = []
        context.fireChannelInactive()
    }

    // MARK: To the socket

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard let engine, !isClosing else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        guard isAgreed else { return waiting.append((unwrapOutboundIn(data), promise)) }
        do {
            try unwrapOutboundIn(data).withUnsafeReadableBytes { bytes in
                try engine.seal(bytes, context.channel.allocator) { context.write(wrapOutboundOut($0), promise: nil) }
            }
            engine.sendOutput(context, promise)
        } catch {
            promise?.fail(error)
            context.close(promise: nil)
        }
    }

    /// Says goodbye (close_notify), then closes.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if mode != .input, let engine, !isClosing {
            isClosing = true
            engine.shutdown()
            engine.sendOutput(context)
            context.flush()
        }
        context.close(mode: mode, promise: promise)
    }

    private func fail(_ error: TLSError, _ context: ChannelHandlerContext) {
        agreed.fail(CollectorError("TLS: \(error)"))
        context.fireErrorCaught(CollectorError("TLS: \(error)"))
        // Later, so that an alert of ours still goes out.
        let channel = context.channel
        context.eventLoop.execute { channel.close(promise: nil) }
    }
}

/// What is wrong with a connection to a collector, in words.
struct CollectorError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
