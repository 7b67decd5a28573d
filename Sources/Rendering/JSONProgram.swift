import CTF

/// A trace program prepared for JSON: for each field `,"name":` and what opens its value, for each event class its
/// name.
///
/// Immutable once made; visitors read its memory through pointers while the renderer holds it.
final class JSONProgram {
    struct Field: BitwiseCopyable {
        /// The first one in its structure or array leaves out the comma.
        var lead = LiteralArena.Literal()
        /// Index in `enumerations`; -1 for none, -2 for a boolean.
        var enumeration: Int32 = -1
        var encoding = TextEncoding.utf8
    }

    struct Event: BitwiseCopyable {
        /// `,"name":"…","level":N`.
        var header = LiteralArena.Literal()
        /// Nil for events without a time.
        var clock: ClockConversion?
    }

    let fields: UnsafeMutablePointer<Field>
    let events: UnsafeMutablePointer<Event>
    let literals: UnsafeMutablePointer<UInt8>
    /// `,"fields":{` and so on, by scope.
    let scopes: UnsafeMutablePointer<LiteralArena.Literal>
    let enumerations: UnsafeMutablePointer<EnumerationLabels>
    let enumerationCount: Int
    /// Bytes of all literals together.
    let literalBytes: Int

    init(_ program: TraceProgram) {
        var arena = LiteralArena()
        let labels = program.enumerations.map { enumeration in
            EnumerationLabels(enumeration) { label in arena.add(Self.quoted(label)) }
        }
        let preparedFields = program.fields.map { Self.field($0, program: program, arena: &arena) }
        let preparedEvents = program.events.map { event in
            var header = ",\"name\":" + Self.quoted(event.eventClass.name)
            if let level = event.eventClass.logLevel { header += ",\"level\":\(level)" }
            return Event(header: arena.add(header), clock: event.clockConversion)
        }
        let preparedScopes = FieldScope.allCases.map { arena.add(",\"\(Self.name(of: $0))\":{") }
        fields = allocated(preparedFields)
        events = allocated(preparedEvents)
        scopes = allocated(preparedScopes)
        literals = arena.allocated()
        literalBytes = arena.byteCount
        enumerations = allocated(labels)
        enumerationCount = labels.count
    }

    deinit {
        for index in 0..<enumerationCount { enumerations[index].deallocate() }
        enumerations.deallocate()
        fields.deallocate()
        events.deallocate()
        scopes.deallocate()
        literals.deallocate()
    }

    private static func field(
        _ source: ProgramField,
        program: TraceProgram,
        arena: inout LiteralArena
    ) -> Field {
        var field = Field()
        var lead = ""
        if let parent = source.parent {
            switch program.fields[Int(parent.rawValue)].fieldClass {
            case .array: lead = ","
            // Stands where the variant's name has led to.
            case .variant, .optional: break
            default: lead = "," + quoted(source.name) + ":"
            }
        }
        switch source.fieldClass {
        case .integer(let integer):
            if integer.meaning == .boolean { field.enumeration = -2 }
            guard let enumeration = source.enumeration else { break }
            field.enumeration = Int32(enumeration)
            lead += "{\"value\":"
        case .float, .variant, .optional: break
        case .string(let string):
            lead += "\""
            field.encoding = string.encoding
        case .blob: lead += "\""
        case .structure: lead += "{"
        case .array(let array): lead += array.textEncoding == nil ? "[" : "\""
        }
        field.lead = arena.add(lead)
        return field
    }

    private static func name(of scope: FieldScope) -> String {
        switch scope {
        case .packetHeader: "packet_header"
        case .packetContext: "packet"
        case .eventHeader: "header"
        case .eventCommonContext: "stream_context"
        case .eventSpecificContext: "context"
        case .eventPayload: "fields"
        }
    }

    private static func quoted(_ text: String) -> String {
        var pen = OutputPen(capacityBytes: 64)
        defer { pen.deallocate() }
        pen.appendJSON(text)
        return String(decoding: UnsafeBufferPointer(start: pen.base, count: pen.count), as: UTF8.self)
    }

}
