/// Runs programs over a packet's bytes.
///
/// A program is a flat array of instructions; running one is a loop around a switch, without recursion: each array has a
/// slot that counts its elements down. The machine's whole state is this struct, kept in a local variable, so that the
/// optimiser holds it in registers. A run that fails leaves in `failure`, `value` and `neededBits` what happened.
///
/// Bounds: whatever the bytes and the metadata say, a run reads nothing past `limitBits`, and each instruction in a loop
/// either moves on by at least a bit or pays from `emptyElementsLeft`, so the run ends.
@frozen @usableFromInline
struct ProgramMachine: BitwiseCopyable {
    @usableFromInline let tables: ProgramTables
    @usableFromInline let reader: BitReader
    /// `tables.slotCount` values; lengths, selectors and loop counters.
    @usableFromInline let slots: UnsafeMutablePointer<UInt64>
    /// Nothing at or after this is read, bits from the packet's start.
    @usableFromInline let limitBits: UInt64

    @usableFromInline var positionBits: UInt64
    @usableFromInline var clockCycles: UInt64
    @usableFromInline var eventID: UInt64 = 0
    /// The integer read last by `load`.
    @usableFromInline var lastValue: UInt64 = 0
    /// Bit n: a field has been read for role slot n.
    @usableFromInline var rolesRead: UInt32 = 0
    /// The byte order of the last field that needs to know: 0 little, 1 big, 2 none.
    @usableFromInline var lastOrder: UInt8 = 2
    @usableFromInline var emptyElementsLeft = ProgramLimits.emptyElementsMax

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
        self.tables = tables
        reader = BitReader(bytes)
        self.slots = slots
        self.limitBits = limitBits
        positionBits = cursor.positionBits
        clockCycles = cursor.clockCycles
    }

    // MARK: small steps

    /// Whether `count` bits are left. A failure is remembered as `code`.
    @inlinable @inline(__always)
    mutating func has(_ count: UInt64, or code: PacketError.Code = .beyondContent) -> Bool {
        // Positions are below 2^60 and counts at most 2^61: the sum fits.
        if positionBits &+ count <= limitBits { return true }
        lack(positionBits &+ count, code)
        return false
    }

    @inlinable @inline(never)
    mutating func lack(_ neededBits: UInt64, _ code: PacketError.Code) {
        self.neededBits = neededBits
        failure = code
        value = neededBits
    }

    @inlinable @inline(never)
    mutating func fail(_ code: PacketError.Code, value: UInt64 = 0) {
        failure = code
        self.value = value
        neededBits = 0
    }

    /// An integer at the position, sign-extended where it is signed; does not move.
    @inlinable @inline(__always)
    func integer(_ instruction: Instruction) -> UInt64 {
        let bits = reader.bits(
            at: positionBits,
            size: instruction.sizeBits,
            isBigEndian: instruction.isBigEndian
        )
        return instruction.isSigned ? BitReader.extended(bits, size: instruction.sizeBits) : bits
    }

    /// How many bits `count` elements take, of which the last is `pad` bits shorter; nil where no packet is that long.
    @inlinable @inline(__always)
    mutating func elementsBits(_ instruction: Instruction) -> UInt64? {
        let count = slots[Int(instruction.slot)]
        guard count > 0 else { return 0 }
        let (bits, overflow) = count.multipliedReportingOverflow(by: instruction.operand)
        guard !overflow, bits <= 1 << 61 else {
            fail(.tooManyElements, value: count)
            return nil
        }
        let size = bits &- UInt64(instruction.target)
        guard positionBits &+ size <= limitBits else {
            lack(positionBits &+ size, .tooManyElements)
            value = count
            return nil
        }
        return size
    }

    /// Whether an array of `count` elements can fit at all, so that nobody prepares for one that cannot.
    @inlinable @inline(__always)
    mutating func admits(_ count: UInt64, _ instruction: Instruction) -> Bool {
        let minimumBits = UInt64(instruction.minimumBits)
        if minimumBits == 0 {
            if count <= emptyElementsLeft { return true }
            fail(.tooManyElements, value: count)
            return false
        }
        let (bits, overflow) = count.multipliedReportingOverflow(by: minimumBits)
        guard !overflow, bits <= 1 << 61 else {
            fail(.tooManyElements, value: count)
            return false
        }
        guard positionBits &+ bits <= limitBits else {
            lack(positionBits &+ bits, .tooManyElements)
            value = count
            return false
        }
        return true
    }

    /// Partial update of the clock (CTF 1.8, section 8): the low bits are given; if they went back, they wrapped once.
    @inlinable @inline(__always)
    mutating func updateClock(_ bits: UInt64, size: UInt8) {
        guard size < 64 else {
            clockCycles = bits
            return
        }
        let mask: UInt64 = (1 &<< UInt64(size)) &- 1
        let low = bits & mask
        let wraps = low < clockCycles & mask
        // A clock at the end of its 64 bits wraps, as its counter would.
        clockCycles = ((clockCycles & ~mask) | low) &+ (wraps ? mask &+ 1 : 0)
    }

    /// Where a variant goes on: the option range that holds the selector.
    @inlinable @inline(__always)
    mutating func option(_ instruction: Instruction) -> OptionRange? {
        let selector = slots[Int(instruction.slot)]
        let key = instruction.isSigned ? selector ^ (1 << 63) : selector
        var index = Int(instruction.target)
        let end = index &+ Int(truncatingIfNeeded: instruction.operand)
        while index < end {
            let range = tables.optionRanges[index]
            if range.lower <= key && key <= range.upper { return range }
            index &+= 1
        }
        fail(.selectorWithoutOption, value: selector)
        return nil
    }

    /// The error that a failed run stands for.
    /// - Parameter contentBits: where the packet's content ends.
    @usableFromInline
    func error(contentBits: UInt64) -> PacketError {
        if neededBits != 0 && neededBits <= contentBits {
            return PacketError(.needsMoreBytes, atBits: positionBits, value: neededBits)
        }
        return PacketError(failure, atBits: positionBits, value: value)
    }
}
