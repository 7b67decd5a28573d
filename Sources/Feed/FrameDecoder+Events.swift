import CFeedSchema
import CTF

extension FrameDecoder {
    /// A packet is declared.
    mutating func open(_ message: UnsafeMutablePointer<Tidemark__Feed__Packet>?) throws(FeedError) {
        guard let message else { throw .invalid(.packet) }
        let streamID = message.pointee.stream_id
        guard let stream = state.streams[streamID] else { throw .unknownReference(.stream, streamID) }
        guard let trace = state.traces[stream.traceID]?.trace else { throw .unknownReference(.trace, stream.traceID) }
        let preamble = message.pointee.preamble.buffer
        let packet = FeedState.OpenPacket(
            id: message.pointee.id,
            traceID: trace.id,
            streamID: streamID,
            metadataBytes: message.pointee.metadata_bytes,
            correction: try RecordReader.correction(message),
            preamble: Array(preamble),
            index: try RecordReader.index(message.pointee.index),
            place: RecordReader.place(message.pointee.place) ?? PacketPlace(endCycles: 0, offset: 0)
        )
        guard packets[packet.id] == nil else { throw .invalid(.packet) }
        try state.open(packet)
        read(packet)
    }

    /// Makes an entry of a packet of the state.
    mutating func read(_ packet: FeedState.OpenPacket) {
        guard let stream = state.streams[packet.streamID], let trace = state.traces[packet.traceID]?.trace else {
            return
        }
        do throws(UnreadableTrace) {
            packets[packet.id] = .readable(try self.packet(packet, trace, stream))
        } catch {
            packets[packet.id] = .unreadable(trace, stream, error)
        }
    }

    private mutating func packet(
        _ packet: FeedState.OpenPacket,
        _ trace: FeedTrace,
        _ stream: FeedStream
    ) throws(UnreadableTrace) -> FeedPacket {
        guard let program = try readers[trace.id]?.program(metadataBytes: packet.metadataBytes) else {
            throw UnreadableTrace(reason: "metadata is missing")
        }
        let storage = ByteStorage(capacity: packet.preamble.count)
        packet.preamble.withUnsafeBytes { storage.write($0, at: 0) }
        do throws(PacketError) {
            let preamble = try program.readPreamble(
                PacketBytes(storage.bytes),
                // Timestamps that are short in the packet are whole in its index.
                clockCycles: packet.index.timestampBeginCycles ?? 0
            )
            guard preamble.firstEventBits <= UInt64(storage.capacity) * 8 else {
                throw PacketError(.needsMoreBytes, atBits: 0)
            }
            return FeedPacket(
                id: packet.id,
                trace: trace,
                stream: stream,
                program: program,
                metadataBytes: packet.metadataBytes,
                preamble: preamble,
                preambleStorage: storage,
                correction: packet.correction,
                place: packet.place
            )
        } catch {
            throw UnreadableTrace(reason: "packet \(packet.id): \(error)")
        }
    }

    /// Events: what cannot be read is replaced by `lost` records before the group.
    mutating func events(
        _ message: UnsafeMutablePointer<Tidemark__Feed__RawEvents>?,
        _ reader: inout RecordReader,
        into records: inout [FeedRecord]
    ) throws(FeedError) {
        guard let message else { throw .invalid(.record) }
        var slices: [EventSlice?] = []
        slices.reserveCapacity(message.pointee.n_slices)
        var remaining: [UInt32] = []
        remaining.reserveCapacity(message.pointee.n_slices)
        var losses: [UInt64: LossRecord] = [:]
        for index in 0..<message.pointee.n_slices {
            guard let slice = message.pointee.slices?[index] else { throw .invalid(.slice) }
            if let packet = slice.pointee.packet {
                guard packet.pointee.id == slice.pointee.packet_id else { throw .invalid(.packet) }
                try open(packet)
            }
            slices.append(try self.slice(slice, &reader, &losses))
            remaining.append(slice.pointee.event_count)
        }
        var group = EventGroup()
        let isWhole = losses.isEmpty
        // Numbers of the slices that are left.
        var numbers = [UInt32](repeating: 0, count: slices.count)
        group.slices.reserveCapacity(slices.count)
        for (index, slice) in slices.enumerated() {
            numbers[index] = UInt32(group.slices.count)
            if let slice { group.slices.append(slice) }
        }
        try order(message, slices, numbers, &remaining, isWhole: isWhole, into: &group)
        records += losses.sorted { $0.key < $1.key }.map { .lost($0.value) }
        if group.eventCount > 0 { records.append(.events(group)) }
    }

