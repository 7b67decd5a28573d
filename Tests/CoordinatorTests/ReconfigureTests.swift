import Coordinator
import Feed
import LTTngLive
import SimulatedRelay
import Testing

/// Relays that come, go and change while the feed runs: the others do not notice.
@Suite struct ReconfigureTests {
    private static let ends: UInt64 = .ms(20_100)

    /// An event every 100 ms, 50 ms before its packet ends.
    private func ticking(until endMs: UInt64 = 20_000) -> [(atNs: UInt64, step: ScriptedStream.Step)] {
        packets((1...endMs / 100).map { (.ms($0 * 100), [.ms($0 * 100 - 50)]) })
    }

    private func relay(
        _ host: String,
        _ sessions: [String] = ["session"],
        faults: [RelayFault] = []
    ) -> RelayScript {
        RelayScript(
            sessions: sessions.enumerated().map { number, name in
                RelayScript.session(
                    host: host,
                    name: name,
                    id: UInt64(number) + 1,
                    firstStream: UInt64(number) * 10 + 1,
                    uuidByte: UInt8(number) + 1,
                    endsAtNs: Self.ends,
                    streams: [ticking()]
                )
            },
            faults: faults
        )
    }

    private func service(_ relays: [RelayScript], stallAfterNs: UInt64? = nil) -> CoordinatorTrial {
        CoordinatorTrial(relays, stallAfterNs: stallAfterNs, lifetime: .service)
    }

    private func reasons(_ trial: CoordinatorTrial, _ state: SessionState) -> [String] {
        trial.sessionChanges.filter { $0.state == state }.map(\.reason)
    }

    // MARK: Coming

    @Test func `a relay that is added is merged from then on, and what it has from before is late`() {
        let trial = service([relay("one")])
        trial.run(untilNs: .ms(5000))
        let before = trial.events.count
        #expect(before > 40)
        #expect(trial.addRelay(relay("two")) == 2)
        trial.run(untilNs: .ms(30_000))
        #expect(trial.events.count == 400)
        let late = trial.events.filter { $0.lateNs > 0 }
        #expect((45...52).contains(late.count))
        #expect(late.allSatisfy { $0.host == "two" })
        #expect(trial.losses.isEmpty)
        #expect(trial.relayStates(1).contains(.active))
    }

    @Test func `a relay that is added and does not answer holds nobody`() {
        let trial = service([relay("one")])
        trial.run(untilNs: .ms(5000))
        trial.addRelay(relay("mute", faults: [.silence(0..<UInt64.ms(100_000))]))
        // Long before anybody could have given it up.
        trial.run(untilNs: .ms(6000))
        #expect(trial.events.count > 55)
        trial.run(untilNs: .ms(10_000))
        #expect(trial.events.count > 90)
        #expect(trial.events.allSatisfy { $0.lateNs == 0 })
    }

    // MARK: Going

    @Test func `a relay that is removed ends with its sessions, and the others go on`() {
        let trial = service([relay("one"), relay("two", ["session", "other"])])
        trial.run(untilNs: .ms(5000))
        trial.removeRelay(1)
        #expect(trial.relayNumbers == [0])
        trial.run(untilNs: .ms(30_000))
        #expect(trial.events.count { $0.host == "one" } == 200)
        let left = Dictionary(grouping: trial.events.filter { $0.host == "two" }, by: \.stream).values.map(\.count)
        #expect(left.count == 2 && left.allSatisfy { (45...52).contains($0) }, "\(left)")
        #expect(trial.events.allSatisfy { $0.lateNs == 0 })
        #expect(reasons(trial, .lost) == ["no longer configured", "no longer configured"])
        #expect(trial.losses.map(\.reason) == Array(repeating: "not read to its end: no longer configured", count: 2))
        #expect(trial.losses.allSatisfy { $0.relay == "relay-1" })
        #expect(trial.relayStates(1).last == .ended)
        #expect(trial.relayReasons(1).last == "no longer configured")
        #expect(trial.endedTraces.count == 3)
    }

    @Test func `what a removed relay has delivered leaves in its order before its end is said`() throws {
        // The other holds the watermark: nothing of the removed one has left when it is removed.
        let trial = service([
            relay("one", faults: [.silence(UInt64.ms(1000)..<UInt64.ms(6000))]), relay("two"),
        ])
        trial.run(untilNs: .ms(5000))
        let before = trial.events.count
        trial.removeRelay(1)
        #expect(!trial.relayStates(1).contains(.ended))
        trial.run(untilNs: .ms(30_000))
        #expect(trial.events.count > before + 200)
        #expect(trial.events.allSatisfy { $0.lateNs == 0 })
        #expect(trial.events.map(\.timestampNs) == trial.events.map(\.timestampNs).sorted())
        let ended = trial.records.firstIndex { record in
            if case .relay(let change) = record { change.relay == "relay-1" && change.state == .ended } else { false }
        }
        let lastEvents = trial.records.lastIndex { record in
            guard case .events(let group) = record else { return false }
            return TrialEvent.all(in: group).contains { $0.host == "two" }
        }
        #expect(try #require(ended) > #require(lastEvents))
    }

