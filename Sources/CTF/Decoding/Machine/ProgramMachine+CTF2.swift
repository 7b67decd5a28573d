/// Rare steps, most of which only CTF 2 needs. Programs without them run in loops that do not know them.
extension ProgramMachine {
    @inlinable @inline(always)
    mutating func rare<V: FieldVisitor>(
        _ step: UnsafePointer<Instruction>,
        _ next: inout UnsafePointer<Instruction>,
        _ visitor: inout V
    ) -> Bool {
        switch step.pointee.opcode {
        case .loadReversed: return loadReversed(step)
        case .loadVariable: return loadVariable(step)
        case .seeVariable: return seeVariable(step, &visitor)
        case .wideString: return seeWideString(step, &visitor)
        case .wideTextSequence: return seeWideTextSequence(step, &visitor)
        case .blobSequence: return seeBlobSequence(step, &visitor)
        case .beginWideVariant: return beginWideVariant(step, &next, &visitor)
        case .copySlot: copySlot(step)
        case .clearSlot: slots[Int(step.pointee.slot)] = 0
        case .updateClockVariable: updateClockVariable(step)
        case .unsignedReversed: see(reversedInteger(step), step, &visitor)
        case .signedReversed: see(Int64(bitPattern: reversedInteger(step)), step, &visitor)
        case .floatUnusual: seeUnusualFloat(step, &visitor)
        case .wideTextArray: seeWideTextArray(step, &visitor)
        case .blobArray: seeBlobArray(step, &visitor)
        case .beginOptional: beginOptional(step, &next, &visitor)
        case .endOptional: visitor.endOptional(step.pointee.field)
        default: return false
        }
        return true
    }

    // MARK: bits the other way round

    @inlinable @inline(always)
    func reversedInteger(_ step: UnsafePointer<Instruction>) -> UInt64 {
        reader.reversedBits(
            at: positionBits &+ step.pointee.operand,
            size: step.pointee.sizeBits,
            isBigEndian: step.pointee.isBigEndian,
            isSigned: step.pointee.isSigned
        )
    }

    @inlinable @inline(always)
    mutating func loadReversed(_ step: UnsafePointer<Instruction>) -> Bool {
        guard has(step.pointee.operand &+ UInt64(step.pointee.sizeBits)) else { return false }
        slots[Int(step.pointee.slot)] = reversedInteger(step)
        positionBits &+= step.pointee.operand &+ UInt64(step.pointee.sizeBits)
        return true
    }

    @inlinable @inline(always)
    func seeUnusualFloat<V: FieldVisitor>(_ step: UnsafePointer<Instruction>, _ visitor: inout V) {
        let bits = step.pointee.minimumBits == 1 ? reversedInteger(step) : integer(step)
        switch step.pointee.sizeBits {
        case 16: visitor.float(BitReader.float16(bits), step.pointee.field)
        case 32: visitor.float(Float(bitPattern: UInt32(truncatingIfNeeded: bits)), step.pointee.field)
        default: visitor.double(Double(bitPattern: bits), step.pointee.field)
        }
    }

    // MARK: variable length

    @inlinable @inline(always)
    mutating func loadVariable(_ step: UnsafePointer<Instruction>) -> Bool {
        guard has(step.pointee.operand) else { return false }
        positionBits &+= step.pointee.operand
        let read = reader.variableInteger(at: positionBits, limitBits: limitBits, isSigned: step.pointee.isSigned)
        guard read.count != 0 else {
            positionBits = read.endBits
            return read.isTooLong
                ? fail(.oversizedInteger, value: 0) : lack(read.endBits &+ 8, .beyondContent, value: read.endBits &+ 8)
        }
        slots[Int(step.pointee.slot)] = read.value
        slots[RunSlot.variableBits] = read.count &* 7
        positionBits = read.endBits
        return true
    }

    @inlinable @inline(always)
    mutating func seeVariable<V: FieldVisitor>(_ step: UnsafePointer<Instruction>, _ visitor: inout V) -> Bool {
        guard loadVariable(step) else { return false }
        let value = slots[Int(step.pointee.slot)]
        if step.pointee.isSigned {
            visitor.signed(Int64(bitPattern: value), step.pointee.field)
        } else {
            visitor.unsigned(value, step.pointee.field)
        }
        return true
    }

    @inlinable @inline(always)
    mutating func updateClockVariable(_ step: UnsafePointer<Instruction>) {
        updateClock(slots[Int(step.pointee.slot)], size: UInt8(truncatingIfNeeded: slots[RunSlot.variableBits]))
    }

    @inlinable @inline(always)
    func copySlot(_ step: UnsafePointer<Instruction>) {
        slots[Int(truncatingIfNeeded: step.pointee.operand)] = slots[Int(step.pointee.slot)]
    }

    // MARK: wide texts and blobs

