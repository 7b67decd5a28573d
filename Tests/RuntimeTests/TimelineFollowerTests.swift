import ConfigurationFile
import Feed
import Foundation
import NIOCore
import NIOPosix
import Synchronization
import Testing
import Timeline

@testable import Runtime

/// How the timeline reads the log.
@Suite(.timeLimit(.minutes(5)))
struct TimelineFollowerTests {
    /// A follower of a feed that the test feeds by hand.
    private struct Following {
        let feed: HandFedFeed
        let lane = TimelineLane()
        let follower: TimelineFollower

        init(_ feed: HandFedFeed) {
            self.feed = feed
            let logger = feed.hub.logger
            follower = TimelineFollower(hub: feed.hub, lane: lane, logger: logger, dropInterval: .zero)
        }

        func begin() async throws {
            try await feed.hub.loop.submit { [follower] in follower.start() }.get()
        }

        /// Waits until the book is as wanted.
        func until(_ enough: @escaping @Sendable (TimelineBook, UInt64) -> Bool) async throws {
            while true {
                if (try? await lane.ask { enough($0, $1) }) == true { return }
                try await Task.sleep(for: .milliseconds(5))
            }
        }

        func end() async throws {
            try await feed.hub.loop.submit { [follower] in follower.stop() }.get()
            await lane.close()
            try await feed.stop()
        }
    }

    @Test(arguments: [false, true])
    func `what was logged before and what comes is in the book`(isStored: Bool) async throws {
        let directory = try ScratchDirectory()
        var log = Configuration.Log()
        log.directory = directory.path
        // So little is in memory that the beginning has to be read from the disk.
        let feed = try await HandFedFeed(stored: isStored ? log : nil) {
            $0.memoryBytes = 1 << 10
            $0.checkpointBytes = 1 << 10
        }
        let following = Following(feed)
        feed.publish(1...300, paddingBytes: 500)
        try await following.begin()
        try await following.until { book, _ in book.sequence == 300 }
        feed.publish(301...600, paddingBytes: 500)
        try await following.until { book, _ in book.sequence == 600 }
        let (watermarkNs, number) = try await following.lane.ask { ($0.model.figures.watermarkNs, $1) }
        #expect(watermarkNs == 600 && number == 1)
        try await following.end()
    }

    @Test
    func `what the log lets go of is dropped, and the book goes on`() async throws {
        let feed = try await HandFedFeed(retainedBytes: 64 << 10)
        let following = Following(feed)
        try await following.begin()
        for first in stride(from: UInt64(1), to: 1000, by: 10) {
            feed.publish(first...(first + 9), paddingBytes: 500)
            try await following.until { book, _ in book.sequence == first + 9 }
        }
        feed.publish(1001...1001)
        try await following.until { book, _ in (book.model.figures.beginNs ?? 0) > 500 && book.place(for: 1...2) == nil
        }
        let number = try await following.lane.ask { $1 }
        #expect(number == 1)
        try await following.end()
    }

    @Test
    func `one that is slower than the log keeps frames begins another book, and nobody waits for it`() async throws {
        let feed = try await HandFedFeed(retainedBytes: 64 << 10)
        let following = Following(feed)
        try await following.begin()
        feed.publish(1...10)
        try await following.until { book, _ in book.sequence == 10 }
        let (begun, go) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        async let stalled: Void = following.lane.ask { _, _ in
            begun.signal()
            go.wait()
        }
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                begun.wait()
                continuation.resume()
            }
        }
        feed.publish(11...2000, paddingBytes: 500)
        // All of it is logged while the timeline stands still.
        while try await feed.hub.snapshot().get().sequence < 2000 { try await Task.sleep(for: .milliseconds(5)) }
        go.signal()
        try await stalled
        try await following.until { book, number in book.sequence == 2000 && number == 2 }
        try await following.end()
    }
}
