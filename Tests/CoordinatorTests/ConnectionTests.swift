import Coordinator
import Feed
import LTTngLive
import SimulatedRelay
import Testing

/// What is said of connections that are not to be had, and how often they are tried.
@Suite struct ConnectionTests {
    private static let steady = packets((1...10).map { (.ms($0 * 100), [.ms($0 * 100 - 50)]) })

    @Test func `a session whose connection cannot be opened is said so once for each reason`() {
        let session = RelayScript.session(endsAtNs: .ms(90_000), streams: [Self.steady])
        let trial = CoordinatorTrial([RelayScript(sessions: [session])], lifetime: .service)
        trial.sessionRefusal = "connection refused"
        trial.run(untilNs: .ms(20_000))
        let refused = "session host/session: cannot connect: connection refused; trying again"
        #expect(trial.notes.filter { $0.level == .warning }.map(\.text) == [refused])
        #expect(trial.relayReasons(0) == [refused])
        trial.sessionRefusal = "no route to host"
        trial.run(untilNs: .ms(40_000))
        let unreachable = "session host/session: cannot connect: no route to host; trying again"
        #expect(trial.relayReasons(0) == [refused, unreachable])
        #expect(trial.relayStates(0).last == .quiet)
        trial.sessionRefusal = nil
        trial.run(untilNs: .ms(60_000))
        #expect(trial.events.count == 10)
        #expect(trial.relayReasons(0) == [refused, unreachable])
    }

    @Test func `a relay that never answers is asked less and less, and is said so once`() {
        let mute = RelayScript(faults: [.silence(0..<UInt64.ms(400_000))])
        let trial = CoordinatorTrial([mute], lifetime: .service)
        trial.run(untilNs: .ms(300_000))
        // An attempt takes 5 s until it is given up, and 2.5 ... 5 s go by until the next.
        #expect((30...42).contains(trial.sendCounts[0]), "\(trial.sendCounts[0]) attempts")
        let warnings = trial.notes.filter { $0.level == .warning }.map(\.text)
        #expect(warnings.count == 1)
        #expect(warnings.first?.hasPrefix("does not answer as a relay: no reply within 5 s") == true)
        #expect(trial.relayReasons(0) == warnings)
    }

    @Test func `a relay that cannot be reached any more is said so once for each reason`() {
        let session = RelayScript.session(streams: [Self.steady])
        let relay = RelayScript(sessions: [session], faults: [.down(.ms(1000)..<(.ms(60_000)))])
        let trial = CoordinatorTrial([relay], lifetime: .service)
        trial.run(untilNs: .ms(50_000))
        let warnings = trial.notes.filter { $0.level == .warning }.map(\.text)
        #expect(
            warnings == [
                "connection lost: the relay closed the connection; trying again",
                "cannot connect: connection refused; trying again",
            ]
        )
    }

    @Test func `a relay that has answered before is not asked whether it is one`() {
        let session = RelayScript.session(streams: [Self.steady])
        let relay = RelayScript(sessions: [session], faults: [.silence(.ms(1000)..<(.ms(20_000)))])
        let trial = CoordinatorTrial([relay], lifetime: .service)
        trial.run(untilNs: .ms(7000))
        let lost = trial.notes.map(\.text).filter { $0.contains("lost: no reply within 5 s (answering ") }
        #expect(!lost.isEmpty)
        #expect(!trial.notes.contains { $0.text.contains("lost: ") && $0.text.contains("is it an lttng-relayd?") })
        // A new connection's CONNECT goes unanswered.
        trial.run(untilNs: .ms(15_000))
        #expect(trial.notes.contains { $0.text.contains("within 5 s: is it an lttng-relayd? (answering CONNECT") })
    }

    @Test func `a relay that is lost while it catches up is not said to be silent`() {
        let long = packets((1...90).map { (.ms($0 * 100), [.ms($0 * 100 - 50)]) })
        let trial = CoordinatorTrial(
            [
                RelayScript(sessions: [RelayScript.session(host: "a", streams: [long])]),
                RelayScript(
                    sessions: [RelayScript.session(host: "b", uuidByte: 2, streams: [long])],
                    faults: [.silence(.ms(1000)..<(.ms(4000))), .down(.ms(4500)..<(.ms(4600)))]
                ),
            ],
            stallAfterNs: .ms(1000),
            lifetime: .service,
            delayNs: .ms(20)
        )
        trial.run(untilNs: .ms(8000))
        #expect(trial.relayReasons(1).contains("lost again before it caught up: the feed goes on without it"))
        #expect(!trial.relayReasons(1).contains { $0.contains("silent for 0 ms") })
    }
}
