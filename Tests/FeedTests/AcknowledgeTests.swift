import CTF
import Testing

@testable import Feed

/// What a subscriber says after its request, and what it is told beside the feed.
@Suite struct AcknowledgeTests {
    private static let feed = FeedIdentity(id: FeedID(high: 1, low: 2))
    private static let rules = [AllowRule(identity: "*", relays: ["*"], hosts: ["*"], sessions: ["*"])]

    private static func subscription() -> Subscription {
        let peer = PeerIdentity(alternativeNames: ["tidemark:client/a"], commonName: nil)
        return Subscription(peer: peer, rules: rules, feed: feed)
    }

    private static func token(_ sequence: UInt64) -> ResumeToken {
        ResumeToken(feed: feed, sequence: sequence, watermarkNs: 5)
    }

    @Test func `a cursor and an overflow policy arrive, and acknowledgements in any split`() throws {
        for overflow in OverflowPolicy.allCases {
            var subscription = Self.subscription()
            let request = SubscribeRequest(cursor: "cürsor", overflow: overflow)
            let client = try SubscriptionClient(request: request)
            guard case .open(.latest) = client.greeting.array.withUnsafeBytes({ subscription.received($0) }) else {
                Issue.record("the request was not taken")
                return
            }
            let read = subscription.request
            #expect(read?.cursor == "cürsor" && read?.overflow == overflow)
            _ = try subscription.opened(SubscriptionOpening(state: FeedState()))
            let bytes =
                try client.acknowledgement(of: Self.token(3)).array + client.acknowledgement(of: Self.token(4)).array
            for size in [1, 7, 64, bytes.count] {
                var tokens: [ResumeToken] = []
                for start in stride(from: 0, to: bytes.count, by: size) {
                    let part = Array(bytes[start..<min(start + size, bytes.count)])
                    if case .acknowledge(let token) = part.withUnsafeBytes({ subscription.received($0) }) {
                        tokens.append(token)
                    }
                }
                // The last one of a piece stands for all of them.
                #expect(tokens == (size == bytes.count ? [Self.token(4)] : [Self.token(3), Self.token(4)]))
            }
        }
    }

    @Test(
        arguments: [
            [0, 0, 0, 0], [0xFF, 0, 0, 0], [0, 0, 0, 2, 0x0A, 9], [0, 0, 0, 3, 0x0A, 1, 65],
        ] as [[UInt8]]
    )
    func `what is no acknowledgement ends a subscription with a cursor, and is nothing to another`(
        _ bytes: [UInt8]
    ) throws {
        for cursor in ["c", ""] {
            var subscription = Self.subscription()
            let client = try SubscriptionClient(request: SubscribeRequest(cursor: cursor))
            _ = client.greeting.array.withUnsafeBytes { subscription.received($0) }
            _ = try subscription.opened(SubscriptionOpening(state: FeedState()))
            switch bytes.withUnsafeBytes({ subscription.received($0) }) {
            case .abort: #expect(cursor == "c")
            case .wait: #expect(cursor.isEmpty)
            default: Issue.record("taken for something")
            }
        }
    }

    @Test func `a cursor's name is bounded`() throws {
        var subscription = Self.subscription()
        let client = try SubscriptionClient(request: SubscribeRequest(cursor: String(repeating: "c", count: 129)))
        guard case .refuse(_, let refusal) = client.greeting.array.withUnsafeBytes({ subscription.received($0) })
        else {
            Issue.record("a name of 129 bytes was taken")
            return
        }
        #expect(refusal.code == .malformed)
    }

    @Test func `a notice is told, and the feed goes on behind it as if there was none`() throws {
        var encoder = FrameEncoder(feed: Self.feed)
        var decoder = FrameDecoder()
        let log = LogRecord(condition: .failing, reason: "full")
        #expect(throws: FeedError.checkpointMissing) {
            var early = FrameDecoder()
            _ = try early.decode(try encoder.notice(.log(log), sequence: 0))
        }
        for frame in try encoder.checkpoint(SubscriptionOpening(state: FeedState())) {
            _ = try decoder.decode(frame.storage)
        }
        for sequence in UInt64(1)...3 {
            let frame = try encoder.encode(FeedBatch(records: [.log(log)], watermarkNs: Int64(sequence)))[0].frame
            let received = try decoder.decode(frame.storage)
            #expect(!received.isNotice && received.batch.sequence == sequence && received.token != nil)
            // Of whatever number.
            let notice = try decoder.decode(try encoder.notice(.log(log), sequence: 77))
            #expect(notice.isNotice && !notice.isCheckpoint && notice.token == nil)
            #expect(notice.batch.sequence == sequence && notice.batch.watermarkNs == nil)
            guard case .log(log)? = notice.batch.records.first else {
                Issue.record("the notice says something else")
                return
            }
        }
    }
}
