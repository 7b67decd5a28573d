import NIOCore
import NIOPosix
import Testing

@testable import Forwarding

/// What of a connection's bytes the other side's system has acknowledged.
@Suite(.timeLimit(.minutes(1)))
struct SocketMeterTests {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    /// A connection to a server that reads or does not, and its meter.
    private func connect(reads: Bool) async throws -> (channel: any Channel, meter: NIOLoopBound<SocketMeter>) {
        let server = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_rcvbuf), value: 4096)
            .childChannelOption(.autoRead, value: reads)
            .bind(host: "127.0.0.1", port: 0).get()
        let address = try #require(server.localAddress)
        let channel = try await ClientBootstrap(group: group)
            .channelOption(.writeBufferWaterMark, value: .init(low: 1 << 20, high: 1 << 24))
            .connect(to: address).get()
        let meter = try await channel.eventLoop.submit {
            let meter = SocketMeter()
            try channel.pipeline.syncOperations.addHandler(meter)
            return NIOLoopBound(meter, eventLoop: channel.eventLoop)
        }.get()
        return (channel, meter)
    }

    private func bytes(_ meter: NIOLoopBound<SocketMeter>, _ channel: any Channel) async throws
        -> (written: UInt64, acknowledged: UInt64?)
    {
        try await channel.eventLoop.submit { (meter.value.writtenBytes, meter.value.acknowledgedBytes) }.get()
    }

    @Test
    func `each byte that the other side reads is acknowledged, and no other`() async throws {
        let (channel, meter) = try await connect(reads: true)
        #expect(try await bytes(meter, channel) == (0, 0))
        for total in [UInt64(1), 100_001] {
            channel.writeAndFlush(ByteBuffer(repeating: 1, count: total == 1 ? 1 : 100_000), promise: nil)
            var now = try await bytes(meter, channel)
            while now.acknowledged != total {
                try #require(now.acknowledged ?? .max < total)
                try await Task.sleep(for: .milliseconds(1))
                now = try await bytes(meter, channel)
            }
            #expect(now.written == total)
        }
        try await channel.close()
        #expect(try await bytes(meter, channel).acknowledged == nil)
        try await group.shutdownGracefully()
    }

    @Test
    func `what the socket holds for one that does not read is not acknowledged`() async throws {
        let (channel, meter) = try await connect(reads: false)
        // The socket takes all of it.
        try await channel.writeAndFlush(ByteBuffer(repeating: 1, count: 200_000))
        let now = try await bytes(meter, channel)
        #expect(now.written == 200_000)
        #expect(try #require(now.acknowledged) < 50_000)
        try await channel.close()
        try await group.shutdownGracefully()
    }
}
