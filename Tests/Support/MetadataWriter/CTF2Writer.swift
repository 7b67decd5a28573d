package import CTF

/// Writes trace classes as the JSON fragments of CTF 2: the reverse of reading metadata, and what reading is tested
/// against. Locations are absolute; aliases are not used.
package struct CTF2Writer {
    private let trace: TraceClass
    /// The roots of the scopes at hand, through which locations lead.
    private var roots: [FieldScope: StructureClass] = [:]

    private init(_ trace: TraceClass) {
        self.trace = trace
    }

    /// The fragments, each behind its separator.
    package static func text(_ trace: TraceClass) -> [UInt8] {
        var writer = CTF2Writer(trace)
        return writer.fragments().flatMap { [0x1E] + Array($0.utf8) + [0x0A] }
    }

    private mutating func fragments() -> [String] {
        var preamble = [property("type", "preamble"), "\"version\":2"]
        if let uuid = trace.uuid {
            let bytes = [uuid.high, uuid.low].flatMap { word in
                stride(from: 56, through: 0, by: -8).map { (shift: UInt64) in "\(word >> shift & 0xFF)" }
            }
            preamble.append("\"uuid\":[\(bytes.joined(separator: ","))]")
        }
        var fragments = [object(preamble)]
        var traceClass = [property("type", "trace-class")] + identity(trace.identity)
        if !trace.environment.isEmpty {
            let entries = trace.environment.map { entry in
                switch entry.value {
                case .text(let text): property(entry.name, text)
                case .integer(let number): "\(quoted(entry.name)):\(number)"
                }
            }
            traceClass.append("\"environment\":\(object(entries))")
        }
        traceClass += root("packet-header-field-class", .packetHeader, trace.packetHeader)
        fragments.append(object(traceClass))
        fragments += trace.clocks.enumerated().map { clock($1, $0) }
        for stream in trace.streamClasses { fragments += streamFragments(stream) }
        return fragments
    }

    private func clock(_ clock: ClockClass, _ index: Int) -> String {
        var properties = [property("type", "clock-class"), property("id", "\(index)")]
        var own = clock.identity
        own.name = clock.name
        properties += identity(own)
        properties.append("\"frequency\":\(clock.frequencyHz),\"precision\":\(clock.precisionCycles)")
        properties.append("\"accuracy\":\(clock.accuracyCycles)")
        let offset = "{\"seconds\":\(clock.offsetSeconds),\"cycles\":\(clock.offsetCycles)}"
        properties.append("\"offset-from-origin\":\(offset)")
        if clock.originIsUnixEpoch { properties.append(property("origin", "unix-epoch")) }
        if let origin = clock.origin { properties.append("\"origin\":\(object(identity(origin)))") }
        if let description = clock.description { properties.append(property("description", description)) }
        return object(properties)
    }

    private mutating func streamFragments(_ stream: StreamClass) -> [String] {
        var properties = [property("type", "data-stream-class"), "\"id\":\(stream.id)"] + identity(stream.identity)
        if let clock = stream.defaultClock { properties.append(property("default-clock-class-id", "\(clock)")) }
        properties += root("packet-context-field-class", .packetContext, stream.packetContext)
        properties += root("event-record-header-field-class", .eventHeader, stream.eventHeader)
        properties += root("event-record-common-context-field-class", .eventCommonContext, stream.eventCommonContext)
        var fragments = [object(properties)]
        for event in stream.eventClasses {
            var own = event.identity
            own.name = event.name
            var properties = [
                property("type", "event-record-class"), "\"id\":\(event.id),\"data-stream-class-id\":\(stream.id)",
            ]
            properties += identity(own)
            var attributes = event.logLevel.map { ["\"log-level\":\($0)"] } ?? []
            if let uri = event.emfURI { attributes.append(property("emf-uri", uri)) }
            if !attributes.isEmpty {
                properties.append("\"attributes\":{\"lttng.org,2009\":\(object(attributes))}")
            }
            properties += root("specific-context-field-class", .eventSpecificContext, event.specificContext)
            properties += root("payload-field-class", .eventPayload, event.payload)
            fragments.append(object(properties))
        }
        return fragments
    }

    private mutating func root(_ name: String, _ scope: FieldScope, _ structure: StructureClass?) -> [String] {
        roots[scope] = structure
        return structure.map { ["\"\(name)\":\(json(.structure($0)))"] } ?? []
    }

    // MARK: classes

    private func json(_ fieldClass: FieldClass) -> String {
        switch fieldClass {
        case .integer(let integer): return json(integer)
        case .float(let float):
            let type = property("type", "fixed-length-floating-point-number")
            return object([type] + bits(float.sizeBits, float.alignmentBits, float.byteOrder, float.isReversed))
        case .string(let string): return json(string.length, encoding: string.encoding)
        case .blob(let blob): return json(blob)
        case .structure(let structure):
            let members = structure.members.map { member in
                object([property("name", member.metadataName), "\"field-class\":\(json(member.fieldClass))"])
            }
            return object([
                property("type", "structure"), "\"minimum-alignment\":\(structure.minimumAlignmentBits)",
                "\"member-classes\":[\(members.joined(separator: ","))]",
            ])
        case .array(let array): return json(array)
        case .optional(let optional):
            var properties = [property("type", "optional"), "\"field-class\":\(json(optional.element))"]
            properties.append("\"selector-field-location\":\(json(optional.selector))")
            if !isBoolean(optional.selector) {
                let ranges = json(optional.selectorRanges, isSigned: optional.selectorIsSigned)
                properties.append("\"selector-field-ranges\":\(ranges)")
            }
            return object(properties)
        case .variant(let variant):
            let options = variant.options.map { option in
                let ranges = json(option.selectorRanges, isSigned: variant.selectorIsSigned)
                let name = option.member.name.isEmpty ? [] : [property("name", option.member.name)]
                return object(
                    name + ["\"selector-field-ranges\":\(ranges),\"field-class\":\(json(option.member.fieldClass))"]
                )
            }
            return object([
                property("type", "variant"), "\"selector-field-location\":\(json(variant.selector))",
                "\"options\":[\(options.joined(separator: ","))]",
            ])
        }
    }

    private func json(_ integer: IntegerClass) -> String {
        let type: String
        switch integer.meaning {
        case .bits: type = integer.flags.isEmpty ? "fixed-length-bit-array" : "fixed-length-bit-map"
        case .boolean: type = "fixed-length-boolean"
        case .number:
            let length = integer.isVariableLength ? "variable" : "fixed"
            type = "\(length)-length-\(integer.isSigned ? "" : "un")signed-integer"
        }
        var properties = [property("type", type)]
        if !integer.isVariableLength {
            properties += bits(integer.sizeBits, integer.alignmentBits, integer.byteOrder, integer.isReversed)
        }
        if !integer.flags.isEmpty { properties.append("\"flags\":\(json(integer.flags, isSigned: false))") }
        guard integer.meaning == .number else { return object(properties) }
        properties.append("\"preferred-display-base\":\(integer.displayBase)")
        if let mappings = integer.mappings {
            properties.append("\"mappings\":\(json(mappings, isSigned: integer.isSigned))")
        }
        return object(properties + roles(integer.roles))
    }

    private func json(_ array: ArrayClass) -> String {
        if let encoding = array.textEncoding {
            // A text of its own in CTF 2.
            switch array.length {
            case .constant(let count): return json(StringClass.Length.constant(count), encoding: encoding)
            case .field(let location): return json(StringClass.Length.field(location), encoding: encoding)
            }
        }
        if array.roles.contains(.metadataStreamUUID) {
            return json(BlobClass(length: array.length, roles: array.roles))
        }
        return object(
            lengths(array.length, "array") + [
                "\"element-field-class\":\(json(array.element)),\"minimum-alignment\":\(array.minimumAlignmentBits)"
            ]
        )
    }

    private func json(_ blob: BlobClass) -> String {
        object(lengths(blob.length, "blob") + [property("media-type", blob.mediaType)] + roles(blob.roles))
    }

    private func json(_ length: StringClass.Length, encoding: TextEncoding) -> String {
        let name =
            switch encoding {
            case .utf8, .ascii: "utf-8"
            case .utf16LittleEndian: "utf-16le"
            case .utf16BigEndian: "utf-16be"
            case .utf32LittleEndian: "utf-32le"
            case .utf32BigEndian: "utf-32be"
            }
        switch length {
        case .terminated: return object([property("type", "null-terminated-string"), property("encoding", name)])
        case .constant(let count):
            return object(lengths(.constant(count), "string") + [property("encoding", name)])
        case .field(let location):
            return object(lengths(.field(location), "string") + [property("encoding", name)])
        }
    }

    private func lengths(_ length: ArrayClass.Length, _ kind: String) -> [String] {
        switch length {
        case .constant(let count): [property("type", "static-length-\(kind)"), "\"length\":\(count)"]
        case .field(let location):
            [property("type", "dynamic-length-\(kind)"), "\"length-field-location\":\(json(location))"]
        }
    }

    private func bits(_ size: UInt32, _ alignment: UInt32, _ order: ByteOrder, _ isReversed: Bool) -> [String] {
        let isBigEndian = order == .bigEndian
        return [
            "\"length\":\(size),\"alignment\":\(alignment)",
            property("byte-order", isBigEndian ? "big-endian" : "little-endian"),
            property("bit-order", isBigEndian == isReversed ? "first-to-last" : "last-to-first"),
        ]
    }

    private func roles(_ roles: FieldRoles) -> [String] {
        let names = Self.roleNames.filter { roles.contains($0.role) }.map { quoted($0.name) }
        return names.isEmpty ? [] : ["\"roles\":[\(names.joined(separator: ","))]"]
    }

    private static let roleNames: [(role: FieldRoles, name: String)] = [
        (.packetMagicNumber, "packet-magic-number"), (.metadataStreamUUID, "metadata-stream-uuid"),
        (.streamClassID, "data-stream-class-id"), (.streamInstanceID, "data-stream-id"),
        (.packetTotalLength, "packet-total-length"), (.packetContentLength, "packet-content-length"),
        (.packetSequenceNumber, "packet-sequence-number"),
        (.packetEndTimestamp, "packet-end-default-clock-timestamp"),
        (.discardedEventCounter, "discarded-event-record-counter-snapshot"),
        (.defaultClockTimestamp, "default-clock-timestamp"), (.eventRecordClassID, "event-record-class-id"),
    ]

    // MARK: ranges and locations

    private func json(_ mappings: [EnumerationMapping], isSigned: Bool) -> String {
        object(mappings.map { "\(quoted($0.label)):\(json($0.ranges, isSigned: isSigned))" })
    }

    private func json(_ ranges: [IntegerRange], isSigned: Bool) -> String {
        let texts = ranges.map { range in
            isSigned
                ? "[\(Int64(bitPattern: range.lowerBits)),\(Int64(bitPattern: range.upperBits))]"
                : "[\(range.lowerBits),\(range.upperBits)]"
        }
        return "[\(texts.joined(separator: ","))]"
    }

    private func json(_ location: FieldLocation) -> String {
        let origins = [
            "packet-header", "packet-context", "event-record-header", "event-record-common-context",
            "event-record-specific-context", "event-record-payload",
        ]
        let names = walk(location).names.map(quoted).joined(separator: ",")
        return object([property("origin", origins[Int(location.scope.rawValue)]), "\"path\":[\(names)]"])
    }

    private func isBoolean(_ location: FieldLocation) -> Bool {
        if case .integer(let integer)? = walk(location).target { integer.meaning == .boolean } else { false }
    }

    /// The names of the members on the way, without those of options, and the class that it leads to.
    private func walk(_ location: FieldLocation) -> (names: [String], target: FieldClass?) {
        var names: [String] = []
        var current = roots[location.scope].map { FieldClass.structure($0) }
        for name in location.path {
            switch current {
            case .structure(let structure)?:
                names.append(name)
                current = structure.members.first { $0.metadataName == name }?.fieldClass
            case .variant(let variant)?:
                current = variant.options.first { $0.member.metadataName == name }?.member.fieldClass
            default: return (names, nil)
            }
            current = Self.innermost(current)
        }
        return (names, current)
    }

    private static func innermost(_ fieldClass: FieldClass?) -> FieldClass? {
        switch fieldClass {
        case .array(let array)?: innermost(array.element)
        case .optional(let optional)?: innermost(optional.element)
        default: fieldClass
        }
    }

    // MARK: JSON

    private func identity(_ identity: ClassIdentity) -> [String] {
        [("namespace", identity.namespace), ("name", identity.name), ("uid", identity.uid)].compactMap { name, value in
            value.map { property(name, $0) }
        }
    }

    private func object(_ properties: [String]) -> String { "{\(properties.joined(separator: ","))}" }

    private func property(_ name: String, _ value: String) -> String { "\(quoted(name)):\(quoted(value))" }

    private func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case "\u{0}"..<" ": result += "\\u00\(scalar.value < 16 ? "0" : "")\(String(scalar.value, radix: 16))"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
