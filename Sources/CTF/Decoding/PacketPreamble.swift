/// What a packet's header and context say (CTF 1.8, section 5).
@usableFromInline
package struct PacketPreamble: Sendable, Equatable {
    package var traceUUID: TraceUUID?
    package var streamClassID: UInt64
    package var streamInstanceID: UInt64?
    /// The packet's size with padding (`packet_size`), in bits; a multiple of 8.
    package var totalBits: UInt64?
    /// Where the packet's content ends (`content_size`), bits from the packet's start.
    @usableFromInline package var contentBits: UInt64?
    package var timestampBeginCycles: UInt64?
    /// When the packet ends. Where its field has less than 64 bits, the first such time that is not before the clock
    /// after the preamble: the packet may be longer than what the field can tell.
    package var timestampEndCycles: UInt64?
    /// How many bits of `timestampEndCycles` the packet gives: 1 ... 64.
    package var timestampEndBits: UInt8
    package var sequenceNumber: UInt64?
    /// The tracer's counter of discarded events at the packet's end; wraps at the size of its field.
    package var discardedEvents: UInt64?
    /// The member `cpu_id` of the packet context.
    package var cpuID: UInt64?
    /// Where the header and context end and the first event begins, bits from the packet's start.
    package var firstEventBits: UInt64
    /// The clock's value after the preamble, cycles.
    package var clockCycles: UInt64
    /// Which stream class of the program that read the preamble.
    @usableFromInline package var streamIndex: Int
    /// Values of the header and context that lengths and selectors of events refer to; empty for LTTng.
    @usableFromInline package var savedValues: [UInt64]

    package init(
        traceUUID: TraceUUID? = nil,
        streamClassID: UInt64 = 0,
        streamInstanceID: UInt64? = nil,
        totalBits: UInt64? = nil,
        contentBits: UInt64? = nil,
        timestampBeginCycles: UInt64? = nil,
        timestampEndCycles: UInt64? = nil,
        timestampEndBits: UInt8 = 64,
        sequenceNumber: UInt64? = nil,
        discardedEvents: UInt64? = nil,
        cpuID: UInt64? = nil,
        firstEventBits: UInt64 = 0,
        clockCycles: UInt64 = 0,
        streamIndex: Int = 0,
        savedValues: [UInt64] = []
    ) {
        self.traceUUID = traceUUID
        self.streamClassID = streamClassID
        self.streamInstanceID = streamInstanceID
        self.totalBits = totalBits
        self.contentBits = contentBits
        self.timestampBeginCycles = timestampBeginCycles
        self.timestampEndCycles = timestampEndCycles
        self.timestampEndBits = timestampEndBits
        self.sequenceNumber = sequenceNumber
        self.discardedEvents = discardedEvents
        self.cpuID = cpuID
        self.firstEventBits = firstEventBits
        self.clockCycles = clockCycles
        self.streamIndex = streamIndex
        self.savedValues = savedValues
    }

    /// The packet's end where its bits alone tell it; nil where it may be later by turns of a shorter counter.
    package var certainEndCycles: UInt64? { timestampEndBits == 64 ? timestampEndCycles : nil }

    /// Whether the packet may end at a time that another source gives, as far as its own field tells.
    package func mayEnd(atCycles cycles: UInt64) -> Bool {
        guard let timestampEndCycles else { return true }
        return (timestampEndCycles ^ cycles) << UInt64(64 - timestampEndBits) == 0
    }

    /// A cursor that stands before the packet's first event.
    package var firstEvent: EventCursor {
        EventCursor(positionBits: firstEventBits, clockCycles: clockCycles)
    }
}
