/// Steps that only CTF 2 needs. They are out of line, on a copy of the machine, so that the loops stay as short, and
/// the machine as much in registers, as they are without them.
extension ProgramMachine {
    @inlinable @inline(always)
    mutating func runRare(_ step: UnsafePointer<Instruction>) -> Bool {
        let (machine, isFine) = afterRare(step)
        self = machine
        return isFine
    }

    @inlinable @inline(always)
    mutating func seeRare<V: FieldVisitor>(_ step: UnsafePointer<Instruction>, _ visitor: inout V) -> Bool {
        let (machine, isFine) = afterRare(step, &visitor)
        self = machine
        return isFine
    }

    @usableFromInline @inline(never)
    func afterRare(_ step: UnsafePointer<Instruction>) -> (machine: ProgramMachine, isFine: Bool) {
        var machine = self
        var isFine = true
        switch step.pointee.opcode {
        case .loadReversed: isFine = machine.loadReversed(step)
        case .loadVariable: isFine = machine.loadVariable(step)
        case .copySlot: machine.copySlot(step)
        case .updateClockVariable: machine.updateClockVariable(step)
        default: isFine = false
        }
        return (machine, isFine)
    }

    @inlinable @inline(never)
    func afterRare<V: FieldVisitor>(
        _ step: UnsafePointer<Instruction>,
        _ visitor: inout V
    ) -> (machine: ProgramMachine, isFine: Bool) {
        var machine = self
        var isFine = true
        switch step.pointee.opcode {
        case .unsignedReversed: machine.see(reversedInteger(step), step, &visitor)
        case .signedReversed: machine.see(Int64(bitPattern: reversedInteger(step)), step, &visitor)
        case .floatUnusual: machine.seeUnusualFloat(step, &visitor)
        case .seeVariable: isFine = machine.seeVariable(step, &visitor)
        case .wideString: isFine = machine.seeWideString(step, &visitor)
        case .wideTextArray: machine.seeWideTextArray(step, &visitor)
        case .wideTextSequence: isFine = machine.seeWideTextSequence(step, &visitor)
        case .blobArray: machine.seeBlobArray(step, &visitor)
        case .blobSequence: isFine = machine.seeBlobSequence(step, &visitor)
        default: isFine = false
        }
        return (machine, isFine)
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

    // MARK: optionals

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
        return UnsafeBufferPointer(start: optionRanges + Int(step.pointee.target), count: count).contains {
            $0.lower <= key && key <= $0.upper
        }
    }
}
