import CFeedSchema
import CTF

/// Encodes batches with typed values instead of CTF, for subscribers who know nothing of CTF.
///
/// Values are much longer than the CTF that they come from, so a batch may take several frames. These have the same
/// number; the last one alone carries the watermark and the token. An event that cannot be read, and the rest of its
/// slice, becomes a `lost` record; so does one whose values are longer than `FeedLimits.decodedEventBytes`.
struct DecodedFrameEncoder: ~Copyable, Sendable {
    private let feed: FeedIdentity
    private let limits: FeedLimits
    private var builder = RecordBuilder(arena: Arena())
    private var group: DecodedGroupBuilder
    private var frames: [ByteStorage] = []

    init(feed: FeedIdentity, limits: FeedLimits) {
        self.feed = feed
        self.limits = limits
        group = DecodedGroupBuilder(arena: builder.arena, limits: limits)
    }

    /// - Returns: at least one frame.
    mutating func encode(_ batch: FeedBatch) throws(FeedError) -> [ByteStorage] {
        frames.removeAll()
        builder.reset()
        group.beginBatch()
        for record in batch.records {
            switch record {
            // Said with each packet's events instead.
            case .trace, .metadata, .stream, .traceEnd, .streamEnd: break
            case .events(let events): try append(events, sequence: batch.sequence)
            case .relay, .session, .lost, .holder, .clock, .gap, .log, .end: builder.append(record)
            }
        }
        try finishFrame(sequence: batch.sequence, watermarkNs: batch.watermarkNs)
        defer { frames.removeAll() }
        return frames
    }

    private mutating func append(_ events: EventGroup, sequence: UInt64) throws(FeedError) {
        var cursors = events.slices.map { EventCursor(positionBits: $0.firstBits, clockCycles: $0.clockCycles) }
        var losses = [UInt64](repeating: 0, count: events.slices.count)
        var late = events.late[...]
        var index = 0
        for run in events.order {
            let slice = events.slices[Int(run.slice)]
            for _ in 0..<run.count {
                let lateness = late.first.flatMap { Int($0.index) == index ? $0 : nil }
                if lateness != nil { late.removeFirst() }
                index += 1
                // The slice is unreadable from here on when its cursor has been parked.
                if cursors[Int(run.slice)].positionBits == .max
                    || !group.append(slice, cursor: &cursors[Int(run.slice)], late: lateness)
                {
                    losses[Int(run.slice)] += 1
                }
                if group.estimatedBytes > limits.splitBytes {
                    finishGroup()
                    try finishFrame(sequence: sequence, watermarkNs: nil)
                }
            }
        }
        finishGroup()
        for (slice, count) in zip(events.slices, losses) where count > 0 {
            let trace = slice.packet.trace
            builder.append(
                LossRecord(
                    relay: trace.relay,
                    host: trace.host,
                    session: trace.session,
                    sessionID: trace.sessionID,
                    streamID: slice.packet.stream.id,
                    unit: .events,
                    count: count,
                    fromNs: nil,
                    toNs: nil,
                    reason: "events that cannot be decoded"
                )
            )
        }
    }

    private mutating func finishGroup() {
        guard let events = group.finish() else { return }
        builder.append(TIDEMARK__FEED__RECORD__RECORD_DECODED_EVENTS) { $0.pointee.decoded_events = events }
    }

    private mutating func finishFrame(sequence: UInt64, watermarkNs: Int64?) throws(FeedError) {
        let message = builder.frame(
            kind: TIDEMARK__FEED__FRAME_KIND__FRAME_BATCH,
            sequence: sequence,
            watermarkNs: watermarkNs,
            floorNs: nil,
            token: watermarkNs.map { ResumeToken(feed: feed, sequence: sequence, watermarkNs: $0) }
        )
        frames.append(try message.packed(limitBytes: limits.frameBytes))
        builder.reset()
    }
}

/// The decoded events of one record, and the packets that they are from.
struct DecodedGroupBuilder: @unchecked Sendable {
    private let arena: Arena
    private let limits: FeedLimits
    private var packets: [UnsafeMutablePointer<Tidemark__Feed__DecodedPacket>] = []
    private var packetNumbers: [UInt64: UInt32] = [:]
    private var events: [UnsafeMutablePointer<Tidemark__Feed__DecodedEvent>] = []
    private var values: ValueBuilder
    /// By program. Each holds on to its program, so that an identifier is never used twice.
    private var names: [ObjectIdentifier: ProgramNames] = [:]
    /// About how long the record is so far, never less than it really is.
    private(set) var estimatedBytes = 0

    init(arena: Arena, limits: FeedLimits) {
        self.arena = arena
        self.limits = limits
        values = ValueBuilder(arena: arena, limits: limits)
    }

    /// The arena has been reset.
    mutating func beginBatch() {
        clear()
        // Programs come and go with traces; those still in use are looked up again.
        if names.count > limits.programNames { names.removeAll() }
    }

