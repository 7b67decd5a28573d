import Coordinator
import Feed
import LTTngLive
import SimulatedRelay
import Testing

/// Order, lateness and waiting.
@Suite struct OrderScenarios {
    @Test func `scenario 16: a stopped relay is waited for, and nothing is late`() {
        let trial = CoordinatorTrial(stopped, lifetime: .service)
        let watch = FeedWatch(trial)
        trial.run(untilNs: .ms(60_000))
        #expect(trial.events.count == 2 * 300)
        #expect(watch.lateCount == 0)
        #expect(watch.violations == [])
        #expect(trial.losses.isEmpty)
    }

    @Test func `scenario 16: past its grace time a stopped relay is left behind, and its events are flagged`() {
        let trial = CoordinatorTrial(stopped, stallAfterNs: .ms(3000), lifetime: .service)
        let watch = FeedWatch(trial)
        trial.run(untilNs: .ms(60_000))
        let events = trial.events
        #expect(events.count == 2 * 300)
        #expect(watch.violations == [])
        #expect(trial.relayStates(0).contains(.excluded))
        #expect(!trial.relayStates(1).contains(.excluded))
        #expect(events.contains { $0.host == "a" && $0.lateNs > 0 })
        #expect(events.allSatisfy { $0.host == "a" || $0.lateNs == 0 })
        // The other relay never waits for longer than the grace time.
        let ofB = events.filter { $0.host == "b" }.map(\.timestampNs)
        #expect(ofB == ofB.sorted())
        #expect(trial.losses.isEmpty)
    }

    /// Relay a stops for 20 s (SIGSTOP, SIGCONT) while both have an event each 100 ms.
    private var stopped: [RelayScript] {
        ["a", "b"].enumerated().map { number, host in
            RelayScript(
                sessions: [
                    RelayScript.session(
                        host: host,
                        uuidByte: UInt8(number) + 1,
                        endsAtNs: .ms(30_200),
                        streams: [steadyPackets(throughMs: 30_000)]
                    )
                ],
                faults: number == 0 ? [.silence(UInt64.ms(5000)..<UInt64.ms(25_000))] : []
            )
        }
    }

    @Test func `scenario 30: the range of lost packets begins behind the beacon before it`() throws {
        let first = TinyTrace.packet(from: 0, to: .ms(20), events: [.ms(10)], number: 0, offset: 0)
        let next = TinyTrace.packet(from: .ms(90), to: .ms(100), events: [.ms(95)], number: 8, offset: 72)
        let lossy: [(atNs: UInt64, step: ScriptedStream.Step)] = [
            (.ms(20), .packet(first.index, first.bytes)), (.ms(80), .beacon(.ms(80))),
            (.ms(100), .packet(next.index, next.bytes)), (.ms(180), .beacon(.ms(180))),
        ]
        let quiet = beacons(fromMs: 10, throughMs: 200, everyMs: 10)
        let trial = CoordinatorTrial([
            RelayScript(sessions: [RelayScript.session(endsAtNs: .ms(300), streams: [lossy, quiet])])
        ])
        trial.run(untilNs: .ms(5000))
        #expect(trial.events.map(\.timestampNs) == [10_000_000, 95_000_000])
        let loss = try #require(trial.losses.first)
        #expect(trial.losses.count == 1)
        #expect(loss.count == 7 && loss.unit == .packets)
        #expect(loss.fromNs ?? 0 >= Int64(UInt64.ms(80)))
        #expect(loss.toNs == Int64(UInt64.ms(90)), "when the packet behind them begins")
        #expect(trial.report == FinishReport())
    }

    @Test func `scenario 32: equal timestamps leave in one order, whatever came first, a thousand times`() {
        let times = (1...4).map { UInt64($0) * 100 }
        let expected = merged(seed: nil, times)
        #expect(expected.count == 4 * 3 * times.count)
        #expect(expected.map(\.timestampNs) == expected.map(\.timestampNs).sorted())
        for seed in 0..<1000 {
            let events = merged(seed: UInt64(seed), times)
            guard events == expected else {
                Issue.record("seed \(seed): \(events.map(\.line)) instead of \(expected.map(\.line))")
                return
            }
        }
    }

    /// Two hosts with the same events at the same times. A seed delays each packet, each relay's replies, and cuts
    /// connections.
    private func merged(seed: UInt64?, _ times: [UInt64]) -> [TrialEvent] {
        var state = seed ?? 0
        func draw(_ bound: UInt64) -> UInt64 {
            guard seed != nil else { return 0 }
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % bound
        }
        let scripts = (0..<2).map { host in
            let streams = (0..<2).map { _ in
                var later = UInt64(0)
                return packets(times.map { (.ms($0), [.ms($0 - 60), .ms($0 - 60), .ms($0 - 10)]) }).map { step in
                    later = max(later, step.atNs + draw(.ms(150)))
                    return (atNs: later, step: step.step)
                }
            }
            var faults: [RelayFault] = []
            if draw(2) == 1 { faults.append(.delay(draw(.ms(40)))) }
            if draw(3) == 1 { faults.append(.cut(afterBytes: 5000 + draw(20_000))) }
            var session = RelayScript.session(
                host: "h\(host)",
                uuidByte: UInt8(2 - host),
                endsAtNs: .ms(800),
                streams: streams
            )
            // The slower the timer, the fewer the polls.
            session.session.liveTimerUs = 1_000_000
            return RelayScript(sessions: [session], faults: faults)
        }
        let trial = CoordinatorTrial(scripts)
        trial.run(untilNs: .ms(30_000))
        return trial.events
    }

