import Coordinator
import Feed

/// A coordinator that has another's feed as its source: whatever that feed says, what is made of it is a feed.
enum CascadeLaws {
    static func check(_ input: UnsafeRawBufferPointer) {
        guard let first = input.first else { return }
        guard let client = try? SubscriptionClient(request: SubscribeRequest(), limits: FrameLaws.smallLimits) else {
            brokenLaw("a plain request can be made")
        }
        var root = CascadeRoot(client)
        // The same bytes come again after a reconnect, as of a coordinator that heeds no token.
        root.take(input, cutAfter: 16 * Int(first))
        root.take(input, cutAfter: input.count)
        root.finish()
    }

    /// Those of single frames, and some of all after each other.
    static var seeds: [FuzzSeed] {
        let frames = FrameLaws.seeds.filter { $0.name.hasPrefix("frames-") }
        let life = FrameLaws.life
        return frames + [0, 8, 40, 255].map { FuzzSeed(name: "life-\($0)", bytes: [$0] + life) }
    }
}

/// The coordinator, its clock and timers, and a subscriber of its own feed that believes nothing.
private struct CascadeRoot: ~Copyable {
    private static let feed = FeedIdentity(id: FeedID(high: 1, low: 1))
    private static let stepNs: UInt64 = 10_000_000

    private var coordinator: Coordinator
    private var client: SubscriptionClient
    private var nowNs: UInt64 = 0
    private var timers: [CoordinatorTimer: UInt64] = [:]
    /// Whether a subscription is wanted, or there is one.
    private var isWanted = false
    private var isOpen = false
    private var encoder = FrameEncoder(feed: Self.feed)
    private var decoder = FrameDecoder()
    private var watermarkNs: Int64?

    init(_ client: consuming SubscriptionClient) {
        self.client = client
        coordinator = Coordinator(
            CoordinatorConfiguration(
                relays: [RelaySource(name: "below", sessions: [], start: .beginning, isFeed: true)],
                stallAfterNs: 1_000_000_000,
                lifetime: .service,
                seed: 1,
                feed: Self.feed.id
            )
        )
        do {
            for frame in try encoder.checkpoint(SubscriptionOpening(state: FeedState())) {
                _ = try decoder.decode(frame.storage)
            }
        } catch {
            brokenLaw("the checkpoint of nothing can be read: \(error)")
        }
        coordinator.start(now: nowNs)
        runActions()
    }

    /// A connection that brings the bytes up to the mistake in them, or is cut.
    mutating func take(_ input: UnsafeRawBufferPointer, cutAfter count: Int) {
        pass(untilWanted: true)
        guard isWanted, let client = try? SubscriptionClient(request: SubscribeRequest(), limits: FrameLaws.smallLimits)
        else { return }
        self.client = client
        isOpen = true
        var at = 1
        while at < min(input.count, count + 1), isOpen {
            let piece = at..<min(at + 512, input.count)
            at = piece.upperBound
            guard
                let events = try? input.withExactCopy(
                    of: piece,
                    { (bytes) throws(FeedError) in
                        try self.client.received(bytes)
                    }
                )
            else { break }
            for event in events where isOpen { tell(event) }
        }
        guard isOpen else { return }
        isOpen = false
        isWanted = false
        coordinator.feedEnded(relay: 0, .lost("cut"), now: nowNs)
        runActions()
    }

    /// The source is taken away: all that is left of it leaves.
    mutating func finish() {
        coordinator.removeRelay(0, reason: "no longer wanted", now: nowNs)
        runActions()
        pass(untilWanted: false)
        coordinator.stop(reason: "over", now: nowNs)
        runActions()
        let sizes = coordinator.sizes
        law(sizes.streams == 0 && sizes.traces == 0, "nothing is left of a source")
        law(sizes.pendingEvents == 0 && sizes.waitingEnds == 0, "nothing of a source waits when it is gone")
    }

    private mutating func tell(_ event: SubscriptionClient.Event) {
        nowNs += Self.stepNs
        switch event {
        case .welcomed(let welcome): coordinator.feedWelcomed(relay: 0, welcome, now: nowNs)
        case .frame(let frame): coordinator.feedFrame(relay: 0, frame, now: nowNs)
        case .refused: isOpen = false
        }
        runActions()
        fireTimers()
    }

    /// Lets time pass: until it subscribes again, or a minute.
    private mutating func pass(untilWanted: Bool) {
        let endNs = nowNs + 60_000_000_000
        while !(untilWanted && isWanted), let nextNs = timers.values.min(), nextNs <= endNs {
            nowNs = max(nowNs, nextNs)
            fireTimers()
        }
    }

    private mutating func fireTimers() {
        for (timer, atNs) in timers.filter({ $0.value <= nowNs }).sorted(by: { $0.value < $1.value })
        where timers[timer] == atNs {
            timers[timer] = nil
            coordinator.timerFired(timer, now: nowNs)
            runActions()
        }
    }

    private mutating func runActions() {
        while true {
            let actions = coordinator.takeActions()
            if actions.isEmpty { return }
            for action in actions { run(action) }
        }
    }

    private mutating func run(_ action: CoordinatorAction) {
        switch action {
        case .subscribe: isWanted = true
        case .close, .abort:
            isOpen = false
            isWanted = false
        case .schedule(let timer, let atNs): timers[timer] = max(atNs, nowNs + 1)
        case .publish(let batch): take(batch)
        case .setReading, .note, .finished: break
        case .connect, .send, .read: brokenLaw("a feed is subscribed to")
        }
    }

    private mutating func take(_ batch: FeedBatch) {
        if let mark = batch.watermarkNs {
            law(mark >= watermarkNs ?? mark, "the watermark never goes back")
            watermarkNs = mark
        }
        do {
            for encoded in try encoder.encode(batch) { _ = try decoder.decode(encoded.frame.storage) }
        } catch {
            brokenLaw("what is put out can be read: \(error)")
        }
    }
}