    private mutating func clear() {
        packets.removeAll(keepingCapacity: true)
        packetNumbers.removeAll(keepingCapacity: true)
        events.removeAll(keepingCapacity: true)
        estimatedBytes = 0
    }

    /// Decodes the event at `cursor`. When it cannot be read, the cursor is parked at `UInt64.max`.
    /// - Returns: whether it is now one of the events.
    mutating func append(_ slice: EventSlice, cursor: inout EventCursor, late: EventGroup.Late?) -> Bool {
        let packet = slice.packet
        let names = programNames(packet.program)
        let number = packetNumber(packet, names)
        values.begin(names)
        do throws(PacketError) {
            let bytes = PacketBytes(slice.bytes, firstByte: Int(clamping: slice.firstBits / 8))
            try packet.program.visitEvent(bytes, preamble: packet.preamble, cursor: &cursor, visitor: &values)
        } catch {
            cursor.positionBits = .max
            return false
        }
        guard !values.isTooLarge else { return false }
        let event: UnsafeMutablePointer<Tidemark__Feed__DecodedEvent> = arena.make(tidemark__feed__decoded_event__init)
        event.pointee.packet = number
        event.pointee.name = names.events[values.event].name
        event.pointee.late_ns = UInt64(clamping: late?.lateNs ?? 0)
        event.pointee.late_by_clock = late?.isByClock == true ? 1 : 0
        event.pointee.stream_context = values.commonContext
        event.pointee.context = values.specificContext
        event.pointee.fields = values.payload
        if let clock = names.events[values.event].clock {
            let raw = clock.nanoseconds(values.clockCycles)
            event.pointee.timestamp_case = TIDEMARK__FEED__DECODED_EVENT__TIMESTAMP_TIMESTAMP_NS
            event.pointee.timestamp_ns = packet.correction.corrected(raw)
            if !packet.correction.isNone {
                event.pointee.raw_case = TIDEMARK__FEED__DECODED_EVENT__RAW_RAW_TIMESTAMP_NS
                event.pointee.raw_timestamp_ns = raw
            }
        }
        if let level = names.events[values.event].logLevel {
            event.pointee.log_level_case = TIDEMARK__FEED__DECODED_EVENT__LOG_LEVEL_LEVEL
            event.pointee.level = level
        }
        events.append(event)
        estimatedBytes += 96 + names.events[values.event].nameBytes + values.estimatedBytes
        return true
    }

    /// - Returns: the record; nil when it has no event. The next one begins.
    mutating func finish() -> UnsafeMutablePointer<Tidemark__Feed__DecodedEvents>? {
        defer { clear() }
        guard !events.isEmpty else { return nil }
        let message: UnsafeMutablePointer<Tidemark__Feed__DecodedEvents> =
            arena.make(tidemark__feed__decoded_events__init)
        message.pointee.packets = arena.pointers(to: packets[...])
        message.pointee.n_packets = packets.count
        message.pointee.events = arena.pointers(to: events[...])
        message.pointee.n_events = events.count
        return message
    }

    private mutating func programNames(_ program: TraceProgram) -> ProgramNames {
        if let known = names[ObjectIdentifier(program)] { return known }
        let new = ProgramNames(program)
        names[ObjectIdentifier(program)] = new
        return new
    }

    private mutating func packetNumber(_ packet: FeedPacket, _ names: ProgramNames) -> UInt32 {
        if let known = packetNumbers[packet.id] { return known }
        let message: UnsafeMutablePointer<Tidemark__Feed__DecodedPacket> =
            arena.make(tidemark__feed__decoded_packet__init)
        let uuid = packet.preamble.traceUUID ?? packet.program.traceClass.uuid
        message.pointee.relay = arena.string(packet.trace.relay)
        message.pointee.host = arena.string(packet.trace.host)
        message.pointee.session = arena.string(packet.trace.session)
        message.pointee.session_id = packet.trace.sessionID
        message.pointee.trace = arena.string(uuid?.description ?? packet.trace.path)
        message.pointee.stream = packet.preamble.streamInstanceID ?? packet.stream.liveStreamID
        message.pointee.stream_class = packet.preamble.streamClassID
        message.pointee.channel = arena.string(packet.stream.channel)
        if let cpu = packet.preamble.cpuID {
            message.pointee.processor_case = TIDEMARK__FEED__DECODED_PACKET__PROCESSOR_CPU
            message.pointee.cpu = cpu
        }
        values.begin(names)
        let bytes = PacketBytes(packet.preambleBytes)
        let isRead: Void? = try? packet.program.visitPacketContext(
            bytes,
            preamble: packet.preamble,
            visitor: &values
        )
        if isRead != nil, !values.isTooLarge { message.pointee.context = values.packetContext }
        estimatedBytes += 192 + values.estimatedBytes + packet.trace.relay.utf8.count + packet.trace.host.utf8.count
        estimatedBytes += packet.trace.session.utf8.count + packet.trace.path.utf8.count
        estimatedBytes += packet.stream.channel.utf8.count
        let number = UInt32(packets.count)
        packets.append(message)
        packetNumbers[packet.id] = number
        return number
    }
}
