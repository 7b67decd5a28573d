/// All that a trace's metadata says, as far as it has been read. Immutable: grown metadata makes a new value.
package struct TraceClass: Sendable, Equatable {
    package var uuid: TraceUUID?
    /// The trace's native byte order.
    package var byteOrder: ByteOrder
    /// `env` entries in order of declaration.
    package var environment: [EnvironmentEntry]
    package var clocks: [ClockClass]
    package var packetHeader: StructureClass?
    /// In order of declaration; ids are unique.
    package var streamClasses: [StreamClass]
    /// CTF 2.
    package var identity: ClassIdentity
    /// CTF 2.
    package var attributes: [ClassAttribute]
    /// CTF 2: those of the whole metadata.
    package var preambleAttributes: [ClassAttribute]

    package init(
        uuid: TraceUUID? = nil,
        byteOrder: ByteOrder = .littleEndian,
        environment: [EnvironmentEntry] = [],
        clocks: [ClockClass] = [],
        packetHeader: StructureClass? = nil,
        streamClasses: [StreamClass] = [],
        identity: ClassIdentity = ClassIdentity(),
        attributes: [ClassAttribute] = [],
        preambleAttributes: [ClassAttribute] = []
    ) {
        self.uuid = uuid
        self.byteOrder = byteOrder
        self.environment = environment
        self.clocks = clocks
        self.packetHeader = packetHeader
        self.streamClasses = streamClasses
        self.identity = identity
        self.attributes = attributes
        self.preambleAttributes = preambleAttributes
    }

    /// The value of the environment entry `name`, if there is one.
    /// - Complexity: O(entries).
    package func environmentValue(_ name: String) -> EnvironmentEntry.Value? {
        environment.first { $0.name == name }?.value
    }
}

/// An entry of the trace's environment (`env` block).
package struct EnvironmentEntry: Sendable, Equatable {
    package enum Value: Sendable, Equatable {
        case text(String)
        case integer(Int64)
    }

    package var name: String
    package var value: Value

    package init(name: String, value: Value) {
        self.name = name
        self.value = value
    }
}

/// A class of streams: what their packets and events have in common.
package struct StreamClass: Sendable, Equatable {
    package var id: UInt64
    /// Index in `TraceClass.clocks`; nil when its events have no time.
    package var defaultClock: Int?
    package var packetContext: StructureClass?
    package var eventHeader: StructureClass?
    package var eventCommonContext: StructureClass?
    /// In order of declaration; ids are unique within the stream class.
    package var eventClasses: [EventClass]
    /// CTF 2.
    package var identity: ClassIdentity
    /// CTF 2.
    package var attributes: [ClassAttribute]

    package init(
        id: UInt64,
        defaultClock: Int? = nil,
        packetContext: StructureClass? = nil,
        eventHeader: StructureClass? = nil,
        eventCommonContext: StructureClass? = nil,
        eventClasses: [EventClass] = [],
        identity: ClassIdentity = ClassIdentity(),
        attributes: [ClassAttribute] = []
    ) {
        self.id = id
        self.defaultClock = defaultClock
        self.packetContext = packetContext
        self.eventHeader = eventHeader
        self.eventCommonContext = eventCommonContext
        self.eventClasses = eventClasses
        self.identity = identity
        self.attributes = attributes
    }
}

/// A class of event records.
package struct EventClass: Sendable, Equatable {
    package var id: UInt64
    package var name: String
    /// The LTTng log level (`loglevel`), if given.
    package var logLevel: Int64?
    /// `model.emf.uri`, if given.
    package var emfURI: String?
    package var specificContext: StructureClass?
    package var payload: StructureClass?
    /// CTF 2.
    package var identity: ClassIdentity
    /// CTF 2; log level and URI included.
    package var attributes: [ClassAttribute]

    package init(
        id: UInt64,
        name: String,
        logLevel: Int64? = nil,
        emfURI: String? = nil,
        specificContext: StructureClass? = nil,
        payload: StructureClass? = nil,
        identity: ClassIdentity = ClassIdentity(),
        attributes: [ClassAttribute] = []
    ) {
        self.id = id
        self.name = name
        self.logLevel = logLevel
        self.emfURI = emfURI
        self.specificContext = specificContext
        self.payload = payload
        self.identity = identity
        self.attributes = attributes
    }
}