    private mutating func slice(
        _ message: UnsafeMutablePointer<Tidemark__Feed__Slice>,
        _ reader: inout RecordReader,
        _ losses: inout [UInt64: LossRecord]
    ) throws(FeedError) -> EventSlice? {
        let packetID = message.pointee.packet_id
        guard let entry = packets[packetID] else { throw .unknownReference(.packet, packetID) }
        let (first, end) = (message.pointee.first_bits, message.pointee.end_bits)
        guard first < end, end <= 1 << 59 else { throw .invalid(.slice) }
        // An event has at least one bit.
        let count = message.pointee.event_count
        guard count > 0, UInt64(count) <= end - first else { throw .invalid(.slice) }
        let offset = try reader.nextSliceOffset(byteCount: EventSlice.byteCount(firstBits: first, endBits: end))
        if let content = state.packets[packetID]?.index.contentBits, end > content { throw .invalid(.slice) }
        state.advance(packetID: packetID, endBits: end)
        switch entry {
        case .readable(let packet):
            guard first >= packet.preamble.firstEventBits else { throw .invalid(.slice) }
            return EventSlice(
                packet: packet,
                storage: reader.storage,
                storageOffset: offset,
                firstBits: first,
                endBits: end,
                clockCycles: message.pointee.clock_cycles,
                eventCount: Int(count),
                opensPacket: message.pointee.packet != nil
            )
        case .unreadable(let trace, let stream, let fault):
            var loss =
                losses[stream.id]
                ?? LossRecord(
                    relay: trace.relay,
                    host: trace.host,
                    session: trace.session,
                    sessionID: trace.sessionID,
                    streamID: stream.id,
                    unit: .events,
                    count: 0,
                    fromNs: nil,
                    toNs: nil,
                    reason: fault.reason
                )
            loss.count = (loss.count ?? 0) + UInt64(count)
            losses[stream.id] = loss
            return nil
        }
    }

    /// Checks the order against the slices, and leaves out the events of slices that are not there.
    private func order(
        _ message: UnsafeMutablePointer<Tidemark__Feed__RawEvents>,
        _ slices: [EventSlice?],
        _ numbers: [UInt32],
        _ remaining: inout [UInt32],
        isWhole: Bool,
        into group: inout EventGroup
    ) throws(FeedError) {
        guard message.pointee.n_order % 2 == 0 else { throw .invalid(.order) }
        let runs = UnsafeBufferPointer(start: message.pointee.order, count: message.pointee.n_order)
        var late = try LateReader(message)
        var total: UInt64 = 0
        group.order.reserveCapacity(runs.count / 2)
        for index in stride(from: 0, to: runs.count, by: 2) {
            let (number, count) = (Int(runs[index]), runs[index + 1])
            guard number < slices.count, count > 0, count <= remaining[number] else { throw .invalid(.order) }
            remaining[number] -= count
            let isKept = isWhole || slices[number] != nil
            late.take(upTo: total + UInt64(count), shiftedTo: isKept ? group.eventCount : nil, from: total, &group)
            if isKept {
                group.order.append(EventGroup.Run(slice: numbers[number], count: count))
                group.eventCount += Int(count)
            }
            total += UInt64(count)
        }
        guard remaining.allSatisfy({ $0 == 0 }) else { throw .invalid(.order) }
        guard late.isAtEnd, total <= UInt64(UInt32.max) else { throw .invalid(.late) }
    }
}

/// Hands out late events while their order is walked over.
private struct LateReader {
    private let indices: UnsafeBufferPointer<UInt32>
    private let amounts: UnsafeBufferPointer<UInt64>
    /// Which of them are late by their clocks.
    private let byClock: UnsafeBufferPointer<UInt32>
    private var next = 0
    private var nextByClock = 0

    init(_ message: UnsafeMutablePointer<Tidemark__Feed__RawEvents>) throws(FeedError) {
        indices = UnsafeBufferPointer(start: message.pointee.late_index, count: message.pointee.n_late_index)
        amounts = UnsafeBufferPointer(start: message.pointee.late_ns, count: message.pointee.n_late_ns)
        byClock = UnsafeBufferPointer(start: message.pointee.late_by_clock, count: message.pointee.n_late_by_clock)
        guard indices.count == amounts.count else { throw .invalid(.late) }
        for index in byClock.indices {
            guard index == 0 || byClock[index - 1] < byClock[index], byClock[index] < indices.count else {
                throw .invalid(.late)
            }
        }
        for index in indices.indices {
            guard index == 0 || indices[index - 1] < indices[index] else { throw .invalid(.late) }
            guard amounts[index] > 0, amounts[index] <= UInt64(Int64.max) else { throw .invalid(.late) }
        }
    }

    var isAtEnd: Bool { next == indices.count }

    /// Takes those below `end`: into the group, counted from `start` there instead of `from`; or away.
    mutating func take(upTo end: UInt64, shiftedTo start: Int?, from: UInt64, _ group: inout EventGroup) {
        while next < indices.count, UInt64(indices[next]) < end {
            let isByClock = nextByClock < byClock.count && byClock[nextByClock] == next
            if isByClock { nextByClock += 1 }
            if let start {
                let index = UInt64(start) + UInt64(indices[next]) - from
                group.late.append(
                    EventGroup.Late(
                        index: UInt32(clamping: index),
                        lateNs: Int64(clamping: amounts[next]),
                        isByClock: isByClock
                    )
                )
            }
            next += 1
        }
    }
}
