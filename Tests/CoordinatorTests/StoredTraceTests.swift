import Coordinator
import Feed
import LTTngLive
import SimulatedRelay
import Testing

@Suite struct StoredTraceTests {
    /// A file of packets, each ending at a time in milliseconds with events at others.
    private func file(_ packets: [(end: UInt64, events: [UInt64])], firstNumber: UInt64 = 0) -> [UInt8] {
        var begin: UInt64 = 0
        var bytes: [UInt8] = []
        for (index, packet) in packets.enumerated() {
            bytes +=
                TinyTrace.packet(
                    from: begin,
                    to: .ms(packet.end),
                    events: packet.events.map { .ms($0) },
                    number: firstNumber + UInt64(index),
                    offset: 0
                ).bytes
            begin = .ms(packet.end)
        }
        return bytes
    }

    @Test func `files of two traces are merged, whatever their packets' sizes`() {
        let trial = CoordinatorTrial(stored: [
            StoredTrial(path: "a", files: [file((1...50).map { ($0 * 10, [$0 * 10 - 4, $0 * 10]) }), []]),
            StoredTrial(
                path: "b",
                metadata: TinyTrace.metadata(uuidByte: 2),
                files: [file([(500, (1...100).map { $0 * 5 - 3 })]), file([(7, [5, 6]), (500, [])])]
            ),
        ])
        trial.run(untilNs: 0)
        let times = trial.events.map(\.timestampNs)
        #expect(times.count == 202)
        #expect(times == times.sorted())
        #expect(trial.events.allSatisfy { $0.lateNs == 0 })
        #expect(trial.report == FinishReport())
    }

    @Test func `a packet is read only when the feed waits for it`() {
        let trial = CoordinatorTrial(stored: [StoredTrial(files: [file((1...100).map { ($0 * 10, [$0 * 10 - 4]) })])])
        trial.setOutputIsHeld(true)
        let readBefore = trial.readCount
        trial.setOutputIsHeld(false)
        trial.run(untilNs: 0)
        #expect(trial.events.count == 100)
        #expect(readBefore <= 101)
        #expect(trial.readCount <= 102)
    }

    @Test func `a trace and a relay are merged`() {
        let steps = packets((1...10).map { (.ms($0 * 100), [.ms($0 * 100 - 50)]) })
        let trial = CoordinatorTrial(
            [
                RelayScript(sessions: [
                    RelayScript.session(host: "live", uuidByte: 9, endsAtNs: .ms(1100), streams: [steps])
                ])
            ],
            stored: [StoredTrial(files: [file((1...12).map { ($0 * 90, [$0 * 90 - 1]) })])]
        )
        trial.run(untilNs: .ms(5_000))
        #expect(trial.events.count == 22)
        #expect(trial.events.map(\.timestampNs) == trial.events.map(\.timestampNs).sorted())
        #expect(trial.report == FinishReport())
    }

    @Test func `what comes before a fault is delivered, and the fault is named`() {
        let whole = file([(10, [5]), (20, [15, 18]), (30, [25])])
        for missing in [1, 20, 60, 80] {
            let trial = CoordinatorTrial(stored: [StoredTrial(path: "cut", files: [Array(whole.dropLast(missing))])])
            trial.run(untilNs: 0)
            #expect(trial.events.count >= 1)
            #expect(trial.report?.damaged.count == 1)
            #expect(trial.report?.damaged.first?.contains("cut: stream stream-0, packet at byte") == true)
            #expect(trial.losses.contains { $0.unit == .events && $0.count == nil })
        }
    }

    @Test func `metadata that does not parse costs its trace only`() {
        let good = StoredTrial(path: "good", files: [file([(10, [5])])])
        let bad = StoredTrial(path: "bad", metadata: Array("/* CTF 1.8 */ trace { ; ".utf8), files: [file([(10, [6])])])
        let trial = CoordinatorTrial(stored: [bad, good])
        trial.run(untilNs: 0)
        #expect(trial.events.count == 1)
        #expect(trial.report?.damaged.count == 1)
        #expect(trial.report?.damaged.first?.hasPrefix("bad: metadata line 1, column") == true)
    }

    @Test func `a trace without data ends at once`() {
        let trial = CoordinatorTrial(stored: [StoredTrial(files: [])])
        trial.run(untilNs: 0)
        #expect(trial.report == FinishReport())
    }

    @Test func `packets that are missing between two others are said`() {
        let bytes = file([(10, [5])]) + file([(20, [15])], firstNumber: 4)
        let trial = CoordinatorTrial(stored: [StoredTrial(files: [bytes])])
        trial.run(untilNs: 0)
        #expect(trial.losses.map(\.count) == [3])
        #expect(trial.losses.map(\.unit) == [.packets])
    }
}