    @Test func `a relay that holds the feed is removed, and the feed goes on at once`() {
        let trial = service([relay("one"), relay("mute", faults: [.silence(UInt64.ms(1000)..<UInt64.ms(100_000))])])
        trial.run(untilNs: .ms(5000))
        #expect(trial.events.count < 30)
        trial.removeRelay(1)
        #expect(trial.events.count { $0.host == "one" } > 45)
    }

    @Test func `relays come and go often, and leave nothing behind`() {
        let trial = service([relay("one")])
        var numbers: Set<Int> = []
        for round in UInt64(1)...20 {
            let number = trial.addRelay(relay("guest"))
            numbers.insert(number)
            trial.run(untilNs: .ms(round * 500))
            trial.removeRelay(number)
        }
        trial.run(untilNs: .ms(30_000))
        #expect(numbers.count <= 3)
        #expect(trial.connectionCount <= 2)
        let own = trial.events.filter { $0.host == "one" }
        #expect(own.count == 200 && own.allSatisfy { $0.lateNs == 0 })
    }

    @Test func `a relay can be removed before it has answered, and while it is waited for`() {
        let trial = service([relay("one")])
        let mute = trial.addRelay(relay("mute", faults: [.silence(0..<UInt64.ms(100_000))]))
        trial.removeRelay(mute)
        trial.run(untilNs: .ms(2000))
        let absent = trial.addRelay(relay("absent", faults: [.silence(0..<UInt64.ms(100_000))]))
        // Past the viewer's own limit the connection is given up, and the next attempt is waited for.
        trial.run(untilNs: .ms(15_000))
        trial.removeRelay(absent)
        trial.run(untilNs: .ms(30_000))
        #expect(trial.events.count == 200)
        #expect(trial.relayStates(1).last == .ended && trial.relayStates(2).last == .ended)
        #expect(trial.relayNumbers == [0])
    }

    @Test func `the last relay may go and another come`() {
        let trial = service([relay("one")])
        trial.run(untilNs: .ms(3000))
        trial.removeRelay(0)
        trial.run(untilNs: .ms(4000))
        trial.addRelay(relay("two"))
        trial.run(untilNs: .ms(30_000))
        #expect(trial.events.count { $0.host == "two" } == 200)
    }

    // MARK: Changing

    @Test func `another relay under the same name follows the one that was there, whose end is not the name's`() {
        let trial = service([relay("one"), relay("old")])
        trial.run(untilNs: .ms(5000))
        trial.removeRelay(1)
        trial.addRelay(relay("new"), name: "relay-1")
        trial.run(untilNs: .ms(15_000))
        #expect(trial.relayStates(1).last == .active)
        let hosts = trial.sessionChanges.filter { $0.relay == "relay-1" }.map { "\($0.host) \($0.state)" }
        #expect(
            hosts == ["old active", "new active", "old lost"] || hosts == ["old active", "old lost", "new active"]
        )
    }

    @Test
    func `sessions that are not meant any more end, those that are meant now are attached, others are not touched`() {
        let trial = service([relay("host", ["a-1", "b-1", "a-2"])])
        trial.run(untilNs: .ms(3000))
        trial.setSessions(0, "host/a-*")
        trial.run(untilNs: .ms(6000))
        #expect(trial.sessionChanges.filter { $0.state == .lost }.map(\.session) == ["b-1"])
        trial.setSessions(0, "host/*-1")
        trial.run(untilNs: .ms(30_000))
        #expect(trial.sessionChanges.filter { $0.state == .lost }.map(\.session) == ["b-1", "a-2"])
        let active = trial.sessionChanges.filter { $0.state == .active }.map(\.session)
        #expect(active.sorted() == ["a-1", "a-2", "b-1", "b-1"])
        // Of the four times that a stream was begun, one was read from its beginning to its end.
        let counts = Dictionary(grouping: trial.events, by: \.stream).values.map(\.count)
        #expect(counts.contains(200), "\(counts)")
    }

    @Test func `a new grace time is for those who are waited for already`() {
        let trial = service([relay("one"), relay("mute", faults: [.silence(UInt64.ms(1000)..<UInt64.ms(100_000))])])
        trial.run(untilNs: .ms(10_000))
        #expect(!trial.relayStates(1).contains(.excluded))
        #expect(trial.events.count < 30)
        trial.setStallAfter(.ms(2000))
        trial.run(untilNs: .ms(10_100))
        #expect(trial.relayStates(1).contains(.excluded))
        #expect(trial.events.count > 90)
    }
}
