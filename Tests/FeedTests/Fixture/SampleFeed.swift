import CTF
import PacketWriter
import Testing

@testable import Feed

/// A feed made by chance: traces of several relays, hosts and sessions, their packets merged by time into batches.
struct SampleFeed {
    /// What is made.
    struct Shape {
        var traces = 3
        var streamsPerTrace = 2
        var packetsPerStream = 3
        var eventsPerPacket = 12
        var eventsPerBatch = 15
        /// Bytes that are added to each message text.
        var extraTextBytes = 0
        var endsSessions = false
    }

    private struct Event {
        var timestampNs: Int64
        var packet: Int
        var index: Int
    }

    /// A packet, and where its events begin; one more for the end.
    private struct Packet {
        var packet: FeedPacket
        var storage: ByteStorage
        var starts: [EventCursor]
        var nextEvent = 0
    }

    private var random: SeededRandom
    private let shape: Shape
    private var packets: [Packet] = []
    private var declarations: [FeedRecord] = []
    /// Metadata that comes right before the first packet that needs it.
    private var lateMetadata: [UInt64: [UInt8]] = [:]
    private(set) var traces: [FeedTrace] = []
    private(set) var batches: [FeedBatch] = []
    /// Of the packets, in order.
    var programs: [TraceProgram] { packets.map(\.packet.program) }

    init(seed: UInt64, shape: Shape = Shape()) throws {
        random = SeededRandom(seed: seed)
        self.shape = shape
        for number in 0..<shape.traces { try addTrace(number) }
        cutBatches()
    }

    static func host(_ number: Int) -> String { "host-\(number)-of-fleet" }
    static func session(_ number: Int) -> String { "session-\(number)-traced" }
    static func relay(_ number: Int) -> String { "relay-\(number % 2)-alpha" }

