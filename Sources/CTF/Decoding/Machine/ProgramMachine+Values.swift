/// Values that a visitor sees. Numbers and text arrays stand behind a `require`; strings and sequences check for themselves.
extension ProgramMachine {
    /// A number at a byte, in the instruction's byte order.
    @inlinable @inline(always)
    func number<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type, _ step: Instruction) -> T {
        reader.load(T.self, at: positionBits, isBigEndian: step.isBigEndian)
    }

    @inlinable @inline(always)
    mutating func see<V: FieldVisitor>(_ value: UInt64, _ step: Instruction, _ visitor: inout V) {
        lastValue = value
        slots[Int(step.slot)] = value
        positionBits &+= UInt64(step.sizeBits)
        visitor.unsigned(value, step.field)
    }

    @inlinable @inline(always)
    mutating func see<V: FieldVisitor>(_ value: Int64, _ step: Instruction, _ visitor: inout V) {
        lastValue = UInt64(bitPattern: value)
        slots[Int(step.slot)] = lastValue
        positionBits &+= UInt64(step.sizeBits)
        visitor.signed(value, step.field)
    }

    @inlinable @inline(always)
    mutating func seeFloat<V: FieldVisitor>(_ step: Instruction, _ visitor: inout V) {
        let bits = UInt32(truncatingIfNeeded: integer(step))
        positionBits &+= 32
        visitor.float(Float(bitPattern: bits), step.field)
    }

    @inlinable @inline(always)
    mutating func seeDouble<V: FieldVisitor>(_ step: Instruction, _ visitor: inout V) {
        let bits = integer(step)
        positionBits &+= 64
        visitor.double(Double(bitPattern: bits), step.field)
    }

    @inlinable @inline(always)
    mutating func seeString<V: FieldVisitor>(_ step: Instruction, _ visitor: inout V) -> Bool {
        guard has(step.operand) else { return false }
        positionBits &+= step.operand
        let offset = reader.offset(positionBits)
        // A last byte that the limit cuts cannot be the end.
        let limit = reader.offset(limitBits)
        let end = reader.terminator(from: offset, to: limit)
        guard end < limit else {
            return lack(limitBits &+ 8, .unterminatedString, value: 0)
        }
        // With its NUL, which lies before the limit.
        positionBits &+= UInt64(truncatingIfNeeded: end &- offset &+ 1) &<< 3
        visitor.text(UnsafeRawBufferPointer(start: reader.start + offset, count: end &- offset), step.field)
        return true
    }

    @inlinable @inline(always)
    mutating func seeTextSequence<V: FieldVisitor>(_ step: Instruction, _ visitor: inout V) -> Bool {
        guard requireElements(step) else { return false }
        seeText(count: slots[Int(step.slot)], step.field, &visitor)
        return true
    }

    /// A text of `count` bytes, which are known to be there; what follows its first NUL is not text.
    @inlinable @inline(always)
    mutating func seeText<V: FieldVisitor>(count: UInt64, _ field: FieldID, _ visitor: inout V) {
        let offset = reader.offset(positionBits)
        let end = reader.terminator(from: offset, to: offset &+ Int(truncatingIfNeeded: count))
        positionBits &+= count &<< 3
        visitor.text(UnsafeRawBufferPointer(start: reader.start + offset, count: end &- offset), field)
    }
}

extension FieldScope {
    /// The scope of a `beginScope` or `endScope` instruction.
    @inlinable
    init(index: UInt64) {
        switch index {
        case 0: self = .packetHeader
        case 1: self = .packetContext
        case 2: self = .eventHeader
        case 3: self = .eventCommonContext
        case 4: self = .eventSpecificContext
        default: self = .eventPayload
        }
    }
}
