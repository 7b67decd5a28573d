import Coordinator
import Feed
import LTTngLive
import SimulatedRelay
import Testing

/// A coordinator that is killed and started again goes on where its log ends: nothing twice, nothing missing.
@Suite struct RestartTests {
    /// Events every few milliseconds, in packets of a few, which batches of two events cut.
    private static func steps(
        of number: UInt64,
        _ range: ClosedRange<UInt64> = 1...7,
        discarding: Bool = false
    ) -> [(atNs: UInt64, step: ScriptedStream.Step)] {
        var offset: UInt64 = 0
        var steps: [(atNs: UInt64, step: ScriptedStream.Step)] = []
        for index in range {
            let begin = UInt64.ms((index - 1) * 100)
            let events = (1...5).map { begin + .ms($0 * 17) + number * 1000 }
            let packet = TinyTrace.packet(
                from: begin,
                to: begin + .ms(100),
                // Some have none.
                events: index % 5 == 0 ? [] : events,
                // One in ten is missing.
                number: discarding && index > 4 ? index + 2 : index,
                discarded: discarding ? index / 3 : 0,
                offset: offset
            )
            offset += UInt64(packet.bytes.count)
            steps.append((begin + .ms(100), .packet(packet.index, packet.bytes)))
        }
        return steps
    }

    private static var limits: CoordinatorLimits {
        var limits = CoordinatorLimits()
        limits.batchEventsMax = 2
        return limits
    }

    private static func trial(
        _ scripts: [RelayScript],
        start: RelaySource.Start = .beginning,
        corrections: [Int64] = [],
        deaths: [Int] = [],
        untilMs: UInt64 = 8000
    ) -> CoordinatorTrial {
        let trial = CoordinatorTrial(
            scripts,
            stallAfterNs: .ms(2000),
            lifetime: .service,
            start: start,
            limits: limits,
            corrections: corrections,
            startsAtOnce: false
        )
        trial.deaths = deaths
        trial.start()
        trial.run(untilNs: .ms(untilMs))
        return trial
    }

    /// Kills the coordinator after each of its batches in turn.
    private static func compare(
        _ scripts: [RelayScript],
        start: RelaySource.Start = .beginning,
        corrections: [Int64] = []
    ) -> CoordinatorTrial {
        let whole = trial(scripts, start: start, corrections: corrections)
        #expect(whole.events.count > 20)
        #expect(whole.events.allSatisfy { $0.lateNs == 0 })
        let firstEnd = whole.batches.firstIndex { batch in
            batch.records.contains { if case .session(let change) = $0 { change.state == .ended } else { false } }
        }
        guard let firstEnd else {
            Issue.record("no session has ended")
            return whole
        }
        for death in 1...whole.batches.count {
            let killed = trial(scripts, start: start, corrections: corrections, deaths: [death])
            #expect(killed.events == whole.events, "killed after batch \(death)")
            #expect(killed.metadata == whole.metadata, "killed after batch \(death)")
            // A session that the relay has no more, and of which nothing more can be known, may have had more.
            guard death < firstEnd else { continue }
            #expect(killed.losses.map(\.said) == whole.losses.map(\.said), "killed after batch \(death)")
            #expect(killed.sessionEnds.count == whole.sessionEnds.count, "killed after batch \(death)")
        }
        return whole
    }

    @Test func `killed after any batch it goes on with the next event`() {
        let scripts = (0..<3).map { relay in
            RelayScript(sessions: [
                RelayScript.session(
                    host: "host-\(relay)",
                    uuidByte: UInt8(relay) + 1,
                    endsAtNs: .ms(3000),
                    streams: [Self.steps(of: UInt64(relay) * 2), Self.steps(of: UInt64(relay) * 2 + 1)]
                )
            ])
        }
        let whole = Self.compare(scripts)
        #expect(whole.losses.isEmpty)
    }

    @Test func `what is lost is said once`() {
        let session = RelayScript.session(
            endsAtNs: .ms(3000),
            streams: [Self.steps(of: 0, discarding: true), Self.steps(of: 1)]
        )
        let whole = Self.compare([RelayScript(sessions: [session])])
        #expect(whole.losses.count > 2)
    }

