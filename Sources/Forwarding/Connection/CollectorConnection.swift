import ConfigurationFile
import Glibc
import NIOCore
import NIOPosix
import Runtime
import TLS

/// Connects to collectors.
enum CollectorConnection {
    private static let connectTime = TimeAmount.seconds(5)
    private static let handshakeTime = TimeAmount.seconds(10)
    /// For how long a collector's system may acknowledge nothing of what it was sent.
    private static let silence = TimeAmount.seconds(60)
    private static let userTimeout = NIOBSDSocket.Option(rawValue: TCP_USER_TIMEOUT)

    /// - Parameters:
    ///   - tls: nil: in the clear.
    ///   - add: adds the protocol's handlers, on the loop, once the socket is open.
    /// - Returns: the channel, once TLS is agreed on; fails with a `CollectorError`.
    static func open(
        _ endpoint: NetworkEndpoint,
        tls: TLSContext?,
        on loop: any EventLoop,
        add: @escaping @Sendable (any Channel) throws -> Void
    ) -> EventLoopFuture<any Channel> {
        ClientBootstrap(group: loop)
            .connectTimeout(connectTime)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.tcpOption(userTimeout), value: Int(silence.nanoseconds / 1_000_000))
            .connect(host: endpoint.host, port: Int(endpoint.port))
            .flatMapErrorThrowing { throw CollectorError("cannot connect to \(endpoint): \(describe($0))") }
            .flatMap { channel in
                let agreed = loop.makePromise(of: Void.self)
                do {
                    try channel.pipeline.syncOperations.addHandler(SocketMeter())
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(
                            TLSClientHandler(tls, serverName: endpoint.host, agreed: agreed)
                        )
                    }
                    try add(channel)
                    if tls == nil { agreed.succeed() }
                } catch {
                    agreed.fail(CollectorError("the connection was closed at once"))
                }
                let timeout = loop.scheduleTask(in: handshakeTime) {
                    agreed.fail(CollectorError("TLS was not agreed on in time"))
                }
                agreed.futureResult.whenComplete { _ in timeout.cancel() }
                return agreed.futureResult.map { channel }.flatMapErrorThrowing { error in
                    channel.close(promise: nil)
                    throw error
                }
            }
    }
}
