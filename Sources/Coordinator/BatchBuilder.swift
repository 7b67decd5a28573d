import CTF
import EventMerge
import Feed

/// Turns the merge's runs into the slices and the order of a batch.
///
/// Each chunk handed to the merge is an *open chunk* here: a packet, its keys, and how much of it has left. All that
/// one batch takes from a chunk is one slice, whose bounds are known when the batch is closed; a run costs a look at
/// one array element and at its first and last key, and counts no reference. Chunks are found by the merge's tag, an
/// index.
struct BatchBuilder: ~Copyable {
    private struct OpenChunk {
        let packet: FeedPacket
        let keys: EventKeyBuffer
        let window: PacketWindow
        let relay: Int
        let segment: UInt64?
    }

    private let limits: CoordinatorLimits
    private var chunks: [OpenChunk?] = []
    private var progress: [ChunkProgress] = []
    private var free: [Int] = []
    private var lastPacketID: UInt64
    private var batch: UInt64 = 1
    private var content = BatchContent()

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

    /// - Parameters:
    ///   - keys: not changed as long as the chunk is open.
    ///   - range: the keys that the merge knows, at least one.
    ///   - endBits: where the last of their events ends, bits from the packet's start.
    ///   - behindNs: how far the host's traces reach ahead of this one's clock, nanoseconds, >= 0.
    ///   - lateNs: how late its only event has been elsewhere, nanoseconds; 0 where it has not.
    ///   - segment: of a chunk of another coordinator's feed, what `close` gives back.
    mutating func open(
        packet: FeedPacket,
        keys: EventKeyBuffer,
        range: Range<Int>,
        window: PacketWindow,
        endBits: UInt64,
        relay: Int,
        behindNs: Int64,
        lateNs: Int64 = 0,
        segment: UInt64? = nil
    ) -> UInt64 {
        let chunk = OpenChunk(packet: packet, keys: keys, window: window, relay: relay, segment: segment)
        let progress = ChunkProgress(
            keys: UnsafeBufferPointer(rebasing: keys.keys[range]),
            firstKey: range.lowerBound,
            endBits: endBits,
            behindNs: behindNs,
            lateNs: lateNs
        )
        if let index = free.popLast() {
            chunks[index] = chunk
            self.progress[index] = progress
            return UInt64(index)
        }
        chunks.append(chunk)
        self.progress.append(progress)
        return UInt64(chunks.count - 1)
    }

    /// What a chunk keeps in memory, bytes.
    func pendingBytes(_ tag: UInt64) -> Int {
        guard let chunk = chunks[Int(tag)] else { return 0 }
        return chunk.window.byteCount + chunk.keys.capacity * MemoryLayout<EventKey>.stride
    }

    /// Forgets a chunk that the merge is done with.
    /// - Returns: its relay, the bytes given back, and its segment.
    mutating func close(_ tag: UInt64) -> (relay: Int, bytes: Int, segment: UInt64?) {
        let index = Int(tag)
        let bytes = pendingBytes(tag)
        let (relay, segment) = (chunks[index]?.relay ?? 0, chunks[index]?.segment)
        chunks[index] = nil
        free.append(index)
        return (relay, bytes, segment)
    }

    // MARK: Batches

    var isFull: Bool { content.isFull(limits) }
    var isEmpty: Bool { content.eventCount == 0 }
    /// The time of the batch's latest event in order, nanoseconds; nil without one.
    var latestNs: Int64? { content.latestNs }

    /// Takes runs into the batch until it is full.
    /// - Parameter place: the first run that is to be taken, and how many of its events are in earlier batches; left
    ///   behind what was taken, at least one event.
    mutating func take(_ runs: [MergeRun], from place: inout (run: Int, event: Int)) {
        // In local variables, so that a run checks neither exclusivity nor uniqueness.
        var content = BatchContent()
        swap(&content, &self.content)
        defer { swap(&content, &self.content) }
        let (batch, limits) = (batch, limits)
        progress.withUnsafeMutableBufferPointer { progress in
            runs.withUnsafeBufferPointer { runs in
                while place.run < runs.count, !content.isFull(limits) {
                    let run = runs[place.run]
                    place.event += content.take(run, from: place.event, &progress[Int(run.tag)], batch, limits)
                    guard place.event == run.count else { continue }
                    place = (place.run + 1, 0)
                }
            }
        }
    }

