/// Replies to GET_NEXT_INDEX, GET_PACKET and GET_METADATA.
extension Viewer {
    // MARK: Index

    mutating func indexReplied(_ bytes: UnsafeRawBufferPointer, _ slot: Int, now: UInt64) {
        let code = bytes.load(UInt32.self, at: 56)
        let flags = ReplyFlags(rawValue: bytes.load(UInt32.self, at: 60))
        guard let status = IndexStatus(rawValue: code) else { return fail(.unknownStatus(code)) }
        guard flags.isSubset(of: .known) else { return fail(.unknownFlags(flags.rawValue)) }
        let index = PacketIndex(wire: bytes)
        if status == .ok, !isSane(index) { return fail(.invalidIndex) }
        finishReply()
        streams[slot].outstanding -= 1
        guard case .asked = streams[slot].state else { return releaseStreamIfUnused(slot) }

        if flags.contains(.newStreams) { roundIsOwed = true }
        let trace = streams[slot].trace
        metadataFlagged(trace, flags.contains(.newMetadata), now: now)
        let id = streams[slot].id
        let period = attached[streams[slot].session].livePeriodNs
        switch status {
        case .ok:
            owesRound()
            lastIndexAt = now
            // The packet may need it: that does not wait for the pause after vain attempts.
            if flags.contains(.newMetadata) { traces[trace].askAt = now }
            extendDrain(ofSession: streams[slot].session, now: now)
            streams[slot].state = .indexed
            streams[slot].fileOffset = index.offset
            streams[slot].contentBytes = index.contentBytes
            streams[slot].poll.packetCame(period: period, times: times, now: now)
            actions.append(.index(id, index, flags))
        case .inactive:
            streams[slot].state = .ready
            if streams[slot].poll.beaconCame(index.timestampEnd, period: period, times: times, now: now) { owesRound() }
            nextDueAt = min(nextDueAt, streams[slot].poll.dueAt)
            actions.append(.beacon(id, cycles: index.timestampEnd, streamClassID: index.streamClassID))
        case .retry:
            streams[slot].state = .ready
            let isFleeting = minor < LiveVersion.keepsClosedMinor
            streams[slot].poll.nothingCame(isFleeting: isFleeting, period: period, times: times, now: now)
            nextDueAt = min(nextDueAt, streams[slot].poll.dueAt)
            actions.append(.retry(id))
        case .hungUp, .endOfFile:
            owesRound()
            endStream(slot, .hungUp, now: now)
        case .failed:
            owesRound()
            endStream(slot, .failed, now: now)
        }
    }

    private func isSane(_ index: PacketIndex) -> Bool {
        let end = index.offset.addingReportingOverflow(index.packetBits / 8)
        return index.packetBits % 8 == 0 && index.contentBits % 8 == 0 && index.contentBits <= index.packetBits
            && index.packetBits / 8 <= limits.packetBytesMax && index.timestampBegin <= index.timestampEnd
            && !end.overflow && end.partialValue <= UInt64(Int64.max)
    }

    /// News came that the round on its way, if there is one, does not cover.
    private mutating func owesRound() {
        // A round is written right behind the polls of its batch, and later polls behind it: a reply that comes while
        // it is outstanding was asked for before it.
        if !roundIsOutstanding { roundIsOwed = true }
    }

    // MARK: Packet

    mutating func packetReplied(_ bytes: UnsafeRawBufferPointer, _ slot: Int, _ slice: PacketSlice, now: UInt64) {
        let code = bytes.load(UInt32.self, at: 0)
        let length = bytes.load(UInt32.self, at: 4)
        let flags = ReplyFlags(rawValue: bytes.load(UInt32.self, at: 8))
        guard let status = PacketStatus(rawValue: code) else { return fail(.unknownStatus(code)) }
        guard flags.isSubset(of: .known) else { return fail(.unknownFlags(flags.rawValue)) }
        if status == .ok {
            guard length == slice.length else {
                return fail(.packetLength(expected: UInt64(slice.length), actual: UInt64(length)))
            }
            payloadLeft = UInt64(length)
            expectation = .payload
            return
        }
        // Relays up to 2.6 refuse a packet while metadata is unread. No relay from 2.7 on says
        // RETRY; where one does and the next index is asked for, the packet is given up.
        let isTransient = status == .retry || (status == .failed && flags.contains(.newMetadata))
        finishSlice(slot, slice)
        guard case .fetching = streams[slot].state else { return releaseStreamIfUnused(slot) }
        if flags.contains(.newMetadata) { metadataFlagged(streams[slot].trace, true, now: now) }
        streams[slot].fetchRetries += 1
        if isTransient, !streams[slot].isAskedAhead, !streams[slot].fetchFailed,
            streams[slot].fetchRetries <= limits.transientRetriesMax
        {
            delayedSlices.append(DelayedSlice(stream: slot, slice: slice, askAt: now + times.metadataRetry))
            streams[slot].outstanding += 1  // Keeps the slot while the slice waits.
            return
        }
        streams[slot].fetchFailed = true
        fetchQueue.removeAll { $0 == slot }
        for index in delayedSlices.indices.reversed() where delayedSlices[index].stream == slot {
            delayedSlices.remove(at: index)
            streams[slot].outstanding -= 1
        }
        if streams[slot].slicesOutstanding == 0 { finishFetch(slot) }
    }

