import Coordinator
import Feed
import LTTngLive
import SimulatedRelay
import Testing

/// What is fetched, said and waited for by the watermark. Each of these was found by a simulated world.
@Suite struct WatermarkTests {
    @Test func `while nobody knows the watermark, a relay is not asked for more than its budget`() {
        let history = packets((1...100).map { (.ms($0 * 10), [.ms($0 * 10 - 5)]) })
        let busy = RelayScript.session(endsAtNs: .ms(5000), streams: [history])
        let mute = RelayScript.session(
            host: "mute",
            uuidByte: 2,
            endsAtNs: .ms(5000),
            streams: [steadyPackets(throughMs: 4000)]
        )
        var limits = CoordinatorLimits()
        limits.pendingBytesMax = 1000
        // It connects, and then says nothing for a while.
        let trial = CoordinatorTrial(
            [RelayScript(sessions: [busy]), RelayScript(sessions: [mute], faults: [.silence(0..<(.ms(3000)))])],
            limits: limits
        )
        trial.run(untilNs: .ms(2900))
        #expect(trial.events.isEmpty)
        // The packet that fills the budget, and one that might be what the feed waits for.
        #expect(trial.tableSizes.pendingBytesOfRelayMax <= 1000 + 2 * 100)
        trial.run(untilNs: .ms(20_000))
        #expect(trial.events.count == 100 + 40)
        #expect(trial.losses.isEmpty)
    }

    @Test func `a batch that is just full is followed by the watermark that its events left by`() {
        let full = packets(
            (1...20).map { tick in (.ms(tick * 50), (1...4).map { .ms(tick * 50 - $0 * 5) }.reversed()) }
        )
        var limits = CoordinatorLimits()
        limits.batchEventsMax = 4
        let trial = CoordinatorTrial([RelayScript(sessions: [RelayScript.session(streams: [full])])], limits: limits)
        for tick in 10...UInt64(20) {
            trial.run(untilNs: .ms(tick * 50 + 25))
            #expect(trial.events.count == Int(tick) * 4)
            #expect(trial.batches.last?.watermarkNs == Int64(UInt64.ms(tick * 50)))
        }
    }

    @Test func `an excluded relay counts again though it speaks more seldom than others, and at different times`() {
        let often = RelayScript.session(endsAtNs: .ms(9500), streams: [steadyPackets(throughMs: 9000)])
        func seldom(_ number: UInt64) -> ScriptedSession {
            var session = RelayScript.session(
                host: "seldom",
                name: "s\(number)",
                id: number,
                firstStream: 10 * number,
                uuidByte: UInt8(number) + 1,
                endsAtNs: .ms(9500),
                streams: [steadyPackets(throughMs: 8800 + 200 * (number - 1), everyMs: 400, fromMs: 200 * (number - 1))]
            )
            session.session.liveTimerUs = 400_000
            return session
        }
        let script = RelayScript(
            sessions: [seldom(1), seldom(2)],
            faults: [.silence(.ms(1000)..<(.ms(4000)))]
        )
        let trial = CoordinatorTrial([RelayScript(sessions: [often]), script], stallAfterNs: .ms(1500))
        trial.run(untilNs: .ms(8500))
        #expect(trial.relayStates(1).contains(.excluded))
        #expect(trial.relayStates(1).last == .active)
        let late = trial.events.last { $0.lateNs > 0 }
        #expect(late.map { $0.timestampNs < Int64(UInt64.ms(5500)) } == true)
    }
}
