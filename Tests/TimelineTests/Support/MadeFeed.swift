import CTF
import Feed
import PacketWriter
import Testing
import Timeline

/// A feed made by chance, and what is in it: some hosts of two relays, their streams' packets merged into batches, some
/// of them delayed, so that their events are late.
struct MadeFeed {
    struct Shape {
        var traces = 3
        var streamsPerTrace = 3
        var packetsPerStream = 6
        var eventsPerPacket = 30
        var eventsPerBatch = 40
        /// The longest time between events of a stream, nanoseconds.
        var gapNs: Int64 = 3_000_000
        /// One packet in so many is late; 0: none.
        var latePackets = 5
        var hasNotices = true
    }

    /// An event that has left.
    struct Event {
        var ns: Int64
        var streamID: UInt64
        var lateNs: Int64
        /// The frame it is in.
        var sequence: UInt64
        /// In the frame.
        var index: UInt32
        /// The value of its field, which is its number in the packet.
        var seqno: UInt64

        var isLate: Bool { lateNs > 0 }
        var position: EventPosition { EventPosition(ns: ns, sequence: sequence, index: index) }
    }

    private struct Packet {
        var packet: FeedPacket
        var storage: ByteStorage
        var keys: EventKeyBuffer
        var end: EventCursor
        var delayNs: Int64

        func cursor(_ index: Int) -> EventCursor {
            guard index < keys.count else { return end }
            return EventCursor(
                positionBits: keys.keys[index].startBits,
                clockCycles: keys.cyclesBefore(index)
            )
        }
    }

    private struct Waiting {
        var ns: Int64
        var leavesNs: Int64
        var packet: Int
        var index: Int
    }

    static let beginNs: Int64 = 1_700_000_000_000_000_000

    private var random: SeededRandom
    private let shape: Shape
    private var packets: [Packet] = []
    private(set) var traces: [FeedTrace] = []
    private(set) var streams: [FeedStream] = []
    private(set) var batches: [FeedBatch] = []
    private(set) var events: [Event] = []
    private(set) var losses: [LossRecord] = []

    init(seed: UInt64, shape: Shape = Shape()) throws {
        random = SeededRandom(seed: seed)
        self.shape = shape
        var declarations: [FeedRecord] = []
        for number in 0..<shape.traces { declarations += try makeTrace(number) }
        cut(declarations)
    }

    private static func metadata(_ uuid: TraceUUID) -> String {
        """
        /* CTF 1.8 */
        typealias integer { size = 16; align = 8; signed = false; } := uint16_t;
        typealias integer { size = 32; align = 8; signed = false; } := uint32_t;
        typealias integer { size = 64; align = 8; signed = false; } := uint64_t;
        trace {
            major = 1; minor = 8; uuid = "\(uuid)"; byte_order = le;
            packet.header := struct { uint32_t magic; uint32_t stream_id; uint64_t stream_instance_id; };
        };
        clock { name = "monotonic"; freq = 1000000000; offset = \(beginNs); };
        typealias integer { size = 64; align = 8; signed = false; map = clock.monotonic.value; } := clock_t;
        stream {
            id = 0;
            packet.context := struct {
                clock_t timestamp_begin; clock_t timestamp_end; uint64_t content_size; uint64_t packet_size;
                uint32_t cpu_id;
            };
            event.header := struct { uint16_t id; clock_t timestamp; };
        };
        event { name = "demo:tick"; id = 0; stream_id = 0; fields := struct { uint32_t _seqno; }; };
        """
    }

