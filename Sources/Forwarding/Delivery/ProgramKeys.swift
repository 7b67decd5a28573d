import CTF

/// What attributes need to know of a program's fields and events, made once: keys, labels, and how numbers read.
final class ProgramKeys {
    struct Field {
        /// Ends with NUL.
        var key: UnsafeMutablePointer<CChar>
        /// Index in `enumerations`; nil for a field without labels.
        var enumeration: Int?
        var isBoolean = false
        var encoding = TextEncoding.utf8
    }

    struct Event {
        /// Ends with NUL, which `nameBytes` leaves out.
        var name: UnsafeMutablePointer<CChar>
        var nameBytes: UnsafeBufferPointer<UInt8>
        var clock: ClockConversion?
        var logLevel: Int64?
    }

    struct Enumeration {
        var lookup: EnumerationLookup
        /// By mapping.
        var labels: [UnsafeMutablePointer<CChar>]
    }

    let program: TraceProgram
    /// By `FieldID`.
    let fields: [Field]
    let events: [Event]
    let enumerations: [Enumeration]

    init(_ program: TraceProgram) {
        self.program = program
        let fields = program.fields
        self.fields = fields.map { field in
            // The members of a scope are attributes; its own root has no parent.
            let isTop = field.parent.map { fields[Int($0.rawValue)].parent == nil } ?? false
            var entry = Field(
                key: Self.string((isTop ? Self.prefix(field) : "") + field.name),
                enumeration: field.enumeration
            )
            if case .string(let string) = field.fieldClass { entry.encoding = string.encoding }
            if case .integer(let integer) = field.fieldClass { entry.isBoolean = integer.meaning == .boolean }
            return entry
        }
        events = program.events.map { event in
            let name = Self.string(event.eventClass.name)
            let count = event.eventClass.name.utf8.count
            return Event(
                name: name,
                nameBytes: UnsafeBufferPointer(
                    start: UnsafeRawPointer(name).assumingMemoryBound(to: UInt8.self),
                    count: count
                ),
                clock: event.clockConversion,
                logLevel: event.eventClass.logLevel
            )
        }
        enumerations = program.enumerations.map { enumeration in
            Enumeration(
                lookup: EnumerationLookup(enumeration),
                labels: enumeration.mappings.map { Self.string($0.label) }
            )
        }
    }

    deinit {
        for field in fields { field.key.deallocate() }
        for event in events { event.name.deallocate() }
        for enumeration in enumerations {
            enumeration.lookup.deallocate()
            for label in enumeration.labels { label.deallocate() }
        }
    }

    /// Beginnings of keys that are not the user's.
    private static let ownPrefixes = ["tidemark.", "context.", "stream_context.", "payload."]

    /// A payload's fields are called as the user calls them; those of contexts say where they are from, and so does a
    /// field of the payload that would be taken for another: keys are unique, and say the truth.
    private static func prefix(_ field: ProgramField) -> String {
        switch field.scope {
        case .eventPayload: ownPrefixes.contains { field.name.hasPrefix($0) } ? "payload." : ""
        case .eventSpecificContext: "context."
        case .eventCommonContext: "stream_context."
        case .packetContext: "packet."
        case .packetHeader, .eventHeader: "header."
        }
    }

    private static func string(_ text: String) -> UnsafeMutablePointer<CChar> {
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: text.utf8.count + 1)
        var next = copy
        for byte in text.utf8 {
            next.initialize(to: CChar(bitPattern: byte))
            next += 1
        }
        next.initialize(to: 0)
        return copy
    }
}
