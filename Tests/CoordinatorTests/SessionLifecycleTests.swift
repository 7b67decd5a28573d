import Coordinator
import EventMerge
import Feed
import LTTngLive
import SimulatedRelay
import Testing

/// How sessions, traces and streams come and go, on simulated relays in virtual time.
@Suite struct SessionLifecycleTests {
    private let steady = packets((1...10).map { (.ms($0 * 100), [.ms($0 * 100 - 50)]) })
    private static let clocks = ["11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"]

    @Test func `two machines of one host name and session name on one relay are two sessions (scenario 27)`() {
        let first = RelayScript.session(endsAtNs: .ms(1100), streams: [steady])
        var second = RelayScript.session(id: 2, firstStream: 11, uuidByte: 2, endsAtNs: .ms(1100), streams: [steady])
        second.machine = 1
        let trial = CoordinatorTrial([RelayScript(sessions: [first, second])])
        trial.run(untilNs: .ms(20_000))
        #expect(trial.events.count == 20)
        #expect(trial.events.allSatisfy { $0.lateNs == 0 })
        #expect(trial.sessionStates == [.active, .active, .ended, .ended])
        #expect(trial.losses.isEmpty)
    }

    @Test func `machines of one host name do not lend each other their clocks (scenario 27)`() {
        // The first machine's clock is 50 s ahead: what it has said proves nothing of a session of the second one.
        func written(_ from: UInt64, aheadNs: UInt64, host: Int, id: UInt64, at: UInt64) -> ScriptedSession {
            let steps = (1...40).map { number -> (atNs: UInt64, step: ScriptedStream.Step) in
                let end = from + .ms(UInt64(number) * 100)
                let packet = TinyTrace.packet(
                    from: end - .ms(100) + aheadNs,
                    to: end + aheadNs,
                    events: [end - .ms(50) + aheadNs],
                    number: UInt64(number),
                    offset: UInt64(number - 1) * 72
                )
                return (end, .packet(packet.index, packet.bytes))
            }
            var session = RelayScript.session(
                name: "session-\(id)",
                id: id,
                firstStream: id * 10,
                metadata: TinyTrace.metadata(uuidByte: UInt8(id), clockUUID: Self.clocks[host]),
                streams: [steps]
            )
            session.appearsAtNs = at
            session.machine = host
            return session
        }
        let trial = CoordinatorTrial(
            [
                RelayScript(sessions: [
                    written(0, aheadNs: .ms(50_000), host: 0, id: 1, at: 0),
                    written(0, aheadNs: 0, host: 1, id: 2, at: 0),
                    written(.ms(1000), aheadNs: 0, host: 1, id: 3, at: .ms(1000)),
                ])
            ],
            lifetime: .service
        )
        trial.run(untilNs: .ms(4000))
        #expect(trial.events.contains { $0.stream == 31 })
        #expect(trial.events.allSatisfy { $0.lateNs == 0 })
    }

    @Test func `a session destroyed and made anew 20 times is there 20 times, each once (scenario 28)`() {
        let sessions = (0..<20).map { generation -> ScriptedSession in
            let start = UInt64.ms(UInt64(generation) * 300)
            let steps = packets((1...2).map { (start + .ms($0 * 100), [start + .ms($0 * 100 - 50)]) }, startNs: start)
            var session = RelayScript.session(
                id: UInt64(generation) + 1,
                firstStream: UInt64(generation) * 10 + 1,
                uuidByte: UInt8(generation + 1),
                endsAtNs: start + .ms(250),
                streams: [steps]
            )
            session.appearsAtNs = start
            return session
        }
        let trial = CoordinatorTrial([RelayScript(sessions: sessions)], lifetime: .service)
        trial.run(untilNs: .ms(10_000))
        let expected = (0..<20).flatMap { generation in
            [50, 150].map { Int64(UInt64.ms(UInt64(generation) * 300 + $0)) }
        }
        #expect(trial.events.map(\.timestampNs) == expected)
        #expect(trial.events.allSatisfy { $0.lateNs == 0 })
        #expect(trial.sessionStates.filter { $0 == .active }.count == 20)
        #expect(trial.sessionStates.filter { $0 == .ended }.count == 20)
        #expect(trial.losses.isEmpty)
    }

