import CTF
import PacketWriter
import Testing

@testable import Feed

@Suite struct SubscriptionTests {
    static let peer = PeerIdentity(alternativeNames: ["tidemark:client/me"], commonName: nil)

    static func subscription(rules: [AllowRule] = [AllowRule(identity: "*")]) -> Subscription {
        Subscription(peer: peer, rules: rules, feed: RoundTripTests.feed, serverName: "test")
    }

    private func refusal(_ subscription: inout Subscription, _ bytes: [UInt8]) -> Refusal.Code? {
        let action = bytes.withUnsafeBytes { subscription.received($0) }
        guard case .refuse(let answer, let refusal) = action else { return nil }
        // What is sent is what a client reads.
        var client = try? SubscriptionClient(request: SubscribeRequest())
        let events = try? client?.received(answer.bytes)
        guard case .refused(let read)? = events?.first, read == refusal else { return nil }
        return refusal.code
    }

    @Test(arguments: [
        SubscriptionStart.earliest, .latest, .time(ns: -5), .time(ns: 0),
        .token(ResumeToken(feed: RoundTripTests.feed, sequence: 9, watermarkNs: 4)),
    ])
    func `a request arrives as it was meant, in any split`(start: SubscriptionStart) throws {
        let request = SubscribeRequest(start: start, clientName: "tester")
        let greeting = try SubscriptionClient(request: request).greeting.array
        for split in 0...greeting.count {
            var subscription = Self.subscription()
            var opened: [SubscriptionStart] = []
            for part in [greeting[..<split], greeting[split...]] {
                let action = Array(part).withUnsafeBytes { subscription.received($0) }
                if case .open(let start) = action { opened.append(start) }
            }
            #expect(opened == [start])
            #expect(subscription.request == request)
        }
    }

    @Test func `who no rule names is refused`() throws {
        var subscription = Self.subscription(rules: [AllowRule(identity: "somebody")])
        let greeting = try SubscriptionClient(request: SubscribeRequest()).greeting.array
        #expect(refusal(&subscription, greeting) == .forbidden)
        // And says nothing more.
        guard case .wait = greeting.withUnsafeBytes({ subscription.received($0) }) else {
            Issue.record("a closed subscription answered")
            return
        }
    }

    @Test func `requests that cannot be met are refused with a reason`() throws {
        var filtered = SubscribeRequest()
        filtered.filter = "name == "
        var first = Self.subscription()
        #expect(refusal(&first, try SubscriptionClient(request: filtered).greeting.array) == .filter)
        // Field 1, the version: 9.
        var second = Self.subscription()
        #expect(refusal(&second, [0, 0, 0, 2, 0x08, 9]) == .version)
        // Field 6, the encoding: 7.
        var third = Self.subscription()
        #expect(refusal(&third, [0, 0, 0, 4, 0x08, 1, 0x30, 7]) == .unsupported)
        // Field 5, the token: one that is none.
        var fourth = Self.subscription()
        #expect(refusal(&fourth, [0, 0, 0, 5, 0x08, 1, 0x2A, 1, 0x41]) == .malformed)
    }

    @Test func `garbage is refused before it takes memory`() {
        var tooLong = Self.subscription()
        #expect(refusal(&tooLong, [0, 1, 0, 1]) == .malformed)
        var http = Self.subscription()
        #expect(refusal(&http, Array("GET / HTTP/1.1\r\n\r\n".utf8)) == .malformed)
        var empty = Self.subscription()
        #expect(refusal(&empty, [0, 0, 0, 0]) == .malformed)
        var random = SeededRandom(seed: 1)
        for _ in 0..<500 {
            var subscription = Self.subscription()
            let count = Int.random(in: 1...60, using: &random)
            let body = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            _ = ([0, 0, 0, UInt8(count)] + body).withUnsafeBytes { subscription.received($0) }
        }
    }

