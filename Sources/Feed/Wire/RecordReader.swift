import CFeedSchema
import CTF

/// Turns the messages of a frame into values. Checks each by itself; what it refers to is the decoder's to know.
struct RecordReader {
    /// The frame.
    let storage: ByteStorage
    private let bodyOffset: Int
    private let extents: [StructureScan.Extent]
    private var nextExtent = 0

    /// - Parameters:
    ///   - bodyOffset: where in `storage` the message begins that the extents are of.
    ///   - extents: where its slices' bytes lie.
    init(storage: ByteStorage, bodyOffset: Int, extents: [StructureScan.Extent]) {
        self.storage = storage
        self.bodyOffset = bodyOffset
        self.extents = extents
    }

    /// Whether all slices' bytes have been asked for.
    var isAtEnd: Bool { nextExtent == extents.count }

    /// Where in `storage` the next slice's bytes lie, which must be `byteCount`.
    mutating func nextSliceOffset(byteCount: Int) throws(FeedError) -> Int {
        guard nextExtent < extents.count, extents[nextExtent].count == byteCount else { throw .invalid(.sliceBytes) }
        defer { nextExtent += 1 }
        return bodyOffset + extents[nextExtent].offset
    }

    func trace(_ message: UnsafeMutablePointer<Tidemark__Feed__Trace>?) throws(FeedError) -> FeedTrace {
        guard let trace = message?.pointee else { throw .invalid(.trace) }
        var read = FeedTrace(
            id: trace.id,
            relay: text(trace.relay),
            host: text(trace.host),
            session: text(trace.session),
            sessionID: trace.session_id,
            path: text(trace.path)
        )
        read.liveTraceID = trace.live_trace_id
        read.sourceID = trace.source_id
        return read
    }

    func metadata(
        _ message: UnsafeMutablePointer<Tidemark__Feed__Metadata>?
    ) throws(FeedError) -> (traceID: UInt64, content: UnsafeRawBufferPointer) {
        guard let message else { throw .invalid(.metadata) }
        return (message.pointee.trace_id, message.pointee.content.buffer)
    }

    func stream(_ message: UnsafeMutablePointer<Tidemark__Feed__Stream>?) throws(FeedError) -> FeedStream {
        guard let stream = message?.pointee else { throw .invalid(.stream) }
        var read = FeedStream(
            id: stream.id,
            traceID: stream.trace_id,
            liveStreamID: stream.live_stream_id,
            channel: text(stream.channel)
        )
        read.sourceID = stream.source_id
        return read
    }

    /// - Returns: the trace's id.
    func traceEnd(_ message: UnsafeMutablePointer<Tidemark__Feed__TraceEnd>?) throws(FeedError) -> UInt64 {
        guard let message else { throw .invalid(.trace) }
        return message.pointee.trace_id
    }

    static func index(_ message: UnsafeMutablePointer<Tidemark__Feed__PacketIndex>?) throws(FeedError)
        -> FeedPacketIndex
    {
        guard let index = message?.pointee else { throw .invalid(.packet) }
        let hasBegin =
            index.timestamp_begin_case == TIDEMARK__FEED__PACKET_INDEX__TIMESTAMP_BEGIN_TIMESTAMP_BEGIN_CYCLES
        let hasEnd = index.timestamp_end_case == TIDEMARK__FEED__PACKET_INDEX__TIMESTAMP_END_TIMESTAMP_END_CYCLES
        let hasContent = index.content_case == TIDEMARK__FEED__PACKET_INDEX__CONTENT_CONTENT_BITS
        let hasTotal = index.total_case == TIDEMARK__FEED__PACKET_INDEX__TOTAL_TOTAL_BITS
        let hasSequence = index.sequence_case == TIDEMARK__FEED__PACKET_INDEX__SEQUENCE_SEQUENCE_NUMBER
        let hasDiscarded = index.discarded_case == TIDEMARK__FEED__PACKET_INDEX__DISCARDED_DISCARDED_EVENTS
        let hasInstance = index.instance_case == TIDEMARK__FEED__PACKET_INDEX__INSTANCE_STREAM_INSTANCE_ID
        return FeedPacketIndex(
            timestampBeginCycles: hasBegin ? index.timestamp_begin_cycles : nil,
            timestampEndCycles: hasEnd ? index.timestamp_end_cycles : nil,
            contentBits: hasContent ? index.content_bits : nil,
            totalBits: hasTotal ? index.total_bits : nil,
            sequenceNumber: hasSequence ? index.sequence_number : nil,
            discardedEvents: hasDiscarded ? index.discarded_events : nil,
            streamInstanceID: hasInstance ? index.stream_instance_id : nil,
            streamClassID: index.stream_class_id,
            firstEventBits: index.first_event_bits
        )
    }

    static func correction(
        _ message: UnsafeMutablePointer<Tidemark__Feed__Packet>
    ) throws(FeedError) -> TimeCorrection {
        try correction(message.pointee.correction_ns, message.pointee.change)
    }

    static func correction(
        _ offsetNs: Int64,
        _ change: UnsafeMutablePointer<Tidemark__Feed__CorrectionChange>?
    ) throws(FeedError) -> TimeCorrection {
        guard let change = change?.pointee else { return TimeCorrection(offsetNs: offsetNs) }
        let correction = TimeCorrection(
            offsetNs: offsetNs,
            beginNs: change.begin_ns,
            endNs: change.end_ns,
            endOffsetNs: change.correction_ns
        )
        guard let correction else { throw .invalid(.packet) }
        return correction
    }

