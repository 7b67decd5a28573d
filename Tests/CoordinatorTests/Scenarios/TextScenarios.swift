import Coordinator
import Feed
import LTTngLive
import SimulatedRelay
import Testing

/// What is shown in the end, line by line, however it was served.
@Suite struct TextScenarios {
    /// A session of one trace that gets a second stream at 450 ms, and another trace at 820 ms.
    private var growing: ScriptedSession {
        var session = RelayScript.session(host: "web", endsAtNs: .ms(1300), streams: [numbered(1...12, value: 1)])
        func live(_ id: UInt64, trace: UInt64, isMetadata: Bool = false) -> LiveStream {
            LiveStream(
                id: LiveStreamID(id),
                trace: LiveTraceID(trace),
                isMetadata: isMetadata,
                path: "ust/uid/\(trace)/64-bit",
                channel: isMetadata ? "metadata" : "channel0_\(id)"
            )
        }
        session.streams.append(
            ScriptedStream(live(20, trace: 1), appearsAtNs: .ms(450), steps: numbered(5...12, value: 2, shiftMs: 5))
        )
        session.streams.append(
            ScriptedStream(
                live(30, trace: 3, isMetadata: true),
                appearsAtNs: .ms(820),
                steps: [(.ms(820), .metadata(TinyTrace.metadata(uuidByte: 3)))]
            )
        )
        session.streams.append(
            ScriptedStream(live(31, trace: 3), appearsAtNs: .ms(820), steps: numbered(9...12, value: 3, shiftMs: 11))
        )
        return session
    }

    /// A packet each 100 ms with an event of the value 50 ms before its end.
    private func numbered(
        _ periods: ClosedRange<UInt64>,
        value: UInt64,
        shiftMs: UInt64 = 0
    ) -> [(atNs: UInt64, step: ScriptedStream.Step)] {
        periods.enumerated().map { number, period in
            let end = UInt64.ms(period * 100 + shiftMs)
            let packet = TinyTrace.packet(
                from: end - .ms(100),
                to: end,
                events: [end - .ms(50)],
                number: UInt64(number),
                offset: UInt64(number) * 1000,
                value: value
            )
            return (end, .packet(packet.index, packet.bytes))
        }
    }

    private let expected = """
        0.050 web tiny 1
        0.150 web tiny 1
        0.250 web tiny 1
        0.350 web tiny 1
        0.450 web tiny 1
        0.455 web tiny 2
        0.550 web tiny 1
        0.555 web tiny 2
        0.650 web tiny 1
        0.655 web tiny 2
        0.750 web tiny 1
        0.755 web tiny 2
        0.850 web tiny 1
        0.855 web tiny 2
        0.861 web tiny 3
        0.950 web tiny 1
        0.955 web tiny 2
        0.961 web tiny 3
        1.050 web tiny 1
        1.055 web tiny 2
        1.061 web tiny 3
        1.150 web tiny 1
        1.155 web tiny 2
        1.161 web tiny 3
        """

    private func text(_ trial: CoordinatorTrial) -> String { trial.events.map(\.line).joined(separator: "\n") }

    @Test(arguments: 4...15 as ClosedRange<UInt32>)
    func `scenario 31: streams that appear while the session is read, at any minor version`(minor: UInt32) {
        let script = RelayScript(sessions: [growing], version: RelayVersion(minor: minor))
        let trial = CoordinatorTrial([script])
        trial.run(untilNs: .ms(20_000))
        #expect(text(trial) == expected)
        #expect(trial.events.allSatisfy { $0.lateNs == 0 })
        #expect(trial.losses.isEmpty)
        #expect(trial.report == FinishReport())
    }

