import EventMerge
import Testing

private let second: Int64 = 1_000_000_000

/// Relays with one stream each, a policy, and time that only goes on when told to.
private struct StallBench: ~Copyable {
    var frontier: Frontier
    var policy: StallPolicy
    private(set) var relays: [FrontierRelay] = []
    private(set) var streams: [FrontierStream] = []
    private var sessions: [FrontierSession] = []
    private(set) var now: Int64 = 1000 * second
    /// Relay number and state, as they came.
    private(set) var news: [String] = []
    private(set) var reports: [HolderReport] = []

    init(grace: Int64?, watermarkNs: Int64? = nil) {
        frontier = Frontier(watermarkNs: watermarkNs)
        policy = StallPolicy(graceNs: grace)
    }

    mutating func add(attachedBefore: Bool = false) -> Int {
        let relay = frontier.addRelay()
        policy.addRelay(relay, attachedBefore: attachedBefore, nowNs: now)
        relays.append(relay)
        let session = frontier.addSession(relay, boundNs: nil)
        sessions.append(session)
        streams.append(frontier.addStream(session))
        return relays.count - 1
    }

    mutating func attach(_ relay: Int) { policy.attached(relays[relay]) }
    mutating func disconnect(_ relay: Int) { policy.disconnected(relays[relay]) }
    mutating func reply(_ relay: Int) { policy.replied(relays[relay]) }

    /// The relay proves that it has come to `time`, with events.
    mutating func advance(_ relay: Int, to time: Int64, withEvents: Bool = true) {
        frontier.advance(streams[relay], to: time)
        frontier.setSessionBound(sessions[relay], to: time)
        frontier.setRelayBound(relays[relay], to: time)
        policy.replied(relays[relay])
        if withEvents { policy.delivered(relays[relay], nowNs: now) }
    }

    /// Time goes on, in ticks of 0.1 s, and stops.
    mutating func pass(_ duration: Int64) {
        let end = now + duration
        while now < end {
            now = min(end, now + second / 10)
            tick()
        }
    }

    mutating func tick() {
        policy.tick(&frontier, nowNs: now)
        frontier.raiseWatermark()
        frontier.checkInvariants()
        for transition in policy.takeTransitions() {
            guard let relay = relays.firstIndex(of: transition.relay) else { continue }
            news.append("\(relay) \(transition.to)")
        }
        reports += policy.takeHolderReports()
    }

    mutating func takeNews() -> [String] {
        defer { news.removeAll() }
        return news
    }

    func phase(_ relay: Int) -> RelayPhase { policy.phase(relays[relay]) }
}

/// Two relays, attached, both at 100; the first one goes ahead to 200.
private func twoRelays(grace: Int64?) -> StallBench {
    var bench = StallBench(grace: grace)
    for relay in [bench.add(), bench.add()] {
        bench.attach(relay)
        bench.advance(relay, to: 100)
    }
    bench.tick()
    bench.advance(0, to: 200)
    bench.tick()
    return bench
}

@Suite struct `Stall policy` {
    @Test func `a relay that stands still is excluded after the grace time, and the feed goes on`() {
        var bench = twoRelays(grace: 5 * second)
        #expect(bench.takeNews() == ["0 active", "1 active"])
        #expect(bench.frontier.watermarkNs == 100)
        bench.pass(4_900_000_000)
        #expect(bench.frontier.counts(bench.relays[1]) && bench.frontier.watermarkNs == 100)
        #expect(bench.policy.nextDeadlineNs == bench.now + second / 10)
        bench.pass(second / 10)
        #expect(bench.phase(1) == .excluded)
        #expect(bench.frontier.watermarkNs == 200)
    }

    @Test func `any advance sets the grace clock to zero`() {
        var bench = twoRelays(grace: 5 * second)
        bench.pass(4 * second)
        bench.advance(1, to: 101)
        bench.pass(4_900_000_000)
        #expect(bench.frontier.counts(bench.relays[1]) == true)
        bench.pass(second / 5)
        #expect(bench.phase(1) == .excluded)
    }

    @Test func `the clock stands still while we hold the relay back ourselves`() {
        var bench = twoRelays(grace: 5 * second)
        bench.pass(3 * second)
        bench.policy.setHeldByUs(bench.relays[1], true)
        bench.tick()
        bench.pass(60 * second)
        #expect(bench.frontier.counts(bench.relays[1]) == true)
        bench.policy.setHeldByUs(bench.relays[1], false)
        bench.tick()
        bench.pass(1_900_000_000)
        #expect(bench.frontier.counts(bench.relays[1]) == true)
        bench.pass(second / 10)
        #expect(bench.phase(1) == .excluded)
    }

