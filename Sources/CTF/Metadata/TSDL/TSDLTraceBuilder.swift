/// Puts declarations together to a trace class, in the order in which they come.
///
/// What names something that has not come yet is refused, without a trace, with an error that tells what is missing:
/// the trace block first of all, as nothing can be resolved before the native byte order is known.
struct TSDLTraceBuilder: Sendable {
    /// The class so far; nil until the trace block has come.
    private(set) var traceClass: TraceClass?

    private let limits: MetadataLimits
    /// Index of each entry in `TraceClass.environment`.
    private var environmentIndex: [String: Int] = [:]
    private var environment: [String: EnvironmentEntry.Value] = [:]
    private var packetHeader: TSDLType?
    private var packetHeaderHasStreamID = false
    /// By index in `TraceClass.streamClasses`.
    private var streams: [Stream] = []
    private var streamIndexByID: [UInt64: Int] = [:]
    /// The event for which a stream class has been made up, as there was no stream block before it.
    private var eventWithoutStream: TSDLEvent?
    private var eventClassesLeft: Int
    var fields: FieldBudget

    /// What is needed to add event classes to a stream class.
    private struct Stream: Sendable {
        var roots: [FieldScope: TSDLType]
        var headerHasEventID: Bool
        var eventIDs: Set<UInt64> = []
    }

    init(limits: MetadataLimits) {
        self.limits = limits
        eventClassesLeft = limits.eventClassesMax
        fields = FieldBudget(limits: limits)
    }

    /// - Returns: what it declares that others may name.
    /// - Throws: for an error that tells what is `missing`, nothing has changed but what may still be spent on fields.
    mutating func add(_ declaration: TSDLDeclaration) throws(MetadataError) -> [MetadataReference] {
        switch declaration {
        case .none:
            return []
        case .trace(let trace):
            try add(trace)
            return [.trace]
        case .environment(let entries, let position):
            try requireTrace(at: position)
            try add(entries, at: position)
            return entries.map { .environmentEntry($0.name) }
        case .clock(let clock, let position):
            try requireTrace(at: position)
            try add(clock, at: position)
            return [.clock(clock.name)]
        case .stream(let stream):
            try requireTrace(at: stream.position)
            try add(stream)
            return [.onlyStream, .stream(id: stream.id ?? 0)]
        case .event(let event):
            try requireTrace(at: event.position)
            try add(event)
            return []
        }
    }

    private func requireTrace(at position: MetadataPosition) throws(MetadataError) {
        guard traceClass == nil else { return }
        throw MetadataError(.traceMissing, at: position, missing: .trace)
    }

    // MARK: - Trace, environment and clocks

    private mutating func add(_ trace: TSDLTrace) throws(MetadataError) {
        guard traceClass == nil else {
            throw MetadataError(.duplicateDeclaration, at: trace.position, "trace block")
        }
        var resolver = TSDLFieldResolver(
            limits: limits,
            byteOrder: trace.byteOrder,
            environment: [:],
            clocks: [],
            fieldsLeft: fields.left
        )
        defer { fields.left = resolver.fieldsLeft }
        let header = try resolver.resolve(trace.packetHeader, in: .packetHeader)
        packetHeader = trace.packetHeader?.type
        packetHeaderHasStreamID = header?.holds(.streamClassID) ?? false
        traceClass = TraceClass(uuid: trace.uuid, byteOrder: trace.byteOrder, packetHeader: header)
    }

    private mutating func add(_ entries: [EnvironmentEntry], at position: MetadataPosition) throws(MetadataError) {
        guard var trace = traceClass.take() else { return }
        defer { traceClass = trace }
        for entry in entries {
            environment[entry.name] = entry.value
            if let index = environmentIndex[entry.name] {
                trace.environment[index] = entry
                continue
            }
            guard trace.environment.count < limits.environmentEntriesMax else {
                throw MetadataError(.tooManyDeclarations, at: position, "environment entries")
            }
            environmentIndex[entry.name] = trace.environment.count
            trace.environment.append(entry)
        }
        if isLTTng { trace.clocks.indices.forEach { Self.repairOrigin(of: &trace.clocks[$0]) } }
    }

    private mutating func add(_ clock: ClockClass, at position: MetadataPosition) throws(MetadataError) {
        guard var trace = traceClass.take() else { return }
        defer { traceClass = trace }
        guard trace.clocks.count < limits.clocksMax else {
            throw MetadataError(.tooManyDeclarations, at: position, "clocks")
        }
        guard !trace.clocks.contains(where: { ExactText($0.name) == ExactText(clock.name) }) else {
            throw MetadataError(.duplicateName, at: position, "clock `\(clock.name)`")
        }
        var clock = clock
        if isLTTng { Self.repairOrigin(of: &clock) }
        trace.clocks.append(clock)
    }

    private var isLTTng: Bool {
        guard case .text(let tracer)? = environment["tracer_name"] else { return false }
        return tracer.hasPrefix("lttng")
    }

    /// LTTng does not say that its clock counts from the Unix epoch, but it does.
    private static func repairOrigin(of clock: inout ClockClass) {
        if clock.name == "monotonic" { clock.originIsUnixEpoch = true }
    }

    // MARK: - Streams and events

    private func resolver(for trace: TraceClass, stream: Int?) -> TSDLFieldResolver {
        var roots = stream.map { streams[$0].roots } ?? [:]
        roots[.packetHeader] = packetHeader
        return TSDLFieldResolver(
            limits: limits,
            byteOrder: trace.byteOrder,
            environment: environment,
            roots: roots,
            clocks: trace.clocks,
            defaultClock: stream.flatMap { trace.streamClasses[$0].defaultClock },
            fieldsLeft: fields.left
        )
    }

