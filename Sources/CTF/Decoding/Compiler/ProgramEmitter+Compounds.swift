extension ProgramEmitter {
    // MARK: arrays of constant length

    mutating func emitArray(_ id: FieldID, _ array: ArrayClass, count: UInt64) throws(ProgramError) {
        let element = tree[id].children[0]
        let layout = tree.layout(element)
        if !sees && Self.isUUID(tree[id], array) { return try emitUUID(element) }

        guard layout.fixedBits != nil else {
            return try emitLoop(id, element, Instruction(.beginArray, field: id, operand: count))
        }
        let bits = layout.fixedBits(count: count)
        let isSkipped = !sees && bits > 0 && !hasEffects[Int(id.rawValue)]
        if isSkipped || count == 0 && !sees { return try passOver(bits) }
        if sees, array.textEncoding != nil {
            try cover(bits)
            try append(Instruction(.textArray, field: id, operand: count))
            return phase.advance(bits)
        }
        let before = phase
        // A visitor's elements are covered by the run that the array stands in; unseen ones check for themselves.
        if sees { try cover(bits) }
        let covered = sees && bits > 0
        try emitLoop(id, element, Instruction(.beginArray, field: id, operand: count), isCovered: covered)
        phase = before
        phase.advance(bits)
    }

    private mutating func emitUUID(_ element: FieldID) throws(ProgramError) {
        guard case .integer(let byte) = tree[element].fieldClass else { return }
        try endRun()
        var flags: Instruction.Flags = byte.byteOrder == .bigEndian ? .bigEndian : []
        // Metadata without a UUID takes any.
        if uuid != nil { flags.insert(.signed) }
        try append(Instruction(.checkUUID, flags: flags, slot: RoleSlot.uuidHigh, operand: uuid?.high ?? 0))
        try append(Instruction(.checkUUID, flags: flags, slot: RoleSlot.uuidLow, operand: uuid?.low ?? 0))
        phase.advance(128)
    }

    // MARK: sequences

    mutating func emitSequence(_ id: FieldID, _ array: ArrayClass, lengthSlot: UInt32) throws(ProgramError) {
        let element = tree[id].children[0]
        let layout = tree.layout(element)
        let begin = Instruction(.beginSequence, field: id, operand: UInt64(lengthSlot))
        try endRun()
        guard let fixedBits = layout.fixedBits, fixedBits > 0, let strideBits = layout.strideBits,
            sees || !hasEffects[Int(id.rawValue)]
        else { return try emitLoop(id, element, begin) }

        // At most the alignment less a bit, which fits.
        let lastShortBits = UInt32(truncatingIfNeeded: strideBits - fixedBits)
        var after = phase.stepping(by: strideBits)
        if lastShortBits > 0 {
            var afterLast = after
            afterLast.advance(0 &- UInt64(lastShortBits))
            after = after.joined(afterLast)
        }
        let opcode: Opcode = !sees ? .skipElements : array.textEncoding != nil ? .textSequence : .requireElements
        try append(
            Instruction(opcode, slot: lengthSlot, field: id, target: lastShortBits, operand: strideBits)
        )
        if opcode == .requireElements { try emitLoop(id, element, begin, isCovered: true) }
        phase = after
    }

    // MARK: loops

    /// Emits a loop over an array's elements. The position is at the array's alignment.
    /// - Parameters:
    ///   - begin: the instruction that begins it.
    ///   - isCovered: all elements are known to be there, and all have the same size.
    private mutating func emitLoop(
        _ id: FieldID,
        _ element: FieldID,
        _ begin: Instruction,
        isCovered: Bool = false
    ) throws(ProgramError) {
        let layout = tree.layout(element)
        let before = phase
        let isInRun = isCovered && begin.opcode == .beginArray
        if !isInRun { try endRun() }
        let beginIndex = Int(nextIndex)
        var begin = begin
        begin.slot = takeLoopSlot()
        begin.minimumBits = UInt8(min(layout.minimumBits, 255))
        try append(begin)

        let body = nextIndex
        if isCovered { coveredDepth += 1 }
        if layout.minimumBits == 0 { try append(Instruction(.payElement)) }
        // Elements of one size that fill their stride stay aligned by themselves.
        if layout.alignmentBits > 1 && !(isCovered && layout.strideBits == layout.fixedBits) {
            try append(Instruction(.align, operand: layout.alignmentBits - 1))
        }
        phase = .aligned(to: layout.alignmentBits)
        try emit(element)
        if !isCovered { try endRun() }
        if isCovered { coveredDepth -= 1 }
        try append(Instruction(.endElement, slot: begin.slot, target: body))
        loopDepth -= 1
        code.instructions[beginIndex].target = nextIndex
        if sees { try append(Instruction(.endArray, field: id)) }
        phase = phase.joined(before)
    }

    // MARK: variants

    mutating func emitVariant(_ id: FieldID, _ variant: VariantClass) throws(ProgramError) {
        try endRun()
        let ranges = try addRanges(variant)
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

    private mutating func addRanges(_ variant: VariantClass) throws(ProgramError) -> Range<Int> {
        let start = code.optionRanges.count
        // Signed bounds are ordered as unsigned ones once their sign bit is turned over.
        let turn: UInt64 = variant.selectorIsSigned ? 1 << 63 : 0
        for (option, entry) in variant.options.enumerated() {
            for range in entry.selectorRanges {
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
}
