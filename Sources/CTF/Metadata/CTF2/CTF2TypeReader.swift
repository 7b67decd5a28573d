/// Makes field types of JSON values (CTF 2, section 5.3).
///
/// Depth is bounded by that of the JSON text and, with aliases, by `MetadataLimits.nestingMax`.
struct CTF2TypeReader: Sendable {
    let limits: MetadataLimits
    private var aliases: [ExactText: CTF2FieldType] = [:]

    init(limits: MetadataLimits) {
        self.limits = limits
    }

    mutating func addAlias(_ name: JSONValue, _ type: CTF2FieldType) throws(MetadataError) {
        let text = try name.string()
        guard aliases.updateValue(type, forKey: ExactText(text)) == nil else {
            throw MetadataError(.duplicateName, at: name.position, "alias `\(text)`")
        }
    }

    /// The type of a class, or of the alias of that name.
    func type(_ value: JSONValue) throws(MetadataError) -> CTF2FieldType {
        if case .string(let name) = value.kind {
            guard let type = aliases[ExactText(name)] else {
                throw MetadataError(.unknownType, at: value.position, "`\(name)`", missing: .type(name))
            }
            return type
        }
        var properties = try CTF2Properties(value)
        let name = try properties.require("type")
        let type = CTF2FieldType(try kind(try name.string(), at: name.position, &properties))
        try properties.finish()
        guard type.depth <= limits.nestingMax else { throw MetadataError(.nestedTooDeeply, at: value.position) }
        return type
    }

    private func kind(
        _ name: String,
        at position: MetadataPosition,
        _ properties: inout CTF2Properties
    ) throws(MetadataError) -> CTF2FieldType.Kind {
        switch name {
        case "fixed-length-bit-array", "fixed-length-bit-map", "fixed-length-boolean",
            "fixed-length-unsigned-integer", "fixed-length-signed-integer", "variable-length-unsigned-integer",
            "variable-length-signed-integer":
            return .scalar(.integer(try CTF2Scalars.integer(name, &properties)))
        case "fixed-length-floating-point-number":
            return .scalar(.float(try CTF2Scalars.float(&properties)))
        case "null-terminated-string":
            return .scalar(.string(StringClass(encoding: try CTF2Scalars.encoding(&properties))))
        case "static-length-string":
            let length = StringClass.Length.constant(try constantLength(&properties))
            return .scalar(.string(StringClass(encoding: try CTF2Scalars.encoding(&properties), length: length)))
        case "dynamic-length-string":
            return .text(try CTF2Scalars.encoding(&properties), length: try lengthLocation(&properties))
        case "static-length-blob":
            var blob = BlobClass(length: .constant(try constantLength(&properties)))
            blob.mediaType = try mediaType(&properties)
            blob.roles = try CTF2Scalars.roles(&properties)
            return .scalar(.blob(blob))
        case "dynamic-length-blob":
            return .blob(mediaType: try mediaType(&properties), length: try lengthLocation(&properties))
        case "structure":
            return try structure(&properties)
        case "static-length-array":
            return try array(length: .constant(try constantLength(&properties)), &properties)
        case "dynamic-length-array":
            return try array(length: .field(try lengthLocation(&properties)), &properties)
        case "optional":
            return try optional(&properties)
        case "variant":
            return try variant(&properties)
        default:
            throw MetadataError(.unknownType, at: position, "`\(name)`")
        }
    }

    /// The name of a member, which is looked for again and again.
    private func name(_ value: JSONValue) throws(MetadataError) -> String {
        let name = try value.string()
        guard name.utf8.count <= limits.nameBytesMax else { throw MetadataError(.nameTooLong, at: value.position) }
        return name
    }

    // MARK: - Lengths

    private func constantLength(_ properties: inout CTF2Properties) throws(MetadataError) -> UInt64 {
        let value = try properties.require("length")
        let length = try value.unsigned()
        guard length <= limits.arrayLengthMax else { throw MetadataError(.arrayTooLong, at: value.position) }
        return length
    }

    private func lengthLocation(_ properties: inout CTF2Properties) throws(MetadataError) -> CTF2Location {
        try location(try properties.require("length-field-location"))
    }

    private func mediaType(_ properties: inout CTF2Properties) throws(MetadataError) -> String {
        try properties.take("media-type")?.string() ?? BlobClass.defaultMediaType
    }