    private mutating func add(_ stream: TSDLStream) throws(MetadataError) {
        guard let event = eventWithoutStream else {
            if !streams.isEmpty, stream.id == nil || !packetHeaderHasStreamID {
                throw MetadataError(.idMissing, at: stream.position, "there are several stream classes")
            }
            return try makeStream(stream)
        }
        // The stream class that was made up for it was this one.
        try attempt { builder throws(MetadataError) in
            builder.eventWithoutStream = nil
            builder.removeStreams()
            try builder.makeStream(stream)
            try builder.add(event, toStream: 0)
        }
    }

    /// Changes nothing but what may still be spent on fields when `change` throws. For a trace class of one event at
    /// most, as it keeps a copy.
    private mutating func attempt(
        _ change: (inout TSDLTraceBuilder) throws(MetadataError) -> Void
    ) throws(MetadataError) {
        let before = self
        do {
            try change(&self)
        } catch {
            let fields = self.fields
            self = before
            self.fields = fields
            throw error
        }
    }

    private mutating func removeStreams() {
        eventClassesLeft += streams.reduce(0) { $0 + $1.eventIDs.count }
        streams = []
        streamIndexByID = [:]
        traceClass?.streamClasses = []
    }

    private mutating func makeStream(_ stream: TSDLStream) throws(MetadataError) {
        guard var trace = traceClass.take() else { return }
        defer { traceClass = trace }
        guard streams.count < limits.streamClassesMax else {
            throw MetadataError(.tooManyDeclarations, at: stream.position, "stream classes")
        }
        let id = stream.id ?? 0
        guard streamIndexByID[id] == nil else {
            throw MetadataError(.duplicateID, at: stream.position, "stream class \(id)")
        }
        var resolver = resolver(for: trace, stream: nil)
        defer { fields.left = resolver.fieldsLeft }
        var streamClass = StreamClass(id: id)
        streamClass.packetContext = try resolver.resolve(stream.packetContext, in: .packetContext)
        streamClass.eventHeader = try resolver.resolve(stream.eventHeader, in: .eventHeader)
        streamClass.eventCommonContext = try resolver.resolve(stream.eventCommonContext, in: .eventCommonContext)
        streamClass.defaultClock = resolver.defaultClock
        if resolver.clocks.count > trace.clocks.count { trace.clocks = resolver.clocks }
        streamIndexByID[id] = streams.count
        let headerHasEventID = streamClass.eventHeader?.holds(.eventRecordClassID) ?? false
        streams.append(Stream(roots: resolver.roots, headerHasEventID: headerHasEventID))
        trace.streamClasses.append(streamClass)
    }

    private mutating func add(_ event: TSDLEvent) throws(MetadataError) {
        if streams.isEmpty, event.streamID == nil {
            // Without any stream block there is one stream class, which has nothing but this event.
            try attempt { builder throws(MetadataError) in
                try builder.makeStream(TSDLStream(position: event.position))
                try builder.add(event, toStream: 0)
                builder.eventWithoutStream = event
            }
        } else {
            try add(event, toStream: try streamIndex(of: event))
        }
    }

    private func streamIndex(of event: TSDLEvent) throws(MetadataError) -> Int {
        if let id = event.streamID {
            if eventWithoutStream == nil, let index = streamIndexByID[id] { return index }
            throw MetadataError(.streamNotFound, at: event.position, "\(id)", missing: .stream(id: id))
        }
        guard eventWithoutStream == nil else {
            let about = "of event `\(event.name)`"
            throw MetadataError(.streamNotFound, at: event.position, about, missing: .onlyStream)
        }
        guard streams.count == 1 else {
            throw MetadataError(.idMissing, at: event.position, "`stream_id`, as there are several stream classes")
        }
        return 0
    }

    private mutating func add(_ event: TSDLEvent, toStream stream: Int) throws(MetadataError) {
        guard var trace = traceClass.take() else { return }
        defer { traceClass = trace }
        guard eventClassesLeft > 0 else {
            throw MetadataError(.tooManyDeclarations, at: event.position, "event classes")
        }
        let isFirst = streams[stream].eventIDs.isEmpty
        guard isFirst || (event.id != nil && streams[stream].headerHasEventID) else {
            throw MetadataError(.idMissing, at: event.position, "there are several event classes")
        }
        let id = event.id ?? 0
        guard !streams[stream].eventIDs.contains(id) else {
            throw MetadataError(.duplicateID, at: event.position, "event class \(id)")
        }
        var resolver = resolver(for: trace, stream: stream)
        defer { fields.left = resolver.fieldsLeft }
        var eventClass = EventClass(id: id, name: event.name, logLevel: event.logLevel, emfURI: event.emfURI)
        eventClass.specificContext = try resolver.resolve(event.specificContext, in: .eventSpecificContext)
        eventClass.payload = try resolver.resolve(event.payload, in: .eventPayload)
        eventClassesLeft -= 1
        streams[stream].eventIDs.insert(id)
        trace.streamClasses[stream].defaultClock = resolver.defaultClock
        trace.streamClasses[stream].eventClasses.append(eventClass)
    }
}

extension StructureClass {
    /// Whether a member has the role, however deep it stands.
    fileprivate func holds(_ roles: FieldRoles) -> Bool {
        members.contains { $0.fieldClass.holds(roles) }
    }
}

extension FieldClass {
    fileprivate func holds(_ roles: FieldRoles) -> Bool {
        switch self {
        case .integer(let integer): integer.roles.isSuperset(of: roles)
        case .structure(let structure): structure.holds(roles)
        case .variant(let variant): variant.options.contains { $0.member.fieldClass.holds(roles) }
        case .array(let array): array.element.holds(roles)
        case .optional(let optional): optional.element.holds(roles)
        case .float, .string, .blob: false
        }
    }
}
