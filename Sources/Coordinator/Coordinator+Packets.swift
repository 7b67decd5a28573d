import CTF
import EventMerge
import Feed
import LTTngLive

/// Metadata, packets and beacons: from bytes to keys and bounds.
extension Coordinator {
    // MARK: Metadata

    mutating func metadataCame(_ link: RelayLink, _ trace: RelayTrace) {
        stall.replied(link.frontier)
        let reply = trace.reply
        trace.reply.removeAll(keepingCapacity: true)
        guard !reply.isEmpty else { return }
        publishMetadata(trace, reply)
        do throws(MetadataError) {
            // Untyped rethrows would lose the error's type.
            try reply.withUnsafeBytes { bytes in
                Result { () throws(MetadataError) in try trace.reader.append(bytes) }
            }.get()
        } catch {
            isolate(trace, link, fault: "metadata: \(error)")
            return
        }
        guard let traceClass = trace.reader.traceClass else { return }
        if trace.program?.traceClass == traceClass { return }
        do {
            trace.program = try TraceProgram(traceClass)
        } catch {
            isolate(trace, link, fault: "metadata: \(error)")
            return
        }
        if trace.session.domain == nil { trace.session.domain = SessionDomain(traceClass) }
        if trace.fault != nil {
            trace.fault = nil
            say(.info, link, "trace \(trace.declaration.path) can be decoded again")
            for stream in trace.streams where stream.frontier == nil && !stream.hasEnded {
                stream.frontier = frontier.addStream(trace.session.frontier)
            }
        }
        for stream in trace.streams {
            if let beacon = stream.earlyBeacon {
                stream.earlyBeacon = nil
                beaconCame(link, stream.id, cycles: beacon.cycles, streamClassID: beacon.streamClassID)
            }
            if stream.index != nil, stream.storage == nil { takeIndex(link, stream) }
        }
    }

    /// Declares the trace in the feed and passes its metadata on, but for what the feed has from an earlier connection.
    private mutating func publishMetadata(_ trace: RelayTrace, _ reply: [UInt8]) {
        if !trace.isDeclared {
            trace.isDeclared = true
            records.append(.trace(trace.declaration))
        }
        let knownBytes = trace.publishedBytes - min(trace.publishedBytes, trace.receivedBytes)
        trace.receivedBytes += UInt64(reply.count)
        guard UInt64(reply.count) > knownBytes else { return }
        records.append(.metadata(traceID: trace.declaration.id, bytes: Array(reply[Int(knownBytes)...])))
        trace.publishedBytes = trace.receivedBytes
    }

    /// A trace that cannot be decoded costs itself only: its streams no longer count, and their packets are said to be
    /// lost.
    private mutating func isolate(_ trace: RelayTrace, _ link: RelayLink, fault: String) {
        guard trace.fault == nil else { return }
        trace.fault = fault
        let session = trace.session.listed
        let place = "trace \(trace.declaration.path) of session \(session.hostname)/\(session.name)"
        say(.error, link, "\(place) cannot be decoded: \(fault)")
        report.damaged.append("\(link.source.name): \(place): \(fault)")
        for stream in trace.streams {
            isolate(stream)
            if stream.index != nil, stream.storage == nil { takeIndex(link, stream) }
        }
    }

    // MARK: Indexes and beacons

    mutating func beaconCame(_ link: RelayLink, _ id: LiveStreamID, cycles: UInt64, streamClassID: UInt64) {
        stall.replied(link.frontier)
        guard let stream = link.streams[id] else { return }
        guard let bound = timestamp(cycles, streamClassID: streamClassID, of: stream, link) else {
            if stream.trace.fault == nil { stream.earlyBeacon = (cycles, streamClassID) }
            return
        }
        stream.trace.session.observe(bound)
        if let slot = stream.frontier { frontier.advance(slot, to: bound) }
    }

