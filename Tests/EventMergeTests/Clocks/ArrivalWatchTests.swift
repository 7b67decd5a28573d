import EventMerge
import Testing

/// A host's clock and the way of its beacons, of one seed.
private struct ClockWorld {
    var random: SeededGenerator
    /// The host's clock minus ours at our time 0, nanoseconds.
    var offsetNs: Int64
    /// Nanoseconds a second.
    var driftPpb: Int64 = 0
    /// From a time on, it has been set by so much.
    var step: (atNs: Int64, byNs: Int64)?
    /// The least way, and what it varies at most, nanoseconds.
    var wayNs: Int64
    var noiseNs: Int64
    var periodNs: Int64 = 200_000_000

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        offsetNs = Int64(random.pick(-2_000_000_000..<2_000_000_000)) + 1_700_000_000_000_000_000
        wayNs = Int64(random.pick(0..<5_000_000))
        noiseNs = Int64(random.pick(1..<3_000_000))
    }

    func skewNs(_ atNs: Int64) -> Int64 {
        let stepNs = step.map { atNs >= $0.atNs ? $0.byNs : 0 } ?? 0
        return offsetNs + Int64(Int128(atNs) * Int128(driftPpb) / 1_000_000_000) + stepNs
    }

    /// Beacons from one time to another, in order of arrival.
    mutating func run(
        _ watch: inout ArrivalWatch,
        from: Int64,
        to: Int64,
        check: (ArrivalWatch, Int64) -> Void = { _, _ in }
    ) {
        var atNs = from
        while atNs < to {
            let arrivalNs = atNs + wayNs + Int64(random.pick(0..<Int(noiseNs)))
            watch.sample(clockNs: atNs + skewNs(atNs), arrivalNs: arrivalNs, isCurrent: true)
            check(watch, arrivalNs)
            atNs += periodNs + Int64(random.pick(0..<1_000_000))
        }
    }
}

private func expectNoStep(_ watch: inout ArrivalWatch, _ place: SourceLocation = #_sourceLocation) {
    let step = watch.takeStep()
    #expect(step == nil, sourceLocation: place)
}

private let seconds: Int64 = 1_000_000_000

struct ArrivalWatchTests {
    @Test(arguments: UInt64(1)...200)
    func `no lead is greater than what the clock was ahead within the window`(seed: UInt64) {
        var world = ClockWorld(seed: seed)
        world.driftPpb = Int64(world.random.pick(-200_000..<200_000))
        if world.random.oneIn(2) {
            world.step = (100 * seconds, Int64(world.random.pick(-3_000_000_000..<3_000_000_000)))
        }
        // Most ways are far longer than the least, and some beacons wait for a minute.
        world.noiseNs = Int64(world.random.pick(1..<30_000_000_000))
        var watch = ArrivalWatch()
        var isChecked = false
        let truth = world
        world.run(&watch, from: 0, to: 300 * seconds) { watch, nowNs in
            guard let leadNs = watch.leadNs(nowNs: nowNs) else { return }
            isChecked = true
            // What is proven is of a moment of the window, or of one before it by the longest way.
            let oldestNs = max(0, nowNs - ArrivalWatch.windowNs - truth.noiseNs - truth.wayNs)
            let ends = [oldestNs, nowNs].map(truth.skewNs)
            let around = truth.step.map { [truth.skewNs($0.atNs), truth.skewNs($0.atNs - 1)] } ?? []
            #expect(leadNs <= (ends + around).max() ?? .min)
        }
        #expect(isChecked)
    }

    @Test(arguments: UInt64(1)...100)
    func `the lead of a steady clock comes within the least way of the truth`(seed: UInt64) throws {
        var world = ClockWorld(seed: seed)
        var watch = ArrivalWatch()
        world.run(&watch, from: 0, to: 60 * seconds)
        let leadNs = try #require(watch.leadNs(nowNs: 60 * seconds))
        #expect(leadNs <= world.offsetNs)
        #expect(leadNs >= world.offsetNs - world.wayNs - world.noiseNs / 4)
        expectNoStep(&watch)
    }

    @Test
    func `a lead goes with its window`() {
        var watch = ArrivalWatch()
        #expect(watch.leadNs(nowNs: 0) == nil)
        watch.sample(clockNs: 100 * seconds, arrivalNs: 1 * seconds, isCurrent: false)
        watch.sample(clockNs: 100 * seconds, arrivalNs: 11 * seconds, isCurrent: false)
        #expect(watch.leadNs(nowNs: 11 * seconds) == 99 * seconds)
        #expect(watch.leadNs(nowNs: ArrivalWatch.windowNs + 2 * seconds) == 89 * seconds)
        #expect(watch.leadNs(nowNs: ArrivalWatch.windowNs + 12 * seconds) == nil)
        // What arrived before is not put in the place of what came since.
        watch.sample(clockNs: 300 * seconds, arrivalNs: ArrivalWatch.windowNs + 12 * seconds, isCurrent: false)
        watch.sample(clockNs: 0, arrivalNs: 12 * seconds, isCurrent: false)
        #expect(watch.leadNs(nowNs: ArrivalWatch.windowNs + 12 * seconds) == 228 * seconds)
    }

