import ConfigurationFile
import Dispatch
import Feed
import Logging
import NIOCore
import NIOPosix
import Testing

@testable import Runtime

/// How viewers are served beside the feed.
@Suite(.timeLimit(.minutes(1)))
struct ViewerLoopTests {
    /// A feed that the test feeds by hand, of which a session lives, and its viewers.
    private struct Shown {
        let feed: HandFedFeed
        let listener: ViewerListener
        /// Of the peers, of the viewers.
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let peerLoop: any EventLoop
        let viewerLoop: any EventLoop
        /// What was logged on the viewers' loop, and elsewhere.
        let log = Recorder<[String]>([])
        let logElsewhere = Recorder<[String]>([])

        init(retainedBytes: Int = 64 << 20, _ change: (inout ViewerLimits) -> Void = { _ in }) async throws {
            feed = try await HandFedFeed(retainedBytes: retainedBytes)
            (peerLoop, viewerLoop) = (group.next(), group.next())
            var limits = ViewerLimits()
            change(&limits)
            let (viewerLoop, log, elsewhere) = (viewerLoop, log, logElsewhere)
            listener = try await ViewerListener.listen(
                on: NetworkEndpoint(host: "127.0.0.1", port: 0),
                key: "live.listen",
                hub: feed.hub,
                loop: viewerLoop,
                limits: limits,
                logger: Logger(label: "test") { _ in PlaceBox(loop: viewerLoop, there: log, elsewhere: elsewhere) }
            )
            let active = SessionStateChange(
                relay: "relay",
                host: "host",
                session: "s",
                sessionID: 1,
                state: .active,
                reason: ""
            )
            feed.hub.publish(FeedBatch(records: [.session(active)], watermarkNs: 1))
        }

        func peer(saying bytes: [UInt8]) async throws -> RawPeer {
            try await RawPeer(port: try await listener.port(), from: "127.0.0.1", saying: bytes, on: peerLoop)
        }

        /// Has the feed's loop do nothing until the result is signalled.
        func blockFeed() -> DispatchSemaphore {
            let isBlocked = DispatchSemaphore(value: 0)
            feed.hub.loop.execute { isBlocked.wait() }
            return isBlocked
        }

        func end() async throws {
            await listener.close()
            try await feed.stop()
            try await group.shutdownGracefully()
        }
    }

    @Test
    func `viewers are answered while the feed's loop is busy`() async throws {
        let shown = try await Shown()
        let block = shown.blockFeed()
        let peer = try await shown.peer(saying: LiveText.opening)
        await peer.recorder.until { $0.plaintext.count == LiveText.openingReplyBytes }
        block.signal()
        try await peer.close()
        try await shown.end()
    }

    @Test
    func `frames are decoded on the viewers' loop`() async throws {
        let shown = try await Shown(retainedBytes: 16 << 10)
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
        let shown = try await Shown { $0.incomingBytes = 64 }
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
        let shown = try await Shown()
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
        let shown = try await Shown { $0.outgoingBytes = 100 }
        let lists = [[UInt8]](repeating: LiveText.list, count: 50).joined()
        let peer = try await shown.peer(saying: LiveText.opening + lists)
        let all = LiveText.openingReplyBytes + 50 * LiveText.listReplyBytes
        await peer.recorder.until { $0.plaintext.count >= all }
        #expect(peer.recorder.seen.plaintext.count == all)
        try await peer.close()
        try await shown.end()
    }
}

/// Sorts what is logged by whether it was on an event loop.
private struct PlaceBox: LogHandler {
    let loop: any EventLoop
    let there: Recorder<[String]>
    let elsewhere: Recorder<[String]>
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    init(loop: any EventLoop, there: Recorder<[String]>, elsewhere: Recorder<[String]>) {
        (self.loop, self.there, self.elsewhere) = (loop, there, elsewhere)
    }

    func log(event: LogEvent) {
        (loop.inEventLoop ? there : elsewhere).update { $0.append("\(event.message)") }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }
}
