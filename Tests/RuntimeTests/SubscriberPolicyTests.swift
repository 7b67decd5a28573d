import ConfigurationFile
import Feed
import NIOCore
import Testing

@testable import Runtime

/// What subscribers may ask for, and what they may not take.
@Suite(.timeLimit(.minutes(1)))
struct SubscriberPolicyTests {
    private func smallFeed(stored: Configuration.Log? = nil) async throws -> HandFedFeed {
        try await HandFedFeed(stored: stored) {
            $0.outgoingBytes = 16 << 10
            $0.readBytes = 16 << 10
            $0.socketBytes = 4096
            $0.overflowBytes = 64 << 10
        }
    }

    /// Publishes while a subscriber that has had all so far does not read, until a good one has everything.
    private func overrun(_ feed: HandFedFeed, _ subscriber: TestSubscriber) async throws {
        let good = try feed.subscribe()
        feed.publish(1...3)
        await subscriber.recorder.until { $0.numbers == [1, 2, 3] }
        subscriber.recorder.seen.connection?.setReading(false)
        for first in stride(from: UInt64(4), to: 3_000, by: 100) {
            feed.publish(first...first + 99, paddingBytes: 3_000)
            await good.recorder.until { $0.numbers.last == first + 99 }
        }
        feed.publish(3_004...3_004)
        await good.recorder.until { $0.numbers.last == 3_004 }
    }

    @Test
    func `who asked to skip goes on with what leaves now, after a gap`() async throws {
        let feed = try await smallFeed()
        let subscriber = try feed.subscribe(overflow: .skip)
        try await overrun(feed, subscriber)
        subscriber.recorder.seen.connection?.setReading(true)
        // It has come to the end, be it by its last gap: before that the next frames could be in a gap as well.
        await subscriber.recorder.until { $0.gaps.last?.toSequence ?? 0 >= 3_004 || $0.numbers.last == 3_004 }
        feed.publish(3_005...3_006)
        let seen = await subscriber.recorder.until { $0.numbers.last == 3_006 }
        // One each time that its socket had room again.
        let skipped = seen.gaps.flatMap { Array($0.fromSequence...$0.toSequence) }
        #expect((seen.numbers + skipped).sorted() == Array(1...3_006))
        #expect(skipped.count > 1_000)
        try await feed.stop()
    }

    @Test
    func `who asked to be disconnected is, and who asked to wait gets everything`() async throws {
        let feed = try await smallFeed()
        let waiting = try feed.subscribe(pausedAfterWelcome: true)
        let subscriber = try feed.subscribe(overflow: .disconnect)
        try await overrun(feed, subscriber)
        subscriber.recorder.seen.connection?.setReading(true)
        #expect(await subscriber.end == .unreachable("the coordinator closed the connection"))
        #expect(feed.log.seen.contains { $0.contains("slower than the feed, and asked not to wait") })
        waiting.recorder.seen.connection?.setReading(true)
        let seen = await waiting.recorder.until { $0.numbers.count == 3_004 }
        #expect(seen.numbers == Array(1...3_004) && seen.gaps.isEmpty)
        try await feed.stop()
    }

    @Test
    func `a policy counts only for who has caught up`() async throws {
        let feed = try await smallFeed()
        feed.publish(1...200, paddingBytes: 3_000)
        let subscriber = try feed.subscribe(overflow: .disconnect)
        let seen = await subscriber.recorder.until { $0.numbers.count == 200 }
        #expect(seen.numbers == Array(1...200))
        try await feed.stop()
    }

    @Test
    func `a cursor goes on where it was acknowledged, also after a restart`() async throws {
        let scratch = try ScratchDirectory()
        let stored = Configuration.Log(directory: scratch.path)
        let feed = try await HandFedFeed(stored: stored)
        feed.publish(1...9)
        let first = try feed.subscribe(cursor: "c")
        let seen = await first.recorder.until { $0.numbers.count == 9 }
        let token = try #require(seen.tokens[6])
        seen.connection?.acknowledge(token)
        first.stop()
        _ = await first.end
        // Another name, and another identity, have nothing to do with it.
        let other = try feed.subscribe(from: .latest, cursor: "d")
        await other.recorder.until { $0.isWelcomed }
        let second = try feed.subscribe(from: .latest, cursor: "c")
        await second.recorder.until { $0.numbers == [7, 8, 9] }
        #expect(other.recorder.seen.numbers.isEmpty)
        try await feed.stop()

        let again = try await HandFedFeed(stored: stored)
        let third = try again.subscribe(from: .latest, cursor: "c")
        await third.recorder.until { $0.numbers == [7, 8, 9] }
        try await again.stop()
    }

    @Test
    func `who acknowledges what it cannot have is closed`() async throws {
        let feed = try await HandFedFeed()
        feed.publish(1...3)
        let subscriber = try feed.subscribe(cursor: "c")
        await subscriber.recorder.until { $0.numbers.count == 3 }
        let foreign = FeedIdentity(id: FeedID(high: 9, low: 9))
        subscriber.recorder.seen.connection?.acknowledge(ResumeToken(feed: foreign, sequence: 1, watermarkNs: 0))
        #expect(await subscriber.end == .unreachable("the coordinator closed the connection"))
        try await feed.stop()
    }

    @Test
    func `an identity has only so many subscribers`() async throws {
        let feed = try await HandFedFeed { $0.subscribersPerIdentity = 2 }
        let two = try (0..<2).map { _ in try feed.subscribe() }
        for subscriber in two { await subscriber.recorder.until { $0.isWelcomed } }
        let third = try feed.subscribe()
        #expect(await third.end == .unreachable("this identity has as many subscribers as it may, 2"))
        #expect(feed.log.seen.contains { $0.contains("subscriber refused") && $0.contains("busy") })
        two[0].stop()
        _ = await two[0].end
        // The coordinator learns of it a moment later.
        var next = try feed.subscribe()
        while case .unreachable = await next.recorder.until({ $0.isWelcomed || $0.end != nil }).end {
            next = try feed.subscribe()
        }
        try await feed.stop()
    }

    @Test
    func `an identity is sent so many bytes a second, and no more`() {
        let second = Int64(1_000_000_000)
        var now = NIODeadline.uptimeNanoseconds(1_000)
        let usage = IdentityUsage(bytesPerSecond: 1_000, now: now)
        var sent = 0
        let end = now + .nanoseconds(10 * second)
        while now < end {
            if let delay = usage.delay(now: now) {
                #expect(delay.nanoseconds > 0 && delay.nanoseconds < 2 * second)
                now = now + delay
            } else {
                usage.spend(300)
                sent += 300
            }
        }
        // A second's worth at once, and ten seconds' worth; the last may go over.
        #expect(sent >= 10_000 && sent <= 11_300)
        #expect(IdentityUsage(bytesPerSecond: nil, now: now).delay(now: now) == nil)
        let owing = IdentityUsage(bytesPerSecond: 1_000, now: now)
        owing.spend(5_000)
        let delay = owing.delay(now: now)?.nanoseconds ?? 0
        #expect(delay >= 4 * second && delay < 5 * second)
    }
}