    @Test func `the clock does not run while nobody is ahead`() {
        var bench = StallBench(grace: 5 * second)
        for relay in [bench.add(), bench.add()] {
            bench.attach(relay)
            bench.advance(relay, to: 100)
        }
        bench.tick()
        bench.pass(60 * second)
        #expect(bench.frontier.counts(bench.relays[0]) && bench.frontier.counts(bench.relays[1]))
        #expect(bench.reports.isEmpty)
        #expect(bench.takeNews() == ["0 active", "1 active", "0 quiet", "1 quiet"])
        #expect(bench.policy.nextDeadlineNs == nil)
    }

    @Test func `of two that stand still only the one that is least is waited for`() {
        var bench = twoRelays(grace: 5 * second)
        let third = bench.add()
        bench.attach(third)
        bench.advance(third, to: 150)
        bench.tick()
        bench.pass(5 * second)
        #expect(bench.phase(1) == .excluded && bench.phase(third) != .excluded)
        bench.pass(5 * second)
        #expect(bench.phase(third) == .excluded && bench.frontier.watermarkNs == 200)
        // The last one that counts is never excluded.
        bench.pass(60 * second)
        #expect(bench.frontier.counts(bench.relays[0]) == true)
    }

    @Test func `a lost connection and attempts to reconnect count as waiting`() {
        var bench = twoRelays(grace: 5 * second)
        _ = bench.takeNews()
        bench.disconnect(1)
        bench.pass(2 * second)
        bench.disconnect(1)
        bench.reply(1)
        bench.pass(3 * second)
        #expect(bench.takeNews() == ["1 connecting", "0 quiet", "1 lagging", "1 excluded"])
    }

    @Test func `an excluded relay rejoins at its first reply and counts again once it has caught up`() {
        var bench = twoRelays(grace: 5 * second)
        bench.pass(5 * second)
        _ = bench.takeNews()
        bench.pass(second)
        #expect(bench.takeNews() == [])
        bench.advance(1, to: 150)
        bench.tick()
        #expect(bench.takeNews() == ["1 rejoining"])
        #expect(!bench.frontier.counts(bench.relays[1]) && bench.frontier.watermarkNs == 200)
        bench.disconnect(1)
        bench.tick()
        #expect(bench.takeNews() == ["1 excluded"])
        bench.advance(1, to: 199)
        bench.tick()
        bench.advance(1, to: 200)
        bench.tick()
        #expect(bench.takeNews() == ["1 rejoining", "1 active"])
        bench.advance(0, to: 300)
        bench.tick()
        #expect(bench.frontier.counts(bench.relays[1]) && bench.frontier.watermarkNs == 200)
    }

    @Test func `a relay that is always a little behind is readmitted where that is allowed`() {
        var bench = twoRelays(grace: 5 * second)
        bench.policy.rejoinWithinNs = 10
        bench.pass(5 * second)
        bench.advance(1, to: 189)
        bench.tick()
        #expect(bench.phase(1) == .rejoining)
        bench.advance(1, to: 190)
        bench.tick()
        #expect(bench.phase(1) == .active && bench.frontier.watermarkNs == 200)
    }

    @Test func `an empty relay is readmitted where the feed stood when it was asked`() {
        var bench = StallBench(grace: 5 * second)
        let busy = bench.add()
        bench.attach(busy)
        bench.advance(busy, to: 100)
        let empty = bench.frontier.addRelay()
        bench.policy.addRelay(empty, attachedBefore: false, nowNs: bench.now)
        bench.policy.attached(empty)
        bench.frontier.setRelayBound(empty, to: 90)
        bench.tick()
        bench.pass(5 * second)
        #expect(bench.policy.phase(empty) == .excluded && bench.frontier.watermarkNs == 100)
        bench.policy.replied(empty)
        bench.frontier.setRelayBound(empty, to: 95)
        bench.tick()
        #expect(bench.frontier.counts(empty) && bench.frontier.watermarkNs == 100)
    }

