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

    deinit { group.free() }

    /// - Returns: at least one frame.
    mutating func encode(_ batch: FeedBatch) throws(FeedError) -> [ByteStorage] {
        frames.removeAll()
        builder.reset()
        group.beginBatch()
        for record in batch.records {
            switch record {
            // Said with each packet's events instead.
            case .trace, .metadata, .stream, .traceEnd, .streamEnd, .source, .idle: break
            case .events(let events): try append(events, sequence: batch.sequence)
            case .relay, .session, .lost, .holder, .clock, .gap, .log, .end: builder.append(record)
            }
        }
        try finishFrame(sequence: batch.sequence, watermarkNs: batch.watermarkNs)
        defer { frames.removeAll() }
        return frames
    }

    private mutating func append(_ events: EventGroup, sequence: UInt64) throws(FeedError) {
        // Their bytes are only pointed at.
        defer { withExtendedLifetime(events) {} }
        var slices = events.slices.map { group.open($0) }
        var late = events.late[...]
        var index = 0
        for run in events.order {
            for _ in 0..<run.count {
                let lateness = late.first.flatMap { Int($0.index) == index ? $0 : nil }
                if lateness != nil { late.removeFirst() }
                index += 1
                group.append(&slices[Int(run.slice)], late: lateness)
                if group.byteCount > limits.splitBytes {
                    finishGroup()
                    try finishFrame(sequence: sequence, watermarkNs: nil)
                }
            }
        }
        finishGroup()
        for slice in slices where slice.lostCount > 0 {
            let trace = slice.packet.trace
            builder.append(
                LossRecord(
                    relay: trace.relay,
                    host: trace.host,
                    session: trace.session,
                    sessionID: trace.sessionID,
                    streamID: slice.packet.stream.id,
                    unit: .events,
                    count: slice.lostCount,
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

/// A slice whose events are being decoded.
struct OpenSlice {
    let packet: FeedPacket
    fileprivate let program: TraceProgram
    fileprivate let names: ProgramNames
    fileprivate let preamble: PacketPreamble
    fileprivate let bytes: PacketBytes
    fileprivate var cursor: EventCursor
    /// Events that cannot be read: the rest of the slice from the first such on; or whose values are too long.
    fileprivate(set) var lostCount: UInt64 = 0
    fileprivate var isUnreadable = false
    /// In the record of that number: the packet's number there.
    fileprivate var number: (record: UInt64, packet: UInt32) = (0, 0)
}

/// The decoded events of one record, and the packets that they are from.
///
/// Events are written in the wire format as they are decoded, and pass through protobuf-c as one member that it need
/// not look into.
struct DecodedGroupBuilder: @unchecked Sendable {
    /// Members of the schema's messages, by their numbers; `ValueWriter` writes the others.
    private enum Member {
        /// Of `DecodedEvents`.
        static let events: UInt32 = 2
        /// Of `DecodedPacket`.
        static let context: UInt32 = 10
    }

    /// Tags of members of `DecodedEvents` and `DecodedEvent`, as `ValueWriter` has them of values.
    private enum Tag {
        static let event: UInt8 = 0x12
        static let packet: UInt8 = 0x08
        static let timestamp: UInt8 = 0x11
        static let lateNs: UInt8 = 0x20
        static let rawTimestamp: UInt8 = 0x41
        static let level: UInt8 = 0x48
        static let lateByClock: UInt8 = 0x50
    }

    private let arena: Arena
    private var packets: [UnsafeMutablePointer<Tidemark__Feed__DecodedPacket>] = []
    private var packetNumbers: [UInt64: UInt32] = [:]
    private var values: ValueWriter
    /// By program. Each holds on to its program, so that an identifier is never used twice.
    private var names: [ObjectIdentifier: ProgramNames] = [:]
    private let namesMax: Int
    /// About how long the packets are, never less than they really are.
    private var packetBytes = 0
    private var weight = 0
    /// Records that were begun.
    private var record: UInt64 = 1

    init(arena: Arena, limits: FeedLimits) {
        self.arena = arena
        namesMax = limits.programNames
        values = ValueWriter(limits: limits)
    }

    func free() {
        values.out.free()
    }

    /// How long the record is so far, bytes, and what its fields weigh; never less than it really is.
    var byteCount: Int { values.out.count + packetBytes + weight }

    /// The arena has been reset.
    mutating func beginBatch() {
        clear()
        // Programs come and go with traces; those still in use are looked up again.
        if names.count > namesMax { names.removeAll() }
    }

    private mutating func clear() {
        packets.removeAll(keepingCapacity: true)
        packetNumbers.removeAll(keepingCapacity: true)
        values.out.truncate(to: 0)
        packetBytes = 0
        weight = 0
        record += 1
    }

    /// A slice of the batch; it must live as long as this.
    mutating func open(_ slice: EventSlice) -> OpenSlice {
        OpenSlice(
            packet: slice.packet,
            program: slice.packet.program,
            names: programNames(slice.packet.program),
            preamble: slice.packet.preamble,
            bytes: PacketBytes(slice.bytes, firstByte: Int(clamping: slice.firstBits / 8)),
            cursor: EventCursor(positionBits: slice.firstBits, clockCycles: slice.clockCycles)
        )
    }

    /// Decodes the slice's next event: it is one of the record's, or one of the slice's losses.
    mutating func append(_ slice: inout OpenSlice, late: EventGroup.Late?) {
        guard !slice.isUnreadable else { return slice.lostCount += 1 }
        if slice.number.record != record { slice.number = (record, packetNumber(slice.packet, slice.names)) }
        let start = values.out.count
        values.out.byte(Tag.event)
        let event = values.out.open()
        values.begin(slice.names)
        do throws(PacketError) {
            try slice.program.visitEvent(
                slice.bytes,
                preamble: slice.preamble,
                cursor: &slice.cursor,
                visitor: &values
            )
        } catch {
            slice.isUnreadable = true
        }
        guard !slice.isUnreadable, !values.isTooLarge else {
            values.out.truncate(to: start)
            return slice.lostCount += 1
        }
        writeHead(slice, late)
        values.out.close(event)
        weight += values.weight
    }

    /// The members of `DecodedEvent` that are no values.
    private mutating func writeHead(_ slice: OpenSlice, _ late: EventGroup.Late?) {
        let entry = slice.names.events[values.event]
        if slice.number.packet > 0 {
            values.out.byte(Tag.packet)
            values.out.varint(UInt64(slice.number.packet))
        }
        if let clock = entry.clock {
            let rawNs = clock.nanoseconds(values.clockCycles)
            let correction = slice.packet.correction
            values.out.byte(Tag.timestamp)
            values.out.fixed64(UInt64(bitPattern: correction.corrected(rawNs)))
            if !correction.isNone {
                values.out.byte(Tag.rawTimestamp)
                values.out.fixed64(UInt64(bitPattern: rawNs))
            }
        }
        values.out.copy(entry.name)
        if let level = entry.logLevel {
            values.out.byte(Tag.level)
            values.out.zigzag(level)
        }
        guard let late else { return }
        values.out.byte(Tag.lateNs)
        values.out.varint(UInt64(clamping: late.lateNs))
        if late.isByClock {
            values.out.byte(Tag.lateByClock)
            values.out.byte(1)
        }
    }

    /// - Returns: the record; nil when it has no event. The next one begins.
    mutating func finish() -> UnsafeMutablePointer<Tidemark__Feed__DecodedEvents>? {
        defer { clear() }
        // The first event's tag is written by protobuf-c.
        guard values.out.count > 1 else { return nil }
        let message: UnsafeMutablePointer<Tidemark__Feed__DecodedEvents> =
            arena.make(tidemark__feed__decoded_events__init)
        message.pointee.packets = arena.pointers(to: packets[...])
        message.pointee.n_packets = packets.count
        arena.add(values.out.bytes(from: 1), as: Member.events, to: &message.pointee.base)
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
        let start = values.out.count
        values.begin(names)
        let bytes = PacketBytes(packet.preambleBytes)
        let isRead: Void? = try? packet.program.visitPacketContext(
            bytes,
            preamble: packet.preamble,
            visitor: &values
        )
        let context = values.out.bytes(from: start)
        if isRead != nil, !values.isTooLarge, !context.isEmpty {
            arena.add(context, as: Member.context, to: &message.pointee.base)
        }
        packetBytes += 192 + context.count + packet.trace.relay.utf8.count + packet.trace.host.utf8.count
        packetBytes += packet.trace.session.utf8.count + packet.trace.path.utf8.count
        packetBytes += packet.stream.channel.utf8.count
        values.out.truncate(to: start)
        let number = UInt32(packets.count)
        packets.append(message)
        packetNumbers[packet.id] = number
        return number
    }
}

extension Arena {
    fileprivate func pointers<Message>(
        to messages: ArraySlice<UnsafeMutablePointer<Message>>
    ) -> UnsafeMutablePointer<UnsafeMutablePointer<Message>?> {
        let pointers: UnsafeMutablePointer<UnsafeMutablePointer<Message>?> = pointers(count: messages.count)
        var next = pointers
        for message in messages {
            next.initialize(to: message)
            next += 1
        }
        return pointers
    }

    /// Gives a message a member that is in the wire format already. protobuf-c copies what it does not know.
    /// - Parameters:
    ///   - bytes: behind the tag: the length and the content. Members with their own tags may follow.
    ///   - number: the member's.
    fileprivate func add(_ bytes: UnsafeRawBufferPointer, as number: UInt32, to message: inout ProtobufCMessage) {
        let copy = self.bytes(bytes)
        let member = array(of: ProtobufCMessageUnknownField.self, count: 1)
        member.initialize(
            to: ProtobufCMessageUnknownField(
                tag: number,
                wire_type: PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
                len: copy.len,
                data: copy.data
            )
        )
        message.unknown_fields = member
        message.n_unknown_fields = 1
    }
}
