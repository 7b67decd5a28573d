import CTF
import PacketWriter
import Testing

@testable import Feed

/// What the compiled filter wants is what the reference wants.
@Suite struct FilterLawTests {
    private struct Tally {
        var events = 0
        var wanted = 0
        var mixedExpressions = 0
    }

    private func check(
        _ group: EventGroup,
        _ events: [ReferenceEvent],
        _ term: ReferenceTerm,
        _ tally: inout Tally,
        _ seed: UInt64
    ) throws {
        let expected = events.map { term.wants($0) }
        let lines = try FilterBench.lines(group, nil).filter { $0.hasPrefix("event") }
        try #require(lines.count == events.count)
        let wanted = zip(lines, expected).filter(\.1).map(\.0)
        for isCautious in [false, true] {
            let expression = term.text(isCautious: isCautious)
            #expect(try FilterBench.lines(group, expression) == wanted, "seed \(seed): \(expression)")
        }
        tally.events += events.count
        tally.wanted += wanted.count
        if !wanted.isEmpty, wanted.count < events.count { tally.mixedExpressions += 1 }
    }

    @Test func `random expressions on random events say what the reference says`() throws {
        var tally = Tally()
        for seed in 1...60 as ClosedRange<UInt64> {
            var maker = RandomTraceClass(seed: seed)
            let trace = maker.make()
            let program = try TraceProgram(trace)
            let written = WrittenPacket(trace, stream: Int(seed % 2), eventCount: 12, seed: seed)
            let group = try FilterBench(program).group(written.bytes, contentBits: written.contentBits, eventCount: 12)
            let events = try ReferenceEvent.events(group)
            var terms = RandomTerm(program, events: events, seed: seed)
            for _ in 0..<16 { try check(group, events, terms.condition(), &tally, seed) }
        }
        // The law says something: both answers are common, also within one packet.
        #expect(tally.wanted > tally.events / 10 && tally.wanted < tally.events * 9 / 10, "\(tally)")
        #expect(tally.mixedExpressions > 50, "\(tally)")
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func `a filtered feed is the feed, filtered`(seed: UInt64) throws {
        let sample = try SampleFeed(seed: seed)
        let program = try #require(sample.programs.last)
        let groups = sample.batches.flatMap(\.groups)
        var terms = RandomTerm(program, events: try groups.flatMap { try ReferenceEvent.events($0) }, seed: seed)
        let fixed: [ReferenceTerm] = [
            .binary("==", .variable("name"), .text(Array("demo:mark".utf8))),
            .binary("==", .unary("-", .integer(5)), .payload([.name("value")])),
            .binary("&", .payload([.name("seqno")]), .integer(1)),
            .binary("!=", .payload([.name("level")]), .text(Array("odd".utf8))), .integer(0), .integer(1),
        ]
        for term in fixed + (0..<10).map({ _ in terms.condition() }) {
            let expected = try Self.expected(sample.batches, term)
            let got = try Self.received(sample, term.text(isCautious: false), from: 0)
            #expect(got == expected.map(\.lines).flatMap { $0 }, "\(term.text(isCautious: false))")
            let opening = sample.batches.count / 3
            let later = try Self.received(sample, term.text(isCautious: false), from: opening)
            let rest = expected[opening...].map(\.lines).flatMap { $0 }
            #expect(later == rest, "from the middle: \(term.text(isCautious: false))")
        }
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `a filtered subscriber that has fallen out of the log goes on behind the gap`(seed: UInt64) throws {
        let sample = try SampleFeed(seed: seed)
        let term = ReferenceTerm.binary("==", .variable("name"), .text(Array("demo:mark".utf8)))
        let expected = try Self.expected(sample.batches, term)
        for gap in 1..<6 {
            let (before, after) = (sample.batches.count / 4, sample.batches.count / 4 + gap)
            let got = try Self.received(sample, term.text(isCautious: false), from: 0, gap: before..<after)
            #expect(got == (expected[..<before] + expected[after...]).map(\.lines).flatMap { $0 }, "gap \(gap)")
        }
    }

    /// `seqno` counts up.
    private static func ticks(_ count: Int) throws -> (FilterBench, [UInt8], UInt64) {
        let trace = LTTngTrace()
        let events = (0..<count).map { LTTngTrace.tick(at: UInt64($0), seqno: UInt64($0), bytes: []) }
        var writer = trace.packetWriter(events: events)
        let (bytes, contentBits) = writer.finish()
        return (FilterBench(try TraceProgram(trace.traceClass)), bytes, contentBits)
    }

    @Test func `what cannot be read of a slice is lost, and said`() throws {
        let (bench, bytes, contentBits) = try Self.ticks(6)
        let group = try bench.group(bytes, contentBits: contentBits, eventCount: 8)
        var filter = EventFilter(try FilterExpression("seqno & 1"))
        let records = filter.filtered(FeedBatch(records: [.events(group)])).records
        try #require(records.count == 2)
        guard case .lost(let loss) = records[0], case .events(let kept) = records[1] else {
            Issue.record("\(records)")
            return
        }
        #expect(loss.count == 2 && loss.unit == .events && loss.streamID == 10 && loss.session == "night")
        #expect(kept.eventCount == 3 && kept.slices.count == 3)
        #expect(kept.slices.map(\.opensPacket) == [true, false, false])
    }

    @Test func `a batch that is cut at every other event is a frame that subscribers read`() throws {
        var shape = SampleFeed.Shape(traces: 1, streamsPerTrace: 1, packetsPerStream: 1)
        // As many as a coordinator puts into one.
        (shape.eventsPerPacket, shape.eventsPerBatch) = (16_384, 1 << 20)
        let sample = try SampleFeed(seed: 1, shape: shape)
        #expect(sample.batches.flatMap(\.groups).contains { $0.eventCount > 4_000 })
        var subscription = SubscriptionTests.subscription()
        var client = try SubscriptionClient(request: SubscribeRequest(start: .earliest, filter: "seqno & 1"))
        _ = subscription.received(client.greeting.bytes)
        var encoder = FrameEncoder(feed: RoundTripTests.feed)
        var sent = try subscription.opened(SubscriptionOpening(state: FeedState()))
        for batch in sample.batches {
            for publication in try encoder.encode(batch) { sent += try subscription.frame(publication.frame) }
        }
        var sliceCount = 0
        var eventCount = 0
        for message in sent {
            for case .frame(let frame) in try client.received(message.bytes) {
                sliceCount += frame.batch.groups.reduce(0) { $0 + $1.slices.count }
                eventCount += frame.batch.groups.reduce(0) { $0 + $1.eventCount }
            }
        }
        var wantedCount = 0
        for event in try sample.batches.flatMap(\.groups).flatMap({ try ReferenceEvent.events($0) }) {
            if ReferenceTerm.binary("&", .payload([.name("seqno")]), .integer(1)).wants(event) { wantedCount += 1 }
        }
        #expect(eventCount == wantedCount && sliceCount > 3_000)
    }

    private static func expected(_ batches: [FeedBatch], _ term: ReferenceTerm) throws -> [Transcript] {
        try batches.map { batch in
            let wanted = try batch.groups.flatMap { try ReferenceEvent.events($0) }.map { term.wants($0) }
            var next = wanted[...]
            var transcript = Transcript([batch])
            transcript.keep { line in line.hasPrefix("event ") ? next.popFirst() == true : true }
            return transcript
        }
    }

    /// The lines of a raw subscriber that has joined behind `opening` batches, and does not get those of the gap;
    /// without its checkpoints.
    private static func received(
        _ sample: SampleFeed,
        _ expression: String,
        from opening: Int,
        gap: Range<Int>? = nil
    ) throws -> [String] {
        var subscription = SubscriptionTests.subscription()
        var client = try SubscriptionClient(request: SubscribeRequest(start: .earliest, filter: expression))
        _ = subscription.received(client.greeting.bytes)
        var encoder = FrameEncoder(feed: RoundTripTests.feed)
        let publications = try sample.batches.flatMap { try encoder.encode($0) }
        var state = FeedState()
        for publication in publications[..<opening] { try state.fold(publication.batch) }
        var sent = try subscription.opened(SubscriptionOpening(state: state))
        for (index, publication) in publications.enumerated().dropFirst(opening) {
            try state.fold(publication.batch)
            if gap?.contains(index) != true {
                sent += try subscription.frame(publication.frame)
            } else if index + 1 == gap?.upperBound {
                sent += try subscription.reopened(SubscriptionOpening(state: state))
            }
        }
        var transcript = Transcript()
        for message in sent {
            for case .frame(let frame) in try client.received(message.bytes) where !frame.isCheckpoint {
                transcript.append(frame.batch)
            }
        }
        return transcript.lines
    }
}

extension FeedBatch {
    fileprivate var groups: [EventGroup] {
        records.compactMap { record in
            if case .events(let group) = record { group } else { nil }
        }
    }
}
