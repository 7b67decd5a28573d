import Feed
import NIOPosix
import Testing

@testable import Runtime

/// A subscriber that goes on from where it was.
@Suite(.timeLimit(.minutes(1)))
struct TailRunTests {
    /// What a tail has printed and said.
    private struct Told: Sendable {
        var numbers: [UInt64] = []
        var lines: [String] = []
    }

    /// A tail that runs until `last` has been printed, or until it ends by itself.
    private func tail(
        _ feed: HandFedFeed,
        port: Int? = nil,
        as client: String = "client",
        last: UInt64 = .max,
        filter: String = "",
        reconnects: Bool = true,
        told: Recorder<Told>
    ) async throws -> TailRun.Outcome {
        let printing = PrintingLane<ReceivedFrame> { frame in
            guard !frame.isCheckpoint else { return .goOn }
            told.update { $0.numbers += frame.batch.numbers }
            return frame.batch.numbers.contains(last) ? .stop : .goOn
        }
        var delay = TailRun.RetryDelay()
        delay.minimum = .milliseconds(1)
        delay.maximum = .milliseconds(20)
        let run = TailRun(
            address: RelayAddress(host: "localhost", port: port ?? feed.port),
            tls: try feed.identities.clientContext(client),
            start: .earliest,
            filter: filter,
            reconnects: reconnects,
            retryDelay: delay,
            group: MultiThreadedEventLoopGroup.singleton,
            printing: printing,
            say: { line in told.update { $0.lines.append(line) } }
        )
        try await run.run()
        await printing.drain {}
        return run.outcome
    }

    @Test
    func `a filter that the coordinator does not understand ends it, with the column`() async throws {
        let feed = try await HandFedFeed()
        feed.publish(1...9)
        let told = Recorder(Told())
        let outcome = try await tail(feed, filter: "seqno ==", told: told)
        guard case .wrongFilter(let reason) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(reason.contains("column 9: "))
        #expect(told.seen.numbers == [])
        // What is no event passes every filter.
        #expect(try await tail(feed, last: 9, filter: "seqno == 1", told: told) == .done)
        #expect(told.seen.numbers == Array(1...9))
        try await feed.stop()
    }

    @Test(arguments: [
        [], [1], [3_000, 0, 0, 0, 5_000], [4_500, 9_000, 2_000, 30_000], Array(repeating: 7_000, count: 20),
    ])
    func `every event comes once, wherever the connection is cut`(_ cuts: [Int]) async throws {
        let feed = try await HandFedFeed()
        feed.publish(1...500, paddingBytes: 200)
        let proxy = try await CuttingProxy(to: feed.port, cutAfter: cuts)
        let told = Recorder(Told())
        let outcome = try await tail(feed, port: proxy.port, last: 500, told: told)
        #expect(outcome == .done)
        #expect(told.seen.numbers == Array(1...500))
        #expect(proxy.cuts.seen == cuts.count)
        try await proxy.close()
        try await feed.stop()
    }

    @Test
    func `the end of the feed is said, and without reconnecting is the end`() async throws {
        let feed = try await HandFedFeed()
        let told = Recorder(Told())
        feed.publish(1...2)
        async let outcome = tail(feed, reconnects: false, told: told)
        await told.until { $0.numbers == [1, 2] }
        feed.publishEnd("the coordinator stops")
        try await feed.stop()
        #expect(try await outcome == .unreachable("the feed has ended: the coordinator stops"))
    }

    @Test
    func `after the end of the feed it goes on trying, and says so once`() async throws {
        let feed = try await HandFedFeed()
        let proxy = try await CuttingProxy(to: feed.port, cutAfter: [])
        let told = Recorder(Told())
        feed.publish(1...1)
        let running = Task { try await tail(feed, port: proxy.port, last: 1_000_000, told: told) }
        await told.until { $0.numbers == [1] }
        feed.publishEnd("the coordinator stops")
        try await feed.stop()
        // The proxy has nobody behind it now: attempts fail, each in the same way.
        await told.until { $0.lines.count >= 2 }
        #expect(told.seen.lines[0].contains("the feed has ended: the coordinator stops; trying again"))
        await proxy.cuts.until { $0 >= 5 }
        #expect(Set(told.seen.lines).count == told.seen.lines.count)
        running.cancel()
        #expect(try await running.value == .done)
        try await proxy.close()
    }

    @Test
    func `a refusal ends it, at once`() async throws {
        let feed = try await HandFedFeed(allow: [])
        let outcome = try await tail(feed, told: Recorder(Told()))
        guard case .refused = outcome else {
            Issue.record("not refused, but \(outcome)")
            return
        }
        try await feed.stop()
    }

    @Test
    func `a token of another feed ends it`() async throws {
        let feed = try await HandFedFeed()
        let other = ResumeToken(feed: FeedIdentity(id: FeedID(high: 9, low: 9)), sequence: 1, watermarkNs: 1)
        let subscriber = try feed.subscribe(from: .token(other))
        guard case .foreignFeed(let text) = await subscriber.end else {
            Issue.record("a token of another feed was taken")
            return
        }
        #expect(text.contains("start anew"))
        try await feed.stop()
    }
}
