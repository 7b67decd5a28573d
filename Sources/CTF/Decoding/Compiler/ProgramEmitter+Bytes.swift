/// Texts and blobs: bytes that begin at a byte.
extension ProgramEmitter {
    mutating func emitString(_ id: FieldID, _ string: StringClass) throws(ProgramError) {
        try emitAlignment(8)
        let unitBytes = UInt8(string.encoding.unitBytes)
        switch string.length {
        case .terminated:
            let opcode: Opcode = unitBytes == 1 ? .string : .wideString
            try append(Instruction(opcode, sizeBits: unitBytes, field: id, operand: takeSkip()))
            phase = .aligned(to: 8)
        case .constant(let count):
            try emitBytes(id, unitBytes == 1 ? .textArray : .wideTextArray, unitBytes, count: count)
        case .field:
            try emitSequence(id, unitBytes == 1 ? .textSequence : .wideTextSequence, unitBytes)
        }
    }

    mutating func emitBlob(_ id: FieldID, _ blob: BlobClass) throws(ProgramError) {
        try emitAlignment(8)
        if !sees && Self.isUUID(tree[id], blob) { return try emitUUID(isBigEndian: false) }
        switch blob.length {
        case .constant(let count): try emitBytes(id, .blobArray, 1, count: count)
        case .field: try emitSequence(id, .blobSequence, 1)
        }
    }

    /// Bytes whose number is known.
    private mutating func emitBytes(
        _ id: FieldID,
        _ opcode: Opcode,
        _ unitBytes: UInt8,
        count: UInt64
    ) throws(ProgramError) {
        let bits = FieldLayout.product(count, 8)
        guard sees else { return try passOver(bits) }
        // The instruction has 32 bits for the offset.
        if runOffset > UInt64(UInt32.max) { try advanceInRun() }
        let offset = try takeInRun(bits)
        try append(
            Instruction(opcode, sizeBits: unitBytes, field: id, target: UInt32(offset), operand: count)
        )
    }

    /// Bytes whose number stands in a slot.
    private mutating func emitSequence(
        _ id: FieldID,
        _ opcode: Opcode,
        _ unitBytes: UInt8
    ) throws(ProgramError) {
        let lengthSlot = slots.slot(neededBy: id, in: tree)
        try endRun()
        phase = .aligned(to: 8)
        if sees {
            try append(Instruction(opcode, sizeBits: unitBytes, slot: lengthSlot, field: id, operand: 8))
        } else if !fuseWithLoad(of: lengthSlot, strideBits: 8) {
            try append(Instruction(.skipElements, slot: lengthSlot, field: id, operand: 8))
        }
    }
}
