import Coordinator
import Feed
import LTTngLive
import SimulatedRelay
import Testing

/// Programs and sessions that come and go, in virtual time.
@Suite struct LifecycleScenarios {
    /// A busy program of two streams for the whole time, flushed each 100 ms.
    private func busySession(throughMs: UInt64, processes: [TracedProcess], endsAtNs: UInt64) -> ScriptedSession {
        let busy = (0..<2).map { stream in
            packets(
                stride(from: UInt64(100), through: throughMs, by: 100).map { tick in
                    (.ms(tick), (0..<10).map { .ms(tick - 100 + $0 * 10 + UInt64(stream) * 3) })
                }
            )
        }
        var session = RelayScript.session(host: "web", name: "s", endsAtNs: endsAtNs, streams: busy)
        session.streams += processes.flatMap(\.streams)
        return session
    }

    /// Programs that live for 50 to 300 ms, with an event each 10 ms.
    private func storm(perSecond: UInt64, seconds: UInt64, closesAfterNs: UInt64) -> [TracedProcess] {
        (0..<perSecond * seconds).map { number in
            let start = UInt64.ms(500 + number * 1000 / perSecond + number * 7 % 40)
            let life = UInt64.ms(50 + number * 37 % 250)
            return TracedProcess(
                number: number + 1,
                startNs: start,
                exitNs: start + life,
                eventsNs: (0..<life / .ms(10)).map { start + .ms($0 * 10 + 1) },
                ticksNs: (1...4).map { start / .ms(100) * .ms(100) + .ms(100 * $0 + 5) },
                closesAfterNs: closesAfterNs
            )
        }
    }

    @Test(arguments: [3, 20] as [UInt64])
    func `scenario 5: a storm of programs beside a busy one has no late event, and no lag`(perSecond: UInt64) {
        let processes = storm(perSecond: perSecond, seconds: 30, closesAfterNs: 0)
        let session = busySession(throughMs: 31_500, processes: processes, endsAtNs: .ms(31_600))
        let trial = CoordinatorTrial([RelayScript(sessions: [session])])
        let watch = FeedWatch(trial)
        trial.run(untilNs: .ms(60_000))
        #expect(watch.violations == [])
        #expect(watch.lateCount == 0)
        #expect(trial.losses.isEmpty)
        #expect(trial.events.count == 2 * 315 * 10 + processes.map(\.eventsNs.count).reduce(0, +))
        #expect(watch.lagNs(percentile: 99) < .ms(300))
        #expect(trial.report == FinishReport())
    }

    @Test func `scenario 5: where the relay drops what a program left unread, nothing is late and each loss is said`() {
        let processes = storm(perSecond: 3, seconds: 30, closesAfterNs: .ms(4))
        let session = busySession(throughMs: 31_500, processes: processes, endsAtNs: .ms(31_600))
        let trial = CoordinatorTrial([RelayScript(sessions: [session], version: RelayVersion(minor: 13, patch: 9))])
        let watch = FeedWatch(trial)
        trial.run(untilNs: .ms(60_000))
        #expect(watch.violations == [])
        #expect(watch.lateCount == 0)
        let delivered = Set(trial.events.map(\.stream))
        let announced = Set(
            trial.records.compactMap { if case .lost(let loss) = $0 { loss.streamID } else { nil } }
        )
        // Each program had a stream of its own beside the busy one's two: it has events, or a loss names it.
        #expect(delivered.count > 60)
        #expect(delivered.count - 2 + announced.count >= processes.count)
    }

    @Test func `scenario 6: programs of 1 ms lose nothing on a relay of 2_14 or later`() {
        let processes = (0..<UInt64(25)).map { number in
            let start = UInt64.ms(1000 + number * 130)
            return TracedProcess(
                number: number + 1,
                startNs: start,
                exitNs: start + .ms(1),
                eventsNs: [start + 500_000],
                value: number
            )
        }
        for version in [RelayVersion(minor: 14), .newest] {
            var session = RelayScript.session(host: "web", name: "s", endsAtNs: .ms(5000), streams: [])
            session.streams = processes.flatMap(\.streams)
            let trial = CoordinatorTrial([RelayScript(sessions: [session], version: version)])
            trial.run(untilNs: .ms(20_000))
            #expect(trial.events.map(\.value) == Array(0..<25))
            #expect(trial.losses.isEmpty)
            #expect(trial.report == FinishReport())
        }
    }

    @Test func `scenario 6: on 2_13 each program that is seen is delivered in order or said to be lost`() {
        // Open for long enough to be announced; every other one is closed with its only packet, before it can be read.
        let processes = (0..<UInt64(25)).map { number in
            let start = UInt64.ms(1000 + number * 130)
            return TracedProcess(
                number: number + 1,
                startNs: start,
                exitNs: start + .ms(70),
                eventsNs: [start + .ms(1)],
                value: number,
                closesAfterNs: number % 2 == 0 ? .ms(3) : 0
            )
        }
        var session = RelayScript.session(host: "web", name: "s", endsAtNs: .ms(5000), streams: [])
        session.streams = processes.flatMap(\.streams)
        let script = RelayScript(sessions: [session], version: RelayVersion(minor: 13, patch: 9))
        let trial = CoordinatorTrial([script])
        trial.run(untilNs: .ms(20_000))
        let values = trial.events.map(\.value)
        #expect(values == values.sorted())
        #expect(trial.events.allSatisfy { $0.lateNs == 0 })
        #expect((1..<25).contains(values.count), "some close unread: the release drops them")
        #expect(values.count + Set(trial.losses.compactMap(\.streamID)).count == 25)
        #expect(trial.report == FinishReport())
    }

