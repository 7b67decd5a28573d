import Coordinator
import Feed
import LTTngLive
import SimulatedRelay
import Testing

/// What holds the feed though its relay answers.
@Suite struct SilenceTests {
    private let long = packets((1...200).map { (.ms($0 * 100), [.ms($0 * 100 - 50)]) })

    private func holders(_ trial: CoordinatorTrial) -> [HolderRecord] {
        trial.records.compactMap { if case .holder(let holder) = $0 { holder } else { nil } }
    }

    @Test func `a stream that alone says nothing is left out after a time, and named (scenario 33)`() {
        let session = RelayScript.session(endsAtNs: .ms(20_100), streams: [long, []])
        let trial = CoordinatorTrial([RelayScript(sessions: [session])], stallAfterNs: .ms(4000))
        trial.run(untilNs: .ms(2900))
        #expect(trial.events.isEmpty)
        trial.run(untilNs: .ms(6000))
        #expect(trial.events.count > 40)
        #expect(holders(trial).last?.streamID == 2)
        #expect(!trial.relayStates(0).contains(.excluded))
        trial.run(untilNs: .ms(30_000))
        #expect(trial.events.count == 200)
        #expect(trial.events.allSatisfy { $0.lateNs == 0 })
    }

    @Test func `one that speaks again counts again`() {
        let awake = packets((101...200).map { (.ms($0 * 100), [.ms($0 * 100 - 20)]) }, startNs: .ms(10_000))
        let session = RelayScript.session(endsAtNs: .ms(20_100), streams: [long, awake])
        let trial = CoordinatorTrial([RelayScript(sessions: [session])], stallAfterNs: .ms(4000))
        trial.run(untilNs: .ms(30_000))
        #expect(trial.events.count == 300)
        // What it had from before the watermark is late; then it keeps step.
        #expect(trial.events.filter { $0.lateNs > 0 }.count <= 2)
        #expect(trial.events.last { $0.stream == 3 }?.lateNs == 0)
    }

    @Test func `without a grace time it is waited for, by name (scenario 33)`() {
        let session = RelayScript.session(endsAtNs: .ms(20_100), streams: [long, []])
        let trial = CoordinatorTrial([RelayScript(sessions: [session])])
        trial.run(untilNs: .ms(20_000))
        #expect(trial.events.isEmpty)
        #expect(holders(trial).map(\.streamID) == [2])
    }

    @Test func `a relay that stood still is heard again before a stream of it is left out (scenario 16)`() {
        let session = RelayScript.session(endsAtNs: .ms(20_100), streams: [long, long])
        let trial = CoordinatorTrial(
            [RelayScript(sessions: [session], faults: [.silence(UInt64.ms(1000)..<UInt64.ms(5900))])],
            stallAfterNs: .ms(6000)
        )
        trial.run(untilNs: .ms(30_000))
        #expect(trial.events.count == 400)
        #expect(trial.events.allSatisfy { $0.lateNs == 0 })
        #expect(holders(trial).allSatisfy { $0.heldNs < 5_000_000_000 })
    }

    /// A slow tracer sends metadata in pieces, and all streams of the trace may wait for the next one.
    @Test func `metadata that comes in two pieces after the first packets is asked for until it is whole`() throws {
        var session = RelayScript.session(endsAtNs: .ms(20_100), streams: [long])
        let whole = TinyTrace.metadata()
        let begin = try #require(whole.firstRange(of: Array("stream {".utf8))?.lowerBound)
        session.streams[0].steps = [
            (.ms(300), .metadata(Array(whole[..<begin]))), (.ms(900), .metadata(Array(whole[begin...]))),
        ]
        let trial = CoordinatorTrial([RelayScript(sessions: [session])])
        trial.run(untilNs: .ms(30_000))
        #expect(trial.events.count == 200)
        #expect(trial.events.allSatisfy { $0.lateNs == 0 })
        #expect(trial.losses.isEmpty)
        #expect(!trial.notes.contains { $0.text.contains("no metadata") })
    }

    @Test func `metadata that never comes holds the feed for a time only`() {
        let mute = RelayScript.session(
            host: "mute",
            id: 2,
            firstStream: 11,
            uuidByte: 2,
            metadataAtNs: .ms(1_000_000),
            endsAtNs: .ms(20_100),
            streams: [long]
        )
        let good = RelayScript.session(host: "good", endsAtNs: .ms(20_100), streams: [long])
        let trial = CoordinatorTrial([RelayScript(sessions: [good, mute])])
        trial.run(untilNs: .ms(9_900))
        #expect(trial.events.isEmpty)
        trial.run(untilNs: .ms(12_000))
        #expect(trial.events.count > 100)
        trial.run(untilNs: .ms(60_000))
        #expect(trial.events.count == 200)
        #expect(trial.losses.compactMap(\.count).reduce(0, +) == 200)
        #expect(trial.losses.allSatisfy { $0.host == "mute" })
        #expect(trial.report?.damaged.count == 1)
    }

    @Test func `metadata that comes after that time brings the events late, and loses none`() {
        let slow = RelayScript.session(
            host: "slow",
            id: 2,
            firstStream: 11,
            uuidByte: 2,
            metadataAtNs: .ms(15_000),
            endsAtNs: .ms(20_100),
            streams: [long]
        )
        let good = RelayScript.session(host: "good", endsAtNs: .ms(20_100), streams: [long])
        let trial = CoordinatorTrial([RelayScript(sessions: [good, slow])])
        trial.run(untilNs: .ms(60_000))
        #expect(trial.events.count == 400)
        #expect(trial.losses.isEmpty)
        #expect(trial.events.allSatisfy { $0.host == "slow" || $0.lateNs == 0 })
        #expect(trial.events.contains { $0.host == "slow" && $0.lateNs > 0 })
        #expect(trial.events.last { $0.host == "slow" }?.lateNs == 0)
    }
}