    /// Ends the batch.
    mutating func finish() -> EventGroup {
        var slices: [EventSlice] = []
        slices.reserveCapacity(content.sliceChunks.count)
        for index in content.sliceChunks {
            guard let chunk = chunks[index] else { preconditionFailure("a chunk was closed in the middle of a batch") }
            let taken = progress[index]
            let firstBits = taken.startBits(taken.first)
            slices.append(
                EventSlice(
                    packet: chunk.packet,
                    storage: chunk.window.storage,
                    storageOffset: chunk.window.storageOffset + Int(firstBits / 8) - chunk.window.firstByte,
                    firstBits: firstBits,
                    endBits: taken.startBits(taken.end),
                    clockCycles: chunk.keys.cyclesBefore(taken.firstKey + taken.first),
                    eventCount: taken.end - taken.first,
                    opensPacket: chunk.packet.id > lastOpenedPacket(chunk.packet.stream.id)
                )
            )
            opened[chunk.packet.stream.id] = chunk.packet.id
        }
        let group = EventGroup(
            slices: slices,
            order: content.order,
            late: content.late,
            eventCount: content.eventCount
        )
        batch += 1
        content.removeAll()
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

/// What a run looks at of an open chunk, apart from its references: trivial, so that no reference is counted.
private struct ChunkProgress {
    /// The keys that the merge knows, those of the open chunk's buffer.
    let keys: UnsafeBufferPointer<EventKey>
    /// How many keys of the buffer come before these.
    let firstKey: Int
    /// Where the last event ends, bits from the packet's start.
    let endBits: UInt64
    /// How far the host's traces reach ahead of this one's clock, nanoseconds, >= 0.
    let behindNs: Int64
    /// How late its only event has been elsewhere, nanoseconds; 0 where it has not.
    let lateNs: Int64
    /// The batch that `slice` belongs to.
    var batch: UInt64 = 0
    var slice: UInt32 = 0
    /// Keys taken into this batch: first and end.
    var first = 0
    var end = 0

    /// Where event `index` begins, or the last one ends.
    func startBits(_ index: Int) -> UInt64 { index < keys.count ? keys[index].startBits : endBits }
}

/// What is in the batch being built.
private struct BatchContent {
    /// Chunks of the slices.
    var sliceChunks: [Int] = []
    var order: [EventGroup.Run] = []
    var late: [EventGroup.Late] = []
    var eventCount = 0
    var bytes = 0
    /// The time of the latest event in order, nanoseconds; nil without one.
    var latestNs: Int64?

    @inline(__always)
    func isFull(_ limits: CoordinatorLimits) -> Bool {
        eventCount >= limits.batchEventsMax || bytes >= limits.batchBytesMax
    }

    /// Takes events of a run behind its first `offset`.
    /// - Returns: how many were taken, at least one.
    @inline(__always)
    mutating func take(
        _ run: MergeRun,
        from offset: Int,
        _ chunk: inout ChunkProgress,
        _ batch: UInt64,
        _ limits: CoordinatorLimits
    ) -> Int {
        let first = run.first + offset
        let runEnd = run.first + run.count
        let startBits = chunk.startBits(first)
        let room = (events: limits.batchEventsMax - eventCount, bytes: limits.batchBytesMax - bytes)
        var end = runEnd
        var taken = Int((chunk.startBits(end) - startBits) / 8)
        if taken > room.bytes || end - first > room.events {
            // Only a run that overflows the batch is walked event by event.
            let most = min(runEnd, first + max(room.events, 1))
            end = first + 1
            while end < most, Int((chunk.startBits(end + 1) - startBits) / 8) <= room.bytes { end += 1 }
            taken = Int((chunk.startBits(end) - startBits) / 8)
        }
        let count = end - first
        if chunk.batch != batch {
            chunk.batch = batch
            chunk.slice = UInt32(sliceChunks.count)
            chunk.first = first
            sliceChunks.append(Int(run.tag))
        }
        chunk.end = end
        if let last = order.indices.last, order[last].slice == chunk.slice {
            order[last].count += UInt32(count)
        } else {
            order.append(EventGroup.Run(slice: chunk.slice, count: UInt32(count)))
        }
        let lateNs = max(run.lateNs, chunk.lateNs)
        if lateNs > 0 {
            // With the offset of the trace that is ahead it would not have been.
            let isByClock = lateNs <= chunk.behindNs
            late.append(EventGroup.Late(index: UInt32(eventCount), lateNs: lateNs, isByClock: isByClock))
        } else {
            latestNs = chunk.keys[end - 1].timestampNs
        }
        eventCount += count
        bytes += taken
        return count
    }

    mutating func removeAll() {
        sliceChunks.removeAll(keepingCapacity: true)
        order.removeAll(keepingCapacity: true)
        late.removeAll(keepingCapacity: true)
        eventCount = 0
        bytes = 0
        latestNs = nil
    }
}
