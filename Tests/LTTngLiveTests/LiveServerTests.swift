import LTTngLive
import Testing

struct LiveServerTests {
    /// Requests as a viewer writes them: connect, create, list, attach, index, packet, metadata, new streams, detach.
    private func conversationBytes() throws -> (bytes: [UInt8], requests: [LiveRequest]) {
        var bytes: [UInt8] = []
        let conversation = Conversation(oneStreamRelay())
        conversation.relay.indexes[stream1] = [.packet(.test())]
        for _ in 0..<12 {
            conversation.endTurn()
            var request: [UInt8] = []
            conversation.viewer.takeOutput { request = Array($0) }
            bytes += request
            try conversation.relay.received(request, now: conversation.now)
            var reply: [UInt8] = []
            conversation.relay.server.takeOutput { reply = Array($0) }
            conversation.now += 1_000_000
            conversation.deliver(reply)
            if conversation.relay.log.count >= 12 { conversation.viewer.detach(session1) }
        }
        return (bytes, conversation.relay.log.map(\.request))
    }

    private func receive(_ server: inout LiveServer, _ bytes: [UInt8]) throws -> [LiveRequest] {
        var requests: [LiveRequest] = []
        var failure: LiveServerError?
        bytes.withUnsafeBytes { bytes in
            do throws(LiveServerError) {
                try server.received(bytes, requests: &requests)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return requests
    }

    @Test func `any split of a viewer's bytes gives the same requests`() throws {
        let script = try conversationBytes()
        #expect(script.requests.contains(.packet(stream1, offset: 0, length: 100)))
        #expect(script.requests.contains(.metadata(metadata1)))
        #expect(script.requests.contains(.detach(session1)))
        for size in 1...40 {
            var server = LiveServer()
            var requests: [LiveRequest] = []
            for start in stride(from: 0, to: script.bytes.count, by: size) {
                requests += try receive(&server, Array(script.bytes[start..<min(script.bytes.count, start + size)]))
            }
            #expect(requests == script.requests)
        }
    }

    @Test func `requests are as long as the protocol says`() throws {
        let script = try conversationBytes()
        let sizes = script.requests.map { request in
            switch request {
            case .connect, .attach, .packet: 36
            case .nextIndex, .metadata, .newStreams, .detach: 24
            case .listSessions, .createViewerSession: 16
            }
        }
        #expect(sizes.reduce(0, +) == script.bytes.count)
    }

    @Test func `an unknown command ends the connection after the requests before it`() throws {
        var server = LiveServer()
        var bytes = try conversationBytes().bytes[..<36]
        bytes += [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0]
        let input = Array(bytes)
        #expect(throws: LiveServerError.unknownCommand(10)) { try receive(&server, input) }
        let minor = server.minor
        #expect(minor == 15)
        #expect(throws: LiveServerError.unknownCommand(10)) { try receive(&server, [0]) }
    }

    @Test func `nothing goes before CONNECT, and nothing is connected twice`() throws {
        let connect = Array(try conversationBytes().bytes[..<36])
        var early = LiveServer()
        #expect(throws: LiveServerError.outOfOrder) {
            try receive(&early, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0])
        }
        var twice = LiveServer()
        #expect(throws: LiveServerError.outOfOrder) { try receive(&twice, connect + connect) }
    }

    @Test func `another major version is refused`() throws {
        var connect = Array(try conversationBytes().bytes[..<36])
        connect[27] = 3
        var server = LiveServer()
        #expect(throws: LiveServerError.majorVersion(3)) { try receive(&server, connect) }
    }

    @Test func `noise never traps`() throws {
        var numbers = SeededNumbers(state: 3)
        let connect = Array(try conversationBytes().bytes.prefix(36))
        for _ in 0..<2000 {
            var server = LiveServer()
            var bytes = connect
            for _ in 0..<Int.random(in: 0..<200, using: &numbers) {
                bytes.append(numbers.next() % 3 == 0 ? UInt8(truncatingIfNeeded: numbers.next() % 12) : 0)
            }
            _ = try? receive(&server, bytes)
        }
    }

    @Test(arguments: [4, 15] as [UInt32]) func `what the server encodes is what the viewer reads`(minor: UInt32) throws
    {
        let relay = RelayDouble(minor: minor)
        let conversation = Conversation(relay)
        var session = ListedSession.test(1)
        session.clientCount = 1
        session.streamCount = 42
        session.hostname = "häuschen"
        session.name = String(repeating: "s", count: 254)
        conversation.relay.sessions = [session]
        let index = PacketIndex(
            offset: 0x0102_0304_0506,
            packetBits: 8 * 4096,
            contentBits: 8 * 84,
            timestampBegin: .max - 1,
            timestampEnd: .max,
            eventsDiscarded: 77,
            streamClassID: 9
        )
        conversation.relay.streams[session1] = [.data(11)]
        conversation.relay.indexes[stream1] = [.packet(index, flags: [.newMetadata, .newStreams])]
        try conversation.run(forNs: 5_000_000)
        #expect(conversation.viewer.sessions == [session])
        #expect(conversation.contains(.streamAdded(session1, .data(11))))
        #expect(conversation.contains(.index(stream1, index, [.newMetadata, .newStreams])))
    }

    @Test func `names too long for their fields are cut`() throws {
        for minor: UInt32 in [14, 15] {
            let conversation = Conversation(RelayDouble(minor: minor))
            var session = ListedSession.test(1, timerUs: 0)
            session.hostname = String(repeating: "h", count: 100)
            session.name = String(repeating: "n", count: 300)
            conversation.relay.sessions = [session]
            try conversation.run(forNs: 1_000_000)
            #expect(conversation.viewer.sessions.first?.hostname.count == (minor == 15 ? 64 : 63))
            #expect(conversation.viewer.sessions.first?.name.count == (minor == 15 ? 255 : 254))
        }
    }
}
