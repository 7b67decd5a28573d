import CFeedSchema
import CTF

/// Builds the messages of a frame in an arena. The event bytes of slices are only pointed at: they are copied once,
/// when the frame is packed, so their storage has to live until then. Confined like its arena: hence `@unchecked
/// Sendable`.
struct RecordBuilder: @unchecked Sendable {
    typealias Record = UnsafeMutablePointer<Tidemark__Feed__Record>

    let arena: Arena
    private(set) var records: [Record] = []
    private var slices: [ProtobufCBinaryData] = []

    init(arena: Arena) {
        self.arena = arena
    }

    /// Begins a new frame: forgets all records, and takes their memory back.
    mutating func reset() {
        records.removeAll(keepingCapacity: true)
        slices.removeAll(keepingCapacity: true)
        arena.reset()
    }

    mutating func append(_ record: FeedRecord) {
        switch record {
        case .trace(let trace): append(trace)
        case .metadata(let traceID, let bytes): append(traceID: traceID, metadata: bytes)
        case .stream(let stream): append(stream)
        case .traceEnd(let traceID): append(traceEnd: traceID)
        case .streamEnd(let record): append(record)
        case .events(let group): append(group)
        case .relay(let change): append(change)
        case .session(let change): append(change)
        case .lost(let loss): append(loss)
        case .holder(let holder): append(holder)
        case .clock(let report): append(report)
        case .gap(let gap): append(gap)
        case .log(let log): append(log)
        case .source(let source): append(source)
        case .idle(let isIdle): append(isIdle: isIdle)
        case .end(let reason): append(end: reason)
        }
    }

    /// The whole frame; valid until the next `reset`.
    func frame(
        kind: Tidemark__Feed__FrameKind,
        sequence: UInt64,
        watermarkNs: Int64?,
        floorNs: Int64?,
        token: ResumeToken?
    ) -> UnsafeMutablePointer<ProtobufCMessage> {
        let frame: UnsafeMutablePointer<Tidemark__Feed__Frame> = arena.make(tidemark__feed__frame__init)
        frame.pointee.sequence = sequence
        frame.pointee.kind = kind
        if let watermarkNs {
            frame.pointee.watermark_case = TIDEMARK__FEED__FRAME__WATERMARK_WATERMARK_NS
            frame.pointee.watermark_ns = watermarkNs
        }
        if let floorNs {
            frame.pointee.floor_case = TIDEMARK__FEED__FRAME__FLOOR_FLOOR_NS
            frame.pointee.floor_ns = floorNs
        }
        if let token { frame.pointee.token = arena.string(token.text) }
        let pointers: UnsafeMutablePointer<Record?> = arena.pointers(count: records.count)
        for (index, record) in records.enumerated() { (pointers + index).initialize(to: record) }
        frame.pointee.records = pointers
        frame.pointee.n_records = records.count
        let extents = arena.array(of: ProtobufCBinaryData.self, count: slices.count)
        for (index, slice) in slices.enumerated() { (extents + index).initialize(to: slice) }
        frame.pointee.slice_bytes = extents
        frame.pointee.n_slice_bytes = slices.count
        return UnsafeMutableRawPointer(frame).assumingMemoryBound(to: ProtobufCMessage.self)
    }

    /// A new record, whose `record` member `fill` sets.
    mutating func append(_ recordCase: Tidemark__Feed__Record__RecordCase, _ fill: (Record) -> Void) {
        let record: Record = arena.make(tidemark__feed__record__init)
        record.pointee.record_case = recordCase
        fill(record)
        records.append(record)
    }
}

// MARK: - Declarations

extension RecordBuilder {
    mutating func append(_ trace: FeedTrace) {
        let message: UnsafeMutablePointer<Tidemark__Feed__Trace> = arena.make(tidemark__feed__trace__init)
        message.pointee.id = trace.id
        message.pointee.relay = arena.string(trace.relay)
        message.pointee.host = arena.string(trace.host)
        message.pointee.session = arena.string(trace.session)
        message.pointee.session_id = trace.sessionID
        message.pointee.path = arena.string(trace.path)
        message.pointee.live_trace_id = trace.liveTraceID
        message.pointee.source_id = trace.sourceID
        append(TIDEMARK__FEED__RECORD__RECORD_TRACE) { $0.pointee.trace = message }
    }

