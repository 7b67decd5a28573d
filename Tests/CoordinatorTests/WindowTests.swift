import CTF
import Coordinator
import LTTngLive
import MetadataWriter
import PacketWriter
import Testing

@testable import Feed

/// Packets that are decoded through windows: whatever a window's size, what comes out is the same.
@Suite struct WindowTests {
    private func limits(windowBytes: Int, eventBytesMax: Int? = nil) -> CoordinatorLimits {
        var limits = CoordinatorLimits()
        limits.storedWindowBytes = windowBytes
        if let eventBytesMax { limits.packetBytesMax = eventBytesMax }
        return limits
    }

    private func run(_ trial: StoredTrial, windowBytes: Int, eventBytesMax: Int? = nil) -> CoordinatorTrial {
        let trial = CoordinatorTrial(
            stored: [trial],
            limits: limits(windowBytes: windowBytes, eventBytesMax: eventBytesMax)
        )
        trial.run(untilNs: 0)
        return trial
    }

    /// All that a visitor is told of each event, in feed order.
    private func calls(_ records: [FeedRecord]) throws -> [[Visited]] {
        var all: [[Visited]] = []
        for case .events(let group) in records {
            var cursors = group.slices.map { EventCursor(positionBits: $0.firstBits, clockCycles: $0.clockCycles) }
            for run in group.order {
                let slice = group.slices[Int(run.slice)]
                let bytes = PacketBytes(slice.bytes, firstByte: Int(slice.firstBits / 8))
                for _ in 0..<run.count {
                    var visitor = RecordingVisitor(slice.packet.program)
                    try slice.packet.program.visitEvent(
                        bytes,
                        preamble: slice.packet.preamble,
                        cursor: &cursors[Int(run.slice)],
                        visitor: &visitor
                    )
                    all.append(visitor.calls)
                }
            }
        }
        return all
    }