    @Test(arguments: UInt64(1)...100)
    func `a step is found soon, once, and told with its error`(seed: UInt64) throws {
        var world = ClockWorld(seed: seed)
        world.driftPpb = Int64(world.random.pick(-50_000..<50_000))
        let magnitude = Int64(world.random.pick(20_000_000..<5_000_000_000))
        let byNs = world.random.oneIn(2) ? magnitude : -magnitude
        world.step = (100 * seconds, byNs)
        var watch = ArrivalWatch()
        world.run(&watch, from: 0, to: 100 * seconds)
        expectNoStep(&watch)
        world.run(&watch, from: 100 * seconds, to: (byNs > 0 ? 109 : 119) * seconds)
        let found = watch.takeStep()
        let step = try #require(found)
        // What the clock has drifted between the buckets compared is in the error as well: it is in their range.
        #expect(abs(step.stepNs - byNs) <= step.errorNs + ArrivalWatch.bucketNs / 1_000_000_000 * 100_000)
        #expect(step.errorNs < 8_000_000)
        world.run(&watch, from: 120 * seconds, to: 200 * seconds)
        expectNoStep(&watch)
        let leadNs = try #require(watch.leadNs(nowNs: 120 * seconds))
        #expect(leadNs <= max(world.skewNs(120 * seconds), world.skewNs(200 * seconds)))
    }

    @Test(arguments: UInt64(1)...50)
    func `a way that is longer for a while is no step`(seed: UInt64) {
        var world = ClockWorld(seed: seed)
        var watch = ArrivalWatch()
        world.run(&watch, from: 0, to: 60 * seconds)
        world.wayNs += 500_000_000
        world.run(&watch, from: 60 * seconds, to: 70 * seconds)
        world.wayNs -= 500_000_000
        world.run(&watch, from: 71 * seconds, to: 200 * seconds)
        expectNoStep(&watch)
    }

    @Test
    func `drift is within its error`() {
        var foundCount = 0
        for seed in 1...200 as ClosedRange<UInt64> {
            var world = ClockWorld(seed: seed)
            world.driftPpb = Int64(world.random.pick(-200_000..<200_000))
            var watch = ArrivalWatch()
            world.run(&watch, from: 0, to: 300 * seconds)
            guard let drift = watch.drift else { continue }
            foundCount += 1
            #expect(abs(drift.ppb - world.driftPpb) <= drift.errorPpb, "seed \(seed)")
        }
        #expect(foundCount > 190)
    }

    @Test
    func `drift comes close within ten minutes`() throws {
        var world = ClockWorld(seed: 5)
        world.driftPpb = 37_000
        var watch = ArrivalWatch()
        world.run(&watch, from: 0, to: 620 * seconds)
        let drift = try #require(watch.drift)
        #expect(abs(drift.ppb - 37_000) <= 1_000)
        #expect(drift.errorPpb <= 10_000)
    }

    @Test
    func `what waited for older data is not looked at for steps`() {
        var world = ClockWorld(seed: 9)
        var watch = ArrivalWatch()
        world.run(&watch, from: 0, to: 60 * seconds)
        for second in 60...90 as ClosedRange<Int64> {
            watch.sample(clockNs: second * seconds, arrivalNs: second * seconds, isCurrent: false)
        }
        world.run(&watch, from: 90 * seconds, to: 120 * seconds)
        expectNoStep(&watch)
    }

    @Test
    func `a relay that was away for long is not said to have stepped`() {
        var world = ClockWorld(seed: 3)
        world.driftPpb = 100_000
        var watch = ArrivalWatch()
        world.run(&watch, from: 0, to: 60 * seconds)
        world.run(&watch, from: 3_660 * seconds, to: 3_700 * seconds)
        expectNoStep(&watch)
        #expect(watch.leadNs(nowNs: 3_700 * seconds) != nil)
    }

    @Test
    func `times at the ends of the range are survived`() {
        var watch = ArrivalWatch()
        let times: [Int64] = [.min, .min + 1, -1, 0, 1, .max - 1, .max, 1 << 62, -(1 << 62)]
        for arrivalNs in [0, 1, .max] as [Int64] {
            for clockNs in times {
                watch.sample(clockNs: clockNs, arrivalNs: arrivalNs, isCurrent: true)
                watch.advance(to: arrivalNs)
                _ = watch.leadNs(nowNs: arrivalNs)
                _ = watch.drift
            }
        }
        for second in 0..<100 as Range<Int64> {
            let clockNs = times[Int(second) % times.count]
            watch.sample(clockNs: clockNs, arrivalNs: second * 2 * seconds, isCurrent: true)
            _ = watch.drift
            _ = watch.takeStep()
        }
        #expect(watch.leadNs(nowNs: 200 * seconds) != nil)
    }
}
