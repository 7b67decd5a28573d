import NIOCore
import NIOPosix
import TLS

/// A connection that says what the test tells it to: plain bytes, or bytes inside TLS.
final class RawPeer: Sendable {
    struct Seen: Sendable {
        var isEstablished = false
        var plaintext: [UInt8] = []
        var isClosed = false
    }

    let recorder = Recorder(Seen())
    private let channel: any Channel

    /// - Parameter tls: nil sends and receives plain bytes.
    init(port: Int, tls: TLSContext? = nil, saying bytes: [UInt8] = []) async throws {
        let recorder = recorder
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        RawPeerChannel(
                            engine: try tls.map { try TLSEngine($0, serverName: "localhost") },
                            bytes: bytes,
                            recorder: recorder
                        )
                    )
                }
            }
            .connect(host: "localhost", port: port).get()
    }

    func close() async throws { try await channel.close() }
}

/// Confined to its event loop.
private final class RawPeerChannel: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let engine: TLSEngine?
    private let bytes: [UInt8]
    private let recorder: Recorder<RawPeer.Seen>
    private var hasSpoken = false

    init(engine: TLSEngine?, bytes: [UInt8], recorder: Recorder<RawPeer.Seen>) {
        self.engine = engine
        self.bytes = bytes
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
            }
            var piece = [UInt8](repeating: 0, count: 4096)
            while case .bytes(let count) = try piece.withUnsafeMutableBytes({ try engine.read(into: $0) }) {
                recorder.update { $0.plaintext += piece[..<count] }
            }
        } catch {
            context.close(promise: nil)
        }
        sendOutput(engine, context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        recorder.update { $0.isClosed = true }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
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
