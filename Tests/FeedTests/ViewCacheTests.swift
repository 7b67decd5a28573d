import CTF
import PacketWriter
import Testing

@testable import Feed

@Suite struct ViewCacheTests {
    /// One subscriber of a feed that is published frame by frame.
    private struct Subscriber: ~Copyable {
        var subscription: Subscription
        /// Frames that it has got.
        var position: Int
        var sent: [ByteStorage]
    }

    private static func subscriber(
        _ filter: String,
        _ encoding: FeedEncoding,
        views: ViewCache?,
        state: FeedState,
        rules: [AllowRule] = [AllowRule(identity: "*")]
    ) throws -> Subscriber {
        var subscription = Subscription(
            peer: SubscriptionTests.peer,
            rules: rules,
            feed: RoundTripTests.feed,
            views: views
        )
        var request = SubscribeRequest(start: .earliest, filter: filter)
        request.encoding = encoding
        let greeting = try SubscriptionMessages(limits: FeedLimits()).encode(request)
        _ = subscription.received(greeting.bytes)
        let sent = try subscription.opened(SubscriptionOpening(state: state))
        return Subscriber(subscription: subscription, position: Int(state.sequence), sent: sent)
    }

    /// A feed's publications, and the state before each of them, and after the last.
    private static func feed(_ seed: UInt64) throws -> ([Publication], [FeedState]) {
        var encoder = FrameEncoder(feed: RoundTripTests.feed)
        let publications = try SampleFeed(seed: seed).batches.flatMap { try encoder.encode($0) }
        var states = [FeedState()]
        for publication in publications {
            var state = states[states.count - 1]
            try state.fold(publication.batch)
            states.append(state)
        }
        return (publications, states)
    }

    private static let filters = [
        #"$name == "demo:mark""#, "seqno & 7 == 1", #"msg == "*a""#, "0", "$cpu == 1 || value == -5",
    ]

    @Test(arguments: FeedEncoding.allCases, 1...3 as ClosedRange<UInt64>)
    func `whoever shares gets the bytes that it would get alone, wherever it began and however slow it is`(
        encoding: FeedEncoding,
        seed: UInt64
    ) throws {
        let (publications, states) = try Self.feed(seed)
        var random = SeededRandom(seed: seed)
        for filter in Self.filters {
            // Too little for all, so that some are cut again.
            let views = ViewCache(limitBytes: Int.random(in: 2...8, using: &random) * 4_000)
            for round in 0..<2 {
                var first = try Self.subscriber(filter, encoding, views: views, state: states[0])
                let start = Int.random(in: 0..<publications.count, using: &random)
                var second = try Self.subscriber(filter, encoding, views: views, state: states[start])
                var third = try Self.subscriber(filter, encoding, views: views, state: states[round])
                var alone = try Self.subscriber(filter, encoding, views: nil, state: states[0])
                var late = try Self.subscriber(filter, encoding, views: nil, state: states[start])
                var other = try Self.subscriber(filter, encoding, views: nil, state: states[round])
                var isDone = false
                while !isDone {
                    let isFirst = try Self.step(&first, publications, &random)
                    let isSecond = try Self.step(&second, publications, &random)
                    let isThird = try Self.step(&third, publications, &random)
                    isDone = !isFirst && !isSecond && !isThird
                }
                while try Self.step(&alone, publications) {}
                while try Self.step(&late, publications) {}
                while try Self.step(&other, publications) {}
                #expect(first.sent.map(\.array) == alone.sent.map(\.array), "\(filter)")
                #expect(second.sent.map(\.array) == late.sent.map(\.array), "\(filter) from \(start)")
                #expect(third.sent.map(\.array) == other.sent.map(\.array), "\(filter) from \(round)")
            }
            #expect(views.sharedCount > 0, "\(filter)")
        }
    }

    /// The next frames for a subscriber, of which there may be none this time.
    private static func step(
        _ subscriber: inout Subscriber,
        _ publications: [Publication],
        _ random: inout SeededRandom
    ) throws -> Bool {
        let count = random.once(in: 3) ? 0 : Int.random(in: 0...3, using: &random)
        for _ in 0..<count { _ = try step(&subscriber, publications) }
        return subscriber.position < publications.count
    }

