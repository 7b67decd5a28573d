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
            // The instruction has 32 bits for the offset.
            if runOffset > UInt64(UInt32.max) { try advanceInRun() }
            let offset = try takeInRun(bits)
            return try append(Instruction(.textArray, field: id, target: UInt32(offset), operand: count))
        }
        var after = phase
        after.advance(bits)
        // A visitor's elements are covered by the run that the array stands in; unseen ones check for themselves.
        if sees { try require(bits) }
        try emitLoop(id, element, Instruction(.beginArray, field: id, operand: count), isCovered: sees && bits > 0)
        phase = after
    }

    private mutating func emitUUID(_ element: FieldID) throws(ProgramError) {
        guard case .integer(let byte) = tree[element].fieldClass else { return }
        try emitUUID(isBigEndian: byte.byteOrder == .bigEndian)
    }

    mutating func emitUUID(isBigEndian: Bool) throws(ProgramError) {
        try endRun()
        var flags: Instruction.Flags = isBigEndian ? .bigEndian : []
        // Metadata without a UUID takes any.
        if uuid != nil { flags.insert(.signed) }
        try append(Instruction(.checkUUID, flags: flags, slot: UInt32(RunSlot.uuidHigh), operand: uuid?.high ?? 0))
        try append(Instruction(.checkUUID, flags: flags, slot: UInt32(RunSlot.uuidLow), operand: uuid?.low ?? 0))
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
        if !sees, lastShortBits == 0, fuseWithLoad(of: lengthSlot, strideBits: strideBits) {
            phase = after
            return
        }
        let opcode: Opcode = !sees ? .skipElements : array.textEncoding != nil ? .textSequence : .requireElements
        try append(
            Instruction(opcode, slot: lengthSlot, field: id, target: lastShortBits, operand: strideBits)
        )
        if opcode == .requireElements { try emitLoop(id, element, begin, isCovered: true) }
        phase = after
    }

    /// Lets the instruction that loads a length skip the elements as well, if it is the one before.
    mutating func fuseWithLoad(of slot: UInt32, strideBits: UInt64) -> Bool {
        guard code.instructions.count > joinIndex, let last = code.instructions.last, last.opcode == .load,
            last.slot == slot, let target = UInt32(exactly: strideBits)
        else { return false }
        code.instructions[code.instructions.count - 1].opcode = .loadAndSkipElements
        code.instructions[code.instructions.count - 1].target = target
        return true
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
        // The loop moves the position itself; the run that covers it goes on behind it.
        if isInRun { try advanceInRun() } else { try endRun() }
        let beginIndex = Int(nextIndex)
        var begin = begin
        begin.slot = takeLoopSlot()
        begin.minimumBits = UInt8(min(layout.minimumBits, 255))
        try append(begin)

        if let numbers = elementsInstruction(element, slot: begin.slot, isCovered: isCovered) {
            loopDepth -= 1
            code.instructions[beginIndex].target = nextIndex + 1
            try append(numbers)
            return try append(Instruction(.endArray, field: id))
        }
        let body = nextIndex
        if isCovered { coveredDepth += 1 }
        if layout.minimumBits == 0 {
            paysForElements = true
            try append(Instruction(.payElement))
        }
        // Elements of one size that fill their stride stay aligned by themselves.
        if layout.alignmentBits > 1 && !(isCovered && layout.strideBits == layout.fixedBits) {
            try append(Instruction(.align, operand: layout.alignmentBits - 1))
        }
        phase = .aligned(to: layout.alignmentBits)
        try emit(element)
        if !isCovered { try endRun() }
        if isCovered { coveredDepth -= 1 }
        try append(Instruction(.endElement, slot: begin.slot, target: body, operand: takeSkip(inRun: isCovered)))
        loopDepth -= 1
        code.instructions[beginIndex].target = nextIndex
        if sees { try append(Instruction(.endArray, field: id)) }
        phase = phase.joined(before)
    }

    /// The one instruction for all elements, where they are integers that a visitor sees, at bytes, without padding.
    private func elementsInstruction(_ element: FieldID, slot: UInt32, isCovered: Bool) -> Instruction? {
        guard sees, isCovered, case .integer(let integer) = tree[element].fieldClass, phase.isAtByte,
            [8, 16, 32, 64].contains(integer.sizeBits), integer.sizeBits % integer.alignmentBits == 0,
            !integer.isReversed, !hasEffects[Int(element.rawValue)]
        else { return nil }
        var flags: Instruction.Flags = integer.byteOrder == .bigEndian ? .bigEndian : []
        if integer.isSigned { flags.insert(.signed) }
        return Instruction(
            .elements,
            flags: flags,
            sizeBits: UInt8(integer.sizeBits),
            slot: slot,
            field: element,
            target: integer.sizeBits
        )
    }
}
