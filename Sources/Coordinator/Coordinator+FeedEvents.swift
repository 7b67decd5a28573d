import CTF
import EventMerge
import Feed

/// Events of another coordinator's feed: from the slices of its frames to chunks of the merge.
extension Coordinator {
    /// A slice's late events, by their places in it, ascending.
    private typealias LateEvents = [(index: Int, late: EventGroup.Late)]

    /// Each slice goes to its own stream; in which turn they were consumed the merge finds out again.
    mutating func take(_ group: EventGroup, of feed: FeedSource, _ link: RelayLink, isNews: Bool, now: UInt64) {
        let late = lateEvents(group)
        for (number, slice) in group.slices.enumerated() {
            guard let stream = feed.streams[slice.packet.stream.id] else { continue }
            take(slice, of: stream, feed, link, late: late[number] ?? [], isNews: isNews)
        }
        stall.delivered(link.frontier, nowNs: Int64(clamping: now))
    }

    private func lateEvents(_ group: EventGroup) -> [Int: LateEvents] {
        guard !group.late.isEmpty else { return [:] }
        var found: [Int: LateEvents] = [:]
        var taken = [Int](repeating: 0, count: group.slices.count)
        var late = group.late[...]
        var index = 0
        for run in group.order {
            let slice = Int(run.slice)
            while let next = late.first, Int(next.index) < index + Int(run.count) {
                found[slice, default: []].append((taken[slice] + Int(next.index) - index, next))
                late.removeFirst()
            }
            taken[slice] += Int(run.count)
            index += Int(run.count)
        }
        return found
    }

    private mutating func take(
        _ slice: EventSlice,
        of stream: FeedSourceStream,
        _ feed: FeedSource,
        _ link: RelayLink,
        late: LateEvents,
        isNews: Bool
    ) {
        var fromBits: UInt64 = 0
        if stream.isReplayed, let taken = stream.taken {
            let place = slice.packet.place
            if taken.packet.isAfter(place) { return }
            if taken.packet.isSame(as: place) {
                if slice.endBits <= taken.endBits { return }
                fromBits = taken.endBits
            }
            stream.isReplayed = false
        }
        stream.taken = (slice.packet.place, slice.endBits)
        let packet = packet(of: slice, stream, feed)
        let window = PacketWindow(slice)
        var cursor = EventCursor(positionBits: slice.firstBits, clockCycles: slice.clockCycles)
        var count = 0
        var fault = "it does not have as many events as it says"
        do throws(PacketError) {
            while cursor.positionBits < slice.endBits {
                let bits = slice.endBits - cursor.positionBits
                let keys = EventKeyBuffer(capacity: BatchBuilder.keyCapacity(forBits: bits))
                let result = try scan(packet, window, slice, &cursor, keys)
                append(keys, fromBits, packet, window, cursor, stream, feed, link, late, before: count)
                count += keys.count
                if let error = result.fault { throw error }
                // A peer's slices end where events end.
                if result.isStuck { break }
            }
        } catch {
            fault = "\(error)"
        }
        guard count < slice.eventCount, isNews else { return }
        loseRest(slice, count: slice.eventCount - count, of: stream, feed, link, reason: fault)
    }

    private func scan(
        _ packet: FeedPacket,
        _ window: PacketWindow,
        _ slice: EventSlice,
        _ cursor: inout EventCursor,
        _ keys: EventKeyBuffer
    ) throws(PacketError) -> (fault: PacketError?, isStuck: Bool) {
        var keys = keys
        var fault: PacketError?
        var isStuck = false
        do {
            let result = try packet.program.scan(
                window.bytes,
                preamble: packet.preamble,
                contentBits: slice.endBits,
                correctionNs: packet.correction.offsetNs,
                cursor: &cursor,
                keys: &keys
            )
            isStuck = result == .needsMoreBytes
        } catch {
            fault = error
        }
        if !packet.correction.isConstant {
            keys.correct(by: packet.correction, insteadOf: packet.correction.offsetNs)
        }
        return (fault, isStuck)
    }

    /// The packet as this feed has it.
    private mutating func packet(of slice: EventSlice, _ stream: FeedSourceStream, _ feed: FeedSource) -> FeedPacket {
        let source = slice.packet
        if let known = stream.packet {
            if known.number == source.id { return known.packet }
            // Another life of the feed, or another connection.
            if known.packet.isSame(as: source) {
                stream.packet = (source.id, known.packet)
                return known.packet
            }
        }
        var id: UInt64?
        var correction = source.correction
        if let cut = stream.cutPacket {
            stream.cutPacket = nil
            let preamble = source.preambleStorage.bytes.prefix(cut.preamble.count)
            if cut.index == FeedPacketIndex(source.preamble), cut.preamble.elementsEqual(preamble) {
                id = cut.id
                correction = cut.correction
                batches.goOn(cut.id, of: stream.declaration.id)
            }
        }
        let packet = FeedPacket(
            id: id ?? batches.nextPacketID(),
            trace: stream.trace.declaration,
            stream: stream.declaration,
            program: source.program,
            metadataBytes: source.metadataBytes,
            preamble: source.preamble,
            preambleStorage: source.preambleStorage,
            correction: correction,
            place: source.place
        )
        stream.packet = (source.id, packet)
        return packet
    }