    /// Cycles of a stream's clock as corrected nanoseconds; nil while its metadata does not say.
    private func timestamp(
        _ cycles: UInt64,
        streamClassID: UInt64,
        of stream: RelayStream,
        _ link: RelayLink
    ) -> Int64? {
        guard let program = stream.trace.program, stream.trace.fault == nil else { return nil }
        // Some relays give no class id with a beacon; all clocks of an LTTng trace are one.
        let conversion =
            program.clockConversion(streamClassID: streamClassID)
            ?? program.traceClass.streamClasses.lazy.compactMap { program.clockConversion(streamClassID: $0.id) }.first
        guard let conversion else { return nil }
        return adding(link.source.correctionNs, to: conversion.nanoseconds(cycles))
    }

    private func adding(_ correctionNs: Int64, to timestampNs: Int64) -> Int64 {
        let (sum, overflow) = timestampNs.addingReportingOverflow(correctionNs)
        return overflow ? (correctionNs < 0 ? .min : .max) : sum
    }

    mutating func indexCame(_ link: RelayLink, _ id: LiveStreamID, _ index: PacketIndex) {
        stall.replied(link.frontier)
        guard let stream = link.streams[id] else { return }
        stream.index = index
        takeIndex(link, stream)
    }

    /// Decides what to do about the packet of the stream's index: fetch, skip, or wait for metadata or room.
    private mutating func takeIndex(_ link: RelayLink, _ stream: RelayStream) {
        guard let index = stream.index else { return }
        let trace = stream.trace
        if trace.fault != nil {
            noteLoss(
                .packets,
                count: 1,
                stream: stream,
                link: link,
                fromNs: nil,
                toNs: nil,
                reason: "its trace cannot be decoded"
            )
            skip(link, stream)
            return
        }
        guard let end = timestamp(index.timestampEnd, streamClassID: index.streamClassID, of: stream, link) else {
            return  // until the metadata comes
        }
        if let resumeEndCycles = stream.resumeEndCycles {
            guard index.timestampEnd > resumeEndCycles else {
                skip(link, stream)
                return
            }
            stream.resumeEndCycles = nil
        }
        trace.session.observe(end)
        let startNs = link.source.start == .now ? trace.session.startNs : nil
        if index.contentBits == 0 || index.contentBits == stream.preambleBits {
            stream.skippedPackets += 1
            packetPassed(link, stream, index, end: end, isMeasured: true)
            skip(link, stream)
        } else if let startNs, end < startNs {
            packetPassed(link, stream, index, end: end, isMeasured: false)
            skip(link, stream)
        } else if index.contentBytes > UInt64(limits.packetBytesMax) {
            noteLoss(
                .packets,
                count: 1,
                stream: stream,
                link: link,
                fromNs: nil,
                toNs: end,
                reason: "a packet of \(index.contentBytes) bytes is larger than the limit"
            )
            packetPassed(link, stream, index, end: end, isMeasured: true)
            skip(link, stream)
        } else if mayFetch(link, stream) {
            fetch(link, stream, index)
        } else {
            link.deferred.append(stream.id)
            stall.setHeldByUs(link.frontier, true)
        }
    }

    private mutating func skip(_ link: RelayLink, _ stream: RelayStream) {
        stream.index = nil
        stream.storage = nil
        link.viewer.skip(stream.id)
    }

    /// Over its budget a relay is asked for packets only where they may hold the watermark.
    private func mayFetch(_ link: RelayLink, _ stream: RelayStream) -> Bool {
        if link.pendingBytes < limits.pendingBytesMax { return true }
        if let slot = stream.merge, merge.pendingEventCount(slot) > 0 { return false }
        return !outputIsHeld
    }

    private mutating func fetch(_ link: RelayLink, _ stream: RelayStream, _ index: PacketIndex) {
        stream.storage = ByteStorage(capacity: Int(index.contentBytes))
        link.viewer.fetch(stream.id)
    }

    /// Fetches what the budget kept back, where there is room again.
    mutating func fetchDeferred(_ link: RelayLink, now: UInt64) {
        let deferred = link.deferred
        link.deferred.removeAll(keepingCapacity: true)
        for id in deferred {
            guard let stream = link.streams[id], let index = stream.index, stream.storage == nil else { continue }
            if mayFetch(link, stream) { fetch(link, stream, index) } else { link.deferred.append(id) }
        }
        guard link.deferred.count < deferred.count else { return }
        if link.deferred.isEmpty { stall.setHeldByUs(link.frontier, outputIsHeld) }
        link.viewer.flush(now: now)
        handleActions(link, input: UnsafeRawBufferPointer(start: nil, count: 0), now: now)
    }