    private mutating func finishSlice(_ slot: Int, _ slice: PacketSlice) {
        finishReply()
        packetBytesOutstanding -= UInt64(slice.length)
        streams[slot].outstanding -= 1
    }

    // MARK: Metadata

    mutating func metadataReplied(_ bytes: UnsafeRawBufferPointer, _ trace: Int, now: UInt64) {
        let length = bytes.load(UInt64.self, at: 0)
        let code = bytes.load(UInt32.self, at: 8)
        guard let status = MetadataStatus(rawValue: code) else { return fail(.unknownStatus(code)) }
        if status == .ok, length > 0 {
            let left = min(
                limits.metadataBytesPerTraceMax - traces[trace].receivedBytes,
                limits.metadataBytesMax - metadataBytes
            )
            guard length <= left else { return fail(.exceeds(limit: left, value: length)) }
            traces[trace].receivedBytes += length
            metadataBytes += length
            payloadLeft = length
            expectation = .payload
            return
        }
        finishReply()
        traces[trace].isOutstanding = false
        if traces[trace].isGone { return releaseTraceIfUnused(trace) }
        metadataRefused(trace, status, now: now)
    }

    // MARK: Payload

    /// Bytes of a packet or of metadata came.
    mutating func takePayload(available: Int, now: UInt64) {
        guard let request = sent.first else { preconditionFailure("a payload belongs to a request") }
        let count = Int(min(payloadLeft, UInt64(available)))
        let bytes = position..<position + count
        let left = payloadLeft - UInt64(count)
        position += count
        defer { payloadLeft = left }
        switch request.kind {
        case .packet(let slot, let slice):
            let isWanted = if case .fetching = streams[slot].state { !streams[slot].fetchFailed } else { false }
            if isWanted {
                let offset = slice.offset + (UInt64(slice.length) - payloadLeft)
                actions.append(.packetBytes(streams[slot].id, packetOffset: offset, bytes: bytes))
                streams[slot].fetchMissing -= UInt64(count)
            }
            if left == 0 { packetSliceCame(slot, slice) }
        case .metadata(let trace):
            if !traces[trace].isGone {
                actions.append(
                    .metadata(
                        attached[traces[trace].session].id,
                        traces[trace].id,
                        stream: metadataStreamID(trace),
                        bytes: bytes,
                        isLast: left == 0
                    )
                )
            }
            if left == 0 { metadataCame(trace, now: now) }
        default:
            preconditionFailure("only packets and metadata have payloads")
        }
    }

    private mutating func packetSliceCame(_ slot: Int, _ slice: PacketSlice) {
        finishSlice(slot, slice)
        guard case .fetching = streams[slot].state else { return releaseStreamIfUnused(slot) }
        if streams[slot].slicesOutstanding == 0, streams[slot].fetchFailed || streams[slot].fetchMissing == 0 {
            finishFetch(slot)
        }
    }

    private mutating func metadataCame(_ trace: Int, now: UInt64) {
        finishReply()
        traces[trace].isOutstanding = false
        if traces[trace].isGone { return releaseTraceIfUnused(trace) }
        metadataDelivered(trace, now: now)
    }
}

extension PacketIndex {
    /// The first 56 bytes of a GET_NEXT_INDEX reply.
    init(wire bytes: UnsafeRawBufferPointer) {
        self.init(
            offset: bytes.load(UInt64.self, at: 0),
            packetBits: bytes.load(UInt64.self, at: 8),
            contentBits: bytes.load(UInt64.self, at: 16),
            timestampBegin: bytes.load(UInt64.self, at: 24),
            timestampEnd: bytes.load(UInt64.self, at: 32),
            eventsDiscarded: bytes.load(UInt64.self, at: 40),
            streamClassID: bytes.load(UInt64.self, at: 48)
        )
    }
}
