import Coordinator
import Feed
import Testing

/// Stored streams without a clock: their events leave as they are read, before all that have a time.
@Suite struct TimelessStreamTests {
    /// A trace with a class of streams without a clock, 1, and one with, 2.
    private static func metadata(uuidByte: UInt8?) -> [UInt8] {
        let uuid = uuidByte.map { "uuid = \"0\($0)000000-0000-0000-0000-000000000000\";" } ?? ""
        let text = """
            /* CTF 1.8 */
            typealias integer { size = 32; align = 8; signed = false; } := u32;
            trace {
                major = 1; minor = 8; byte_order = le; \(uuid)
                packet.header := struct { u32 stream_id; u32 stream_instance_id; };
            };
            clock { name = c; freq = 1000000000; };
            stream { id = 1; packet.context := struct { u32 packet_size; }; };
            event { name = "bare"; stream_id = 1; fields := struct { u32 x; }; };
            stream {
                id = 2; packet.context := struct { u32 packet_size; };
                event.header := struct { integer { size = 32; align = 8; map = clock.c.value; } timestamp; };
            };
            event { name = "timed"; stream_id = 2; fields := struct { u32 x; }; };
            """
        return Array(text.utf8)
    }

    private static func packet(class id: UInt64 = 1, instance: UInt64 = 0, _ words: [UInt64]) -> [UInt8] {
        let numbers = [id, instance, UInt64(12 + words.count * 4) * 8] + words
        return numbers.flatMap { StoredPacket.number($0, 4) }
    }

    private func run(_ traces: [StoredTrial], windowBytes: Int = 1 << 20) -> CoordinatorTrial {
        var limits = CoordinatorLimits()
        limits.storedWindowBytes = windowBytes
        let trial = CoordinatorTrial(stored: traces, limits: limits)
        trial.run(untilNs: 0)
        return trial
    }

    @Test func `streams leave one after the other in the order of their ranks, before those with a clock`() {
        let second = StoredTrial(
            metadata: Self.metadata(uuidByte: 2),
            files: [
                Self.packet(class: 2, [5, 10, 7, 11]),
                Self.packet(instance: 9, [20]) + Self.packet(instance: 9, [21, 22]),
                Self.packet(instance: 3, [23]) + Self.packet(instance: 3, [24]),
            ]
        )
        let first = StoredTrial(metadata: Self.metadata(uuidByte: 1), files: [Self.packet([30]) + Self.packet([31])])
        let nameless = StoredTrial(metadata: Self.metadata(uuidByte: nil), files: [Self.packet([40])])
        let trial = run([nameless, second, first])
        #expect(trial.events.map(\.value) == [30, 31, 23, 24, 20, 21, 22, 40, 10, 11])
        #expect(trial.events.allSatisfy { $0.lateNs == 0 })
        #expect(trial.report == FinishReport())
    }

    @Test func `each packet's events leave before the next one is read`() {
        let packets = (0..<200).map { Self.packet([UInt64($0)]) }
        let trial = CoordinatorTrial(
            stored: [StoredTrial(metadata: Self.metadata(uuidByte: 1), files: [packets.flatMap(\.self)])]
        )
        trial.run(untilNs: 0)
        #expect(trial.events.map(\.value) == (0..<200).map { UInt64($0) })
        var eventsBefore: [Int] = []
        let watched = CoordinatorTrial(
            stored: [StoredTrial(metadata: Self.metadata(uuidByte: 1), files: [packets.flatMap(\.self)])],
            takeBatch: { batch in
                for case .events(let group) in batch.records { eventsBefore.append(group.eventCount) }
            }
        )
        watched.run(untilNs: 0)
        #expect(eventsBefore == Array(repeating: 1, count: 200))
        #expect(watched.mostStoredBytes <= 2 * 4096)
    }

    @Test func `a packet of many windows is in memory window by window`() {
        let words = (0..<100_000).map { UInt64($0) }
        var count = 0
        var limits = CoordinatorLimits()
        limits.storedWindowBytes = 4096
        let trial = CoordinatorTrial(
            stored: [StoredTrial(metadata: Self.metadata(uuidByte: 1), files: [Self.packet(words)])],
            limits: limits,
            takeBatch: { batch in for case .events(let group) in batch.records { count += group.eventCount } }
        )
        trial.run(untilNs: 0)
        #expect(count == 100_000)
        #expect(trial.mostStoredBytes <= 4 * 4096)
        #expect(trial.report == FinishReport())
    }

    @Test func `what comes before a fault leaves, and the next stream goes on`() {
        let bad = Self.packet([1]) + Self.packet(class: 7, [2])
        let good = Self.packet(instance: 1, [3])
        let trial = run([StoredTrial(metadata: Self.metadata(uuidByte: 1), files: [bad, good])])
        #expect(trial.events.map(\.value) == [1, 3])
        #expect(trial.report?.damaged.count == 1)
        #expect(trial.losses.count == 1)
    }

    @Test func `a stream that has times after all goes on in the order of time`() {
        let mixed = Self.packet([1]) + Self.packet(class: 2, [20, 2])
        let timed = Self.packet(class: 2, instance: 1, [10, 3, 30, 4])
        let trial = run([StoredTrial(metadata: Self.metadata(uuidByte: 1), files: [mixed, timed])])
        #expect(trial.events.map(\.value) == [1, 3, 2, 4])
        #expect(trial.events.allSatisfy { $0.lateNs == 0 })
    }
}
