// Orders the events of many streams: opaque 16-byte keys in, runs out.
//
// A stream is a queue of chunks (one packet's keys, or one window's), whose memory stays the caller's. A loser tree
// (`LoserTree.swift`) knows which stream's head is the least by (timestamp, stream rank). `release` takes events off
// the least head while they are older than the watermark; where one stream wins twice in a row, its run up to the
// runner-up is taken in one go. A head that is older than what has been published is by construction the least of all:
// it leaves at once, flagged. Order inside a stream is that of its keys and is never changed, so a stream that goes
// back in time has its older events late.
//
// Cost: one match per tree level for each event of interleaved streams, less in runs; nothing is allocated per event.
// A stream that joins, leaves, empties or fills costs O(log streams); growth is amortised.
// Memory: 80 bytes a stream, 32 a queued chunk, and what the ranks take; bounded by the caller's budgets.
// Confined to the merge lane.

/// Merges streams into one feed: by timestamp, then rank, then order in the stream; late events are flagged, never
/// lost.
package struct EventMerge: ~Copyable {
    /// How many streams there are, ended ones with pending events included.
    package internal(set) var streamCount = 0
    /// Streams that have not ended. Where this is 0, `release` may be told `endOfAll`.
    package internal(set) var openStreamCount = 0
    /// Events appended and not released, over all streams.
    package internal(set) var pendingEventCount = 0
    /// The greatest watermark whose release is complete, nanoseconds since the Unix epoch; nil: none yet.
    package internal(set) var publishedNs: Int64?

    var tree: LoserTree
    var order = StreamOrder()
    /// By slot; `tree.capacity` of each.
    var slots: UnsafeMutablePointer<SlotState>
    var queues: [SlotQueue]
    /// Slots 0 ..< this have been used.
    var slotEnd = 0
    var freeSlots: [UInt32] = []
    var chunks = ChunkPool()
    /// The greatest timestamp that left in order, + 2^63; 0 before the first.
    var lastInOrderTime: UInt64 = 0
    var consumed: [ConsumedChunk] = []
    var ended: [StreamSlot] = []
    /// Runs on their way to the caller's array, so that it is touched once per block.
    let runBlock: UnsafeMutablePointer<MergeRun>
    static let runBlockCount = 128
    /// Room of `LaterReads`.
    let laterSlots: UnsafeMutablePointer<UInt32>

    /// - Parameter publishedNs: the watermark of the feed's log where the feed goes on after a restart, else nil.
    package init(publishedNs: Int64? = nil) {
        self.publishedNs = publishedNs
        tree = LoserTree(capacity: 2)
        slots = SlotState.allocate(2)
        queues = [SlotQueue](repeating: SlotQueue(), count: 2)
        runBlock = .allocate(capacity: EventMerge.runBlockCount)
        runBlock.initialize(
            repeating: MergeRun(slot: StreamSlot(index: 0), tag: 0, first: 0, count: 0),
            count: EventMerge.runBlockCount
        )
        order.reserve(2)
        laterSlots = .allocate(capacity: LaterReads.count)
    }

    deinit {
        slots.deallocate()
        runBlock.deallocate()
        laterSlots.deallocate()
    }

    /// The least timestamp of all streams' heads, nanoseconds since the Unix epoch; nil when nothing is pending.
    package var earliestPendingNs: Int64? {
        tree.winner.isNone ? nil : HeadKey.timestampNs(tree.winner.time)
    }

    // MARK: Streams

    /// Adds a stream with nothing pending.
    /// - Parameter rank: nil while not known: goes behind all ranked streams until `setRank`. Streams of equal rank go
    ///   in the order in which they got it.
    /// - Complexity: O(log streams) comparisons of ranks; growth amortised.
    package mutating func addStream(rank: StreamRank?) -> StreamSlot {
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = Int(free)
        } else {
            if slotEnd == tree.capacity { grow() }
            slot = slotEnd
            slotEnd += 1
        }
        slots[slot] = SlotState()
        queues[slot] = SlotQueue(condition: .open)
        place(slot, rank: rank)
        streamCount += 1
        openStreamCount += 1
        return StreamSlot(index: UInt32(slot))
    }

    /// Gives a stream its place among streams at equal timestamps, from its next event on.
    package mutating func setRank(_ slot: StreamSlot, _ rank: StreamRank) {
        let index = checkedIndex(slot)
        let hasHead = slots[index].hasEvent
        if hasHead { tree.raise(.none(slot: index)) }
        order.remove(index)
        place(index, rank: rank)
        if hasHead { tree.lower(head(index)) }
    }

    /// Appends a chunk: keys in stream order, behind all that were appended before.
    ///
    /// An empty chunk is consumed once all before it are.
    /// - Parameters:
    ///   - slot: a stream that has not ended.
    ///   - keys: stays the caller's; must not change or go before the merge has said that the chunk is consumed.
    ///   - count: 0..<2^32 keys.
    ///   - tag: comes back with each run and with the consumption.
    package mutating func append(_ slot: StreamSlot, keys: UnsafePointer<MergeKey>, count: Int, tag: UInt64) {
        let index = checkedIndex(slot)
        precondition(queues[index].condition == .open, "append to a stream that has ended")
        precondition(count >= 0 && count <= Int(UInt32.max), "chunk too large")
        if slots[index].hasEvent {
            let chunk = chunks.add(keys: keys, count: count, tag: tag)
            if queues[index].last == ChunkPool.none {
                queues[index].first = chunk
            } else {
                chunks.link(chunk, behind: queues[index].last)
            }
            queues[index].last = chunk
            queues[index].events += count
        } else if count == 0 {
            consumed.append(ConsumedChunk(slot: slot, tag: tag))
        } else {
            slots[index].take(keys: keys, count: count, tag: tag)
            tree.lower(head(index))
        }
        pendingEventCount += count
    }

    /// Says that no chunk follows. The stream leaves (`takeEnded`) when its last event has left.
    package mutating func end(_ slot: StreamSlot) {
        let index = checkedIndex(slot)
        precondition(queues[index].condition == .open, "stream ended twice")
        queues[index].condition = .ending
        openStreamCount -= 1
        if !slots[index].hasEvent { leave(index) }
    }

    /// Takes a stream away at once. Its chunks are consumed, its pending events dropped, and its number is free.
    ///
    /// Also takes a stream that has ended and left but was not taken by `takeEnded` yet.
    /// - Returns: how many events were dropped.
    @discardableResult
    package mutating func remove(_ slot: StreamSlot) -> Int {
        let index = Int(slot.index)
        precondition(index < slotEnd && queues[index].condition != .free, "no such stream")
        if queues[index].condition == .left {
            ended.removeAll { $0 == slot }
        } else {
            if queues[index].condition == .open { openStreamCount -= 1 }
            streamCount -= 1
            order.remove(index)
        }
        let dropped = pendingCount(index)
        if slots[index].hasEvent {
            tree.raise(.none(slot: index))
            dropChunks(index)
            pendingEventCount -= dropped
        }
        slots[index] = SlotState()
        queues[index] = SlotQueue()
        freeSlots.append(slot.index)
        return dropped
    }

    /// Events of a stream appended and not released.
    package func pendingEventCount(_ slot: StreamSlot) -> Int {
        pendingCount(checkedIndex(slot))
    }

    /// The timestamp of a stream's next event, nanoseconds since the Unix epoch; nil when nothing is pending.
    package func headTimestampNs(_ slot: StreamSlot) -> Int64? {
        let index = checkedIndex(slot)
        return slots[index].hasEvent ? slots[index].next.pointee.timestampNs : nil
    }

    /// Appends the chunks consumed since the last call, in the order in which they were. Their memory is the caller's.
    package mutating func takeConsumed(into chunks: inout [ConsumedChunk]) {
        chunks.append(contentsOf: consumed)
        consumed.removeAll(keepingCapacity: true)
    }

    /// Appends the streams that have ended and left since the last call. Their numbers are free from now on.
    package mutating func takeEnded(into slots: inout [StreamSlot]) {
        slots.append(contentsOf: ended)
        for slot in ended {
            queues[Int(slot.index)].condition = .free
            freeSlots.append(slot.index)
        }
        ended.removeAll(keepingCapacity: true)
    }

    // MARK: Helpers

    private func checkedIndex(_ slot: StreamSlot) -> Int {
        let index = Int(slot.index)
        precondition(index < slotEnd && queues[index].isThere, "no such stream")
        return index
    }

    private mutating func place(_ slot: Int, rank: StreamRank?) {
        let isRenumbered = order.insert(slot, rank: rank)
        // The numbers' order is the same, so the tree's matches stand.
        if isRenumbered { tree.relabel { [order] in HeadKey.place(order: order.numbers[$0], slot: $0) } }
    }

    /// Events of a stream that have not left.
    func pendingCount(_ slot: Int) -> Int { Int(slots[slot].left) + queues[slot].events }

    /// The key with which a stream plays that has an event.
    func head(_ slot: Int) -> HeadKey {
        let place = HeadKey.place(order: order.numbers[slot], slot: slot)
        return HeadKey(time: HeadKey.time(slots[slot].next.pointee.timestampNs), place: place)
    }

    private mutating func grow() {
        let capacity = tree.capacity
        tree.grow()
        order.reserve(tree.capacity)
        let larger = SlotState.allocate(tree.capacity)
        larger.update(from: slots, count: capacity)
        slots.deallocate()
        slots = larger
        queues += [SlotQueue](repeating: SlotQueue(), count: capacity)
    }

    /// A stream has ended and its last event has left.
    mutating func leave(_ slot: Int) {
        order.remove(slot)
        queues[slot].condition = .left
        streamCount -= 1
        ended.append(StreamSlot(index: UInt32(slot)))
    }

    /// Goes on to the next chunk that has an event, if there is one; what is behind is consumed.
    mutating func nextChunk(_ slot: Int) {
        let name = StreamSlot(index: UInt32(slot))
        consumed.append(ConsumedChunk(slot: name, tag: slots[slot].tag))
        while queues[slot].first != ChunkPool.none {
            let chunk = chunks.remove(queues[slot].first)
            queues[slot].first = chunk.next
            if chunk.next == ChunkPool.none { queues[slot].last = ChunkPool.none }
            if chunk.count > 0 {
                queues[slot].events -= chunk.count
                slots[slot].take(keys: chunk.keys, count: chunk.count, tag: chunk.tag)
                return
            }
            consumed.append(ConsumedChunk(slot: name, tag: chunk.tag))
        }
        if queues[slot].condition == .ending { leave(slot) }
    }

    private mutating func dropChunks(_ slot: Int) {
        let name = StreamSlot(index: UInt32(slot))
        let state = slots[slot]
        consumed.append(ConsumedChunk(slot: name, tag: state.tag, droppedEvents: Int(state.left)))
        var queued = queues[slot].first
        while queued != ChunkPool.none {
            let chunk = chunks.remove(queued)
            consumed.append(ConsumedChunk(slot: name, tag: chunk.tag, droppedEvents: chunk.count))
            queued = chunk.next
        }
    }
}

/// Holds pointers that no one else has: it may move to another thread, as long as one at a time uses it.
extension EventMerge: @unchecked Sendable {}
