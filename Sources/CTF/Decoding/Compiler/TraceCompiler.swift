/// Turns a trace class into tables.
///
/// In three walks: number all fields and compute their layouts; find what refers to what and give it slots; emit
/// programs. Compiling takes time and memory in proportion to fields plus, for each event class, its stream's common
/// context; `ProgramLimits` bounds what the latter can come to.
struct TraceCompiler {
    private let traceClass: TraceClass
    private let limits: ProgramLimits
    /// What programs show to visitors; nil: everything.
    private let shown: Set<FieldID>?
    private(set) var events: ContiguousArray<ProgramEvent> = []
    private(set) var tree: FieldTree
    private var slots = SlotMap(fieldCount: 0)
    private var streams: [Stream] = []
    private var packetHeader: FieldID?

    /// A stream class on its way.
    private struct Stream {
        var scopes: SlotMap.Scopes
        var fields: [FieldScope: Range<Int>] = [:]
        /// Indexes in `events`.
        var events: Range<Int> = 0..<0
        var eventFields: [(specific: Range<Int>, payload: Range<Int>)] = []
    }

    init(_ traceClass: TraceClass, limits: ProgramLimits, shown: Set<FieldID>? = nil) {
        self.traceClass = traceClass
        self.shown = shown
        self.limits = limits
        tree = FieldTree(limits: limits)
    }

    mutating func compile() throws(ProgramError) -> CompiledCode {
        let headerFields = try add(traceClass.packetHeader, .packetHeader)
        packetHeader = headerFields.root
        for streamClass in traceClass.streamClasses { try add(streamClass) }
        tree.computeLayouts()
        try tree.checkIdleFields()

        slots = SlotMap(fieldCount: tree.fields.count)
        var scopes = SlotMap.Scopes()
        scopes[.packetHeader] = packetHeader
        try slots.resolve(headerFields.range, in: tree, scopes: &scopes)
        for index in streams.indices { streams[index] = try resolved(streams[index]) }
        guard slots.loopBase <= UInt32(limits.slotCountMax) else { throw ProgramError(.tooLarge, path: "trace") }

        return try emit()
    }

    // MARK: fields

    private mutating func add(
        _ root: StructureClass?,
        _ scope: FieldScope
    ) throws(ProgramError) -> (root: FieldID?, range: Range<Int>) {
        let start = tree.fields.count
        let id = try tree.add(root, scope: scope)
        return (id, start..<tree.fields.count)
    }

    private mutating func add(_ streamClass: StreamClass) throws(ProgramError) {
        var stream = Stream(scopes: SlotMap.Scopes())
        stream.scopes[.packetHeader] = packetHeader
        let roots: [(FieldScope, StructureClass?)] = [
            (.packetContext, streamClass.packetContext), (.eventHeader, streamClass.eventHeader),
            (.eventCommonContext, streamClass.eventCommonContext),
        ]
        for (scope, structure) in roots {
            let added = try add(structure, scope)
            stream.scopes[scope] = added.root
            stream.fields[scope] = added.range
        }
        let clock = try clock(of: streamClass)
        let first = events.count
        for eventClass in streamClass.eventClasses {
            let specific = try add(eventClass.specificContext, .eventSpecificContext)
            let payload = try add(eventClass.payload, .eventPayload)
            events.append(
                ProgramEvent(
                    streamClassID: streamClass.id,
                    eventClass: eventClass,
                    clock: clock,
                    commonContext: stream.scopes[.eventCommonContext],
                    specificContext: specific.root,
                    payload: payload.root
                )
            )
            stream.eventFields.append((specific.range, payload.range))
        }
        stream.events = first..<events.count
        streams.append(stream)
    }

    private func clock(of streamClass: StreamClass) throws(ProgramError) -> ClockClass? {
        guard let index = streamClass.defaultClock else { return nil }
        guard traceClass.clocks.indices.contains(index), traceClass.clocks[index].frequencyHz > 0 else {
            throw ProgramError(.badClock, path: "stream class \(streamClass.id)")
        }
        return traceClass.clocks[index]
    }

    // MARK: slots

    private mutating func resolved(_ stream: Stream) throws(ProgramError) -> Stream {
        var stream = stream
        for scope in [FieldScope.packetContext, .eventHeader, .eventCommonContext] {
            try slots.resolve(stream.fields[scope] ?? 0..<0, in: tree, scopes: &stream.scopes)
        }
        for (event, fields) in zip(stream.events, stream.eventFields) {
            stream.scopes.eventCount = 0
            stream.scopes[.eventSpecificContext] = events[event].specificContext
            stream.scopes[.eventPayload] = events[event].payload
            try slots.resolve(fields.specific, in: tree, scopes: &stream.scopes)
            try slots.resolve(fields.payload, in: tree, scopes: &stream.scopes)
        }
        return stream
    }

