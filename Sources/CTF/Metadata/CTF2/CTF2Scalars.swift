/// Numbers, bits and what describes them, as JSON properties give them.
enum CTF2Scalars {
    // MARK: - Numbers

    static func integer(_ name: String, _ properties: inout CTF2Properties) throws(MetadataError) -> IntegerClass {
        let isVariable = name.hasPrefix("variable-length-")
        var integer = IntegerClass(sizeBits: 64, alignmentBits: 8, isVariableLength: isVariable)
        if !isVariable {
            let size = try properties.require("length")
            guard let sizeBits = UInt32(exactly: try size.unsigned()), 1...64 ~= sizeBits else {
                throw size.invalid("lengths from 1 to 64 bits can be read")
            }
            integer.sizeBits = sizeBits
            (integer.byteOrder, integer.isReversed) = try orders(&properties)
            integer.alignmentBits = try properties.take("alignment")?.alignment() ?? 1
        }
        switch name {
        case "fixed-length-bit-array":
            integer.meaning = .bits
        case "fixed-length-bit-map":
            integer.meaning = .bits
            integer.flags = try flags(try properties.require("flags"))
        case "fixed-length-boolean":
            integer.meaning = .boolean
        default:
            integer.isSigned = name.hasSuffix("-signed-integer")
            try describe(&integer, &properties)
        }
        return integer
    }

    private static func describe(
        _ integer: inout IntegerClass,
        _ properties: inout CTF2Properties
    ) throws(MetadataError) {
        if let base = properties.take("preferred-display-base") {
            switch try base.unsigned() {
            case 2: integer.displayBase = 2
            case 8: integer.displayBase = 8
            case 10: integer.displayBase = 10
            case 16: integer.displayBase = 16
            default: throw base.invalid("bases are 2, 8, 10 and 16")
            }
        }
        if let value = properties.take("mappings") {
            let mappings = try mappings(value, isSigned: integer.isSigned)
            if !mappings.isEmpty { integer.mappings = mappings }
        }
        if !integer.isSigned { integer.roles = try roles(&properties) }
    }

    static func float(_ properties: inout CTF2Properties) throws(MetadataError) -> FloatClass {
        let size = try properties.require("length")
        let sizeBits = try size.unsigned()
        guard sizeBits == 16 || sizeBits == 32 || sizeBits == 64 else {
            throw size.invalid("floating-point numbers of 16, 32 and 64 bits can be read")
        }
        let (byteOrder, isReversed) = try orders(&properties)
        return FloatClass(
            sizeBits: UInt32(sizeBits),
            alignmentBits: try properties.take("alignment")?.alignment() ?? 1,
            byteOrder: byteOrder,
            isReversed: isReversed
        )
    }

    private static func orders(
        _ properties: inout CTF2Properties
    ) throws(MetadataError) -> (byteOrder: ByteOrder, isReversed: Bool) {
        let value = try properties.require("byte-order")
        let byteOrder: ByteOrder
        switch try value.string() {
        case "little-endian": byteOrder = .littleEndian
        case "big-endian": byteOrder = .bigEndian
        default: throw value.invalid("`byte-order`")
        }
        guard let value = properties.take("bit-order") else { return (byteOrder, false) }
        switch try value.string() {
        case "first-to-last": return (byteOrder, byteOrder == .bigEndian)
        case "last-to-first": return (byteOrder, byteOrder == .littleEndian)
        default: throw value.invalid("`bit-order`")
        }
    }

    // MARK: - Ranges

    static func ranges(_ value: JSONValue) throws(MetadataError) -> [CTF2Range] {
        let elements = try value.array()
        guard !elements.isEmpty else { throw MetadataError(.rangeInvalid, at: value.position, "no range") }
        return try elements.map { element throws(MetadataError) in
            let bounds = try element.array()
            guard bounds.count == 2 else { throw MetadataError(.rangeInvalid, at: element.position) }
            let range = CTF2Range(lower: try bounds[0].integer(), upper: try bounds[1].integer())
            guard range.lower <= range.upper else { throw MetadataError(.rangeInvalid, at: element.position) }
            return range
        }
    }

    private static func mappings(_ value: JSONValue, isSigned: Bool) throws(MetadataError) -> [EnumerationMapping] {
        try value.object().properties.map { property throws(MetadataError) in
            let ranges = try ranges(property.value).map { range throws(MetadataError) in
                let bits = range.range(isSigned: isSigned)
                // A bound that the integer cannot have is an error.
                guard let bits, range.lower >= 0 || isSigned, !isSigned || range.upper <= Int128(Int64.max) else {
                    throw MetadataError(.rangeInvalid, at: property.value.position)
                }
                return bits
            }
            return EnumerationMapping(label: property.name, ranges: ranges)
        }
    }

    private static func flags(_ value: JSONValue) throws(MetadataError) -> [EnumerationMapping] {
        let flags = try mappings(value, isSigned: false)
        guard !flags.isEmpty else { throw MetadataError(.enumerationEmpty, at: value.position, "no flags") }
        return flags
    }

    // MARK: - Texts and roles

    private static let encodings: [String: TextEncoding] = [
        "utf-8": .utf8, "utf-16le": .utf16LittleEndian, "utf-16be": .utf16BigEndian, "utf-32le": .utf32LittleEndian,
        "utf-32be": .utf32BigEndian,
    ]

    static func encoding(_ properties: inout CTF2Properties) throws(MetadataError) -> TextEncoding {
        guard let value = properties.take("encoding") else { return .utf8 }
        guard let encoding = encodings[try value.string()] else { throw value.invalid("`encoding`") }
        return encoding
    }

    private static let roleNames: [String: FieldRoles] = [
        "packet-magic-number": .packetMagicNumber, "metadata-stream-uuid": .metadataStreamUUID,
        "data-stream-class-id": .streamClassID, "data-stream-id": .streamInstanceID,
        "packet-total-length": .packetTotalLength, "packet-content-length": .packetContentLength,
        "packet-sequence-number": .packetSequenceNumber, "packet-end-default-clock-timestamp": .packetEndTimestamp,
        "discarded-event-record-counter-snapshot": .discardedEventCounter,
        "default-clock-timestamp": .defaultClockTimestamp, "event-record-class-id": .eventRecordClassID,
    ]

    /// Roles that are not known say nothing about how to decode.
    static func roles(_ properties: inout CTF2Properties) throws(MetadataError) -> FieldRoles {
        guard let value = properties.take("roles") else { return [] }
        var roles: FieldRoles = []
        for element in try value.array() { roles.formUnion(roleNames[try element.string()] ?? []) }
        return roles
    }
}
