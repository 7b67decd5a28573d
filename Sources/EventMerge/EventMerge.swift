package struct EventMerge: ~Copyable {
    /// How many streams are there, ended ones with pending events included.
    package private(set) var streamCount = 0
    /// Streams that have not ended. Zero: `release` may be told `endOfAll`.
    package private(set) var openStreamCount = 0
    /// Events appended and not released, over all streams.
    package private(set) var pendingEventCount = 0
    /// The greatest watermark whose release is complete; nil: none yet.
    package var publishedNs: Int64? { nil }
    /// The least timestamp of all streams' heads, nanoseconds; nil when nothing is pending.
    package var earliestPendingNs: Int64? { nil }

    /// - Parameter publishedNs: the watermark of the feed's log, when the feed goes on after a restart.
    package init(publishedNs: Int64? = nil) {}

    /// Adds a stream, with nothing pending. Nil rank: goes behind all ranked streams until `setRank`.
    package mutating func addStream(rank: StreamRank?) -> StreamSlot { preconditionFailure() }
    /// Gives a stream its place among streams at equal timestamps, from the next event on.
    package mutating func setRank(_ slot: StreamSlot, _ rank: StreamRank) {}
    /// Appends a chunk: keys in stream order, behind all that were appended before.
    package mutating func append(_ slot: StreamSlot, keys: UnsafePointer<MergeKey>, count: Int, tag: UInt64) {}
    /// Says that no chunk follows. When its last event has left, the stream leaves (`takeEnded`).
    package mutating func end(_ slot: StreamSlot) {}
    /// Takes a stream away at once; its pending events are dropped. Its chunks are consumed; its number is free.
    /// - Returns: how many events were dropped.
    @discardableResult
    package mutating func remove(_ slot: StreamSlot) -> Int { 0 }
    /// Events of a stream appended and not released.
    package func pendingEventCount(_ slot: StreamSlot) -> Int { 0 }
    /// The timestamp of a stream's next event, nanoseconds; nil when nothing is pending.
    package func headTimestampNs(_ slot: StreamSlot) -> Int64? { nil }

    /// Appends to `output` the events that may leave now, in feed order.
    package mutating func release(
        upTo watermark: Int64?, endOfAll: Bool, maxEvents: Int, into output: inout [MergeRun]
    ) -> MergeRelease { preconditionFailure() }

    /// Appends the chunks consumed since the last call, in the order in which they were. Their memory is the caller's again.
    package mutating func takeConsumed(into chunks: inout [ConsumedChunk]) {}
    /// Appends the streams that have ended and left since the last call; their numbers are free from now on.
    package mutating func takeEnded(into slots: inout [StreamSlot]) {}
}
