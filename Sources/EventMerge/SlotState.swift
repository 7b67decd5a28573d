/// What the merge reads of a stream for each of its events: half a cache line, 32 bytes, for with many streams it is
/// room in near memory that decides how long an event takes.
struct SlotState: BitwiseCopyable {
    /// The time of the event behind the next one, where that is in the present chunk, as `HeadKey.time` makes it. Read
    /// ahead: when a head leaves, its successor is what everything waits for.
    var followingTime: UInt64 = 0
    /// The next event's key; meaningless where none is left.
    var next: UnsafePointer<MergeKey> = SlotState.noKeys
    /// The present chunk's tag.
    var tag: UInt64 = 0
    /// Events of the present chunk that have not left.
    var left: UInt32 = 0
    /// How many have.
    var index: UInt32 = 0

    private static var noKeys: UnsafePointer<MergeKey> {
        // Never read: stands for an address where there is none.
        UnsafePointer(bitPattern: MemoryLayout<MergeKey>.alignment).unsafelyUnwrapped
    }

    /// Room for `count` streams, none of them across two cache lines.
    static func allocate(_ count: Int) -> UnsafeMutablePointer<SlotState> {
        UnsafeMutableRawPointer.allocate(byteCount: count * MemoryLayout<SlotState>.stride, alignment: 64)
            .bindMemory(to: SlotState.self, capacity: count)
    }

    @inline(__always) var hasEvent: Bool { left > 0 }

    /// Makes a chunk the present one, whose first event is the next.
    /// - Parameter count: at least 1, less than 2^32.
    mutating func take(keys: UnsafePointer<MergeKey>, count: Int, tag: UInt64) {
        next = keys
        left = UInt32(truncatingIfNeeded: count)
        index = 0
        self.tag = tag
        readFollowing()
    }

    /// The next events have left: goes on behind them.
    /// - Parameter count: at most `left`.
    @inline(__always)
    mutating func pass(_ count: UInt32) {
        next += Int(count)
        index &+= count
        left &-= count
    }

    /// Reads the time of the event behind the next one, where there is one in the present chunk.
    @inline(__always)
    mutating func readFollowing() {
        if left > 1 { followingTime = HeadKey.time(next[1].timestampNs) }
    }
}

/// What the merge keeps of a stream beside that.
struct SlotQueue: BitwiseCopyable {
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

    /// Events in the chunks that wait behind the present one.
    var events = 0
    var first = ChunkPool.none
    var last = ChunkPool.none
    var condition = Condition.free

    var isThere: Bool { condition == .open || condition == .ending }
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
