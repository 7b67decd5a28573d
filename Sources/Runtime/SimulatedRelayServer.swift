package import NIOCore
import NIOPosix
package import SimulatedRelay

/// Puts a simulated relay behind a socket on loopback, in real time.
package enum SimulatedRelayServer {
    /// - Parameters:
    ///   - startNs: the event loop's time that is the simulation's 0, nanoseconds (`NIODeadline`).
    /// - Returns: the listening channel; its local address tells the port.
    package static func listen(
        on loop: any EventLoop,
        host: String = "127.0.0.1",
        port: Int = 0,
        startNs: UInt64,
        relay: @escaping @Sendable () -> SimulatedRelay
    ) async throws -> any Channel {
        let box = SimulatedRelayBox(relay(), startNs: startNs)
        return try await ServerBootstrap(group: loop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(SimulatedRelayChannel(box))
                }
            }
            .bind(host: host, port: port).get()
    }
}

/// A relay, which all its connections share. Confined to its event loop, which `@unchecked Sendable` stands for.
private final class SimulatedRelayBox: @unchecked Sendable {
    var relay: SimulatedRelay
    let startNs: UInt64

    init(_ relay: consuming SimulatedRelay, startNs: UInt64) {
        self.relay = relay
        self.startNs = startNs
    }

    var nowNs: UInt64 { NIODeadline.now().uptimeNanoseconds - startNs }
}

/// One viewer's connection. Confined to its event loop.
///
/// It wakes whenever something happens on any connection of its relay: what another connection's wake moved on is
/// written here no later than it is due.
private final class SimulatedRelayChannel: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let box: SimulatedRelayBox
    private var connection: RelayConnectionID?
    private var wake: Scheduled<Void>?

    init(_ box: SimulatedRelayBox) {
        self.box = box
    }

    func channelActive(context: ChannelHandlerContext) {
        connection = box.relay.connected(nowNs: box.nowNs)
        if connection == nil { context.close(promise: nil) } else { answer(context.channel) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        wake?.cancel()
        if let connection { box.relay.disconnected(connection, nowNs: box.nowNs) }
        connection = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let connection else { return }
        unwrapInboundIn(data).withUnsafeReadableBytes { box.relay.received($0, on: connection, nowNs: box.nowNs) }
        answer(context.channel)
    }

    private func answer(_ channel: any Channel) {
        guard let connection else { return }
        box.relay.advance(to: box.nowNs)
        if box.relay.hasOutput(connection) {
            let buffer = box.relay.takeOutput(connection) { channel.allocator.buffer(bytes: $0) }
            channel.writeAndFlush(buffer, promise: nil)
        }
        wake?.cancel()
        if box.relay.isClosing(connection) {
            channel.close(promise: nil)
            return
        }
        guard let wakeNs = box.relay.nextWakeNs else { return }
        wake = channel.eventLoop.scheduleTask(deadline: .uptimeNanoseconds(box.startNs + wakeNs)) {
            self.answer(channel)
        }
    }
}
