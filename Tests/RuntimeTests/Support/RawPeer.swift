import NIOCore
import NIOPosix
import TLS

/// A connection that says what the test tells it to: plain bytes, or bytes inside TLS.
final class RawPeer: Sendable {
    struct Seen: Sendable {
        var isEstablished = false
        var plaintext: [UInt8] = []
        var isClosed = false
        /// What TLS or the socket said at last.
        var fault: String?
        var writes: [Bool] = []
    }

    let recorder = Recorder(Seen())
    private let channel: any Channel

    /// - Parameters:
    ///   - address: of loopback, from which it connects; nil leaves that to the system.
    ///   - tls: nil sends and receives plain bytes.
    ///   - interlude: called after the handshake, on the peer's loop, which does nothing else meanwhile; after it the
    ///     peer talks on.
    init(
        port: Int,
        from address: String? = nil,
        tls: TLSContext? = nil,
        saying bytes: [UInt8] = [],
        on group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        interlude: (@Sendable () -> Void)? = nil
    ) async throws {
        let recorder = recorder
        var bootstrap = ClientBootstrap(group: group)
        if let address { bootstrap = bootstrap.bind(to: try SocketAddress(ipAddress: address, port: 0)) }
        channel =
            try await bootstrap
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        RawPeerChannel(
                            engine: try tls.map { try TLSEngine($0, serverName: "localhost") },
                            bytes: bytes,
                            interlude: interlude,
                            recorder: recorder
                        )
                    )
                }
            }
            .connect(host: address == nil ? "localhost" : "127.0.0.1", port: port).get()
    }

    /// Without TLS.
    func say(_ bytes: [UInt8]) {
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    }

    func close() async throws { try await channel.close() }
}

/// Confined to its event loop.
private final class RawPeerChannel: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let engine: TLSEngine?
    private let bytes: [UInt8]
    private let interlude: (@Sendable () -> Void)?
    private let recorder: Recorder<RawPeer.Seen>
    private var hasSpoken = false

    init(engine: TLSEngine?, bytes: [UInt8], interlude: (@Sendable () -> Void)?, recorder: Recorder<RawPeer.Seen>) {
        self.engine = engine
        self.bytes = bytes
        self.interlude = interlude
        self.recorder = recorder
    }

    func channelActive(context: ChannelHandlerContext) {
        if let engine {
            sendOutput(engine, context)
        } else if !bytes.isEmpty {
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        guard let engine else { return recorder.update { $0.plaintext += Array(buffer.readableBytesView) } }
        do {
            try buffer.withUnsafeReadableBytes { try engine.receive($0) }
            if !hasSpoken, engine.state == .established {
                hasSpoken = true
                recorder.update { $0.isEstablished = true }
                _ = try bytes.withUnsafeBytes { try engine.write($0) }
                if let interlude {
                    sendOutput(engine, context)
                    interlude()
                    for _ in 0..<10 { talk(context) }
                }
            }
            var piece = [UInt8](repeating: 0, count: 4096)
            while case .bytes(let count) = try piece.withUnsafeMutableBytes({ try engine.read(into: $0) }) {
                recorder.update { $0.plaintext += piece[..<count] }
            }
        } catch {
            recorder.update { $0.fault = "\(error)" }
            context.close(promise: nil)
            return
        }
        sendOutput(engine, context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        recorder.update { $0.isClosed = true }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        recorder.update { $0.fault = "\(error)" }
        context.close(promise: nil)
    }

    private func talk(_ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(repeating: 23, count: 1_000)))
            .whenComplete { [recorder] result in
                recorder.update { $0.writes.append((try? result.get()) != nil) }
            }
    }

    private func sendOutput(_ engine: TLSEngine, _ context: ChannelHandlerContext) {
        guard engine.outputByteCount > 0 else { return }
        var buffer = context.channel.allocator.buffer(capacity: engine.outputByteCount)
        engine.withOutput { bytes in
            buffer.writeBytes(bytes)
            return bytes.count
        }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }
}
