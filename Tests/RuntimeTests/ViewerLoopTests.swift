import Dispatch
import Feed
import NIOCore
import Testing

@testable import Runtime

/// How viewers are served beside the feed.
@Suite(.timeLimit(.minutes(1)))
struct ViewerLoopTests {
    @Test
    func `viewers are answered while the feed's loop is busy`() async throws {
        let shown = try await ShownFeed()
        let block = shown.blockFeed()
        let peer = try await shown.peer(saying: LiveText.opening)
        await peer.recorder.until { $0.plaintext.count == LiveText.openingReplyBytes }
        block.signal()
        try await peer.close()
        try await shown.end()
    }

    @Test
    func `frames are decoded on the viewers' loop`() async throws {
        let shown = try await ShownFeed(retainedBytes: 16 << 10)
        let peer = try await shown.peer(saying: LiveText.opening + LiveText.attachCluster)
        _ = await shown.log.until { $0.contains { $0.hasPrefix("viewer has attached") } }
        shown.feed.publish(1...100, paddingBytes: 1000)
        try await shown.feed.hub.loop.submit {}.get()
        peer.say(LiveText.newStreams)
        // Said where what it goes on with is decoded.
        _ = await shown.log.until { $0.contains { $0.hasPrefix("viewer has fallen out of the log") } }
        #expect(shown.logElsewhere.seen == [])
        try await peer.close()
        try await shown.end()
    }

    @Test
    func `no more is received than is answered, and all of it is`() async throws {
        let shown = try await ShownFeed { $0.incomingBytes = 64 }
        let block = shown.blockFeed()
        let count = 1000
        let lists = [[UInt8]](repeating: LiveText.list, count: count).joined()
        let peer = try await shown.peer(saying: LiveText.opening + lists)
        var waiting = 0
        while waiting == 0 {
            await Task.yield()
            waiting = try await shown.listener.snapshot().get().viewers.map(\.waitingRequests).max() ?? 0
        }
        #expect(waiting <= 64 / LiveText.list.count)
        block.signal()
        let all = LiveText.openingReplyBytes + count * LiveText.listReplyBytes
        let plaintext = await peer.recorder.until { $0.plaintext.count >= all }.plaintext
        #expect(plaintext.count == all)
        try await peer.close()
        try await shown.end()
    }

    @Test
    func `a hundred thousand requests at once are answered one after the other`() async throws {
        let shown = try await ShownFeed()
        let count = 100_000
        let requests = [[UInt8]](repeating: LiveText.createSession, count: count).joined()
        let peer = try await shown.peer(saying: LiveText.opening + requests)
        let all = LiveText.openingReplyBytes + count * 4
        await peer.recorder.until { $0.plaintext.count >= all }
        #expect(peer.recorder.seen.plaintext.count == all)
        try await peer.close()
        try await shown.end()
    }

    @Test
    func `a viewer whose socket takes at once what was too much to wait goes on`() async throws {
        let shown = try await ShownFeed { $0.outgoingBytes = 100 }
        let lists = [[UInt8]](repeating: LiveText.list, count: 50).joined()
        let peer = try await shown.peer(saying: LiveText.opening + lists)
        let all = LiveText.openingReplyBytes + 50 * LiveText.listReplyBytes
        await peer.recorder.until { $0.plaintext.count >= all }
        #expect(peer.recorder.seen.plaintext.count == all)
        try await peer.close()
        try await shown.end()
    }
}
