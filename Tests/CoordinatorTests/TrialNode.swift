import CTF
import Feed

/// What a trial's coordinator serves: its log, in the life that it is in, to subscribers in other trials.
final class TrialNode {
    private(set) var log: TrialLog
    /// When each frame left.
    private var leftAtNs: [UInt64] = []
    /// How many frames each life has in common with the one before, from the second on.
    private var cuts: [UInt64] = []
    /// Grows whenever subscribers are cut off.
    private(set) var generation = 0
    var isDown = false
    /// The first frame that its log keeps.
    var firstKept: UInt64 = 1

    init(feed: FeedID = FeedID(high: 1, low: 2)) {
        log = TrialLog(feed: FeedIdentity(id: feed))
    }

    func append(_ batch: FeedBatch, nowNs: UInt64) {
        let count = log.frames.count
        log.append(batch)
        leftAtNs += [UInt64](repeating: nowNs, count: log.frames.count - count)
    }

    /// Its coordinator was killed.
    func cutOff() { generation += 1 }

    /// Another feed begins.
    func beginAnew(feed: FeedID) {
        cutOff()
        log = TrialLog(feed: FeedIdentity(id: feed))
        leftAtNs.removeAll()
        cuts.removeAll()
    }

    /// The power has failed: the last frames are gone.
    func lose(frames count: Int) {
        cutOff()
        log.cut(count)
        leftAtNs.removeLast(count)
        cuts.append(UInt64(log.frames.count))
    }

    var count: UInt64 { UInt64(log.frames.count) }

    /// - Parameter sequence: from 1.
    func frame(_ sequence: UInt64) -> (frame: EncodedFrame, leftAtNs: UInt64)? {
        guard sequence >= 1, sequence <= count else { return nil }
        return (log.frames[Int(sequence) - 1], leftAtNs[Int(sequence) - 1])
    }

    /// Where a subscription begins.
    /// - Returns: nil where the token is of another feed.
    func opening(_ start: SubscriptionStart) -> (opening: SubscriptionOpening, common: UInt64)? {
        switch start {
        case .earliest, .time: return (SubscriptionOpening(state: FeedState()), cuts.last ?? 0)
        case .latest: return (SubscriptionOpening(state: log.state(behind: count)), cuts.last ?? 0)
        case .token(let token):
            guard token.feed.id == log.feed.id else { return nil }
            if token.sequence + 1 < firstKept {
                let gap = GapRecord(fromSequence: token.sequence + 1, toSequence: firstKept - 1, reason: "too old")
                return (SubscriptionOpening(state: log.state(behind: firstKept - 1), gap: gap), count)
            }
            let common = cuts.dropFirst(Int(token.feed.epoch) - 1).min() ?? count
            if token.feed.epoch == log.feed.epoch || token.sequence <= common {
                return (SubscriptionOpening(state: log.state(behind: token.sequence)), common)
            }
            // The newest place where nothing was missing that is not newer than what the subscriber has.
            var sequence = common
            while sequence > 0 {
                let state = log.state(behind: sequence)
                if state.isResumePoint, state.watermarkNs ?? .max <= token.watermarkNs { break }
                sequence -= 1
            }
            let gap = GapRecord(fromSequence: common + 1, toSequence: token.sequence, reason: "lost")
            return (SubscriptionOpening(state: log.state(behind: sequence), gap: gap), common)
        }
    }
}

/// A subscription of one trial to another's node: every byte goes through both machines.
final class TrialLine {
    let node: TrialNode
    private let generation: Int
    private var subscription: Subscription
    private var client: SubscriptionClient
    private var sequence: UInt64
    var isReading = true

    enum Outcome {
        case open(TrialLine, [SubscriptionClient.Event])
        case refused
        case foreignFeed
    }

    private init(_ node: TrialNode, _ subscription: consuming Subscription, _ client: consuming SubscriptionClient) {
        self.node = node
        generation = node.generation
        self.subscription = subscription
        self.client = client
        sequence = 0
    }

    static func open(to node: TrialNode, start: SubscriptionStart, scope: [AllowRule]) throws -> Outcome {
        guard !node.isDown else { return .refused }
        let peer = PeerIdentity(alternativeNames: ["root"], commonName: nil)
        let line = TrialLine(
            node,
            Subscription(peer: peer, rules: scope, feed: node.log.feed),
            try SubscriptionClient(request: SubscribeRequest(start: start))
        )
        guard case .open(let asked) = line.subscription.received(line.client.greeting.bytes) else { return .refused }
        guard let (opening, common) = node.opening(asked) else { return .foreignFeed }
        line.sequence = opening.state.sequence
        var events: [SubscriptionClient.Event] = []
        for message in try line.subscription.opened(opening, commonSequence: common) {
            events += try line.client.received(message.bytes)
        }
        return .open(line, events)
    }

    var isCut: Bool { generation != node.generation || node.isDown }

    /// When the next frame left; nil without one, and while nothing is read.
    var nextNs: UInt64? { isReading ? node.frame(sequence + 1)?.leftAtNs : nil }

    func takeNext() throws -> [SubscriptionClient.Event] {
        guard let (frame, _) = node.frame(sequence + 1) else { return [] }
        sequence += 1
        var events: [SubscriptionClient.Event] = []
        for message in try subscription.frame(frame) { events += try client.received(message.bytes) }
        return events
    }
}