    mutating func append(traceID: UInt64, metadata: [UInt8]) {
        let message: UnsafeMutablePointer<Tidemark__Feed__Metadata> = arena.make(tidemark__feed__metadata__init)
        message.pointee.trace_id = traceID
        message.pointee.content = metadata.withUnsafeBytes { arena.bytes($0) }
        append(TIDEMARK__FEED__RECORD__RECORD_METADATA) { $0.pointee.metadata = message }
    }

    mutating func append(_ stream: FeedStream) {
        let message: UnsafeMutablePointer<Tidemark__Feed__Stream> = arena.make(tidemark__feed__stream__init)
        message.pointee.id = stream.id
        message.pointee.trace_id = stream.traceID
        message.pointee.live_stream_id = stream.liveStreamID
        message.pointee.channel = arena.string(stream.channel)
        message.pointee.source_id = stream.sourceID
        append(TIDEMARK__FEED__RECORD__RECORD_STREAM) { $0.pointee.stream = message }
    }

    mutating func append(traceEnd traceID: UInt64) {
        let message: UnsafeMutablePointer<Tidemark__Feed__TraceEnd> = arena.make(tidemark__feed__trace_end__init)
        message.pointee.trace_id = traceID
        append(TIDEMARK__FEED__RECORD__RECORD_TRACE_END) { $0.pointee.trace_end = message }
    }

    mutating func append(_ packet: FeedState.OpenPacket) {
        let message = self.packet(
            id: packet.id,
            streamID: packet.streamID,
            metadataBytes: packet.metadataBytes,
            correction: packet.correction,
            index: packet.index,
            place: packet.place
        )
        message.pointee.preamble = packet.preamble.withUnsafeBytes { arena.bytes($0) }
        append(TIDEMARK__FEED__RECORD__RECORD_PACKET) { $0.pointee.packet = message }
    }

    private func packet(
        id: UInt64,
        streamID: UInt64,
        metadataBytes: UInt64,
        correction: TimeCorrection,
        index: FeedPacketIndex,
        place: PacketPlace
    ) -> UnsafeMutablePointer<Tidemark__Feed__Packet> {
        let message: UnsafeMutablePointer<Tidemark__Feed__Packet> = arena.make(tidemark__feed__packet__init)
        message.pointee.id = id
        message.pointee.stream_id = streamID
        message.pointee.metadata_bytes = metadataBytes
        message.pointee.correction_ns = correction.offsetNs
        message.pointee.change = change(of: correction)
        message.pointee.place = self.place(place)
        message.pointee.index = self.index(index)
        return message
    }

    /// Nil where the correction does not change.
    func change(of correction: TimeCorrection) -> UnsafeMutablePointer<Tidemark__Feed__CorrectionChange>? {
        guard !correction.isConstant else { return nil }
        let change: UnsafeMutablePointer<Tidemark__Feed__CorrectionChange> =
            arena.make(tidemark__feed__correction_change__init)
        change.pointee.begin_ns = correction.beginNs
        change.pointee.end_ns = correction.endNs
        change.pointee.correction_ns = correction.endOffsetNs
        return change
    }

