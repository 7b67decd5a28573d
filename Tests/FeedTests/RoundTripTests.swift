import CTF
import PacketWriter
import Testing

@testable import Feed

@Suite struct RoundTripTests {
    static let feed = FeedIdentity(id: FeedID(high: 0xFEED, low: 0x1D), epoch: 3)

    /// A decoder that knows nothing but an empty checkpoint.
    static func decoder(limits: FeedLimits = FeedLimits()) throws -> FrameDecoder {
        var encoder = FrameEncoder(feed: feed, limits: limits)
        var decoder = FrameDecoder(limits: limits)
        for frame in try encoder.checkpoint(SubscriptionOpening(state: FeedState())) {
            _ = try decoder.decode(frame.storage)
        }
        return decoder
    }

    @Test(arguments: 1...6)
    func `a batch comes back from its frame as it was`(seed: UInt64) throws {
        let sample = try SampleFeed(seed: seed)
        var encoder = FrameEncoder(feed: Self.feed)
        var decoder = try Self.decoder()
        for batch in sample.batches {
            let publications = try encoder.encode(batch)
            #expect(publications.count == 1)
            let received = try decoder.decode(publications[0].frame.storage)
            #expect(received.batch.transcript() == batch.transcript())
            #expect(received.batch.sequence == publications[0].frame.sequence)
            #expect(received.batch.watermarkNs == batch.watermarkNs)
            #expect(FrameEncoder.estimatedBytes(batch) >= publications[0].frame.byteCount)
        }
        #expect(encoder.nextSequence == UInt64(sample.batches.count) + 1)
    }

    @Test func `slices lie in the bytes of their frame`() throws {
        let sample = try SampleFeed(seed: 5)
        var encoder = FrameEncoder(feed: Self.feed)
        var decoder = try Self.decoder()
        for batch in sample.batches {
            let frame = try encoder.encode(batch)[0].frame
            for case .events(let group) in try decoder.decode(frame.storage).batch.records {
                #expect(group.slices.allSatisfy { $0.storage === frame.storage })
            }
        }
    }

    @Test(arguments: 1...2)
    func `who joins behind any batch reads all that follow`(seed: UInt64) throws {
        let sample = try SampleFeed(seed: seed, shape: SampleFeed.Shape(traces: 2, endsSessions: true))
        var encoder = FrameEncoder(feed: Self.feed)
        let publications = try sample.batches.flatMap { try encoder.encode($0) }
        let transcripts = publications.map { $0.batch.transcript() }
        var state = FeedState()
        for joined in 0..<publications.count {
            var decoder = FrameDecoder()
            var checkpoints = FrameEncoder(feed: Self.feed)
            for frame in try checkpoints.checkpoint(SubscriptionOpening(state: state)) {
                #expect(try decoder.decode(frame.storage).isCheckpoint)
            }
            for (publication, transcript) in zip(publications, transcripts).dropFirst(joined) {
                let received = try decoder.decode(publication.frame.storage)
                #expect(received.batch.transcript() == transcript)
            }
            try state.fold(publications[joined].batch)
        }
        #expect(state.traces.isEmpty && state.streams.isEmpty && state.packets.isEmpty && state.sessions.isEmpty)
    }

    @Test(arguments: 1...6)
    func `the state is the same folded from batches, from frames, or decoded`(seed: UInt64) throws {
        let sample = try SampleFeed(seed: seed, shape: SampleFeed.Shape(endsSessions: seed % 2 == 0))
        var encoder = FrameEncoder(feed: Self.feed)
        var state = FeedState()
        var folder = FrameFolder(state: state)
        var decoder = try Self.decoder()
        for publication in try sample.batches.flatMap({ try encoder.encode($0) }) {
            try state.fold(publication.batch)
            try folder.fold(publication.frame)
            _ = try decoder.decode(publication.frame.storage)
            let expected = try Self.bytes(state)
            #expect(try Self.bytes(folder.state) == expected)
            #expect(try Self.bytes(decoder.state) == expected)
        }
    }

    static func bytes(_ state: FeedState) throws -> [[UInt8]] {
        var encoder = FrameEncoder(feed: feed)
        return try encoder.checkpoint(SubscriptionOpening(state: state)).map { $0.storage.array }
    }

    @Test func `a checkpoint larger than a frame comes in parts`() throws {
        var limits = FeedLimits()
        limits.splitBytes = 3000
        let sample = try SampleFeed(seed: 3, shape: SampleFeed.Shape(traces: 5))
        var encoder = FrameEncoder(feed: Self.feed)
        let publications = try sample.batches.flatMap { try encoder.encode($0) }
        var state = FeedState()
        try state.fold(publications[0].batch)
        var parts = FrameEncoder(feed: Self.feed, limits: limits)
        let frames = try parts.checkpoint(SubscriptionOpening(state: state))
        #expect(frames.count > 3)
        var decoder = FrameDecoder()
        for frame in frames { _ = try decoder.decode(frame.storage) }
        for publication in publications[1...] {
            let received = try decoder.decode(publication.frame.storage)
            #expect(received.batch.transcript() == publication.batch.transcript())
        }
    }

