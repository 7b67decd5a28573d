extension ProgramEmitter {
    mutating func emit(_ id: FieldID) throws(ProgramError) {
        switch tree[id].fieldClass {
        case .integer(let integer) where integer.isVariableLength:
            try emitVariable(id, integer)
        case .integer(let integer):
            try emitInteger(id, integer)
        case .float(let float):
            try emitFloat(id, float)
        case .string(let string):
            try emitString(id, string)
        case .blob(let blob):
            try emitBlob(id, blob)
        case .structure:
            try emitAlignment(tree.layout(id).alignmentBits)
            if sees { try append(Instruction(.beginStructure, field: id)) }
            try emitMembers(of: id)
            if sees { try append(Instruction(.endStructure, field: id)) }
        case .array(let array):
            try emitAlignment(tree.layout(id).alignmentBits)
            switch array.length {
            case .constant(let count):
                try emitArray(id, array, count: count)
            case .field:
                try emitSequence(id, array, lengthSlot: slots.slot(neededBy: id, in: tree))
            }
        case .variant(let variant):
            try emitVariant(id, variant)
        case .optional(let optional):
            try emitOptional(id, optional)
        }
    }

    // MARK: numbers

    private mutating func emitInteger(_ id: FieldID, _ integer: IntegerClass) throws(ProgramError) {
        try emitAlignment(UInt64(integer.alignmentBits))
        try emitOrder(integer.byteOrder, sizeBits: integer.sizeBits)
        var flags: Instruction.Flags = integer.byteOrder == .bigEndian ? .bigEndian : []
        if integer.isSigned { flags.insert(.signed) }
        let size = UInt8(integer.sizeBits)
        let slot = slots.slot(id, in: tree) ?? UInt32(RunSlot.scratch)
        if sees {
            let opcode = opcode(integer)
            let offset = try takeInRun(UInt64(size))
            try append(
                Instruction(opcode, flags: flags, sizeBits: size, slot: slot, field: id, operand: offset)
            )
            try emitCopies(id, slot)
            if tree[id].scope.rawValue > FieldScope.packetContext.rawValue { try emitClockUpdate(integer, slot) }
        } else if hasEffects[Int(id.rawValue)] {
            let opcode: Opcode = integer.isReversed ? .loadReversed : .load
            try append(
                Instruction(opcode, flags: flags, sizeBits: size, slot: slot, field: id, operand: takeSkip())
            )
            phase.advance(UInt64(size))
            try emitCopies(id, slot)
            try emitRoles(id, integer, slot)
        } else {
            try passOver(UInt64(size))
        }
    }

    private func opcode(_ integer: IntegerClass) -> Opcode {
        if integer.isReversed { return integer.isSigned ? .signedReversed : .unsignedReversed }
        return switch (integer.sizeBits, phase.isAtByte) {
        case (8, true): integer.isSigned ? .signed8 : .unsigned8
        case (16, true): integer.isSigned ? .signed16 : .unsigned16
        case (32, true): integer.isSigned ? .signed32 : .unsigned32
        case (64, true): integer.isSigned ? .signed64 : .unsigned64
        default: integer.isSigned ? .signedBits : .unsignedBits
        }
    }

    /// An integer that takes as many bytes as its value needs.
    private mutating func emitVariable(_ id: FieldID, _ integer: IntegerClass) throws(ProgramError) {
        try emitAlignment(8)
        let slot = slots.slot(id, in: tree) ?? UInt32(RunSlot.scratch)
        try append(
            Instruction(
                sees ? .seeVariable : .loadVariable,
                flags: integer.isSigned ? .signed : [],
                slot: slot,
                field: id,
                operand: takeSkip()
            )
        )
        phase = .aligned(to: 8)
        try emitCopies(id, slot)
        if !sees {
            try emitRoles(id, integer, slot)
        } else if tree[id].scope.rawValue > FieldScope.packetContext.rawValue {
            try emitClockUpdate(integer, slot)
        }
    }

    /// Takes a value to the slots of locations that mean it among others.
    private mutating func emitCopies(_ id: FieldID, _ slot: UInt32) throws(ProgramError) {
        for copy in slots.copies(id, in: tree) {
            try append(Instruction(.copySlot, slot: slot, operand: UInt64(copy)))
        }
    }

    private mutating func emitFloat(_ id: FieldID, _ float: FloatClass) throws(ProgramError) {
        try emitAlignment(UInt64(float.alignmentBits))
        try emitOrder(float.byteOrder, sizeBits: float.sizeBits)
        guard sees else { return try passOver(UInt64(float.sizeBits)) }
        let offset = try takeInRun(UInt64(float.sizeBits))
        let opcode: Opcode =
            if float.isReversed || float.sizeBits == 16 { .floatUnusual } else {
                float.sizeBits == 32 ? .float32 : .float64
            }
        try append(
            Instruction(
                opcode,
                flags: float.byteOrder == .bigEndian ? .bigEndian : [],
                sizeBits: UInt8(float.sizeBits),
                minimumBits: float.isReversed ? 1 : 0,
                field: id,
                operand: offset
            )
        )
    }

    /// Has the byte order watched, where fields of both orders may share a byte and this one may begin or end within
    /// one.
    private mutating func emitOrder(_ order: ByteOrder, sizeBits: UInt32) throws(ProgramError) {
        guard tree.mixesByteOrders, !(phase.isAtByte && sizeBits % 8 == 0) else { return }
        if !sees { try endRun() }
        try append(Instruction(.order, flags: order == .bigEndian ? .bigEndian : [], operand: runOffset))
    }

    // MARK: roles

    /// Whether a field does more than to have a value.
    static func hasRole(_ field: ProgramField, in tree: FieldTree) -> Bool {
        switch field.fieldClass {
        case .integer(let integer):
            if integer.roles.contains(.defaultClockTimestamp) { return true }
            switch field.scope {
            case .packetHeader, .packetContext: return !integer.roles.isEmpty || isCPUID(field, in: tree)
            case .eventHeader: return integer.roles.contains(.eventRecordClassID)
            default: return false
            }
        case .array(let array):
            return isUUID(field, array)
        case .blob(let blob):
            return isUUID(field, blob)
        default:
            return false
        }
    }

    static func isUUID(_ field: ProgramField, _ array: ArrayClass) -> Bool {
        guard field.scope == .packetHeader, array.roles.contains(.metadataStreamUUID), array.length == .constant(16),
            case .integer(let byte) = array.element
        else { return false }
        return byte.sizeBits == 8 && byte.alignmentBits <= 8 && byte.isPlain
    }

    static func isUUID(_ field: ProgramField, _ blob: BlobClass) -> Bool {
        field.scope == .packetHeader && blob.roles.contains(.metadataStreamUUID) && blob.length == .constant(16)
    }

    /// The member `cpu_id` of the packet context's root.
    private static func isCPUID(_ field: ProgramField, in tree: FieldTree) -> Bool {
        guard field.scope == .packetContext, field.name == "cpu_id", let parent = field.parent else { return false }
        return tree[parent].parent == nil
    }

    private mutating func emitRoles(_ id: FieldID, _ integer: IntegerClass, _ slot: UInt32) throws(ProgramError) {
        let field = tree[id]
        let roles = integer.roles
        try emitClockUpdate(integer, slot)
        switch field.scope {
        case .packetHeader, .packetContext:
            if roles.contains(.packetMagicNumber) { try append(Instruction(.checkMagic, slot: slot)) }
            if roles.contains(.streamClassID) { try emitRole(RunSlot.streamClassID, slot) }
            if roles.contains(.streamInstanceID) { try emitRole(RunSlot.streamInstanceID, slot) }
            if roles.contains(.packetTotalLength) { try emitRole(RunSlot.totalBits, slot) }
            if roles.contains(.packetContentLength) { try emitRole(RunSlot.contentBits, slot) }
            if roles.contains(.packetSequenceNumber) { try emitRole(RunSlot.sequenceNumber, slot) }
            if roles.contains(.packetEndTimestamp) { try emitTimestampEnd(integer, slot) }
            if roles.contains(.discardedEventCounter) { try emitRole(RunSlot.discardedEvents, slot) }
            if roles.contains(.defaultClockTimestamp) { try emitRole(RunSlot.timestampBegin, slot) }
            if Self.isCPUID(field, in: tree) { try emitRole(RunSlot.cpuID, slot) }
        case .eventHeader:
            if roles.contains(.eventRecordClassID) { try append(Instruction(.takeEventID, slot: slot)) }
        case .eventCommonContext, .eventSpecificContext, .eventPayload:
            break
        }
    }

    private mutating func emitClockUpdate(_ integer: IntegerClass, _ slot: UInt32) throws(ProgramError) {
        guard integer.roles.contains(.defaultClockTimestamp) else { return }
        let opcode: Opcode = integer.isVariableLength ? .updateClockVariable : .updateClock
        try append(Instruction(opcode, sizeBits: UInt8(integer.sizeBits), slot: slot))
    }

    private mutating func emitTimestampEnd(_ integer: IntegerClass, _ slot: UInt32) throws(ProgramError) {
        let sizeBits = integer.isVariableLength ? 0 : UInt8(integer.sizeBits)
        try append(Instruction(.takeRole, sizeBits: sizeBits, slot: slot, operand: UInt64(RunSlot.timestampEnd)))
    }

    private mutating func emitRole(_ role: Int, _ slot: UInt32) throws(ProgramError) {
        try append(Instruction(.takeRole, slot: slot, operand: UInt64(role)))
    }
}
