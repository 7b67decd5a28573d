import CTF
import Coordinator
import Feed
import SimulatedRelay
import Testing

/// `clock: measured`.
struct CorrectionTests {
    private func trial(skewMs: Int64, driftPpm: Int64 = 0, corrections: [Int64] = [], measured: Set<Int>)
        -> CoordinatorTrial
    {
        let first = SkewedHost(name: "alpha", clockUUID: "a0000000-0000-0000-0000-000000000001") { $0 + .ms(10_000) }
        let second = SkewedHost(name: "beta", uuidByte: 2, clockUUID: "b0000000-0000-0000-0000-000000000001") { atNs in
            UInt64(Int64(atNs + .ms(10_000)) + skewMs * 1_000_000 + Int64(atNs) / 1_000_000 * driftPpm)
        }
        return CoordinatorTrial.of(
            SkewedHost.exchange(first, second, seconds: 70),
            corrections: corrections,
            measured: measured,
            messages: SkewedHost.rules
        )
    }

    /// In how many cases, from a time on, what was received stands in the feed before what was sent.
    private func reversals(_ events: [TrialEvent], fromNs: Int64) -> Int {
        var sent: Set<UInt64> = []
        var count = 0
        for event in events where event.correctedNs >= fromNs {
            if event.name == "app:send" { sent.insert(event.value) }
            if event.name == "app:receive", !sent.contains(event.value) { count += 1 }
        }
        return count
    }

    @Test(arguments: [Int64(-400), 400], [Int64(0), 200])
    func `a clock that is off is corrected in slopes, each of which is told`(skewMs: Int64, driftPpm: Int64) throws {
        let trial = trial(skewMs: skewMs, driftPpm: driftPpm, measured: [1])
        trial.run(untilNs: .ms(69_000))
        let events = trial.events
        #expect(events.count > 250)
        #expect(events.allSatisfy { $0.lateNs == 0 })
        #expect(zip(events, events.dropFirst()).allSatisfy { $0.correctedNs <= $1.correctedNs })
        let beta = events.filter { $0.host == "beta" }
        #expect(events.allSatisfy { $0.host == "beta" || $0.correctedNs == $0.timestampNs })
        for (event, next) in zip(beta, beta.dropFirst()) {
            let change = (next.correctedNs - next.timestampNs) - (event.correctedNs - event.timestampNs)
            #expect(abs(change) <= (next.timestampNs - event.timestampNs) / 20 + 1)
        }
        // Nothing is corrected at first; at the end it is right within what the messages can tell.
        #expect(beta.first.map { $0.correctedNs - $0.timestampNs } == 0)
        let skewNs = skewMs * 1_000_000 + 68_000 * driftPpm
        let lastNs = try #require(beta.last.map { $0.correctedNs - $0.timestampNs })
        #expect(abs(lastNs + skewNs) < 1_000_000)
        // 10 s are the offset of both clocks.
        #expect(reversals(events, fromNs: 50_000_000_000) <= 1)
        let told = trial.clockReports.filter { $0.host == "beta" && !$0.isAgainstCoordinator }.map(\.correctionNs)
        #expect(told.last == lastNs || abs((told.last ?? 0) - lastNs) < 200_000)
        let amounts = Set(told)
        let constants = Set(
            trial.records.flatMap { record -> [Int64] in
                guard case .events(let group) = record else { return [] }
                return group.slices.filter { $0.packet.trace.host == "beta" }.map { $0.packet.correction.endOffsetNs }
            }
        )
        #expect(constants.subtracting([0]).isSubset(of: amounts))
    }

    @Test
    func `what is not asked for is not done`() {
        let trial = trial(skewMs: -400, measured: [])
        trial.run(untilNs: .ms(69_000))
        #expect(trial.events.allSatisfy { $0.correctedNs == $0.timestampNs })
        #expect(trial.clockReports.allSatisfy { $0.correctionNs == 0 })
        #expect(trial.clockReports.contains { $0.quality == .accurate })
        #expect(reversals(trial.events, fromNs: 50_000_000_000) > 10)
    }

    @Test
    func `a fixed correction is applied and told, and measurement adds what it lacks`() throws {
        let fixed = trial(skewMs: -400, corrections: [0, 300_000_000], measured: [])
        fixed.run(untilNs: .ms(69_000))
        let beta = fixed.events.filter { $0.host == "beta" }
        #expect(!beta.isEmpty && beta.allSatisfy { $0.correctedNs - $0.timestampNs == 300_000_000 })
        #expect(fixed.clockReports.allSatisfy { $0.correctionNs == ($0.host == "beta" ? 300_000_000 : 0) })
        let both = trial(skewMs: -400, corrections: [5_000_000, 300_000_000], measured: [1])
        both.run(untilNs: .ms(69_000))
        let lastNs = try #require(both.events.last { $0.host == "beta" }.map { $0.correctedNs - $0.timestampNs })
        #expect(abs(lastNs - 405_000_000) < 1_000_000)
    }

    @Test
    func `the reference is not corrected`() {
        let trial = trial(skewMs: 400, measured: [0])
        trial.run(untilNs: .ms(30_000))
        #expect(trial.events.allSatisfy { $0.correctedNs == $0.timestampNs })
    }
}
