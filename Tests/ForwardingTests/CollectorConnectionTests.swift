import ConfigurationFile
import Glibc
import NIOCore
import NIOPosix
import Testing

@testable import Forwarding

/// Connections to collectors.
@Suite(.timeLimit(.minutes(1)))
struct CollectorConnectionTests {
    private let loop = MultiThreadedEventLoopGroup.singleton.next()

    @Test
    func `a collector whose system acknowledges nothing is left after a minute`() async throws {
        let server = try await ServerBootstrap(group: loop).bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(server.localAddress?.port)
        let endpoint = NetworkEndpoint(host: "127.0.0.1", port: UInt16(port))
        let channel = try await CollectorConnection.open(endpoint, tls: nil, on: loop) { _ in }.get()
        let option = ChannelOptions.Types.SocketOption(
            level: .tcp,
            name: NIOBSDSocket.Option(rawValue: TCP_USER_TIMEOUT)
        )
        #expect(try await channel.getOption(option).get() == 60_000)
        try await channel.close()
        try await server.close()
    }

    @Test
    func `a connection whose handlers cannot be added is none`() async throws {
        struct Fault: Error {}
        let server = try await ServerBootstrap(group: loop).bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(server.localAddress?.port)
        let endpoint = NetworkEndpoint(host: "127.0.0.1", port: UInt16(port))
        let error = await #expect(throws: CollectorError.self) {
            _ = try await CollectorConnection.open(endpoint, tls: nil, on: loop) { _ in throw Fault() }.get()
        }
        #expect(error?.description == "the connection was closed at once")
        try await server.close()
    }
}
