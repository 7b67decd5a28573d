import CTF

/// Leaves out of batches the events that an expression, or what a scope may see, does not want. All other records pass.
///
/// Events that leave a hole cut their slice in two; what stays keeps its order. For each trace and each state of its
/// metadata the expression is compiled once. Keeps which packets have begun without a wanted event: they are declared
/// with the first one that comes, if it does. Confined to one thread at a time, which `@unchecked Sendable` stands for.
package struct EventFilter: @unchecked Sendable {
    private struct Key: Hashable {
        var program: ObjectIdentifier
        var traceID: UInt64
    }

    /// Programs that are kept compiled when no event uses them any more.
    private static let idleProgramsMax = 256

    let expression: FilterExpression?
    private let scope: ViewScope
    private var programs: [Key: FilterProgram] = [:]
    private var cutter = SliceCutter()
    /// Packets that have begun, and of which no event has been wanted so far.
    var undeclared: Set<UInt64> = []

    package init(_ expression: FilterExpression?) {
        self.init(expression, scope: .full)
    }

    /// - Parameter scope: its rules' event names count too.
    package init(_ expression: FilterExpression?, scope: ViewScope) {
        self.expression = expression
        self.scope = scope
    }

    /// - Parameter isLive: whether a packet may still have events after the batch; nil where nobody keeps track.
    mutating func filter(_ batch: FeedBatch, isLive: ((UInt64) -> Bool)? = nil) -> FeedBatch {
        var seen = batch
        seen.records = []
        seen.records.reserveCapacity(batch.records.count)
        for record in batch.records {
            guard case .events(let group) = record else {
                seen.records.append(record)
                continue
            }
            let (kept, losses) = filter(group)
            seen.records += losses.map { .lost($0) }
            if kept.eventCount > 0 { seen.records.append(.events(kept)) }
        }
        if let isLive, !undeclared.isEmpty { undeclared = undeclared.filter(isLive) }
        return seen
    }

    /// The batch with the wanted events alone, for whoever prints it.
    package mutating func filtered(_ batch: FeedBatch) -> FeedBatch {
        defer { undeclared.removeAll(keepingCapacity: true) }
        return filter(batch)
    }

    private mutating func filter(_ group: EventGroup) -> (EventGroup, [LossRecord]) {
        var losses: [LossRecord] = []
        cutter.begin(group)
        for slice in group.slices {
            let packet = slice.packet
            if slice.opensPacket { undeclared.insert(packet.id) }
            let first = cutter.kept.slices.count
            let program = program(packet)
            switch program.verdicts[packet.preamble.streamClassID] ?? .never {
            case .never: cutter.drop(slice)
            case .always: cutter.keep(slice)
            case .mixed:
                let unreadable = cutter.cut(slice, program)
                if unreadable > 0 { losses.append(Self.loss(unreadable, slice)) }
            }
            guard cutter.kept.slices.count > first else { continue }
            let declares = undeclared.remove(packet.id) != nil
            cutter.declare(from: first, declares: declares)
        }
        if programs.count > Self.idleProgramsMax { programs.removeAll() }
        return (cutter.end(group), losses)
    }

    private mutating func program(_ packet: FeedPacket) -> FilterProgram {
        let key = Key(program: ObjectIdentifier(packet.program), traceID: packet.trace.id)
        if let known = programs[key] { return known }
        let program = FilterProgram(
            expression,
            program: packet.program,
            trace: packet.trace,
            isVisible: { [scope] in scope.allows(event: $0, of: packet.trace) }
        )
        programs[key] = program
        return program
    }

    private static func loss(_ count: Int, _ slice: EventSlice) -> LossRecord {
        let trace = slice.packet.trace
        return LossRecord(
            relay: trace.relay,
            host: trace.host,
            session: trace.session,
            sessionID: trace.sessionID,
            streamID: slice.packet.stream.id,
            unit: .events,
            count: UInt64(count),
            fromNs: nil,
            toNs: nil,
            reason: "events that cannot be decoded"
        )
    }
}
