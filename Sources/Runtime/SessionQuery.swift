import Coordinator
package import LTTngLive
package import NIOCore
import NIOPosix

/// Asks a relay what it offers, and leaves.
package enum SessionQuery {
    /// - Returns: the relay's sessions.
    /// - Throws: `SessionQueryError` when it cannot be reached or is not a relayd.
    package static func run(address: RelayAddress, group: any EventLoopGroup) async throws -> [ListedSession] {
        let loop = group.next()
        let promise = loop.makePromise(of: [ListedSession].self)
        do {
            _ = try await RelayChannel.bootstrap(on: loop, connectNsMax: 5_000_000_000)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(
                            SessionQueryChannel(answer: promise)
                        )
                    }
                }
                .connect(host: address.host, port: address.port).get()
        } catch {
            promise.fail(SessionQueryError(reason: "cannot connect: \(describe(error))"))
        }
        return try await promise.futureResult.get()
    }
}

/// Why a relay's sessions cannot be listed.
package struct SessionQueryError: Error, CustomStringConvertible {
    package let reason: String
    package var description: String { reason }
}

/// A viewer that stops at the first list. Confined to its event loop, which `@unchecked Sendable` stands for.
private final class SessionQueryChannel: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let answer: EventLoopPromise<[ListedSession]>
    private var viewer = Viewer()
    private var timer: Scheduled<Void>?
    private var isDone = false

    init(answer: EventLoopPromise<[ListedSession]>) {
        self.answer = answer
    }

    func channelActive(context: ChannelHandlerContext) {
        viewer.connected(now: NIODeadline.now().uptimeNanoseconds)
        turn(context.channel)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        unwrapInboundIn(data).withUnsafeReadableBytes {
            viewer.received($0, now: NIODeadline.now().uptimeNanoseconds)
        }
        turn(context.channel)
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish(
            .failure(SessionQueryError(reason: "the relay closed the connection: is it an lttng-relayd?")),
            context.channel
        )
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        finish(.failure(SessionQueryError(reason: describe(error))), context.channel)
    }

    private func turn(_ channel: any Channel) {
        run(channel)
        guard !isDone else { return }
        viewer.flush(now: NIODeadline.now().uptimeNanoseconds)
        run(channel)
    }

    private func run(_ channel: any Channel) {
        var actions: [ViewerAction] = []
        viewer.takeActions(into: &actions)
        for action in actions where !isDone {
            switch action {
            case .send:
                let buffer = viewer.takeOutput { channel.allocator.buffer(bytes: $0) }
                channel.writeAndFlush(buffer, promise: nil)
            case .schedule(let atNs):
                timer?.cancel()
                timer = channel.eventLoop.scheduleTask(deadline: .uptimeNanoseconds(atNs)) {
                    self.viewer.timerFired(now: NIODeadline.now().uptimeNanoseconds)
                    self.turn(channel)
                }
            case .fail(let error): finish(.failure(SessionQueryError(reason: describe(error))), channel)
            case .sessionsListed: finish(.success(viewer.sessions), channel)
            default: break
            }
        }
    }

    private func finish(_ result: Result<[ListedSession], any Error>, _ channel: any Channel) {
        guard !isDone else { return }
        isDone = true
        timer?.cancel()
        viewer.close()
        answer.completeWith(result)
        channel.close(promise: nil)
    }
}