    @Test(arguments: 1...4)
    func `a batch too large for a frame comes in several, the last with the watermark`(seed: UInt64) throws {
        var limits = FeedLimits()
        limits.splitBytes = 4096
        let shape = SampleFeed.Shape(eventsPerBatch: 60, extraTextBytes: 300)
        let sample = try SampleFeed(seed: seed, shape: shape)
        var encoder = FrameEncoder(feed: Self.feed, limits: limits)
        var decoder = try Self.decoder()
        var largest = 0
        for batch in sample.batches {
            let publications = try encoder.encode(batch)
            largest = max(largest, publications.count)
            var transcript = Transcript()
            for publication in publications {
                #expect(publication.frame.byteCount <= limits.splitBytes)
                let isLast = publication.frame.sequence == publications.last?.frame.sequence
                #expect(publication.frame.watermarkNs == (isLast ? batch.watermarkNs : nil))
                let received = try decoder.decode(publication.frame.storage)
                #expect((received.token != nil) == (isLast && batch.watermarkNs != nil))
                transcript.append(received.batch)
            }
            #expect(transcript.lines == batch.transcript())
        }
        #expect(largest > 3)
    }

    @Test func `an event larger than a frame is a loss`() throws {
        var limits = FeedLimits()
        limits.splitBytes = 2048
        limits.frameBytes = 4096
        let shape = SampleFeed.Shape(
            traces: 1,
            streamsPerTrace: 1,
            packetsPerStream: 1,
            eventsPerPacket: 3,
            eventsPerBatch: 3,
            extraTextBytes: 5000
        )
        let sample = try SampleFeed(seed: 1, shape: shape)
        var encoder = FrameEncoder(feed: Self.feed, limits: limits)
        let records = try sample.batches.flatMap { try encoder.encode($0) }.flatMap(\.batch.records)
        let losses = records.compactMap { if case .lost(let loss) = $0 { loss } else { nil } }
        #expect(losses.filter { $0.reason.contains("larger than a frame") }.compactMap(\.count).reduce(0, +) == 3)
        #expect(!records.contains { if case .events = $0 { true } else { false } })
    }

    @Test func `a trace whose metadata cannot be read loses its own events only`() throws {
        let sample = try SampleFeed(seed: 8)
        let broken = sample.traces[1]
        var encoder = FrameEncoder(feed: Self.feed)
        var decoder = try Self.decoder()
        var lost: UInt64 = 0
        var events = 0
        var expectedLost: UInt64 = 0
        var expectedEvents = 0
        for batch in sample.batches {
            var spoiled = batch
            for (index, record) in batch.records.enumerated() {
                if case .metadata(let id, _) = record, id == broken.id {
                    spoiled.records[index] = .metadata(traceID: id, bytes: Array("trace { nonsense ] };".utf8))
                }
                if case .events(let group) = record {
                    let count = group.slices.filter { $0.packet.trace.id == broken.id }.map(\.eventCount).reduce(0, +)
                    expectedLost += UInt64(count)
                    expectedEvents += group.eventCount - count
                }
            }
            let received = try decoder.decode(try encoder.encode(spoiled)[0].frame.storage)
            for record in received.batch.records {
                if case .lost(let loss) = record, loss.unit == .events, loss.reason.contains("metadata") {
                    #expect(loss.session == broken.session)
                    lost += loss.count ?? 0
                }
                if case .events(let group) = record { events += group.eventCount }
            }
            #expect(
                !received.batch.transcript().contains { $0.contains("unreadable") || $0.contains("ends elsewhere") }
            )
        }
        #expect(lost == expectedLost && lost > 0)
        #expect(events == expectedEvents && events > 0)
    }

    @Test func `frames must follow each other`() throws {
        let sample = try SampleFeed(seed: 2)
        var encoder = FrameEncoder(feed: Self.feed)
        let publications = try sample.batches.flatMap { try encoder.encode($0) }
        var decoder = try Self.decoder()
        _ = try decoder.decode(publications[0].frame.storage)
        #expect(throws: FeedError.sequenceBroken(expected: 2, actual: 3)) {
            try decoder.decode(publications[2].frame.storage)
        }
        var fresh = FrameDecoder()
        #expect(throws: FeedError.checkpointMissing) { try fresh.decode(publications[0].frame.storage) }
    }
}