    private mutating func addTrace(_ number: Int) throws {
        let uuid = TraceUUID(high: random.next(), low: UInt64(number))
        let trace = FeedTrace(
            id: UInt64(100 + number),
            relay: Self.relay(number),
            host: Self.host(number),
            session: Self.session(number),
            sessionID: UInt64(7 + number),
            path: "ust/uid/\(number)/64-bit"
        )
        traces.append(trace)
        let first = Array(SampleMetadata.first(uuid: uuid).utf8)
        let second = Array(SampleMetadata.second.utf8)
        declarations += [.trace(trace), .metadata(traceID: trace.id, bytes: first)]
        lateMetadata[trace.id] = second
        var reader = MetadataReader()
        try first.withUnsafeBytes { try reader.append($0) }
        let early = try TraceProgram(try #require(reader.traceClass))
        let earlyBytes = reader.textBytes
        try second.withUnsafeBytes { try reader.append($0) }
        let grown = try TraceProgram(try #require(reader.traceClass))
        for streamNumber in 0..<shape.streamsPerTrace {
            let stream = FeedStream(
                id: trace.id * 10 + UInt64(streamNumber),
                traceID: trace.id,
                liveStreamID: UInt64(streamNumber + 40),
                channel: "channel\(streamNumber)"
            )
            declarations.append(.stream(stream))
            var time = UInt64.random(in: 1000...2000, using: &random)
            for sequence in 0..<shape.packetsPerStream {
                let isEarly = sequence == 0
                try addPacket(
                    trace,
                    stream,
                    sequence: UInt64(sequence),
                    program: isEarly ? early : grown,
                    metadataBytes: isEarly ? earlyBytes : reader.textBytes,
                    uuid: uuid,
                    time: &time
                )
            }
        }
    }

    private static func bytes(_ uuid: TraceUUID) -> [UInt8] {
        withUnsafeBytes(of: (uuid.high.bigEndian, uuid.low.bigEndian)) { Array($0) }
    }

    private mutating func addPacket(
        _ trace: FeedTrace,
        _ stream: FeedStream,
        sequence: UInt64,
        program: TraceProgram,
        metadataBytes: UInt64,
        uuid: TraceUUID,
        time: inout UInt64
    ) throws {
        let uuidBytes = Self.bytes(uuid).map { FieldValue.unsigned(UInt64($0)) }
        var writer = PacketWriter(
            program.traceClass,
            stream: 0,
            header: .structure([.unsigned(0xC1FC_1FC1), .array(uuidBytes), .unsigned(0), .unsigned(stream.id)]),
            context: .structure([
                .unsigned(time), .unsigned(time + 100_000), .unsigned(0), .unsigned(0), .unsigned(sequence),
                .unsigned(0), .unsigned(stream.id % 4), .unsigned(9),
            ])
        )
        for _ in 0..<shape.eventsPerPacket {
            time += UInt64.random(in: 0...900, using: &random)
            writeEvent(&writer, at: time, mayMark: program.events.count > 1)
        }
        time += 1
        let (bytes, _) = writer.finish(paddingBytes: Int.random(in: 0...9, using: &random))
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
            correction: correction()
        )
        var starts = [preamble.firstEvent]
        for _ in 0..<shape.eventsPerPacket {
            var cursor = starts[starts.count - 1]
            var visitor = SkippingVisitor()
            try program.visitEvent(
                PacketBytes(storage.bytes),
                preamble: preamble,
                cursor: &cursor,
                visitor: &visitor
            )
            starts.append(cursor)
        }
        packets.append(Packet(packet: packet, storage: storage, starts: starts))
    }

    private mutating func writeEvent(_ writer: inout PacketWriter, at time: UInt64, mayMark: Bool) {
        if mayMark, random.once(in: 3) {
            writer.write(
                event: 1,
                programIndex: 1,
                cycles: time,
                header: .structure([.unsigned(1), .unsigned(time)]),
                common: .structure([.signed(77)]),
                specific: .structure([.unsigned(3)]),
                payload: .structure([.signed(-5)])
            )
            return
        }
        let message = (0..<Int.random(in: 0...9, using: &random)).map { _ in UInt8.random(in: 1...255, using: &random) }
        let text = message + [UInt8](repeating: 0x61, count: shape.extraTextBytes)
        let parts = (0..<Int.random(in: 0...4, using: &random)).map { FieldValue.unsigned(UInt64($0)) }
        writer.write(
            event: 0,
            programIndex: 0,
            cycles: time,
            header: .structure([.unsigned(0), .unsigned(time)]),
            common: .structure([.signed(-1)]),
            payload: .structure([
                .unsigned(random.next() >> 32), .text(text), .floatBits(random.next()),
                .unsigned(random.next() & 7), .unsigned(UInt64(parts.count)), .array(parts),
                .structure([.signed(1), .signed(-1)]),
            ])
        )
    }

    // MARK: batches

    private mutating func cutBatches() {
        var events: [Event] = []
        for (number, packet) in packets.enumerated() {
            for index in 0..<packet.starts.count - 1 {
                // The clock's value behind the event is that of its own timestamp.
                let time = Int64(packet.starts[index + 1].clockCycles)
                events.append(Event(timestampNs: time, packet: number, index: index))
            }
        }
        // By time, then stream, then place: packets of a stream were made in order.
        events.sort { ($0.timestampNs, $0.packet, $0.index) < ($1.timestampNs, $1.packet, $1.index) }
        var watermarkNs: Int64?
        var rest = events[...]
        while !rest.isEmpty {
            let count = min(rest.count, Int.random(in: 1...shape.eventsPerBatch, using: &random))
            let taken = Array(rest.prefix(count))
            rest = rest.dropFirst(count)
            if !random.once(in: 4) { watermarkNs = taken[count - 1].timestampNs }
            batches.append(batch(taken, watermarkNs: watermarkNs))
        }
        var last = FeedBatch(records: [], watermarkNs: watermarkNs)
        if shape.endsSessions {
            last.records += traces.map { .traceEnd(traceID: $0.id) }
            last.records += traces.map { trace in
                .session(
                    SessionStateChange(
                        relay: trace.relay,
                        host: trace.host,
                        session: trace.session,
                        sessionID: trace.sessionID,
                        state: .ended,
                        reason: "destroyed"
                    )
                )
            }
        }
        last.records.append(.end(reason: "all over"))
        batches.append(last)
    }

    private mutating func batch(_ events: [Event], watermarkNs: Int64?) -> FeedBatch {
        var records: [FeedRecord] = []
        if batches.isEmpty { records += declarations }
        for number in Set(events.map(\.packet)).sorted() {
            let packet = packets[number].packet
            if packet.preamble.sequenceNumber != 0, let grown = lateMetadata.removeValue(forKey: packet.trace.id) {
                records.append(.metadata(traceID: packet.trace.id, bytes: grown))
            }
        }
        if let notice = notice() { records.append(notice) }
        records.append(.events(group(events)))
        if let notice = notice() { records.append(notice) }
        return FeedBatch(records: records, watermarkNs: watermarkNs)
    }

    private mutating func group(_ events: [Event]) -> EventGroup {
        var group = EventGroup()
        var numbers: [Int: Int] = [:]
        for event in events {
            let packet = packets[event.packet]
            let number: Int
            if let known = numbers[event.packet] {
                number = known
            } else {
                number = group.slices.count
                numbers[event.packet] = number
                let start = packet.starts[event.index]
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
            group.slices[number].endBits = packet.starts[event.index + 1].positionBits
            if let last = group.order.last, last.slice == number {
                group.order[group.order.count - 1].count += 1
            } else {
                group.order.append(EventGroup.Run(slice: UInt32(number), count: 1))
            }
            if random.once(in: 9) {
                let late = EventGroup.Late(
                    index: UInt32(group.eventCount),
                    lateNs: .random(in: 1...900, using: &random),
                    isByClock: random.once(in: 2)
                )
                group.late.append(late)
            }
            group.eventCount += 1
        }
        return group
    }

    private mutating func notice() -> FeedRecord? {
        let trace = random.pick(traces)
        switch Int.random(in: 0..<12, using: &random) {
        case 0:
            return .relay(
                RelayStateChange(
                    relay: trace.relay,
                    state: random.pick(RelayState.allCases),
                    reason: "waits for \(trace.host)/\(trace.session)",
                    frontierNs: random.once(in: 2) ? -3 : nil
                )
            )
        case 1:
            return .session(
                SessionStateChange(
                    relay: trace.relay,
                    host: trace.host,
                    session: trace.session,
                    sessionID: trace.sessionID,
                    state: .active,
                    reason: ""
                )
            )
        case 2:
            return .lost(
                LossRecord(
                    relay: trace.relay,
                    host: trace.host,
                    session: trace.session,
                    sessionID: trace.sessionID,
                    streamID: random.once(in: 2) ? 4 : nil,
                    unit: .packets,
                    count: random.once(in: 2) ? 0 : nil,
                    fromNs: random.once(in: 2) ? 0 : nil,
                    toNs: 12,
                    reason: "wrapped",
                    cause: random.once(in: 2) ? .tracer : .delivery
                )
            )
        case 3:
            return .holder(
                HolderRecord(
                    relay: trace.relay,
                    host: trace.host,
                    session: trace.session,
                    streamID: nil,
                    heldNs: 2_000_000_000
                )
            )
        case 4: return .clock(clock(of: trace))
        default: return nil
        }
    }

    private mutating func correction() -> TimeCorrection {
        let changing = TimeCorrection(offsetNs: -9, beginNs: 4, endNs: 1 << 60, endOffsetNs: 1 << 59)
        return random.once(in: 3) ? TimeCorrection(offsetNs: 17) : random.once(in: 3) ? changing ?? .none : .none
    }

    private mutating func clock(of trace: FeedTrace) -> ClockReport {
        let reference = random.pick(traces)
        let isAgainstCoordinator = random.once(in: 2)
        var report = ClockReport(
            relay: trace.relay,
            host: trace.host,
            clock: random.once(in: 2) ? "cafe" : "",
            referenceRelay: isAgainstCoordinator ? "" : reference.relay,
            referenceHost: isAgainstCoordinator ? "" : reference.host,
            quality: random.pick(ClockQuality.allCases)
        )
        report.lowerNs = random.once(in: 3) ? nil : -5
        report.upperNs = random.once(in: 3) ? nil : .max
        report.driftPpb = random.once(in: 2) ? .min : nil
        report.driftErrorPpb = 7
        report.stepNs = random.once(in: 2) ? -1 : nil
        report.stepErrorNs = .max
        report.correctionNs = random.once(in: 2) ? .min : 0
        report.spreadNs = random.once(in: 2) ? .max : 0
        return report
    }
}