    @Test func `scenario 33: a stream that never says anything is waited for and named, in strict mode`() throws {
        let trial = CoordinatorTrial(silent(), lifetime: .service)
        trial.run(untilNs: .ms(20_000))
        #expect(trial.events.isEmpty)
        let holder = try #require(
            trial.records.compactMap { if case .holder(let holder) = $0 { holder } else { nil } }.first
        )
        #expect(holder.relay == "relay-0" && holder.host == "a" && holder.session == "session")
        let stream = trial.notes.first { $0.text.contains("stream 3 (channel0_1)") }
        #expect(stream?.relay == "relay-0")
    }

    @Test func `scenario 33: past the grace time all others are delivered, and the stall is said`() throws {
        let trial = CoordinatorTrial(silent(), stallAfterNs: .ms(3000), lifetime: .service)
        trial.run(untilNs: .ms(2500))
        #expect(trial.events.isEmpty)
        trial.run(untilNs: .ms(20_000))
        let events = trial.events
        #expect(events.count == 200)
        #expect(events.allSatisfy { $0.lateNs == 0 })
        // Its relay goes on without the stream, and both have said who is waited for.
        #expect(!trial.relayStates(0).contains(.excluded))
        let holder = try #require(
            trial.records.compactMap { if case .holder(let holder) = $0 { holder } else { nil } }.last
        )
        #expect(holder.relay == "relay-0" && holder.host == "a" && holder.streamID != nil)
        #expect(trial.notes.contains { $0.text.contains("stream 3 (channel0_1) has said nothing for") })
    }

    @Test(arguments: [[1_000_000, 100_000], [100_000, 1_000_000]] as [[UInt32]])
    func `a relay is named as waited for by the longest live period of its sessions`(timersUs: [UInt32]) throws {
        let sessions = timersUs.enumerated().map { number, timerUs in
            var session = RelayScript.session(
                name: "s\(number)",
                id: UInt64(number + 1),
                firstStream: UInt64(number) * 10,
                uuidByte: UInt8(number + 1),
                streams: [steadyPackets(throughMs: 3_000)]
            )
            session.session.liveTimerUs = timerUs
            return session
        }
        let steady = RelayScript.session(host: "steady", uuidByte: 9, streams: [steadyPackets(throughMs: 20_000)])
        let trial = CoordinatorTrial(
            [RelayScript(sessions: sessions), RelayScript(sessions: [steady])],
            lifetime: .service
        )
        var named: [(relay: String, atNs: UInt64)] = []
        trial.published = { batch, nowNs in
            for case .holder(let holder) in batch.records { named.append((holder.relay, nowNs)) }
        }
        trial.run(untilNs: .ms(20_000))
        let first = try #require(named.first)
        #expect(first.relay == "relay-0")
        #expect(first.atNs >= .ms(8_000) && first.atNs < .ms(9_000))
    }

    /// A relay of 2.14 with a tracer of 2.15: a CPU without events has no packet, and its beacons are not passed on.
    private func silent() -> [RelayScript] {
        let steady = steadyPackets(throughMs: 10_000)
        let idle = beacons(fromMs: 100, throughMs: 10_000, everyMs: 100)
        return [
            RelayScript(
                sessions: [RelayScript.session(host: "a", streams: [steady, idle])],
                version: RelayVersion(minor: 14)
            ),
            RelayScript(
                sessions: [RelayScript.session(host: "b", uuidByte: 2, streams: [steady])],
                version: RelayVersion(minor: 14)
            ),
        ]
    }

    @Test func `scenario 34: an event 1 ms below a beacon is delivered late, and the feed goes on`() {
        var steps = packets([(.ms(100), [.ms(50)]), (.ms(200), [.ms(150)])])
        steps.append((.ms(300), .beacon(.ms(300))))
        let old = TinyTrace.packet(from: .ms(290), to: .ms(400), events: [.ms(299), .ms(350)], number: 2, offset: 144)
        steps.append((.ms(400), .packet(old.index, old.bytes)))
        let next = TinyTrace.packet(from: .ms(400), to: .ms(500), events: [.ms(450)], number: 3, offset: 232)
        steps.append((.ms(500), .packet(next.index, next.bytes)))
        let trial = CoordinatorTrial([
            RelayScript(sessions: [RelayScript.session(endsAtNs: .ms(600), streams: [steps])])
        ])
        let watch = FeedWatch(trial)
        trial.run(untilNs: .ms(3000))
        #expect(trial.events.map(\.timestampNs) == [50, 150, 299, 350, 450].map { Int64(UInt64.ms($0)) })
        #expect(trial.events.map(\.lateNs) == [0, 0, Int64(UInt64.ms(1)), 0, 0])
        #expect(watch.lateCount == 1)
        #expect(watch.violations == [])
        #expect(trial.losses.isEmpty)
        #expect(trial.report == FinishReport())
    }
}
