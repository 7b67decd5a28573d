/// What an instruction does. "Checked" instructions test the limit themselves; others stand behind a `require`.
@frozen @usableFromInline
enum Opcode: UInt8, BitwiseCopyable, Sendable {
    /// Ends the program, after `operand` more bits (checked).
    case end

    // MARK: moving

    /// Moves up to the next multiple of `operand` + 1 bits (checked).
    case align
    /// Checks that `operand` bits are left.
    case require
    /// Moves by `operand` bits.
    case advance
    /// Moves by `operand` bits (checked).
    case skip
    /// Checks that `slots[slot]` elements of `operand` bits are left, of which the last is `target` bits shorter.
    case requireElements
    /// Moves over what `requireElements` checks (checked).
    case skipElements

    /// `load`, then moves over as many elements of `target` bits (checked).
    case loadAndSkipElements

    // MARK: fields that nobody sees

    /// Moves by `operand` bits, then reads an integer of `sizeBits` into `slots[slot]` (checked).
    case load
    /// As `load`, with the bits the other way round.
    case loadReversed
    /// Moves by `operand` bits, then reads an integer of variable length into `slots[slot]` (checked).
    case loadVariable
    /// `slots[operand]` takes the value of `slots[slot]`.
    case copySlot
    /// `slots[slot]` becomes 0: what may be left out of this element has been read in the one before.
    case clearSlot
    /// Refuses a byte order other than the last one within a byte, `operand` bits ahead.
    case order
    /// The clock takes the `sizeBits` of the integer in `slots[slot]`.
    case updateClock
    /// As `updateClock`, with as many bits as the integer of variable length before had.
    case updateClockVariable
    /// The integer in `slots[slot]` is the event class's id.
    case takeEventID
    /// The integer in `slots[slot]` belongs to role slot `operand`; for a packet's end, `sizeBits` says how long it is,
    /// or 0 that it is one of variable length.
    case takeRole
    /// The integer in `slots[slot]` must be the magic number.
    case checkMagic
    /// Reads eight bytes of a UUID into role slot `slot`; with `signed`, they must be `operand` (checked).
    case checkUUID

    // MARK: fields that a visitor sees; numbers are `operand` bits ahead, and do not move

    case unsigned8
    case unsigned16
    case unsigned32
    case unsigned64
    case unsignedBits
    case signed8
    case signed16
    case signed32
    case signed64
    case signedBits
    case float32
    case float64
    /// A number with the bits the other way round.
    case unsignedReversed
    case signedReversed
    /// A floating-point number of 16 bits, or, where `minimumBits` is 1, with the bits the other way round.
    case floatUnusual
    /// An integer of variable length, after `operand` more bits (checked).
    case seeVariable
    /// A string, after `operand` more bits (checked).
    case string
    /// As `string`, in code units of `sizeBits` bytes.
    case wideString
    /// A text of `operand` bytes, `target` bits ahead; does not move.
    case textArray
    /// A text of `slots[slot]` bytes; moves over it (checked).
    case textSequence
    /// As `textArray` and `textSequence`, in code units of `sizeBits` bytes.
    case wideTextArray
    case wideTextSequence
    /// As `textArray` and `textSequence`, for bytes that are no text.
    case blobArray
    case blobSequence

    // MARK: structure

    case beginScope
    case endScope
    case beginStructure
    case endStructure
    /// `operand` elements of at least `minimumBits`; counts down in `slots[slot]`; goes to `target` when there are
    /// none.
    case beginArray
    /// As `beginArray`, with `slots[operand]` elements.
    case beginSequence
    /// Pays for an element that may be empty.
    case payElement
    /// All elements of an array: `slots[slot]` numbers, `target` bits each; moves over them.
    case elements
    /// Moves by `operand` bits, then goes to `target` while `slots[slot]`, counted down, is not 0.
    case endElement
    case endArray
    /// Goes where the first of `operand` option ranges, from `target` on, that contains `slots[slot]` says.
    case beginVariant
    /// As `beginVariant`, with ranges that are in order and apart.
    case beginWideVariant
    case endVariant
    /// Goes on if one of as many ranges as the low half of `operand` says, from `target` on, contains `slots[slot]`;
    /// else goes where the high half says.
    case beginOptional
    case endOptional
    case jump

    /// Whether hardly any trace needs it but those of CTF 2.
    var isRare: Bool {
        switch self {
        case .loadReversed, .loadVariable, .copySlot, .clearSlot, .updateClockVariable, .unsignedReversed,
            .signedReversed, .floatUnusual, .seeVariable, .wideString, .wideTextArray, .wideTextSequence, .blobArray,
            .blobSequence, .beginOptional, .endOptional, .beginWideVariant:
            true
        default: false
        }
    }
}

/// One step of a program: trivial, so that a program is plain memory.
///
///     0      1     2        3   4     8      12      16       24
///     opcode flags sizeBits 0   slot  field  target  operand
///
/// `slot` 0 is a slot that nobody reads: a value without use goes there, so that storing needs no test.
@frozen @usableFromInline
struct Instruction: BitwiseCopyable, Sendable {
    @usableFromInline var opcode: Opcode
    @usableFromInline var flags: Flags
    @usableFromInline var sizeBits: UInt8
    /// The least bits that an element has, at most 255.
    @usableFromInline var minimumBits: UInt8
    @usableFromInline var slot: UInt32
    @usableFromInline var field: FieldID
    @usableFromInline var target: UInt32
    @usableFromInline var operand: UInt64

    @frozen @usableFromInline
    struct Flags: OptionSet, BitwiseCopyable, Sendable {
        @usableFromInline let rawValue: UInt8
        @inlinable init(rawValue: UInt8) { self.rawValue = rawValue }

        @inlinable static var bigEndian: Flags { Flags(rawValue: 1) }
        @inlinable static var signed: Flags { Flags(rawValue: 2) }
    }

    init(
        _ opcode: Opcode,
        flags: Flags = [],
        sizeBits: UInt8 = 0,
        minimumBits: UInt8 = 0,
        slot: UInt32 = 0,
        field: FieldID = FieldID(rawValue: 0),
        target: UInt32 = 0,
        operand: UInt64 = 0
    ) {
        self.opcode = opcode
        self.flags = flags
        self.sizeBits = sizeBits
        self.minimumBits = minimumBits
        self.slot = slot
        self.field = field
        self.target = target
        self.operand = operand
    }

    @inlinable
    var isBigEndian: Bool { flags.rawValue & 1 != 0 }

    @inlinable
    var isSigned: Bool { flags.rawValue & 2 != 0 }
}

/// Selectors that choose an option, and where its instructions begin.
@frozen @usableFromInline
struct OptionRange: BitwiseCopyable, Sendable {
    /// Bounds, inclusive, ordered as unsigned numbers: those of signed selectors have their sign bit turned over.
    @usableFromInline var lower: UInt64
    @usableFromInline var upper: UInt64
    @usableFromInline var option: UInt32
    @usableFromInline var target: UInt32

    /// More ranges than this are searched, not tried one after the other.
    static var fewMax: Int { 16 }

    /// Looks for a value among ranges that are in order and apart.
    /// - Returns: which one holds it; nil when none does.
    @usableFromInline @inline(never)
    static func find(_ key: UInt64, in ranges: UnsafeBufferPointer<OptionRange>) -> Int? {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = low + (high - low) / 2
            if ranges[middle].upper < key { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].lower <= key ? low : nil
    }
}