    func index(_ index: FeedPacketIndex) -> UnsafeMutablePointer<Tidemark__Feed__PacketIndex> {
        let message: UnsafeMutablePointer<Tidemark__Feed__PacketIndex> = arena.make(tidemark__feed__packet_index__init)
        message.pointee.stream_class_id = index.streamClassID
        message.pointee.first_event_bits = index.firstEventBits
        if let value = index.timestampBeginCycles {
            message.pointee.timestamp_begin_case =
                TIDEMARK__FEED__PACKET_INDEX__TIMESTAMP_BEGIN_TIMESTAMP_BEGIN_CYCLES
            message.pointee.timestamp_begin_cycles = value
        }
        if let value = index.timestampEndCycles {
            message.pointee.timestamp_end_case = TIDEMARK__FEED__PACKET_INDEX__TIMESTAMP_END_TIMESTAMP_END_CYCLES
            message.pointee.timestamp_end_cycles = value
        }
        if let value = index.contentBits {
            message.pointee.content_case = TIDEMARK__FEED__PACKET_INDEX__CONTENT_CONTENT_BITS
            message.pointee.content_bits = value
        }
        if let value = index.totalBits {
            message.pointee.total_case = TIDEMARK__FEED__PACKET_INDEX__TOTAL_TOTAL_BITS
            message.pointee.total_bits = value
        }
        if let value = index.sequenceNumber {
            message.pointee.sequence_case = TIDEMARK__FEED__PACKET_INDEX__SEQUENCE_SEQUENCE_NUMBER
            message.pointee.sequence_number = value
        }
        if let value = index.discardedEvents {
            message.pointee.discarded_case = TIDEMARK__FEED__PACKET_INDEX__DISCARDED_DISCARDED_EVENTS
            message.pointee.discarded_events = value
        }
        if let value = index.streamInstanceID {
            message.pointee.instance_case = TIDEMARK__FEED__PACKET_INDEX__INSTANCE_STREAM_INSTANCE_ID
            message.pointee.stream_instance_id = value
        }
        return message
    }
}

// MARK: - Events

extension RecordBuilder {
    mutating func append(_ group: EventGroup) {
        let message: UnsafeMutablePointer<Tidemark__Feed__RawEvents> = arena.make(tidemark__feed__raw_events__init)
        let pointers: UnsafeMutablePointer<UnsafeMutablePointer<Tidemark__Feed__Slice>?> =
            arena.pointers(count: group.slices.count)
        for (index, slice) in group.slices.enumerated() { (pointers + index).initialize(to: self.slice(slice)) }
        message.pointee.slices = pointers
        message.pointee.n_slices = group.slices.count
        let order = arena.array(of: UInt32.self, count: 2 * group.order.count)
        group.order.withUnsafeBytes { runs in
            // A run is two UInt32: its slice, then its count, as the message has them.
            guard let base = runs.baseAddress else { return }
            UnsafeMutableRawPointer(order).copyMemory(from: base, byteCount: runs.count)
        }
        message.pointee.order = order
        message.pointee.n_order = 2 * group.order.count
        let lateIndex = arena.array(of: UInt32.self, count: group.late.count)
        let lateNs = arena.array(of: UInt64.self, count: group.late.count)
        for (index, late) in group.late.enumerated() {
            (lateIndex + index).initialize(to: late.index)
            (lateNs + index).initialize(to: UInt64(clamping: late.lateNs))
        }
        let byClock = group.late.indices.filter { group.late[$0].isByClock }
        let lateByClock = arena.array(of: UInt32.self, count: byClock.count)
        for (index, place) in byClock.enumerated() { (lateByClock + index).initialize(to: UInt32(clamping: place)) }
        message.pointee.late_by_clock = lateByClock
        message.pointee.n_late_by_clock = byClock.count
        message.pointee.late_index = lateIndex
        message.pointee.n_late_index = group.late.count
        message.pointee.late_ns = lateNs
        message.pointee.n_late_ns = group.late.count
        append(TIDEMARK__FEED__RECORD__RECORD_RAW_EVENTS) { $0.pointee.raw_events = message }
    }

    private mutating func slice(_ slice: EventSlice) -> UnsafeMutablePointer<Tidemark__Feed__Slice> {
        let message: UnsafeMutablePointer<Tidemark__Feed__Slice> = arena.make(tidemark__feed__slice__init)
        message.pointee.packet_id = slice.packet.id
        message.pointee.first_bits = slice.firstBits
        message.pointee.end_bits = slice.endBits
        message.pointee.clock_cycles = slice.clockCycles
        message.pointee.event_count = UInt32(slice.eventCount)
        if slice.opensPacket {
            let packet = slice.packet
            message.pointee.packet = self.packet(
                id: packet.id,
                streamID: packet.stream.id,
                metadataBytes: packet.metadataBytes,
                correction: packet.correction,
                index: FeedPacketIndex(packet.preamble),
                place: packet.place
            )
            message.pointee.packet.pointee.preamble = arena.bytes(packet.preambleBytes)
        }
        slices.append(ProtobufCBinaryData(slice.bytes))
        return message
    }
}

