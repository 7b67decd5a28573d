import Testing

@testable import EventMerge

/// Two clocks and the messages between their hosts, of one seed.
struct PairWorld {
    var random: SeededGenerator
    /// B minus A at A's time 0, nanoseconds, and what B gains, nanoseconds a second.
    var offsetNs: Int64
    var driftPpb: Int64
    /// The least way each way, and what it varies at most, nanoseconds.
    var wayNs: (ab: Int64, ba: Int64)
    var noiseNs: Int64
    var stepNs: Int64 = 0

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        offsetNs = Int64(random.pick(-5_000_000_000..<5_000_000_000))
        driftPpb = Int64(random.pick(-300_000..<300_000))
        wayNs = (Int64(random.pick(0..<200_000)), Int64(random.pick(0..<2_000_000)))
        noiseNs = Int64(random.pick(1..<5_000_000))
    }

    /// B minus A when A says `atNs`; rounded toward minus infinity.
    func skewNs(_ atNs: Int64) -> Int64 {
        let drift = SkewProgramme.floor(Int128(atNs) * Int128(driftPpb), 1_000_000_000)
        return offsetNs + Int64(drift) + stepNs
    }

    enum Message {
        case ab(sentNs: Int64, receivedNs: Int64)
        case ba(sentNs: Int64, receivedNs: Int64)
    }

    /// A message that leaves when A says `atNs`.
    mutating func message(atNs: Int64, isFromA: Bool) -> Message {
        let way = (isFromA ? wayNs.ab : wayNs.ba) + Int64(random.pick(0..<Int(noiseNs)))
        let arrivalNs = atNs + way
        return isFromA
            ? .ab(sentNs: atNs, receivedNs: arrivalNs + skewNs(arrivalNs) + 1)
            : .ba(sentNs: atNs + skewNs(atNs), receivedNs: arrivalNs)
    }
}

extension PairSkew {
    mutating func take(_ message: PairWorld.Message) {
        switch message {
        case .ab(let sentNs, let receivedNs): sentByA(atNs: sentNs, receivedNs: receivedNs)
        case .ba(let sentNs, let receivedNs): sentByB(atNs: sentNs, receivedNs: receivedNs)
        }
    }
}

private let seconds: Int64 = 1_000_000_000

struct PairSkewTests {
    typealias Point = ConstraintHull.Point

    @Test(arguments: UInt64(1)...300)
    func `the truth lies within the bounds, before, within and after the messages`(seed: UInt64) throws {
        var world = PairWorld(seed: seed)
        var pair = PairSkew()
        let count = world.random.pick(2..<400)
        for number in 0..<count {
            let atNs = Int64(number) * 200 * seconds / Int64(count)
            pair.take(world.message(atNs: atNs, isFromA: number < 2 ? number == 0 : world.random.oneIn(2)))
        }
        for atNs in [-50, 0, 1, 77, 100, 199, 200, 260].map({ $0 * seconds }) {
            let estimate = pair.estimate(atNs: atNs)
            #expect(estimate.quality == .approximate || estimate.quality == .accurate)
            let lower = try #require(estimate.lowerNs)
            let upper = try #require(estimate.upperNs)
            #expect(lower <= world.skewNs(atNs) + 1 && world.skewNs(atNs) <= upper)
            guard let drift = estimate.drift else { continue }
            #expect(abs(drift.ppb - world.driftPpb) <= drift.errorPpb + 1)
        }
    }

    @Test
    func `with many messages the bounds are as near as the way is long, and the drift is known`() throws {
        var world = PairWorld(seed: 7)
        world.wayNs = (30_000, 50_000)
        world.noiseNs = 1_000_000
        var pair = PairSkew()
        for number in 0..<2_000 {
            pair.take(world.message(atNs: Int64(number) * seconds / 10, isFromA: world.random.oneIn(2)))
        }
        let estimate = pair.estimate(atNs: 150 * seconds)
        #expect(estimate.quality == .accurate)
        let width = try #require(estimate.upperNs) - #require(estimate.lowerNs)
        #expect(width < 120_000)
        #expect(try #require(estimate.drift).errorPpb < 1_500)
    }

