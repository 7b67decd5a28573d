/// Puts fragments together to a trace class, in the order in which they come (CTF 2, sections 5.4 to 5.9).
struct CTF2TraceBuilder: Sendable {
    /// The class so far; nil until the trace class, or a data stream class without one, has come.
    private(set) var traceClass: TraceClass?

    private let limits: MetadataLimits
    private var types: CTF2TypeReader
    private var hasPreamble = false
    /// Of the preamble: known before there is a trace class.
    private var uuid: TraceUUID?
    /// What comes before the trace class.
    private var clocks: [ClockClass] = []
    /// Index in `clocks` by the metadata's own name for the clock.
    private var clockIndexByID: [ExactText: Int] = [:]
    private var packetHeader: CTF2FieldType?
    /// By index in `TraceClass.streamClasses`.
    private var streams: [Stream] = []
    private var streamIndexByID: [UInt64: Int] = [:]
    private var preambleAttributes: [ClassAttribute] = []
    private var attributeValuesLeft: Int
    private var eventClassesLeft: Int
    var fields: FieldBudget

    /// What is needed to add event classes to a stream class.
    private struct Stream: Sendable {
        var roots: [FieldScope: CTF2FieldType]
        var hasClock: Bool
        var eventIDs: Set<UInt64> = []
    }

    /// An event record class whose field classes are not resolved.
    private struct Event: Sendable {
        var eventClass: EventClass
        var specificContext: CTF2Root?
        var payload: CTF2Root?
        var position: MetadataPosition
    }

    init(limits: MetadataLimits) {
        self.limits = limits
        types = CTF2TypeReader(limits: limits)
        attributeValuesLeft = limits.attributeValuesMax
        eventClassesLeft = limits.eventClassesMax
        fields = FieldBudget(limits: limits)
    }

    /// - Returns: what it declares that others may name.
    /// - Throws: for an error that tells what is `missing`, nothing has changed but what may still be spent on fields.
    mutating func add(_ value: JSONValue) throws(MetadataError) -> [MetadataReference] {
        var fragment = try CTF2Properties(value)
        let type = try fragment.require("type")
        let name = try type.string()
        guard hasPreamble || name == "preamble" else { throw MetadataError(.preambleMissing, at: value.position) }
        switch name {
        case "preamble":
            try addPreamble(&fragment)
            return []
        case "field-class-alias":
            return [.type(try addAlias(&fragment))]
        case "trace-class":
            try addTrace(&fragment)
            return []
        case "clock-class":
            return [.clock(try addClock(&fragment))]
        case "data-stream-class":
            return [.stream(id: try addStream(&fragment))]
        case "event-record-class":
            try addEvent(&fragment)
            return []
        default:
            throw MetadataError(.unknownType, at: type.position, "fragment `\(name)`")
        }
    }

    private func root(_ name: String, _ fragment: inout CTF2Properties) throws(MetadataError) -> CTF2Root? {
        guard let value = fragment.take(name) else { return nil }
        return CTF2Root(type: try types.type(value), position: value.position)
    }

    private mutating func attributes(_ fragment: CTF2Properties) -> [ClassAttribute] {
        ClassAttribute.all(fragment.attributes, valuesLeft: &attributeValuesLeft)
    }

    // MARK: - Preamble, aliases, trace

    private mutating func addPreamble(_ fragment: inout CTF2Properties) throws(MetadataError) {
        guard !hasPreamble else {
            throw MetadataError(.duplicateDeclaration, at: fragment.position, "preamble")
        }
        let version = try fragment.require("version")
        guard try version.integer() == 2 else { throw MetadataError(.versionUnknown, at: version.position) }
        uuid = try fragment.take("uuid")?.uuid()
        try fragment.finish()
        preambleAttributes = attributes(fragment)
        hasPreamble = true
    }

    private mutating func addAlias(_ fragment: inout CTF2Properties) throws(MetadataError) -> String {
        let name = try fragment.require("name")
        let type = try types.type(try fragment.require("field-class"))
        try fragment.finish()
        try types.addAlias(name, type)
        return try name.string()
    }

    private mutating func addTrace(_ fragment: inout CTF2Properties) throws(MetadataError) {
        guard traceClass == nil else {
            throw MetadataError(.duplicateDeclaration, at: fragment.position, "trace class, or behind a stream class")
        }
        var trace = TraceClass(
            uuid: uuid,
            clocks: clocks,
            identity: try fragment.takeIdentity(),
            preambleAttributes: preambleAttributes
        )
        if let environment = fragment.take("environment") { trace.environment = try entries(environment) }
        let root = try root("packet-header-field-class", &fragment)
        try fragment.finish()
        var resolver = CTF2FieldResolver(limits: limits, hasClock: false, fieldsLeft: fields.left)
        trace.packetHeader = try resolver.resolve(root, in: .packetHeader)
        fields.left = resolver.fieldsLeft
        trace.attributes = attributes(fragment)
        packetHeader = root?.type
        traceClass = trace
    }

