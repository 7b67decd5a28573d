import Coordinator
import Feed
import LTTngLive
import SimulatedRelay
import Testing

@Suite struct RelayFaultTests {
    private let steady = packets((1...10).map { (.ms($0 * 100), [.ms($0 * 100 - 50)]) })

    @Test func `a relay that cannot be reached is reported, and the rest is merged`() {
        let trial = CoordinatorTrial([
            RelayScript(sessions: [RelayScript.session(endsAtNs: .ms(1100), streams: [steady])]),
            RelayScript(faults: [.down(0..<UInt64.ms(60_000))]),
        ])
        trial.run(untilNs: .ms(20_000))
        #expect(trial.events.count == 10)
        #expect(trial.report?.unreachable == ["relay-1: connection refused"])
    }

    @Test func `a relay that dies mid-packet is attached again, and nothing is lost or repeated`() {
        for bytes in stride(from: UInt64(9_000), to: 16_000, by: 333) {
            let trial = CoordinatorTrial([
                RelayScript(
                    sessions: [RelayScript.session(endsAtNs: .ms(1100), streams: [steady])],
                    faults: [.cut(afterBytes: bytes)]
                )
            ])
            trial.run(untilNs: .ms(20_000))
            #expect(
                trial.events.map(\.timestampNs) == (1...10).map { Int64(UInt64.ms($0 * 100 - 50)) },
                "cut at \(bytes)"
            )
            #expect(trial.losses.isEmpty)
            #expect(trial.report == FinishReport())
        }
    }

    @Test func `a session that another viewer holds is tried again and given up`() {
        var session = RelayScript.session(endsAtNs: .ms(60_000), streams: [steady])
        session.isHeldUntilNs = .ms(60_000)
        let trial = CoordinatorTrial([RelayScript(sessions: [session])])
        trial.run(untilNs: .ms(20_000))
        #expect(trial.sessionStates.first == .held)
        #expect(trial.report?.held == ["relay-0: host/session"])
    }

    @Test func `a session that another viewer frees is taken over`() {
        var session = RelayScript.session(endsAtNs: .ms(8_000), streams: [steady])
        session.isHeldUntilNs = .ms(2_500)
        let trial = CoordinatorTrial([RelayScript(sessions: [session])])
        trial.run(untilNs: .ms(20_000))
        #expect(trial.sessionStates == [.held, .active, .ended])
        #expect(trial.events.count == 10)
    }

    @Test func `a relay without a matching session is reported`() {
        let trial = CoordinatorTrial([RelayScript()])
        trial.run(untilNs: .ms(20_000))
        #expect(trial.report?.withoutSession == ["relay-0"])
    }

    @Test func `a session that is not live is left alone`() {
        var session = RelayScript.session(streams: [steady])
        session.session.liveTimerUs = 0
        let trial = CoordinatorTrial([RelayScript(sessions: [session])])
        trial.run(untilNs: .ms(20_000))
        #expect(trial.report?.withoutSession == ["relay-0"])
        #expect(trial.sessionStates.isEmpty)
    }

    /// Relay daemons before 2.14 drop what is unread when a stream is closed.
    @Test(arguments: [(minor: UInt32(13), losses: 1), (minor: 14, losses: 0)])
    func `a stream that ends without data is reported lost where the relay may have dropped it`(
        _ relay: (minor: UInt32, losses: Int)
    ) {
        let trial = CoordinatorTrial([
            RelayScript(
                sessions: [
                    RelayScript.session(endsAtNs: .ms(1100), streams: [steady, [(.ms(350), .hangUp)]])
                ],
                version: RelayVersion(minor: relay.minor)
            )
        ])
        trial.run(untilNs: .ms(20_000))
        #expect(trial.events.count == 10)
        #expect(trial.losses.count == relay.losses)
        #expect(trial.losses.allSatisfy { $0.reason.hasPrefix("the stream ended before a packet of it could be read") })
        #expect(trial.losses.allSatisfy { $0.unit == .events && $0.count == nil })
        let streams = trial.records.compactMap { if case .stream(let stream) = $0 { stream.id } else { nil } }
        #expect(trial.losses.allSatisfy { streams.contains($0.streamID ?? 0) }, "declared before the loss")
    }

    @Test func `metadata that does not parse costs its trace only`() {
        let broken = RelayScript.session(
            host: "broken",
            id: 2,
            firstStream: 11,
            metadata: Array("/* CTF 1.8 */ trace { major = ; };".utf8),
            endsAtNs: .ms(1100),
            streams: [steady]
        )
        let good = RelayScript.session(host: "good", endsAtNs: .ms(1100), streams: [steady])
        let trial = CoordinatorTrial([RelayScript(sessions: [broken, good])])
        trial.run(untilNs: .ms(20_000))
        #expect(trial.events.map(\.host) == Array(repeating: "good", count: 10))
        #expect(trial.losses.compactMap(\.count).reduce(0, +) == 10)
        #expect(trial.report?.damaged.count == 1)
        #expect(trial.report?.damaged.first?.contains("broken/session") == true)
    }

    @Test func `a trace that cannot be decoded holds nobody back, though its session goes on`() {
        let broken = RelayScript.session(
            host: "broken",
            metadata: Array("trace { major = ; };".utf8),
            streams: [steady]
        )
        let good = RelayScript.session(host: "good", endsAtNs: .ms(1100), streams: [steady])
        let trial = CoordinatorTrial(
            [RelayScript(sessions: [broken]), RelayScript(sessions: [good])],
            lifetime: .service
        )
        trial.run(untilNs: .ms(5_000))
        #expect(trial.events.map(\.host) == Array(repeating: "good", count: 10))
        #expect(!trial.relayStates(0).contains(.excluded))
    }

    @Test func `a session made anew under its old name is another session`() {
        let first = RelayScript.session(endsAtNs: .ms(1000), streams: [steady])
        let later = packets((11...20).map { (.ms($0 * 100), [.ms($0 * 100 - 50)]) }, startNs: .ms(1000))
        var second = RelayScript.session(id: 2, firstStream: 11, uuidByte: 2, endsAtNs: .ms(2100), streams: [later])
        second.appearsAtNs = .ms(1005)
        let trial = CoordinatorTrial([RelayScript(sessions: [first, second])], lifetime: .service)
        trial.run(untilNs: .ms(6_000))
        #expect(trial.events.map(\.timestampNs) == (1...20).map { Int64(UInt64.ms($0 * 100 - 50)) })
        #expect(trial.sessionStates.filter { $0 == .active }.count == 2)
        #expect(trial.sessionStates.filter { $0 == .ended }.count == 2)
        #expect(trial.losses.isEmpty)
    }

    @Test func `a lost session that another viewer took meanwhile is given up`() {
        var session = RelayScript.session(endsAtNs: .ms(60_000), streams: [steady])
        session.isHeldUntilNs = 0
        var other = session
        other.isHeldUntilNs = .ms(60_000)
        // The relay restarts after half a second, and by then the session is somebody else's.
        let before = RelayScript(sessions: [session], faults: [.down(UInt64.ms(500)..<UInt64.ms(700))])
        let trial = CoordinatorTrial([before])
        trial.run(untilNs: .ms(450))
        trial.replaceRelay(0, by: RelayScript(sessions: [other], faults: [.down(UInt64.ms(500)..<UInt64.ms(700))]))
        trial.run(untilNs: .ms(30_000))
        #expect(trial.report?.held == ["relay-0: host/session"])
        #expect(trial.sessionStates.contains(.lost))
    }

    @Test func `metadata that comes late holds its stream, and nothing is late`() {
        let late = RelayScript.session(
            host: "late",
            uuidByte: 2,
            metadataAtNs: .ms(450),
            endsAtNs: .ms(1100),
            streams: [steady]
        )
        let trial = CoordinatorTrial([
            RelayScript(sessions: [RelayScript.session(host: "a", endsAtNs: .ms(1100), streams: [steady])]),
            RelayScript(sessions: [late]),
        ])
        trial.run(untilNs: .ms(20_000))
        #expect(trial.events.count == 20)
        #expect(trial.events.allSatisfy { $0.lateNs == 0 })
    }

    @Test func `a silent relay is excluded after its grace time, and its events are late when it returns`() {
        let long = packets((1...60).map { (.ms($0 * 100), [.ms($0 * 100 - 50)]) })
        let trial = CoordinatorTrial(
            [
                RelayScript(sessions: [RelayScript.session(host: "a", endsAtNs: .ms(6500), streams: [long])]),
                RelayScript(
                    sessions: [RelayScript.session(host: "b", uuidByte: 2, endsAtNs: .ms(6500), streams: [long])],
                    faults: [.silence(UInt64.ms(1000)..<UInt64.ms(4000))]
                ),
            ],
            stallAfterNs: .ms(1000)
        )
        trial.run(untilNs: .ms(30_000))
        #expect(trial.relayStates(1).contains(.excluded))
        #expect(trial.relayStates(1).contains(.rejoining))
        let events = trial.events
        #expect(events.count == 120)
        #expect(events.contains { $0.host == "b" && $0.lateNs > 0 })
        #expect(events.allSatisfy { $0.host == "b" || $0.lateNs == 0 })
        #expect(events.last { $0.host == "b" }?.lateNs == 0)
    }

    @Test func `without a grace time the feed waits, and nothing is late`() {
        let long = packets((1...60).map { (.ms($0 * 100), [.ms($0 * 100 - 50)]) })
        let trial = CoordinatorTrial([
            RelayScript(sessions: [RelayScript.session(host: "a", endsAtNs: .ms(6500), streams: [long])]),
            RelayScript(
                sessions: [RelayScript.session(host: "b", uuidByte: 2, endsAtNs: .ms(6500), streams: [long])],
                faults: [.silence(UInt64.ms(1000)..<UInt64.ms(4000))]
            ),
        ])
        trial.run(untilNs: .ms(30_000))
        #expect(trial.events.count == 120)
        #expect(trial.events.allSatisfy { $0.lateNs == 0 })
        #expect(
            trial.records.contains { if case .holder(let holder) = $0 { holder.relay == "relay-1" } else { false } }
        )
    }
}
