import Coordinator
import Feed
import LTTngLive
import SimulatedRelay
import Testing

/// Attaching: late, again, after others, and from now on.
@Suite struct AttachScenarios {
    @Test func `scenario 18: connections that break at any byte are resumed, with every event once`() {
        let session = RelayScript.session(
            endsAtNs: .ms(3200),
            streams: [steadyPackets(throughMs: 3000), steadyPackets(throughMs: 3000)]
        )
        for first in stride(from: UInt64(13_000), to: 30_000, by: 1111) {
            let cuts: [RelayFault] = [.cut(afterBytes: first), .cut(afterBytes: first + 1500)]
            let trial = CoordinatorTrial([RelayScript(sessions: [session], faults: cuts)], lifetime: .service)
            let watch = FeedWatch(trial)
            trial.run(untilNs: .ms(20_000))
            #expect(trial.events.count == 60, "cut after \(first) bytes")
            #expect(Set(trial.events.map { "\($0.stream) \($0.timestampNs)" }).count == 60)
            #expect(watch.violations == [])
            #expect(watch.lateCount == 0)
            #expect(trial.losses.isEmpty)
        }
    }

    @Test func `scenario 19: after a loss of power the session is attached again within two seconds`() {
        let session = RelayScript.session(endsAtNs: .ms(60_000), streams: [steadyPackets(throughMs: 20_000)])
        let trial = CoordinatorTrial([RelayScript(sessions: [session])], lifetime: .service)
        trial.run(untilNs: .ms(10_000))
        #expect(trial.sessionStates == [.active])
        // The relay hears nothing of it: the old connection stands, and holds the session.
        trial.losePower()
        trial.run(untilNs: .ms(12_000))
        #expect(trial.sessionStates == [.active, .active])
        trial.run(untilNs: .ms(30_000))
        let again = trial.events.suffix(200)
        #expect(again.map(\.timestampNs) == (1...200).map { Int64(UInt64.ms($0 * 100 - 50)) })
    }

    @Test func `scenario 20: a session that another viewer has is said, and taken over when it is free`() {
        let other = RelayScript.session(
            host: "other",
            id: 2,
            firstStream: 11,
            uuidByte: 2,
            endsAtNs: .ms(20_200),
            streams: [steadyPackets(throughMs: 20_000)]
        )
        var session = RelayScript.session(endsAtNs: .ms(20_200), streams: [steadyPackets(throughMs: 20_000)])
        session.isHeldUntilNs = .ms(6000)
        let trial = CoordinatorTrial([RelayScript(sessions: [session, other])], lifetime: .service)
        trial.run(untilNs: .ms(6000))
        #expect(trial.sessionChanges.contains { $0.host == "host" && $0.state == .held })
        #expect(trial.events.allSatisfy { $0.host == "other" })
        #expect(trial.events.count >= 55)
        trial.run(untilNs: .ms(7500))
        #expect(trial.sessionChanges.contains { $0.host == "host" && $0.state == .active })
        trial.run(untilNs: .ms(30_000))
        #expect(trial.sessionChanges.count { $0.state == .held } == 1)
        // What it has from before the watermark is late, and comes all the same.
        #expect(trial.events.count { $0.host == "host" } == 200)
        #expect(trial.events.count { $0.host == "other" } == 200)
    }

    @Test(arguments: [(13, 9), (14, 0), (14, 1), (15, 0)] as [(UInt32, UInt32)])
    func `scenario 21: from now on nothing from before the attach is shown, and all from after it`(
        minor: UInt32,
        patch: UInt32
    ) {
        // Two CPUs; nothing but beacons for two periods about the attach, then 15 events.
        func steps(shiftMs shift: UInt64) -> [(atNs: UInt64, step: ScriptedStream.Step)] {
            var steps = packets((1...30).map { (.ms($0 * 100 + shift), [.ms($0 * 100 - 50)]) })
            for beacon in [3100, 3200] as [UInt64] { steps.append((.ms(beacon + shift), .beacon(.ms(beacon)))) }
            let later = packets(
                (0..<15).map { (.ms(4000 + $0 * 100 + shift), [.ms(3950 + $0 * 100)]) },
                startNs: .ms(3300)
            )
            for step in later { steps.append((step.atNs, step.step.moved(by: 100_000))) }
            return steps
        }
        let script = RelayScript(
            sessions: [RelayScript.session(endsAtNs: .ms(6000), streams: [steps(shiftMs: 0), steps(shiftMs: 9)])],
            version: RelayVersion(minor: minor, patch: patch)
        )
        let trial = CoordinatorTrial([script], lifetime: .service, start: .now, startNs: .ms(3150))
        let watch = FeedWatch(trial)
        trial.run(untilNs: .ms(10_000))
        #expect(trial.events.count { $0.timestampNs < Int64(UInt64.ms(3150)) } == 0)
        #expect(trial.events.count == 2 * 15)
        #expect(watch.violations == [])
        #expect(watch.lateCount == 0)
    }

    @Test func `scenario 21: a program that starts after the attach is shown from its first event on`() {
        var session = RelayScript.session(host: "web", name: "s", endsAtNs: .ms(9000), streams: [])
        for number in 0..<UInt64(5) {
            let start = UInt64.ms(1000 + number * 400)
            let process = TracedProcess(
                number: number + 1,
                startNs: start,
                exitNs: start + .ms(300),
                eventsNs: [start + .ms(10), start + .ms(200)],
                ticksNs: [start + .ms(100)]
            )
            session.streams += process.streams
        }
        let trial = CoordinatorTrial([RelayScript(sessions: [session])], lifetime: .service, start: .now)
        trial.run(untilNs: .ms(10_000))
        #expect(trial.events.count == 10)
        #expect(trial.losses.isEmpty)
    }

    @Test func `scenario 23: a packet that was overwritten in its file is not decoded as another`() {
        // The relay's files hold two packets: what lies at an offset is replaced by the next but one, and read too late
        // it is that one, with status OK.
        let written = (0..<8).map { number in
            TinyTrace.packet(
                from: .ms(number * 100),
                to: .ms(number * 100 + 100),
                events: [.ms(number * 100 + 50)],
                number: number,
                offset: number % 2 * 1000,
                value: number
            )
        }
        let steps = written.indices.map { number -> (atNs: UInt64, step: ScriptedStream.Step) in
            // Packets 2 and 3 are read when 4 and 5 have taken their places.
            let bytes = number == 2 || number == 3 ? written[number + 2].bytes : written[number].bytes
            return (.ms(UInt64(number) * 100 + 100), .packet(written[number].index, bytes))
        }
        let trial = CoordinatorTrial([
            RelayScript(sessions: [RelayScript.session(endsAtNs: .ms(1000), streams: [steps])])
        ])
        trial.run(untilNs: .ms(5000))
        #expect(trial.events.map(\.value) == [0, 1, 4, 5, 6, 7])
        #expect(trial.events.allSatisfy { $0.timestampNs == Int64($0.value) * 100_000_000 + 50_000_000 })
        #expect(trial.losses.map(\.unit) == [.packets, .packets])
        #expect(trial.losses.compactMap(\.count).reduce(0, +) == 2)
    }
}

extension ScriptedStream.Step {
    /// A packet that lies so much further in the file.
    fileprivate func moved(by bytes: UInt64) -> ScriptedStream.Step {
        guard case .packet(var index, let content) = self else { return self }
        index.offset += bytes
        return .packet(index, content)
    }
}
