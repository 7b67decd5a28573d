extension ProgramMachine {
    /// Runs the program at `start` up to its end.
    ///
    /// Inlined into its few callers, so that each visitor has its own copy of the loop with its calls inlined.
    /// - Returns: whether it came to the end; if not, `error(contentBits:)` says why.
    @inlinable @inline(__always)
    mutating func run<V: FieldVisitor>(_ start: UInt32, _ visitor: inout V) -> Bool {
        var next = Int(start)
        while true {
            let step = tables.instructions[next]
            next &+= 1
            var fine = true
            switch step.opcode {
            case .end: return skip(step)
            case .align: fine = align(step)
            case .require: fine = has(step.operand)
            case .advance: positionBits &+= step.operand
            case .skip: fine = skip(step)
            case .requireElements: fine = elementsBits(step) != nil
            case .skipElements: fine = skipElements(step)

            case .load: fine = load(step)
            case .order: fine = checkOrder(step)
            case .updateClock: updateClock(lastValue, size: step.sizeBits)
            case .takeEventID: eventID = lastValue
            case .takeRole: takeRole(step)
            case .checkMagic: fine = checkMagic()
            case .checkUUID: fine = checkUUID(step)

            case .unsigned8: see(UInt64(number(UInt8.self, step)), step, &visitor)
            case .unsigned16: see(UInt64(number(UInt16.self, step)), step, &visitor)
            case .unsigned32: see(UInt64(number(UInt32.self, step)), step, &visitor)
            case .unsigned64: see(number(UInt64.self, step), step, &visitor)
            case .unsignedBits: see(integer(step), step, &visitor)
            case .signed8: see(Int64(number(Int8.self, step)), step, &visitor)
            case .signed16: see(Int64(number(Int16.self, step)), step, &visitor)
            case .signed32: see(Int64(number(Int32.self, step)), step, &visitor)
            case .signed64: see(number(Int64.self, step), step, &visitor)
            case .signedBits: see(Int64(bitPattern: integer(step)), step, &visitor)
            case .float32: seeFloat(step, &visitor)
            case .float64: seeDouble(step, &visitor)
            case .string: fine = seeString(step, &visitor)
            case .textArray: seeText(count: step.operand, step.field, &visitor)
            case .textSequence: fine = seeTextSequence(step, &visitor)

            case .beginScope: visitor.beginScope(FieldScope(index: step.operand))
            case .endScope: visitor.endScope(FieldScope(index: step.operand))
            case .beginStructure: visitor.beginStructure(step.field)
            case .endStructure: visitor.endStructure(step.field)
            case .beginArray: fine = beginElements(step.operand, step, &next, &visitor)
            case .beginSequence:
                fine = beginElements(slots[Int(truncatingIfNeeded: step.operand)], step, &next, &visitor)
            case .payElement: fine = payElement()
            case .endElement: endElement(step, &next)
            case .endArray: visitor.endArray(step.field)
            case .beginVariant: fine = beginVariant(step, &next, &visitor)
            case .endVariant: visitor.endVariant(step.field)
            case .jump: next = Int(step.target)
            }
            guard fine else { return false }
        }
    }

    /// Runs a program that nobody sees, out of line.
    @usableFromInline @inline(never)
    mutating func runUnseen(_ start: UInt32) -> Bool {
        var nobody = NoVisitor()
        return run(start, &nobody)
    }

    // MARK: moving

    @inlinable @inline(__always)
    mutating func align(_ step: Instruction) -> Bool {
        let aligned = (positionBits &+ step.operand) & ~step.operand
        guard aligned <= limitBits else {
            lack(aligned, .beyondContent)
            return false
        }
        positionBits = aligned
        return true
    }

    @inlinable @inline(__always)
    mutating func skip(_ step: Instruction) -> Bool {
        guard has(step.operand) else { return false }
        positionBits &+= step.operand
        return true
    }

    @inlinable @inline(__always)
    mutating func skipElements(_ step: Instruction) -> Bool {
        guard let bits = elementsBits(step) else { return false }
        positionBits &+= bits
        return true
    }

    // MARK: fields that nobody sees

    @inlinable @inline(__always)
    mutating func load(_ step: Instruction) -> Bool {
        guard has(step.operand &+ UInt64(step.sizeBits)) else { return false }
        positionBits &+= step.operand
        lastValue = integer(step)
        slots[Int(step.slot)] = lastValue
        positionBits &+= UInt64(step.sizeBits)
        return true
    }

    @inlinable @inline(__always)
    mutating func takeRole(_ step: Instruction) {
        // A timestamp counts as the clock that it has updated.
        slots[Int(step.slot)] = step.operand == 0 ? lastValue : clockCycles
        rolesRead |= 1 &<< step.slot
    }

    @inlinable @inline(__always)
    mutating func checkOrder(_ step: Instruction) -> Bool {
        let order: UInt8 = step.isBigEndian ? 1 : 0
        if positionBits & 7 != 0 && lastOrder != 2 && lastOrder != order {
            fail(.byteOrderChange)
            return false
        }
        lastOrder = order
        return true
    }

    @inlinable @inline(__always)
    mutating func checkMagic() -> Bool {
        if lastValue == 0xC1FC_1FC1 { return true }
        fail(.badMagic, value: lastValue)
        return false
    }

    @inlinable @inline(never)
    mutating func checkUUID(_ step: Instruction) -> Bool {
        guard has(128) else { return false }
        var words: (UInt64, UInt64) = (0, 0)
        for index in 0..<UInt64(16) {
            let byte = reader.bits(at: positionBits &+ index &* 8, size: 8, isBigEndian: step.isBigEndian)
            if index < 8 { words.0 = words.0 &<< 8 | byte } else { words.1 = words.1 &<< 8 | byte }
        }
        if let uuid = tables.uuid, uuid.high != words.0 || uuid.low != words.1 {
            fail(.uuidMismatch)
            return false
        }
        slots[Int(RoleSlot.uuidHigh)] = words.0
        slots[Int(RoleSlot.uuidLow)] = words.1
        rolesRead |= 1 &<< RoleSlot.uuidHigh
        positionBits &+= 128
        return true
    }

    // MARK: loops and choices

    @inlinable @inline(__always)
    mutating func beginElements<V: FieldVisitor>(
        _ count: UInt64,
        _ step: Instruction,
        _ next: inout Int,
        _ visitor: inout V
    ) -> Bool {
        guard admits(count, step) else { return false }
        visitor.beginArray(step.field, count: Int(truncatingIfNeeded: count))
        slots[Int(step.slot)] = count
        if count == 0 { next = Int(step.target) }
        return true
    }

    @inlinable @inline(__always)
    mutating func endElement(_ step: Instruction, _ next: inout Int) {
        // Loops are entered with at least one element.
        let left = slots[Int(step.slot)] &- 1
        slots[Int(step.slot)] = left
        if left != 0 { next = Int(step.target) }
    }

    @inlinable @inline(__always)
    mutating func payElement() -> Bool {
        guard emptyElementsLeft > 0 else {
            fail(.tooManyElements, value: ProgramLimits.emptyElementsMax)
            return false
        }
        emptyElementsLeft &-= 1
        return true
    }

    @inlinable @inline(__always)
    mutating func beginVariant<V: FieldVisitor>(_ step: Instruction, _ next: inout Int, _ visitor: inout V) -> Bool {
        guard let range = option(step) else { return false }
        visitor.beginVariant(step.field, option: Int(range.option))
        next = Int(range.target)
        return true
    }
}
