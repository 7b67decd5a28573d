/// What order needs to know of an event record: when, and where it is in its packet. Opaque otherwise.
///
/// Laid out as the decoder's keys are (16 bytes), so that the caller may rebind their memory.
@frozen @usableFromInline
package struct MergeKey: BitwiseCopyable, Sendable, Equatable {
    /// Nanoseconds since the Unix epoch, after any correction. Every value is legal.
    @usableFromInline package var timestampNs: Int64
    /// Where the event is in its packet; the merge carries it and never looks at it.
    @usableFromInline package var position: UInt64

    @inlinable
    package init(timestampNs: Int64, position: UInt64) {
        self.timestampNs = timestampNs
        self.position = position
    }
}

/// A stream's place in an `EventMerge`: a small number, used again after the stream has left.
@frozen @usableFromInline
package struct StreamSlot: BitwiseCopyable, Sendable, Hashable {
    /// From 0, less than the greatest number of streams that were ever there at once.
    @usableFromInline package var index: UInt32

    @inlinable
    package init(index: UInt32) {
        self.index = index
    }
}

/// Consecutive events of one chunk, to leave in this turn.
///
/// A run of late events has exactly one event, so that `lateNs` is that event's own.
@frozen @usableFromInline
package struct MergeRun: BitwiseCopyable, Sendable, Equatable {
    @usableFromInline package var slot: StreamSlot
    @usableFromInline var firstIndex: UInt32
    @usableFromInline var eventCount: UInt32
    /// The chunk's tag, as given to `append`.
    @usableFromInline package var tag: UInt64
    /// How far the event is behind the feed, nanoseconds, > 0 (saturating); 0 for events in order.
    @usableFromInline package var lateNs: Int64

    /// Index in the chunk of the run's first event.
    @inlinable package var first: Int { Int(firstIndex) }
    /// Number of events, > 0; 1 where `lateNs` > 0.
    @inlinable package var count: Int { Int(eventCount) }

    /// - Parameters:
    ///   - first: 0..<2^32.
    ///   - count: 1..<2^32.
    @inlinable
    package init(slot: StreamSlot, tag: UInt64, first: Int, count: Int, lateNs: Int64 = 0) {
        self.slot = slot
        self.firstIndex = UInt32(first)
        self.eventCount = UInt32(count)
        self.tag = tag
        self.lateNs = lateNs
    }
}

/// A chunk whose memory the merge will not read again.
package struct ConsumedChunk: BitwiseCopyable, Sendable, Equatable {
    package var slot: StreamSlot
    /// As given to `append`.
    package var tag: UInt64
    /// How many of its events have not left and never will: > 0 only where `remove` took the stream away.
    package var droppedEvents: Int

    package init(slot: StreamSlot, tag: UInt64, droppedEvents: Int = 0) {
        self.slot = slot
        self.tag = tag
        self.droppedEvents = droppedEvents
    }
}

/// What one `release` did.
package struct MergeRelease: BitwiseCopyable, Sendable, Equatable {
    /// Events appended to the output, late ones among them.
    package var eventCount: Int
    package var lateCount: Int
    /// Whether all that may leave has left; false when `maxEvents` cut the release.
    package var isComplete: Bool
    /// How far the feed is published after these events: the watermark if the release is complete, else the one before.
    /// Nil: none yet. A frame made from this release carries this one.
    package var publishedNs: Int64?
}