    @Test func `a domain that appears late joins its session, and nothing is late (scenarios 25 and 26)`() {
        let environment = #"architecture_bit_width = 64; trace_creation_datetime = "20260101T000000+0000";"#
        let narrow = #"architecture_bit_width = 32; trace_creation_datetime = "20260101T000000+0000";"#
        let long = packets((1...30).map { (.ms($0 * 100), [.ms($0 * 100 - 50)]) })
        let rest = packets((11...30).map { (.ms($0 * 100), [.ms($0 * 100 - 70)]) }, startNs: .ms(1000))
        let first = RelayScript.session(environment: environment, endsAtNs: .ms(3100), streams: [long])
        var second = RelayScript.session(
            id: 2,
            firstStream: 11,
            uuidByte: 2,
            environment: narrow,
            endsAtNs: .ms(3050),
            streams: [rest]
        )
        second.appearsAtNs = .ms(1000)
        let trial = CoordinatorTrial([RelayScript(sessions: [first, second])])
        trial.run(untilNs: .ms(20_000))
        #expect(trial.events.count == 50)
        #expect(trial.events.map(\.timestampNs) == trial.events.map(\.timestampNs).sorted())
        #expect(trial.events.allSatisfy { $0.lateNs == 0 })
        let reasons = trial.records.compactMap { record -> String? in
            guard case .session(let change) = record, change.state == .ended else { return nil }
            return change.reason
        }
        #expect(reasons.contains { $0.contains("the session goes on") })
    }

    @Test func `a rotation holds the watermark until streams can be asked for again`() {
        // The second stream appears in a rotation, with events from before its end.
        let long = packets((1...30).map { (.ms($0 * 100), [.ms($0 * 100 - 50)]) })
        let hidden = packets((12...30).map { (.ms($0 * 100), [.ms($0 * 100 - 90)]) }, startNs: .ms(1100))
        var session = RelayScript.session(endsAtNs: .ms(3100), streams: [long, hidden])
        session.streams[2].appearsAtNs = .ms(1100)
        session.rotations = [UInt64.ms(1050)..<UInt64.ms(1450)]
        let trial = CoordinatorTrial([RelayScript(sessions: [session])])
        trial.run(untilNs: .ms(20_000))
        #expect(trial.events.count == 49)
        #expect(trial.events.allSatisfy { $0.lateNs == 0 })
        #expect(trial.events.map(\.timestampNs) == trial.events.map(\.timestampNs).sorted())
    }

    @Test func `hundreds of short-lived traces leave nothing behind (scenario 39)`() {
        let count: UInt64 = 300
        var streams: [ScriptedStream] = []
        for number in 0..<count {
            let start = UInt64.ms(1000 + number * 100)
            let end = start + .ms(300)
            func live(_ id: UInt64, isMetadata: Bool) -> LiveStream {
                LiveStream(
                    id: LiveStreamID(id),
                    trace: LiveTraceID(number + 1),
                    isMetadata: isMetadata,
                    path: "ust/pid/app-\(number)",
                    channel: isMetadata ? "metadata" : "channel0_0"
                )
            }
            let text = TinyTrace.metadata(uuidByte: UInt8(truncatingIfNeeded: number))
            let packet = TinyTrace.packet(from: start, to: end, events: [start + .ms(10)], offset: 0)
            streams.append(
                ScriptedStream(
                    live(number * 2 + 1, isMetadata: true),
                    appearsAtNs: start,
                    steps: [(0, .metadata(text))]
                )
            )
            streams.append(
                ScriptedStream(
                    live(number * 2 + 2, isMetadata: false),
                    appearsAtNs: start,
                    steps: [(end, .packet(packet.index, packet.bytes)), (end + .ms(1), .hangUp)]
                )
            )
        }
        let session = ScriptedSession(
            ListedSession(id: LiveSessionID(1), liveTimerUs: 1_000_000, hostname: "host", name: "session"),
            streams: streams
        )
        let trial = CoordinatorTrial([RelayScript(sessions: [session])], lifetime: .service, delayNs: 1000)
        trial.run(untilNs: .ms(1000 + count * 100 + 5000))
        #expect(trial.eventCount == Int(count))
        #expect(trial.endedTraces.count == Int(count))
        let sizes = trial.tableSizes
        #expect(sizes.traces == 0 && sizes.streams == 0 && sizes.draining == 0)
        #expect(sizes.viewerPlaces < 100, "\(sizes)")
    }
}
