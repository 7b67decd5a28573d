extension ProgramEmitter {
    mutating func emit(_ id: FieldID) throws(ProgramError) {
        switch tree[id].fieldClass {
        case .integer(let integer):
            try emitInteger(id, integer)
        case .float(let float):
            try emitFloat(id, float)
        case .string:
            try emitAlignment(8)
            try append(Instruction(.string, field: id, operand: takeSkip()))
            phase = .aligned(to: 8)
        case .structure:
            try emitAlignment(tree.layout(id).alignmentBits)
            if sees { try append(Instruction(.beginStructure, field: id)) }
            for child in tree[id].children { try emit(child) }
            if sees { try append(Instruction(.endStructure, field: id)) }
        case .array(let array):
            try emitAlignment(tree.layout(id).alignmentBits)
            switch array.length {
            case .constant(let count):
                try emitArray(id, array, count: count)
            case .field(let location):
                try emitSequence(id, array, lengthSlot: slot(location))
            }
        case .variant(let variant):
            try emitVariant(id, variant)
        }
    }

    /// The slot of the value at a location.
    func slot(_ location: FieldLocation) -> UInt32 {
        slots.slot(location, root: scopes[location.scope], in: tree)
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
            let opcode = Self.opcode(sizeBits: size, isSigned: integer.isSigned, isAtByte: phase.isAtByte)
            let offset = try takeInRun(UInt64(size))
            try append(
                Instruction(opcode, flags: flags, sizeBits: size, slot: slot, field: id, operand: offset)
            )
            if tree[id].scope.rawValue > FieldScope.packetContext.rawValue { try emitClockUpdate(integer, slot) }
        } else if hasEffects[Int(id.rawValue)] {
            try append(
                Instruction(.load, flags: flags, sizeBits: size, slot: slot, field: id, operand: takeSkip())
            )
            phase.advance(UInt64(size))
            try emitRoles(id, integer, slot)
        } else {
            try passOver(UInt64(size))
        }
    }

    private static func opcode(sizeBits: UInt8, isSigned: Bool, isAtByte: Bool) -> Opcode {
        switch (sizeBits, isAtByte) {
        case (8, true): isSigned ? .signed8 : .unsigned8
        case (16, true): isSigned ? .signed16 : .unsigned16
        case (32, true): isSigned ? .signed32 : .unsigned32
        case (64, true): isSigned ? .signed64 : .unsigned64
        default: isSigned ? .signedBits : .unsignedBits
        }
    }

    private mutating func emitFloat(_ id: FieldID, _ float: FloatClass) throws(ProgramError) {
        try emitAlignment(UInt64(float.alignmentBits))
        try emitOrder(float.byteOrder, sizeBits: float.sizeBits)
        guard sees else { return try passOver(UInt64(float.sizeBits)) }
        let offset = try takeInRun(UInt64(float.sizeBits))
        try append(
            Instruction(
                float.sizeBits == 32 ? .float32 : .float64,
                flags: float.byteOrder == .bigEndian ? .bigEndian : [],
                sizeBits: UInt8(float.sizeBits),
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
        default:
            return false
        }
    }

    static func isUUID(_ field: ProgramField, _ array: ArrayClass) -> Bool {
        guard field.scope == .packetHeader, array.roles.contains(.metadataStreamUUID), array.length == .constant(16),
            case .integer(let byte) = array.element
        else { return false }
        return byte.sizeBits == 8 && byte.alignmentBits <= 8
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
            if roles.contains(.packetEndTimestamp) { try emitRole(RunSlot.timestampEnd, slot) }
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
        try append(Instruction(.updateClock, sizeBits: UInt8(integer.sizeBits), slot: slot))
    }

    private mutating func emitRole(_ role: Int, _ slot: UInt32) throws(ProgramError) {
        try append(Instruction(.takeRole, slot: slot, operand: UInt64(role)))
    }
}
