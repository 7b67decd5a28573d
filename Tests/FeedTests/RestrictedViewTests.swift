import CTF
import PacketWriter
import Testing

@testable import Feed

@Suite struct RestrictedViewTests {
    /// A subscription that is allowed what `rules` say, from the beginning of `sample`.
    private func sent(_ sample: SampleFeed, _ rules: [AllowRule], _ encoding: FeedEncoding) throws -> [ByteStorage] {
        var subscription = Subscription(
            peer: SubscriptionTests.peer,
            rules: rules,
            feed: RoundTripTests.feed
        )
        var request = SubscribeRequest(start: .earliest)
        request.encoding = encoding
        let greeting = try SubscriptionMessages(limits: FeedLimits()).encode(request).array
        _ = greeting.withUnsafeBytes { subscription.received($0) }
        var encoder = FrameEncoder(feed: RoundTripTests.feed)
        let publications = try sample.batches.flatMap { try encoder.encode($0) }
        // Opened in the middle of packets, so that the checkpoint has something to say.
        var state = FeedState()
        let opening = publications.count / 3
        for publication in publications[..<opening] { try state.fold(publication.batch) }
        let gap = GapRecord(fromSequence: 1, toSequence: UInt64(opening), reason: "old")
        var sent = try subscription.opened(SubscriptionOpening(state: state, gap: gap))
        for publication in publications[opening...] { sent += try subscription.frame(publication.frame) }
        return sent
    }

    private func contains(_ frames: [ByteStorage], _ text: String) -> Bool {
        let needle = Array(text.utf8)
        return frames.contains { frame in
            let bytes = frame.array
            guard bytes.count >= needle.count else { return false }
            return (0...bytes.count - needle.count).contains { start in
                bytes[start] == needle[0] && bytes[start..<start + needle.count].elementsEqual(needle)
            }
        }
    }

    private static let shape = SampleFeed.Shape(traces: 3, streamsPerTrace: 1)

    @Test(arguments: FeedEncoding.allCases, 1...3)
    func `nothing of a forbidden relay, host or session is in the bytes`(encoding: FeedEncoding, seed: UInt64) throws {
        let sample = try SampleFeed(seed: seed, shape: Self.shape)
        // Traces 0 and 2 are of relay 0, trace 1 of relay 1.
        let byRelay = try sent(sample, [AllowRule(identity: "*", relays: [SampleFeed.relay(1)])], encoding)
        #expect(contains(byRelay, SampleFeed.host(1)) && contains(byRelay, SampleFeed.relay(1)))
        for number in [0, 2] {
            #expect(!contains(byRelay, SampleFeed.relay(number)))
            #expect(!contains(byRelay, SampleFeed.host(number)))
            #expect(!contains(byRelay, SampleFeed.session(number)))
        }
        let byHost = try sent(sample, [AllowRule(identity: "*", hosts: [SampleFeed.host(0)])], encoding)
        #expect(contains(byHost, SampleFeed.host(0)))
        for number in [1, 2] {
            #expect(!contains(byHost, SampleFeed.host(number)))
            #expect(!contains(byHost, SampleFeed.session(number)))
        }
        let bySession = try sent(sample, [AllowRule(identity: "*", sessions: [SampleFeed.session(2)])], encoding)
        #expect(contains(bySession, SampleFeed.session(2)))
        for number in [0, 1] {
            #expect(!contains(bySession, SampleFeed.host(number)))
            #expect(!contains(bySession, SampleFeed.session(number)))
        }
        let none = try sent(sample, [AllowRule(identity: "*", relays: ["none"])], encoding)
        for number in 0..<3 {
            #expect(!contains(none, SampleFeed.relay(number)) && !contains(none, SampleFeed.host(number)))
            #expect(!contains(none, SampleFeed.session(number)))
        }
    }

    @Test(arguments: FeedEncoding.allCases, 1...3 as ClosedRange<UInt64>)
    func `of events that no rule names nothing is in the bytes`(encoding: FeedEncoding, seed: UInt64) throws {
        var shape = Self.shape
        // A text that the events have, and metadata has not.
        shape.extraTextBytes = 24
        let secret = String(repeating: "a", count: 24)
        let sample = try SampleFeed(seed: seed, shape: shape)
        #expect(contains(try sent(sample, [AllowRule(identity: "*", events: ["demo:*"])], encoding), secret))
        let marks = try sent(sample, [AllowRule(identity: "*", events: ["demo:m*"])], encoding)
        #expect(!contains(marks, secret))
        // Rules add up, each with its own hosts.
        let mixed = [
            AllowRule(identity: "*", hosts: [SampleFeed.host(0)], events: ["demo:tick"]),
            AllowRule(identity: "*", hosts: [SampleFeed.host(1)], events: ["demo:mark"]),
        ]
        #expect(contains(try sent(sample, mixed, encoding), secret))
        guard encoding == .raw else { return }
        let lines = try events(sent(sample, mixed, .raw))
        let all = Transcript(Array(sample.batches[(sample.batches.count / 3)...])).lines
        #expect(
            lines
                == all.filter { line in
                    line.hasPrefix("event") && line.contains(SampleFeed.host(0)) && line.contains("beginEvent(0,")
                        || line.hasPrefix("event") && line.contains(SampleFeed.host(1))
                            && line.contains("beginEvent(1,")
                }
        )
        #expect(!lines.isEmpty)
    }

    /// The events of raw frames.
    private func events(_ frames: [ByteStorage]) throws -> [String] {
        var client = try SubscriptionClient(request: SubscribeRequest())
        var transcript = Transcript()
        for frame in frames {
            for case .frame(let received) in try client.received(frame.bytes) where !received.isCheckpoint {
                transcript.append(received.batch)
            }
        }
        return transcript.lines.filter { $0.hasPrefix("event") }
    }

    @Test(arguments: 1...4)
    func `what is allowed is seen whole, in order`(seed: UInt64) throws {
        let sample = try SampleFeed(seed: seed, shape: Self.shape)
        let host = SampleFeed.host(1)
        let frames = try sent(sample, [AllowRule(identity: "*", hosts: [host])], .raw)
        var client = try SubscriptionClient(request: SubscribeRequest())
        var seen = Transcript()
        var sequences: [UInt64] = []
        var isRestricted = false
        for frame in frames {
            for event in try frame.array.withUnsafeBytes({ try client.received($0) }) {
                if case .welcomed(let welcome) = event { isRestricted = welcome.isRestricted }
                guard case .frame(let received) = event, !received.isCheckpoint else { continue }
                seen.append(received.batch)
                sequences.append(received.batch.sequence)
            }
        }
        #expect(isRestricted)
        let opening = sample.batches.count / 3
        let all = Transcript(Array(sample.batches[opening...])).lines
        let expected = all.filter { $0.hasPrefix("watermark") || $0.hasPrefix("event") && $0.contains(host) }
        #expect(seen.lines.filter { $0.hasPrefix("watermark") || $0.hasPrefix("event") } == expected)
        #expect(expected.contains { $0.hasPrefix("event") })
        #expect(sequences == Array(UInt64(opening + 1)...UInt64(sample.batches.count)))
    }
}
