import Coordinator
import Feed
import LTTngLive
import SimulatedRelay
import Testing

@Suite struct MergedFeedTests {
    @Test func `events of two relays leave in one order, each once`() {
        let first = packets((1...10).map { (.ms($0 * 100), [.ms($0 * 100 - 50), .ms($0 * 100 - 10)]) })
        let second = packets((1...10).map { (.ms($0 * 100 + 7), [.ms($0 * 100 - 49), .ms($0 * 100 - 9)]) })
        let trial = CoordinatorTrial([
            RelayScript(sessions: [RelayScript.session(host: "a", endsAtNs: .ms(1100), streams: [first])]),
            RelayScript(
                sessions: [RelayScript.session(host: "b", uuidByte: 2, endsAtNs: .ms(1100), streams: [second])]),
        ])
        trial.run(untilNs: .ms(5000))
        let events = trial.events
        #expect(events.count == 40)
        #expect(events.map(\.timestampNs) == events.map(\.timestampNs).sorted())
        #expect(events.allSatisfy { $0.lateNs == 0 })
        #expect(Set(events.map(\.timestampNs)).count == 40)
        #expect(trial.report == FinishReport())
        #expect(trial.sessionStates.filter { $0 == .ended }.count == 2)
        guard case .end? = trial.records.last else {
            Issue.record("the feed does not end with an end record")
            return
        }
    }

    @Test func `a session and its relay end behind their last events`() {
        let early = packets([(.ms(100), [.ms(50)]), (.ms(200), [.ms(150), .ms(190)])])
        let slow = packets([(.ms(100), [.ms(60)]), (.ms(1900), [.ms(1850)])])
        let trial = CoordinatorTrial([
            RelayScript(sessions: [RelayScript.session(host: "a", endsAtNs: .ms(250), streams: [early])]),
            RelayScript(sessions: [RelayScript.session(host: "b", uuidByte: 2, endsAtNs: .ms(2000), streams: [slow])]),
        ])
        trial.run(untilNs: .ms(5000))
        var hosts: [String] = []
        var ended: [String] = []
        for record in trial.records {
            switch record {
            case .events(let group):
                for event in TrialEvent.all(in: group) {
                    hosts.append(event.host)
                    #expect(!ended.contains(event.host))
                }
            case .session(let change) where change.state == .ended: ended.append(change.host)
            case .relay(let change) where change.state == .ended:
                #expect(ended.contains(change.relay == "relay-0" ? "a" : "b"))
            default: break
            }
        }
        #expect(hosts == ["a", "b", "a", "a", "b"])
        #expect(ended == ["a", "b"])
    }

    @Test func `the watermark never goes back, and no event in order is older`() {
        let scripts = (0..<4).map { number in
            RelayScript(hosts: number)
        }
        let trial = CoordinatorTrial(scripts, lifetime: .service)
        trial.run(untilNs: .ms(3000))
        var watermark = Int64.min
        var eventCount = 0
        for batch in trial.batches {
            for case .events(let group) in batch.records {
                let events = TrialEvent.all(in: group)
                eventCount += events.count
                #expect(events.allSatisfy { $0.lateNs > 0 || $0.timestampNs >= watermark })
            }
            guard let next = batch.watermarkNs else { continue }
            #expect(next >= watermark)
            watermark = next
        }
        #expect(eventCount > 100)
        #expect(trial.losses.isEmpty)
    }

