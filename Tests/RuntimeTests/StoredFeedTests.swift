import ConfigurationFile
import Feed
import FeedLog
import NIOCore
import SimulatedRelay
import Synchronization
import Testing

@testable import Runtime

/// A feed whose log is on disk, with real files.
@Suite(.timeLimit(.minutes(2)))
struct StoredFeedTests {
    @Test
    func `a feed that is started again keeps its number, its frames and its tokens`() async throws {
        let scratch = try ScratchDirectory()
        let first = try await HandFedFeed(stored: .init(directory: scratch.path))
        first.publish(1...30)
        let before = try first.subscribe()
        let seen = await before.recorder.until { $0.numbers.count == 30 }
        try await first.stop()

        let second = try await HandFedFeed(stored: .init(directory: scratch.path))
        #expect(second.hub.feed == first.hub.feed)
        second.publish(31...40)
        let token = try #require(seen.tokens[12])
        let resumed = try second.subscribe(from: .token(token))
        let all = try second.subscribe()
        await resumed.recorder.until { $0.numbers == Array(13...40) }
        let again = await all.recorder.until { $0.numbers.count == 40 }
        #expect(again.numbers == Array(1...40) && again.gaps.isEmpty)
        #expect(again.tokens[12] == token)
        try await second.stop()
    }