extension EventSlice {
    /// From the byte that holds the first bit to the one that holds the last; valid as long as the storage is.
    package var bytes: UnsafeRawBufferPointer {
        let count = EventSlice.byteCount(firstBits: firstBits, endBits: endBits)
        precondition(storageOffset >= 0 && storageOffset <= storage.capacity - count, "a slice outside of its storage")
        return UnsafeRawBufferPointer(rebasing: storage.bytes[storageOffset..<storageOffset + count])
    }

    /// - Precondition: `firstBits <= endBits`.
    static func byteCount(firstBits: UInt64, endBits: UInt64) -> Int {
        let endByte = endBits / 8 + (endBits % 8 == 0 ? 0 : 1)
        return Int(clamping: endByte - firstBits / 8)
    }
}

// MARK: - States and losses

extension RecordBuilder {
    mutating func append(_ change: RelayStateChange) {
        let message: UnsafeMutablePointer<Tidemark__Feed__Relay> = arena.make(tidemark__feed__relay__init)
        message.pointee.relay = arena.string(change.relay)
        message.pointee.state = Tidemark__Feed__RelayState(UInt32(change.state.rawValue))
        message.pointee.reason = arena.string(change.reason)
        if let frontierNs = change.frontierNs {
            message.pointee.frontier_case = TIDEMARK__FEED__RELAY__FRONTIER_FRONTIER_NS
            message.pointee.frontier_ns = frontierNs
        }
        append(TIDEMARK__FEED__RECORD__RECORD_RELAY) { $0.pointee.relay = message }
    }

    mutating func append(_ change: SessionStateChange) {
        let message: UnsafeMutablePointer<Tidemark__Feed__Session> = arena.make(tidemark__feed__session__init)
        message.pointee.relay = arena.string(change.relay)
        message.pointee.host = arena.string(change.host)
        message.pointee.session = arena.string(change.session)
        message.pointee.session_id = change.sessionID
        message.pointee.state = Tidemark__Feed__SessionState(UInt32(change.state.rawValue))
        message.pointee.reason = arena.string(change.reason)
        if let startNs = change.startNs {
            message.pointee.start_case = TIDEMARK__FEED__SESSION__START_START_NS
            message.pointee.start_ns = startNs
        }
        append(TIDEMARK__FEED__RECORD__RECORD_SESSION) { $0.pointee.session = message }
    }

    mutating func append(_ loss: LossRecord) {
        let message: UnsafeMutablePointer<Tidemark__Feed__Lost> = arena.make(tidemark__feed__lost__init)
        message.pointee.relay = arena.string(loss.relay)
        message.pointee.host = arena.string(loss.host)
        message.pointee.session = arena.string(loss.session)
        message.pointee.session_id = loss.sessionID
        message.pointee.unit = Tidemark__Feed__LossUnit(UInt32(loss.unit.rawValue))
        message.pointee.cause = Tidemark__Feed__LossCause(UInt32(loss.cause.rawValue))
        message.pointee.reason = arena.string(loss.reason)
        if let streamID = loss.streamID {
            message.pointee.stream_case = TIDEMARK__FEED__LOST__STREAM_STREAM_ID
            message.pointee.stream_id = streamID
        }
        if let count = loss.count {
            message.pointee.amount_case = TIDEMARK__FEED__LOST__AMOUNT_COUNT
            message.pointee.count = count
        }
        if let fromNs = loss.fromNs {
            message.pointee.from_case = TIDEMARK__FEED__LOST__FROM_FROM_NS
            message.pointee.from_ns = fromNs
        }
        if let toNs = loss.toNs {
            message.pointee.to_case = TIDEMARK__FEED__LOST__TO_TO_NS
            message.pointee.to_ns = toNs
        }
        if let packet = loss.packet { message.pointee.packet = self.place(packet) }
        append(TIDEMARK__FEED__RECORD__RECORD_LOST) { $0.pointee.lost = message }
    }

