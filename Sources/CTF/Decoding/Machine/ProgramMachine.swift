/// Runs programs over a packet's bytes.
///
/// A program is a flat array of instructions; running one is a loop around a switch, without recursion: each array has
/// a slot that counts its elements down. What changes with every step is this struct. It is kept in a local variable
/// whose address nobody takes, so that the optimiser holds it in registers: nothing out of line is a mutating method
/// of it. What seldom changes lives in slots, in memory. A run that fails leaves in `failure`, `value` and
/// `neededBits` what happened.
///
/// Bounds: whatever the bytes and the metadata say, a run reads nothing past `limitBits`, and each instruction in a
/// loop either moves on by at least a bit or pays for an empty element, so the run ends.
@frozen @usableFromInline
struct ProgramMachine: BitwiseCopyable {
    @usableFromInline let instructions: UnsafePointer<Instruction>
    @usableFromInline let optionRanges: UnsafePointer<OptionRange>
    @usableFromInline let reader: BitReader
    /// `ProgramTables.slotCount` values: see `RunSlot`, then lengths, selectors and loop counters.
    @usableFromInline let slots: UnsafeMutablePointer<UInt64>
    /// Nothing at or after this is read, bits from the packet's start.
    @usableFromInline let limitBits: UInt64

    @usableFromInline var positionBits: UInt64
    @usableFromInline var clockCycles: UInt64
    @usableFromInline var failure = PacketError.Code.beyondContent
    @usableFromInline var value: UInt64 = 0
    /// Not 0 when the run failed for want of bits: where the field that did not fit would end.
    @usableFromInline var neededBits: UInt64 = 0

    @inlinable
    init(
        tables: ProgramTables,
        bytes: PacketBytes,
        slots: UnsafeMutablePointer<UInt64>,
        limitBits: UInt64,
        cursor: EventCursor
    ) {
        instructions = tables.instructions
        optionRanges = tables.optionRanges
        reader = BitReader(bytes)
        self.slots = slots
        self.limitBits = limitBits
        positionBits = cursor.positionBits
        clockCycles = cursor.clockCycles
    }

    /// The error that a failed run stands for.
    /// - Parameter contentBits: where the packet's content ends.
    @inlinable @inline(always)
    func error(contentBits: UInt64) -> PacketError {
        outcome(isDone: false).error(contentBits: contentBits)
    }

    @inlinable @inline(always)
    func outcome(isDone: Bool) -> RunOutcome {
        RunOutcome(
            positionBits: positionBits,
            clockCycles: clockCycles,
            neededBits: neededBits,
            value: value,
            failure: failure,
            isDone: isDone
        )
    }

    // MARK: checks

    /// Notes that a field would end at `neededBits`, past the limit.
    @inlinable @inline(always)
    mutating func lack(_ neededBits: UInt64, _ code: PacketError.Code, value: UInt64) -> Bool {
        self.neededBits = neededBits
        self.value = value
        failure = code
        return false
    }

    /// Notes that more bytes would not help.
    @inlinable @inline(always)
    mutating func fail(_ code: PacketError.Code, value: UInt64) -> Bool {
        self.value = value
        failure = code
        neededBits = 0
        return false
    }

    /// Whether `count` bits are left.
    @inlinable @inline(always)
    mutating func has(_ count: UInt64) -> Bool {
        // Positions are below 2^60 and counts at most 2^61: the sum fits.
        let end = positionBits &+ count
        return end <= limitBits || lack(end, .beyondContent, value: end)
    }

    /// Whether `count` elements of at least `bits` are left, of which the last is `lastShortBits` shorter.
    @inlinable @inline(always)
    mutating func hasElements(_ count: UInt64, bits: UInt64, lastShortBits: UInt64) -> Bool {
        let (total, overflow) = count.multipliedReportingOverflow(by: bits)
        guard !overflow, total <= 1 << 61 else { return fail(.tooManyElements, value: count) }
        // An empty array has no last element.
        let end = count == 0 ? positionBits : positionBits &+ total &- lastShortBits
        return end <= limitBits || lack(end, .tooManyElements, value: count)
    }

    /// Partial update of the clock (CTF 1.8, section 8): the low bits are given; if they went back, they wrapped once.
    @inlinable @inline(always)
    mutating func updateClock(_ bits: UInt64, size: UInt8) {
        clockCycles = clock(after: bits, size: size)
    }

    /// What the clock is after an update.
    @inlinable @inline(always)
    func clock(after bits: UInt64, size: UInt8) -> UInt64 {
        guard size < 64 else { return bits }
        let mask: UInt64 = (1 &<< UInt64(size)) &- 1
        let low = bits & mask
        let wraps = low < clockCycles & mask
        // A clock at the end of its 64 bits wraps, as its counter would.
        return ((clockCycles & ~mask) | low) &+ (wraps ? mask &+ 1 : 0)
    }

    /// The integer `operand` bits behind the position, sign-extended where it is signed.
    @inlinable @inline(always)
    func integer(_ step: UnsafePointer<Instruction>) -> UInt64 {
        let bits = reader.bits(
            at: positionBits &+ step.pointee.operand,
            size: step.pointee.sizeBits,
            isBigEndian: step.pointee.isBigEndian
        )
        return step.pointee.isSigned ? BitReader.extended(bits, size: step.pointee.sizeBits) : bits
    }
}

/// How a run ended: what callers need of the machine after it.
@frozen @usableFromInline
struct RunOutcome: BitwiseCopyable {
    @usableFromInline let positionBits: UInt64
    @usableFromInline let clockCycles: UInt64
    @usableFromInline let neededBits: UInt64
    @usableFromInline let value: UInt64
    @usableFromInline let failure: PacketError.Code
    @usableFromInline let isDone: Bool

    @inlinable @inline(always)
    init(
        positionBits: UInt64,
        clockCycles: UInt64,
        neededBits: UInt64,
        value: UInt64,
        failure: PacketError.Code,
        isDone: Bool
    ) {
        self.positionBits = positionBits
        self.clockCycles = clockCycles
        self.neededBits = neededBits
        self.value = value
        self.failure = failure
        self.isDone = isDone
    }

    /// The error that a failed run stands for.
    /// - Parameter contentBits: where the packet's content ends.
    @inlinable @inline(always)
    func error(contentBits: UInt64) -> PacketError {
        if neededBits != 0 && neededBits <= contentBits {
            return PacketError(.needsMoreBytes, atBits: positionBits, value: neededBits)
        }
        return PacketError(failure, atBits: positionBits, value: value)
    }
}
