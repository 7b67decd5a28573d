import CFeedSchema
import CTF

/// What a coordinator that is started again needs of its log.
extension RecordBuilder {
    mutating func append(_ record: StreamEndRecord) {
        let message: UnsafeMutablePointer<Tidemark__Feed__StreamEnd> = arena.make(tidemark__feed__stream_end__init)
        message.pointee.stream_id = record.streamID
        message.pointee.uuid_high = record.traceUUID?.high ?? 0
        message.pointee.uuid_low = record.traceUUID?.low ?? 0
        append(TIDEMARK__FEED__RECORD__RECORD_STREAM_END) { $0.pointee.stream_end = message }
    }

    mutating func append(_ place: StreamPlace, streamID: UInt64) {
        let message: UnsafeMutablePointer<Tidemark__Feed__Place> = arena.make(tidemark__feed__place__init)
        message.pointee.stream_id = streamID
        if let packet = place.packet {
            message.pointee.index = index(packet.index)
            message.pointee.packet = self.place(packet.place)
            message.pointee.end_bits = packet.endBits
            message.pointee.correction_ns = packet.correction.offsetNs
            message.pointee.change = change(of: packet.correction)
        }
        if let said = place.said { message.pointee.said = self.place(said) }
        let lost: UnsafeMutablePointer<UnsafeMutablePointer<Tidemark__Feed__LostPackets>?> =
            arena.pointers(count: place.lost.count)
        for (index, packets) in place.lost.enumerated() { (lost + index).initialize(to: self.lost(packets)) }
        message.pointee.lost = lost
        message.pointee.n_lost = place.lost.count
        append(TIDEMARK__FEED__RECORD__RECORD_PLACE) { $0.pointee.place = message }
    }

    private func lost(_ packets: StreamPlace.LostPackets) -> UnsafeMutablePointer<Tidemark__Feed__LostPackets> {
        let message: UnsafeMutablePointer<Tidemark__Feed__LostPackets> = arena.make(tidemark__feed__lost_packets__init)
        message.pointee.packet = place(packets.packet)
        message.pointee.count = packets.count
        message.pointee.is_packet_itself = packets.isPacketItself ? 1 : 0
        return message
    }

    func place(_ packet: PacketPlace) -> UnsafeMutablePointer<Tidemark__Feed__PacketPlace> {
        let message: UnsafeMutablePointer<Tidemark__Feed__PacketPlace> = arena.make(tidemark__feed__packet_place__init)
        message.pointee.end_cycles = packet.endCycles
        message.pointee.offset = packet.offset
        if let discarded = packet.discardedEvents {
            message.pointee.discarded_case = TIDEMARK__FEED__PACKET_PLACE__DISCARDED_DISCARDED_EVENTS
            message.pointee.discarded_events = discarded
        }
        return message
    }

    mutating func append(_ streams: [(key: UInt64, value: TraceUUID)], of session: FeedState.SessionKey) {
        let message: UnsafeMutablePointer<Tidemark__Feed__EndedStreams> =
            arena.make(tidemark__feed__ended_streams__init)
        message.pointee.relay = arena.string(session.relay)
        message.pointee.host = arena.string(session.host)
        message.pointee.session = arena.string(session.session)
        message.pointee.session_id = session.id
        let ids = arena.array(of: UInt64.self, count: streams.count)
        let uuids = arena.array(of: UInt64.self, count: 2 * streams.count)
        for (index, stream) in streams.enumerated() {
            (ids + index).initialize(to: stream.key)
            (uuids + 2 * index).initialize(to: stream.value.high)
            (uuids + 2 * index + 1).initialize(to: stream.value.low)
        }
        message.pointee.live_stream_id = ids
        message.pointee.n_live_stream_id = streams.count
        message.pointee.trace_uuid = uuids
        message.pointee.n_trace_uuid = 2 * streams.count
        append(TIDEMARK__FEED__RECORD__RECORD_ENDED_STREAMS) { $0.pointee.ended_streams = message }
    }

    mutating func append(_ source: SourceRecord) {
        let message: UnsafeMutablePointer<Tidemark__Feed__Source> = arena.make(tidemark__feed__source__init)
        message.pointee.relay = arena.string(source.relay)
        if let feed = source.feed { message.pointee.feed_id = feed.withBytes { arena.bytes($0) } }
        message.pointee.token = arena.string(source.token)
        message.pointee.sequence = source.sequence
        message.pointee.epoch = source.epoch
        append(TIDEMARK__FEED__RECORD__RECORD_SOURCE) { $0.pointee.source = message }
    }

    mutating func append(isIdle: Bool) {
        let message: UnsafeMutablePointer<Tidemark__Feed__Idle> = arena.make(tidemark__feed__idle__init)
        message.pointee.is_idle = isIdle ? 1 : 0
        append(TIDEMARK__FEED__RECORD__RECORD_IDLE) { $0.pointee.idle = message }
    }

    mutating func append(_ numbers: FeedNumbers) {
        let message: UnsafeMutablePointer<Tidemark__Feed__Numbers> = arena.make(tidemark__feed__numbers__init)
        message.pointee.trace_id = numbers.traceID
        message.pointee.stream_id = numbers.streamID
        message.pointee.packet_id = numbers.packetID
        append(TIDEMARK__FEED__RECORD__RECORD_NUMBERS) { $0.pointee.numbers = message }
    }
}
