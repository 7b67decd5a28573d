import CFeedSchema
import CTF

/// Follows logged frames from a checkpoint on without decoding events or reading metadata: for finding the state
/// between two checkpoints of a log.
package struct FrameFolder: ~Copyable, Sendable {
    package private(set) var state: FeedState
    private var messages: MessageReader
    private let limits: FeedLimits

    /// Begins at a checkpoint that was stored.
    /// - Parameters:
    ///   - checkpoint: all of its frames, in order.
    ///   - watermarkNs: W at the checkpoint, nanoseconds since the Unix epoch; nil before it was set.
    /// - Throws: when they are not a whole checkpoint.
    package init(
        checkpoint: [EncodedFrame],
        watermarkNs: Int64?,
        limits: FeedLimits = FeedLimits()
    ) throws(FeedError) {
        self.init(state: FeedState(), limits: limits)
        for (index, frame) in checkpoint.enumerated() {
            let message = try unpack(frame)
            let kind =
                index == 0
                ? TIDEMARK__FEED__FRAME_KIND__FRAME_CHECKPOINT : TIDEMARK__FEED__FRAME_KIND__FRAME_CHECKPOINT_PART
            guard message.pointee.kind == kind else { throw .invalid(.kind) }
            guard message.pointee.sequence == frame.sequence, frame.sequence == checkpoint[0].sequence else {
                throw .sequenceBroken(expected: checkpoint[0].sequence, actual: message.pointee.sequence)
            }
            try fold(message, of: frame)
            state.isResumePoint = frame.watermarkNs != nil
            state.floorNs = message.floorNs
        }
        guard let first = checkpoint.first else { throw .checkpointMissing }
        state.sequence = first.sequence
        state.watermarkNs = watermarkNs
    }

    package init(state: FeedState, limits: FeedLimits = FeedLimits()) {
        self.state = state
        self.limits = limits
        messages = MessageReader(limits: limits)
    }

    /// - Parameter frame: the one after the state's.
    package mutating func fold(_ frame: EncodedFrame) throws(FeedError) {
        let message = try unpack(frame)
        guard message.pointee.kind == TIDEMARK__FEED__FRAME_KIND__FRAME_BATCH else { throw .invalid(.kind) }
        guard message.pointee.sequence == state.sequence + 1 else {
            throw .sequenceBroken(expected: state.sequence + 1, actual: message.pointee.sequence)
        }
        state.sequence = message.pointee.sequence
        state.note(watermarkNs: frame.watermarkNs, floorNs: message.floorNs)
        try fold(message, of: frame)
        state.endBatch()
    }

    private mutating func unpack(
        _ frame: EncodedFrame
    ) throws(FeedError) -> UnsafeMutablePointer<Tidemark__Feed__Frame> {
        try messages.unpack(
            try FrameDecoder.body(frame.storage, limitBytes: limits.frameBytes),
            tidemark__feed__frame__init,
            tailField: FrameDecoder.sliceBytesField
        )
    }

    private mutating func fold(
        _ message: UnsafeMutablePointer<Tidemark__Feed__Frame>,
        of frame: EncodedFrame
    ) throws(FeedError) {
        let reader = RecordReader(storage: frame.storage, bodyOffset: MessageLength.byteCount, extents: [])
        for index in 0..<message.pointee.n_records {
            guard let record = message.pointee.records?[index] else { throw .invalid(.record) }
            try fold(record, reader)
        }
    }

    private mutating func fold(
        _ record: UnsafeMutablePointer<Tidemark__Feed__Record>,
        _ reader: RecordReader
    ) throws(FeedError) {
        switch record.pointee.record_case {
        case TIDEMARK__FEED__RECORD__RECORD_TRACE: try state.declare(try reader.trace(record.pointee.trace))
        case TIDEMARK__FEED__RECORD__RECORD_METADATA:
            let (traceID, content) = try reader.metadata(record.pointee.metadata)
            try state.grow(traceID: traceID, metadata: Array(content))
        case TIDEMARK__FEED__RECORD__RECORD_STREAM: try state.declare(try reader.stream(record.pointee.stream))
        case TIDEMARK__FEED__RECORD__RECORD_TRACE_END:
            try state.end(traceID: try reader.traceEnd(record.pointee.trace_end))
        case TIDEMARK__FEED__RECORD__RECORD_STREAM_END:
            try state.end(try reader.streamEnd(record.pointee.stream_end, state))
        case TIDEMARK__FEED__RECORD__RECORD_LOST: state.lose(try reader.lost(record.pointee.lost))
        case TIDEMARK__FEED__RECORD__RECORD_PLACE, TIDEMARK__FEED__RECORD__RECORD_ENDED_STREAMS,
            TIDEMARK__FEED__RECORD__RECORD_NUMBERS:
            try reader.restore(record, into: &state)
        case TIDEMARK__FEED__RECORD__RECORD_RELAY: try state.change(try reader.relay(record.pointee.relay))
        case TIDEMARK__FEED__RECORD__RECORD_SESSION: try state.change(try reader.session(record.pointee.session))
        case TIDEMARK__FEED__RECORD__RECORD_CLOCK: try state.change(try reader.clock(record.pointee.clock))
        case TIDEMARK__FEED__RECORD__RECORD_SOURCE: try state.change(try reader.source(record.pointee.source))
        case TIDEMARK__FEED__RECORD__RECORD_IDLE: state.change(isIdle: try reader.idle(record.pointee.idle))
        case TIDEMARK__FEED__RECORD__RECORD_PACKET:
            guard let packet = record.pointee.packet else { throw .invalid(.packet) }
            try state.open(try openPacket(packet))
        case TIDEMARK__FEED__RECORD__RECORD_RAW_EVENTS:
            guard let events = record.pointee.raw_events else { throw .invalid(.record) }
            for index in 0..<events.pointee.n_slices {
                guard let slice = events.pointee.slices?[index] else { throw .invalid(.slice) }
                if let packet = slice.pointee.packet { try state.open(try openPacket(packet)) }
                state.advance(packetID: slice.pointee.packet_id, endBits: slice.pointee.end_bits)
            }
        default: break
        }
    }

    private func openPacket(
        _ message: UnsafeMutablePointer<Tidemark__Feed__Packet>
    ) throws(FeedError) -> FeedState.OpenPacket {
        let streamID = message.pointee.stream_id
        guard let stream = state.streams[streamID] else { throw .unknownReference(.stream, streamID) }
        return FeedState.OpenPacket(
            id: message.pointee.id,
            traceID: stream.traceID,
            streamID: streamID,
            metadataBytes: message.pointee.metadata_bytes,
            correction: try RecordReader.correction(message),
            preamble: Array(message.pointee.preamble.buffer),
            index: try RecordReader.index(message.pointee.index),
            place: RecordReader.place(message.pointee.place) ?? PacketPlace(endCycles: 0, offset: 0)
        )
    }
}
