package import Feed
package import NIOCore
import NIOPosix
package import TLS

/// What a subscriber's connection tells.
package enum FeedClientEvent: Sendable {
    case welcomed(Welcome)
    case frame(ReceivedFrame)
}

/// Why a subscription ended.
package enum FeedClientEnd: Error, Sendable, Equatable {
    /// No connection, or it was lost: worth another attempt.
    case unreachable(String)
    /// TLS or the coordinator turned us away; another attempt would end the same.
    case refused(String)
    /// The coordinator does not know the feed that the token is of.
    case foreignFeed(String)
    /// The coordinator cannot do what was asked.
    case cannotServe(String)
    /// The coordinator does not understand the filter.
    case wrongFilter(String)
    /// The coordinator broke the protocol.
    case broken(String)
    /// We closed it.
    case stopped
}

/// One connection to a coordinator's feed.
package enum FeedClient {
    /// Connects, subscribes, and hands every event to `receive` until the connection ends.
    /// - Parameters:
    ///   - receive: called on the connection's event loop.
    ///   - handle: given handles to stop the connection, or to pause its reading, from the first attempt to connect on;
    ///     a host with several addresses may take several attempts, of which the last one given counts.
    /// - Returns: why it ended.
    package static func run(
        address: RelayAddress,
        tls: TLSContext,
        request: SubscribeRequest,
        group: any EventLoopGroup,
        receive: @escaping @Sendable (FeedClientEvent) -> Void,
        channel handle: @escaping @Sendable (FeedConnection) -> Void = { _ in }
    ) async -> FeedClientEnd {
        let loop = group.next()
        let promise = loop.makePromise(of: FeedClientEnd.self)
        do {
            let channel = try await ClientBootstrap(group: loop)
                .connectTimeout(.seconds(5))
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelOption(.socketOption(.so_keepalive), value: 1)
                // A feed may be silent for long: whether the coordinator is there the kernel finds out.
                .channelOption(LinuxTCPOption.keepAliveIdleS, value: 5)
                .channelOption(LinuxTCPOption.keepAliveIntervalS, value: 2)
                .channelOption(LinuxTCPOption.keepAliveCount, value: 3)
                .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 256 << 10))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(
                            try FeedClientChannel(
                                serverName: address.host,
                                tls: tls,
                                request: request,
                                receive: receive,
                                end: promise
                            )
                        )
                        handle(FeedConnection(channel: channel))
                    }
                }
                .connect(host: address.host, port: address.port).get()
            handle(FeedConnection(channel: channel))
            channel.pipeline.fireUserInboundEventTriggered(FeedClientChannel.Begin())
            // Closed before it could begin; whoever has begun says first why it ended.
            channel.closeFuture.whenComplete { _ in
                promise.succeed(.unreachable("the connection was closed at once"))
            }
        } catch {
            promise.succeed(.unreachable("cannot connect: \(describe(error))"))
        }
        return (try? await promise.futureResult.get()) ?? .stopped
    }
}

/// A handle to an open connection.
package struct FeedConnection: Sendable {
    let channel: any Channel

    /// Whether bytes are read from the socket.
    package func setReading(_ isReading: Bool) {
        channel.setOption(.autoRead, value: isReading).whenComplete { _ in }
    }

    /// Tells the coordinator that all up to `token` is done with; only for a request with a cursor.
    package func acknowledge(_ token: ResumeToken) {
        channel.pipeline.fireUserInboundEventTriggered(FeedClientChannel.Acknowledgement(token: token))
    }

    /// Closes the connection, soon.
    package func stop() {
        // Later, since it may be called while the connection is at work.
        channel.eventLoop.execute { channel.close(promise: nil) }
    }
}