    /// Hands keys to the merge: late events each in a chunk of its own, which says by how much it was late.
    /// - Parameter before: events of the slice that were scanned before.
    private mutating func append(
        _ keys: EventKeyBuffer,
        _ fromBits: UInt64,
        _ packet: FeedPacket,
        _ window: PacketWindow,
        _ cursor: EventCursor,
        _ stream: FeedSourceStream,
        _ feed: FeedSource,
        _ link: RelayLink,
        _ late: LateEvents,
        before: Int
    ) {
        let all = keys.keys
        var first = 0
        while first < all.count, all[first].startBits < fromBits { first += 1 }
        if let startNs = link.source.start.ns {
            while first < all.count, all[first].timestampNs < startNs { first += 1 }
        }
        func endBits(_ index: Int) -> UInt64 { index < all.count ? all[index].startBits : cursor.positionBits }
        for (index, late) in late where index - before >= first && index - before < all.count {
            let place = index - before
            if place > first {
                append(keys, first..<place, endBits(place), packet, window, nil, stream, feed, link)
            }
            append(keys, place..<place + 1, endBits(place + 1), packet, window, late, stream, feed, link)
            first = place + 1
        }
        guard first < all.count else { return }
        append(keys, first..<all.count, endBits(all.count), packet, window, nil, stream, feed, link)
    }

    private mutating func append(
        _ keys: EventKeyBuffer,
        _ range: Range<Int>,
        _ endBits: UInt64,
        _ packet: FeedPacket,
        _ window: PacketWindow,
        _ late: EventGroup.Late?,
        _ stream: FeedSourceStream,
        _ feed: FeedSource,
        _ link: RelayLink
    ) {
        guard let base = keys.keys.baseAddress else { return }
        if late == nil, let last = keys.keys[range].last {
            feed.latestNs = max(feed.latestNs ?? .min, last.timestampNs)
        }
        let isTimeless = packet.program.isTimeless(packet.preamble)
        let tag = batches.open(
            packet: packet,
            keys: keys,
            range: range,
            window: window,
            endBits: endBits,
            relay: link.index,
            behindNs: late.map { $0.isByClock ? $0.lateNs : 0 } ?? 0,
            lateNs: late?.lateNs ?? 0,
            segment: isTimeless ? nil : feed.segments.openNumber
        )
        if isTimeless { return publishAtOnce(tag, count: range.count) }
        link.pendingBytes += batches.pendingBytes(tag)
        feed.segments.append()
        let slot = stream.merge ?? merge.addStream(rank: rank(of: stream, packet))
        stream.merge = slot
        // Both keys are an Int64 and a UInt64, trivial, 16 bytes: the same memory is read as the merge's own type.
        let mergeKeys = UnsafeRawPointer(base + range.lowerBound).assumingMemoryBound(to: MergeKey.self)
        merge.append(slot, keys: mergeKeys, count: range.count, tag: tag)
    }

    /// The stream's place among those with events of the same time: as if its relay were a source itself.
    private func rank(of stream: FeedSourceStream, _ packet: FeedPacket) -> StreamRank {
        let name = stream.trace.declaration.relay
        let leaf = name.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
        let uuid = packet.program.traceClass.uuid
        return StreamRank(
            traceUUID: uuid.map { (high: $0.high, low: $0.low) },
            streamClassID: packet.preamble.streamClassID,
            streamInstanceID: packet.preamble.streamInstanceID,
            relayName: "\(leaf)\u{0}\(name)",
            liveStreamID: stream.declaration.liveStreamID
        )
    }

    private mutating func loseRest(
        _ slice: EventSlice,
        count: Int,
        of stream: FeedSourceStream,
        _ feed: FeedSource,
        _ link: RelayLink,
        reason: String
    ) {
        let trace = stream.trace.declaration
        say(.error, link, "\(trace.path), stream \(stream.declaration.liveStreamID): \(reason)")
        if report.damaged.count < limits.reportedFaultsMax {
            report.damaged.append("\(trace.relay): \(trace.path): \(reason)")
        }
        records.append(
            .lost(
                LossRecord(
                    relay: trace.relay,
                    host: trace.host,
                    session: trace.session,
                    sessionID: trace.sessionID,
                    streamID: stream.declaration.id,
                    unit: .events,
                    count: UInt64(count),
                    fromNs: nil,
                    toNs: nil,
                    reason: reason
                )
            )
        )
    }
}

extension FeedPacket {
    /// Whether both are one packet of a stream.
    fileprivate func isSame(as other: FeedPacket) -> Bool {
        place != PacketPlace(endCycles: 0, offset: 0) && place.isSame(as: other.place)
            && FeedPacketIndex(preamble) == FeedPacketIndex(other.preamble)
    }
}
