import CTF
import PacketWriter
import SimulatedRelay

/// Makes a world of a seed.
struct PlanBuilder {
    var random: SeededRandom
    var plan: WorldPlan

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        // Neighbouring seeds are to have nothing in common.
        random = SeededRandom(seed: random.next())
        plan = WorldPlan(seed: seed)
    }

    /// - Parameter faults: instead of those that the seed chooses.
    static func plan(seed: UInt64, faults: Set<FaultKind>? = nil) -> WorldPlan {
        var builder = PlanBuilder(seed: seed)
        builder.build(faults: faults)
        return builder.plan
    }

    private mutating func build(faults: Set<FaultKind>?) {
        let share = random.pick([0, 10, 25, 50] as [UInt64])
        let chosen = Set(FaultKind.allCases.filter { _ in random.chance(share) })
        plan.faults = faults ?? chosen
        plan.healNs = .ms(random.number(1500, 4000))
        plan.settledNs = plan.healNs + recoveryNs
        plan.destroyedNs = plan.settledNs + .ms(200)
        plan.endNs = plan.destroyedNs + .ms(3000)
        // Longer than streams are silent when all is well.
        if random.chance(50) { plan.stallAfterNs = .ms(random.number(1200, 2500)) }
        if has(.smallBudget) { plan.pendingBytesMax = Int(random.number(200, 4000)) }
        for relay in 0..<Int(random.number(1, 3)) { addRelay(relay) }
        addNetworkFaults()
        addCoordinatorFaults()
        addSubscribers()
        plan.happenings.sort { $0.atNs < $1.atNs }
    }

    func has(_ kind: FaultKind) -> Bool { plan.faults.contains(kind) }

    /// How long it may take until all is well after the last fault: the timeouts that have to run out, one after the
    /// other.
    private var recoveryNs: UInt64 {
        var sum = UInt64.ms(2500)
        // A reply timeout, and the waits between attempts to connect.
        let silent: [FaultKind] = [.halfOpen, .partitions, .stalls, .garbage, .restarts]
        if silent.contains(where: has) { sum += .ms(7500) }
        // A reply that is half of one may come after that.
        if has(.garbage) { sum += .ms(6000) }
        if has(.resets) || has(.crashes) { sum += .ms(2500) }
        if has(.heldSessions) || has(.restarts) { sum += .ms(2500) }
        // W is where the slowest clock is.
        if has(.skew) || has(.steps) || has(.drift) { sum += .ms(4000) }
        if has(.lateMetadata) { sum += .ms(2000) }
        return sum
    }

    // MARK: Relays

    private mutating func addRelay(_ number: Int) {
        var relay = RelayPlan(delayNs: .ms(1) / random.number(1, 20), jitterNs: 0)
        if has(.jitter) {
            relay.delayNs = .ms(random.number(1, 40))
            relay.jitterNs = .ms(random.number(0, 60))
        }
        var clock = HostClock(bootCycles: random.number(1_000_000, 1 << 45))
        if has(.skew) { clock.skewNs = random.either(600_000_000) }
        if has(.drift) { clock.driftPpm = random.either(500) }
        if has(.steps), random.chance(70) {
            clock.step = (random.number(0, plan.healNs), random.either(700_000_000))
        }
        let version = version()
        var fromNs: UInt64 = 0
        var deaths: [UInt64] = []
        if has(.crashes) {
            for _ in 0..<random.number(0, 2) { deaths.append(random.number(.ms(200), plan.healNs)) }
        }
        deaths.sort()
        for death in deaths.map(Optional.some) + [nil] {
            if let death, death < fromNs { continue }
            let life = relay.lives.count
            var process = ProcessBuilder(relay: number, life: life, version: version, clock: clock)
            process.fromNs = fromNs
            process.untilNs = death
            let script = process.build(&self)
            relay.lives.append(RelayPlan.Life(fromNs: fromNs, untilNs: death, script: script))
            if life > 0 {
                plan.happenings.append((fromNs, .relayStarts(number, life: life)))
            }
            guard let death else { break }
            plan.happenings.append((death, .relayDies(number)))
            fromNs = death + .ms(random.number(1, 600))
        }
        plan.relays.append(relay)
    }

    private mutating func version() -> RelayVersion {
        random.pick([
            RelayVersion(minor: 4), RelayVersion(minor: 6), RelayVersion(minor: 11), RelayVersion(minor: 13, patch: 9),
            RelayVersion(minor: 13), RelayVersion(minor: 14, patch: 0), RelayVersion(minor: 14), .newest, .newest,
            RelayVersion(minor: 16),
        ])
    }

    // MARK: Between relays and coordinator

    private mutating func addNetworkFaults() {
        for relay in plan.relays.indices {
            if has(.resets) {
                for _ in 0..<random.number(0, 3) { happen(.connectionsBreak(relay)) }
            }
            if has(.halfOpen), random.chance(60) { happen(.connectionsGoDead(relay)) }
            if has(.partitions), random.chance(60) {
                let atNs = random.number(0, plan.healNs)
                let untilNs = min(plan.healNs, atNs + .ms(random.number(50, 3000)))
                plan.happenings.append((atNs, .partition(relay, untilNs: untilNs)))
            }
        }
    }

    private mutating func happen(_ what: Happening) {
        plan.happenings.append((random.number(0, plan.healNs), what))
    }

    private mutating func addCoordinatorFaults() {
        if has(.restarts) {
            plan.keepsLog = random.chance(75)
            var atNs: UInt64 = 0
            for _ in 0..<(plan.keepsLog ? random.number(1, 4) : 1) {
                atNs = random.number(max(.ms(100), atNs), plan.healNs)
                plan.happenings.append((atNs, .coordinatorDies(isSaid: random.chance(50))))
                atNs += .ms(random.number(1, 500))
                plan.happenings.append((atNs, .coordinatorStarts))
                if atNs >= plan.healNs { break }
            }
        }
        if has(.fullOutput) {
            let atNs = random.number(0, plan.healNs)
            plan.happenings.append((atNs, .outputIsHeld(true)))
            plan.happenings.append((min(plan.healNs, atNs + .ms(random.number(20, 2500))), .outputIsHeld(false)))
        }
    }

    // MARK: Subscribers

    private mutating func addSubscribers() {
        if has(.slowSubscribers), random.chance(60) { plan.retainedBytes = Int(random.number(2000, 40_000)) }
        for number in 0..<Int(random.number(0, 2)) {
            var subscriber = SubscriberPlan(
                start: random.chance(60) ? .earliest : .latest,
                paceNs: .ms(random.number(1, 20)),
                pieceBytes: 1 << 16
            )
            if has(.slowSubscribers), random.chance(70) {
                subscriber.paceNs = .ms(random.number(50, 800))
                subscriber.pieceBytes = Int(random.number(1, 4000))
            }
            plan.happenings.append((random.number(0, plan.healNs), .subscriberComes(number)))
            if has(.cutSubscribers) {
                for _ in 0..<random.number(1, 4) {
                    plan.happenings.append((random.number(0, plan.settledNs), .subscriberIsCut(number)))
                }
            }
            if random.chance(20) { subscriber.leavesNs = random.number(plan.healNs / 2, plan.settledNs) }
            plan.subscribers.append(subscriber)
        }
    }
}
