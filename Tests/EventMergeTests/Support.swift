import EventMerge

/// SplitMix64: the same numbers for the same seed everywhere.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// A number in `range`.
    mutating func pick(_ range: Range<Int>) -> Int { Int.random(in: range, using: &self) }

    /// True once in `count` times.
    mutating func oneIn(_ count: Int) -> Bool { pick(0..<count) == 0 }
}

/// A rank that differs from others by its stream instance id.
func rank(_ number: UInt64) -> StreamRank {
    StreamRank(
        traceUUID: (high: 1, low: 2),
        streamClassID: 0,
        streamInstanceID: number,
        relayName: "relay",
        liveStreamID: number
    )
}

/// One event that has left a merge.
struct Left: Equatable, CustomStringConvertible {
    /// The test's number of the stream, not the slot.
    var stream: Int
    var timestampNs: Int64
    /// The event's number in its stream.
    var position: UInt64
    var lateNs: Int64

    var description: String {
        "\(stream)#\(position)@\(timestampNs)" + (lateNs > 0 ? "(late \(lateNs))" : "")
    }
}

/// Chunks of keys that stay where they are until the merge is done with them; writes over what is consumed.
final class KeyStore {
    struct Chunk {
        var stream: Int
        var keys: UnsafeMutablePointer<MergeKey>
        var count: Int
    }

    private(set) var chunks: [UInt64: Chunk] = [:]
    private var nextTag: UInt64 = 1

    deinit {
        for chunk in chunks.values { chunk.keys.deallocate() }
    }

    func add(stream: Int, _ keys: [MergeKey]) -> UInt64 {
        let memory = UnsafeMutablePointer<MergeKey>.allocate(capacity: max(1, keys.count))
        memory.initialize(to: MergeKey(timestampNs: 0, position: 0))
        for (index, key) in keys.enumerated() { (memory + index).initialize(to: key) }
        defer { nextTag += 1 }
        chunks[nextTag] = Chunk(stream: stream, keys: memory, count: keys.count)
        return nextTag
    }

    /// Forgets a chunk.
    /// - Returns: whether it was there.
    func consume(_ tag: UInt64) -> Bool {
        guard let chunk = chunks.removeValue(forKey: tag) else { return false }
        for index in 0..<chunk.count { chunk.keys[index] = MergeKey(timestampNs: .min, position: .max) }
        chunk.keys.deallocate()
        return true
    }

    func events(_ run: MergeRun) -> [Left] {
        guard let chunk = chunks[run.tag] else { return [] }
        return (run.first..<(run.first + run.count)).map { index in
            let key = chunk.keys[index]
            return Left(
                stream: chunk.stream,
                timestampNs: key.timestampNs,
                position: key.position,
                lateNs: run.lateNs
            )
        }
    }
}

/// A merge with its streams' memory: what most tests need.
struct MergeBench: ~Copyable {
    var merge: EventMerge
    let store = KeyStore()
    /// By the test's stream number.
    private(set) var slots: [StreamSlot] = []
    private var positions: [UInt64] = []
    /// What has left so far.
    private(set) var left: [Left] = []

    init(publishedNs: Int64? = nil) { merge = EventMerge(publishedNs: publishedNs) }

    /// - Returns: the stream's number.
    mutating func add(_ rank: StreamRank?) -> Int {
        slots.append(merge.addStream(rank: rank))
        positions.append(0)
        return slots.count - 1
    }

    mutating func append(_ stream: Int, _ timestamps: [Int64]) {
        let first = positions[stream]
        positions[stream] += UInt64(timestamps.count)
        let keys = timestamps.enumerated().map { MergeKey(timestampNs: $1, position: first + UInt64($0)) }
        let tag = store.add(stream: stream, keys)
        guard let chunk = store.chunks[tag] else { return }
        merge.append(slots[stream], keys: chunk.keys, count: keys.count, tag: tag)
    }

    /// Releases, remembers what left, and gives consumed memory back.
    @discardableResult
    mutating func release(upTo watermark: Int64?, endOfAll: Bool = false, maxEvents: Int = .max) -> MergeRelease {
        var runs: [MergeRun] = []
        let result = merge.release(upTo: watermark, endOfAll: endOfAll, maxEvents: maxEvents, into: &runs)
        for run in runs { left += store.events(run) }
        takeConsumed()
        return result
    }

    mutating func takeConsumed() {
        var consumed: [ConsumedChunk] = []
        merge.takeConsumed(into: &consumed)
        for chunk in consumed { precondition(store.consume(chunk.tag), "a chunk was consumed twice") }
    }

    mutating func end(_ stream: Int) { merge.end(slots[stream]) }

    mutating func takeLeft() -> [Left] {
        defer { left.removeAll() }
        return left
    }
}