    @Test
    func `a log whose end was torn goes on in another epoch, in which older tokens are still good`() async throws {
        let scratch = try ScratchDirectory()
        let first = try await HandFedFeed(stored: .init(directory: scratch.path))
        first.publish(1...31)
        let before = try first.subscribe()
        let seen = await before.recorder.until { $0.numbers.count == 31 }
        try await first.stop()
        let name = try #require(scratch.files.last { $0.hasSuffix(".segment") })
        let storage = try LogDirectory(scratch.path)
        let length = try #require(try storage.files()[name])
        try storage.truncate(name, to: length - 1)
        storage.close(isWhole: true)

        let second = try await HandFedFeed(stored: .init(directory: scratch.path))
        #expect(second.hub.feed.epoch == 2 && second.hub.feed.id == first.hub.feed.id)
        #expect(second.log.seen.contains { $0.contains("behind frame 30 are cut off") })
        second.publish(32...33)
        let resumed = try second.subscribe(from: .token(try #require(seen.tokens[30])))
        let result = await resumed.recorder.until { $0.numbers.count == 2 }
        #expect(result.numbers == [32, 33] && result.gaps.isEmpty && result.commonSequence == 30)
        try await second.stop()
    }

    @Test
    func `only one coordinator at a time uses a directory`() async throws {
        let scratch = try ScratchDirectory()
        let first = try LogDirectory(scratch.path)
        #expect(throws: LogDirectoryError.self) { _ = try LogDirectory(scratch.path) }
        #expect("\(LogDirectoryError.inUse("/d"))" == "/d: another coordinator keeps its log there (log.directory)")
        first.close(isWhole: true)
        try LogDirectory(scratch.path).close(isWhole: true)
    }

    @Test
    func `of a hundred subscribers one has stopped: the others do not notice, and later it gets all from disk`()
        async throws
    {
        let scratch = try ScratchDirectory()
        let feed = try await HandFedFeed(stored: .init(directory: scratch.path, retainBytes: 64 << 20)) {
            $0.outgoingBytes = 16 << 10
            $0.readBytes = 16 << 10
            $0.socketBytes = 4096
            $0.memoryBytes = 32 << 10
            // All of them knock at once, and none is to give way to the others.
            $0.pendingConnections = 100
        }
        let stopped = try feed.subscribe(pausedAfterWelcome: true)
        let others = try (0..<99).map { _ in try feed.subscribe() }
        await stopped.recorder.until { $0.isWelcomed }
        feed.publish(1...300, paddingBytes: 1_600)
        for other in others {
            let seen = await other.recorder.until { $0.numbers.count == 300 }
            #expect(seen.numbers == Array(1...300) && seen.gaps.isEmpty)
        }
        #expect(stopped.recorder.seen.numbers.count < 300)
        stopped.recorder.seen.connection?.setReading(true)
        let seen = await stopped.recorder.until { $0.numbers.count == 300 }
        #expect(seen.numbers == Array(1...300) && seen.gaps.isEmpty)
        try await feed.stop()
    }

    @Test
    func `a damaged segment is a gap and a line in the log`() async throws {
        let scratch = try ScratchDirectory()
        let log = Configuration.Log(directory: scratch.path, retainBytes: 80 << 10)
        let first = try await HandFedFeed(stored: log)
        first.publish(1...300, paddingBytes: 100)
        let before = try first.subscribe(from: .earliest)
        await before.recorder.until { $0.numbers.last == 300 }
        try await first.stop()
        let segments = scratch.files.filter { $0.hasSuffix(".segment") }
        try #require(segments.count >= 4)
        // In the middle of a frame of the second one.
        try scratch.change(segments[1], at: 3_000)

        let second = try await HandFedFeed(stored: log) { $0.memoryBytes = 2_000 }
        let reader = try second.subscribe()
        let seen = await reader.recorder.until { $0.numbers.last == 300 }
        let gap = try #require(seen.gaps.first)
        #expect(seen.gaps.count == 1 && gap.reason == "the log is damaged here")
        let oldest = try #require(seen.numbers.first)
        #expect(seen.numbers == Array(oldest..<gap.fromSequence) + Array(gap.toSequence + 1...300))
        #expect(second.log.seen.contains { $0.contains("the log is damaged") && $0.contains(segments[1]) })
        try await second.stop()
    }

    @Test
    func `a full disk stands the feed still, says so, and loses nothing`() async throws {
        let scratch = try ScratchDirectory()
        let disk = FullDisk()
        let feed = try await HandFedFeed(stored: .init(directory: scratch.path), disk: disk)
        let held = Recorder<[Bool]>([])
        feed.hub.gate.connect { isHeld in held.update { $0.append(isHeld) } }
        let subscriber = try feed.subscribe()
        feed.publish(1...6)
        await subscriber.recorder.until { $0.numbers == [1, 2, 3, 4, 5, 6] }
        disk.setFull(true)
        feed.publish(7...9)
        await subscriber.recorder.until { $0.notices.count == 1 }
        await held.until { $0 == [true] }
        // Whoever comes now gets what there is, and is told the same.
        let later = try feed.subscribe()
        let seen = await later.recorder.until { $0.notices.count == 1 && $0.numbers.count == 6 }
        #expect(seen.numbers == [1, 2, 3, 4, 5, 6])
        #expect(seen.notices == [LogRecord(condition: .failing, reason: "no space is left")])
        feed.publish(10...12)
        #expect(subscriber.recorder.seen.numbers == [1, 2, 3, 4, 5, 6])
        disk.setFull(false)
        for each in [subscriber, later] {
            let end = await each.recorder.until { $0.numbers.count == 12 && $0.logs.count == 1 }
            #expect(end.numbers == Array(1...12) && end.gaps.isEmpty && end.notices.count == 1)
            #expect(end.logs[0].condition == .writing && end.logs[0].heldNs > 0)
        }
        await held.until { $0 == [true, false] }
        try await feed.stop()
        let again = try await HandFedFeed(stored: .init(directory: scratch.path))
        let reader = try again.subscribe()
        let all = await reader.recorder.until { $0.numbers.count == 12 }
        #expect(all.numbers == Array(1...12) && all.logs.count == 1)
        try await again.stop()
    }

    @Test
    func `a whole coordinator that is started again goes on with its feed`() async throws {
        let scratch = try ScratchDirectory()
        let log = Configuration.Log(directory: scratch.path)
        let hosts = [GeneratedHost(hostname: "web-1", seed: 1)]
        let token = Mutex<ResumeToken?>(nil)
        let feed = Mutex<FeedIdentity?>(nil)
        try await RunningDaemon.with(hosts: hosts, log: log) { daemon in
            let subscriber = try daemon.subscribe()
            let seen = await subscriber.recorder.until { $0.events.count > 100 && !$0.tokens.isEmpty }
            feed.withLock { $0 = seen.feed }
            token.withLock { $0 = seen.tokens.max { $0.key < $1.key }?.value }
        }
        let last = try #require(token.withLock { $0 })
        try await RunningDaemon.with(hosts: hosts, log: log) { daemon in
            let subscriber = try daemon.subscribe(from: .token(last))
            let seen = await subscriber.recorder.until { $0.frames.contains { !$0.isCheckpoint } }
            #expect(seen.feed == feed.withLock { $0 })
            #expect(seen.frames.first { !$0.isCheckpoint }?.batch.sequence == last.sequence + 1)
        }
    }
}
