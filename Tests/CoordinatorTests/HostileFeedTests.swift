import Coordinator
import Feed
import SimulatedRelay
import Testing

/// Feeds below that say too much, or of which something is gone.
@Suite struct HostileFeedTests {
    private static let trace = FeedTrace(
        id: 1,
        relay: "relay",
        host: "host",
        session: "session",
        sessionID: 1,
        path: "ust/uid/0/64-bit"
    )

    /// A coordinator above a feed that a test makes up.
    private static func root(over node: TrialNode, limits: CoordinatorLimits) -> CoordinatorTrial {
        let root = CoordinatorTrial(lifetime: .service, limits: limits, feeds: [node])
        root.run(untilNs: .ms(10))
        return root
    }

    private static func streams(_ range: ClosedRange<UInt64>) -> [FeedRecord] {
        range.flatMap { id -> [FeedRecord] in
            let stream = FeedStream(id: id, traceID: 1, liveStreamID: id, channel: "channel")
            return [.stream(stream), .streamEnd(StreamEndRecord(streamID: id, traceID: 1, traceUUID: nil))]
        }
    }

    @Test func `a feed that ends streams for ever and never says where it is keeps no more than may be kept`() {
        var limits = CoordinatorLimits()
        // Of a hundred streams' ends.
        limits.feedNameBytesMax = 50 * 128
        let node = TrialNode(feed: FeedID(high: 10, low: 1))
        let root = Self.root(over: node, limits: limits)
        node.append(FeedBatch(sequence: 1, records: [.trace(Self.trace)] + Self.streams(1...90)), nowNs: root.nowNs)
        root.run(untilNs: .ms(20))
        #expect(root.notes.allSatisfy { $0.level != .warning })
        node.append(FeedBatch(sequence: 2, records: Self.streams(91...110)), nowNs: root.nowNs)
        root.run(untilNs: .ms(30))
        let complaint = "more than 12800 bytes of names and ends at once"
        #expect(root.notes.contains { $0.level == .warning && $0.text.contains(complaint) }, "\(root.notes)")
        // It is asked less and less.
        root.run(untilNs: .ms(60_000))
        #expect(root.notes.count { $0.level == .warning && $0.text.contains(complaint) } < 25)
    }

    @Test func `a feed that says where it is may end streams for ever`() {
        var limits = CoordinatorLimits()
        limits.feedNameBytesMax = 50 * 128
        let node = TrialNode(feed: FeedID(high: 10, low: 1))
        let root = Self.root(over: node, limits: limits)
        node.append(FeedBatch(sequence: 1, records: [.trace(Self.trace)], watermarkNs: 1), nowNs: root.nowNs)
        for number in UInt64(1)...20 {
            let ids = (number * 40 - 39)...(number * 40)
            let batch = FeedBatch(sequence: number + 1, records: Self.streams(ids), watermarkNs: Int64(number) + 1)
            node.append(batch, nowNs: root.nowNs)
            root.run(untilNs: root.nowNs + .ms(10))
        }
        #expect(root.notes.allSatisfy { $0.level != .warning }, "\(root.notes)")
        let ends = root.records.count { if case .streamEnd = $0 { true } else { false } }
        #expect(ends == 800)
        #expect(root.tableSizes.streams == 0 && root.tableSizes.waitingEnds == 0)
    }

    /// The coordinator below drops what is old while the one above is not there.
    @Test(arguments: [false, true]) func `what a feed has dropped is said to be lost, once`(restarts: Bool) throws {
        let scripts = TreeTests.scripts()
        let tree = TreeTrial([Array(scripts.prefix(3))])
        let node = tree.leaves[0].node
        tree.run(untilNs: .ms(250))
        let before = tree.root.events
        #expect(before.count > 10)
        node.isDown = true
        let shown = node.count
        tree.run(untilNs: .ms(550))
        let taken = tree.root.events.count
        let newest = node.count
        #expect(newest > shown + 2)
        node.firstKept = newest
        node.isDown = false
        tree.run(untilNs: .ms(700))
        if restarts { tree.root.restart() }
        tree.run(untilNs: .ms(9000))

        let all = TreeTests.flat(Array(scripts.prefix(3))).events
        let events = tree.root.events
        #expect(events.count < all.count && events.count > taken)
        let rest = events.dropFirst(taken)
        #expect(Array(events.prefix(taken)) == Array(all.prefix(taken)))
        #expect(Array(all.suffix(rest.count)) == Array(rest))
        let losses = tree.root.losses
        #expect(losses.count == 1, "\(losses)")
        let loss = try #require(losses.first)
        #expect(loss.relay == "feed-0" && loss.count == nil && loss.unit == .events)
        #expect(loss.reason.contains("of its feed are gone: too old"), "\(loss)")
        #expect(tree.root.notes.count { $0.text.contains("of its feed are gone") } == 1)
    }
}
