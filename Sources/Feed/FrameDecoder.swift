import CFeedSchema
package import CTF

/// A frame as a raw subscriber gets it.
package struct ReceivedFrame: Sendable {
    /// Numbered. In a checkpoint: declarations and the current states. Slices lie in the frame's own storage.
    package let batch: FeedBatch
    /// Resumes after this frame; nil where one cannot.
    package let token: String?
    /// Whether this is (a part of) a checkpoint: it repeats what earlier frames may have said.
    package let isCheckpoint: Bool
    /// Whether it is no part of the feed: it has the number of the frame before.
    package let isNotice: Bool
    /// Bytes, including the length.
    package let byteCount: Int
}

/// Turns the frames of a raw subscription back into batches.
///
/// Keeps what frames refer to: traces with their metadata and programs, streams, open packets. A trace whose metadata
/// cannot be read costs itself only: its events become `lost` records. Any other fault is an error, after which the
/// decoder is of no more use. What it keeps, and what one frame may take, is bounded by `FeedLimits`.
package struct FrameDecoder: ~Copyable, Sendable {
    private let limits: FeedLimits
    private var messages: MessageReader
    private var hasCheckpoint = false
    /// What lives after the last frame.
    var state: FeedState
    var readers: [UInt64: TraceReader] = [:]
    /// Packets of `state`, and those of the current frame.
    var packets: [UInt64: PacketEntry] = [:]

    /// A packet that slices may refer to.
    enum PacketEntry: Sendable {
        case readable(FeedPacket)
        case unreadable(FeedTrace, FeedStream, UnreadableTrace)
    }

    package init(limits: FeedLimits = FeedLimits()) {
        self.limits = limits
        messages = MessageReader(limits: limits)
        state = FeedState(limits: limits)
    }

    /// Where a decoder stands: another one can go on from there. A value, which shares what has not changed since;
    /// packets, which change with nearly each frame, are packed.
    package struct Place: Sendable {
        fileprivate let state: FeedState
        fileprivate let packed: FeedState.PackedPackets
        fileprivate let readers: [UInt64: TraceReader]
        fileprivate let unreadable: [UInt64: PacketEntry]

        /// The last frame that was decoded.
        package var sequence: UInt64 { state.sequence }
        /// What it does not share with a place some frames away, bytes, about.
        package var byteCount: Int { 4096 + packed.byteCount + 512 * unreadable.count }
    }

    /// Where it stands, after a frame.
    /// - Complexity: O(open packets).
    package var place: Place {
        var state = state
        let packed = state.packPackets()
        let unreadable = packets.filter { if case .unreadable = $0.value { true } else { false } }
        return Place(state: state, packed: packed, readers: readers, unreadable: unreadable)
    }

    /// Goes on where another one stood: the next frame is the one after `place.sequence`.
    /// - Parameter limits: as of the other.
    /// - Complexity: O(open packets).
    package init(at place: Place, limits: FeedLimits = FeedLimits()) {
        self.init(limits: limits)
        state = place.state
        state.unpack(place.packed)
        readers = place.readers
        packets = place.unreadable
        for packet in state.packets.values where packets[packet.id] == nil { read(packet) }
        hasCheckpoint = true
    }

    /// The last frame that was decoded.
    package var sequence: UInt64 { state.sequence }

    /// - Parameter frame: a whole frame, with its length.
    package mutating func decode(_ frame: ByteStorage) throws(FeedError) -> ReceivedFrame {
        let body = try FrameDecoder.body(frame, limitBytes: limits.frameBytes)
        let message: UnsafeMutablePointer<Tidemark__Feed__Frame> = try messages.unpack(
            body,
            tidemark__feed__frame__init,
            tailField: FrameDecoder.sliceBytesField
        )
        let isNotice = message.pointee.kind == TIDEMARK__FEED__FRAME_KIND__FRAME_NOTICE
        let isCheckpoint = try begin(message)
        var records: [FeedRecord] = []
        records.reserveCapacity(message.pointee.n_records)
        var reader = RecordReader(storage: frame, bodyOffset: MessageLength.byteCount, extents: messages.scan.tail)
        for index in 0..<message.pointee.n_records {
            guard let record = message.pointee.records?[index] else { throw .invalid(.record) }
            if isNotice, record.pointee.record_case != TIDEMARK__FEED__RECORD__RECORD_LOG { continue }
            try decode(record, &reader, isCheckpoint: isCheckpoint, into: &records)
        }
        guard reader.isAtEnd else { throw .invalid(.sliceBytes) }
        if isNotice {
            return ReceivedFrame(
                batch: FeedBatch(sequence: state.sequence, records: records),
                token: nil,
                isCheckpoint: false,
                isNotice: true,
                byteCount: frame.capacity
            )
        }
        let watermarkNs = message.watermarkNs
        let mayResume = message.pointee.token != nil && watermarkNs != nil
        let token = mayResume ? text(message.pointee.token) : ""
        if state.endBatch() { readers = readers.filter { state.traces[$0.key] != nil } }
        if packets.count != state.packets.count { packets = packets.filter { state.packets[$0.key] != nil } }
        let floorNs = message.floorNs
        state.note(watermarkNs: watermarkNs, floorNs: floorNs)
        return ReceivedFrame(
            batch: FeedBatch(
                sequence: state.sequence,
                records: records,
                watermarkNs: watermarkNs,
                floorNs: floorNs
            ),
            token: token.isEmpty ? nil : token,
            isCheckpoint: isCheckpoint,
            isNotice: false,
            byteCount: frame.capacity
        )
    }

    /// The program of the newest metadata of a trace that lives; nil where that cannot be read, yet or ever.
    package mutating func program(ofTrace id: UInt64) -> TraceProgram? {
        try? readers[id]?.program(metadataBytes: 0)
    }

    static let sliceBytesField: UInt32 = 15

    /// A frame's message, after a look at its length.
    static func body(_ frame: ByteStorage, limitBytes: Int) throws(FeedError) -> UnsafeRawBufferPointer {
        let bytes = frame.bytes
        guard bytes.count > MessageLength.byteCount else { throw .messageEmpty }
        let length = MessageLength.read(bytes)
        guard length <= limitBytes else { throw .messageTooLong(UInt64(length), limit: limitBytes) }
        guard length == bytes.count - MessageLength.byteCount else { throw .truncated }
        return UnsafeRawBufferPointer(rebasing: bytes[MessageLength.byteCount...])
    }

    /// Looks at the frame's kind and number.
    /// - Returns: whether it is of a checkpoint.
    private mutating func begin(_ frame: UnsafeMutablePointer<Tidemark__Feed__Frame>) throws(FeedError) -> Bool {
        let sequence = frame.pointee.sequence
        switch frame.pointee.kind {
        case TIDEMARK__FEED__FRAME_KIND__FRAME_BATCH:
            guard hasCheckpoint else { throw .checkpointMissing }
            let (expected, overflow) = state.sequence.addingReportingOverflow(1)
            guard !overflow, sequence == expected else {
                throw .sequenceBroken(expected: expected, actual: sequence)
            }
            state.sequence = sequence
            return false
        case TIDEMARK__FEED__FRAME_KIND__FRAME_CHECKPOINT:
            state = FeedState(limits: limits)
            readers.removeAll()
            packets.removeAll()
            hasCheckpoint = true
            state.sequence = sequence
            return true
        case TIDEMARK__FEED__FRAME_KIND__FRAME_CHECKPOINT_PART:
            guard hasCheckpoint else { throw .checkpointMissing }
            guard sequence == state.sequence else {
                throw .sequenceBroken(expected: state.sequence, actual: sequence)
            }
            return true
        case TIDEMARK__FEED__FRAME_KIND__FRAME_NOTICE:
            guard hasCheckpoint else { throw .checkpointMissing }
            return false
        default: throw .invalid(.kind)
        }
    }

    private mutating func decode(
        _ record: UnsafeMutablePointer<Tidemark__Feed__Record>,
        _ reader: inout RecordReader,
        isCheckpoint: Bool,
        into records: inout [FeedRecord]
    ) throws(FeedError) {
        switch record.pointee.record_case {
        case TIDEMARK__FEED__RECORD__RECORD_TRACE:
            let trace = try reader.trace(record.pointee.trace)
            try state.declare(trace)
            readers[trace.id] = TraceReader()
            records.append(.trace(trace))
        case TIDEMARK__FEED__RECORD__RECORD_METADATA:
            let (traceID, content) = try reader.metadata(record.pointee.metadata)
            let bytes = Array(content)
            try state.grow(traceID: traceID, metadata: bytes)
            readers[traceID]?.append(content)
            records.append(.metadata(traceID: traceID, bytes: bytes))
        case TIDEMARK__FEED__RECORD__RECORD_STREAM:
            let stream = try reader.stream(record.pointee.stream)
            try state.declare(stream)
            records.append(.stream(stream))
        case TIDEMARK__FEED__RECORD__RECORD_TRACE_END:
            let traceID = try reader.traceEnd(record.pointee.trace_end)
            try state.end(traceID: traceID)
            records.append(.traceEnd(traceID: traceID))
        case TIDEMARK__FEED__RECORD__RECORD_STREAM_END:
            let end = try reader.streamEnd(record.pointee.stream_end, state)
            try state.end(end)
            records.append(.streamEnd(end))
        case TIDEMARK__FEED__RECORD__RECORD_PACKET:
            guard isCheckpoint else { throw .invalid(.packet) }
            try open(record.pointee.packet)
        case TIDEMARK__FEED__RECORD__RECORD_RAW_EVENTS:
            guard !isCheckpoint else { throw .invalid(.record) }
            try events(record.pointee.raw_events, &reader, into: &records)
        case TIDEMARK__FEED__RECORD__RECORD_RELAY:
            let change = try reader.relay(record.pointee.relay)
            try state.change(change)
            records.append(.relay(change))
        case TIDEMARK__FEED__RECORD__RECORD_SESSION:
            let change = try reader.session(record.pointee.session)
            try state.change(change)
            records.append(.session(change))
        case TIDEMARK__FEED__RECORD__RECORD_CLOCK:
            let report = try reader.clock(record.pointee.clock)
            try state.change(report)
            records.append(.clock(report))
        case TIDEMARK__FEED__RECORD__RECORD_SOURCE:
            let source = try reader.source(record.pointee.source)
            try state.change(source)
            records.append(.source(source))
        case TIDEMARK__FEED__RECORD__RECORD_IDLE:
            let isIdle = try reader.idle(record.pointee.idle)
            state.change(isIdle: isIdle)
            records.append(.idle(isIdle))
        case TIDEMARK__FEED__RECORD__RECORD_LOST: records.append(.lost(try reader.lost(record.pointee.lost)))
        case TIDEMARK__FEED__RECORD__RECORD_HOLDER: records.append(.holder(try reader.holder(record.pointee.holder)))
        case TIDEMARK__FEED__RECORD__RECORD_GAP: records.append(.gap(try reader.gap(record.pointee.gap)))
        case TIDEMARK__FEED__RECORD__RECORD_LOG: records.append(.log(try reader.log(record.pointee.log)))
        case TIDEMARK__FEED__RECORD__RECORD_END: records.append(.end(reason: try reader.end(record.pointee.end)))
        default:
            // Records of a later version, and decoded events, are not for this reader.
            break
        }
    }
}

extension UnsafeMutablePointer<Tidemark__Feed__Frame> {
    fileprivate var watermarkNs: Int64? {
        pointee.watermark_case == TIDEMARK__FEED__FRAME__WATERMARK_WATERMARK_NS ? pointee.watermark_ns : nil
    }

    var floorNs: Int64? {
        pointee.floor_case == TIDEMARK__FEED__FRAME__FLOOR_FLOOR_NS ? pointee.floor_ns : nil
    }
}
