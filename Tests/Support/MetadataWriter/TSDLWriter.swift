package import CTF

/// Writes trace classes as TSDL text (CTF 1.8): the reverse of reading metadata, and what reading is tested against.
///
/// The text is plain: no named types, and absolute locations. What a text cannot say of a class (the least alignment
/// of an array) is left out, so that a class which has been read from a text is written without loss.
package struct TSDLWriter {
    private let trace: TraceClass
    /// The labels that options of variants give to their selectors.
    private var labels: [FieldLocation: [EnumerationMapping]] = [:]
    /// The stream class's clock.
    private var clock: ClockClass?
    /// Whether a class has come that CTF 1.8 does not have.
    private var isBeyondTSDL = false

    private init(_ trace: TraceClass) {
        self.trace = trace
    }

    /// - Returns: nil for a class with fields that only CTF 2 has.
    package static func text(_ trace: TraceClass) -> String? {
        var writer = TSDLWriter(trace)
        let text = writer.traceText()
        return writer.isBeyondTSDL ? nil : text
    }

    // MARK: blocks

    private mutating func traceText() -> String {
        var text = "/* CTF 1.8 */\ntrace {\n major = 1; minor = 8; byte_order = \(Self.word(trace.byteOrder));\n"
        if let uuid = trace.uuid { text += " uuid = \"\(uuid)\";\n" }
        collect([trace.packetHeader] + trace.streamClasses.flatMap(Self.roots))
        text += root("packet.header", .packetHeader, trace.packetHeader) + "};\n"
        if !trace.environment.isEmpty {
            text += "env {\n" + trace.environment.map(Self.entry).joined() + "};\n"
        }
        text += trace.clocks.map(Self.block).joined()
        for stream in trace.streamClasses { text += streamText(stream) }
        return text
    }

    private static func entry(_ entry: EnvironmentEntry) -> String {
        switch entry.value {
        case .text(let text): " \(entry.name) = \"\(text)\";\n"
        case .integer(let number): " \(entry.name) = \(number);\n"
        }
    }

    private static func block(_ clock: ClockClass) -> String {
        var text = "clock {\n name = \"\(clock.name)\"; freq = \(clock.frequencyHz);\n"
        if let uuid = clock.uuid { text += " uuid = \"\(uuid)\";\n" }
        if let description = clock.description { text += " description = \"\(description)\";\n" }
        text += " precision = \(clock.precisionCycles); offset_s = \(clock.offsetSeconds);"
        text += " offset = \(clock.offsetCycles); absolute = \(clock.originIsUnixEpoch ? "TRUE" : "FALSE");\n};\n"
        return text
    }

    private mutating func streamText(_ stream: StreamClass) -> String {
        clock = stream.defaultClock.map { trace.clocks[$0] }
        collect(Self.roots(stream))
        var text = "stream {\n id = \(stream.id);\n"
        text += root("packet.context", .packetContext, stream.packetContext)
        text += root("event.header", .eventHeader, stream.eventHeader)
        text += root("event.context", .eventCommonContext, stream.eventCommonContext) + "};\n"
        for event in stream.eventClasses {
            text += "event {\n name = \"\(event.name)\"; id = \(event.id); stream_id = \(stream.id);\n"
            if let level = event.logLevel { text += " loglevel = \(level);\n" }
            if let uri = event.emfURI { text += " model.emf.uri = \"\(uri)\";\n" }
            // Other event classes may have fields of the same names.
            collect([event.specificContext, event.payload])
            text += root("context", .eventSpecificContext, event.specificContext)
            text += root("fields", .eventPayload, event.payload) + "};\n"
        }
        return text
    }

    private mutating func root(_ name: String, _ scope: FieldScope, _ structure: StructureClass?) -> String {
        guard let structure else { return "" }
        return " \(name) := \(type(structure, FieldLocation(scope: scope, path: [])));\n"
    }

    // MARK: selectors

    private static func roots(_ stream: StreamClass) -> [StructureClass?] {
        [stream.packetContext, stream.eventHeader, stream.eventCommonContext]
            + stream.eventClasses.flatMap { [$0.specificContext, $0.payload] }
    }

    /// Finds the selectors that fields in these scopes have.
    private mutating func collect(_ roots: [StructureClass?]) {
        labels = [:]
        for case let root? in roots { collect(.structure(root)) }
    }

    private mutating func collect(_ fieldClass: FieldClass) {
        switch fieldClass {
        case .integer, .float, .string, .blob: break
        case .optional(let optional): collect(optional.element)
        case .array(let array): collect(array.element)
        case .structure(let structure): for member in structure.members { collect(member.fieldClass) }
        case .variant(let variant):
            for option in variant.options {
                collect(option.member.fieldClass)
                let label = option.member.metadataName
                let isKnown = labels[variant.selector]?.contains { $0.label == label } ?? false
                guard !isKnown, !option.selectorRanges.isEmpty else { continue }
                let mapping = EnumerationMapping(label: label, ranges: option.selectorRanges)
                labels[variant.selector, default: []].append(mapping)
            }
        }
    }

    // MARK: types

    private mutating func type(_ structure: StructureClass, _ location: FieldLocation) -> String {
        let members = structure.members.map { member($0, location) }.joined()
        return "struct { \(members)} align(\(structure.minimumAlignmentBits))"
    }

    /// A member or an option. The lengths of arrays stand behind the name.
    private mutating func member(_ member: StructureClass.Member, _ around: FieldLocation) -> String {
        let location = FieldLocation(scope: around.scope, path: around.path + [member.metadataName])
        var lengths = ""
        var inner = member.fieldClass
        while case .array(let array) = inner {
            switch array.length {
            case .constant(let count): lengths += "[\(count)]"
            case .field(let length): lengths += "[\(Self.path(length))]"
            }
            inner = array.element
        }
        return "\(type(inner, location)) \(member.metadataName)\(lengths); "
    }

    private mutating func type(_ fieldClass: FieldClass, _ location: FieldLocation) -> String {
        switch fieldClass {
        case .integer(let integer) where integer.isPlain:
            return type(integer, location)
        case .float(let float) where float.sizeBits > 16 && !float.isReversed:
            let digits = float.sizeBits == 32 ? "exp_dig = 8; mant_dig = 24;" : "exp_dig = 11; mant_dig = 53;"
            return "floating_point { \(digits) align = \(float.alignmentBits); "
                + "byte_order = \(Self.word(float.byteOrder)); }"
        case .string(let string) where string.length == .terminated && string.encoding.unitBytes == 1:
            return string.encoding == .utf8 ? "string" : "string { encoding = ASCII; }"
        case .structure(let structure):
            return type(structure, location)
        case .variant(let variant):
            let options = variant.options.map { member($0.member, location) }.joined()
            return "variant <\(Self.path(variant.selector))> { \(options)}"
        case .integer, .float, .string, .array, .blob, .optional:
            isBeyondTSDL = true
            return ""
        }
    }

    private func type(_ integer: IntegerClass, _ location: FieldLocation) -> String {
        var text = "integer { size = \(integer.sizeBits); align = \(integer.alignmentBits); "
        text += "signed = \(integer.isSigned); byte_order = \(Self.word(integer.byteOrder)); "
        text += "base = \(integer.displayBase); "
        if let encoding = integer.encoding { text += "encoding = \(encoding == .ascii ? "ASCII" : "UTF8"); " }
        let isTimestamp = !integer.roles.isDisjoint(with: [.defaultClockTimestamp, .packetEndTimestamp])
        if isTimestamp, let clock { text += "map = \"clock.\(clock.name).value\"; " }
        text += "}"
        let own = integer.mappings ?? []
        let mappings =
            own + (labels[location] ?? []).filter { mapping in !own.contains { $0.label == mapping.label } }
        guard !mappings.isEmpty else { return text }
        let labels = mappings.flatMap { mapping in
            mapping.ranges.map { "\"\(mapping.label)\" = \(Self.range($0, isSigned: integer.isSigned))" }
        }
        return "enum : \(text) { \(labels.joined(separator: ", ")) }"
    }

    private static func range(_ range: IntegerRange, isSigned: Bool) -> String {
        isSigned
            ? "\(Int64(bitPattern: range.lowerBits)) ... \(Int64(bitPattern: range.upperBits))"
            : "\(range.lowerBits) ... \(range.upperBits)"
    }

    private static func word(_ order: ByteOrder) -> String { order == .littleEndian ? "le" : "be" }

    private static func path(_ location: FieldLocation) -> String {
        let prefix =
            switch location.scope {
            case .packetHeader: "trace.packet.header"
            case .packetContext: "stream.packet.context"
            case .eventHeader: "stream.event.header"
            case .eventCommonContext: "stream.event.context"
            case .eventSpecificContext: "event.context"
            case .eventPayload: "event.fields"
            }
        return ([prefix] + location.path).joined(separator: ".")
    }
}