    /// All bytes that a subscriber of the whole feed gets, from its beginning.
    private func conversation(_ sample: SampleFeed) throws -> [UInt8] {
        var subscription = Self.subscription()
        let greeting = try SubscriptionClient(request: SubscribeRequest(start: .earliest)).greeting.array
        _ = greeting.withUnsafeBytes { subscription.received($0) }
        var encoder = FrameEncoder(feed: RoundTripTests.feed)
        var bytes = try subscription.opened(SubscriptionOpening(state: FeedState())).flatMap { $0.array }
        for publication in try sample.batches.flatMap({ try encoder.encode($0) }) {
            let sent = try subscription.frame(publication.frame)
            #expect(sent.count == 1 && sent[0] === publication.frame.storage)
            bytes += publication.frame.storage.array
        }
        return bytes
    }

    private func transcript(_ bytes: [UInt8], parts: [Range<Int>]) throws -> [String] {
        var client = try SubscriptionClient(request: SubscribeRequest(start: .earliest))
        var lines: [String] = []
        for part in parts {
            let events = try Array(bytes[part]).withUnsafeBytes { try client.received($0) }
            for event in events {
                switch event {
                case .welcomed(let welcome): lines.append("\(welcome)")
                case .refused(let refusal): lines.append("\(refusal)")
                case .frame(let frame):
                    lines += ["frame \(frame.batch.sequence) \(frame.isCheckpoint) \(frame.token ?? "")"]
                    lines += frame.batch.transcript()
                }
            }
        }
        try client.ended()
        return lines
    }

    @Test func `any split of the bytes gives the same events`() throws {
        let shape = SampleFeed.Shape(
            traces: 1,
            streamsPerTrace: 1,
            packetsPerStream: 2,
            eventsPerPacket: 3,
            eventsPerBatch: 3
        )
        let bytes = try conversation(try SampleFeed(seed: 6, shape: shape))
        let expected = try transcript(bytes, parts: [0..<bytes.count])
        #expect(expected.contains { $0.hasPrefix("event ") })
        #expect(try transcript(bytes, parts: bytes.indices.map { $0..<$0 + 1 }) == expected)
        var random = SeededRandom(seed: 7)
        for _ in 0..<20 {
            var parts: [Range<Int>] = []
            var start = 0
            while start < bytes.count {
                let end = min(bytes.count, start + Int.random(in: 1...400, using: &random))
                parts.append(start..<end)
                start = end
            }
            #expect(try transcript(bytes, parts: parts) == expected)
        }
    }

    @Test func `an end inside of a message is said`() throws {
        let bytes = try conversation(try SampleFeed(seed: 6, shape: SampleFeed.Shape(traces: 1)))
        var client = try SubscriptionClient(request: SubscribeRequest())
        #expect(throws: FeedError.truncated) { try client.ended() }
        _ = try Array(bytes.dropLast()).withUnsafeBytes { try client.received($0) }
        #expect(throws: FeedError.truncated) { try client.ended() }
    }

    @Test func `a gap is named, and the feed goes on behind it`() throws {
        let sample = try SampleFeed(seed: 9)
        var encoder = FrameEncoder(feed: RoundTripTests.feed)
        let publications = try sample.batches.flatMap { try encoder.encode($0) }
        var states = [FeedState()]
        for publication in publications {
            var next = states[states.count - 1]
            try next.fold(publication.batch)
            states.append(next)
        }
        var subscription = Self.subscription()
        var client = try SubscriptionClient(request: SubscribeRequest())
        _ = subscription.received(client.greeting.bytes)
        var sent = try subscription.opened(SubscriptionOpening(state: states[0]))
        sent += try subscription.frame(publications[0].frame)
        let gap = GapRecord(fromSequence: 2, toSequence: 5, reason: "slow")
        sent += try subscription.reopened(SubscriptionOpening(state: states[5], gap: gap))
        sent += try subscription.frame(publications[5].frame)
        var batches: [FeedBatch] = []
        for message in sent {
            for case .frame(let frame) in try client.received(message.bytes) { batches.append(frame.batch) }
        }
        #expect(batches.map(\.sequence) == [0, 1, 5, 6])
        guard case .gap(let read)? = batches[2].records.first else {
            Issue.record("no gap")
            return
        }
        #expect(read == gap)
        #expect(batches[3].transcript() == publications[5].batch.transcript())
    }
}
