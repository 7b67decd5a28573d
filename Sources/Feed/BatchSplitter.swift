import CTF

/// Cuts a batch that is too large for a frame into several, by halves.
///
/// Events leave in the same order; only the last part carries the watermark. A packet's slice is cut at an event, whose
/// place is found by decoding: slow, and rare, since whoever makes batches keeps them far smaller.
struct BatchSplitter {
    let limits: FeedLimits

    /// - Throws: `recordTooLarge`, `unreadableEvent`.
    func split(_ batch: FeedBatch) throws(FeedError) -> [FeedBatch] {
        var parts: [[FeedRecord]] = [[]]
        var bytes = 128
        for record in batch.records {
            for piece in try pieces(record) {
                let pieceBytes = FrameEncoder.estimatedBytes(piece)
                if bytes + pieceBytes > limits.splitBytes, parts.last?.isEmpty == false {
                    parts.append([])
                    bytes = 128
                }
                parts[parts.count - 1].append(piece)
                bytes += pieceBytes
            }
        }
        return parts.enumerated().map { index, records in
            FeedBatch(records: records, watermarkNs: index == parts.count - 1 ? batch.watermarkNs : nil)
        }
    }

    /// The record itself, or the pieces of a group of events that is too large.
    private func pieces(_ record: FeedRecord) throws(FeedError) -> [FeedRecord] {
        let bytes = FrameEncoder.estimatedBytes(record)
        guard bytes > limits.splitBytes - 128 else { return [record] }
        guard case .events(let group) = record else {
            guard bytes <= limits.frameBytes - 128 else { throw .recordTooLarge(bytes) }
            return [record]
        }
        var pieces: [FeedRecord] = []
        // Halving ends after at most 64 levels: a group of one event is not cut.
        var waiting = [group]
        while let next = waiting.popLast() {
            let nextBytes = FrameEncoder.estimatedBytes(.events(next))
            if nextBytes <= limits.splitBytes - 128 || next.eventCount <= 1 && nextBytes <= limits.frameBytes - 128 {
                pieces.append(.events(next))
            } else if next.eventCount <= 1 {
                pieces += next.slices.prefix(1).map { .lost(tooLarge($0)) }
            } else {
                let (first, second) = try halves(next)
                waiting.append(second)
                waiting.append(first)
            }
        }
        return pieces
    }

    private func tooLarge(_ slice: EventSlice) -> LossRecord {
        let trace = slice.packet.trace
        return LossRecord(
            relay: trace.relay,
            host: trace.host,
            session: trace.session,
            sessionID: trace.sessionID,
            streamID: slice.packet.stream.id,
            unit: .events,
            count: UInt64(slice.eventCount),
            fromNs: nil,
            toNs: nil,
            reason: "an event that is larger than a frame"
        )
    }

    /// The first half of the events, and the others.
    private func halves(_ group: EventGroup) throws(FeedError) -> (EventGroup, EventGroup) {
        let cut = group.eventCount / 2
        var firstCounts = [Int](repeating: 0, count: group.slices.count)
        var firstOrder: [EventGroup.Run] = []
        var secondOrder: [EventGroup.Run] = []
        var index = 0
        for run in group.order {
            let count = min(Int(run.count), max(0, cut - index))
            if count > 0 { firstOrder.append(EventGroup.Run(slice: run.slice, count: UInt32(count))) }
            if count < Int(run.count) {
                secondOrder.append(EventGroup.Run(slice: run.slice, count: run.count - UInt32(count)))
            }
            firstCounts[Int(run.slice)] += count
            index += Int(run.count)
        }
        var first = EventGroup(order: firstOrder, eventCount: cut)
        var second = EventGroup(order: secondOrder, eventCount: group.eventCount - cut)
        var firstNumbers = [UInt32](repeating: 0, count: group.slices.count)
        var secondNumbers = firstNumbers
        for (number, slice) in group.slices.enumerated() {
            let (head, rest) = try cutSlice(slice, after: firstCounts[number])
            firstNumbers[number] = UInt32(first.slices.count)
            secondNumbers[number] = UInt32(second.slices.count)
            if let head { first.slices.append(head) }
            if let rest { second.slices.append(rest) }
        }
        for index in first.order.indices { first.order[index].slice = firstNumbers[Int(first.order[index].slice)] }
        for index in second.order.indices { second.order[index].slice = secondNumbers[Int(second.order[index].slice)] }
        for late in group.late {
            if Int(late.index) < cut {
                first.late.append(late)
            } else {
                second.late.append(late.moved(to: late.index - UInt32(cut)))
            }
        }
        return (first, second)
    }

    /// The slice's first `count` events, and the others; nil where there are none.
    private func cutSlice(_ slice: EventSlice, after count: Int) throws(FeedError) -> (EventSlice?, EventSlice?) {
        if count == 0 { return (nil, slice) }
        if count >= slice.eventCount { return (slice, nil) }
        var cursor = EventCursor(positionBits: slice.firstBits, clockCycles: slice.clockCycles)
        var visitor = SkippingVisitor()
        let bytes = PacketBytes(slice.bytes, firstByte: Int(clamping: slice.firstBits / 8))
        for _ in 0..<count {
            do {
                try slice.packet.program.visitEvent(
                    bytes,
                    preamble: slice.packet.preamble,
                    cursor: &cursor,
                    visitor: &visitor
                )
            } catch {
                throw .unreadableEvent(packetID: slice.packet.id)
            }
        }
        var head = slice
        head.endBits = cursor.positionBits
        head.eventCount = count
        var rest = slice
        rest.firstBits = cursor.positionBits
        rest.clockCycles = cursor.clockCycles
        rest.eventCount = slice.eventCount - count
        rest.storageOffset += Int(clamping: cursor.positionBits / 8 - slice.firstBits / 8)
        rest.opensPacket = false
        return (head, rest)
    }
}
