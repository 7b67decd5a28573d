import CTF
import EventMerge
import Feed

/// Turns the merge's runs into the slices and the order of a batch.
///
/// Each chunk handed to the merge is an *open chunk* here: a packet, its keys, and how much of it has left. All that
/// one batch takes from a chunk is one slice, whose bounds are known when the batch is closed; a run costs a look at
/// two array elements and, when it follows one of the same chunk, nothing more. Chunks are found by the merge's tag,
/// an index.
struct BatchBuilder: ~Copyable {
    private struct OpenChunk {
        let packet: FeedPacket
        let keys: EventKeyBuffer
        let window: PacketWindow
        /// Where its last event ends, bits from the packet's start.
        let endBits: UInt64
        let relay: Int
        /// How far the host's traces reach ahead of this one's clock, nanoseconds, >= 0.
        let behindNs: Int64
        /// Index of the first key that the merge knows.
        var firstKey = 0
    }

    /// What a run looks at, apart from the references above: trivial, so that no reference is counted.
    private struct Progress {
        /// The batch that `slice` belongs to.
        var batch: UInt64 = 0
        var slice: UInt32 = 0
        /// Keys taken into this batch: first and end.
        var first: Int = 0
        var end: Int = 0
    }

    private let limits: CoordinatorLimits
    private var chunks: [OpenChunk?] = []
    private var progress: [Progress] = []
    private var free: [Int] = []
    private var lastPacketID: UInt64
    private var batch: UInt64 = 1
    /// Chunks of the slices of the batch being built.
    private var sliceChunks: [Int] = []
    private var order: [EventGroup.Run] = []
    private var late: [EventGroup.Late] = []
    private var eventCount = 0
    private(set) var bytes = 0
    /// The time of the batch's latest event in order, nanoseconds; nil without one.
    private(set) var latestNs: Int64?

    /// - Parameter lastPacketID: the greatest number that the feed has used.
    init(limits: CoordinatorLimits, lastPacketID: UInt64) {
        self.limits = limits
        self.lastPacketID = lastPacketID
    }

    /// Keys that a chunk has room for: an event of LTTng takes at least five bytes, and a chunk at most 1 MiB of keys.
    static func keyCapacity(forBits bits: UInt64) -> Int {
        Int(min(bits / 64 + 8, 65_536))
    }

    mutating func nextPacketID() -> UInt64 {
        lastPacketID += 1
        return lastPacketID
    }

    // MARK: Chunks

    mutating func open(
        packet: FeedPacket,
        keys: EventKeyBuffer,
        window: PacketWindow,
        endBits: UInt64,
        relay: Int,
        behindNs: Int64
    ) -> UInt64 {
        let chunk = OpenChunk(
            packet: packet,
            keys: keys,
            window: window,
            endBits: endBits,
            relay: relay,
            behindNs: behindNs
        )
        if let index = free.popLast() {
            chunks[index] = chunk
            progress[index] = Progress()
            return UInt64(index)
        }
        chunks.append(chunk)
        progress.append(Progress())
        return UInt64(chunks.count - 1)
    }

    mutating func setFirst(_ first: Int, of tag: UInt64) {
        chunks[Int(tag)]?.firstKey = first
    }

    /// What a chunk keeps in memory, bytes.
    func pendingBytes(_ tag: UInt64) -> Int {
        guard let chunk = chunks[Int(tag)] else { return 0 }
        return chunk.window.storage.capacity + chunk.keys.capacity * MemoryLayout<EventKey>.stride
    }

    /// Forgets a chunk that the merge is done with.
    /// - Returns: its relay and the bytes given back.
    mutating func close(_ tag: UInt64) -> (relay: Int, bytes: Int) {
        let index = Int(tag)
        let bytes = pendingBytes(tag)
        let relay = chunks[index]?.relay ?? 0
        chunks[index] = nil
        free.append(index)
        return (relay, bytes)
    }

    // MARK: Batches

