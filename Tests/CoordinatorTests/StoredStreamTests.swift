import Coordinator
import Feed
import LTTngLive
import Testing

/// Data streams in more than one file: channels that wrap, sessions that were rotated, snapshots.
@Suite struct StoredStreamTests {
    /// What one file with these packets shows.
    private func expected(_ packets: [StoredPacket]) -> [StoredEvent] {
        packets.flatMap { packet in
            packet.events.map { StoredEvent(timestampMs: Int64($0 / 1_000_000), packet: packet.number) }
        }
    }

    private func run(_ traces: [StoredTrial]) -> CoordinatorTrial {
        let trial = CoordinatorTrial(stored: traces)
        trial.run(untilNs: 0)
        return trial
    }

    private func streamCount(_ trial: CoordinatorTrial) -> Int {
        trial.records.count { if case .stream = $0 { true } else { false } }
    }

    private func traceCount(_ trial: CoordinatorTrial) -> Int {
        trial.records.count { if case .trace = $0 { true } else { false } }
    }

    @Test func `the files of a channel that wraps are one stream, in the order of their packets`() {
        let packets = StoredPacket.run(12..<30)
        // The third file was written over first: names do not say which is the oldest.
        let trial = run([
            StoredTrial([
                StoredFileTrial("main_0_0", Array(packets[6..<11])), StoredFileTrial("main_0_1", Array(packets[11...])),
                StoredFileTrial("main_0_2", Array(packets[..<6])),
            ])
        ])
        // Packets share instants where they meet; there only the stream's own order is right.
        #expect(trial.storedEvents == expected(packets))
        #expect(streamCount(trial) == 1)
        #expect(trial.losses.isEmpty)
        #expect(trial.report == FinishReport())
    }

    @Test func `what is missing between files is said once, and no counter is counted again`() {
        var packets = StoredPacket.run(0..<9)
        for index in packets.indices { packets[index].discarded = index < 5 ? 3 : 10 }
        let trial = run([
            StoredTrial([
                StoredFileTrial("main_0_0", Array(packets[7...])), StoredFileTrial("main_0_1", Array(packets[..<3])),
                StoredFileTrial("main_0_2", Array(packets[3..<6])),
            ])
        ])
        #expect(trial.losses.filter { $0.unit == .events }.map(\.count) == [3, 7])
        let missing = trial.losses.filter { $0.unit == .packets }
        #expect(missing.map(\.count) == [1])
        #expect(missing.map(\.fromNs) == [Int64(packets[5].end)] && missing.map(\.toNs) == [Int64(packets[7].begin)])
    }

    @Test func `streams of two instances and of two classes stay apart`() {
        let first = StoredPacket.run(0..<6)
        let second = StoredPacket.run(0..<6, instance: 1)
        let trial = run([
            StoredTrial([
                StoredFileTrial("main_0_0", Array(first[..<3])), StoredFileTrial("main_0_1", Array(first[3...])),
                StoredFileTrial("main_1_0", Array(second[3...])), StoredFileTrial("main_1_1", Array(second[..<3])),
            ])
        ])
        #expect(streamCount(trial) == 2)
        #expect(trial.events.count == 2 * expected(first).count)
        #expect(trial.events.map(\.timestampNs) == trial.events.map(\.timestampNs).sorted())
        #expect(trial.losses.isEmpty)
    }

    @Test func `the archives of a session that was rotated are one trace`() {
        let packets = StoredPacket.run(0..<20)
        let more = "event { id = 1; name = \"more\"; stream_id = 0; };"
        let trial = run([
            StoredTrial(
                path: "2",
                metadata: StoredPacket.metadata(more: more),
                [
                    StoredFileTrial("main_0", Array(packets[12...]))
                ]
            ),
            StoredTrial(path: "0", [StoredFileTrial("main_0", Array(packets[..<5]))]),
            StoredTrial(path: "1", [StoredFileTrial("main_0", Array(packets[5..<12]))]),
        ])
        #expect(trial.storedEvents == expected(packets))
        #expect(traceCount(trial) == 1 && streamCount(trial) == 1)
        #expect(trial.losses.isEmpty)
        let metadata = trial.records.compactMap { if case .metadata(_, let bytes) = $0 { bytes } else { nil } }
        #expect(metadata == [StoredPacket.metadata(more: more)])
    }

    @Test func `traces of one UUID whose metadata contradict each other stay apart`() {
        let packets = StoredPacket.run(0..<4)
        let other = String(decoding: StoredPacket.metadata(), as: UTF8.self)
            .replacing("offset = 0;", with: "offset = 1000000000;")
        let trial = run([
            StoredTrial(path: "0", [StoredFileTrial("main_0", packets)]),
            StoredTrial(path: "1", metadata: Array(other.utf8), [StoredFileTrial("main_0", packets)]),
        ])
        #expect(traceCount(trial) == 2)
        #expect(trial.events.count == 2 * expected(packets).count)
        #expect(trial.events.last?.timestampNs == 1_040_000_000)
    }

