/// The two loops: over programs for visitors, and over programs that nobody sees. They share all steps.
extension ProgramMachine {
    /// Runs the visitor's program at `start` up to its end, on a copy whose address nobody has.
    @inlinable
    func run<V: FieldVisitor>(_ start: UInt32, _ visitor: inout V) -> RunOutcome {
        var machine = self
        let isDone = machine.steps(Int(start), &visitor, isCareful: false)
        return machine.outcome(isDone: isDone)
    }

    /// As `run`, for programs with rare steps, and to see where exactly a program fails.
    @inlinable @inline(never)
    func runCarefully<V: FieldVisitor>(_ start: UInt32, _ visitor: inout V) -> RunOutcome {
        var machine = self
        let isDone = machine.steps(Int(start), &visitor, isCareful: true)
        return machine.outcome(isDone: isDone)
    }

    /// - Parameter isCareful: a constant. Without it, rare steps fail, and errors stand where a run of
    ///   fields begins: the loop stays as short, and the machine as much in registers, as if there was nothing more.
    @inlinable @inline(always)
    mutating func steps<V: FieldVisitor>(
        _ start: Int,
        _ visitor: inout V,
        isCareful: Bool
    ) -> Bool {
        var next = instructions + start
        var isFine = true
        while isFine {
            let step = next
            next += 1
            switch step.pointee.opcode {
            case .end: return skip(step)
            case .align: isFine = align(step)
            case .require: isFine = isCareful ? requireRun(step) : has(step.pointee.operand)
            case .advance: positionBits &+= step.pointee.operand
            case .skip: isFine = skip(step)
            case .requireElements: isFine = isCareful ? requireArray(step) : requireElements(step)
            case .skipElements: isFine = skipElements(step)
            case .loadAndSkipElements: isFine = loadAndSkipElements(step)

            case .load: isFine = load(step)
            case .order: isFine = checkOrder(step)
            case .updateClock: updateClock(slots[Int(step.pointee.slot)], size: step.pointee.sizeBits)
            case .takeEventID: slots[RunSlot.eventID] = slots[Int(step.pointee.slot)]
            case .takeRole: takeRole(step)
            case .checkMagic: isFine = checkMagic(step)
            case .checkUUID: isFine = checkUUID(step)

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
            case .string: isFine = seeString(step, &visitor)
            case .textArray: seeTextArray(step, &visitor)
            case .textSequence: isFine = seeTextSequence(step, &visitor)

            case .beginScope: visitor.beginScope(FieldScope(index: step.pointee.operand))
            case .endScope: visitor.endScope(FieldScope(index: step.pointee.operand))
            case .beginStructure: visitor.beginStructure(step.pointee.field)
            case .endStructure: visitor.endStructure(step.pointee.field)
            case .beginArray, .beginSequence: isFine = beginElements(step, &next, &visitor)
            case .elements: seeElements(step, &visitor)
            case .payElement: isFine = payElement()
            case .endElement: endElement(step, &next)
            case .endArray: visitor.endArray(step.pointee.field)
            case .beginVariant: isFine = beginVariant(step, &next, &visitor)
            case .endVariant: visitor.endVariant(step.pointee.field)
            case .jump: next = instructions + Int(step.pointee.target)

            case .loadReversed, .loadVariable, .copySlot, .clearSlot, .updateClockVariable, .unsignedReversed,
                .signedReversed, .floatUnusual, .seeVariable, .wideString, .wideTextArray, .wideTextSequence,
                .blobArray,
                .blobSequence, .beginOptional, .endOptional, .beginWideVariant:
                isFine = isCareful && rare(step, &next, &visitor)
            }
        }
        return false
    }

    /// Runs a program that nobody sees: those have fewer kinds of steps.
    /// - Parameter isCareful: as for `steps`.
    @inlinable @inline(always)
    mutating func unseenSteps(_ start: Int, isCareful: Bool) -> Bool {
        var next = instructions + start
        var nobody = NoVisitor()
        var isFine = true
        while isFine {
            let step = next
            next += 1
            switch step.pointee.opcode {
            case .end: return skip(step)
            case .align: isFine = align(step)
            case .skip: isFine = skip(step)
            case .skipElements: isFine = skipElements(step)
            case .loadAndSkipElements: isFine = loadAndSkipElements(step)
            case .load: isFine = load(step)
            case .string: isFine = seeString(step, &nobody)
            case .order: isFine = checkOrder(step)
            case .updateClock: updateClock(slots[Int(step.pointee.slot)], size: step.pointee.sizeBits)
            case .takeEventID: slots[RunSlot.eventID] = slots[Int(step.pointee.slot)]
            case .takeRole: takeRole(step)
            case .checkMagic: isFine = checkMagic(step)
            case .checkUUID: isFine = checkUUID(step)
            case .beginArray, .beginSequence: isFine = beginElements(step, &next, &nobody)
            case .payElement: isFine = payElement()
            case .endElement: endElement(step, &next)
            case .beginVariant: isFine = beginVariant(step, &next, &nobody)
            case .jump: next = instructions + Int(step.pointee.target)
            case .loadReversed, .loadVariable, .copySlot, .clearSlot, .updateClockVariable, .wideString, .beginOptional,
                .beginWideVariant:
                isFine = isCareful && rare(step, &next, &nobody)
            case .require, .advance, .requireElements, .unsigned8, .unsigned16, .unsigned32, .unsigned64,
                .unsignedBits, .signed8, .signed16, .signed32, .signed64, .signedBits, .float32, .float64, .textArray,
                .textSequence, .elements, .beginScope, .endScope, .beginStructure, .endStructure, .endArray,
                .endVariant, .endOptional, .unsignedReversed, .signedReversed, .floatUnusual, .seeVariable,
                .wideTextArray, .wideTextSequence, .blobArray, .blobSequence:
                // The compiler emits these for visitors only.
                return false
            }
        }
        return false
    }

    /// As `unseenSteps`, out of line, on a copy.
    @usableFromInline @inline(never)
    func afterUnseen(_ start: UInt32) -> (machine: ProgramMachine, isDone: Bool) {
        var machine = self
        let isDone = machine.unseenSteps(Int(start), isCareful: true)
        return (machine, isDone)
    }

    /// As `unseenSteps`, out of line.
    @inlinable @inline(always)
    mutating func runUnseen(_ start: UInt32) -> Bool {
        let (machine, isDone) = afterUnseen(start)
        self = machine
        return isDone
    }
}
