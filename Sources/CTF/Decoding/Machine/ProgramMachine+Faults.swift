/// Where exactly a field is that does not fit, among those that one check covers.
extension ProgramMachine {
    /// Checks that the fields of a run are left.
    @inlinable @inline(always)
    mutating func requireRun(_ step: UnsafePointer<Instruction>) -> Bool {
        guard has(step.pointee.operand) else {
            // `neededBits` stays the run's end: with bytes up to there, the run could be read.
            (positionBits, value) = Self.firstBeyond(step, positionBits, faultLimitBits)
            return false
        }
        return true
    }

    /// Checks that the elements of an array are left.
    @inlinable @inline(always)
    mutating func requireArray(_ step: UnsafePointer<Instruction>) -> Bool {
        guard requireElements(step) else {
            // Strides are never 0.
            positionBits &+= (faultLimitBits &- positionBits) / step.pointee.operand &* step.pointee.operand
            return false
        }
        return true
    }

    /// Where the packet's content ends, if whoever looks for a fault has noted it, as bytes of it may be missing.
    @inlinable @inline(always)
    var faultLimitBits: UInt64 { max(limitBits, slots[RunSlot.contentBits]) }

    /// The first field behind a `require` that ends past the limit: where it begins and ends.
    @usableFromInline @inline(never)
    static func firstBeyond(
        _ require: UnsafePointer<Instruction>,
        _ positionBits: UInt64,
        _ limitBits: UInt64
    ) -> (positionBits: UInt64, endBits: UInt64) {
        var base = positionBits
        var next = require + 1
        while true {
            let step = next.pointee
            next += 1
            let start: UInt64
            let size: UInt64
            switch step.opcode {
            case .unsigned8, .unsigned16, .unsigned32, .unsigned64, .unsignedBits, .signed8, .signed16, .signed32,
                .signed64, .signedBits, .float32, .float64, .unsignedReversed, .signedReversed, .floatUnusual:
                (start, size) = (base + step.operand, UInt64(step.sizeBits))
            case .textArray, .wideTextArray, .blobArray:
                (start, size) = (base + UInt64(step.target), FieldLayout.product(step.operand, 8))
            case .beginArray where next.pointee.opcode == .elements:
                let stride = UInt64(next.pointee.target)
                let fitting = min(step.operand, (max(limitBits, base) - base) / stride)
                if fitting < step.operand { return (base + fitting * stride, base + (fitting + 1) * stride) }
                base += fitting * stride
                continue
            case .advance:
                base += step.operand
                continue
            case .beginScope, .endScope, .beginStructure, .endStructure, .endArray, .elements, .order, .updateClock,
                .copySlot, .clearSlot:
                continue
            default:
                // What bytes decide ends the run; arrays of compounds are told by where they begin.
                return (base, positionBits + require.pointee.operand)
            }
            if start + size > limitBits { return (start, start + size) }
        }
    }
}
