import Testing

@testable import Feed

@Suite struct TraceEndTests {
    /// A trace with one stream, declared and ended.
    private func batch(_ id: UInt64, ends: Bool) -> FeedBatch {
        let trace = FeedTrace(id: id, relay: "r", host: "h", session: "s", sessionID: 1, path: "ust/pid/app-\(id)")
        var records: [FeedRecord] = [
            .trace(trace), .metadata(traceID: id, bytes: [1, 2, 3]),
            .stream(FeedStream(id: id, traceID: id, liveStreamID: id, channel: "c")),
        ]
        if ends { records.append(.traceEnd(traceID: id)) }
        return FeedBatch(records: records, watermarkNs: Int64(id))
    }

    @Test func `ten thousand traces that come and go leave nothing behind`() throws {
        var encoder = FrameEncoder(feed: RoundTripTests.feed)
        var state = FeedState()
        var decoder = try RoundTripTests.decoder()
        for id in 1...10_000 {
            for publication in try encoder.encode(batch(UInt64(id), ends: true)) {
                try state.fold(publication.batch)
                _ = try decoder.decode(publication.frame.storage)
            }
            #expect(state.traces.isEmpty && state.streams.isEmpty)
        }
        #expect(decoder.state.traces.isEmpty && decoder.state.streams.isEmpty && decoder.readers.isEmpty)
    }

    @Test func `one trace ends and another goes on`() throws {
        var state = FeedState()
        var encoder = FrameEncoder(feed: RoundTripTests.feed)
        for publication in try encoder.encode(batch(1, ends: false)) { try state.fold(publication.batch) }
        for publication in try encoder.encode(batch(2, ends: true)) { try state.fold(publication.batch) }
        #expect(state.traces.keys.sorted() == [1])
        #expect(state.streams.keys.sorted() == [1])
    }

    @Test func `the end of a trace that nobody declared is refused`() {
        var state = FeedState()
        #expect(throws: FeedError.unknownReference(.trace, 7)) {
            try state.fold(FeedBatch(records: [.traceEnd(traceID: 7)]))
        }
    }

    @Test func `who may not see a trace does not hear of its end`() throws {
        let peer = PeerIdentity(alternativeNames: ["x"], commonName: nil)
        let scope = try #require(ViewScope(peer: peer, rules: [AllowRule(identity: "*", sessions: ["other"])]))
        var filter = ScopeFilter(scope: scope)
        let seen = filter.filter(batch(1, ends: true)) { _ in true }
        #expect(seen.records.isEmpty)
    }
}
