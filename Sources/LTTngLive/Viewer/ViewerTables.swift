/// A value that may leave its place in a table to another.
protocol Vacatable {
    var isVacant: Bool { get set }
}

/// Values that are found by a small number, whose places are used again.
struct SlotTable<Element: Vacatable> {
    private var slots: ContiguousArray<Element> = []
    private var vacant: [Int] = []

    /// Places, the vacant ones included.
    var indices: Range<Int> { slots.indices }
    /// Values held.
    var count: Int { slots.count - vacant.count }

    subscript(slot: Int) -> Element {
        get { slots[slot] }
        _modify { yield &slots[slot] }
    }

    mutating func insert(_ element: Element) -> Int {
        if let slot = vacant.popLast() {
            slots[slot] = element
            return slot
        }
        slots.append(element)
        return slots.count - 1
    }

    mutating func vacate(_ slot: Int) {
        precondition(!slots[slot].isVacant)
        slots[slot].isVacant = true
        vacant.append(slot)
    }
}

/// A session that is attached or on its way to or from that.
struct AttachedSession: Vacatable {
    enum State: BitwiseCopyable {
        /// ATTACH is wanted or sent. Next: attached, gone.
        case attaching
        /// Next: ending, gone.
        case attached
        /// The relay said that it is over; streams are read to their end. Next: gone.
        case ending
        /// Nothing of it is announced any more; replies may still come. Next: vacant.
        case gone
    }

    var id: LiveSessionID
    var position: SeekPosition
    var livePeriodNs: UInt64
    var state = State.attaching
    var isVacant = false
    /// Requests that name this slot and are not answered.
    var outstanding = 0
    /// Whether the answer to DETACH is to be announced.
    var announcesDetach = false
    /// Data streams that have not ended.
    var dataStreamCount = 0
    var endReason = SessionEnd.hungUp
    var drainDeadline: UInt64 = .max
    /// Lists in a row that did not hold it.
    var absentLists = 0
}

/// A trace id together with the slot of its session.
struct TraceKey: Hashable, BitwiseCopyable {
    var session: Int
    var trace: LiveTraceID
}

/// A CTF trace of an attached session: its metadata.
struct LiveTrace: Vacatable {
    var id: LiveTraceID
    var session: Int
    /// Slot of its metadata stream while that has not ended.
    var metadataStream: Int?
    var isVacant = false
    var dataStreamCount = 0
    var receivedBytes: UInt64 = 0
    /// The last index reply of the trace said that there is more.
    var isFlagged = false
    /// The caller cannot go on without more.
    var isNeeded = false
    /// GET_METADATA is to be sent, not before `askAt`.
    var isWanted = false
    var isOutstanding = false
    var askAt: UInt64 = 0
    /// Pause before the next attempt; 0 after success.
    var pauseNs: UInt64 = 0
    /// Attempts in a row that brought nothing.
    var vainAttempts: UInt32 = 0
    /// All data streams ended: asked only until the relay forgets the metadata stream.
    var isDraining = false
    /// Nothing of it is announced any more; a reply may still come.
    var isGone = false
}

/// A data or metadata stream.
struct ViewerStream: Vacatable {
    enum State: BitwiseCopyable {
        /// To be asked for its next index at `dueAt`. Next: asked, ended.
        case ready
        /// GET_NEXT_INDEX is sent. Next: ready, indexed, ended.
        case asked
        /// The caller has an index. Next: fetching, ready, ended.
        case indexed
        /// Bytes of the packet are asked for. Next: indexed, ready, ended.
        case fetching
        /// A metadata stream; asked through its trace. Next: ended.
        case metadata
        /// Nothing of it is announced any more; replies may still come. Next: vacant.
        case ended
    }

    var id: LiveStreamID
    var session: Int
    var trace: Int
    var state: State
    var isVacant = false
    var isSuspended = false
    /// In `Viewer.hotStreams`.
    var isHot = false
    /// Requests that name this slot and are not answered.
    var outstanding = 0

    // The current packet and what is being fetched of it, in bytes.
    var fileOffset: UInt64 = 0
    var contentBytes: UInt64 = 0
    var fetchNext: UInt64 = 0
    var fetchEnd: UInt64 = 0
    /// Bytes of the window that have not been received.
    var fetchMissing: UInt64 = 0
    var fetchFailed = false
    var fetchRetries: UInt32 = 0

    var poll = PollState()
}