    @Test(arguments: [200, 1000] as [UInt64])
    func `scenario 7: while tracing is stopped the watermark advances for ten requests a second`(periodMs: UInt64) {
        var steps = packets(
            stride(from: periodMs, through: 5000, by: Int(periodMs)).map { (.ms($0), [.ms($0 - 50)]) }
        )
        let written = UInt64(steps.count)
        // `lttng stop`: an empty packet, nothing for a period, then beacons; `start`: an empty packet, then events.
        let bytes = UInt64(TinyTrace.preambleBytes)
        func empty(_ atMs: UInt64, _ number: UInt64) -> (atNs: UInt64, step: ScriptedStream.Step) {
            let packet = TinyTrace.packet(
                from: .ms(atMs),
                to: .ms(atMs),
                events: [],
                number: number,
                offset: 1_000_000 + bytes * number
            )
            return (.ms(atMs), .packet(packet.index, packet.bytes))
        }
        steps.append(empty(5010, written))
        steps += beacons(fromMs: 5010 + periodMs, throughMs: 15_000, everyMs: periodMs)
        steps.append(empty(15_010, written + 1))
        for number in 0..<UInt64(10) {
            let end = UInt64.ms(15_010 + (number + 1) * periodMs)
            let packet = TinyTrace.packet(
                from: end - .ms(periodMs),
                to: end,
                events: [end - .ms(periodMs / 2)],
                number: written + 2 + number,
                offset: 2_000_000 + 1000 * number
            )
            steps.append((end, .packet(packet.index, packet.bytes)))
        }
        var session = RelayScript.session(streams: [steps, steps])
        session.session.liveTimerUs = UInt32(periodMs * 1000)
        let trial = CoordinatorTrial([RelayScript(sessions: [session])], lifetime: .service)
        let watch = FeedWatch(trial, sinceNs: .ms(15_010))
        trial.run(untilNs: .ms(8000))
        let (sent, watermarkNs) = (trial.sendCounts[0], watch.watermarkNs ?? 0)
        #expect(watermarkNs >= Int64(7000 - periodMs) * 1_000_000)
        trial.run(untilNs: .ms(14_000))
        #expect(trial.sendCounts[0] - sent <= 60)
        #expect(watch.watermarkNs ?? 0 >= Int64(13_900 - 2 * periodMs) * 1_000_000)
        trial.run(untilNs: .ms(15_010 + 11 * periodMs))
        #expect(trial.events.count == 2 * Int(written) + 20)
        #expect(watch.lagsNs.count == 20)
        // Half a period passes before the packet is there; the rest is until it is read.
        #expect(watch.lagNs(percentile: 100) < .ms(periodMs * 3 / 2 + 60))
        #expect(trial.losses.isEmpty)
    }

    @Test func `scenario 22: a session that has run for a minute is read from its beginning, then live`() {
        let session = RelayScript.session(
            endsAtNs: .ms(70_000),
            streams: [steadyPackets(throughMs: 69_000), steadyPackets(throughMs: 69_000)]
        )
        let trial = CoordinatorTrial([RelayScript(sessions: [session])], lifetime: .service, startNs: .ms(60_000))
        let watch = FeedWatch(trial, sinceNs: .ms(60_500))
        trial.run(untilNs: .ms(80_000))
        let events = trial.events
        #expect(events.count == 2 * 690)
        #expect(events.map(\.timestampNs) == events.map(\.timestampNs).sorted())
        #expect(events.allSatisfy { $0.lateNs == 0 })
        #expect(watch.lagsNs.count == 2 * 85)
        #expect(watch.lagNs(percentile: 100) < .ms(250))
        #expect(trial.losses.isEmpty)
    }

    @Test func `scenario 28: a session destroyed and made anew twenty times is read each time, once`() {
        let generations = (0..<20).map { number in
            let start = UInt64(number) * 2000
            var session = RelayScript.session(
                id: UInt64(number) + 1,
                firstStream: UInt64(number) * 10 + 1,
                uuidByte: UInt8(number) + 1,
                environment: "trace_creation_datetime = \"2026010\(number)T000000\";",
                metadataAtNs: .ms(start),
                endsAtNs: .ms(start + 1900),
                streams: [
                    packets(
                        [(.ms(start + 100), [.ms(start + 60)]), (.ms(start + 200), [.ms(start + 160)])],
                        startNs: .ms(start)
                    )
                ]
            )
            session.appearsAtNs = .ms(start)
            return session
        }
        let trial = CoordinatorTrial([RelayScript(sessions: generations)], lifetime: .service)
        trial.run(untilNs: .ms(50_000))
        let expected: [Int64] = (0..<20).flatMap { (number: Int64) -> [Int64] in
            [number * 2000 + 60, number * 2000 + 160]
        }
        #expect(trial.events.map { $0.timestampNs / 1_000_000 }.sorted() == expected)
        #expect(trial.events.allSatisfy { $0.lateNs == 0 })
        #expect(trial.sessionStates.count { $0 == .active } == 20)
        #expect(trial.sessionStates.count { $0 == .ended } == 20)
        #expect(!trial.sessionStates.contains(.held))
        #expect(!trial.sessionStates.contains(.lost))
        #expect(trial.losses.isEmpty)
    }
}