    private static let origins: [String: FieldScope] = [
        "packet-header": .packetHeader, "packet-context": .packetContext, "event-record-header": .eventHeader,
        "event-record-common-context": .eventCommonContext,
        "event-record-specific-context": .eventSpecificContext, "event-record-payload": .eventPayload,
    ]

    private func location(_ value: JSONValue) throws(MetadataError) -> CTF2Location {
        let object = try value.object()
        for property in object.properties where property.name != "origin" && property.name != "path" {
            throw MetadataError(.attributeUnknown, at: property.value.position, "`\(property.name)`")
        }
        var origin: FieldScope?
        if let value = object["origin"] {
            guard let scope = Self.origins[try value.string()] else { throw value.invalid("`origin`") }
            origin = scope
        }
        guard let path = object["path"] else {
            throw MetadataError(.attributeMissing, at: value.position, "`path`")
        }
        let names = try path.array().map { element throws(MetadataError) -> String? in
            if case .null = element.kind { return nil }
            return try self.name(element)
        }
        guard let last = names.last, last != nil else { throw path.invalid("a path ends with a name") }
        guard names.count <= limits.nestingMax else { throw MetadataError(.nestedTooDeeply, at: path.position) }
        return CTF2Location(origin: origin, path: names, position: value.position)
    }

    // MARK: - Compounds

    private func minimumAlignment(_ properties: inout CTF2Properties) throws(MetadataError) -> UInt32 {
        try properties.take("minimum-alignment")?.alignment() ?? 1
    }

    private func structure(_ properties: inout CTF2Properties) throws(MetadataError) -> CTF2FieldType.Kind {
        var members = CTF2Members()
        if let value = properties.take("member-classes") {
            let elements = try value.array()
            guard elements.count <= limits.membersMax else { throw MetadataError(.tooManyFields, at: value.position) }
            for element in elements {
                var member = try CTF2Properties(element)
                let name = try self.name(try member.require("name"))
                let type = try type(try member.require("field-class"))
                try member.finish()
                guard members.append(name, type) else {
                    throw MetadataError(.duplicateName, at: element.position, "member `\(name)`")
                }
            }
        }
        return .structure(members, minimumAlignmentBits: try minimumAlignment(&properties))
    }

    private func array(
        length: CTF2Length,
        _ properties: inout CTF2Properties
    ) throws(MetadataError) -> CTF2FieldType.Kind {
        let element = try type(try properties.require("element-field-class"))
        return .array(element, length: length, minimumAlignmentBits: try minimumAlignment(&properties))
    }

    private func optional(_ properties: inout CTF2Properties) throws(MetadataError) -> CTF2FieldType.Kind {
        let selector = try location(try properties.require("selector-field-location"))
        let ranges = try properties.take("selector-field-ranges").map(CTF2Scalars.ranges)
        return .optional(try type(try properties.require("field-class")), selector: selector, ranges: ranges)
    }

    private func variant(_ properties: inout CTF2Properties) throws(MetadataError) -> CTF2FieldType.Kind {
        let selector = try location(try properties.require("selector-field-location"))
        let value = try properties.require("options")
        let elements = try value.array()
        guard !elements.isEmpty else { throw value.invalid("a variant has an option at least") }
        guard elements.count <= limits.membersMax else { throw MetadataError(.tooManyFields, at: value.position) }
        var names: Set<ExactText> = []
        let options = try elements.map { element throws(MetadataError) in
            var option = try CTF2Properties(element)
            let name = try option.take("name")?.string()
            if let name, !names.insert(ExactText(name)).inserted {
                throw MetadataError(.duplicateName, at: element.position, "option `\(name)`")
            }
            let ranges = try CTF2Scalars.ranges(try option.require("selector-field-ranges"))
            let type = try type(try option.require("field-class"))
            try option.finish()
            return CTF2Option(name: name, ranges: ranges, type: type)
        }
        guard !Self.haveCommonValue(options) else {
            throw MetadataError(.rangeInvalid, at: value.position, "a selector that chooses two options")
        }
        return .variant(options, selector: selector)
    }

    /// Whether a value chooses more than one option.
    private static func haveCommonValue(_ options: [CTF2Option]) -> Bool {
        let ranges = options.enumerated().flatMap { index, option in option.ranges.map { (range: $0, option: index) } }
        var last: (upper: Int128, option: Int)?
        for (range, option) in ranges.sorted(by: { $0.range.lower < $1.range.lower }) {
            if let last, range.lower <= last.upper, last.option != option { return true }
            if range.upper > last?.upper ?? Int128.min { last = (range.upper, option) }
        }
        return false
    }
}
