import Feed
import NIOCore
import Testing

@testable import Runtime

/// Subscribers that misbehave cost themselves only.
@Suite(.timeLimit(.minutes(1)))
struct BadSubscriberTests {
    /// A subscriber that was there before still gets what comes after.
    private func expectUndisturbed(_ feed: HandFedFeed, _ body: () async throws -> Void) async throws {
        let good = try feed.subscribe()
        feed.publish(1...3)
        await good.recorder.until { $0.numbers == [1, 2, 3] }
        try await body()
        feed.publish(4...6)
        await good.recorder.until { $0.numbers == [1, 2, 3, 4, 5, 6] }
        try await feed.stop()
        #expect(await good.end == .unreachable("the coordinator closed the connection"))
    }

    @Test
    func `garbage instead of TLS`() async throws {
        let feed = try await HandFedFeed()
        try await expectUndisturbed(feed) {
            for bytes in [Array("GET / HTTP/1.1\r\n\r\n".utf8), [UInt8](repeating: 0xFF, count: 100_000), [22, 3, 1]] {
                let peer = try await RawPeer(port: feed.port, saying: bytes)
                if bytes.count > 3 { await peer.recorder.until { $0.isClosed } } else { try await peer.close() }
            }
        }
    }

    @Test(
        arguments: [
            [0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3], [0, 0, 0, 0], [0, 0, 0, 4, 0xFF, 0xFF, 0xFF, 0xFF],
        ] as [[UInt8]]
    )
    func `garbage after the handshake is answered, then the connection is closed`(_ bytes: [UInt8]) async throws {
        let feed = try await HandFedFeed()
        try await expectUndisturbed(feed) {
            let peer = try await RawPeer(
                port: feed.port,
                tls: try feed.identities.clientContext(),
                saying: bytes
            )
            let seen = await peer.recorder.until { $0.isClosed }
            #expect(seen.isEstablished)
            #expect(!seen.plaintext.isEmpty)
        }
    }

    @Test
    func `who connects and says nothing is dropped`() async throws {
        let feed = try await HandFedFeed {
            $0.handshake = .milliseconds(200)
            $0.linger = .milliseconds(50)
        }
        let silent = try await RawPeer(port: feed.port)
        await silent.recorder.until { $0.isClosed }
        let mute = try await RawPeer(port: feed.port, tls: try feed.identities.clientContext())
        await mute.recorder.until { $0.isClosed }
        #expect(feed.log.seen.count { $0.contains("no subscription within 200 ms") } == 2)
        try await feed.stop()
    }

    @Test
    func `who stops reading is told its gap, and nine others notice nothing`() async throws {
        let feed = try await HandFedFeed(retainedBytes: 128 << 10) {
            $0.outgoingBytes = 16 << 10
            $0.readBytes = 16 << 10
            $0.socketBytes = 4096
        }
        let others = try (0..<9).map { _ in try feed.subscribe() }
        let stopped = try feed.subscribe(pausedAfterWelcome: true)
        for subscriber in others + [stopped] { await subscriber.recorder.until { $0.isWelcomed } }
        // Far more than the kernel, the connection and the log can hold together, at the pace of the nine.
        let last: UInt64 = 400
        for step in stride(from: UInt64(1), through: last, by: 10) {
            feed.publish(step...step + 9, paddingBytes: 8 << 10)
            for subscriber in others { await subscriber.recorder.until { $0.numbers.last == step + 9 } }
        }
        #expect(others.allSatisfy { $0.recorder.seen.numbers == Array(1...last) && $0.recorder.seen.gaps.isEmpty })
        stopped.recorder.seen.connection?.setReading(true)
        let seen = await stopped.recorder.until { $0.numbers.last == last }
        // Once or more: it may fall out again while it catches up.
        #expect(!seen.gaps.isEmpty)
        let missing = seen.gaps.flatMap { Array($0.fromSequence...$0.toSequence) }
        #expect((seen.numbers + missing).sorted() == Array(1...last))
        try await feed.stop()
    }

