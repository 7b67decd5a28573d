import Coordinator
import Feed
import LTTngLive
import SimulatedRelay
import Testing

/// Sessions, streams and numbers that a relay gives once more. Each of these was found by a simulated world.
@Suite struct ReattachTests {
    private static func steady(_ range: ClosedRange<UInt64>) -> [(atNs: UInt64, step: ScriptedStream.Step)] {
        packets(range.map { (.ms($0 * 100), [.ms($0 * 100 - 50)]) }, startNs: .ms((range.lowerBound - 1) * 100))
    }

    @Test func `a stream that ended before the connection was lost is not read twice`() {
        var session = RelayScript.session(endsAtNs: .ms(3200), streams: [Self.steady(1...30)])
        let process = TracedProcess(
            number: 1,
            startNs: .ms(200),
            exitNs: .ms(500),
            eventsNs: [.ms(210), .ms(220)],
            value: 99
        )
        session.streams += process.streams
        // The relay still has the closed stream when it is attached again.
        let trial = CoordinatorTrial([RelayScript(sessions: [session], faults: [.down(.ms(1100)..<(.ms(1200)))])])
        trial.run(untilNs: .ms(20_000))
        #expect(trial.events.count { $0.value == 99 } == 2)
        #expect(trial.events.count == 32)
        #expect(trial.losses.isEmpty)
        #expect(trial.report == FinishReport())
    }

    @Test func `what is lost of a session is said in the order of its streams`() {
        let streams = (0..<20).map { _ in Self.steady(1...5) }
        let session = RelayScript.session(streams: streams)
        let trial = CoordinatorTrial([RelayScript(sessions: [session])], lifetime: .service)
        trial.run(untilNs: .ms(550))
        trial.replaceRelay(0, by: RelayScript())
        trial.run(untilNs: .ms(3000))
        let lost = trial.losses.compactMap(\.streamID)
        #expect(lost.count == 20)
        #expect(lost == lost.sorted())
    }

    @Test func `a held session that ends before it could be attached is said to have ended`() {
        var session = RelayScript.session(endsAtNs: .ms(1500), streams: [Self.steady(1...10)])
        session.isHeldUntilNs = .ms(9000)
        let trial = CoordinatorTrial([RelayScript(sessions: [session])], lifetime: .service)
        trial.run(untilNs: .ms(5000))
        #expect(trial.sessionStates == [.held, .ended])
        #expect(trial.losses.map(\.reason) == ["the session ended before it could be attached"])
    }

    /// - Parameter isLostAgain: the connection is lost again before the metadata has told whose the streams are.
    @Test(arguments: [false, true])
    func `nothing is said to be lost of an old session that only the new one has`(isLostAgain: Bool) {
        let old = RelayScript.session(streams: [Self.steady(1...10)])
        let new = RelayScript.session(
            uuidByte: 2,
            metadataAtNs: .ms(2500),
            endsAtNs: .ms(4000),
            streams: [Self.steady(11...20), Self.steady(11...20)]
        )
        let trial = CoordinatorTrial([RelayScript(sessions: [old])], lifetime: .service)
        trial.run(untilNs: .ms(1050))
        let faults: [RelayFault] = isLostAgain ? [.down(.ms(1700)..<(.ms(1800)))] : []
        trial.replaceRelay(0, by: RelayScript(sessions: [new], faults: faults))
        trial.run(untilNs: .ms(8000))
        #expect(trial.events.count == 30)
        #expect(trial.losses.count == 1)
        #expect(trial.sessionStates.filter { $0 == .lost }.count == 1)
    }

    /// A relay that keeps nothing of a stream that has ended, and the stream ends before its trace's metadata comes.
    @Test func `what is lost of a stream that may be of another trace is said of its session`() {
        let old = RelayScript.session(streams: [Self.steady(1...10)])
        let new = RelayScript.session(
            uuidByte: 2,
            metadataAtNs: .ms(2500),
            endsAtNs: .ms(4000),
            streams: [Self.steady(11...20), [(.ms(1800), .hangUp)]]
        )
        let trial = CoordinatorTrial([RelayScript(sessions: [old])], lifetime: .service)
        trial.run(untilNs: .ms(1050))
        trial.replaceRelay(0, by: RelayScript(sessions: [new], version: RelayVersion(minor: 11)))
        trial.run(untilNs: .ms(8000))
        #expect(trial.events.count == 20)
        let early = trial.losses.filter { $0.reason.hasPrefix("the stream ended before a packet of it could be read") }
        #expect(early.map(\.streamID) == [nil])
        #expect(early.map(\.sessionID) == [1])
        let declared = trial.records.compactMap {
            if case .stream(let stream) = $0 { stream.liveStreamID } else { nil }
        }
        #expect(!declared.contains(3))
    }

