import CTF
import Testing

@testable import Feed

/// An estimate of a frame's length is never less than its length, whatever the numbers in it.
@Suite struct EstimateTests {
    /// Its length takes three bytes.
    private static let text = String(repeating: "x", count: 20_000)
    private static let packet = PacketPlace(endCycles: .max, offset: .max, discardedEvents: .max)

    private static var records: [FeedRecord] {
        var trace = FeedTrace(id: .max, relay: text, host: text, session: text, sessionID: .max, path: text)
        trace.liveTraceID = .max
        var clock = ClockReport(
            relay: text,
            host: text,
            clock: text,
            referenceRelay: text,
            referenceHost: text,
            quality: .failed
        )
        (clock.lowerNs, clock.upperNs, clock.driftPpb, clock.driftErrorPpb) = (.min, .max, .min, .max)
        (clock.stepNs, clock.stepErrorNs, clock.correctionNs, clock.spreadNs) = (.min, .max, .min, .max)
        return [
            .trace(trace),
            .metadata(traceID: .max, bytes: Array(text.utf8)),
            .stream(FeedStream(id: .max, traceID: .max, liveStreamID: .max, channel: text)),
            .traceEnd(traceID: .max),
            .streamEnd(
                StreamEndRecord(streamID: .max, traceID: .max, traceUUID: TraceUUID(high: .max, low: .max))
            ),
            .relay(RelayStateChange(relay: text, state: .ended, reason: text, frontierNs: .min)),
            .session(
                SessionStateChange(
                    relay: text,
                    host: text,
                    session: text,
                    sessionID: .max,
                    state: .lost,
                    reason: text,
                    startNs: .min
                )
            ),
            .lost(
                LossRecord(
                    relay: text,
                    host: text,
                    session: text,
                    sessionID: .max,
                    streamID: .max,
                    unit: .packets,
                    count: .max,
                    fromNs: .min,
                    toNs: .max,
                    reason: text,
                    cause: .delivery,
                    packet: packet
                )
            ),
            .holder(HolderRecord(relay: text, host: text, session: text, streamID: .max, heldNs: .min)),
            .clock(clock),
            .gap(GapRecord(fromSequence: .max, toSequence: .max, reason: text)),
            .log(LogRecord(condition: .failing, reason: text, heldNs: .min)),
            .end(reason: text),
        ]
    }

    @Test func `of each record with the greatest numbers`() throws {
        let empty = FeedBatch(sequence: .max, records: [], watermarkNs: .min)
        var encoder = FrameEncoder(feed: RoundTripTests.feed, nextSequence: .max - 1)
        let frame = try encoder.frame(empty)
        #expect(FrameEncoder.estimatedBytes(empty) >= frame.byteCount)
        for record in Self.records {
            var batch = empty
            batch.records = [record]
            // What the record alone adds.
            let bytes = try encoder.frame(batch).byteCount - frame.byteCount
            #expect(FrameEncoder.estimatedBytes(record) >= bytes, "\("\(record)".prefix(40))")
        }
    }

    @Test func `of a slice that opens a packet with the greatest numbers`() throws {
        let sample = try SampleFeed(seed: 1)
        let slices = sample.batches.flatMap(\.records).compactMap { record -> EventSlice? in
            if case .events(let group) = record { group.slices.first } else { nil }
        }
        var slice = try #require(slices.first)
        let packet = slice.packet
        var preamble = packet.preamble
        preamble.timestampBeginCycles = .max
        preamble.timestampEndCycles = .max
        preamble.contentBits = .max
        preamble.totalBits = .max
        preamble.sequenceNumber = .max
        preamble.discardedEvents = .max
        preamble.streamInstanceID = .max
        preamble.streamClassID = .max
        slice.packet = FeedPacket(
            id: .max,
            trace: packet.trace,
            stream: FeedStream(id: .max, traceID: .max, liveStreamID: .max, channel: ""),
            program: packet.program,
            metadataBytes: .max,
            preamble: preamble,
            preambleStorage: packet.preambleStorage,
            correction: try #require(TimeCorrection(offsetNs: -1, beginNs: -9, endNs: 9, endOffsetNs: -2)),
            place: Self.packet
        )
        slice.opensPacket = true
        slice.clockCycles = .max
        let run = EventGroup.Run(slice: 0, count: UInt32(slice.eventCount))
        let group = EventGroup(slices: [slice], order: [run], eventCount: slice.eventCount)
        var encoder = FrameEncoder(feed: RoundTripTests.feed)
        let empty = FeedBatch(sequence: 1)
        let bytes = try encoder.frame(FeedBatch(sequence: 1, records: [.events(group)])).byteCount
        let added = bytes - (try encoder.frame(empty)).byteCount
        #expect(FrameEncoder.estimatedBytes(.events(group)) >= added)
    }
}