    private mutating func makeTrace(_ number: Int) throws -> [FeedRecord] {
        let uuid = TraceUUID(high: random.next(), low: UInt64(number))
        let trace = FeedTrace(
            id: UInt64(100 + number),
            relay: "relay-\(number % 2)",
            host: "host-\(number / 2)",
            session: "session-\(number)",
            sessionID: UInt64(7 + number),
            path: "ust/uid/\(number)/64-bit"
        )
        traces.append(trace)
        let text = Array(Self.metadata(uuid).utf8)
        var reader = MetadataReader()
        try text.withUnsafeBytes { try reader.append($0) }
        let program = try TraceProgram(try #require(reader.traceClass))
        var records: [FeedRecord] = [.trace(trace), .metadata(traceID: trace.id, bytes: text)]
        for streamNumber in 0..<shape.streamsPerTrace {
            let stream = FeedStream(
                id: trace.id * 10 + UInt64(streamNumber),
                traceID: trace.id,
                liveStreamID: UInt64(streamNumber + 40),
                channel: "channel\(streamNumber)"
            )
            streams.append(stream)
            records.append(.stream(stream))
            var cycles = UInt64.random(in: 1000...2_000_000, using: &random)
            for _ in 0..<shape.packetsPerStream {
                try makePacket(trace, stream, program, metadataBytes: reader.textBytes, &cycles)
            }
        }
        return records
    }

    private mutating func makePacket(
        _ trace: FeedTrace,
        _ stream: FeedStream,
        _ program: TraceProgram,
        metadataBytes: UInt64,
        _ cycles: inout UInt64
    ) throws {
        var writer = PacketWriter(
            program.traceClass,
            stream: 0,
            header: .structure([.unsigned(0xC1FC_1FC1), .unsigned(0), .unsigned(stream.id)]),
            context: .structure([
                .unsigned(cycles), .unsigned(cycles + 1 << 40), .unsigned(0), .unsigned(0), .unsigned(stream.id % 4),
            ])
        )
        for number in 0..<shape.eventsPerPacket {
            cycles += UInt64.random(in: 0...UInt64(shape.gapNs), using: &random)
            writer.write(
                event: 0,
                programIndex: 0,
                cycles: cycles,
                header: .structure([.unsigned(0), .unsigned(cycles)]),
                payload: .structure([.unsigned(UInt64(number))])
            )
        }
        let (bytes, contentBits) = writer.finish()
        let storage = ByteStorage(capacity: bytes.count)
        bytes.withUnsafeBytes { storage.write($0, at: 0) }
        let preamble = try program.readPreamble(PacketBytes(storage.bytes))
        let packet = FeedPacket(
            id: UInt64(5000 + packets.count),
            trace: trace,
            stream: stream,
            program: program,
            metadataBytes: metadataBytes,
            preamble: preamble,
            preambleStorage: storage,
            correction: random.once(in: 3) ? TimeCorrection(offsetNs: -70_000) : .none
        )
        var keys = EventKeyBuffer(capacity: shape.eventsPerPacket)
        var cursor = preamble.firstEvent
        _ = try program.scan(
            PacketBytes(storage.bytes),
            preamble: preamble,
            contentBits: contentBits,
            correctionNs: packet.correction.offsetNs,
            cursor: &cursor,
            keys: &keys
        )
        try #require(keys.count == shape.eventsPerPacket)
        let isLate = shape.latePackets > 0 && random.once(in: shape.latePackets)
        let delayNs = isLate ? Int64.random(in: 0...shape.gapNs * 90, using: &random) : 0
        packets.append(Packet(packet: packet, storage: storage, keys: keys, end: cursor, delayNs: delayNs))
    }

    // MARK: batches

    private mutating func cut(_ declarations: [FeedRecord]) {
        var waiting: [Waiting] = []
        var lastLeaving: [UInt64: Int64] = [:]
        for (number, packet) in packets.enumerated() {
            for (index, key) in packet.keys.keys.enumerated() {
                let streamID = packet.packet.stream.id
                let leavesNs = max(key.timestampNs + packet.delayNs, lastLeaving[streamID] ?? .min)
                lastLeaving[streamID] = leavesNs
                waiting.append(Waiting(ns: key.timestampNs, leavesNs: leavesNs, packet: number, index: index))
            }
        }
        waiting.sort { ($0.leavesNs, $0.packet, $0.index) < ($1.leavesNs, $1.packet, $1.index) }
        var newestNs = Int64.min
        var rest = waiting[...]
        batches.append(FeedBatch(sequence: 1, records: declarations))
        while !rest.isEmpty {
            let taken = rest.prefix(Int.random(in: 1...shape.eventsPerBatch, using: &random))
            rest = rest.dropFirst(taken.count)
            let sequence = UInt64(batches.count + 1)
            var records: [FeedRecord] = []
            if shape.hasNotices, let notice = notice() { records.append(notice) }
            records.append(.events(group(Array(taken), sequence: sequence, &newestNs)))
            let watermarkNs = random.once(in: 4) ? nil : newestNs
            batches.append(FeedBatch(sequence: sequence, records: records, watermarkNs: watermarkNs))
        }
        var last = FeedBatch(sequence: UInt64(batches.count + 1), watermarkNs: newestNs + 1)
        last.records = traces.prefix(1).map { .traceEnd(traceID: $0.id) } + [.end(reason: "all over")]
        batches.append(last)
    }

    private mutating func group(_ taken: [Waiting], sequence: UInt64, _ newestNs: inout Int64) -> EventGroup {
        var group = EventGroup()
        var numbers: [Int: Int] = [:]
        for event in taken {
            let packet = packets[event.packet]
            let start = packet.cursor(event.index)
            let number = numbers[event.packet] ?? group.slices.count
            if numbers.updateValue(number, forKey: event.packet) == nil {
                group.slices.append(
                    EventSlice(
                        packet: packet.packet,
                        storage: packet.storage,
                        storageOffset: Int(start.positionBits / 8),
                        firstBits: start.positionBits,
                        endBits: start.positionBits,
                        clockCycles: start.clockCycles,
                        eventCount: 0,
                        opensPacket: event.index == 0
                    )
                )
            }
            group.slices[number].eventCount += 1
            group.slices[number].endBits = packet.cursor(event.index + 1).positionBits
            if let last = group.order.last, last.slice == number {
                group.order[group.order.count - 1].count += 1
            } else {
                group.order.append(EventGroup.Run(slice: UInt32(number), count: 1))
            }
            let lateNs = event.ns < newestNs ? newestNs - event.ns : 0
            let index = UInt32(group.eventCount)
            if lateNs > 0 { group.late.append(EventGroup.Late(index: index, lateNs: lateNs)) }
            newestNs = max(newestNs, event.ns)
            group.eventCount += 1
            let streamID = packet.packet.stream.id
            events.append(
                Event(
                    ns: event.ns,
                    streamID: streamID,
                    lateNs: lateNs,
                    sequence: sequence,
                    index: index,
                    seqno: UInt64(event.index)
                )
            )
        }
        return group
    }

    private mutating func notice() -> FeedRecord? {
        let trace = random.pick(traces)
        switch Int.random(in: 0..<8, using: &random) {
        case 0:
            return .relay(
                RelayStateChange(
                    relay: trace.relay,
                    state: random.pick(RelayState.allCases),
                    reason: "by chance",
                    frontierNs: random.once(in: 2) ? Self.beginNs + 5_000_000 : nil
                )
            )
        case 1:
            return .session(
                SessionStateChange(
                    relay: trace.relay,
                    host: trace.host,
                    session: trace.session,
                    sessionID: trace.sessionID,
                    state: random.once(in: 2) ? .held : .active,
                    reason: ""
                )
            )
        case 2, 3:
            let stream = random.pick(streams.filter { $0.traceID == trace.id })
            let end = Self.beginNs + Int64.random(in: 0...200_000_000, using: &random)
            let loss = LossRecord(
                relay: trace.relay,
                host: trace.host,
                session: trace.session,
                sessionID: trace.sessionID,
                streamID: random.once(in: 3) ? nil : stream.id,
                unit: random.once(in: 2) ? .events : .packets,
                count: random.once(in: 4) ? nil : 5,
                fromNs: end - 1000,
                toNs: end,
                reason: "no room"
            )
            losses.append(loss)
            return .lost(loss)
        case 4:
            var report = ClockReport(relay: trace.relay, host: trace.host, quality: .approximate)
            report.stepNs = random.once(in: 2) ? 1_000_000 : nil
            report.stepErrorNs = 40
            return .clock(report)
        default: return nil
        }
    }
}
