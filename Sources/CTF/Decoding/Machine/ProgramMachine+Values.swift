/// Values that a visitor sees. Numbers and text arrays stand behind a `require`, which leaves the position at the
/// start of their run: they are read at an offset from it, so that reading one does not wait for the one before.
/// Strings and sequences check for themselves.
extension ProgramMachine {
    /// A number at a byte, in the instruction's byte order.
    @inlinable @inline(always)
    func number<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type, _ step: UnsafePointer<Instruction>) -> T {
        reader.load(T.self, at: positionBits &+ step.pointee.operand, isBigEndian: step.pointee.isBigEndian)
    }

    @inlinable @inline(always)
    func see<V: FieldVisitor>(_ value: UInt64, _ step: UnsafePointer<Instruction>, _ visitor: inout V) {
        slots[Int(step.pointee.slot)] = value
        visitor.unsigned(value, step.pointee.field)
    }

    @inlinable @inline(always)
    func see<V: FieldVisitor>(_ value: Int64, _ step: UnsafePointer<Instruction>, _ visitor: inout V) {
        slots[Int(step.pointee.slot)] = UInt64(bitPattern: value)
        visitor.signed(value, step.pointee.field)
    }

    @inlinable @inline(always)
    func seeFloat<V: FieldVisitor>(_ step: UnsafePointer<Instruction>, _ visitor: inout V) {
        visitor.float(Float(bitPattern: UInt32(truncatingIfNeeded: integer(step))), step.pointee.field)
    }

    @inlinable @inline(always)
    func seeDouble<V: FieldVisitor>(_ step: UnsafePointer<Instruction>, _ visitor: inout V) {
        visitor.double(Double(bitPattern: integer(step)), step.pointee.field)
    }

    /// Numbers of one kind at bytes, one behind the other. The array's check covers them.
    @inlinable @inline(always)
    mutating func seeElements<V: FieldVisitor>(_ step: UnsafePointer<Instruction>, _ visitor: inout V) {
        let big = step.pointee.isBigEndian
        let strideBits = UInt64(step.pointee.target)
        for _ in 0..<slots[Int(step.pointee.slot)] {
            let value: UInt64 =
                switch step.pointee.sizeBits {
                case 8: UInt64(reader.load(UInt8.self, at: positionBits, isBigEndian: false))
                case 16: UInt64(reader.load(UInt16.self, at: positionBits, isBigEndian: big))
                case 32: UInt64(reader.load(UInt32.self, at: positionBits, isBigEndian: big))
                default: reader.load(UInt64.self, at: positionBits, isBigEndian: big)
                }
            positionBits &+= strideBits
            if step.pointee.isSigned {
                let signed = BitReader.extended(value, size: step.pointee.sizeBits)
                visitor.signed(Int64(bitPattern: signed), step.pointee.field)
            } else {
                visitor.unsigned(value, step.pointee.field)
            }
        }
    }

    @inlinable @inline(always)
    mutating func seeString<V: FieldVisitor>(_ step: UnsafePointer<Instruction>, _ visitor: inout V) -> Bool {
        guard has(step.pointee.operand) else { return false }
        positionBits &+= step.pointee.operand
        let offset = reader.offset(positionBits)
        // A last byte that the limit cuts cannot be the end.
        let limit = reader.offset(limitBits)
        let end = reader.terminator(from: offset, to: limit)
        guard end < limit else {
            return lack(limitBits &+ 8, .unterminatedString, value: 0)
        }
        // With its NUL, which lies before the limit.
        positionBits &+= UInt64(truncatingIfNeeded: end &- offset &+ 1) &<< 3
        visitor.text(UnsafeRawBufferPointer(start: reader.start + offset, count: end &- offset), step.pointee.field)
        return true
    }

    @inlinable @inline(always)
    func seeTextArray<V: FieldVisitor>(_ step: UnsafePointer<Instruction>, _ visitor: inout V) {
        seeText(
            at: positionBits &+ UInt64(step.pointee.target),
            count: step.pointee.operand,
            step.pointee.field,
            &visitor
        )
    }

    @inlinable @inline(always)
    mutating func seeTextSequence<V: FieldVisitor>(_ step: UnsafePointer<Instruction>, _ visitor: inout V) -> Bool {
        guard requireElements(step) else { return false }
        let count = slots[Int(step.pointee.slot)]
        seeText(at: positionBits, count: count, step.pointee.field, &visitor)
        positionBits &+= count &<< 3
        return true
    }

    /// A text of `count` bytes, which are known to be there; what follows its first NUL is not text.
    @inlinable @inline(always)
    func seeText<V: FieldVisitor>(at start: UInt64, count: UInt64, _ field: FieldID, _ visitor: inout V) {
        let offset = reader.offset(start)
        let end = reader.terminator(from: offset, to: offset &+ Int(truncatingIfNeeded: count))
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
