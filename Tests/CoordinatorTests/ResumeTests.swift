import Coordinator
import Feed
import LTTngLive
import SimulatedRelay
import Testing

/// Lost connections and restarted relays. Scenarios 15 and 18, on simulated relays.
@Suite struct ResumeTests {
    private static func steady(_ range: ClosedRange<UInt64>) -> [(atNs: UInt64, step: ScriptedStream.Step)] {
        packets(range.map { (.ms($0 * 100), [.ms($0 * 100 - 50)]) }, startNs: .ms((range.lowerBound - 1) * 100))
    }

    private static func times(_ range: ClosedRange<UInt64>) -> [Int64] {
        range.map { Int64(UInt64.ms($0 * 100 - 50)) }
    }

    @Test func `a restarted relay's session of the same numbers and names is another one`() {
        let old = RelayScript.session(streams: [Self.steady(1...60)])
        let new = RelayScript.session(uuidByte: 2, endsAtNs: .ms(2100), streams: [Self.steady(11...20)])
        let trial = CoordinatorTrial([RelayScript(sessions: [old])], lifetime: .service)
        trial.run(untilNs: .ms(1050))
        trial.replaceRelay(0, by: RelayScript(sessions: [new]))
        trial.run(untilNs: .ms(6000))
        #expect(trial.events.map(\.timestampNs) == Self.times(1...20))
        #expect(trial.sessionStates == [.active, .active, .lost, .active, .ended])
        #expect(trial.losses.map(\.count) == [nil])
        #expect(trial.losses.first?.reason.contains("started anew") == true)
        // Two traces in the feed, each with its own metadata from its beginning.
        #expect(Set(trial.metadata.keys) == [1, 2])
        #expect(trial.metadata[1] == TinyTrace.metadata(uuidByte: 1))
        #expect(trial.metadata[2] == TinyTrace.metadata(uuidByte: 2))
        #expect(trial.endedTraces == [1, 2])
    }

    @Test func `the same session found again goes on under its number`() {
        let session = RelayScript.session(endsAtNs: .ms(2100), streams: [Self.steady(1...20)])
        let trial = CoordinatorTrial([RelayScript(sessions: [session])], lifetime: .service)
        trial.run(untilNs: .ms(1050))
        trial.replaceRelay(0, by: RelayScript(sessions: [session]))
        trial.run(untilNs: .ms(6000))
        #expect(trial.events.map(\.timestampNs) == Self.times(1...20))
        #expect(trial.sessionStates == [.active, .active, .ended])
        #expect(trial.losses.isEmpty)
        #expect(trial.metadata[1] == TinyTrace.metadata(uuidByte: 1))
        #expect(trial.endedTraces == [1])
    }

    /// Packets at one instant: what the end of the last one taken cannot tell apart, its number can.
    @Test(arguments: 1...5) func `packets that end at one time are each taken once`(taken: Int) {
        let at = UInt64.ms(500)
        var steps = Self.steady(1...4)
        var offset: UInt64 = 4 * 72
        for number in 0..<5 {
            let packet = TinyTrace.packet(
                from: number == 0 ? .ms(400) : at,
                to: at,
                events: number == 2 ? [] : [at],
                number: 4 + UInt64(number),
                offset: offset
            )
            offset += UInt64(packet.bytes.count)
            // The relay had `taken` of them before the connection was lost.
            steps.append((number < taken ? at : .ms(1000), .packet(packet.index, packet.bytes)))
        }
        let session = RelayScript.session(endsAtNs: .ms(1200), streams: [steps])
        let trial = CoordinatorTrial([RelayScript(sessions: [session])])
        trial.run(untilNs: .ms(800))
        trial.replaceRelay(0, by: RelayScript(sessions: [session]))
        trial.run(untilNs: .ms(10_000))
        #expect(trial.events.map(\.timestampNs) == Self.times(1...4) + Array(repeating: Int64(at), count: 4))
        #expect(trial.losses.isEmpty)
    }

    @Test func `a packet that is missing before one without events is said, also after a lost connection`() {
        var steps = Self.steady(1...3)
        func add(_ number: UInt64, to end: UInt64, events: [UInt64]) {
            let offset = 1000 * number
            let packet = TinyTrace.packet(from: .ms(300), to: end, events: events, number: number, offset: offset)
            steps.append((end, .packet(packet.index, packet.bytes)))
        }
        // Number 3 is not there.
        add(4, to: .ms(500), events: [])
        add(5, to: .ms(1500), events: [.ms(1400)])
        let session = RelayScript.session(endsAtNs: .ms(2000), streams: [steps])
        let trial = CoordinatorTrial([RelayScript(sessions: [session], faults: [.down(.ms(800)..<(.ms(900)))])])
        trial.run(untilNs: .ms(10_000))
        #expect(trial.events.map(\.timestampNs) == Self.times(1...3) + [Int64(UInt64.ms(1400))])
        #expect(trial.losses.map(\.count) == [1])
        #expect(trial.losses.map(\.unit) == [.packets])
    }

    @Test func `a packet that the relay cannot give is said to be lost once`() {
        var steps = Self.steady(1...10)
        guard case .packet(var index, let bytes) = steps[4].step else { return }
        // GET_PACKET at this place serves another packet's bytes.
        index.timestampBegin += 1
        steps[4].step = .packet(index, bytes)
        let session = RelayScript.session(endsAtNs: .ms(1200), streams: [steps])
        let trial = CoordinatorTrial([RelayScript(sessions: [session])])
        trial.run(untilNs: .ms(10_000))
        #expect(trial.events.count == 9)
        #expect(trial.losses.map(\.count) == [1])
    }

    @Test func `a session that ended before it could be attached is lost`() {
        // Listed when the coordinator asks first, and gone by the time it asks to attach.
        let brief = RelayScript.session(endsAtNs: .ms(15), streams: [[]])
        let trial = CoordinatorTrial([RelayScript(sessions: [brief])], lifetime: .service, delayNs: .ms(2))
        trial.run(untilNs: .ms(5000))
        #expect(trial.losses.map(\.sessionID) == [1])
        #expect(trial.sessionStates.isEmpty)
    }
}
