import CTF
import EventMerge
import Feed
import LTTngLive

/// Packets: from bytes to keys in the merge.
extension Coordinator {
    mutating func packetFailed(_ link: RelayLink, _ id: LiveStreamID) {
        guard let stream = link.streams[id], let index = stream.index else { return }
        stream.index = nil
        dropStorage(stream, link)
        miss(stream, index, link, reason: "the relay no longer has the packet")
    }

    /// The packet of an index is not to be had.
    private mutating func miss(_ stream: RelayStream, _ index: PacketIndex, _ link: RelayLink, reason: String) {
        // One that ends where the last one ended before a reconnect was that one.
        if wasTaken(index, of: stream) == nil {
            _ = passPosition(of: stream, link)
            return
        }
        let end = timestamp(index.timestampEnd, streamClassID: index.streamClassID, of: stream, link)
        leave(stream, index, link, end: end)
        noteLoss(.packets, count: 1, stream: stream, link: link, fromNs: nil, toNs: end, reason: reason, index: index)
    }

    mutating func packetFetched(_ link: RelayLink, _ id: LiveStreamID, now: UInt64) {
        stall.replied(link.frontier)
        guard let stream = link.streams[id], let index = stream.index, let storage = stream.storage else { return }
        stream.index = nil
        defer { dropStorage(stream, link) }
        guard let program = stream.trace.program,
            let end = timestamp(index.timestampEnd, streamClassID: index.streamClassID, of: stream, link)
        else { return loseUndecodable(link, stream, index) }
        let bytes = PacketBytes(storage.bytes)
        do throws(PacketError) {
            // What a relay knows of a packet's begin, it knows in full.
            let clockCycles = max(stream.clockCycles, index.timestampBegin)
            let preamble = try program.readPreamble(bytes, clockCycles: clockCycles)
            guard preamble.isOf(index) else {
                miss(stream, index, link, reason: "the relay sent another packet than its index says")
                return
            }
            var cut: RestoredFeed.CutPacket?
            if wasTaken(index, of: stream) == nil {
                if wasTaken(preamble, index, of: stream) {
                    stream.clockCycles = index.timestampEnd
                    return
                }
                cut = passPosition(of: stream, link, preamble, in: storage)
            }
            stream.preambleBits = preamble.firstEventBits
            take(preamble, index: index, of: stream, link: link, endNs: end)
            if let cut { goOn(cut, of: stream) }
            let place = PacketPlace(index)
            let packet = feedPacket(preamble, storage, program: program, of: stream, link, id: cut?.id, place: place)
            let window = PacketWindow(storage)
            var cursor = preamble.firstEvent
            defer { stream.clockCycles = cursor.clockCycles }
            let contentBits = index.contentBits
            let taken = try takeEvents(
                link,
                stream,
                packet,
                window,
                contentBits: contentBits,
                cursor: &cursor,
                fromBits: cut?.endBits ?? 0
            )
            if !configuration.messages.isEmpty { matchMessages(link, stream, packet, window, now: now) }
            guard taken.isComplete else { throw PacketError(.needsMoreBytes, atBits: cursor.positionBits) }
            stall.delivered(link.frontier, nowNs: Int64(clamping: now))
        } catch {
            let place = "stream \(stream.id.rawValue) (\(stream.declaration.channel)), packet at \(index.offset)"
            say(.error, link, "\(stream.trace.declaration.path), \(place): \(error); the rest of the packet is lost")
            if report.damaged.count < limits.reportedFaultsMax {
                report.damaged.append("\(link.source.name): \(stream.trace.declaration.path), \(place): \(error)")
            }
            noteDamage(stream, index, link, end: end, reason: "\(error)")
        }
        advance(stream, to: end)
    }

    /// The rest of a packet cannot be read.
    private mutating func noteDamage(
        _ stream: RelayStream,
        _ index: PacketIndex,
        _ link: RelayLink,
        end: Int64,
        reason: String
    ) {
        // A packet whose losses were said before the coordinator was started again is as it was.
        if let said = stream.said, !PacketPlace(index).isAfter(said) { return }
        noteLoss(
            .events,
            count: nil,
            stream: stream,
            link: link,
            fromNs: nil,
            toNs: end,
            reason: reason,
            index: index
        )
    }

    /// The rest of a packet of which the feed has a part is to come.
    private mutating func goOn(_ cut: RestoredFeed.CutPacket, of stream: RelayStream) {
        stream.correction = cut.correction
        batches.goOn(cut.id, of: stream.declaration.id)
    }

    mutating func advance(_ stream: RelayStream, to boundNs: Int64) {
        if let slot = stream.frontier { frontier.advance(slot, to: boundNs) }
    }

    /// Declares the packet's stream in the feed, and says what is missing before the packet.
    private mutating func take(
        _ preamble: PacketPreamble,
        index: PacketIndex,
        of stream: RelayStream,
        link: RelayLink,
        endNs: Int64
    ) {
        declare(stream)
        stream.lastOffset = index.offset
        let losses = stream.losses.read(
            sequenceNumber: preamble.sequenceNumber,
            endCycles: index.timestampEnd,
            discarded: index.eventsDiscarded,
            packet: PacketPlace(index)
        )
        noteLosses(
            losses,
            stream: stream,
            link: link,
            streamClassID: index.streamClassID,
            index: index,
            beginCycles: index.timestampBegin,
            endNs: endNs
        )
    }

    /// - Parameters:
    ///   - index: of a live packet by which it shows.
    ///   - beginCycles: when the packet begins before which packets are missing; events may be, up to its end.
    ///   - endNs: of that packet.
    mutating func noteLosses(
        _ losses: [LossAccount.Loss],
        stream: RelayStream,
        link: RelayLink,
        streamClassID: UInt64,
        index: PacketIndex? = nil,
        beginCycles: UInt64?,
        endNs: Int64?
    ) {
        for loss in losses {
            let sinceNs = loss.sinceCycles.flatMap { timestamp($0, streamClassID: streamClassID, of: stream, link) }
            let beginNs = beginCycles.flatMap { timestamp($0, streamClassID: streamClassID, of: stream, link) }
            switch loss.cause {
            case .discardedEvents:
                noteLoss(
                    .events,
                    count: loss.count,
                    stream: stream,
                    link: link,
                    fromNs: sinceNs,
                    toNs: endNs,
                    reason: "discarded by the tracer",
                    cause: .tracer,
                    index: index
                )
            case .missingPackets:
                noteLoss(
                    .packets,
                    count: loss.count,
                    stream: stream,
                    link: link,
                    fromNs: sinceNs,
                    toNs: beginNs ?? endNs,
                    reason: "overwritten or cleared before they were read",
                    cause: .tracer,
                    index: index
                )
            }
        }
    }
}

extension PacketPreamble {
    /// Whether the packet is the one that the relay's index speaks of: a relay that has gone on to another file serves
    /// another packet at the same place.
    fileprivate func isOf(_ index: PacketIndex) -> Bool {
        (timestampBeginCycles ?? index.timestampBegin) == index.timestampBegin
            && mayEnd(atCycles: index.timestampEnd)
            && (contentBits ?? index.contentBits) == index.contentBits
            && (totalBits ?? index.packetBits) == index.packetBits
    }
}
