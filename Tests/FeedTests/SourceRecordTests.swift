import CFeedSchema
import CTF
import PacketWriter
import Testing

@testable import Feed

struct SourceRecordTests {
    private let alpha = SourceRecord(
        relay: "alpha",
        feed: FeedID(high: 0x0123_4567_89AB_CDEF, low: 7),
        token: ResumeToken(feed: RoundTripTests.feed, sequence: 12, watermarkNs: 99).text,
        sequence: 14,
        epoch: 3
    )
    private let nested = SourceRecord(relay: "alpha/beta", feed: FeedID(high: 8, low: 9))

    private func sources(_ batch: FeedBatch) -> [SourceRecord] {
        batch.records.compactMap { if case .source(let source) = $0 { source } else { nil } }
    }

    private func idles(_ batch: FeedBatch) -> [Bool] {
        batch.records.compactMap { if case .idle(let isIdle) = $0 { isIdle } else { nil } }
    }

    @Test func `sources and idleness come back from a frame as they were`() throws {
        let gone = SourceRecord(relay: "gamma", feed: nil)
        let batch = FeedBatch(records: [.source(alpha), .source(nested), .source(gone), .idle(true), .idle(false)])
        var encoder = FrameEncoder(feed: RoundTripTests.feed)
        let frame = try encoder.encode(batch)[0].frame
        #expect(FrameEncoder.estimatedBytes(batch) >= frame.byteCount)
        var decoder = try RoundTripTests.decoder()
        let received = try decoder.decode(frame.storage).batch
        #expect(sources(received) == [alpha, nested, gone])
        #expect(idles(received) == [true, false])
    }

    @Test func `numbers in another feed come back from a frame`() throws {
        var trace = FeedTrace(id: 1, relay: "alpha/one", host: "h", session: "s", sessionID: 2, path: "p")
        trace.sourceID = 77
        var stream = FeedStream(id: 1, traceID: 1, liveStreamID: 4, channel: "c")
        stream.sourceID = .max
        var encoder = FrameEncoder(feed: RoundTripTests.feed)
        let frame = try encoder.encode(FeedBatch(records: [.trace(trace), .stream(stream)]))[0].frame
        var decoder = try RoundTripTests.decoder()
        let records = try decoder.decode(frame.storage).batch.records
        guard records.count == 2, case .trace(let readTrace) = records[0], case .stream(let readStream) = records[1]
        else {
            Issue.record("\(records)")
            return
        }
        #expect(readTrace == trace)
        #expect(readStream == stream)
    }

    /// The state behind the batches, folded as a log's reader does.
    private func state(_ batches: [FeedBatch]) throws -> FeedState {
        var encoder = FrameEncoder(feed: RoundTripTests.feed)
        var folder = FrameFolder(state: FeedState())
        for batch in batches {
            for publication in try encoder.encode(batch) { try folder.fold(publication.frame) }
        }
        return folder.state
    }

    @Test func `a log says how far each source was taken, and a checkpoint of it as well`() throws {
        var later = alpha
        later.sequence = 20
        let gone = SourceRecord(relay: "gamma", feed: nil)
        let first = FeedBatch(records: [
            .source(alpha), .source(nested), .source(SourceRecord(relay: "gamma", feed: FeedID(high: 1, low: 1))),
            .idle(true),
        ])
        let state = try state([first, FeedBatch(records: [.source(later), .source(gone)])])
        #expect(RestoredFeed(state).sources == ["alpha": later, "alpha/beta": nested])
        #expect(state.isIdle)
        var encoder = FrameEncoder(feed: RoundTripTests.feed)
        let checkpoint = try encoder.checkpoint(SubscriptionOpening(state: state), forLog: true)
        let folder = try FrameFolder(checkpoint: checkpoint, watermarkNs: nil)
        #expect(RestoredFeed(folder.state).sources == ["alpha": later, "alpha/beta": nested])
        #expect(folder.state.isIdle)
    }

    @Test func `whoever sees a part of the feed is not told of its sources`() throws {
        let peer = PeerIdentity(alternativeNames: ["x"], commonName: nil)
        let scope = try #require(ViewScope(peer: peer, rules: [AllowRule(identity: "*", relays: ["alpha/*"])]))
        let batch = FeedBatch(records: [.source(alpha), .idle(true)])
        var filter = ScopeFilter(scope: scope)
        let seen = filter.filter(batch) { _ in true }
        #expect(sources(seen).isEmpty && idles(seen) == [true])
        let state = try state([batch])
        #expect(state.filtered(scope).sources.isEmpty && state.filtered(scope).isIdle)
        #expect(state.withoutDeclarations.sources.isEmpty)
    }

    @Test func `a source whose feed has no whole number is refused`() throws {
        var builder = RecordBuilder(arena: Arena())
        builder.append(alpha)
        builder.records[0].pointee.source.pointee.feed_id.len = 15
        let message = builder.frame(
            kind: TIDEMARK__FEED__FRAME_KIND__FRAME_BATCH,
            sequence: 1,
            watermarkNs: nil,
            floorNs: nil,
            token: nil
        )
        let frame = try message.packed(limitBytes: FeedLimits().frameBytes)
        var decoder = try RoundTripTests.decoder()
        #expect(throws: FeedError.invalid(.feedID)) { _ = try decoder.decode(frame) }
    }
}
