import Coordinator
import Feed
import PacketWriter
import SimulatedRelay

/// A world that runs: the coordinator that the daemon runs, between simulated relays and subscribers, in virtual time.
///
/// One thread, no I/O: whatever happens, happens at a time of the queue, and two runs of a plan are equal. Nothing in
/// here looks into the coordinator but for the sizes of its tables; the checkers know what the plan made, and what
/// came out in the frames of the feed.
final class World {
    let plan: WorldPlan
    let sabotage: Sabotage?
    /// Told of what happens, line by line; nil: nobody is.
    var log: ((String) -> Void)?
    var nowNs: UInt64 = 0
    var queue = DueQueue()
    var random: SeededRandom

    /// Nil while it is dead.
    var coordinator: CoordinatorBox?
    var timers: [CoordinatorTimer: UInt64] = [:]
    var lines: [Int: Line] = [:]
    var relays: [RelayHost]
    /// The feeds of the coordinators so far: one for all where its log is kept, else one each.
    var feeds: [FeedRun] = []
    /// The coordinator dies behind the next batch that leaves.
    var diesWithNextBatch = false
    var subscribers: [SubscriberRun]
    var verdict: Verdict
    var bounds: BoundsChecker
    var liveness = LivenessChecker()

    /// A non-copyable coordinator where a reference is wanted.
    final class CoordinatorBox {
        var machine: Coordinator
        init(_ configuration: CoordinatorConfiguration, restored: RestoredFeed?) {
            machine = Coordinator(configuration, restored: restored)
        }
    }

    /// - Parameters:
    ///   - sabotage: a fault to put in.
    ///   - isAstray: the network draws other numbers than those of the seed.
    ///   - log: told of what happens, line by line.
    init(_ plan: WorldPlan, sabotage: Sabotage? = nil, isAstray: Bool = false, log: ((String) -> Void)? = nil) {
        self.plan = plan
        self.sabotage = sabotage
        self.log = log
        random = SeededRandom(seed: isAstray ? plan.seed &+ 1 : ~plan.seed)
        relays = plan.relays.map { RelayHost(SimulatedRelay($0.lives[0].script)) }
        subscribers = plan.subscribers.map { SubscriberRun($0) }
        verdict = Verdict(seed: plan.seed)
        bounds = BoundsChecker(plan)
    }

    /// Runs the world to its end.
    func run() -> Verdict {
        say("seed \(plan.seed): \(plan.summary)")
        for (index, happening) in plan.happenings.enumerated() { queue.add(.happening(index), atNs: happening.atNs) }
        queue.add(.settled, atNs: plan.settledNs)
        startCoordinator()
        while let due = queue.takeFirst(), due.atNs <= plan.endNs {
            nowNs = due.atNs
            happen(due.what)
        }
        nowNs = plan.endNs
        end()
        return verdict
    }

    private func happen(_ what: Due.What) {
        switch what {
        case .toRelay(let link, let attempt, let bytes): reachRelay(link, attempt, bytes)
        case .toCoordinator(let link, let attempt, let bytes): reachCoordinator(link, attempt, bytes)
        case .knock(let link, let attempt): knock(link, attempt)
        case .connected(let link, let attempt): connected(link, attempt)
        case .connectFailed(let link, let attempt, let reason): connectFailed(link, attempt, reason)
        case .disconnected(let link, let attempt, let reason): disconnected(link, attempt, reason)
        case .hungUp(let relay, let life, let connection):
            guard relays[relay].life == life else { return }
            relays[relay].machine?.relay.disconnected(connection, nowNs: nowNs)
            collect(relay)
        case .relayWakes(let relay): collect(relay)
        case .timer(let timer): fire(timer)
        case .happening(let index): happen(plan.happenings[index].what)
        case .subscriber(let index, let connection): serve(index, connection)
        case .settled: settled()
        }
    }

    private func happen(_ happening: Happening) {
        say("*** \(happening)")
        switch happening {
        case .relayDies(let relay): killRelay(relay)
        case .relayStarts(let relay, let life): startRelay(relay, life)
        case .connectionsBreak(let relay): breakLines(of: relay)
        case .connectionsGoDead(let relay): deaden(relay)
        case .partition(let relay, let untilNs):
            relays[relay].partitionedUntilNs = untilNs
            deaden(relay)
        case .coordinatorDies(let isSaid):
            // Amid what it has to say, or between.
            if isSaid, plan.keepsLog { diesWithNextBatch = true } else { killCoordinator(isSaid: isSaid) }
        case .coordinatorStarts: startCoordinator()
        case .outputIsHeld(let isHeld):
            coordinator?.machine.setOutputIsHeld(isHeld, now: nowNs)
            runActions()
        case .subscriberComes(let index): come(index)
        case .subscriberIsCut(let index): cut(index)
        }
    }

    // MARK: The end

    private func settled() {
        say("--- all must be well by now")
        guard let feed = feeds.last else { return }
        let isBehind = sabotage == .stall
        liveness.settled(feed, plan: plan, isBehind: isBehind, atNs: nowNs, &verdict)
    }

    private func end() {
        say("--- the end")
        guard let coordinator, let feed = feeds.last else { return }
        bounds.ended(coordinator.machine.sizes, sabotage: sabotage, atNs: nowNs, &verdict)
        liveness.ended(feed, plan: plan, atNs: nowNs, &verdict)
        for index in subscribers.indices { finish(index) }
        for feed in feeds { feed.end(plan, isLast: feed === feeds.last, atNs: nowNs, &verdict) }
        verdict.eventCount = plan.events.count
        verdict.deliveredCount = feed.account.delivered.count
    }

    /// - Parameter text: built only where somebody listens.
    func say(_ text: @autoclosure () -> String) {
        guard let log else { return }
        let us = String(nowNs % 1_000_000_000 / 1000 + 1_000_000).dropFirst()
        log("\(nowNs / 1_000_000_000).\(us) \(text())")
    }
}