    @Test func `under never the feed waits, and says for whom`() {
        var bench = twoRelays(grace: nil)
        bench.policy.setLivePeriod(bench.relays[1], periodNs: second)
        bench.pass(4_900_000_000)
        #expect(bench.reports.isEmpty && bench.phase(1) == .active)
        bench.pass(second / 10)
        #expect(bench.phase(1) == .lagging)
        #expect(bench.reports.map(\.heldNs) == [5 * second])
        #expect(bench.reports.first?.holder.relay == bench.relays[1])
        bench.pass(3600 * second)
        #expect(bench.reports.count == 1 && bench.frontier.watermarkNs == 100)
        bench.advance(1, to: 150)
        bench.tick()
        #expect(bench.phase(1) == .active && bench.frontier.watermarkNs == 150)
        bench.pass(5 * second)
        #expect(bench.reports.count == 2)
    }

    @Test func `a stream that stands still among its siblings is named, also where there is one relay only`() {
        var bench = StallBench(grace: nil)
        let relay = bench.add()
        bench.attach(relay)
        bench.advance(relay, to: 100)
        let session = bench.frontier.addSession(bench.relays[relay], boundNs: 100)
        let silent = bench.frontier.addStream(session)
        let lively = bench.frontier.addStream(session)
        bench.frontier.setSessionBound(session, to: 200)
        bench.frontier.advance(lively, to: 200)
        bench.advance(relay, to: 200)
        bench.tick()
        bench.pass(2 * second)
        #expect(bench.reports.map(\.holder.stream) == [silent])
        let holder = bench.policy.currentHolder(bench.frontier)
        #expect(holder?.heldNs == 2 * second)
    }

    @Test func `a relay that never attached holds the start, and nothing once its first attempt has failed`() {
        for grace in [nil, second] {
            var bench = StallBench(grace: grace)
            let (alive, dead) = (bench.add(), bench.add())
            bench.attach(alive)
            bench.advance(alive, to: 100)
            bench.tick()
            bench.pass(4 * second)
            #expect(bench.frontier.watermarkNs == nil)
            #expect(bench.reports.map(\.holder.relay) == [bench.relays[dead]])
            bench.disconnect(dead)
            bench.tick()
            #expect(bench.frontier.watermarkNs == 100 && bench.phase(dead) == .connecting)
            // When it comes later it starts at W and counts at once.
            bench.attach(dead)
            bench.advance(alive, to: 200)
            bench.tick()
            #expect(bench.frontier.watermarkNs == 100)
            bench.advance(dead, to: 120)
            bench.tick()
            #expect(bench.frontier.watermarkNs == 120 && bench.phase(dead) == .active)
        }
    }

    @Test func `under never a relay with a position in the log holds the feed while it cannot be reached`() {
        var bench = StallBench(grace: nil, watermarkNs: 50)
        let (alive, dead) = (bench.add(), bench.add(attachedBefore: true))
        bench.attach(alive)
        bench.advance(alive, to: 100)
        bench.disconnect(dead)
        bench.tick()
        bench.pass(600 * second)
        #expect(bench.frontier.watermarkNs == 50 && bench.frontier.counts(bench.relays[dead]))
        // The configuration drops it.
        bench.policy.remove(bench.relays[dead])
        bench.frontier.removeRelay(bench.relays[dead])
        bench.tick()
        #expect(bench.frontier.watermarkNs == 100)
    }

    @Test func `an attached relay that gives no information is waited for, and then excluded`() {
        var bench = StallBench(grace: 5 * second)
        let (alive, mute) = (bench.add(), bench.add())
        bench.attach(alive)
        bench.attach(mute)
        bench.advance(alive, to: 100)
        bench.tick()
        bench.pass(5 * second)
        #expect(bench.phase(mute) == .excluded && bench.frontier.watermarkNs == 100)
    }

    @Test func `without events a relay is quiet, and active with the next one`() {
        var bench = StallBench(grace: 5 * second)
        let relay = bench.add()
        bench.attach(relay)
        bench.advance(relay, to: 100)
        bench.tick()
        bench.pass(1_900_000_000)
        #expect(bench.phase(relay) == .active)
        bench.advance(relay, to: 200, withEvents: false)
        bench.pass(second / 10)
        #expect(bench.phase(relay) == .quiet)
        bench.advance(relay, to: 300)
        bench.tick()
        #expect(bench.phase(relay) == .active)
    }

    @Test func `an ended relay counts no more and stays ended`() {
        var bench = twoRelays(grace: nil)
        bench.policy.ended(bench.relays[1])
        bench.tick()
        bench.reply(1)
        bench.pass(second)
        #expect(bench.phase(1) == .ended && bench.frontier.watermarkNs == 200)
    }
}
