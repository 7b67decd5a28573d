import ConfigurationFile
import Dispatch
import Feed
import Logging
import NIOCore
import NIOPosix

@testable import Runtime

/// A feed that the test feeds by hand, of which a session lives, and its viewers.
struct ShownFeed {
    let feed: HandFedFeed
    let listener: ViewerListener
    /// Of the feed, of the peers, of the viewers: no other test waits while one of them is blocked.
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 3)
    let peerLoop: any EventLoop
    let viewerLoop: any EventLoop
    /// What was logged on the viewers' loop, and elsewhere.
    let log = Recorder<[String]>([])
    let logElsewhere = Recorder<[String]>([])

    init(retainedBytes: Int = 64 << 20, _ change: (inout ViewerLimits) -> Void = { _ in }) async throws {
        feed = try await HandFedFeed(retainedBytes: retainedBytes, loop: group.next())
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