    @Test
    func `who does not read cannot hold up the end`() async throws {
        let feed = try await HandFedFeed {
            $0.outgoingBytes = 16 << 10
            $0.socketBytes = 4096
            $0.closing = .milliseconds(50)
        }
        let stopped = try feed.subscribe(pausedAfterWelcome: true)
        let opening = try await RawPeer(port: feed.port)
        await stopped.recorder.until { $0.isWelcomed }
        feed.publish(1...400, paddingBytes: 8 << 10)
        try await feed.stop()
        #expect(feed.log.seen.contains { $0.hasPrefix("subscriber cut off") })
        await opening.recorder.until { $0.isClosed }
    }

    @Test
    func `whoever has waited longest without a subscription gives way to the next`() async throws {
        let feed = try await HandFedFeed {
            $0.pendingConnections = 2
            $0.handshake = .hours(1)
        }
        let good = try feed.subscribe()
        await good.recorder.until { $0.isWelcomed }
        let first = try await RawPeer(port: feed.port)
        let second = try await RawPeer(port: feed.port)
        let third = try await RawPeer(port: feed.port)
        await first.recorder.until { $0.isClosed }
        #expect(try await feed.hub.loop.submit { feed.hub.refusedCount }.get() == 1)
        #expect(feed.log.seen.contains { $0.hasPrefix("connection refused: too many") })
        #expect(!second.recorder.seen.isClosed && !third.recorder.seen.isClosed)
        feed.publish(1...2)
        await good.recorder.until { $0.numbers == [1, 2] }
        try await feed.stop()
    }

    @Test
    func `the host with most connections gives way, and not who has waited longest`() async throws {
        let feed = try await HandFedFeed(on: "0.0.0.0") {
            $0.pendingConnections = 3
            $0.handshake = .hours(1)
        }
        let alone = try await RawPeer(port: feed.port, from: "127.0.0.9")
        let many = [
            try await RawPeer(port: feed.port, from: "127.0.0.8"),
            try await RawPeer(port: feed.port, from: "127.0.0.8"),
        ]
        let next = try await RawPeer(port: feed.port, from: "127.0.0.7")
        await many[0].recorder.until { $0.isClosed }
        #expect(!alone.recorder.seen.isClosed && !many[1].recorder.seen.isClosed && !next.recorder.seen.isClosed)
        try await feed.stop()
    }

    @Test
    func `hundreds who hold handshakes open or talk garbage keep nobody out`() async throws {
        let feed = try await HandFedFeed { $0.pendingConnections = 16 }
        let good = try feed.subscribe()
        await good.recorder.until { $0.isWelcomed }
        var held: [RawPeer] = []
        for number in 0..<300 {
            // Nothing, the beginning of a record, and what is no TLS at all.
            let bytes: [UInt8] = [[], [22, 3, 1, 2, 0, 1], Array("GET / HTTP/1.1\r\n\r\n".utf8)][number % 3]
            held.append(try await RawPeer(port: feed.port, saying: bytes))
            if number % 100 == 99 {
                let next = try feed.subscribe()
                await next.recorder.until { $0.isWelcomed }
            }
        }
        feed.publish(1...2)
        await good.recorder.until { $0.numbers == [1, 2] }
        let counts = try await feed.hub.loop.submit { (feed.hub.waitingCount, feed.hub.refusedCount) }.get()
        #expect(counts.0 <= 16)
        #expect(counts.1 > 100)
        try await feed.stop()
        _ = held
    }

    @Test
    func `there are only so many subscribers`() async throws {
        let feed = try await HandFedFeed { $0.subscribers = 1 }
        let good = try feed.subscribe()
        await good.recorder.until { $0.isWelcomed }
        guard case .unreachable(let text) = await (try feed.subscribe()).end else {
            Issue.record("a second subscriber was let in")
            return
        }
        #expect(text.contains("as many subscribers as it serves"))
        good.stop()
        await feed.log.until { $0.contains { $0.hasPrefix("subscriber has left") } }
        let next = try feed.subscribe()
        await next.recorder.until { $0.isWelcomed }
        try await feed.stop()
    }
}