    // MARK: Packets

    mutating func packetFailed(_ link: RelayLink, _ id: LiveStreamID) {
        guard let stream = link.streams[id], let index = stream.index else { return }
        noteLoss(
            .packets,
            count: 1,
            stream: stream,
            link: link,
            fromNs: nil,
            toNs: timestamp(index.timestampEnd, streamClassID: index.streamClassID, of: stream, link),
            reason: "the relay no longer has the packet"
        )
        stream.index = nil
        stream.storage = nil
    }

    mutating func packetFetched(_ link: RelayLink, _ id: LiveStreamID, now: UInt64) {
        stall.replied(link.frontier)
        guard let stream = link.streams[id], let index = stream.index, let storage = stream.storage,
            let program = stream.trace.program,
            let end = timestamp(index.timestampEnd, streamClassID: index.streamClassID, of: stream, link)
        else { return }
        stream.index = nil
        stream.storage = nil
        let bytes = PacketBytes(storage.bytes)
        do throws(PacketError) {
            let preamble = try program.readPreamble(bytes)
            guard preamble.timestampEndCycles ?? index.timestampEnd == index.timestampEnd,
                preamble.contentBits ?? index.contentBits == index.contentBits
            else {
                noteLoss(
                    .packets,
                    count: 1,
                    stream: stream,
                    link: link,
                    fromNs: nil,
                    toNs: end,
                    reason: "the relay sent another packet than its index says"
                )
                advance(stream, to: end)
                return
            }
            stream.preambleBits = preamble.firstEventBits
            noteMissingPackets(link, stream, preamble, end: end)
            packetPassed(link, stream, index, end: end, isMeasured: true)
            declare(stream)
            try takeEvents(link, stream, program, preamble, storage, contentBits: index.contentBits)
            stall.delivered(link.frontier, nowNs: Int64(clamping: now))
        } catch {
            let place = "stream \(stream.id.rawValue) (\(stream.declaration.channel)), packet at \(index.offset)"
            say(.error, link, "\(stream.trace.declaration.path), \(place): \(error); the rest of the packet is lost")
            report.damaged.append("\(link.source.name): \(stream.trace.declaration.path), \(place): \(error)")
            noteLoss(
                .events,
                count: nil,
                stream: stream,
                link: link,
                fromNs: nil,
                toNs: end,
                reason: "\(error)"
            )
        }
        advance(stream, to: end)
    }

    private mutating func advance(_ stream: RelayStream, to boundNs: Int64) {
        if let slot = stream.frontier { frontier.advance(slot, to: boundNs) }
    }

    private mutating func declare(_ stream: RelayStream) {
        guard !stream.isDeclared else { return }
        stream.isDeclared = true
        records.append(.stream(stream.declaration))
    }

    /// The packet is done with, whether its events were wanted or not: its end and its counter are taken notice of.
    private mutating func packetPassed(
        _ link: RelayLink,
        _ stream: RelayStream,
        _ index: PacketIndex,
        end: Int64,
        isMeasured: Bool
    ) {
        let earlierNs = stream.lastEndCycles.flatMap {
            timestamp($0, streamClassID: index.streamClassID, of: stream, link)
        }
        // A counter that goes back is a tracer's bug, not a wrap.
        let before = stream.lastDiscarded ?? (link.source.start == .now ? index.eventsDiscarded : 0)
        if isMeasured, index.eventsDiscarded > before {
            noteLoss(
                .events,
                count: index.eventsDiscarded - before,
                stream: stream,
                link: link,
                fromNs: earlierNs,
                toNs: end,
                reason: "discarded by the tracer"
            )
        }
        stream.lastDiscarded = index.eventsDiscarded
        stream.lastEndCycles = index.timestampEnd
        if stream.index?.contentBits == 0 || index.contentBits == stream.preambleBits { advance(stream, to: end) }
    }