    var isFull: Bool { eventCount >= limits.batchEventsMax || bytes >= limits.batchBytesMax }
    var isEmpty: Bool { eventCount == 0 }

    /// Takes the run's next events into the batch, until it is full.
    /// - Parameter offset: events of the run that are in earlier batches.
    /// - Returns: how many were taken, at least one.
    mutating func take(_ run: MergeRun, from offset: Int) -> Int {
        let index = Int(run.tag)
        guard let keys = chunks[index]?.keys.keys, let firstKey = chunks[index]?.firstKey,
            let endBits = chunks[index]?.endBits
        else { preconditionFailure("the merge released events of a chunk that is not open") }
        let first = firstKey + run.first + offset
        let runEnd = firstKey + run.first + run.count
        let startBits = keys[first].startBits
        var end = runEnd
        func bytesTo(_ end: Int) -> Int { Int(((end < keys.count ? keys[end].startBits : endBits) - startBits) / 8) }
        let room = max(limits.batchBytesMax - bytes, 0)
        if bytesTo(end) > room {
            // Only a run that overflows the batch is walked event by event.
            end = first + 1
            while end < runEnd, bytesTo(end + 1) <= room { end += 1 }
        }
        end = min(end, first + max(limits.batchEventsMax - eventCount, 1))
        let count = end - first
        if progress[index].batch != batch {
            progress[index] = Progress(batch: batch, slice: UInt32(sliceChunks.count), first: first, end: first)
            sliceChunks.append(index)
        }
        let slice = progress[index].slice
        progress[index].end = end
        if let last = order.indices.last, order[last].slice == slice {
            order[last].count += UInt32(count)
        } else {
            order.append(EventGroup.Run(slice: slice, count: UInt32(count)))
        }
        if run.lateNs > 0 {
            // With the offset of the trace that is ahead it would not have been.
            let isByClock = run.lateNs <= chunks[index]?.behindNs ?? 0
            late.append(
                EventGroup.Late(index: UInt32(eventCount), lateNs: run.lateNs, isByClock: isByClock)
            )
        } else {
            latestNs = keys[end - 1].timestampNs
        }
        eventCount += count
        bytes += bytesTo(end)
        return count
    }

    /// Ends the batch.
    mutating func finish() -> EventGroup {
        var slices: [EventSlice] = []
        slices.reserveCapacity(sliceChunks.count)
        for index in sliceChunks {
            guard let chunk = chunks[index] else { preconditionFailure("a chunk was closed in the middle of a batch") }
            let taken = progress[index]
            let keys = chunk.keys.keys
            let firstBits = keys[taken.first].startBits
            slices.append(
                EventSlice(
                    packet: chunk.packet,
                    storage: chunk.window.storage,
                    storageOffset: Int(firstBits / 8) - chunk.window.firstByte,
                    firstBits: firstBits,
                    endBits: taken.end < keys.count ? keys[taken.end].startBits : chunk.endBits,
                    clockCycles: chunk.keys.cyclesBefore(taken.first),
                    eventCount: taken.end - taken.first,
                    opensPacket: chunk.packet.id > lastOpenedPacket(chunk.packet.stream.id)
                )
            )
            opened[chunk.packet.stream.id] = chunk.packet.id
        }
        let group = EventGroup(slices: slices, order: order, late: late, eventCount: eventCount)
        batch += 1
        sliceChunks.removeAll(keepingCapacity: true)
        order.removeAll(keepingCapacity: true)
        late.removeAll(keepingCapacity: true)
        eventCount = 0
        bytes = 0
        latestNs = nil
        return group
    }

    /// The last packet of a stream of which a slice has left: packets of a stream leave one after the other.
    private func lastOpenedPacket(_ stream: UInt64) -> UInt64 { opened[stream] ?? 0 }
    private var opened: [UInt64: UInt64] = [:]

    /// A packet that the feed has in part goes on.
    mutating func goOn(_ packet: UInt64, of stream: UInt64) {
        opened[stream] = packet
    }

    mutating func forgetStream(_ stream: UInt64) {
        opened[stream] = nil
    }
}
