/// What the merge keeps of a stream: one cache line of 64 bytes.
struct SlotState: BitwiseCopyable {
    enum Condition: UInt8, BitwiseCopyable {
        /// No stream has the number. Next: open.
        case free
        /// More chunks may come. Next: ending, left, free.
        case open
        /// No more chunks come, but events are pending. Next: left, free.
        case ending
        /// All is done, and the caller has not been told. Next: free.
        case left
    }

    /// The time of the event behind the next one, where that is in the present chunk, as `HeadKey.time` makes it. Read
    /// ahead: when a head leaves, its successor is what everything waits for.
    var followingTime: UInt64 = 0
    /// The next event's key; meaningless where it equals `end`.
    var next: UnsafePointer<MergeKey> = SlotState.noKeys
    /// Behind the last key of the present chunk.
    var end: UnsafePointer<MergeKey> = SlotState.noKeys
    /// The first key of the present chunk.
    var base: UnsafePointer<MergeKey> = SlotState.noKeys
    /// The present chunk's tag.
    var tag: UInt64 = 0
    /// Events in the chunks that wait behind the present one.
    var queuedEvents = 0
    var firstQueued = ChunkPool.none
    var lastQueued = ChunkPool.none
    var condition = Condition.free

    private static var noKeys: UnsafePointer<MergeKey> {
        // Never read: stands for an address where there is none.
        UnsafePointer(bitPattern: MemoryLayout<MergeKey>.alignment).unsafelyUnwrapped
    }

    /// Room for `count` streams, each in a cache line of its own.
    static func allocate(_ count: Int) -> UnsafeMutablePointer<SlotState> {
        UnsafeMutableRawPointer.allocate(byteCount: count * MemoryLayout<SlotState>.stride, alignment: 64)
            .bindMemory(to: SlotState.self, capacity: count)
    }

    @inline(__always) var hasEvent: Bool { next != end }
    var isThere: Bool { condition == .open || condition == .ending }
    var pendingCount: Int { end - next + queuedEvents }

    /// Makes a chunk the present one.
    mutating func take(keys: UnsafePointer<MergeKey>, count: Int, tag: UInt64) {
        next = keys
        base = keys
        end = keys + count
        self.tag = tag
    }
}

/// The chunks that wait behind their streams' present ones: linked lists in one array, places used again.
struct ChunkPool {
    static let none = UInt32.max

    struct Chunk: BitwiseCopyable {
        var keys: UnsafePointer<MergeKey>
        var count: Int
        var tag: UInt64
        /// The next one of the stream, or of the free ones.
        var next: UInt32
    }

    private var chunks: ContiguousArray<Chunk> = []
    private var firstFree = ChunkPool.none

    mutating func add(keys: UnsafePointer<MergeKey>, count: Int, tag: UInt64) -> UInt32 {
        let chunk = Chunk(keys: keys, count: count, tag: tag, next: ChunkPool.none)
        guard firstFree != ChunkPool.none else {
            chunks.append(chunk)
            return UInt32(chunks.count - 1)
        }
        let index = firstFree
        firstFree = chunks[Int(index)].next
        chunks[Int(index)] = chunk
        return index
    }

    mutating func link(_ chunk: UInt32, behind last: UInt32) {
        chunks[Int(last)].next = chunk
    }

    mutating func remove(_ index: UInt32) -> Chunk {
        let chunk = chunks[Int(index)]
        chunks[Int(index)].next = firstFree
        firstFree = index
        return chunk
    }
}