    @Test(arguments: UInt64(0)..<40)
    func `any window gives the same events`(seed: UInt64) throws {
        var random = RandomTraceClass(seed: seed)
        let text = CTF2Writer.text(random.make())
        var reader = MetadataReader()
        try text.withUnsafeBytes { bytes in
            Result { () throws(MetadataError) in try reader.append(bytes) }
        }.get()
        let trace = try #require(reader.traceClass)
        let packets = trace.streamClasses.indices.map {
            WrittenPacket(trace, stream: $0, eventCount: 25, seed: seed)
        }
        let stored = StoredTrial(
            metadata: text,
            packets.enumerated().map {
                StoredFileTrial("stream-\($0.offset)", bytes: $0.element.bytes)
            }
        )
        let whole = run(stored, windowBytes: 1 << 20)
        let expected = try calls(whole.records)
        #expect(expected.count == packets.reduce(0) { $0 + $1.events.count })
        for packet in packets where packets.count == 1 { #expect(expected == packet.events.map(\.calls)) }
        for windowBytes in [1, 3, 17, 64, 500] {
            let trial = run(stored, windowBytes: windowBytes)
            #expect(try calls(trial.records) == expected, "windows of \(windowBytes) bytes")
            #expect(trial.losses == whole.losses)
            #expect(trial.report == whole.report)
            #expect(trial.events.allSatisfy { $0.lateNs == 0 })
        }
    }

    @Test(arguments: [40, 200, 1_000])
    func `packets behind each other are read window by window`(windowBytes: Int) throws {
        let packets = StoredPacket.run(0..<20)
        let stored = StoredTrial([StoredFileTrial("main_0", packets, index: StoredPacket.index(packets))])
        let whole = run(stored, windowBytes: 1 << 20)
        let trial = run(stored, windowBytes: windowBytes)
        #expect(trial.storedEvents == whole.storedEvents)
        #expect(trial.losses.isEmpty && trial.report == FinishReport())
        // A header is read whole, and so is an event.
        #expect(trial.reads.filter { $0.part == .packets }.allSatisfy { $0.count <= max(windowBytes, 160) })
        #expect(trial.readCount > whole.readCount || windowBytes > 40)
        #expect(trial.notes.allSatisfy { !$0.text.contains("index") })
    }

    @Test(arguments: [50, 300])
    func `frames of windows hold what frames of packets hold`(windowBytes: Int) throws {
        let packets = StoredPacket.run(0..<10)
        let trial = run(StoredTrial([StoredFileTrial("main_0", packets)]), windowBytes: windowBytes)
        var encoder = FrameEncoder(feed: FeedIdentity(id: FeedID(high: 1, low: 2)))
        var decoder = FrameDecoder()
        for frame in try encoder.checkpoint(SubscriptionOpening(state: FeedState())) {
            _ = try decoder.decode(frame.storage)
        }
        var received: [FeedRecord] = []
        for batch in trial.batches {
            for publication in try encoder.encode(batch) {
                received += try decoder.decode(publication.frame.storage).batch.records
            }
        }
        #expect(try calls(received) == calls(trial.records))
        #expect(try calls(received).count == packets.reduce(0) { $0 + $1.events.count })
    }

    // MARK: - Large packets

    /// A trace of one packet whose events are an identifier, a time, a length, and that many bytes.
    private struct Large {
        static let metadata = StoredPacket.metadata(
            more: """
                typealias integer { size = 8; align = 8; encoding = UTF8; } := letter;
                event { id = 7; name = "large"; stream_id = 0; fields := struct { u32 n; letter text[n]; }; };
                """
        )
        var eventCount: UInt64
        var eventBytes: UInt64

        var contentBytes: UInt64 { UInt64(StoredPacket.preambleBytes) + eventCount * eventBytes }

        var file: StoredFileTrial {
            var file = StoredFileTrial("main_0", bytes: [])
            let packet = StoredPacket(number: 0, begin: 0, end: .ms(eventCount), events: [])
            var preamble = Array(packet.bytes[..<StoredPacket.preambleBytes])
            for offset in [32, 40] {
                preamble.replaceSubrange(offset..<offset + 8, with: StoredPacket.number(contentBytes * 8, 8))
            }
            file.generated = (
                contentBytes,
                { [preamble] offset, memory in
                    put(preamble, at: 0, offset, memory)
                    let first = offset < 64 ? 0 : (offset - 64) / eventBytes
                    let end = min(eventCount, (offset + UInt64(memory.count)) / eventBytes + 1)
                    for number in first..<max(first, end) {
                        let head =
                            StoredPacket.number(7, 4) + StoredPacket.number(.ms(number), 8)
                            + StoredPacket.number(eventBytes - 16, 4)
                        put(head, at: 64 + number * eventBytes, offset, memory)
                    }
                }
            )
            return file
        }

        /// Puts those bytes that lie in the part of the file that `memory` is.
        private func put(_ bytes: [UInt8], at place: UInt64, _ offset: UInt64, _ memory: UnsafeMutableRawBufferPointer)
        {
            for (index, byte) in bytes.enumerated() {
                let position = place + UInt64(index)
                if position >= offset, position - offset < memory.count { memory[Int(position - offset)] = byte }
            }
        }
    }

    @Test func `a packet of a gibibyte takes the memory of a few windows`() {
        let large = Large(eventCount: 16_384, eventBytes: 65_536)
        var eventCount = 0
        var lastNs: Int64 = -1
        var isOrdered = true
        let trial = CoordinatorTrial(stored: [StoredTrial(metadata: Large.metadata, [large.file])]) { batch in
            for case .events(let group) in batch.records {
                eventCount += group.eventCount
                for event in TrialEvent.all(in: group) {
                    isOrdered = isOrdered && event.timestampNs > lastNs
                    lastNs = event.timestampNs
                }
            }
        }
        trial.run(untilNs: 0)
        #expect(large.contentBytes > 1 << 30)
        #expect(eventCount == 16_384 && isOrdered && lastNs == Int64(UInt64.ms(16_383)))
        #expect(trial.report == FinishReport())
        #expect(trial.mostStoredBytes <= 4 << 20)
        #expect(trial.reads.allSatisfy { $0.count <= 1 << 20 })
    }

    @Test func `a window grows for an event that is larger, and shrinks behind it`() {
        let large = Large(eventCount: 3, eventBytes: 100_000)
        let trial = run(StoredTrial(metadata: Large.metadata, [large.file]), windowBytes: 4_096)
        #expect(trial.events.count == 3)
        #expect(trial.report == FinishReport())
        #expect(trial.reads.count { $0.count == 4_096 } >= 3 && trial.reads.contains { $0.count > 100_000 })
        #expect(trial.reads.allSatisfy { $0.count <= 200_000 })
    }

    @Test func `an event that is larger than the largest window ends the file, and those before it stand`() {
        let small = Large(eventCount: 2, eventBytes: 1_000)
        let limit = run(StoredTrial(metadata: Large.metadata, [small.file]), windowBytes: 100, eventBytesMax: 2_000)
        #expect(limit.events.count == 2 && limit.report == FinishReport())
        let large = Large(eventCount: 2, eventBytes: 100_000)
        let trial = run(StoredTrial(metadata: Large.metadata, [large.file]), windowBytes: 100, eventBytesMax: 2_000)
        #expect(trial.events.isEmpty)
        #expect(trial.report?.damaged.first?.contains("packet at byte 0: event of more than") == true)
        #expect(trial.losses.contains { $0.unit == .events && $0.count == nil })
        #expect(trial.reads.allSatisfy { $0.count <= 4_096 })
    }

    @Test(arguments: [100, 5_000, 1 << 20])
    func `a file that ends before its packet does is read to its end`(windowBytes: Int) {
        let large = Large(eventCount: 50, eventBytes: 1_000)
        for missing in [UInt64(1), 500, 1_000, 30_500] {
            var file = large.file
            file.generated?.byteCount -= missing
            let trial = run(StoredTrial(metadata: Large.metadata, [file]), windowBytes: windowBytes)
            #expect(trial.events.count == 50 - Int((missing + 999) / 1_000))
            let fault = "packet at byte 0: the file ends before the packet does: more bytes are needed"
            #expect(trial.report?.damaged.count == 1)
            #expect(trial.report?.damaged.first?.contains(fault) == true, "\(trial.report?.damaged ?? [])")
        }
    }

    @Test func `a file that goes away in the middle of a packet costs its own rest only`() {
        let packets = StoredPacket.run(0..<8)
        var first = StoredFileTrial("main_0", Array(packets[..<3]))
        first.failsBehind = UInt64(packets[0].byteCount + StoredPacket.preambleBytes + 20)
        let stored = StoredTrial([first, StoredFileTrial("main_1", Array(packets[3...]))])
        let trial = run(stored, windowBytes: 80)
        var expected: [UInt64] = []
        for packet in packets where packet.number != 1 && packet.number != 2 {
            expected += packet.events.map { _ in packet.number }
        }
        #expect(trial.storedEvents.map(\.packet).filter { $0 != 1 } == expected)
        #expect(trial.report?.damaged.count == 1)
        #expect(trial.report?.damaged.first?.contains("main_0, it is gone") == true)
    }

    @Test func `a file that claims more than there can be is read to its end`() {
        for bits in [UInt64.max & ~7, 1 << 62, 1 << 40] {
            var packet = StoredPacket(number: 0, begin: 0, end: .ms(9), events: [.ms(1), .ms(2)]).bytes
            for offset in [32, 40] { packet.replaceSubrange(offset..<offset + 8, with: StoredPacket.number(bits, 8)) }
            let trial = run(StoredTrial([StoredFileTrial("main_0", bytes: packet)]), windowBytes: 1 << 20)
            #expect(trial.events.count == 2)
            #expect(trial.report?.damaged.count == 1)
        }
    }
}