    private func entries(_ value: JSONValue) throws(MetadataError) -> [EnvironmentEntry] {
        let properties = try value.object().properties
        guard properties.count <= limits.environmentEntriesMax else {
            throw MetadataError(.tooManyDeclarations, at: value.position, "environment entries")
        }
        return try properties.map { property throws(MetadataError) in
            switch property.value.kind {
            case .string(let text): EnvironmentEntry(name: property.name, value: .text(text))
            case .integer: EnvironmentEntry(name: property.name, value: .integer(try property.value.signed()))
            default: throw property.value.wrong("a string or an integer")
            }
        }
    }

    // MARK: - Clocks

    private mutating func addClock(_ fragment: inout CTF2Properties) throws(MetadataError) -> String {
        let idValue = try fragment.require("id")
        let id = try idValue.string()
        var clock = try CTF2Clocks.clock(id, &fragment)
        guard clocks.count < limits.clocksMax else {
            throw MetadataError(.tooManyDeclarations, at: fragment.position, "clocks")
        }
        guard clockIndexByID.updateValue(clocks.count, forKey: ExactText(id)) == nil else {
            throw MetadataError(.duplicateName, at: idValue.position, "clock `\(id)`")
        }
        clock.attributes = attributes(fragment)
        clocks.append(clock)
        traceClass?.clocks.append(clock)
        return id
    }

    // MARK: - Streams and events

    private mutating func addStream(_ fragment: inout CTF2Properties) throws(MetadataError) -> UInt64 {
        let idValue = fragment.take("id")
        let id = try idValue?.unsigned() ?? 0
        var streamClass = StreamClass(id: id, identity: try fragment.takeIdentity())
        if let clock = fragment.take("default-clock-class-id") {
            let name = try clock.string()
            guard let index = clockIndexByID[ExactText(name)] else {
                throw MetadataError(.clockNotFound, at: clock.position, "`\(name)`", missing: .clock(name))
            }
            streamClass.defaultClock = index
        }
        let context = try root("packet-context-field-class", &fragment)
        let header = try root("event-record-header-field-class", &fragment)
        let common = try root("event-record-common-context-field-class", &fragment)
        try fragment.finish()
        guard streamIndexByID[id] == nil else {
            throw MetadataError(.duplicateID, at: fragment.position, "stream class \(id)")
        }
        guard streams.count < limits.streamClassesMax else {
            throw MetadataError(.tooManyDeclarations, at: fragment.position, "stream classes")
        }
        var resolver = CTF2FieldResolver(
            limits: limits,
            roots: packetHeader.map { [.packetHeader: $0] } ?? [:],
            hasClock: streamClass.defaultClock != nil,
            fieldsLeft: fields.left
        )
        streamClass.packetContext = try resolver.resolve(context, in: .packetContext)
        streamClass.eventHeader = try resolver.resolve(header, in: .eventHeader)
        streamClass.eventCommonContext = try resolver.resolve(common, in: .eventCommonContext)
        fields.left = resolver.fieldsLeft
        streamIndexByID[id] = streams.count
        streams.append(Stream(roots: resolver.roots, hasClock: streamClass.defaultClock != nil))
        streamClass.attributes = attributes(fragment)
        let none = TraceClass(uuid: uuid, clocks: clocks, preambleAttributes: preambleAttributes)
        var trace = traceClass.take() ?? none
        trace.streamClasses.append(streamClass)
        traceClass = trace
        return id
    }

    private mutating func addEvent(_ fragment: inout CTF2Properties) throws(MetadataError) {
        let id = try fragment.take("id")?.unsigned() ?? 0
        let streamID = try fragment.take("data-stream-class-id")?.unsigned() ?? 0
        let identity = try fragment.takeIdentity()
        var event = Event(
            eventClass: EventClass(
                id: id,
                name: identity.name ?? "",
                logLevel: CTF2Attributes.logLevel(fragment.attributes),
                emfURI: CTF2Attributes.emfURI(fragment.attributes),
                identity: identity
            ),
            specificContext: try root("specific-context-field-class", &fragment),
            payload: try root("payload-field-class", &fragment),
            position: fragment.position
        )
        try fragment.finish()
        guard let index = streamIndexByID[streamID] else {
            let missing = MetadataReference.stream(id: streamID)
            throw MetadataError(.streamNotFound, at: event.position, "\(streamID)", missing: missing)
        }
        guard eventClassesLeft > 0 else {
            throw MetadataError(.tooManyDeclarations, at: event.position, "event classes")
        }
        eventClassesLeft -= 1
        event.eventClass.attributes = attributes(fragment)
        try add(event, toStream: index)
    }

    private mutating func add(_ event: Event, toStream stream: Int) throws(MetadataError) {
        guard var trace = traceClass.take() else { return }
        defer { traceClass = trace }
        guard streams[stream].eventIDs.insert(event.eventClass.id).inserted else {
            throw MetadataError(.duplicateID, at: event.position, "event class \(event.eventClass.id)")
        }
        var resolver = CTF2FieldResolver(
            limits: limits,
            roots: streams[stream].roots,
            hasClock: streams[stream].hasClock,
            fieldsLeft: fields.left
        )
        var eventClass = event.eventClass
        eventClass.specificContext = try resolver.resolve(event.specificContext, in: .eventSpecificContext)
        eventClass.payload = try resolver.resolve(event.payload, in: .eventPayload)
        fields.left = resolver.fieldsLeft
        trace.streamClasses[stream].eventClasses.append(eventClass)
    }
}
