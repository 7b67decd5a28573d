import NIOCore
import NIOPosix
import Testing

@testable import Web

/// How many connections there are, for how long, and how they end.
@Suite(.timeLimit(.minutes(5)))
struct ConnectionTests {
    private static let request = "GET /part HTTP/1.1\r\nHost: localhost\r\n\r\n"

    @Test(arguments: ["", "GET /part HTTP/1.1\r\nHost: local", request])
    func `a connection that says nothing more is closed`(text: String) async throws {
        var limits = WebLimits()
        // Long enough for a request that is made at once, on a machine that has other work.
        limits.idle = .seconds(2)
        try await RunningServer.with(limits: limits) { server in
            let client = try await HTTPClient.connect(port: server.port)
            client.say(text)
            let answer = try await client.untilClosed()
            #expect((answer.status == 200) == (text == Self.request))
        }
    }

    @Test
    func `a connection on which TLS is not agreed on is closed`() async throws {
        let identities = try TestIdentities()
        var limits = WebLimits()
        limits.handshake = .milliseconds(100)
        try await RunningServer.with(identities.http(token: "0123456789abcdef"), limits: limits) { server in
            let client = try await HTTPClient.connect(port: server.port)
            #expect(try await client.untilClosed().bytes.isEmpty)
        }
    }

    @Test
    func `a head that comes byte by byte is not waited for`() async throws {
        var limits = WebLimits()
        limits.idle = .milliseconds(200)
        try await RunningServer.with(limits: limits) { server in
            let client = try await HTTPClient.connect(port: server.port)
            client.say("GET /part HTTP/1.1\r\nHost: localhost\r\nX: ")
            let loop = MultiThreadedEventLoopGroup.singleton.any()
            let dripping = loop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(20)) { _ in
                client.say("x")
            }
            #expect(try await client.untilClosed().bytes.isEmpty)
            dripping.cancel()
        }
    }

    @Test
    func `one connection more than there may be waits until another is closed`() async throws {
        var limits = WebLimits()
        limits.connections = 2
        try await RunningServer.with(limits: limits) { server in
            var clients: [HTTPClient] = []
            for _ in 0..<2 {
                let client = try await HTTPClient.connect(port: server.port)
                client.say(Self.request)
                _ = try await client.until { $0.text.hasSuffix("part\n") }
                clients.append(client)
            }
            let third = try await HTTPClient.connect(port: server.port)
            third.say(Self.request)
            // The others are answered meanwhile, and it is not.
            clients[0].say(Self.request)
            _ = try await clients[0].until { $0.text.ranges(of: "part\n").count == 2 }
            let soFar = try await third.until { _ in true }
            #expect(soFar.bytes.isEmpty)
            try await clients[1].close()
            let seen = try await third.until { $0.text.hasSuffix("part\n") }
            #expect(seen.status == 200)
            for client in [clients[0], third] { try await client.close() }
        }
    }

    @Test
    func `whoever does not take an answer is cut off`() async throws {
        var limits = WebLimits()
        limits.answer = .milliseconds(300)
        let large = String(repeating: "x", count: 64 << 20)
        try await RunningServer.with(resources: ["/part": Text(large)], limits: limits) { server in
            let client = try await HTTPClient.connect(port: server.port)
            try await client.stopReading()
            client.say(Self.request)
            // The server's end waits for the connection's.
        }
    }

    @Test
    func `an answer that is on its way at the end is taken`() async throws {
        let slow = Slow()
        var limits = WebLimits()
        limits.closing = .seconds(60)
        try await RunningServer.with(resources: ["/part": slow], limits: limits) { server in
            let client = try await HTTPClient.connect(port: server.port)
            client.say(Self.request)
            try await slow.untilAsked()
            await server.stop()
            slow.allow()
            #expect(try await client.untilClosed().body == "slow\n")
            try await server.ended()
        }
    }

    @Test
    func `an answer that takes too long does not hold up the end`() async throws {
        let slow = Slow()
        var limits = WebLimits()
        limits.closing = .milliseconds(100)
        try await RunningServer.with(resources: ["/part": slow], limits: limits) { server in
            let client = try await HTTPClient.connect(port: server.port)
            client.say(Self.request)
            try await slow.untilAsked()
            await server.stop()
            let answer = try await client.untilClosed()
            #expect(answer.bytes.isEmpty, "\(answer.text)")
            slow.allow()
            try await server.ended()
        }
    }
}