    @Test func `scenario 31: metadata in two pieces, cut anywhere, with a class of which events come between`() throws {
        // The second piece declares the class `second`, of which the packet at 600 ms has an event.
        let first = TinyTrace.metadata()
        let second = Array(TinyTrace.eventText(1, name: "second").utf8)
        let whole = first + second
        let lines = (1...9).map { "0.\($0)50 web \($0 == 5 ? "second" : "tiny") 7" }.joined(separator: "\n")
        // What the packets of before need has to be there: no piece ends within the first event class.
        let firstEvent = first.count - TinyTrace.eventText(0, name: "tiny").utf8.count
        let cuts =
            Array(stride(from: 200, to: firstEvent, by: 97)) + Array(stride(from: first.count, to: whole.count, by: 23))
        for cut in cuts {
            var session = RelayScript.session(host: "web", endsAtNs: .ms(1200), streams: [packetsWithSecondClass])
            session.streams[0].steps = [
                (0, .metadata(Array(whole[..<cut]))), (.ms(450), .metadata(Array(whole[cut...]))),
            ]
            let trial = CoordinatorTrial([RelayScript(sessions: [session])])
            trial.run(untilNs: .ms(20_000))
            #expect(
                text(trial) == "0.050 web tiny 7\n" + lines,
                "cut at \(cut) of \(whole.count) \(trial.notes.map(\.text)) \(trial.losses)"
            )
            #expect(trial.events.allSatisfy { $0.lateNs == 0 })
            #expect(trial.losses.isEmpty)
        }
    }

    private var packetsWithSecondClass: [(atNs: UInt64, step: ScriptedStream.Step)] {
        (1...10 as ClosedRange<UInt64>).map { period in
            let packet = TinyTrace.packet(
                from: .ms(period * 100 - 100),
                to: .ms(period * 100),
                events: [.ms(period * 100 - 50)],
                number: period - 1,
                offset: period * 1000,
                event: period == 6 ? 1 : 0
            )
            return (.ms(period * 100), .packet(packet.index, packet.bytes))
        }
    }

    @Test(arguments: [(1, 2_000), (64, 100_000), (1024, 2_000_000), (5000, 20_000_000)] as [(Int, UInt64)])
    func `scenario 31: replies of a limited rate`(bytes: Int, everyNs: UInt64) {
        let script = RelayScript(sessions: [growing], faults: [.split(bytes: bytes, everyNs: everyNs)])
        let trial = CoordinatorTrial([script])
        trial.run(untilNs: .ms(60_000))
        #expect(text(trial) == expected)
        #expect(trial.events.allSatisfy { $0.lateNs == 0 })
        #expect(trial.losses.isEmpty)
    }

    // MARK: LIST

    @Test func `scenario 36: names of any length and a session in CTF 2 are read at minor 15`() {
        let names = [(0, 0), (64, 255), (1, 64)]
        var sessions = names.enumerated().map { number, length in
            RelayScript.session(
                host: String(repeating: "h", count: length.0),
                name: String(repeating: "n", count: length.1),
                id: UInt64(number) + 1,
                firstStream: UInt64(number) * 10 + 1,
                uuidByte: UInt8(number) + 1,
                endsAtNs: .ms(1200),
                streams: [steadyPackets(throughMs: 1000)]
            )
        }
        sessions.append(modern)
        let trial = CoordinatorTrial([RelayScript(sessions: sessions)])
        trial.run(untilNs: .ms(20_000))
        #expect(trial.events.count == 40)
        #expect(trial.events.count { $0.host == "modern" && $0.name == "tiny" && $0.value == 7 } == 10)
        let lengths = Set(trial.sessionChanges.map { "\($0.host.count) \($0.session.count)" })
        #expect(lengths == ["0 0", "64 255", "1 64", "6 7"])
        #expect(trial.losses.isEmpty)
        #expect(trial.report == FinishReport())
    }

    @Test(arguments: 4...14 as ClosedRange<UInt32>)
    func `scenario 36: below minor 15 a session in CTF 2 is not seen`(minor: UInt32) {
        let plain = RelayScript.session(endsAtNs: .ms(1200), streams: [steadyPackets(throughMs: 1000)])
        let script = RelayScript(sessions: [plain, modern], version: RelayVersion(minor: minor))
        let trial = CoordinatorTrial([script])
        trial.run(untilNs: .ms(20_000))
        #expect(Set(trial.sessionChanges.map(\.host)) == ["host"])
        #expect(!trial.notes.contains { $0.text.contains("modern") })
        #expect(trial.events.count == 10)
        #expect(trial.report == FinishReport())
    }

    private var modern: ScriptedSession {
        var session = RelayScript.session(
            host: "modern",
            id: 9,
            firstStream: 90,
            metadata: TinyTrace.metadataOfCTF2,
            endsAtNs: .ms(1200),
            streams: [steadyPackets(throughMs: 1000)]
        )
        session.session.format = .ctf2
        return session
    }
}
