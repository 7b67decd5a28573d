import Feed
import PacketWriter
import Testing

@testable import Timeline

@Suite struct EventWalkTests {
    /// Walks to the end of the range.
    static func run(_ walk: EventWalk, _ model: borrowing TimelineModel, _ feed: MadeFeed) -> [FoundEvent] {
        var walk = walk
        var left = walk.left
        while let frames = walk.nextFrames(model) {
            for batch in feed.batches where frames.contains(where: { $0.contains(batch.sequence) }) {
                walk.take(batch, model.lanes)
            }
            walk.endStep()
            // Each step ends, and none is without an end.
            #expect(walk.left != left)
            left = walk.left
        }
        #expect(walk.left.isEmpty)
        return walk.found
    }

    static func expected(_ events: some Sequence<MadeFeed.Event>, _ lanes: LaneTable) -> [FoundEvent] {
        events.sorted { $0.position < $1.position }.map {
            FoundEvent(
                position: $0.position,
                lane: lanes.lane(ofStream: $0.streamID) ?? 0,
                name: "demo:tick",
                lateNs: $0.lateNs
            )
        }
    }

    static func feed(_ seed: UInt64) throws -> MadeFeed {
        var shape = MadeFeed.Shape()
        shape.packetsPerStream = 12
        shape.eventsPerBatch = 60
        return try MadeFeed(seed: seed, shape: shape)
    }

    @Test(arguments: 1...3 as ClosedRange<UInt64>)
    func `events come in the order of time, forwards and backwards, each once`(seed: UInt64) throws {
        let feed = try Self.feed(seed)
        let model = TimelineModelTests.model(feed.batches)
        let all = Int64.min..<Int64.max
        let expected = Self.expected(feed.events, model.lanes)
        #expect(Self.run(EventWalk(.forwards, times: all, stepEvents: 700), model, feed) == expected)
        #expect(Self.run(EventWalk(.backwards, times: all, stepEvents: 700), model, feed) == expected.reversed())
        var random = SeededRandom(seed: seed)
        for _ in 0..<8 {
            let from = random.pick(feed.events)
            let toNs = from.ns + Int64.random(in: 1...900_000_000, using: &random)
            let inside = feed.events.filter { $0.ns >= from.ns && $0.ns < toNs && $0.position > from.position }
            let walk = EventWalk(.forwards, times: from.ns..<toNs, beyond: from.position, stepEvents: 200)
            #expect(Self.run(walk, model, feed) == Self.expected(inside, model.lanes))
            let before = feed.events.filter { $0.ns >= from.ns - 50_000_000 && $0.position < from.position }
            let back = EventWalk(
                .backwards,
                times: from.ns - 50_000_000..<from.ns + 1,
                beyond: from.position,
                stepEvents: 200
            )
            #expect(Self.run(back, model, feed) == Self.expected(before, model.lanes).reversed())
        }
    }

    @Test func `only events of the lanes come, that may be seen and that the filter wants`() throws {
        let feed = try Self.feed(9)
        let model = TimelineModelTests.model(feed.batches)
        let all = Int64.min..<Int64.max
        let streams = [feed.streams[1].id, feed.streams[5].id]
        let lanes = LaneSet(streams.compactMap { model.lanes.lane(ofStream: $0) })
        let filter = try FilterExpression("seqno >= 7 && seqno < 12")
        let own = feed.events.filter { streams.contains($0.streamID) }
        #expect(
            Self.run(EventWalk(.forwards, times: all, lanes: lanes, stepEvents: 700), model, feed)
                == Self.expected(own, model.lanes)
        )
        let wanted = own.filter { (7..<12).contains($0.seqno) }
        #expect(!wanted.isEmpty)
        let filtered = EventWalk(.forwards, times: all, lanes: lanes, filter: filter, stepEvents: 700)
        #expect(Self.run(filtered, model, feed) == Self.expected(wanted, model.lanes))
        let rule = AllowRule(identity: "me", sessions: ["session-2"], events: ["demo:t*"])
        let peer = PeerIdentity(alternativeNames: ["me"], commonName: nil)
        let scope = try #require(ViewScope(peer: peer, rules: [rule]))
        let seen = feed.events.filter { event in
            feed.streams.contains { $0.id == event.streamID && $0.traceID == 102 }
        }
        let walk = EventWalk(.forwards, times: all, view: model.lanes.view(of: scope), scope: scope, stepEvents: 700)
        #expect(Self.run(walk, model, feed) == Self.expected(seen, model.lanes))
    }
}
