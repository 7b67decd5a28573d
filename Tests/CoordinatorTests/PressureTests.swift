import CTF
import Coordinator
import Feed
import LTTngLive
import SimulatedRelay
import Testing

@Suite struct PressureTests {
    @Test func `a consumer without room stops the asking, and nothing is lost`() {
        let steps = packets(bursts(200, everyMs: 10, events: 20, beforeMs: 5))
        var limits = CoordinatorLimits()
        limits.pendingBytesMax = 10_000
        let trial = CoordinatorTrial(
            [RelayScript(sessions: [RelayScript.session(endsAtNs: .ms(2100), streams: [steps])])],
            limits: limits
        )
        trial.setOutputIsHeld(true)
        trial.run(untilNs: .ms(3000))
        #expect(trial.events.isEmpty)
        let sentWhileHeld = trial.sendCounts[0]
        trial.run(untilNs: .ms(10_000))
        #expect(trial.report == nil)
        trial.setOutputIsHeld(false)
        trial.run(untilNs: .ms(30_000))
        #expect(trial.events.count == 4000)
        #expect(trial.losses.isEmpty)
        #expect(trial.report == FinishReport())
        #expect(trial.sendCounts[0] > sentWhileHeld)
    }

    @Test func `batches stay within their bounds, and lose nothing at the cuts`() {
        let steps = packets(bursts(20, everyMs: 100, events: 100, beforeMs: 50))
        var limits = CoordinatorLimits()
        limits.batchEventsMax = 7
        limits.batchBytesMax = 100
        let trial = CoordinatorTrial(
            [RelayScript(sessions: [RelayScript.session(endsAtNs: .ms(2200), streams: [steps, steps])])],
            limits: limits
        )
        trial.run(untilNs: .ms(10_000))
        #expect(trial.events.count == 4000)
        #expect(trial.events.map(\.timestampNs) == trial.events.map(\.timestampNs).sorted())
        for case .events(let group) in trial.records {
            #expect(group.eventCount <= 7)
            #expect(group.order.reduce(0) { $0 + Int($1.count) } == group.eventCount)
            #expect(group.slices.reduce(0) { $0 + $1.eventCount } == group.eventCount)
        }
    }

    @Test func `slices tile their packets`() {
        let steps = packets(bursts(20, everyMs: 100, events: 30, beforeMs: 50))
        var limits = CoordinatorLimits()
        limits.batchEventsMax = 11
        let trial = CoordinatorTrial(
            [RelayScript(sessions: [RelayScript.session(endsAtNs: .ms(2200), streams: [steps, steps])])],
            limits: limits
        )
        trial.run(untilNs: .ms(10_000))
        var ends: [UInt64: UInt64] = [:]
        for case .events(let group) in trial.records {
            for slice in group.slices {
                #expect(slice.opensPacket == (ends[slice.packet.id] == nil))
                #expect(slice.firstBits == ends[slice.packet.id] ?? slice.packet.preamble.firstEventBits)
                ends[slice.packet.id] = slice.endBits
            }
        }
        #expect(ends.count == 40)
        #expect(ends.values.allSatisfy { $0 == UInt64(TinyTrace.preambleBytes + 30 * 16) * 8 })
    }

    @Test func `packets that must all be there at once and do not fit are lost, and the feed goes on`() {
        // No stream says anything before its packet: the watermark waits for all of them.
        let streams = (0..<4).map { _ in packets(bursts(1, everyMs: 100, events: 100, beforeMs: 50)) }
        var limits = CoordinatorLimits()
        limits.pendingBytesMax = 2_500
        limits.urgentBytesMax = 4_000
        let trial = CoordinatorTrial(
            [RelayScript(sessions: [RelayScript.session(endsAtNs: .ms(300), streams: streams)])],
            limits: limits
        )
        trial.run(untilNs: .ms(30_000))
        #expect(trial.events.count == 200)
        #expect(trial.losses.map(\.count) == [1, 1] && trial.losses.allSatisfy { $0.unit == .packets })
        #expect(trial.losses.allSatisfy { $0.reason == "packets of one time of more than 4000 bytes" })
        #expect(trial.report == FinishReport())
    }

    @Test func `a relay has one bound of metadata and of streams for all its connections`() {
        let metadata = TinyTrace.metadata()
        let sessions = (0..<2).map { number in
            RelayScript.session(
                name: "s\(number)",
                id: UInt64(number + 1),
                firstStream: UInt64(number) * 10,
                uuidByte: UInt8(number + 1),
                endsAtNs: .ms(300),
                streams: [packets(bursts(1, everyMs: 100, events: 10, beforeMs: 50))]
            )
        }
        func notes(_ change: (inout CoordinatorLimits) -> Void) -> (notes: [String], events: Int) {
            var limits = CoordinatorLimits()
            change(&limits)
            let trial = CoordinatorTrial([RelayScript(sessions: sessions)], limits: limits)
            trial.run(untilNs: .ms(30_000))
            return (trial.notes.map(\.text).filter { $0.contains("more than") }, trial.events.count)
        }
        let fits = notes { $0.metadataBytesMax = metadata.count * 2 }
        #expect(fits.notes == [] && fits.events == 20)
        let large = notes { $0.metadataBytesMax = metadata.count * 3 / 2 }
        #expect(large.notes.contains { $0.contains("bytes of metadata at once") } && large.events >= 10)
        let many = notes { $0.streamsMax = 1 }
        #expect(many.notes.contains { $0.contains("more than 1 streams at once") } && many.events >= 10)
        #expect(notes { $0.streamsMax = 2 }.notes == [])
    }

    @Test func `an idle feed is asked little`() {
        let steps = packets((1...3).map { (.ms($0 * 100), [.ms($0 * 100 - 50)]) })
        let beacons = (4...600).map { (atNs: UInt64.ms($0 * 100), step: ScriptedStream.Step.beacon(.ms($0 * 100))) }
        let trial = CoordinatorTrial(
            [RelayScript(sessions: [RelayScript.session(streams: [steps + beacons])])],
            lifetime: .service
        )
        trial.run(untilNs: .ms(5_000))
        let before = trial.sendCounts[0]
        trial.run(untilNs: .ms(55_000))
        // A beacon a period of 100 ms: a look or two at each is enough.
        #expect(trial.sendCounts[0] - before <= 50 * 25)
    }
}

/// Packets that each end with a burst of events a nanosecond apart.
private func bursts(
    _ count: UInt64,
    everyMs period: UInt64,
    events: UInt64,
    beforeMs: UInt64
) -> [(atNs: UInt64, events: [UInt64])] {
    (1...count).map { number in
        let first = UInt64.ms(number * period - beforeMs)
        return (.ms(number * period), (0..<events).map { first + $0 })
    }
}
