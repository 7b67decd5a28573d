import CTF

/// What the decoded encoding needs to know of a program's fields and events, as C strings made once.
///
/// Immutable after `init`; the strings live in its own arena, as long as it does.
final class ProgramNames: @unchecked Sendable {
    struct Field {
        /// Nil for elements.
        var name: UnsafeMutablePointer<CChar>?
        var nameBytes: Int
        /// Index in `enumerations`; nil for a field without labels.
        var enumeration: Int?
        var isBoolean = false
        var encoding = TextEncoding.utf8
    }

    struct Event {
        var name: UnsafeMutablePointer<CChar>?
        var nameBytes: Int
        var clock: ClockConversion?
        var logLevel: Int64?
    }

    struct Enumeration {
        struct Label {
            var text: UnsafeMutablePointer<CChar>
            var byteCount: Int
        }

        var lookup: EnumerationLookup
        /// By mapping.
        var labels: [Label]
    }

    let program: TraceProgram
    /// By `FieldID`.
    let fields: [Field]
    /// As in `TraceProgram.events`.
    let events: [Event]
    let enumerations: [Enumeration]
    private let arena = Arena(firstBytes: 4 << 10)

    /// Bytes of all strings together.
    var takenBytes: Int { arena.takenBytes }

    init(_ program: TraceProgram) {
        self.program = program
        fields = program.fields.map { [arena] field in
            var entry = Field(
                name: arena.string(field.name),
                nameBytes: field.name.utf8.count,
                enumeration: field.enumeration
            )
            if case .string(let string) = field.fieldClass { entry.encoding = string.encoding }
            if case .integer(let integer) = field.fieldClass { entry.isBoolean = integer.meaning == .boolean }
            return entry
        }
        enumerations = program.enumerations.map { [arena] enumeration in
            Enumeration(
                lookup: EnumerationLookup(enumeration),
                labels: enumeration.mappings.map { mapping in
                    // Protobuf has no absent element: an empty label is an empty string.
                    Enumeration.Label(
                        text: arena.string(mapping.label) ?? arena.emptyString(),
                        byteCount: mapping.label.utf8.count
                    )
                }
            )
        }
        events = program.events.map { [arena] event in
            Event(
                name: arena.string(event.eventClass.name),
                nameBytes: event.eventClass.name.utf8.count,
                clock: event.clockConversion,
                logLevel: event.eventClass.logLevel
            )
        }
    }

    deinit {
        for enumeration in enumerations { enumeration.lookup.deallocate() }
    }
}

extension Arena {
    fileprivate func emptyString() -> UnsafeMutablePointer<CChar> {
        let string = array(of: CChar.self, count: 1)
        string.initialize(to: 0)
        return string
    }
}
