package import ConfigurationFile
import NIOCore
import NIOPosix

/// Takes subscribers' connections.
enum FeedListener {
    private static let backlog: Int32 = 256

    /// - Returns: the listening channel, on the hub's loop; its local address tells the port.
    /// - Throws: `ListenError`.
    static func listen(on endpoint: NetworkEndpoint, hub: FeedHub, access: FeedAccess) async throws -> any Channel {
        let limits = hub.limits
        var bootstrap = ServerBootstrap(group: hub.loop)
            .serverChannelOption(.backlog, value: Self.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(
                .writeBufferWaterMark,
                value: ChannelOptions.Types.WriteBufferWaterMark(
                    low: limits.outgoingBytes / 4,
                    high: limits.outgoingBytes
                )
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(SubscriberChannel(hub: hub, access: access))
                }
            }
        if let bytes = limits.socketBytes {
            bootstrap = bootstrap.childChannelOption(.socketOption(.so_sndbuf), value: .init(bytes))
        }
        do {
            return try await bootstrap.bind(host: endpoint.host, port: Int(endpoint.port)).get()
        } catch {
            throw ListenError(endpoint, key: "feed.listen", error)
        }
    }
}

/// An address of the configuration cannot be listened on.
package struct ListenError: Error, CustomStringConvertible {
    package let endpoint: String
    package let key: String
    package let reason: String
    package var description: String { "cannot listen on \(endpoint) (\(key)): \(reason)" }

    /// - Parameter key: of the configuration.
    package init(_ endpoint: NetworkEndpoint, key: String, _ error: any Error) {
        self.endpoint = "\(endpoint)"
        self.key = key
        reason = describe(error)
    }
}
