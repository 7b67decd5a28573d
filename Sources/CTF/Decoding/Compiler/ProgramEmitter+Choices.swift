/// Fields that another field's value chooses, or that are there only with some of its values.
extension ProgramEmitter {
    // MARK: variants

    mutating func emitVariant(_ id: FieldID, _ variant: VariantClass) throws(ProgramError) {
        try endRun()
        if loopDepth > 0 { try clearSlots(below: id) }
        let ranges = try addRanges(variant.options.map(\.selectorRanges), isSigned: variant.selectorIsSigned)
        try append(
            Instruction(
                ranges.count > OptionRange.fewMax ? .beginWideVariant : .beginVariant,
                flags: variant.selectorIsSigned ? .signed : [],
                slot: slots.slot(neededBy: id, in: tree),
                field: id,
                target: UInt32(ranges.lowerBound),
                operand: UInt64(ranges.count)
            )
        )
        let before = phase
        var after: Phase?
        var starts: [UInt32] = []
        var jumps: [Int] = []
        for child in tree[id].children {
            starts.append(nextIndex)
            phase = before
            try emit(child)
            try endRun()
            after = after?.joined(phase) ?? phase
            jumps.append(Int(nextIndex))
            try append(Instruction(.jump))
        }
        for index in ranges { code.optionRanges[index].target = starts[Int(code.optionRanges[index].option)] }
        for index in jumps { code.instructions[index].target = nextIndex }
        joinIndex = Int(nextIndex)
        phase = after ?? before
        if sees { try append(Instruction(.endVariant, field: id)) }
    }

    /// Adds the ranges of options: few as they are, many in order and apart.
    /// - Parameter ranges: by option.
    private mutating func addRanges(
        _ ranges: [[IntegerRange]],
        isSigned: Bool
    ) throws(ProgramError) -> Range<Int> {
        // Signed bounds are ordered as unsigned ones once their sign bit is turned over.
        let turn: UInt64 = isSigned ? 1 << 63 : 0
        let start = code.optionRanges.count
        let count = ranges.reduce(0) { $0 + $1.count }
        rangeCount += count
        guard rangeCount <= instructionCountMax else { throw ProgramError(.tooLarge, path: "trace") }
        var all: [OptionRange] = []
        all.reserveCapacity(count)
        for (option, ranges) in ranges.enumerated() {
            for range in ranges {
                let (lower, upper) = (range.lowerBits ^ turn, range.upperBits ^ turn)
                all.append(OptionRange(lower: lower, upper: upper, option: UInt32(option), target: 0))
            }
        }
        code.optionRanges += all.count > OptionRange.fewMax ? OptionRange.apart(all) : all
        return start..<code.optionRanges.count
    }

    // MARK: optionals

    mutating func emitOptional(_ id: FieldID, _ optional: OptionalClass) throws(ProgramError) {
        try endRun()
        if loopDepth > 0 { try clearSlots(below: id) }
        let ranges = try addRanges([optional.selectorRanges], isSigned: optional.selectorIsSigned)
        let beginIndex = Int(nextIndex)
        try append(
            Instruction(
                .beginOptional,
                flags: optional.selectorIsSigned ? .signed : [],
                slot: slots.slot(neededBy: id, in: tree),
                field: id,
                target: UInt32(ranges.lowerBound),
                operand: UInt64(ranges.count)
            )
        )
        let before = phase
        try emit(tree[id].children[0])
        try endRun()
        phase = phase.joined(before)
        // Where to go on without the field; there are far fewer ranges than 2^32.
        code.instructions[beginIndex].operand |= UInt64(nextIndex) << 32
        joinIndex = Int(nextIndex)
        if sees { try append(Instruction(.endOptional, field: id)) }
    }

    // MARK: elements

    /// Lets an element forget what the one before it has read where it may read nothing itself. (What no element has
    /// read is cleared before each event.)
    private mutating func clearSlots(below id: FieldID) throws(ProgramError) {
        for child in tree[id].children where hasEffects[Int(child.rawValue)] {
            if let slot = slots.slot(child, in: tree) { try append(Instruction(.clearSlot, slot: slot)) }
            for copy in slots.copies(child, in: tree) { try append(Instruction(.clearSlot, slot: copy)) }
            try clearSlots(below: child)
        }
    }
}
