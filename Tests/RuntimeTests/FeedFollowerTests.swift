import Feed
import FeedLog
import Logging
import NIOCore
import NIOPosix
import Testing

@testable import Runtime

/// A subscriber inside the process.
@Suite(.timeLimit(.minutes(1)))
struct FeedFollowerTests {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let hub: FeedHub

    init() {
        hub = FeedHub(
            loop: group.next(),
            feed: FeedIdentity(id: FeedID(high: 1, low: 2)),
            retainedBytes: 64 << 10,
            limits: SubscriberLimits(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    /// - Parameter bytes: about how long each frame is.
    private func publish(_ count: Int, bytes: Int = 10) async throws {
        for number in 0..<count {
            let change = RelayStateChange(
                relay: "a",
                state: .active,
                reason: String(repeating: "x", count: bytes)
            )
            hub.publish(FeedBatch(records: [.relay(change)], watermarkNs: Int64(number)))
        }
        try await hub.loop.submit {}.get()
    }

    private func token(_ sequence: UInt64) -> ResumeToken {
        ResumeToken(feed: hub.feed, sequence: sequence, watermarkNs: 0)
    }

    @Test
    func `it is given each frame once, in order, waits for the next, and is told the end`() async throws {
        try await publish(3)
        let follower = FeedFollower(hub: hub, name: "f")
        let (first, resumed) = try await follower.open(token: nil, start: .earliest).get()
        #expect(first.opening?.state.sequence == 0 && first.opening?.gap == nil && resumed == nil)
        #expect(try await follower.next().get()?.frames.map(\.sequence) == [1, 2, 3])
        let next = follower.next()
        try await publish(1)
        #expect(try await next.get()?.frames.map(\.sequence) == [4])
        let last = follower.next()
        try await hub.endFollowers().get()
        #expect(try await last.get() == nil)
        #expect(try await follower.next().get() == nil)
        try await group.shutdownGracefully()
    }

    @Test
    func `its cursor is kept under its name, and wins over its start`() async throws {
        try await publish(5)
        let first = FeedFollower(hub: hub, name: "f")
        _ = try await first.open(token: nil, start: .earliest).get()
        first.acknowledge(token(2))
        #expect(try await first.place().get() == .init(acknowledged: 2, newest: 5))
        first.stop()
        #expect(try await first.next().get() == nil)
        let second = FeedFollower(hub: hub, name: "f")
        #expect(try await second.open(token: nil, start: .latest).get().token == token(2))
        #expect(try await second.next().get()?.frames.map(\.sequence) == [3, 4, 5])
        let other = FeedFollower(hub: hub, name: "g")
        #expect(try await other.open(token: nil, start: .latest).get().portion.opening?.state.sequence == 5)
        // What the collector itself says wins over the cursor; what is of another feed does not count.
        let third = FeedFollower(hub: hub, name: "f")
        #expect(try await third.open(token: token(4), start: .latest).get().token == token(4))
        let foreign = ResumeToken(feed: FeedIdentity(id: FeedID(high: 9, low: 9)), sequence: 1, watermarkNs: 0)
        let (portion, resumed) = try await third.open(token: foreign, start: .earliest).get()
        #expect(resumed == nil && portion.opening?.state.sequence == 0)
        try await group.shutdownGracefully()
    }

    @Test
    func `one that does not ask holds nobody up, and is told what it has missed`() async throws {
        let follower = FeedFollower(hub: hub, name: "f")
        _ = try await follower.open(token: nil, start: .earliest).get()
        try await publish(100, bytes: 4 << 10)
        let portion = try #require(try await follower.next().get())
        let gap = try #require(portion.opening?.gap)
        #expect(gap.fromSequence == 1 && gap.toSequence > 50 && portion.frames.isEmpty)
        let next = try #require(try await follower.next().get())
        #expect(next.frames.first?.sequence == gap.toSequence + 1)
        try await group.shutdownGracefully()
    }
}
