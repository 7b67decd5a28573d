import LTTngLive
import Testing

struct ViewerHandshakeTests {
    @Test func `connect, create, list and attach come in this order`() throws {
        let conversation = Conversation(oneStreamRelay())
        try conversation.run(forNs: 1_000_000)
        let requests = conversation.relay.log.prefix(5).map(\.request)
        #expect(
            Array(requests.prefix(4)) == [
                .connect(major: 2, minor: 15, connectionType: 1), .createViewerSession, .listSessions,
                .attach(session1, seek: 1),
            ]
        )
        #expect(conversation.requestCount { $0 == .createViewerSession } == 1)
    }

    @Test(arguments: [(0, 0), (4, 4), (13, 13), (14, 14), (15, 15), (99, 15)] as [(UInt32, UInt32)])
    func `the minor spoken is the lesser of both and decides the list's layout`(relay: UInt32, spoken: UInt32) throws {
        let conversation = Conversation(oneStreamRelay(minor: relay))
        try conversation.run(forNs: 1_000_000)
        #expect(conversation.failure == nil)
        #expect(conversation.contains(.negotiated(minor: spoken)))
        #expect(conversation.viewer.sessions == [.test(1)])
    }

    @Test func `sessions in CTF 2 are listed from minor 15 on`() throws {
        for minor: UInt32 in [14, 15] {
            var relay = RelayDouble(minor: minor)
            var second = ListedSession.test(2)
            second.format = .ctf2
            relay.sessions = [.test(1), second]
            let conversation = Conversation(relay)
            try conversation.run(forNs: 1_000_000)
            #expect(conversation.viewer.sessions.count == (minor == 15 ? 2 : 1))
        }
    }

    @Test(arguments: [0, 1, 64]) func `names of every length are read`(length: Int) throws {
        var relay = RelayDouble()
        var session = ListedSession.test(1, timerUs: 0)
        session.hostname = String(repeating: "h", count: length)
        session.name = String(repeating: "n", count: length == 64 ? 255 : length)
        relay.sessions = [session, .test(2, timerUs: 0)]
        let conversation = Conversation(relay)
        try conversation.run(forNs: 1_000_000)
        #expect(conversation.viewer.sessions == [session, .test(2, timerUs: 0)])
    }

    @Test func `an unchanged list is announced once, a changed one again`() throws {
        let conversation = Conversation(RelayDouble())
        conversation.attaches = false
        conversation.relay.sessions = [.test(1)]
        try conversation.run(forNs: 5_000_000_000)
        #expect(conversation.count { $0 == .sessionsListed } == 1)
        conversation.relay.sessions.append(.test(2))
        try conversation.run(forNs: 2_000_000_000)
        #expect(conversation.count { $0 == .sessionsListed } == 2)
        #expect(conversation.viewer.sessions.map(\.id.rawValue) == [1, 2])
    }

    @Test func `another major version fails`() throws {
        var relay = RelayDouble()
        relay.rawConnect = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0]
        let conversation = Conversation(relay)
        try conversation.run(forNs: 1_000_000)
        #expect(conversation.failure == ViewerError(.majorVersion(3), request: .connect, inputOffset: 20))
    }

    @Test func `a peer that is no relayd fails`() throws {
        var relay = RelayDouble()
        relay.rawConnect = Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)
        let conversation = Conversation(relay)
        try conversation.run(forNs: 1_000_000)
        guard case .majorVersion = conversation.failure?.reason else {
            Issue.record("\(String(describing: conversation.failure))")
            return
        }
    }

    @Test func `a refused viewer session fails`() throws {
        var relay = RelayDouble()
        relay.viewerSessionStatus = .failed
        let conversation = Conversation(relay)
        try conversation.run(forNs: 1_000_000)
        #expect(conversation.failure?.reason == .viewerSessionRefused)
        #expect(conversation.requestCount { $0 == .listSessions } == 0)
    }

    @Test func `a connection closed by the relay fails, one closed by us does not`() throws {
        let closed = Conversation(RelayDouble())
        closed.viewer.disconnected(now: 5)
        closed.react(to: [])
        #expect(closed.failure?.reason == .disconnected)
        #expect(closed.failure?.request == .connect)

        let ours = Conversation(RelayDouble())
        ours.viewer.close()
        ours.viewer.disconnected(now: 5)
        ours.react(to: [])
        #expect(ours.failure == nil)
    }

    @Test func `a batch is written in one run and announced once`() throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.viewer.flush(now: 1)
        conversation.viewer.flush(now: 2)
        var actions: [ViewerAction] = []
        conversation.viewer.takeActions(into: &actions)
        #expect(actions.count { $0 == .send } == 1)
    }
}