    @inlinable @inline(always)
    mutating func seeWideString<V: FieldVisitor>(_ step: UnsafePointer<Instruction>, _ visitor: inout V) -> Bool {
        guard has(step.pointee.operand) else { return false }
        positionBits &+= step.pointee.operand
        let offset = reader.offset(positionBits)
        let limit = reader.offset(limitBits)
        let unitBytes = Int(step.pointee.sizeBits)
        let end = reader.wideTerminator(from: offset, to: limit, unitBytes: unitBytes)
        guard end &+ unitBytes <= limit else {
            return lack(limitBits &+ 8, .unterminatedString, value: 0)
        }
        positionBits &+= UInt64(truncatingIfNeeded: end &- offset &+ unitBytes) &<< 3
        visitor.text(UnsafeRawBufferPointer(start: reader.start + offset, count: end &- offset), step.pointee.field)
        return true
    }

    /// A text of `count` bytes, which are known to be there; what follows its first NUL is not text.
    @inlinable @inline(always)
    func seeWideText<V: FieldVisitor>(
        at start: UInt64,
        count: UInt64,
        _ step: UnsafePointer<Instruction>,
        _ visitor: inout V
    ) {
        let offset = reader.offset(start)
        let end = reader.wideTerminator(
            from: offset,
            to: offset &+ Int(truncatingIfNeeded: count),
            unitBytes: Int(step.pointee.sizeBits)
        )
        visitor.text(UnsafeRawBufferPointer(start: reader.start + offset, count: end &- offset), step.pointee.field)
    }

    @inlinable @inline(always)
    func seeWideTextArray<V: FieldVisitor>(_ step: UnsafePointer<Instruction>, _ visitor: inout V) {
        seeWideText(at: positionBits &+ UInt64(step.pointee.target), count: step.pointee.operand, step, &visitor)
    }

    @inlinable @inline(always)
    mutating func seeWideTextSequence<V: FieldVisitor>(
        _ step: UnsafePointer<Instruction>,
        _ visitor: inout V
    ) -> Bool {
        guard requireElements(step) else { return false }
        let count = slots[Int(step.pointee.slot)]
        seeWideText(at: positionBits, count: count, step, &visitor)
        positionBits &+= count &<< 3
        return true
    }

    @inlinable @inline(always)
    func seeBlobArray<V: FieldVisitor>(_ step: UnsafePointer<Instruction>, _ visitor: inout V) {
        let offset = reader.offset(positionBits &+ UInt64(step.pointee.target))
        let count = Int(truncatingIfNeeded: step.pointee.operand)
        visitor.blob(UnsafeRawBufferPointer(start: reader.start + offset, count: count), step.pointee.field)
    }

    @inlinable @inline(always)
    mutating func seeBlobSequence<V: FieldVisitor>(_ step: UnsafePointer<Instruction>, _ visitor: inout V) -> Bool {
        guard requireElements(step) else { return false }
        let count = slots[Int(step.pointee.slot)]
        let offset = reader.offset(positionBits)
        visitor.blob(
            UnsafeRawBufferPointer(start: reader.start + offset, count: Int(truncatingIfNeeded: count)),
            step.pointee.field
        )
        positionBits &+= count &<< 3
        return true
    }

    // MARK: optionals and wide variants

    @inlinable @inline(always)
    func beginOptional<V: FieldVisitor>(
        _ step: UnsafePointer<Instruction>,
        _ next: inout UnsafePointer<Instruction>,
        _ visitor: inout V
    ) {
        let isPresent = Self.isChosen(step, optionRanges, slots)
        visitor.beginOptional(step.pointee.field, isPresent: isPresent)
        if !isPresent { next = instructions + Int(truncatingIfNeeded: step.pointee.operand &>> 32) }
    }

    @usableFromInline @inline(never)
    static func isChosen(
        _ step: UnsafePointer<Instruction>,
        _ optionRanges: UnsafePointer<OptionRange>,
        _ slots: UnsafeMutablePointer<UInt64>
    ) -> Bool {
        let selector = slots[Int(step.pointee.slot)]
        let key = step.pointee.isSigned ? selector ^ (1 << 63) : selector
        let count = Int(truncatingIfNeeded: step.pointee.operand & 0xFFFF_FFFF)
        let ranges = UnsafeBufferPointer(start: optionRanges + Int(step.pointee.target), count: count)
        guard count <= OptionRange.fewMax else { return OptionRange.find(key, in: ranges) != nil }
        return ranges.contains { $0.lower <= key && key <= $0.upper }
    }

    @inlinable @inline(always)
    mutating func beginWideVariant<V: FieldVisitor>(
        _ step: UnsafePointer<Instruction>,
        _ next: inout UnsafePointer<Instruction>,
        _ visitor: inout V
    ) -> Bool {
        let selector = slots[Int(step.pointee.slot)]
        let key = step.pointee.isSigned ? selector ^ (1 << 63) : selector
        let ranges = UnsafeBufferPointer(
            start: optionRanges + Int(step.pointee.target),
            count: Int(truncatingIfNeeded: step.pointee.operand)
        )
        guard let index = OptionRange.find(key, in: ranges) else {
            return fail(.selectorWithoutOption, value: selector)
        }
        visitor.beginVariant(step.pointee.field, option: Int(ranges[index].option))
        next = instructions + Int(ranges[index].target)
        return true
    }
}
