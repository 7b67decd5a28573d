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

    private static func expected(_ batches: [FeedBatch], _ term: ReferenceTerm) throws -> [Transcript] {
        try batches.map { batch in
            let wanted = try batch.groups.flatMap { try ReferenceEvent.events($0) }.map { term.wants($0) }
            var next = wanted[...]
            var transcript = Transcript([batch])
            transcript.keep { line in line.hasPrefix("event ") ? next.popFirst() == true : true }
            return transcript
        }
    }

    /// The lines of a raw subscriber that has joined behind `opening` batches; without its checkpoint.
    private static func received(_ sample: SampleFeed, _ expression: String, from opening: Int) throws -> [String] {
        var subscription = SubscriptionTests.subscription()
        var client = try SubscriptionClient(request: SubscribeRequest(start: .earliest, filter: expression))
        _ = subscription.received(client.greeting.bytes)
        var encoder = FrameEncoder(feed: RoundTripTests.feed)
        let publications = try sample.batches.flatMap { try encoder.encode($0) }
        var state = FeedState()
        for publication in publications[..<opening] { try state.fold(publication.batch) }
        var sent = try subscription.opened(SubscriptionOpening(state: state))
        for publication in publications[opening...] { sent += try subscription.frame(publication.frame) }
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