    @Test func `a session of which the beginning is not wanted goes on where it was`() {
        let session = RelayScript.session(
            endsAtNs: .ms(2500),
            streams: [Self.steps(of: 0, 1...20), Self.steps(of: 1, 1...20)]
        )
        let script = RelayScript(sessions: [session])
        func run(_ deaths: [Int]) -> CoordinatorTrial {
            let trial = CoordinatorTrial(
                [script],
                lifetime: .service,
                start: .now,
                startNs: .ms(1050),
                limits: Self.limits,
                startsAtOnce: false
            )
            trial.deaths = deaths
            trial.start()
            trial.run(untilNs: .ms(8000))
            return trial
        }
        let whole = run([])
        #expect(whole.events.count > 20 && whole.events.count < 80)
        for death in 1...whole.batches.count {
            let killed = run([death])
            let first = whole.events.first?.timestampNs ?? 0
            // One that is killed before it knew where it began begins later.
            #expect(
                killed.events.suffix(whole.events.count) == whole.events || death < 4,
                "killed after batch \(death)"
            )
            #expect(
                killed.events.filter { $0.timestampNs < first || $0.lateNs > 0 } == [],
                "killed after batch \(death)"
            )
            #expect(Set(killed.events.map(\.timestampNs)).count == killed.events.count)
        }
    }

    @Test(arguments: 1...20) func `killed again and again it loses nothing`(step: Int) {
        let scripts = (0..<2).map { relay in
            RelayScript(sessions: [
                RelayScript.session(
                    host: "host-\(relay)",
                    uuidByte: UInt8(relay) + 1,
                    endsAtNs: .ms(3000),
                    streams: [Self.steps(of: UInt64(relay) * 2), Self.steps(of: UInt64(relay) * 2 + 1)]
                )
            ])
        }
        let whole = Self.trial(scripts)
        let killed = Self.trial(scripts, deaths: Array(stride(from: step, to: 400, by: step)), untilMs: 30_000)
        #expect(killed.events == whole.events)
    }

    @Test func `timestamps are corrected as before`() {
        let scripts = (0..<2).map { relay in
            RelayScript(sessions: [
                RelayScript.session(
                    uuidByte: UInt8(relay) + 1,
                    endsAtNs: .ms(3000),
                    streams: [Self.steps(of: UInt64(relay))]
                )
            ])
        }
        _ = Self.compare(scripts, corrections: [0, 500_000])
    }

    @Test func `a session that has gone meanwhile is lost, with what was not read of it`() {
        let session = RelayScript.session(streams: [Self.steps(of: 0)])
        let trial = Self.trial([RelayScript(sessions: [session])], untilMs: 450)
        let count = trial.events.count
        trial.replaceRelay(0, by: RelayScript(sessions: []))
        trial.restart()
        trial.run(untilNs: .ms(3000))
        #expect(trial.events.count == count)
        #expect(trial.sessionStates == [.active, .lost])
        #expect(trial.losses.map(\.count) == [nil])
        #expect(trial.endedTraces == [1])
    }

    /// Two relays, of which the second is gone from 450 ms on.
    private static func withoutSecond(stallAfterNs: UInt64?) -> CoordinatorTrial {
        let scripts = (0..<2).map { relay in
            RelayScript(
                sessions: [
                    RelayScript.session(
                        host: "host-\(relay)",
                        uuidByte: UInt8(relay) + 1,
                        streams: [steps(of: UInt64(relay), 1...40)]
                    )
                ],
                faults: relay == 0 ? [] : [.down(.ms(450)..<(.ms(60_000)))]
            )
        }
        let trial = CoordinatorTrial(scripts, stallAfterNs: stallAfterNs, lifetime: .service, limits: limits)
        trial.run(untilNs: .ms(450))
        return trial
    }

    @Test func `a relay that was there before is waited for as before`() {
        let strict = Self.withoutSecond(stallAfterNs: nil)
        let count = strict.events.count
        #expect(count > 10)
        strict.restart()
        strict.run(untilNs: .ms(4000))
        #expect(strict.events.count == count)
        #expect(strict.relayStates(1).contains(.excluded) == false)

        let patient = Self.withoutSecond(stallAfterNs: .ms(1000))
        patient.restart()
        patient.run(untilNs: .ms(4000))
        #expect(patient.events.count > count + 50)
        #expect(patient.relayStates(1).last == .excluded)
    }

    @Test func `a relay that was left out is not waited for again`() {
        let trial = Self.withoutSecond(stallAfterNs: .ms(1000))
        trial.run(untilNs: .ms(2000))
        #expect(trial.relayStates(1).last == .excluded)
        let count = trial.events.count
        trial.restart()
        // Less than its grace time.
        trial.run(untilNs: .ms(2700))
        #expect(trial.events.count > count + 15)
        #expect(trial.relayStates(1).last == .excluded)
    }

    @Test func `a relay that is no longer configured is said to be gone`() {
        let feed = { () -> RestoredFeed in
            let script = RelayScript(sessions: [RelayScript.session(streams: [Self.steps(of: 0)])])
            let trial = Self.trial([script], untilMs: 450)
            return trial.recovered()
        }()
        var coordinator = Coordinator(
            CoordinatorConfiguration(
                relays: [RelaySource(name: "another", sessions: [.glob("*")], start: .beginning)],
                stallAfterNs: nil,
                lifetime: .service,
                seed: 1
            ),
            restored: feed
        )
        coordinator.start(now: 0)
        var records: [FeedRecord] = []
        for case .publish(let batch) in coordinator.takeActions() { records += batch.records }
        let sessions = records.compactMap { if case .session(let change) = $0 { change } else { nil } }
        #expect(sessions.map(\.state) == [.lost])
        #expect(sessions.map(\.reason) == ["no longer configured"])
        #expect(records.contains { if case .traceEnd(traceID: 1) = $0 { true } else { false } })
    }
}

extension LossRecord {
    /// What a subscriber learns of it.
    fileprivate var said: String {
        "\(relay) \(session) \(streamID ?? 0) \(unit) \(count ?? 0) \(reason)"
    }
}
