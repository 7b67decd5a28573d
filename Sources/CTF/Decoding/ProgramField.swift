/// A field of a program: what a visitor must know about the values that it is given.
package struct ProgramField: Sendable {
    /// As readers show it; empty for an array's element and a scope's root.
    package let name: String
    package let fieldClass: FieldClass
    package let scope: FieldScope
    /// The structure, array or variant around it; nil for a scope's root.
    package let parent: FieldID?
    /// A structure's members, an array's element, or a variant's options, in order.
    package internal(set) var children: [FieldID]
    /// Index in `TraceProgram.enumerations`; nil for a field without labels.
    package let enumeration: Int?

    package init(
        name: String,
        fieldClass: FieldClass,
        scope: FieldScope,
        parent: FieldID?,
        children: [FieldID] = [],
        enumeration: Int? = nil
    ) {
        self.name = name
        self.fieldClass = fieldClass
        self.scope = scope
        self.parent = parent
        self.children = children
        self.enumeration = enumeration
    }
}

/// The labels of a program's enumeration, which many of its fields may share.
package struct ProgramEnumeration: Sendable {
    /// In order of declaration.
    package let mappings: [EnumerationMapping]
    /// How the bounds of the ranges are to be read.
    package let isSigned: Bool

    package init(mappings: [EnumerationMapping], isSigned: Bool) {
        self.mappings = mappings
        self.isSigned = isSigned
    }
}

/// An event class of a program, in its stream class.
package struct ProgramEvent: Sendable {
    package let streamClassID: UInt64
    package let eventClass: EventClass
    /// The stream class's default clock.
    package let clock: ClockClass?
    /// How that clock reads.
    package var clockConversion: ClockConversion? { clock.map { ClockConversion($0) } }
    /// The root structures of its scopes; nil where it has none. The common context's is shared by the whole stream
    /// class.
    package let commonContext: FieldID?
    package let specificContext: FieldID?
    package let payload: FieldID?

    package init(
        streamClassID: UInt64,
        eventClass: EventClass,
        clock: ClockClass?,
        commonContext: FieldID? = nil,
        specificContext: FieldID? = nil,
        payload: FieldID? = nil
    ) {
        self.streamClassID = streamClassID
        self.eventClass = eventClass
        self.clock = clock
        self.commonContext = commonContext
        self.specificContext = specificContext
        self.payload = payload
    }
}