    /// A relay that is started anew with the old session's numbers and a program of its own, whose value is 99, that is
    /// known before the session is told from the old one; it is down for a while later.
    private func restarted(down: Range<UInt64>) -> CoordinatorTrial {
        let old = RelayScript.session(streams: [Self.steady(1...10)])
        var new = RelayScript.session(
            uuidByte: 9,
            metadataAtNs: .ms(1900),
            endsAtNs: .ms(4000),
            streams: [Self.steady(11...20)]
        )
        let process = TracedProcess(
            number: 1,
            startNs: .ms(1000),
            exitNs: .ms(2500),
            eventsNs: [.ms(1110), .ms(2210)],
            value: 99,
            ticksNs: [.ms(1200)]
        )
        new.streams += process.streams
        let trial = CoordinatorTrial([RelayScript(sessions: [old])], lifetime: .service)
        trial.run(untilNs: .ms(1050))
        trial.replaceRelay(0, by: RelayScript(sessions: [new], faults: [.down(down)]))
        trial.run(untilNs: .ms(8000))
        return trial
    }

    @Test func `a program of a new process that is known before its session is has its metadata, and comes once`() {
        let trial = restarted(down: .ms(3000)..<(.ms(3100)))
        #expect(trial.events.count { $0.value == 99 } == 2)
        #expect(trial.events.count == 22)
        for case .events(let group) in trial.records {
            for slice in group.slices {
                #expect(trial.metadata[slice.packet.trace.id]?.isEmpty == false)
            }
        }
    }

    @Test func `a program that came by a connection which could not tell whose it is comes once`() {
        let trial = restarted(down: .ms(1500)..<(.ms(1950)))
        #expect(trial.events.count { $0.value == 99 } == 2)
        #expect(trial.events.count == 22)
        #expect(trial.losses.count == 1)
    }

    @Test func `a session is said to be there behind the end of the one that had its number`() {
        let old = RelayScript.session(streams: [Self.steady(1...20)])
        let new = {
            var session = RelayScript.session(uuidByte: 2, endsAtNs: .ms(5000), streams: [Self.steady(30...40)])
            session.appearsAtNs = .ms(2800)
            return session
        }()
        // The other relay holds the old session's last events back until it ends.
        let holder = RelayScript.session(host: "other", uuidByte: 3, endsAtNs: .ms(6000), streams: [Self.steady(1...5)])
        let trial = CoordinatorTrial(
            [RelayScript(sessions: [old]), RelayScript(sessions: [holder])],
            lifetime: .service
        )
        trial.run(untilNs: .ms(2050))
        trial.replaceRelay(0, by: RelayScript(sessions: [new]))
        trial.run(untilNs: .ms(15_000))
        let states = trial.sessionChanges.filter { $0.relay == "relay-0" }.map(\.state)
        #expect(states == [.active, .lost, .active, .ended])
        #expect(trial.events.count { $0.host == "host" } == 31)
    }

    @Test func `a session that takes the number and names of one that has just ended is attached`() {
        let first = RelayScript.session(endsAtNs: .ms(1010), streams: [Self.steady(1...10)])
        var second = RelayScript.session(
            firstStream: 11,
            uuidByte: 2,
            endsAtNs: .ms(3000),
            streams: [Self.steady(12...20)]
        )
        second.appearsAtNs = .ms(1011)
        let trial = CoordinatorTrial([RelayScript(sessions: [first, second])], lifetime: .service)
        trial.run(untilNs: .ms(8000))
        #expect(trial.events.count == 19)
        #expect(trial.sessionStates == [.active, .ended, .active, .ended])
    }

    /// GET_NEW_STREAMS says ERR once, and the relay's connections are lost later.
    private static func refusing(_ streams: [[(atNs: UInt64, step: ScriptedStream.Step)]]) -> RelayScript {
        RelayScript(
            sessions: [RelayScript.session(streams: streams)],
            faults: [
                .reply(to: .newStreams, number: 100, bytes: [0, 0, 0, 3, 0, 0, 0, 0]),
                .down(.ms(4000)..<(.ms(4100))),
            ]
        )
    }

    @Test func `a session that the relay refused to go on with is not delivered twice`() {
        let trial = CoordinatorTrial([Self.refusing([Self.steady(1...30), Self.steady(1...30)])], lifetime: .service)
        trial.run(untilNs: .ms(3500))
        #expect(trial.sessionStates == [.active, .lost])
        #expect(trial.eventCount > 0)
        #expect(
            trial.losses.map(\.reason)
                == Array(repeating: "not read to its end: the relay refuses to go on", count: 2)
        )
        #expect(trial.losses.allSatisfy { $0.count == nil && $0.unit == .events })
        let before = trial.events
        trial.run(untilNs: .ms(10_000))
        #expect(trial.events == before)
        #expect(trial.losses.count == 2)
    }

    @Test func `a session of a new process comes in full under the number of one that was refused`() {
        let trial = CoordinatorTrial([Self.refusing([Self.steady(1...30)])], lifetime: .service)
        trial.run(untilNs: .ms(3500))
        let before = trial.eventCount
        let new = RelayScript.session(uuidByte: 2, endsAtNs: .ms(6000), streams: [Self.steady(31...50)])
        trial.replaceRelay(0, by: RelayScript(sessions: [new]))
        trial.run(untilNs: .ms(10_000))
        #expect(trial.eventCount == before + 20)
        #expect(trial.sessionStates == [.active, .lost, .active, .ended])
        #expect(trial.losses.count == 1)
    }
}
