import CTF
import EventMerge
import Feed
import LTTngLive

/// A part of a packet in memory.
struct PacketWindow {
    let storage: ByteStorage
    /// Where in the storage it lies.
    let storageOffset: Int
    let byteCount: Int
    /// Which byte of the packet it begins with.
    let firstByte: Int

    init(_ storage: ByteStorage, firstByte: Int = 0) {
        self.storage = storage
        storageOffset = 0
        byteCount = storage.capacity
        self.firstByte = firstByte
    }

    /// A slice, which lies among others in the bytes of its frame.
    init(_ slice: EventSlice) {
        storage = slice.storage
        storageOffset = slice.storageOffset
        byteCount = slice.bytes.count
        firstByte = Int(clamping: slice.firstBits / 8)
    }

    /// Valid as long as the storage is.
    var bytes: PacketBytes {
        let part = storage.bytes[storageOffset..<storageOffset + byteCount]
        return PacketBytes(UnsafeRawBufferPointer(rebasing: part), firstByte: firstByte)
    }
}

/// From the bytes of a packet, or of a part of it, to keys in the merge.
///
/// A packet that is too large to be in memory whole is decoded through windows: each is scanned as far as its events
/// are whole, the next one begins with the byte in which the first event begins that is not, and an event that fits no
/// window makes the next one larger. The slices of a batch refer to their own window, so that a window goes when its
/// events have left.
extension Coordinator {
    /// Scans a window to keys and hands them to the merge, in chunks of bounded size.
    /// - Parameters:
    ///   - contentBits: where the packet's content ends, bits from the packet's start.
    ///   - cursor: before the first event; left behind the last one that the window holds whole.
    ///   - fromBits: the feed has the events before, bits from the packet's start.
    /// - Returns: the last event's timestamp, nanoseconds, nil without events; and whether the content is done with.
    mutating func takeEvents(
        _ link: RelayLink,
        _ stream: RelayStream,
        _ packet: FeedPacket,
        _ window: PacketWindow,
        contentBits: UInt64,
        cursor: inout EventCursor,
        fromBits: UInt64 = 0
    ) throws(PacketError) -> (lastNs: Int64?, isComplete: Bool) {
        var lastNs: Int64?
        let startNs = startNs(stream, link)
        let endBits = min(contentBits, window.bytes.endBits)
        while cursor.positionBits < contentBits {
            let bits = endBits - min(endBits, cursor.positionBits)
            var keys = EventKeyBuffer(capacity: BatchBuilder.keyCapacity(forBits: bits))
            var fault: PacketError?
            var result = ScanResult.complete
            do {
                result = try packet.program.scan(
                    window.bytes,
                    preamble: packet.preamble,
                    contentBits: contentBits,
                    correctionNs: packet.correction.offsetNs,
                    cursor: &cursor,
                    keys: &keys
                )
            } catch {
                fault = error
            }
            if !packet.correction.isConstant {
                keys.correct(by: packet.correction, insteadOf: packet.correction.offsetNs)
            }
            if let key = keys.keys.last {
                lastNs = key.timestampNs
                var first = 0
                while first < keys.count, keys.keys[first].startBits < fromBits { first += 1 }
                if let startNs { while first < keys.count, keys.keys[first].timestampNs < startNs { first += 1 } }
                append(link, stream, packet, keys, from: first, window, endBits: cursor.positionBits)
            }
            if let fault { throw fault }
            if result == .needsMoreBytes { return (lastNs, false) }
        }
        return (lastNs, true)
    }

    private mutating func append(
        _ link: RelayLink,
        _ stream: RelayStream,
        _ packet: FeedPacket,
        _ keys: EventKeyBuffer,
        from first: Int,
        _ window: PacketWindow,
        endBits: UInt64
    ) {
        guard first < keys.count, let base = keys.keys.baseAddress else { return }
        let tag = batches.open(
            packet: packet,
            keys: keys,
            range: first..<keys.count,
            window: window,
            endBits: endBits,
            relay: link.root.index,
            behindNs: stream.trace.clock?.behindNs ?? 0
        )
        if stream.merge == nil, packet.program.isTimeless(packet.preamble) {
            publishAtOnce(tag, count: keys.count - first)
            return
        }
        link.root.pendingBytes += batches.pendingBytes(tag)
        let slot = stream.merge ?? addToMerge(link, stream, packet.preamble)
        // Both keys are an Int64 and a UInt64, trivial, 16 bytes: the same memory is read as the merge's own type.
        let mergeKeys = UnsafeRawPointer(base + first).assumingMemoryBound(to: MergeKey.self)
        merge.append(slot, keys: mergeKeys, count: keys.count - first, tag: tag)
    }

    private mutating func addToMerge(
        _ link: RelayLink,
        _ stream: RelayStream,
        _ preamble: PacketPreamble
    ) -> StreamSlot {
        let slot = merge.addStream(rank: mergeRank(of: stream, preamble, link))
        stream.merge = slot
        return slot
    }

    /// The stream's place among those with events of the same time.
    func mergeRank(of stream: RelayStream, _ preamble: PacketPreamble, _ link: RelayLink) -> StreamRank {
        let uuid = stream.trace.program?.traceClass.uuid
        return StreamRank(
            traceUUID: uuid.map { (high: $0.high, low: $0.low) },
            streamClassID: preamble.streamClassID,
            streamInstanceID: preamble.streamInstanceID,
            relayName: link.source.name,
            liveStreamID: stream.id.rawValue
        )
    }

    /// A packet as the feed knows it.
    /// - Parameters:
    ///   - storage: its first bytes, which hold its preamble whole.
    ///   - id: where the feed has a part of it already.
    ///   - place: of a live packet.
    mutating func feedPacket(
        _ preamble: PacketPreamble,
        _ storage: ByteStorage,
        program: TraceProgram,
        of stream: RelayStream,
        _ link: RelayLink,
        id: UInt64? = nil,
        place: PacketPlace = PacketPlace(endCycles: 0, offset: 0),
        fileOffset: UInt64? = nil
    ) -> FeedPacket {
        FeedPacket(
            id: id ?? batches.nextPacketID(),
            trace: stream.trace.declaration,
            stream: stream.declaration,
            program: program,
            metadataBytes: stream.trace.reader.textBytes,
            preamble: preamble,
            preambleStorage: storage,
            correction: link.isStored ? TimeCorrection(offsetNs: link.source.correctionNs) : stream.correction,
            fileOffset: fileOffset,
            place: place
        )
    }
}

extension TraceProgram {
    /// Whether the events of a packet have no time, since their stream class has no clock.
    func isTimeless(_ preamble: PacketPreamble) -> Bool {
        clockConversion(streamClassID: preamble.streamClassID) == nil
    }
}
