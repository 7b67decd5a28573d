import Coordinator
import Feed
import LTTngLive
import SimulatedRelay
import Testing

/// A tracing session's domains, of which a relay shows a session each; the kernel's and the 32-bit one are not to be
/// had without a kernel tracer and a 32-bit program.
@Suite struct DomainScenarios {
    private enum Domain: CaseIterable {
        case kernel, ust32, ust64

        var environment: String {
            switch self {
            case .kernel: "domain = \"kernel\";"
            case .ust32: "domain = \"ust\"; architecture_bit_width = 32;"
            case .ust64: "domain = \"ust\"; architecture_bit_width = 64;"
            }
        }
        var number: UInt64 {
            switch self {
            case .kernel: 1
            case .ust32: 2
            case .ust64: 3
            }
        }
    }

    /// A domain's session, with an event each 100 ms in each of its streams, at the beginning of each packet.
    private func session(
        _ domain: Domain,
        id: UInt64? = nil,
        created: String = "20260101T000000",
        clock: String = "11111111-1111-1111-1111-111111111111",
        fromMs: UInt64 = 0,
        throughMs: UInt64 = 3000,
        endsAtMs: UInt64 = 3200
    ) -> ScriptedSession {
        let offset = domain.number * 7
        let steps = packets(
            stride(from: fromMs + 100, through: throughMs, by: 100).map { (.ms($0 + offset), [.ms($0 - 99 + offset)]) },
            startNs: .ms(fromMs + offset)
        )
        let number = id ?? domain.number
        let text = String(
            decoding: TinyTrace.metadata(
                uuidByte: UInt8(number),
                environment: "\(domain.environment) trace_creation_datetime = \"\(created)\";"
            ),
            as: UTF8.self
        )
        let metadata = text.replacing("env { domain = \"ust\"; ", with: "env { ")
            .replacing("name = \"monotonic\";", with: "name = \"monotonic\"; uuid = \"\(clock)\";")
        var session = RelayScript.session(
            host: "web",
            name: "s",
            id: number,
            firstStream: number * 10,
            metadataAtNs: .ms(fromMs),
            metadata: Array(metadata.utf8),
            endsAtNs: .ms(endsAtMs),
            streams: [steps, steps]
        )
        session.appearsAtNs = .ms(fromMs)
        return session
    }

    @Test func `scenario 25: kernel, 32-bit and 64-bit programs of a session are merged as one`() {
        let sessions = [session(.ust64, endsAtMs: 5000), session(.kernel), session(.ust32)]
        let trial = CoordinatorTrial([RelayScript(sessions: sessions)])
        let watch = FeedWatch(trial)
        trial.run(untilNs: .ms(20_000))
        #expect(trial.events.count == 3 * 2 * 30)
        #expect(watch.violations == [])
        #expect(watch.lateCount == 0)
        #expect(trial.sessionStates.count { $0 == .ended } == 3)
        // The last of them ends the session; the others say that it goes on.
        let goingOn = trial.sessionEnds.filter { $0.contains("the session goes on") }
        #expect(goingOn.count == 2)
        #expect(trial.report == FinishReport())
    }

    @Test func `scenario 25: several users of a session have a trace each, merged in order`() {
        var session = RelayScript.session(host: "web", name: "s", endsAtNs: .ms(2200), streams: [])
        session.streams = (0..<UInt64(3)).flatMap { user -> [ScriptedStream] in
            var other = RelayScript.session(
                id: user + 1,
                firstStream: user * 10 + 1,
                uuidByte: UInt8(user) + 1,
                streams: [steadyPackets(throughMs: 2000), steadyPackets(throughMs: 2000)]
            )
            for index in other.streams.indices { other.streams[index].stream.path = "ust/uid/\(1000 + user)/64-bit" }
            return other.streams
        }
        let trial = CoordinatorTrial([RelayScript(sessions: [session])])
        let watch = FeedWatch(trial)
        trial.run(untilNs: .ms(20_000))
        #expect(trial.events.count == 3 * 2 * 20)
        #expect(watch.violations == [])
        #expect(watch.lateCount == 0)
        let traces = trial.records.compactMap { if case .trace(let trace) = $0 { trace.path } else { nil } }
        #expect(traces.sorted() == (0..<3).map { "ust/uid/\(1000 + $0)/64-bit" })
        #expect(trial.report == FinishReport())
    }

    @Test(arguments: [1, 5, 40, 300, 1500] as [UInt64])
    func `scenario 26: domains that a relay shows moments later are found and merged`(laterMs: UInt64) {
        let sessions = [
            session(.kernel), session(.ust32, fromMs: laterMs), session(.ust64, fromMs: 2 * laterMs),
        ]
        let trial = CoordinatorTrial([RelayScript(sessions: sessions)])
        let watch = FeedWatch(trial)
        trial.run(untilNs: .ms(20_000))
        let counts = sessions.map { session in
            session.streams.flatMap(\.steps).count { if case .packet = $0.step { true } else { false } }
        }
        #expect(trial.events.count == counts.reduce(0, +))
        #expect(trial.sessionStates.count { $0 == .active } == 3)
        #expect(watch.violations == [])
        #expect(watch.lateCount == 0)
        #expect(trial.report == FinishReport())
    }

    @Test func `scenario 27: two machines with the same names on one relay are two sessions, with a clock each`() {
        let sessions = [
            session(.ust64, id: 1),
            session(
                .ust64,
                id: 2,
                created: "20260101T000007",
                clock: "22222222-2222-2222-2222-222222222222",
                throughMs: 4000,
                endsAtMs: 4200
            ),
        ]
        let trial = CoordinatorTrial([RelayScript(sessions: sessions)])
        let watch = FeedWatch(trial)
        trial.run(untilNs: .ms(20_000))
        #expect(trial.events.count == 2 * 30 + 2 * 40)
        #expect(watch.violations == [])
        #expect(watch.lateCount == 0)
        #expect(trial.sessionStates.count { $0 == .active } == 2)
        #expect(trial.sessionEnds.count == 2)
        #expect(!trial.sessionEnds.contains { $0.contains("the session goes on") })
        #expect(trial.report == FinishReport())
    }
}