    @Test func `equal timestamps leave by trace, then stream`() {
        let one = packets([(.ms(100), [.ms(50), .ms(60)]), (.ms(200), [])])
        let script = { (byte: UInt8) in
            RelayScript(
                sessions: [
                    RelayScript.session(host: "h\(byte)", uuidByte: byte, endsAtNs: .ms(300), streams: [one, one])
                ])
        }
        for order in [[UInt8(1), 2], [2, 1]] {
            let trial = CoordinatorTrial(order.map(script))
            trial.run(untilNs: .ms(2000))
            #expect(
                trial.events.map { "\($0.host)/\($0.stream)" } == [
                    "h1/2", "h1/3", "h2/2", "h2/3", "h1/2", "h1/3", "h2/2", "h2/3",
                ]
            )
        }
    }

    @Test func `an event behind the watermark is flagged, and the rest goes on`() {
        var steps = packets([(.ms(100), [.ms(50)]), (.ms(200), [.ms(150)])])
        steps.append((.ms(300), .beacon(.ms(300))))
        let old = TinyTrace.packet(from: .ms(250), to: .ms(400), events: [.ms(290), .ms(350)], number: 2, offset: 144)
        steps.append((.ms(400), .packet(old.index, old.bytes)))
        let trial = CoordinatorTrial([
            RelayScript(sessions: [RelayScript.session(endsAtNs: .ms(600), streams: [steps])])
        ])
        trial.run(untilNs: .ms(3000))
        #expect(trial.events.map(\.timestampNs) == [50, 150, 290, 350].map { Int64(UInt64.ms($0)) })
        #expect(trial.events.map(\.lateNs) == [0, 0, Int64(UInt64.ms(10)), 0])
    }

    @Test func `from now shows nothing from before the attach`() {
        let steps = packets((1...20).map { (.ms($0 * 100), [.ms($0 * 100 - 60), .ms($0 * 100 - 5)]) })
        let session = RelayScript.session(endsAtNs: .ms(2200), streams: [steps])
        let trial = CoordinatorTrial(
            [RelayScript(sessions: [session], faults: [.down(0..<UInt64.ms(950))])],
            lifetime: .service,
            start: .now
        )
        trial.run(untilNs: .ms(4000))
        let events = trial.events
        #expect(!events.isEmpty)
        #expect(events.allSatisfy { $0.timestampNs >= Int64(UInt64.ms(950)) })
        #expect(events.last?.timestampNs == Int64(UInt64.ms(1995)))
    }

    @Test func `from a time on shows the events at and after it`() {
        let steps = packets((1...20).map { (.ms($0 * 100), [.ms($0 * 100 - 60), .ms($0 * 100 - 5)]) })
        for startMs in [0, 595, 596, 600, 1940, 5000] as [Int64] {
            let session = RelayScript.session(endsAtNs: .ms(2200), streams: [steps])
            let trial = CoordinatorTrial([RelayScript(sessions: [session])], start: .at(ns: startMs * 1_000_000))
            trial.run(untilNs: .ms(4000))
            var expected: [Int64] = []
            for number in Int64(1)...20 { expected += [number * 100 - 60, number * 100 - 5] }
            #expect(trial.events.map { $0.timestampNs / 1_000_000 } == expected.filter { $0 >= startMs })
            #expect(trial.losses.isEmpty)
        }
    }

    @Test func `discarded events and lost packets are said`() {
        let first = TinyTrace.packet(from: 0, to: .ms(100), events: [.ms(10)], number: 0, offset: 0)
        let second = TinyTrace.packet(
            from: .ms(100),
            to: .ms(200),
            events: [.ms(110)],
            number: 3,
            discarded: 5,
            offset: 72
        )
        let steps: [(atNs: UInt64, step: ScriptedStream.Step)] = [
            (.ms(100), .packet(first.index, first.bytes)), (.ms(200), .packet(second.index, second.bytes)),
        ]
        let trial = CoordinatorTrial([
            RelayScript(sessions: [RelayScript.session(endsAtNs: .ms(300), streams: [steps])])
        ])
        trial.run(untilNs: .ms(2000))
        #expect(trial.losses.map(\.unit) == [.packets, .events])
        #expect(trial.losses.map(\.count) == [2, 5])
        #expect(trial.losses.last?.fromNs == Int64(UInt64.ms(100)))
        #expect(trial.losses.last?.toNs == Int64(UInt64.ms(200)))
    }
}

extension RelayScript {
    /// A relay whose streams write something every period, by a rule that follows from `number`.
    init(hosts number: Int) {
        let streams = (0..<3).map { stream in
            packets(
                (1...25).map { period in
                    let end = UInt64.ms(UInt64(period) * 100 + UInt64(stream * 13 + number * 7))
                    let count = (period * (stream + 2) + number) % 5
                    return (end, (0..<count).map { end - .ms(60) + UInt64($0) * 1_000_003 })
                }
            )
        }
        self.init(
            sessions: [RelayScript.session(host: "host-\(number)", uuidByte: UInt8(number + 1), streams: streams)])
    }
}