    func relay(_ message: UnsafeMutablePointer<Tidemark__Feed__Relay>?) throws(FeedError) -> RelayStateChange {
        guard let relay = message?.pointee else { throw .invalid(.relay) }
        guard let state = RelayState(rawValue: UInt8(clamping: relay.state.rawValue)) else { throw .invalid(.relay) }
        let hasFrontier = relay.frontier_case == TIDEMARK__FEED__RELAY__FRONTIER_FRONTIER_NS
        return RelayStateChange(
            relay: text(relay.relay),
            state: state,
            reason: text(relay.reason),
            frontierNs: hasFrontier ? relay.frontier_ns : nil
        )
    }

    func session(_ message: UnsafeMutablePointer<Tidemark__Feed__Session>?) throws(FeedError) -> SessionStateChange {
        guard let session = message?.pointee else { throw .invalid(.session) }
        guard let state = SessionState(rawValue: UInt8(clamping: session.state.rawValue)) else {
            throw .invalid(.session)
        }
        return SessionStateChange(
            relay: text(session.relay),
            host: text(session.host),
            session: text(session.session),
            sessionID: session.session_id,
            state: state,
            reason: text(session.reason),
            startNs: session.start_case == TIDEMARK__FEED__SESSION__START_START_NS ? session.start_ns : nil
        )
    }

    func lost(_ message: UnsafeMutablePointer<Tidemark__Feed__Lost>?) throws(FeedError) -> LossRecord {
        guard let lost = message?.pointee else { throw .invalid(.lost) }
        guard let unit = LossRecord.Unit(rawValue: UInt8(clamping: lost.unit.rawValue)) else { throw .invalid(.lost) }
        return LossRecord(
            relay: text(lost.relay),
            host: text(lost.host),
            session: text(lost.session),
            sessionID: lost.session_id,
            streamID: lost.stream_case == TIDEMARK__FEED__LOST__STREAM_STREAM_ID ? lost.stream_id : nil,
            unit: unit,
            count: lost.amount_case == TIDEMARK__FEED__LOST__AMOUNT_COUNT ? lost.count : nil,
            fromNs: lost.from_case == TIDEMARK__FEED__LOST__FROM_FROM_NS ? lost.from_ns : nil,
            toNs: lost.to_case == TIDEMARK__FEED__LOST__TO_TO_NS ? lost.to_ns : nil,
            reason: text(lost.reason),
            cause: LossRecord.Cause(rawValue: UInt8(clamping: lost.cause.rawValue)) ?? .delivery,
            packet: RecordReader.place(lost.packet)
        )
    }

    func holder(_ message: UnsafeMutablePointer<Tidemark__Feed__Holder>?) throws(FeedError) -> HolderRecord {
        guard let holder = message?.pointee else { throw .invalid(.holder) }
        let hasStream = holder.stream_case == TIDEMARK__FEED__HOLDER__STREAM_STREAM_ID
        return HolderRecord(
            relay: text(holder.relay),
            host: text(holder.host),
            session: text(holder.session),
            streamID: hasStream ? holder.stream_id : nil,
            heldNs: holder.held_ns
        )
    }

    func clock(_ message: UnsafeMutablePointer<Tidemark__Feed__Clock>?) throws(FeedError) -> ClockReport {
        guard let clock = message?.pointee else { throw .invalid(.clock) }
        guard let quality = ClockQuality(rawValue: UInt8(clamping: clock.quality.rawValue)) else {
            throw .invalid(.clock)
        }
        var report = ClockReport(
            relay: text(clock.relay),
            host: text(clock.host),
            clock: text(clock.clock),
            referenceRelay: text(clock.reference_relay),
            referenceHost: text(clock.reference_host),
            quality: quality
        )
        if clock.lower_case == TIDEMARK__FEED__CLOCK__LOWER_LOWER_NS { report.lowerNs = clock.lower_ns }
        if clock.upper_case == TIDEMARK__FEED__CLOCK__UPPER_UPPER_NS { report.upperNs = clock.upper_ns }
        if let lower = report.lowerNs, let upper = report.upperNs, lower > upper { throw .invalid(.clock) }
        if clock.drift_case == TIDEMARK__FEED__CLOCK__DRIFT_DRIFT_PPB { report.driftPpb = clock.drift_ppb }
        report.driftErrorPpb = clock.drift_error_ppb
        if clock.step_case == TIDEMARK__FEED__CLOCK__STEP_STEP_NS { report.stepNs = clock.step_ns }
        report.stepErrorNs = clock.step_error_ns
        report.correctionNs = clock.correction_ns
        report.spreadNs = clock.spread_ns
        return report
    }

    func gap(_ message: UnsafeMutablePointer<Tidemark__Feed__Gap>?) throws(FeedError) -> GapRecord {
        guard let gap = message?.pointee else { throw .invalid(.gap) }
        return GapRecord(
            fromSequence: gap.from_sequence,
            toSequence: gap.to_sequence,
            reason: text(gap.reason)
        )
    }

    func log(_ message: UnsafeMutablePointer<Tidemark__Feed__LogState>?) throws(FeedError) -> LogRecord {
        guard let log = message?.pointee,
            let condition = LogRecord.Condition(rawValue: UInt8(clamping: log.condition.rawValue))
        else { throw .invalid(.log) }
        return LogRecord(condition: condition, reason: text(log.reason), heldNs: log.held_ns)
    }

    func end(_ message: UnsafeMutablePointer<Tidemark__Feed__End>?) throws(FeedError) -> String {
        guard let message else { throw .invalid(.end) }
        return text(message.pointee.reason)
    }
}