    mutating func append(_ holder: HolderRecord) {
        let message: UnsafeMutablePointer<Tidemark__Feed__Holder> = arena.make(tidemark__feed__holder__init)
        message.pointee.relay = arena.string(holder.relay)
        message.pointee.host = arena.string(holder.host)
        message.pointee.session = arena.string(holder.session)
        message.pointee.held_ns = holder.heldNs
        if let streamID = holder.streamID {
            message.pointee.stream_case = TIDEMARK__FEED__HOLDER__STREAM_STREAM_ID
            message.pointee.stream_id = streamID
        }
        append(TIDEMARK__FEED__RECORD__RECORD_HOLDER) { $0.pointee.holder = message }
    }

    mutating func append(_ report: ClockReport) {
        let message: UnsafeMutablePointer<Tidemark__Feed__Clock> = arena.make(tidemark__feed__clock__init)
        message.pointee.relay = arena.string(report.relay)
        message.pointee.host = arena.string(report.host)
        message.pointee.clock = arena.string(report.clock)
        message.pointee.reference_relay = arena.string(report.referenceRelay)
        message.pointee.reference_host = arena.string(report.referenceHost)
        message.pointee.quality = Tidemark__Feed__ClockQuality(UInt32(report.quality.rawValue))
        if let lowerNs = report.lowerNs {
            message.pointee.lower_case = TIDEMARK__FEED__CLOCK__LOWER_LOWER_NS
            message.pointee.lower_ns = lowerNs
        }
        if let upperNs = report.upperNs {
            message.pointee.upper_case = TIDEMARK__FEED__CLOCK__UPPER_UPPER_NS
            message.pointee.upper_ns = upperNs
        }
        if let driftPpb = report.driftPpb {
            message.pointee.drift_case = TIDEMARK__FEED__CLOCK__DRIFT_DRIFT_PPB
            message.pointee.drift_ppb = driftPpb
        }
        if let stepNs = report.stepNs {
            message.pointee.step_case = TIDEMARK__FEED__CLOCK__STEP_STEP_NS
            message.pointee.step_ns = stepNs
        }
        message.pointee.drift_error_ppb = report.driftErrorPpb
        message.pointee.step_error_ns = report.stepErrorNs
        message.pointee.correction_ns = report.correctionNs
        message.pointee.spread_ns = report.spreadNs
        append(TIDEMARK__FEED__RECORD__RECORD_CLOCK) { $0.pointee.clock = message }
    }

    mutating func append(_ gap: GapRecord) {
        let message: UnsafeMutablePointer<Tidemark__Feed__Gap> = arena.make(tidemark__feed__gap__init)
        message.pointee.from_sequence = gap.fromSequence
        message.pointee.to_sequence = gap.toSequence
        message.pointee.reason = arena.string(gap.reason)
        append(TIDEMARK__FEED__RECORD__RECORD_GAP) { $0.pointee.gap = message }
    }

    mutating func append(_ log: LogRecord) {
        let message: UnsafeMutablePointer<Tidemark__Feed__LogState> = arena.make(tidemark__feed__log_state__init)
        message.pointee.condition = Tidemark__Feed__LogCondition(UInt32(log.condition.rawValue))
        message.pointee.reason = arena.string(log.reason)
        message.pointee.held_ns = log.heldNs
        append(TIDEMARK__FEED__RECORD__RECORD_LOG) { $0.pointee.log = message }
    }

    mutating func append(end reason: String) {
        let message: UnsafeMutablePointer<Tidemark__Feed__End> = arena.make(tidemark__feed__end__init)
        message.pointee.reason = arena.string(reason)
        append(TIDEMARK__FEED__RECORD__RECORD_END) { $0.pointee.end = message }
    }
}
