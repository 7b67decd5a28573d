import CTF

/// What the decoded encoding needs to know of a program's fields and events: names and labels as members of its
/// messages, tag and length included, made once.
///
/// Immutable after `init`; the texts live in its own arena, and the tables in memory of its own, as long as it does.
final class ProgramNames: @unchecked Sendable {
    struct Field: BitwiseCopyable {
        /// `Field.name`; empty for elements.
        var name: UnsafeRawBufferPointer
        /// Index in `enumerations`; nil for a field without labels.
        var enumeration: Int?
        var isBoolean = false
        var encoding = TextEncoding.utf8
    }

    struct Event: BitwiseCopyable {
        /// `DecodedEvent.name`.
        var name: UnsafeRawBufferPointer
        var clock: ClockConversion?
        var logLevel: Int64?
    }

    struct Enumeration: BitwiseCopyable {
        var lookup: EnumerationLookup
        /// By mapping: `Enumeration.labels`.
        var labels: UnsafeMutableBufferPointer<UnsafeRawBufferPointer>
    }

    let program: TraceProgram
    /// By `FieldID`.
    let fields: UnsafeMutableBufferPointer<Field>
    /// As in `TraceProgram.events`.
    let events: UnsafeMutableBufferPointer<Event>
    let enumerations: UnsafeMutableBufferPointer<Enumeration>
    private let arena = Arena(firstBytes: 4 << 10)

    /// Bytes of all texts together.
    var takenBytes: Int { arena.takenBytes }

    init(_ program: TraceProgram) {
        self.program = program
        fields = .table(
            program.fields.map { [arena] field in
                var entry = Field(name: arena.member(0x0A, field.name), enumeration: field.enumeration)
                if case .string(let string) = field.fieldClass { entry.encoding = string.encoding }
                if case .integer(let integer) = field.fieldClass { entry.isBoolean = integer.meaning == .boolean }
                return entry
            }
        )
        enumerations = .table(
            program.enumerations.map { [arena] enumeration in
                Enumeration(
                    lookup: EnumerationLookup(enumeration),
                    // An empty label is an empty text; a list has no absent element.
                    labels: .table(enumeration.mappings.map { arena.member(0x1A, $0.label, writesEmpty: true) })
                )
            }
        )
        events = .table(
            program.events.map { [arena] event in
                Event(
                    name: arena.member(0x1A, event.eventClass.name),
                    clock: event.clockConversion,
                    logLevel: event.eventClass.logLevel
                )
            }
        )
    }

    deinit {
        for enumeration in enumerations {
            enumeration.lookup.deallocate()
            enumeration.labels.deallocate()
        }
        fields.deallocate()
        enumerations.deallocate()
        events.deallocate()
    }
}

extension UnsafeMutableBufferPointer where Element: BitwiseCopyable {
    fileprivate static func table(_ elements: [Element]) -> UnsafeMutableBufferPointer {
        let table = allocate(capacity: elements.count)
        _ = table.initialize(from: elements)
        return table
    }
}

extension Arena {
    /// A `string` member behind its tag; nothing where it is empty, unless `writesEmpty`.
    fileprivate func member(_ tag: UInt8, _ text: String, writesEmpty: Bool = false) -> UnsafeRawBufferPointer {
        var text = text
        return text.withUTF8 { utf8 in
            guard writesEmpty || !utf8.isEmpty else { return UnsafeRawBufferPointer(start: nil, count: 0) }
            var buffer = WireBuffer(capacity: utf8.count + 11)
            defer { buffer.free() }
            buffer.byte(tag)
            buffer.prefixed(UnsafeRawBufferPointer(utf8))
            let copy = take(buffer.count)
            copy.copyMemory(from: buffer.bytes, byteCount: buffer.count)
            return UnsafeRawBufferPointer(start: copy, count: buffer.count)
        }
    }
}