    private static func step(_ subscriber: inout Subscriber, _ publications: [Publication]) throws -> Bool {
        guard subscriber.position < publications.count else { return false }
        subscriber.sent += try subscriber.subscription.frame(publications[subscriber.position].frame)
        subscriber.position += 1
        return subscriber.position < publications.count
    }

    @Test func `of two subscribers at the same place the second gets the first one's bytes`() throws {
        let (publications, states) = try Self.feed(3)
        let views = ViewCache()
        let filter = Self.filters[1]
        var first = try Self.subscriber(filter, .raw, views: views, state: states[0])
        var second = try Self.subscriber(filter, .raw, views: views, state: states[0])
        for publication in publications {
            let one = try first.subscription.frame(publication.frame)
            let two = try second.subscription.frame(publication.frame)
            #expect(one.count == 1 && two.count == 1 && one[0] === two[0])
        }
        #expect(views.sharedCount == UInt64(publications.count))
    }

    @Test(arguments: FeedEncoding.allCases, ["", "seqno & 7 == 1"])
    func `a hundred subscribers with the same view cause one encoding`(encoding: FeedEncoding, filter: String) throws {
        let (publications, states) = try Self.feed(3)
        let views = ViewCache()
        let subscribers = try (0..<100).map { _ in try Self.subscription(filter, encoding, views, states[0]) }
        for publication in publications {
            // All of them are kept meanwhile: an object's identity is its own only while it lives.
            let sent = try subscribers.map { try $0.frame(publication.frame) }
            #expect(Set(sent.map { $0.map { ObjectIdentifier($0) } }).count == 1)
            // Nothing at all is encoded for those that get all of it as it is.
            let isLogsOwn = sent[0].count == 1 && sent[0][0] === publication.frame.storage
            #expect(isLogsOwn == (encoding == .raw && filter.isEmpty))
            withExtendedLifetime(sent) {}
        }
    }

    @Test func `views differ by filter, encoding and what may be seen`() throws {
        let (publications, states) = try Self.feed(3)
        let views = ViewCache()
        let some = [AllowRule(identity: "*", hosts: [SampleFeed.host(0)])]
        let fewer = [AllowRule(identity: "*", hosts: [SampleFeed.host(0)], events: ["demo:mark"])]
        let subscribers = [
            try Self.subscription("seqno", .raw, views, states[0]),
            try Self.subscription("seqno ", .raw, views, states[0]),
            try Self.subscription("seqno", .decoded, views, states[0]),
            try Self.subscription("seqno", .raw, views, states[0], some),
            try Self.subscription("seqno", .raw, views, states[0], fewer),
            try Self.subscription("", .decoded, views, states[0]),
            try Self.subscription("", .raw, views, states[0], some),
            try Self.subscription("", .raw, views, states[0], fewer),
        ]
        for publication in publications.prefix(10) {
            for index in subscribers.indices { try subscribers[index].frame(publication.frame) }
        }
        #expect(views.sharedCount == 0)
        #expect(views.bytes == 0)
    }

    /// A subscription that can stand in an array.
    private final class Holder {
        private var subscriber: Subscriber

        init(_ subscriber: consuming Subscriber) { self.subscriber = subscriber }

        @discardableResult
        func frame(_ frame: EncodedFrame) throws -> [ByteStorage] { try subscriber.subscription.frame(frame) }
    }

    private static func subscription(
        _ filter: String,
        _ encoding: FeedEncoding,
        _ views: ViewCache,
        _ state: FeedState,
        _ rules: [AllowRule] = [AllowRule(identity: "*")]
    ) throws -> Holder {
        Holder(try subscriber(filter, encoding, views: views, state: state, rules: rules))
    }

    @Test func `what is kept is bounded, and let go of with its subscribers`() throws {
        let (publications, states) = try Self.feed(4)
        let views = ViewCache(limitBytes: 5_000)
        do {
            let first = try Self.subscription("1", .raw, views, states[0])
            let second = try Self.subscription("1", .raw, views, states[0])
            for publication in publications {
                try first.frame(publication.frame)
                #expect(views.bytes <= max(5_000, publication.frame.byteCount + 200))
            }
            #expect(views.bytes > 0)
            // The newest is still there.
            for publication in publications { try second.frame(publication.frame) }
            #expect(views.sharedCount > 0 && views.sharedCount < publications.count)
        }
        #expect(views.viewCount == 0)
    }
}
