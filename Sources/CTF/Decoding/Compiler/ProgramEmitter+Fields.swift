extension ProgramEmitter {
    mutating func emit(_ id: FieldID) throws(ProgramError) {
        switch tree[id].fieldClass {
        case .integer(let integer):
            try emitInteger(id, integer)
        case .float(let float):
            try emitFloat(id, float)
        case .string:
            try emitAlignment(8)
            let skip = takePendingSkip()
            try endRun()
            try append(Instruction(.string, field: id, operand: skip))
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
        let slot = slots.slot(id, in: tree) ?? RoleSlot.scratch
        if sees {
            try cover(UInt64(size))
            let opcode = Self.opcode(sizeBits: size, isSigned: integer.isSigned, isAtByte: phase.isAtByte)
            try append(Instruction(opcode, flags: flags, sizeBits: size, slot: slot, field: id))
            phase.advance(UInt64(size))
            if tree[id].scope.rawValue > FieldScope.packetContext.rawValue { try emitClockUpdate(integer) }
        } else if hasEffects[Int(id.rawValue)] {
            let skip = takePendingSkip()
            try endRun()
            try append(Instruction(.load, flags: flags, sizeBits: size, slot: slot, field: id, operand: skip))
            phase.advance(UInt64(size))
            try emitRoles(id, integer)
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
        try cover(UInt64(float.sizeBits))
        try append(
            Instruction(
                float.sizeBits == 32 ? .float32 : .float64,
                flags: float.byteOrder == .bigEndian ? .bigEndian : [],
                sizeBits: UInt8(float.sizeBits),
                field: id
            )
        )
        phase.advance(UInt64(float.sizeBits))
    }

    /// Has the byte order watched, where fields of both orders may share a byte and this one may begin or end within one.
    private mutating func emitOrder(_ order: ByteOrder, sizeBits: UInt32) throws(ProgramError) {
        guard tree.mixesByteOrders, !(phase.isAtByte && sizeBits % 8 == 0) else { return }
        if !sees { try endRun() }
        try append(Instruction(.order, flags: order == .bigEndian ? .bigEndian : []))
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

    private mutating func emitRoles(_ id: FieldID, _ integer: IntegerClass) throws(ProgramError) {
        let field = tree[id]
        let roles = integer.roles
        try emitClockUpdate(integer)
        switch field.scope {
        case .packetHeader, .packetContext:
            if roles.contains(.packetMagicNumber) { try append(Instruction(.checkMagic)) }
            if roles.contains(.streamClassID) { try emitRole(RoleSlot.streamClassID) }
            if roles.contains(.streamInstanceID) { try emitRole(RoleSlot.streamInstanceID) }
            if roles.contains(.packetTotalLength) { try emitRole(RoleSlot.totalBits) }
            if roles.contains(.packetContentLength) { try emitRole(RoleSlot.contentBits) }
            if roles.contains(.packetSequenceNumber) { try emitRole(RoleSlot.sequenceNumber) }
            if roles.contains(.packetEndTimestamp) { try emitRole(RoleSlot.timestampEnd) }
            if roles.contains(.discardedEventCounter) { try emitRole(RoleSlot.discardedEvents) }
            if roles.contains(.defaultClockTimestamp) { try emitRole(RoleSlot.timestampBegin, takesClock: true) }
            if Self.isCPUID(field, in: tree) { try emitRole(RoleSlot.cpuID) }
        case .eventHeader:
            if roles.contains(.eventRecordClassID) { try append(Instruction(.takeEventID)) }
        case .eventCommonContext, .eventSpecificContext, .eventPayload:
            break
        }
    }

    private mutating func emitClockUpdate(_ integer: IntegerClass) throws(ProgramError) {
        guard integer.roles.contains(.defaultClockTimestamp) else { return }
        try append(Instruction(.updateClock, sizeBits: UInt8(integer.sizeBits)))
    }

    private mutating func emitRole(_ slot: UInt32, takesClock: Bool = false) throws(ProgramError) {
        try append(Instruction(.takeRole, slot: slot, operand: takesClock ? 1 : 0))
    }
}
