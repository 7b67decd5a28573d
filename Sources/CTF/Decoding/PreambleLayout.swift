/// Where the fields of a packet's header and context lie that say what the packet is: for whoever writes another packet
/// of the same stream.
///
/// Known where all fields before them are of constant size, as in all of LTTng's traces.
package struct PreambleLayout: Sendable, Equatable {
    /// What a field says.
    package enum Meaning: Sendable, Equatable {
        case totalBits
        case contentBits
        case timestampBegin
        case timestampEnd
        case sequenceNumber
        case discardedEvents
        // Of the packet header: known where they can be.
        case magicNumber
        case streamClassID
        case streamInstanceID
    }

    /// A field of the packet header or context.
    package struct Field: Sendable, Equatable {
        package var meaning: Meaning
        /// Bits from the packet's start.
        package var positionBits: UInt64
        /// 1 ... 64.
        package var sizeBits: UInt32
        package var byteOrder: ByteOrder
    }

    /// Fields in order of their position.
    package private(set) var fields: [Field] = []
    /// Where the preamble ends, bits from the packet's start; nil where only a packet tells.
    package private(set) var preambleBits: UInt64?
    /// Where the trace's UUID lies, bits from the packet's start; nil where packets do not carry it.
    package private(set) var uuidBits: UInt64?
    /// How many bits of time each event's header gives at least; 64 where it gives all, or none.
    package private(set) var eventTimeBits: UInt32 = 64
    /// Where an event may begin so that it reads as it does elsewhere: positions that are the same by this modulus.
    package private(set) var alignmentBits: UInt64 = 8
    /// Where every event begins: at the next multiple of so many bits.
    package private(set) var eventAlignmentBits: UInt64 = 1

    /// Whether packets say how long they are.
    package var isSized: Bool { self[.totalBits] != nil || self[.contentBits] != nil }

    package subscript(meaning: Meaning) -> Field? { fields.first { $0.meaning == meaning } }

    /// - Returns: nil where a field of variable size, or one that is no plain number, stands before one that is needed.
    package init?(_ traceClass: TraceClass, streamClassID: UInt64) {
        guard let streamClass = traceClass.streamClasses.first(where: { $0.id == streamClassID }) else { return nil }
        var position: UInt64? = 0
        for (scope, isContext) in [(traceClass.packetHeader, false), (streamClass.packetContext, true)] {
            guard let scope else { continue }
            guard add(scope, isContext: isContext, at: &position) else { return nil }
        }
        preambleBits = position
        let scopes = [streamClass.eventHeader, streamClass.eventCommonContext]
        let events = streamClass.eventClasses.flatMap { [$0.specificContext, $0.payload] }
        for case let scope? in scopes + events {
            alignmentBits = max(alignmentBits, Self.greatestAlignment(.structure(scope)))
        }
        let first = scopes.compactMap { $0 }.first { !$0.members.isEmpty }
        eventAlignmentBits = first.map { Self.layout(.structure($0)).alignmentBits } ?? 1
        if let header = streamClass.eventHeader {
            eventTimeBits = Self.leastTimeBits(.structure(header)) ?? 64
        }
    }

    /// - Parameter position: nil once it is not known any more.
    /// - Returns: false when what is needed lies where nobody knows.
    private mutating func add(_ structure: StructureClass, isContext: Bool, at position: inout UInt64?) -> Bool {
        let layout = Self.layout(.structure(structure))
        position = position.map { FieldLayout.aligned($0, to: layout.alignmentBits) }
        for member in structure.members {
            let layout = Self.layout(member.fieldClass)
            position = position.map { FieldLayout.aligned($0, to: layout.alignmentBits) }
            switch member.fieldClass {
            case .structure(let inner):
                guard add(inner, isContext: isContext, at: &position) else { return false }
                continue
            case .integer(let integer):
                guard let meaning = Self.meaning(integer.roles, isContext: isContext) else { break }
                guard let position, integer.isPlain else {
                    if isContext { return false }
                    break
                }
                fields.append(
                    Field(
                        meaning: meaning,
                        positionBits: position,
                        sizeBits: integer.sizeBits,
                        byteOrder: integer.byteOrder
                    )
                )
            case .array(let array) where array.roles.contains(.metadataStreamUUID):
                guard let position, position % 8 == 0 else { return false }
                uuidBits = position
            case .blob, .array, .float, .string, .variant, .optional: break
            }
            position = position.flatMap { start in layout.fixedBits.map { FieldLayout.sum(start, $0) } }
        }
        return true
    }

    private static func meaning(_ roles: FieldRoles, isContext: Bool) -> Meaning? {
        let ofHeader: [(FieldRoles, Meaning)] = [
            (.packetMagicNumber, .magicNumber), (.streamClassID, .streamClassID),
            (.streamInstanceID, .streamInstanceID),
        ]
        let ofContext: [(FieldRoles, Meaning)] = [
            (.packetTotalLength, .totalBits), (.packetContentLength, .contentBits),
            (.packetEndTimestamp, .timestampEnd), (.packetSequenceNumber, .sequenceNumber),
            (.discardedEventCounter, .discardedEvents), (.defaultClockTimestamp, .timestampBegin),
        ]
        return (isContext ? ofContext : ofHeader).first { roles.contains($0.0) }?.1
    }

    // Depth is bounded by that of metadata.
    private static func layout(_ fieldClass: FieldClass) -> FieldLayout {
        var layout = FieldLayout()
        switch fieldClass {
        case .integer(let integer):
            layout.alignmentBits = UInt64(integer.alignmentBits)
            layout.fixedBits = integer.isVariableLength ? nil : UInt64(integer.sizeBits)
        case .float(let float):
            layout.alignmentBits = UInt64(float.alignmentBits)
            layout.fixedBits = UInt64(float.sizeBits)
        case .string: layout.alignmentBits = 8
        case .structure(let structure):
            layout = FieldLayout(
                structureOf: structure.members.map { Self.layout($0.fieldClass) },
                minimumAlignmentBits: UInt64(structure.minimumAlignmentBits)
            )
        case .array(let array):
            let element = Self.layout(array.element)
            layout.alignmentBits = max(UInt64(array.minimumAlignmentBits), element.alignmentBits)
            if case .constant(let count) = array.length, element.fixedBits != nil {
                layout.fixedBits = element.fixedBits(count: count)
            }
        case .blob(let blob):
            layout.alignmentBits = 8
            if case .constant(let count) = blob.length { layout.fixedBits = FieldLayout.product(count, 8) }
        case .variant, .optional: break
        }
        return layout
    }

    private static func greatestAlignment(_ fieldClass: FieldClass) -> UInt64 {
        let own = layout(fieldClass).alignmentBits
        switch fieldClass {
        case .structure(let structure):
            return structure.members.reduce(own) { max($0, greatestAlignment($1.fieldClass)) }
        case .array(let array): return max(own, greatestAlignment(array.element))
        case .variant(let variant):
            return variant.options.reduce(own) { max($0, greatestAlignment($1.member.fieldClass)) }
        case .optional(let optional): return max(own, greatestAlignment(optional.element))
        case .integer(let integer): return integer.isVariableLength ? max(own, 8) : own
        case .float, .string, .blob: return own
        }
    }

    /// Of all fields that set the clock, the least bits; nil where there is none.
    private static func leastTimeBits(_ fieldClass: FieldClass) -> UInt32? {
        switch fieldClass {
        case .integer(let integer):
            guard integer.roles.contains(.defaultClockTimestamp) else { return nil }
            return integer.isVariableLength ? 1 : integer.sizeBits
        case .structure(let structure): return structure.members.compactMap { leastTimeBits($0.fieldClass) }.min()
        case .variant(let variant): return variant.options.compactMap { leastTimeBits($0.member.fieldClass) }.min()
        case .array(let array): return leastTimeBits(array.element)
        case .optional(let optional): return leastTimeBits(optional.element)
        case .float, .string, .blob: return nil
        }
    }
}
