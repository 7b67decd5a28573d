/// Steps that show nothing to the visitor but where arrays and variants begin.
extension ProgramMachine {
    // MARK: moving

    @inlinable @inline(always)
    mutating func align(_ step: Instruction) -> Bool {
        let aligned = (positionBits &+ step.operand) & ~step.operand
        guard aligned <= limitBits else { return lack(aligned, .beyondContent, value: aligned) }
        positionBits = aligned
        return true
    }

    @inlinable @inline(always)
    mutating func skip(_ step: Instruction) -> Bool {
        guard has(step.operand) else { return false }
        positionBits &+= step.operand
        return true
    }

    @inlinable @inline(always)
    mutating func requireElements(_ step: Instruction) -> Bool {
        hasElements(slots[Int(step.slot)], bits: step.operand, lastShortBits: UInt64(step.target))
    }

    @inlinable @inline(always)
    mutating func skipElements(_ step: Instruction) -> Bool {
        guard requireElements(step) else { return false }
        let count = slots[Int(step.slot)]
        // What has been checked to lie before the limit does not overflow.
        if count > 0 { positionBits &+= count &* step.operand &- UInt64(step.target) }
        return true
    }

    @inlinable @inline(always)
    mutating func loadAndSkipElements(_ step: Instruction) -> Bool {
        guard load(step) else { return false }
        let count = slots[Int(step.slot)]
        guard hasElements(count, bits: UInt64(step.target), lastShortBits: 0) else { return false }
        positionBits &+= count &* UInt64(step.target)
        return true
    }

    // MARK: fields that nobody sees

    @inlinable @inline(always)
    mutating func load(_ step: Instruction) -> Bool {
        guard has(step.operand &+ UInt64(step.sizeBits)) else { return false }
        slots[Int(step.slot)] = integer(step)
        positionBits &+= step.operand &+ UInt64(step.sizeBits)
        return true
    }

    @inlinable @inline(always)
    mutating func takeRole(_ step: Instruction) {
        // A timestamp counts as the clock that it has updated.
        let role = Int(truncatingIfNeeded: step.operand)
        slots[role] = role == RunSlot.timestampBegin ? clockCycles : slots[Int(step.slot)]
        slots[RunSlot.rolesRead] |= 1 &<< step.operand
    }

    @inlinable @inline(always)
    mutating func checkOrder(_ step: Instruction) -> Bool {
        let order: UInt64 = step.isBigEndian ? 2 : 1
        let lastOrder = slots[RunSlot.lastOrder]
        if (positionBits &+ step.operand) & 7 != 0 && lastOrder != 0 && lastOrder != order {
            return fail(.byteOrderChange, value: 0)
        }
        slots[RunSlot.lastOrder] = order
        return true
    }

    @inlinable @inline(always)
    mutating func checkMagic(_ step: Instruction) -> Bool {
        let magic = slots[Int(step.slot)]
        return magic == 0xC1FC_1FC1 || fail(.badMagic, value: magic)
    }

    /// Reads half of the UUID. `isSigned`: it must be `operand`.
    @inlinable @inline(always)
    mutating func checkUUID(_ step: Instruction) -> Bool {
        guard has(64) else { return false }
        let half = reader.eightBytes(at: positionBits, isBigEndian: step.isBigEndian)
        guard !step.isSigned || half == step.operand else { return fail(.uuidMismatch, value: half) }
        slots[Int(step.slot)] = half
        slots[RunSlot.rolesRead] |= 1 &<< UInt64(step.slot)
        positionBits &+= 64
        return true
    }

    // MARK: loops and choices

    /// Begins an array, unless it is too long to fit, so that no visitor prepares for one that cannot come.
    @inlinable @inline(always)
    mutating func beginElements<V: FieldVisitor>(
        _ step: Instruction,
        _ next: inout Int,
        _ visitor: inout V
    ) -> Bool {
        let count = step.opcode == .beginArray ? step.operand : slots[Int(truncatingIfNeeded: step.operand)]
        if step.minimumBits == 0 {
            guard count <= ProgramLimits.emptyElementsMax &- slots[RunSlot.emptyElements] else {
                return fail(.tooManyElements, value: count)
            }
        } else {
            guard hasElements(count, bits: UInt64(step.minimumBits), lastShortBits: 0) else { return false }
        }
        visitor.beginArray(step.field, count: Int(truncatingIfNeeded: count))
        slots[Int(step.slot)] = count
        if count == 0 { next = Int(step.target) }
        return true
    }

    @inlinable @inline(always)
    mutating func endElement(_ step: Instruction, _ next: inout Int) {
        // Loops are entered with at least one element.
        let left = slots[Int(step.slot)] &- 1
        slots[Int(step.slot)] = left
        positionBits &+= step.operand
        if left != 0 { next = Int(step.target) }
    }

    @inlinable @inline(always)
    mutating func payElement() -> Bool {
        let paid = slots[RunSlot.emptyElements]
        guard paid < ProgramLimits.emptyElementsMax else { return fail(.tooManyElements, value: paid) }
        slots[RunSlot.emptyElements] = paid &+ 1
        return true
    }

    /// Goes where the option range that holds the selector says.
    @inlinable @inline(always)
    mutating func beginVariant<V: FieldVisitor>(_ step: Instruction, _ next: inout Int, _ visitor: inout V) -> Bool {
        let selector = slots[Int(step.slot)]
        let key = step.isSigned ? selector ^ (1 << 63) : selector
        var index = Int(step.target)
        let end = index &+ Int(truncatingIfNeeded: step.operand)
        while index < end {
            let range = optionRanges[index]
            if range.lower <= key && key <= range.upper {
                visitor.beginVariant(step.field, option: Int(range.option))
                next = Int(range.target)
                return true
            }
            index &+= 1
        }
        return fail(.selectorWithoutOption, value: selector)
    }
}
