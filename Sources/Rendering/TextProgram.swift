import CTF

/// A trace program prepared for text: for each field what stands before its value, for each event class its header.
///
/// Immutable once made; visitors read its memory through pointers while the renderer holds it.
final class TextProgram {
    enum Form: UInt8 {
        case decimal
        case binary
        case octal
        case hexadecimal
        case boolean
    }

    struct Field: BitwiseCopyable {
        /// `, name = ` and what opens the value. A structure's first member leaves out the comma.
        /// An array's element has only what opens the value.
        var lead = LiteralArena.Literal()
        /// Index in `enumerations`; -1 for none.
        var enumeration: Int32 = -1
        var form = Form.decimal
        var sizeBits: UInt8 = 0
        /// Whether `[index] = ` comes before.
        var isIndexed = false
        var encoding = TextEncoding.utf8
    }

    struct Event: BitwiseCopyable {
        /// Everything between the time and the first scope, or the long beginning of it that all events have.
        var header = LiteralArena.Literal()
        /// What follows then.
        var rest = LiteralArena.Literal()
        /// Nil for events without a time.
        var clock: ClockConversion?
    }

    let fields: UnsafeMutablePointer<Field>
    let events: UnsafeMutablePointer<Event>
    let literals: UnsafeMutablePointer<UInt8>
    /// `stream.packet.context = {` and so on, by scope.
    let scopes: UnsafeMutablePointer<LiteralArena.Literal>
    let enumerations: UnsafeMutablePointer<EnumerationLabels>
    let enumerationCount: Int
    /// Bytes of all literals together.
    let literalBytes: Int
    /// Where in an array the visitor is, a place for each array around it.
    let indexes: UnsafeMutablePointer<UInt64>

    /// - Parameter traceName: the trace's name; nil for a trace that has none, as live ones.
    init(_ program: TraceProgram, options: TextOptions, traceName: String?) {
        var builder = TextProgramBuilder(options: options, program: program, traceName: traceName)
        let labels = program.enumerations.map { builder.labels($0) }
        let preparedFields = program.fields.indices.map { builder.field($0) }
        let preparedEvents = program.events.map { builder.event($0) }
        let preparedScopes = FieldScope.allCases.map { builder.scope($0) }
        fields = allocated(preparedFields)
        events = allocated(preparedEvents)
        scopes = allocated(preparedScopes)
        enumerations = allocated(labels)
        enumerationCount = labels.count
        literals = builder.arena.allocated()
        literalBytes = builder.arena.byteCount
        indexes = allocated(Array(repeating: 0, count: builder.arrayDepthMax + 1))
    }

    deinit {
        for index in 0..<enumerationCount { enumerations[index].deallocate() }
        enumerations.deallocate()
        fields.deallocate()
        events.deallocate()
        scopes.deallocate()
        literals.deallocate()
        indexes.deallocate()
    }

}

/// Makes the parts of a `TextProgram`.
struct TextProgramBuilder {
    let options: TextOptions
    let program: TraceProgram
    var arena = LiteralArena()
    var arrayDepthMax = 0
    private let header: HeaderText
    /// What all headers begin with, of events with and without a time.
    private let starts: (timed: LiteralArena.Literal, untimed: LiteralArena.Literal)

    /// Longer beginnings of headers are not repeated in each.
    private static let repeatedStartBytesMax = 256

    init(options: TextOptions, program: TraceProgram, traceName: String?) {
        self.options = options
        self.program = program
        header = HeaderText(options: options, traceClass: program.traceClass, traceName: traceName)
        starts = (arena.add(header.start(isTimed: true)), arena.add(header.start(isTimed: false)))
    }

    // MARK: Fields

    mutating func labels(_ enumeration: ProgramEnumeration) -> EnumerationLabels {
        EnumerationLabels(enumeration) { label in arena.add { TextEscapes.appendQuoted(label, to: &$0) } }
    }

    mutating func field(_ index: Int) -> TextProgram.Field {
        let source = program.fields[index]
        var field = TextProgram.Field()
        var lead = ""
        let showsNames = options.names.contains(source.scope == .eventPayload ? .payload : .context)
        if let parent = source.parent {
            switch program.fields[Int(parent.rawValue)].fieldClass {
            case .array where showsNames: field.isIndexed = true
            // The option of a variant has no name; the comma is left out since it is alone.
            case .array, .variant, .optional: lead = ", "
            default: lead = showsNames ? ", \(source.name) = " : ", "
            }
        }
        switch source.fieldClass {
        case .integer(let integer):
            field.sizeBits = UInt8(clamping: integer.sizeBits)
            switch integer.displayBase {
            case 2: field.form = .binary
            case 8: field.form = .octal
            case 16: field.form = .hexadecimal
            default: field.form = .decimal
            }
            switch integer.meaning {
            case .number: break
            case .boolean: field.form = .boolean
            case .bits: field.form = .hexadecimal
            }
            if let enumeration = source.enumeration {
                field.enumeration = Int32(enumeration)
                lead += "( "
            }
        case .float: break
        case .string(let string):
            lead += "\""
            field.encoding = string.encoding
        case .structure: lead += "{"
        case .variant: lead += "{"
        // What follows shows whether there is a value.
        case .optional: break
        case .blob: lead += "{"
        case .array(let array):
            lead += array.textEncoding == nil ? "[" : "\""
            arrayDepthMax = max(arrayDepthMax, arrayDepth(of: index))
        }
        field.lead = arena.add(lead)
        return field
    }

    /// How many arrays there are from the scope's root to the field, itself included.
    private func arrayDepth(of index: Int) -> Int {
        var depth = 0
        var next: FieldID? = FieldID(rawValue: UInt32(index))
        while let id = next {
            let field = program.fields[Int(id.rawValue)]
            if case .array = field.fieldClass { depth += 1 }
            next = field.parent
        }
        return depth
    }

    // MARK: Scopes and headers

    mutating func scope(_ scope: FieldScope) -> LiteralArena.Literal {
        guard options.names.contains(.scope) else { return arena.add("{") }
        let name =
            switch scope {
            case .packetHeader: "packet.header"
            case .packetContext: "stream.packet.context"
            case .eventHeader: "stream.event.header"
            case .eventCommonContext: "stream.event.context"
            case .eventSpecificContext: "event.context"
            case .eventPayload: "event.fields"
            }
        return arena.add(name + " = {")
    }

    mutating func event(_ event: ProgramEvent) -> TextProgram.Event {
        let clock = event.clockConversion
        let start = clock == nil ? starts.untimed : starts.timed
        let rest = header.rest(of: event.eventClass, isTimed: clock != nil)
        guard start.count <= Self.repeatedStartBytesMax else {
            return TextProgram.Event(header: start, rest: arena.add(rest), clock: clock)
        }
        return TextProgram.Event(header: arena.add(header.start(isTimed: clock != nil) + rest), clock: clock)
    }
}
