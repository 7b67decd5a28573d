/// A compiled trace as plain memory: what the machine reads while it runs.
///
/// `TraceProgram` owns the memory and frees it; copies of this struct are valid as long as the program is.
@frozen @usableFromInline
struct ProgramTables: BitwiseCopyable {
    @usableFromInline let instructions: UnsafePointer<Instruction>
    @usableFromInline let optionRanges: UnsafePointer<OptionRange>
    /// For each stream class a table by id.
    @usableFromInline let denseEvents: UnsafePointer<EventEntry>
    /// Events whose ids a table would be too large for, sorted by id within each stream class.
    @usableFromInline let sparseEvents: UnsafePointer<SparseEvent>
    @usableFromInline let streams: UnsafeBufferPointer<StreamEntry>
    /// Where the packet header's program begins.
    @usableFromInline let packetHeaderStart: UInt32
    @usableFromInline let slotCount: Int
    /// The slots that `PacketPreamble.savedValues` holds: first and number; none where no event refers to the preamble.
    @usableFromInline let savedStart: Int
    @usableFromInline let savedCount: Int

    init(_ code: CompiledCode) {
        instructions = Self.memory(code.instructions)
        optionRanges = Self.memory(code.optionRanges)
        denseEvents = Self.memory(code.denseEvents)
        sparseEvents = Self.memory(code.sparseEvents)
        streams = UnsafeBufferPointer(start: Self.memory(code.streams), count: code.streams.count)
        packetHeaderStart = code.packetHeaderStart
        slotCount = code.slotCount
        savedStart = code.savedSlots.lowerBound
        savedCount = code.savedSlots.count
    }

    func deallocate() {
        instructions.deallocate()
        optionRanges.deallocate()
        denseEvents.deallocate()
        sparseEvents.deallocate()
        streams.deallocate()
    }

    private static func memory<T: BitwiseCopyable>(_ elements: ContiguousArray<T>) -> UnsafePointer<T> {
        let memory = UnsafeMutableBufferPointer<T>.allocate(capacity: max(elements.count, 1))
        let end = memory.initialize(fromContentsOf: elements)
        // There is room for one element at least, so there is an address.
        return UnsafePointer(memory.extracting(..<max(end, 1)).baseAddress.unsafelyUnwrapped)
    }

    /// The event class with this id.
    @inlinable @inline(always)
    func event(_ id: UInt64, in stream: StreamEntry) -> EventEntry {
        if id < UInt64(stream.denseCount) {
            return denseEvents[Int(stream.denseStart) &+ Int(truncatingIfNeeded: id)]
        }
        guard stream.sparseCount > 0 else { return EventEntry() }
        return Self.sparseEvent(
            id,
            in: UnsafeBufferPointer(start: sparseEvents + Int(stream.sparseStart), count: Int(stream.sparseCount))
        )
    }

    @usableFromInline @inline(never)
    static func sparseEvent(_ id: UInt64, in events: UnsafeBufferPointer<SparseEvent>) -> EventEntry {
        var low = 0
        var high = events.count
        while low < high {
            let middle = low + (high - low) / 2
            let event = events[middle]
            if event.id == id { return event.entry }
            if event.id < id { low = middle + 1 } else { high = middle }
        }
        return EventEntry()
    }
}

/// The header of a stream class's events.
@frozen @usableFromInline
enum HeaderShape: UInt8, BitwiseCopyable, Sendable {
    /// Whatever its program says.
    case generic
    /// LTTng's compact one: 5 bits of id, 27 of time; with id 31, 32 bits of id and 64 of time at the next bytes.
    case compact
    /// LTTng's large one: 16 bits of id, 32 of time; with id 65535, 32 bits of id and 64 of time at the next bytes.
    case large
}