    @Test(arguments: UInt64(1)...150)
    func `what the hulls keep says the same as all points`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var world = PairWorld(seed: seed)
        world.noiseNs = random.oneIn(2) ? 20 : 5_000_000
        var pair = (upper: ConstraintHull(), lowerTurned: ConstraintHull())
        var all = (upper: [Point](), lowerTurned: [Point]())
        for _ in 0..<random.pick(1..<60) {
            let atNs = Int64(random.pick(0..<200)) * seconds
            switch world.message(atNs: atNs, isFromA: random.oneIn(2)) {
            case .ab(let sentNs, let receivedNs):
                all.upper.append(Point(x: sentNs, y: receivedNs - sentNs))
                pair.upper.insert(all.upper[all.upper.count - 1])
            case .ba(let sentNs, let receivedNs):
                all.lowerTurned.append(Point(x: receivedNs, y: receivedNs - sentNs))
                pair.lowerTurned.insert(all.lowerTurned[all.lowerTurned.count - 1])
            }
        }
        #expect(pair.upper.points.count < ConstraintHull.pointsMax)
        let kept = SkewProgramme(upper: pair.upper.points, lowerTurned: pair.lowerTurned.points)
        let whole = SkewProgramme(upper: all.upper, lowerTurned: all.lowerTurned)
        #expect(kept.isSound && whole.isSound)
        for atNs in [-10, 0, 3, 50, 101, 199, 230].map({ $0 * seconds }) {
            #expect(kept.estimate(atNs: atNs) == whole.estimate(atNs: atNs))
        }
    }

    /// The lines of all offsets at 0 and of slopes of a grid, that pass.
    private func passing(_ upper: [Point], _ lowerTurned: [Point], atNs: Int64) -> (least: Int64, most: Int64)? {
        var range: (least: Int64, most: Int64)?
        for offset in -12...12 as ClosedRange<Int64> {
            for slope in -4...4 as ClosedRange<Int64> {
                // Slopes of 250 ppm, at times of whole 4000 ns: whole nanoseconds.
                func line(_ x: Int64) -> Int64 { offset + slope * x / 4_000 }
                guard upper.allSatisfy({ line($0.x) <= $0.y }), lowerTurned.allSatisfy({ -line($0.x) <= $0.y }) else {
                    continue
                }
                let value = line(atNs)
                range = (min(range?.least ?? value, value), max(range?.most ?? value, value))
            }
        }
        return range
    }

    @Test(arguments: UInt64(1)...300)
    func `every line that passes is within the bounds, and where none does that is known`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        func points() -> [Point] {
            (0..<random.pick(1..<4)).map { _ in
                Point(x: Int64(random.pick(0..<5)) * 4_000, y: Int64(random.pick(-3..<9)))
            }
        }
        let (upper, lowerTurned) = (points(), points())
        let programme = SkewProgramme(upper: upper, lowerTurned: lowerTurned)
        for atNs in [-8_000, 0, 4_000, 8_000, 16_000, 24_000] as [Int64] {
            guard let range = passing(upper, lowerTurned, atNs: atNs) else { continue }
            #expect(programme.isSound)
            let estimate = programme.estimate(atNs: atNs)
            #expect((estimate.lowerNs ?? .max) <= range.least && range.most <= (estimate.upperNs ?? .min))
        }
        // The grid is fine enough to tell: integers, and slopes at which differences of points are taken.
        let crossed = upper.contains { above in lowerTurned.contains { $0.x == above.x && -$0.y > above.y } }
        if crossed { #expect(!programme.isSound) }
    }

    @Test
    func `bounds of single messages are exact`() {
        var pair = PairSkew()
        #expect(pair.estimate(atNs: 5) == ClockEstimate(quality: .absent))
        pair.sentByA(atNs: 1_000_000, receivedNs: 1_000_500)
        #expect(pair.estimate(atNs: 1_000_000) == ClockEstimate(quality: .oneSided, upperNs: 500))
        // 1000 ppm of 100 us are 100 ns.
        #expect(pair.estimate(atNs: 1_100_000) == ClockEstimate(quality: .oneSided, upperNs: 600))
        pair.sentByB(atNs: 1_000_100, receivedNs: 1_000_300)
        let estimate = pair.estimate(atNs: 1_000_000)
        #expect(estimate == ClockEstimate(quality: .approximate, lowerNs: -201, upperNs: 500))
    }

    @Test
    func `two lines that cross fix each other's drift`() throws {
        var pair = PairSkew()
        // B is 0 at 0 s, and 1000 ns at 10 s: 100 ppb.
        for (atNs, skewNs) in [(0, 0), (10 * seconds, 1_000)] as [(Int64, Int64)] {
            pair.sentByA(atNs: atNs, receivedNs: atNs + skewNs)
            pair.sentByB(atNs: atNs + skewNs, receivedNs: atNs)
        }
        let estimate = pair.estimate(atNs: 20 * seconds)
        let expected = ClockEstimate(
            quality: .accurate,
            lowerNs: 2_000,
            upperNs: 2_000,
            drift: ClockDrift(ppb: 100, errorPpb: 0)
        )
        #expect(estimate == expected)
    }

    @Test
    func `after a step the last that was sound is said, until there is something new`() {
        var world = PairWorld(seed: 11)
        var pair = PairSkew()
        for number in 0..<100 as Range<Int64> {
            pair.take(world.message(atNs: number * seconds, isFromA: number % 2 == 0))
        }
        var sound = pair.estimate(atNs: 100 * seconds)
        #expect(sound.quality == .accurate || sound.quality == .approximate)
        world.stepNs = 1_000_000_000
        pair.take(world.message(atNs: 100 * seconds, isFromA: true))
        pair.take(world.message(atNs: 101 * seconds, isFromA: false))
        sound.quality = .failed
        for _ in 0..<2 {
            let failed = pair.estimate(atNs: 102 * seconds)
            #expect(failed == sound)
        }
        pair.take(world.message(atNs: 102 * seconds, isFromA: true))
        #expect(pair.estimate(atNs: 102 * seconds).quality == .failed)
        pair.take(world.message(atNs: 103 * seconds, isFromA: false))
        let found = pair.estimate(atNs: 103 * seconds)
        #expect(found.quality == .approximate)
        #expect((found.lowerNs ?? .max) <= world.skewNs(103 * seconds))
        #expect((found.upperNs ?? .min) >= world.skewNs(103 * seconds))
    }

    @Test
    func `a clock whose drift changes slowly stays sound, since old messages go`() {
        var world = PairWorld(seed: 13)
        world.wayNs = (20_000, 20_000)
        world.noiseNs = 100_000
        world.driftPpb = 0
        var pair = PairSkew()
        var failedCount = 0
        for number in 0..<40_000 as Range<Int64> {
            // Back and forth by 2 ms within two hours.
            let phase = number % 14_400
            world.stepNs = (phase < 7_200 ? phase : 14_400 - phase) * 300
            pair.take(world.message(atNs: number * seconds / 2, isFromA: world.random.oneIn(2)))
            if number % 100 == 99, pair.estimate(atNs: number * seconds / 2).quality == .failed { failedCount += 1 }
        }
        #expect(failedCount <= 6)
    }

    @Test
    func `a hull stays within its bound, and is never wrong for it`() {
        var hull = ConstraintHull()
        var all: [Point] = []
        // A curve of which every point is a corner.
        for x in 0..<500 as Range<Int64> {
            let point = Point(x: x * 1_000_000, y: (x - 250) * (x - 250))
            all.append(point)
            hull.insert(point)
            #expect(hull.points.count <= ConstraintHull.pointsMax)
        }
        let kept = SkewProgramme(upper: hull.points, lowerTurned: [])
        let whole = SkewProgramme(upper: all, lowerTurned: [])
        for x in stride(from: -50, to: 550, by: 7) as StrideTo<Int64> {
            let (loose, tight) = (kept.estimate(atNs: x * 1_000_000), whole.estimate(atNs: x * 1_000_000))
            #expect((loose.upperNs ?? .min) >= (tight.upperNs ?? .max))
        }
    }

    @Test
    func `times at the ends of the range are survived`() {
        let times: [Int64] = [.min, .min + 1, -(1 << 62), -1, 0, 1, 1 << 61, (1 << 62) - 1, 1 << 62, .max - 1, .max]
        var pair = PairSkew()
        for first in times {
            for second in times {
                pair.sentByA(atNs: first, receivedNs: second)
                pair.sentByB(atNs: first, receivedNs: second)
                _ = pair.estimate(atNs: first)
            }
        }
        #expect(pair.estimate(atNs: 0).quality != .absent)
    }
}
