/// Fields that another field's value chooses, or that are there only with some of its values.
extension ProgramEmitter {
    // MARK: variants

    mutating func emitVariant(_ id: FieldID, _ variant: VariantClass) throws(ProgramError) {
        try endRun()
        let ranges = try addRanges(variant.options.map(\.selectorRanges), isSigned: variant.selectorIsSigned)
        try append(
            Instruction(
                .beginVariant,
                flags: variant.selectorIsSigned ? .signed : [],
                slot: slot(variant.selector),
                field: id,
                target: UInt32(ranges.lowerBound),
                operand: UInt64(ranges.count)
            )
        )
        let before = phase
        var after: Phase?
        var jumps: [Int] = []
        for (option, child) in tree[id].children.enumerated() {
            let target = nextIndex
            for index in ranges where code.optionRanges[index].option == UInt32(option) {
                code.optionRanges[index].target = target
            }
            phase = before
            try emit(child)
            try endRun()
            after = after?.joined(phase) ?? phase
            jumps.append(Int(nextIndex))
            try append(Instruction(.jump))
        }
        for index in jumps { code.instructions[index].target = nextIndex }
        phase = after ?? before
        if sees { try append(Instruction(.endVariant, field: id)) }
    }

    /// Adds the ranges of options.
    /// - Parameter ranges: by option.
    private mutating func addRanges(
        _ ranges: [[IntegerRange]],
        isSigned: Bool
    ) throws(ProgramError) -> Range<Int> {
        let start = code.optionRanges.count
        // Signed bounds are ordered as unsigned ones once their sign bit is turned over.
        let turn: UInt64 = isSigned ? 1 << 63 : 0
        for (option, ranges) in ranges.enumerated() {
            for range in ranges {
                code.optionRanges.append(
                    OptionRange(
                        lower: range.lowerBits ^ turn,
                        upper: range.upperBits ^ turn,
                        option: UInt32(option),
                        target: 0
                    )
                )
            }
        }
        guard code.optionRanges.count <= limits.instructionCountMax else {
            throw ProgramError(.tooLarge, path: "trace")
        }
        return start..<code.optionRanges.count
    }

    // MARK: optionals

    mutating func emitOptional(_ id: FieldID, _ optional: OptionalClass) throws(ProgramError) {
        try endRun()
        let ranges = try addRanges([optional.selectorRanges], isSigned: optional.selectorIsSigned)
        let beginIndex = Int(nextIndex)
        try append(
            Instruction(
                .beginOptional,
                flags: optional.selectorIsSigned ? .signed : [],
                slot: slot(optional.selector),
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
        if sees { try append(Instruction(.endOptional, field: id)) }
    }
}
