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
}