    private mutating func noteMissingPackets(
        _ link: RelayLink,
        _ stream: RelayStream,
        _ preamble: PacketPreamble,
        end: Int64
    ) {
        guard let number = preamble.sequenceNumber else { return }
        if let last = stream.lastSequenceNumber {
            let (expected, overflow) = last.addingReportingOverflow(1 + stream.skippedPackets)
            if !overflow, number > expected {
                noteLoss(
                    .packets,
                    count: number - expected,
                    stream: stream,
                    link: link,
                    fromNs: nil,
                    toNs: end,
                    reason: "overwritten or cleared before they were read"
                )
            }
        }
        stream.lastSequenceNumber = number
        stream.skippedPackets = 0
    }

    /// Scans the packet to keys and hands them to the merge, in chunks of bounded size.
    private mutating func takeEvents(
        _ link: RelayLink,
        _ stream: RelayStream,
        _ program: TraceProgram,
        _ preamble: PacketPreamble,
        _ storage: ByteStorage,
        contentBits: UInt64
    ) throws(PacketError) {
        let packet = FeedPacket(
            id: batches.nextPacketID(),
            trace: stream.trace.declaration,
            stream: stream.declaration,
            program: program,
            metadataBytes: stream.trace.reader.textBytes,
            preamble: preamble,
            preambleStorage: storage,
            correctionNs: link.source.correctionNs
        )
        let startNs = link.source.start == .now && !stream.trace.session.isResumed ? stream.trace.session.startNs : nil
        var cursor = preamble.firstEvent
        while cursor.positionBits < contentBits {
            var keys = EventKeyBuffer(capacity: BatchBuilder.keyCapacity(forBits: contentBits - cursor.positionBits))
            var fault: PacketError?
            var result = ScanResult.complete
            do {
                result = try program.scan(
                    PacketBytes(storage.bytes),
                    preamble: preamble,
                    contentBits: contentBits,
                    correctionNs: link.source.correctionNs,
                    cursor: &cursor,
                    keys: &keys
                )
            } catch {
                fault = error
            }
            if keys.count > 0 {
                append(link, stream, packet, keys, storage, endBits: cursor.positionBits, startNs: startNs)
            }
            if let fault { throw fault }
            switch result {
            case .complete: return
            case .full: continue
            case .needsMoreBytes: throw PacketError(.needsMoreBytes, atBits: cursor.positionBits, value: 0)
            }
        }
    }

    private mutating func append(
        _ link: RelayLink,
        _ stream: RelayStream,
        _ packet: FeedPacket,
        _ keys: EventKeyBuffer,
        _ storage: ByteStorage,
        endBits: UInt64,
        startNs: Int64?
    ) {
        var first = 0
        if let startNs { while first < keys.count, keys.keys[first].timestampNs < startNs { first += 1 } }
        guard first < keys.count, let base = keys.keys.baseAddress else { return }
        let slot = stream.merge ?? addToMerge(link, stream, packet.preamble)
        let tag = batches.open(
            packet: packet,
            keys: keys,
            storage: storage,
            endBits: endBits,
            relay: link.index
        )
        link.pendingBytes += batches.pendingBytes(tag)
        // Both keys are an Int64 and a UInt64, trivial, 16 bytes: the same memory is read as the merge's own type.
        let mergeKeys = UnsafeRawPointer(base + first).assumingMemoryBound(to: MergeKey.self)
        batches.setFirst(first, of: tag)
        merge.append(slot, keys: mergeKeys, count: keys.count - first, tag: tag)
    }

    private mutating func addToMerge(
        _ link: RelayLink,
        _ stream: RelayStream,
        _ preamble: PacketPreamble
    ) -> StreamSlot {
        let uuid = stream.trace.program?.traceClass.uuid
        let slot = merge.addStream(
            rank: StreamRank(
                traceUUID: uuid.map { (high: $0.high, low: $0.low) },
                streamClassID: preamble.streamClassID,
                streamInstanceID: preamble.streamInstanceID,
                relayName: link.source.name,
                liveStreamID: stream.id.rawValue
            )
        )
        stream.merge = slot
        return slot
    }
}
