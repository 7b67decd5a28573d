import CFeedSchema
import CTF

/// What a coordinator that is started again needs of its log.
extension RecordReader {
    /// - Parameter state: knows the stream's trace.
    func streamEnd(
        _ message: UnsafeMutablePointer<Tidemark__Feed__StreamEnd>?,
        _ state: borrowing FeedState
    ) throws(FeedError) -> StreamEndRecord {
        guard let end = message?.pointee else { throw .invalid(.stream) }
        guard let stream = state.streams[end.stream_id] else { throw .unknownReference(.stream, end.stream_id) }
        let hasUUID = end.uuid_high != 0 || end.uuid_low != 0
        return StreamEndRecord(
            streamID: end.stream_id,
            traceID: stream.traceID,
            traceUUID: hasUUID ? TraceUUID(high: end.uuid_high, low: end.uuid_low) : nil
        )
    }

    static func place(_ message: UnsafeMutablePointer<Tidemark__Feed__PacketPlace>?) -> PacketPlace? {
        guard let place = message?.pointee else { return nil }
        let hasDiscarded = place.discarded_case == TIDEMARK__FEED__PACKET_PLACE__DISCARDED_DISCARDED_EVENTS
        return PacketPlace(
            endCycles: place.end_cycles,
            offset: place.offset,
            discardedEvents: hasDiscarded ? place.discarded_events : nil
        )
    }

    func source(_ message: UnsafeMutablePointer<Tidemark__Feed__Source>?) throws(FeedError) -> SourceRecord {
        guard let source = message?.pointee else { throw .invalid(.source) }
        let id = source.feed_id.buffer
        guard id.isEmpty || id.count == FeedID.byteCount else { throw .invalid(.feedID) }
        return SourceRecord(
            relay: text(source.relay),
            feed: id.isEmpty ? nil : FeedID(bytes: id),
            token: text(source.token),
            sequence: source.sequence,
            epoch: source.epoch
        )
    }

    func idle(_ message: UnsafeMutablePointer<Tidemark__Feed__Idle>?) throws(FeedError) -> Bool {
        guard let message else { throw .invalid(.record) }
        return message.pointee.is_idle != 0
    }

    /// Takes a record that only a log's checkpoints have.
    func restore(
        _ record: UnsafeMutablePointer<Tidemark__Feed__Record>,
        into state: inout FeedState
    ) throws(FeedError) {
        switch record.pointee.record_case {
        case TIDEMARK__FEED__RECORD__RECORD_PLACE:
            guard let message = record.pointee.place else { throw .invalid(.stream) }
            var place = StreamPlace(said: RecordReader.place(message.pointee.said))
            if let index = message.pointee.index {
                place.packet = StreamPlace.Packet(
                    index: try RecordReader.index(index),
                    place: RecordReader.place(message.pointee.packet) ?? PacketPlace(endCycles: 0, offset: 0),
                    endBits: message.pointee.end_bits,
                    correction: try RecordReader.correction(message.pointee.correction_ns, message.pointee.change)
                )
            }
            for index in 0..<message.pointee.n_lost {
                guard let lost = message.pointee.lost[index], let packet = RecordReader.place(lost.pointee.packet)
                else { throw .invalid(.lost) }
                place.lost.append(
                    StreamPlace.LostPackets(
                        packet: packet,
                        count: lost.pointee.count,
                        isPacketItself: lost.pointee.is_packet_itself != 0
                    )
                )
            }
            try state.restore(place, streamID: message.pointee.stream_id)
        case TIDEMARK__FEED__RECORD__RECORD_ENDED_STREAMS:
            guard let message = record.pointee.ended_streams?.pointee,
                message.n_trace_uuid == 2 * message.n_live_stream_id
            else { throw .invalid(.session) }
            let key = FeedState.SessionKey(
                relay: text(message.relay),
                host: text(message.host),
                session: text(message.session),
                id: message.session_id
            )
            var ended = state.endedStreams[key] ?? EndedStreams()
            for index in 0..<message.n_live_stream_id {
                ended.note(
                    message.live_stream_id[index],
                    of: TraceUUID(high: message.trace_uuid[2 * index], low: message.trace_uuid[2 * index + 1])
                )
            }
            state.restore(ended, of: key)
        case TIDEMARK__FEED__RECORD__RECORD_NUMBERS:
            guard let message = record.pointee.numbers?.pointee else { throw .invalid(.record) }
            var numbers = FeedNumbers()
            numbers.traceID = message.trace_id
            numbers.streamID = message.stream_id
            numbers.packetID = message.packet_id
            state.restore(numbers)
        default: break
        }
    }
}
