import NIOCore
import NIOPosix
import Synchronization

/// Passes connections on to a port, and cuts them after so many bytes from there: the first connection after the first
/// number, and so on; those behind the last number are not cut.
final class CuttingProxy: Sendable {
    private let listener: any Channel
    let port: Int
    let cuts: Recorder<Int>

    init(to target: Int, cutAfter limits: [Int]) async throws {
        let waiting = Mutex(limits[...])
        let cuts = Recorder(0)
        self.cuts = cuts
        let next: @Sendable () -> Int? = { waiting.withLock { $0.popFirst() } }
        listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        ProxySide(target: target, bytesLeft: next(), cuts: cuts)
                    )
                }
            }
            .bind(host: "localhost", port: 0).get()
        port = listener.localAddress?.port ?? 0
    }

    func close() async throws { try await listener.close() }
}

/// The side of whoever connected. Confined to its event loop, which the other side shares.
private final class ProxySide: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer

    private let target: Int
    private var bytesLeft: Int?
    private let cuts: Recorder<Int>
    private var near: (any Channel)?
    private var far: (any Channel)?
    private var waiting: [ByteBuffer] = []

    init(target: Int, bytesLeft: Int?, cuts: Recorder<Int>) {
        self.target = target
        self.bytesLeft = bytesLeft
        self.cuts = cuts
    }

    func channelActive(context: ChannelHandlerContext) {
        near = context.channel
        ClientBootstrap(group: context.eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(FarSide(self))
                }
            }
            .connect(host: "localhost", port: target)
            .whenComplete { result in
                guard case .success(let channel) = result else { return self.cut() }
                self.far = channel
                for buffer in self.waiting { channel.writeAndFlush(buffer, promise: nil) }
                self.waiting = []
            }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        if let far { far.writeAndFlush(buffer, promise: nil) } else { waiting.append(buffer) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        far?.close(promise: nil)
    }

    func passBack(_ buffer: ByteBuffer) {
        var buffer = buffer
        guard let left = bytesLeft else {
            near?.writeAndFlush(buffer, promise: nil)
            return
        }
        bytesLeft = max(left - buffer.readableBytes, 0)
        if let part = buffer.readSlice(length: min(left, buffer.readableBytes)) {
            near?.writeAndFlush(part).whenComplete { _ in if self.bytesLeft == 0 { self.cut() } }
        }
    }

    func farEnded() { near?.close(promise: nil) }

    private func cut() {
        guard let near else { return }
        self.near = nil
        near.close(promise: nil)
        far?.close(promise: nil)
        cuts.update { $0 += 1 }
    }
}

/// The side of the target.
private final class FarSide: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let side: ProxySide

    init(_ side: ProxySide) { self.side = side }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { side.passBack(unwrapInboundIn(data)) }
    func channelInactive(context: ChannelHandlerContext) { side.farEnded() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
