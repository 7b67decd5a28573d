/// Steps that show nothing to the visitor but where arrays and variants begin.
extension ProgramMachine {
    // MARK: moving

    @inlinable @inline(always)
    mutating func align(_ step: UnsafePointer<Instruction>) -> Bool {
        let aligned = (positionBits &+ step.pointee.operand) & ~step.pointee.operand
        guard aligned <= limitBits else { return lack(aligned, .beyondContent, value: aligned) }
        positionBits = aligned
        return true
    }

    @inlinable @inline(always)
    mutating func skip(_ step: UnsafePointer<Instruction>) -> Bool {
        guard has(step.pointee.operand) else { return false }
        positionBits &+= step.pointee.operand
        return true
    }

    @inlinable @inline(always)
    mutating func requireElements(_ step: UnsafePointer<Instruction>) -> Bool {
        hasElements(
            slots[Int(step.pointee.slot)],
            bits: step.pointee.operand,
            lastShortBits: UInt64(step.pointee.target)
        )
    }

    @inlinable @inline(always)
    mutating func skipElements(_ step: UnsafePointer<Instruction>) -> Bool {
        guard requireElements(step) else { return false }
        let count = slots[Int(step.pointee.slot)]
        // What has been checked to lie before the limit does not overflow.
        if count > 0 { positionBits &+= count &* step.pointee.operand &- UInt64(step.pointee.target) }
        return true
    }

    @inlinable @inline(always)
    mutating func loadAndSkipElements(_ step: UnsafePointer<Instruction>) -> Bool {
        guard load(step) else { return false }
        let count = slots[Int(step.pointee.slot)]
        guard hasElements(count, bits: UInt64(step.pointee.target), lastShortBits: 0) else { return false }
        positionBits &+= count &* UInt64(step.pointee.target)
        return true
    }

    // MARK: fields that nobody sees

    @inlinable @inline(always)
    mutating func load(_ step: UnsafePointer<Instruction>) -> Bool {
        guard has(step.pointee.operand &+ UInt64(step.pointee.sizeBits)) else { return false }
        slots[Int(step.pointee.slot)] = integer(step)
        positionBits &+= step.pointee.operand &+ UInt64(step.pointee.sizeBits)
        return true
    }

    @inlinable @inline(always)
    mutating func takeRole(_ step: UnsafePointer<Instruction>) {
        // A timestamp counts as the clock that it has updated.
        let role = Int(truncatingIfNeeded: step.pointee.operand)
        slots[role] = role == RunSlot.timestampBegin ? clockCycles : slots[Int(step.pointee.slot)]
        slots[RunSlot.rolesRead] |= 1 &<< step.pointee.operand
        if role == RunSlot.timestampEnd { slots[RunSlot.timestampEndBits] = sizeBits(step) }
    }

    /// How many bits the integer had that the step takes; the step itself does not say it of one of variable length.
    @inlinable @inline(always)
    func sizeBits(_ step: UnsafePointer<Instruction>) -> UInt64 {
        step.pointee.sizeBits == 0 ? slots[RunSlot.variableBits] : UInt64(step.pointee.sizeBits)
    }

    @inlinable @inline(always)
    mutating func checkOrder(_ step: UnsafePointer<Instruction>) -> Bool {
        let order: UInt64 = step.pointee.isBigEndian ? 2 : 1
        let lastOrder = slots[RunSlot.lastOrder]
        if (positionBits &+ step.pointee.operand) & 7 != 0 && lastOrder != 0 && lastOrder != order {
            positionBits &+= step.pointee.operand
            return fail(.byteOrderChange, value: 0)
        }
        slots[RunSlot.lastOrder] = order
        return true
    }

    @inlinable @inline(always)
    mutating func checkMagic(_ step: UnsafePointer<Instruction>) -> Bool {
        let magic = slots[Int(step.pointee.slot)]
        guard magic == 0xC1FC_1FC1 else {
            // It is the first thing in a packet.
            positionBits = 0
            return fail(.badMagic, value: magic)
        }
        return true
    }

    /// Reads half of the UUID. `isSigned`: it must be `operand`.
    @inlinable @inline(always)
    mutating func checkUUID(_ step: UnsafePointer<Instruction>) -> Bool {
        guard has(64) else { return false }
        let half = reader.eightBytes(at: positionBits, isBigEndian: step.pointee.isBigEndian)
        guard !step.pointee.isSigned || half == step.pointee.operand else { return fail(.uuidMismatch, value: half) }
        slots[Int(step.pointee.slot)] = half
        slots[RunSlot.rolesRead] |= 1 &<< UInt64(step.pointee.slot)
        positionBits &+= 64
        return true
    }

    // MARK: loops and choices

    /// Begins an array, unless it is too long to fit, so that no visitor prepares for one that cannot come.
    @inlinable @inline(always)
    mutating func beginElements<V: FieldVisitor>(
        _ step: UnsafePointer<Instruction>,
        _ next: inout UnsafePointer<Instruction>,
        _ visitor: inout V
    ) -> Bool {
        let count =
            step.pointee.opcode == .beginArray
            ? step.pointee.operand : slots[Int(truncatingIfNeeded: step.pointee.operand)]
        if step.pointee.minimumBits == 0 {
            guard count <= ProgramLimits.emptyElementsMax else { return fail(.tooManyElements, value: count) }
        } else {
            guard hasElements(count, bits: UInt64(step.pointee.minimumBits), lastShortBits: 0) else { return false }
        }
        visitor.beginArray(step.pointee.field, count: Int(truncatingIfNeeded: count))
        slots[Int(step.pointee.slot)] = count
        if count == 0 { next = instructions + Int(step.pointee.target) }
        return true
    }

    @inlinable @inline(always)
    mutating func endElement(_ step: UnsafePointer<Instruction>, _ next: inout UnsafePointer<Instruction>) {
        // Loops are entered with at least one element.
        let left = slots[Int(step.pointee.slot)] &- 1
        slots[Int(step.pointee.slot)] = left
        positionBits &+= step.pointee.operand
        if left != 0 { next = instructions + Int(step.pointee.target) }
    }

    @inlinable @inline(always)
    mutating func payElement() -> Bool {
        let paid = slots[RunSlot.emptyElements]
        // Less than 2^64: positions are below 2^60.
        let allowed =
            ProgramLimits.emptyElementsFree
            &+ (positionBits &- slots[RunSlot.eventStart]) &* ProgramLimits.emptyElementsPerBit
        guard paid < allowed else { return fail(.tooManyElements, value: paid) }
        slots[RunSlot.emptyElements] = paid &+ 1
        return true
    }

    /// Goes where the option range that holds the selector says.
    @inlinable @inline(always)
    mutating func beginVariant<V: FieldVisitor>(
        _ step: UnsafePointer<Instruction>,
        _ next: inout UnsafePointer<Instruction>,
        _ visitor: inout V
    ) -> Bool {
        let selector = slots[Int(step.pointee.slot)]
        let key = step.pointee.isSigned ? selector ^ (1 << 63) : selector
        var index = Int(step.pointee.target)
        let end = index &+ Int(truncatingIfNeeded: step.pointee.operand)
        while index < end {
            let range = optionRanges[index]
            if range.lower <= key && key <= range.upper {
                visitor.beginVariant(step.pointee.field, option: Int(range.option))
                next = instructions + Int(range.target)
                return true
            }
            index &+= 1
        }
        return fail(.selectorWithoutOption, value: selector)
    }
}