    // MARK: programs

    private func emit() throws(ProgramError) -> CompiledCode {
        let countMax = limits.instructionCountMax(fields: tree.fields.count, events: events.count)
        var emitter = ProgramEmitter(tree: tree, slots: slots, uuid: traceClass.uuid, instructionCountMax: countMax)
        if let shown { emitter.isShown = tree.shown(shown) }
        emitter.code.packetHeaderStart = emitter.begin(sees: false, phase: .packetStart)
        try emitter.emitScope(packetHeader)
        try emitter.end()
        let phase = emitter.phase
        for index in streams.indices { try emit(index, afterHeader: phase, &emitter) }
        emitter.code.savedSlots = slots.savedSlots
        emitter.code.slotCount = Int(slots.loopBase + emitter.loopDepthMax)
        return emitter.code
    }

    private func emit(
        _ index: Int,
        afterHeader phase: Phase,
        _ emitter: inout ProgramEmitter
    ) throws(ProgramError) {
        let stream = streams[index]
        let streamClass = traceClass.streamClasses[index]
        let clock = try clock(of: streamClass)
        var entry = StreamEntry(id: streamClass.id, clock: ClockConversion(clock ?? ClockClass(name: "")))
        entry.hasClock = clock != nil

        entry.contextStart = emitter.begin(sees: false, phase: phase)
        try emitter.emitScope(stream.scopes[.packetContext])
        try emitter.end()
        entry.contextVisitStart = emitter.begin(sees: true, phase: phase)
        try emitter.emitScope(stream.scopes[.packetContext])
        try emitter.end()
        entry.headerStart = emitter.begin(sees: false, phase: .unknown)
        try emitter.emitScope(stream.scopes[.eventHeader])
        try emitter.end()

        let phaseAfterHeader = emitter.phase
        let firstOfEvents = emitter.code.instructions.count
        let entries = try stream.events.map { index throws(ProgramError) in
            try emit(events[index], index: index, phase: phaseAfterHeader, &emitter)
        }
        entry.clearsSlots = stream.scopes.refersToUnread || tree.mixesByteOrders || emitter.paysForElements
        entry.isCareful = emitter.code.instructions[firstOfEvents...].contains { $0.opcode.isRare }
        entry.addShape(of: streamClass.eventHeader, isReferredTo: stream.scopes.refersToHeader)
        let readsID = stream.scopes[.eventHeader].map { emitter.readsEventID($0) } ?? false
        // Headers that carry no id leave it at 0, which then stands for the only event class.
        let ids = !readsID && entries.count == 1 ? [0] : streamClass.eventClasses.map(\.id)
        emitter.code.addEventTable(&entry, entries: entries, ids: ids)
        emitter.code.streams.append(entry)
    }

    private func emit(
        _ event: ProgramEvent,
        index: Int,
        phase: Phase,
        _ emitter: inout ProgramEmitter
    ) throws(ProgramError) -> EventEntry {
        var entry = EventEntry()
        entry.index = UInt32(index)
        for sees in [false, true] {
            let start = emitter.begin(sees: sees, phase: phase)
            if sees { entry.visitStart = start } else { entry.scanStart = start }
            try emitter.emitScope(event.commonContext)
            try emitter.emitScope(event.specificContext)
            try emitter.emitScope(event.payload)
            try emitter.end()
        }
        return entry
    }
}

extension ProgramEmitter {
    /// Whether a field in the event header is the event class's id.
    func readsEventID(_ id: FieldID) -> Bool {
        if case .integer(let integer) = tree[id].fieldClass { return integer.roles.contains(.eventRecordClassID) }
        return tree[id].children.contains { readsEventID($0) }
    }
}

extension CompiledCode {
    /// Adds the way from event ids to events: a table for small ids, a sorted list for the others.
    mutating func addEventTable(_ stream: inout StreamEntry, entries: [EventEntry], ids: [UInt64]) {
        let tableMax = UInt64(4 * entries.count + 256)
        let denseCount = ids.lazy.filter { $0 < tableMax }.max().map { $0 + 1 } ?? 0
        stream.denseStart = UInt32(denseEvents.count)
        stream.denseCount = UInt32(denseCount)
        denseEvents.append(contentsOf: repeatElement(EventEntry(), count: Int(denseCount)))
        stream.sparseStart = UInt32(sparseEvents.count)
        var sparse: [SparseEvent] = []
        for (entry, id) in zip(entries, ids) {
            if id < denseCount {
                denseEvents[Int(stream.denseStart) + Int(id)] = entry
            } else {
                sparse.append(SparseEvent(id: id, entry: entry))
            }
        }
        sparse.sort { $0.id < $1.id }
        stream.sparseCount = UInt32(sparse.count)
        sparseEvents.append(contentsOf: sparse)
    }
}