/// A stream class of a program.
@frozen @usableFromInline
struct StreamEntry: BitwiseCopyable, Sendable {
    @usableFromInline var id: UInt64
    /// Where its packet context's program begins: unseen, and for visitors.
    @usableFromInline var contextStart: UInt32 = 0
    @usableFromInline var contextVisitStart: UInt32 = 0
    @usableFromInline var headerStart: UInt32 = 0
    @usableFromInline var headerShape = HeaderShape.generic
    @usableFromInline var headerIsBigEndian = false
    /// Whether an event could find in its slots what the one before has left: then they are cleared before each event.
    @usableFromInline var clearsSlots = false
    @usableFromInline var hasClock = false
    /// Whether programs of its events have steps that only the careful loops know.
    @usableFromInline var isCareful = false
    @usableFromInline var clock: ClockConversion
    @usableFromInline var denseStart: UInt32 = 0
    @usableFromInline var denseCount: UInt32 = 0
    @usableFromInline var sparseStart: UInt32 = 0
    @usableFromInline var sparseCount: UInt32 = 0

    init(id: UInt64, clock: ClockConversion) {
        self.id = id
        self.clock = clock
    }
}

/// An event class of a program.
@frozen @usableFromInline
struct EventEntry: BitwiseCopyable, Sendable {
    /// Index in `TraceProgram.events`; `.max` for an id that no class has.
    @usableFromInline var index: UInt32 = .max
    /// Where its programs begin.
    @usableFromInline var scanStart: UInt32 = 0
    @usableFromInline var visitStart: UInt32 = 0

    @inlinable init() {}

    @inlinable
    var isKnown: Bool { index != .max }
}

/// An event class whose id is too large for a table.
@frozen @usableFromInline
struct SparseEvent: BitwiseCopyable, Sendable {
    @usableFromInline var id: UInt64
    @usableFromInline var entry: EventEntry
}

/// What the compiler makes, before it becomes plain memory.
struct CompiledCode {
    var instructions: ContiguousArray<Instruction> = []
    var optionRanges: ContiguousArray<OptionRange> = []
    var streams: ContiguousArray<StreamEntry> = []
    var denseEvents: ContiguousArray<EventEntry> = []
    var sparseEvents: ContiguousArray<SparseEvent> = []
    var packetHeaderStart: UInt32 = 0
    var slotCount = 0
    var savedSlots = 0..<0
}

/// Slots with a fixed meaning. Those that lengths, selectors and loops use come after them.
@usableFromInline
enum RunSlot {
    /// Written, never read but by the next instruction.
    @inlinable static var scratch: Int { 0 }
    // What the preamble's fields say, by role.
    @inlinable static var streamClassID: Int { 1 }
    @inlinable static var streamInstanceID: Int { 2 }
    @inlinable static var totalBits: Int { 3 }
    @inlinable static var contentBits: Int { 4 }
    @inlinable static var timestampBegin: Int { 5 }
    @inlinable static var timestampEnd: Int { 6 }
    @inlinable static var sequenceNumber: Int { 7 }
    @inlinable static var discardedEvents: Int { 8 }
    @inlinable static var cpuID: Int { 9 }
    @inlinable static var uuidHigh: Int { 10 }
    @inlinable static var uuidLow: Int { 11 }
    /// Bit n: slot n of the above has been written.
    @inlinable static var rolesRead: Int { 12 }
    /// The event class's id, from headers that are read by their program.
    @inlinable static var eventID: Int { 13 }
    /// How many bits the field of `timestampEnd` has. In the preamble's run alone, which reads no event.
    @inlinable static var timestampEndBits: Int { eventID }
    /// The byte order of the last field that needs to know: 0 none, 1 little, 2 big.
    @inlinable static var lastOrder: Int { 14 }
    /// Elements that may be empty, paid for so far.
    @inlinable static var emptyElements: Int { 15 }
    /// Seven bits for each byte of the last integer of variable length.
    @inlinable static var variableBits: Int { 16 }
    /// Where the event begins, where elements that may be empty are paid for; bits from the packet's start.
    @inlinable static var eventStart: Int { 17 }
    static var count: Int { 18 }
}
