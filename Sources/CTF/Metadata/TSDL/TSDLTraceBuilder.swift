/// Puts declarations together to a trace class, in the order in which they come.
///
/// What comes before the trace block waits for it: nothing can be resolved before the native byte order is known.
struct TSDLTraceBuilder: Sendable {
    /// The class so far; nil until the trace block has come.
    private(set) var traceClass: TraceClass?

    private let limits: MetadataLimits
    private var waiting: [TSDLDeclaration] = []
    /// Index of each entry in `TraceClass.environment`.
    private var environmentIndex: [String: Int] = [:]
    private var environment: [String: EnvironmentEntry.Value] = [:]
    private var packetHeader: TSDLType?
    private var packetHeaderHasStreamID = false
    /// By index in `TraceClass.streamClasses`.
    private var streams: [Stream] = []
    private var streamIndexByID: [UInt64: Int] = [:]
    /// Events whose stream class has not come yet, by its id; LTTng writes them so now and then.
    private var waitingEvents: [UInt64?: [TSDLEvent]] = [:]
    /// The event for which a stream class has been made up, as there was no stream block before it.
    private var eventWithoutStream: TSDLEvent?
    private var eventClassesLeft: Int
    private var fieldsLeft: Int

    /// What is needed to add event classes to a stream class.
    private struct Stream: Sendable {
        var roots: [FieldScope: TSDLType]
        var headerHasEventID: Bool
        var eventIDs: Set<UInt64> = []
    }

    init(limits: MetadataLimits) {
        self.limits = limits
        eventClassesLeft = limits.eventClassesMax
        fieldsLeft = limits.fieldsMax
    }

    /// No more declarations will come.
    /// - Throws: when an event's stream class has not come.
    func finish() throws(MetadataError) {
        guard let first = waitingEvents.values.joined().min(by: { $0.position.line < $1.position.line }) else { return }
        let about = first.streamID.map { "\($0)" } ?? "of event `\(first.name)`"
        throw MetadataError(.streamNotFound, at: first.position, about)
    }

    mutating func add(_ declaration: TSDLDeclaration) throws(MetadataError) {
        if case .trace(let trace) = declaration {
            try add(trace)
            let declarations = waiting
            waiting = []
            for declaration in declarations { try relate(declaration) }
        } else if traceClass == nil {
            if case .none = declaration { return }
            waiting.append(declaration)
        } else {
            try relate(declaration)
        }
    }

    private mutating func relate(_ declaration: TSDLDeclaration) throws(MetadataError) {
        switch declaration {
        case .none, .trace: break
        case .environment(let entries, let position): try add(entries, at: position)
        case .clock(let clock, let position): try add(clock, at: position)
        case .stream(let stream): try add(stream)
        case .event(let event): try add(event)
        }
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
            fieldsLeft: fieldsLeft
        )
        let header = try resolver.resolve(trace.packetHeader, in: .packetHeader)
        fieldsLeft = resolver.fieldsLeft
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
        if Self.isLTTng(trace) { trace.clocks.indices.forEach { Self.repairOrigin(of: &trace.clocks[$0]) } }
    }

    private mutating func add(_ clock: ClockClass, at position: MetadataPosition) throws(MetadataError) {
        guard var trace = traceClass.take() else { return }
        defer { traceClass = trace }
        guard trace.clocks.count < limits.clocksMax else {
            throw MetadataError(.tooManyDeclarations, at: position, "clocks")
        }
        guard !trace.clocks.contains(where: { $0.name == clock.name }) else {
            throw MetadataError(.duplicateName, at: position, "clock `\(clock.name)`")
        }
        var clock = clock
        if Self.isLTTng(trace) { Self.repairOrigin(of: &clock) }
        trace.clocks.append(clock)
    }

    private static func isLTTng(_ trace: TraceClass) -> Bool {
        guard case .text(let tracer)? = trace.environmentValue("tracer_name") else { return false }
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
            fieldsLeft: fieldsLeft
        )
    }

    private mutating func add(_ stream: TSDLStream) throws(MetadataError) {
        if let event = eventWithoutStream {
            // The stream class that was made up for it was this one.
            eventWithoutStream = nil
            removeStreams()
            waitingEvents[nil, default: []].insert(event, at: 0)
        }
        let id = stream.id ?? 0
        if !streams.isEmpty, stream.id == nil || !packetHeaderHasStreamID {
            throw MetadataError(.idMissing, at: stream.position, "there are several stream classes")
        }
        try makeStream(stream)
        for event in waitingEvents.removeValue(forKey: nil) ?? [] { try add(event, toStream: 0) }
        for event in waitingEvents.removeValue(forKey: id) ?? [] { try add(event, toStream: streams.count - 1) }
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
        var streamClass = StreamClass(id: id)
        streamClass.packetContext = try resolver.resolve(stream.packetContext, in: .packetContext)
        streamClass.eventHeader = try resolver.resolve(stream.eventHeader, in: .eventHeader)
        streamClass.eventCommonContext = try resolver.resolve(stream.eventCommonContext, in: .eventCommonContext)
        streamClass.defaultClock = resolver.defaultClock
        fieldsLeft = resolver.fieldsLeft
        if resolver.clocks.count > trace.clocks.count { trace.clocks = resolver.clocks }
        streamIndexByID[id] = streams.count
        let headerHasEventID = streamClass.eventHeader?.holds(.eventRecordClassID) ?? false
        streams.append(Stream(roots: resolver.roots, headerHasEventID: headerHasEventID))
        trace.streamClasses.append(streamClass)
    }

    private mutating func add(_ event: TSDLEvent) throws(MetadataError) {
        if streams.isEmpty, event.streamID == nil {
            // Without any stream block there is one stream class, which has nothing but this event.
            try makeStream(TSDLStream(position: event.position))
            try add(event, toStream: 0)
            eventWithoutStream = event
        } else if eventWithoutStream == nil, let index = try streamIndex(of: event) {
            try add(event, toStream: index)
        } else {
            // How many can wait is bounded by `declarationsMax`.
            waitingEvents[event.streamID, default: []].append(event)
        }
    }

    /// Nil when the stream class has not come yet.
    private func streamIndex(of event: TSDLEvent) throws(MetadataError) -> Int? {
        if let id = event.streamID { return streamIndexByID[id] }
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
        var eventClass = EventClass(id: id, name: event.name, logLevel: event.logLevel, emfURI: event.emfURI)
        eventClass.specificContext = try resolver.resolve(event.specificContext, in: .eventSpecificContext)
        eventClass.payload = try resolver.resolve(event.payload, in: .eventPayload)
        fieldsLeft = resolver.fieldsLeft
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