    @Test func `a packet that two snapshots hold is shown once`() {
        let packets = StoredPacket.run(0..<10)
        let trial = run([
            StoredTrial(path: "snapshot-0", [StoredFileTrial("main_0", Array(packets[..<7]))]),
            StoredTrial(path: "snapshot-1", [StoredFileTrial("main_0", Array(packets[3...]))]),
        ])
        #expect(trial.storedEvents == expected(packets))
        #expect(trial.losses.isEmpty)
    }

    @Test func `equal packets that follow each other in one file are two`() {
        let packet = StoredPacket(number: 0, begin: 0, end: .ms(10), events: [.ms(5)])
        let later = StoredPacket(number: 1, begin: .ms(10), end: .ms(20), events: [.ms(15)])
        for files in [[[packet, packet]], [[packet, packet], [later]]] {
            let trial = run([
                StoredTrial(files.enumerated().map { StoredFileTrial("main_\($0.offset)", $0.element) })
            ])
            #expect(trial.events.count == files.joined().count)
        }
    }

    @Test func `a packet that ends with time itself does not end its stream`() {
        let first = StoredPacket(number: 0, begin: 0, end: .max, events: [.ms(5)])
        let second = StoredPacket(number: 1, begin: .ms(10), end: .ms(20), events: [.ms(15)])
        let trial = run([
            StoredTrial([StoredFileTrial("main_0", [first, second])]),
            StoredTrial(
                path: "other",
                metadata: StoredPacket.metadata(uuidByte: 2),
                [
                    StoredFileTrial("main_0", StoredPacket.run(0..<3))
                ]
            ),
        ])
        #expect(trial.events.count == 2 + expected(StoredPacket.run(0..<3)).count)
        #expect(trial.report == FinishReport())
    }

    @Test func `a file that is damaged costs its own rest only`() {
        let packets = StoredPacket.run(0..<12)
        var middle = StoredFileTrial("main_0_1", Array(packets[4..<8]))
        middle.bytes[packets[4].byteCount] = 0
        let trial = run([
            StoredTrial([
                StoredFileTrial("main_0_0", Array(packets[..<4])), middle,
                StoredFileTrial("main_0_2", Array(packets[8...])),
            ])
        ])
        #expect(trial.storedEvents == expected(Array(packets[..<5]) + packets[8...]))
        #expect(trial.report?.damaged.count == 1)
        #expect(trial.report?.damaged.first?.contains("main_0_1") == true)
        #expect(trial.losses.contains { $0.unit == .events && $0.count == nil })
    }

    @Test func `a file whose first packet cannot be read is named, and the others are read`() {
        let packets = StoredPacket.run(0..<8)
        var bad = StoredFileTrial("bad", Array(packets[..<2]))
        bad.bytes[0] = 0
        let trial = run([
            StoredTrial([
                bad, StoredFileTrial("main_0_0", Array(packets[5...])),
                StoredFileTrial("main_0_1", Array(packets[..<5])), StoredFileTrial("short", bytes: [0xC1, 0x1F]),
            ])
        ])
        #expect(trial.storedEvents == expected(packets))
        #expect(trial.report?.damaged.count == 2)
    }

    @Test func `files whose packets do not say when they begin are streams of their own`() {
        let packets = StoredPacket.run(0..<6)
        let text = String(decoding: StoredPacket.metadata(), as: UTF8.self)
            .replacing("time timestamp_begin;", with: "u64 other;")
        let trial = run([
            StoredTrial(
                metadata: Array(text.utf8),
                [
                    StoredFileTrial("main_0_0", Array(packets[3...])),
                    StoredFileTrial("main_0_1", Array(packets[..<3])),
                ]
            )
        ])
        #expect(streamCount(trial) == 2)
        #expect(trial.events.count == expected(packets).count)
    }

    @Test func `files whose packets do not say of which instance they are, are streams of their own`() {
        func file(_ events: [UInt64]) -> [UInt8] {
            TinyTrace.packet(from: 0, to: .ms(20), events: events, offset: 0).bytes
        }
        let trial = run([StoredTrial(files: [file([.ms(5), .ms(6)]), file([.ms(5), .ms(7)])])])
        #expect(streamCount(trial) == 2)
        #expect(trial.events.map(\.timestampNs) == [5, 5, 6, 7].map { Int64(UInt64.ms($0)) })
        #expect(trial.events.map(\.stream) == [0, 1, 0, 1])
    }
}
