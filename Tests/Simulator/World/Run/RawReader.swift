import CTF
import Feed

/// A raw subscription with both of its ends: the coordinator's machine, and the subscriber's.
struct RawReader: ~Copyable {
    private var subscription: Subscription
    private var client: SubscriptionClient

    /// - Parameter opening: where it begins.
    static func opened(_ feed: FeedIdentity, _ opening: SubscriptionOpening) throws(FeedError) -> RawReader {
        var reader = try RawReader(feed: feed, start: .earliest)
        guard case .open = reader.request() else { throw .truncated }
        _ = try reader.opened(opening)
        return reader
    }

    init(feed: FeedIdentity, start: SubscriptionStart) throws(FeedError) {
        let client = try SubscriptionClient(request: SubscribeRequest(start: start))
        let peer = PeerIdentity(alternativeNames: ["world"], commonName: nil)
        self.client = client
        subscription = Subscription(peer: peer, rules: [AllowRule(identity: "*")], feed: feed)
    }

    mutating func request() -> Subscription.Action { subscription.received(client.greeting.bytes) }

    mutating func opened(_ opening: SubscriptionOpening) throws(FeedError) -> [ReceivedFrame] {
        try receive(subscription.opened(opening))
    }

    mutating func reopened(_ opening: SubscriptionOpening) throws(FeedError) -> [ReceivedFrame] {
        try receive(subscription.reopened(opening))
    }

    mutating func take(_ frame: EncodedFrame) throws(FeedError) -> [ReceivedFrame] {
        try receive(subscription.frame(frame))
    }

    private mutating func receive(_ pieces: [ByteStorage]) throws(FeedError) -> [ReceivedFrame] {
        var frames: [ReceivedFrame] = []
        for piece in pieces {
            for event in try client.received(piece.bytes) {
                if case .frame(let frame) = event { frames.append(frame) }
            }
        }
        return frames
    }
}
