import LTTngLive
import Testing

struct ViewerTimeoutTests {
    private let second: UInt64 = 1_000_000_000

    @Test func `a relay that does not answer within 5 seconds fails`() throws {
        let relay = oneStreamRelay()
        let conversation = Conversation(relay)
        conversation.relay.silentFrom = .nextIndex(stream1)
        try conversation.run(forNs: 20 * second)
        #expect(conversation.failure?.reason == .timeout(5 * second))
        #expect(conversation.failure?.request == .nextIndex(stream1))
    }

    @Test func `half a reply and silence fails`() throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.relay.rawList = [0, 0]
        try conversation.run(forNs: 20 * second)
        #expect(conversation.failure?.request == .listSessions)
        guard case .timeout = conversation.failure?.reason else {
            Issue.record("\(String(describing: conversation.failure))")
            return
        }
    }

    @Test func `a reply that trickles for ever fails`() throws {
        var viewer = Viewer()
        viewer.connected(now: 0)
        var actions: [ViewerAction] = []
        for step in UInt64(1)...19 {
            let now = step * 4 * second
            [UInt8(0)].withUnsafeBytes { viewer.received($0, now: now) }
            viewer.flush(now: now)
            viewer.timerFired(now: now)
            viewer.takeActions(into: &actions)
        }
        #expect(
            actions.contains {
                if case .fail(let error) = $0, case .timeout = error.reason { true } else { false }
            }
        )
    }

    @Test func `a caller that was late itself gives the relay some more time`() throws {
        var viewer = Viewer()
        viewer.connected(now: 0)
        viewer.flush(now: 0)
        viewer.timerFired(now: 30 * second)
        viewer.flush(now: 30 * second)
        var actions: [ViewerAction] = []
        viewer.takeActions(into: &actions)
        #expect(actions.last == .schedule(at: 31 * second))
        viewer.timerFired(now: 31 * second)
        viewer.takeActions(into: &actions)
        guard case .fail? = actions.last else {
            Issue.record("\(actions)")
            return
        }
    }

    @Test func `nothing times out while nothing is asked`() throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.relay.quietIndex[stream1] = { .beacon($0 / 1_000_000_000) }
        try conversation.run(forNs: 600 * second)
        #expect(conversation.failure == nil)
    }
}
