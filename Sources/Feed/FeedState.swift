package import CTF

/// What lives in the feed after a frame: all that a subscriber needs to understand the frames behind it.
///
/// Folding every batch in turn keeps it. A value: a copy is a checkpoint. A trace goes when the feed says that it has
/// ended, and with it its streams and packets; a packet also when its content has left, or its stream begins another.
package struct FeedState: Sendable {
    /// The last batch folded in; 0 before the first.
    package internal(set) var sequence: UInt64 = 0
    /// W after it, nanoseconds since the Unix epoch.
    package internal(set) var watermarkNs: Int64?
    /// Whether a subscriber may resume here: the last batch was whole and carried W.
    package internal(set) var isResumePoint = false
    /// The time of the latest event that has left in order, where W does not say it, nanoseconds.
    var floorNs: Int64?

    private(set) var traces: [UInt64: LiveTrace] = [:]
    private(set) var streams: [UInt64: FeedStream] = [:]
    /// Packets of which events have left, and more are to come.
    private(set) var packets: [UInt64: OpenPacket] = [:]
    private(set) var relays: [String: RelayStateChange] = [:]
    private(set) var sessions: [SessionKey: SessionStateChange] = [:]
    private(set) var clocks: [ClockKey: ClockReport] = [:]
    /// By name.
    private(set) var sources: [String: SourceRecord] = [:]
    /// Whether there is no stream that W follows.
    private(set) var isIdle = false
    /// By stream: how far its events have left. For a coordinator that goes on; not kept of a peer's frames.
    private(set) var places: [UInt64: StreamPlace] = [:]
    /// Of sessions that go on, and of some that were lost; not kept of a peer's frames.
    private(set) var endedStreams: [SessionKey: EndedStreams] = [:]
    private(set) var numbers = FeedNumbers()

    /// The packet that a stream is in.
    private var streamPackets: [UInt64: UInt64] = [:]
    private var finishedPackets: [UInt64] = []
    private var endedTraces: Set<UInt64> = []
    private var streamEnds: [StreamEndRecord] = []
    private var endedSessions: [SessionKey] = []
    private var metadataBytes = 0
    /// Nil on the coordinator's side, which bounds what it declares.
    private let limits: FeedLimits?
    private var keepsPlaces: Bool { limits == nil }

    /// Sessions whose ended streams are kept, apart from those that go on.
    private static let endedSessionsMax = 1024

    package init() {
        limits = nil
    }

    /// A state that a peer's frames are folded into.
    init(limits: FeedLimits) {
        self.limits = limits
    }

    /// A trace and its metadata in the pieces in which it came.
    struct LiveTrace: Sendable {
        var trace: FeedTrace
        var metadata: [[UInt8]] = []
        var metadataBytes = 0
    }

    /// A packet as it is declared to those who join in its middle.
    struct OpenPacket: Sendable {
        var id: UInt64
        var traceID: UInt64
        var streamID: UInt64
        var metadataBytes: UInt64
        var correction: TimeCorrection
        var preamble: [UInt8]
        var index: FeedPacketIndex
        var place: PacketPlace
    }

    /// Sessions are told apart by all of their names: a relay that restarts uses its numbers again.
    struct SessionKey: Hashable, Comparable, Sendable {
        var relay: String
        var host: String
        var session: String
        var id: UInt64

        init(relay: String, host: String, session: String, id: UInt64) {
            self.relay = relay
            self.host = host
            self.session = session
            self.id = id
        }

        static func < (left: SessionKey, right: SessionKey) -> Bool {
            (left.relay, left.host, left.session, left.id) < (right.relay, right.host, right.session, right.id)
        }

        init(_ trace: FeedTrace) {
            self.init(relay: trace.relay, host: trace.host, session: trace.session, id: trace.sessionID)
        }
    }

    /// The two clocks that a report compares.
    struct ClockKey: Hashable, Comparable, Sendable {
        var relay: String
        var host: String
        var clock: String
        var referenceRelay: String
        var referenceHost: String

        static func < (left: ClockKey, right: ClockKey) -> Bool {
            (left.relay, left.host, left.clock, left.referenceRelay, left.referenceHost)
                < (right.relay, right.host, right.clock, right.referenceRelay, right.referenceHost)
        }
    }
}

/// What a packet says about itself, as frames carry it.
package struct FeedPacketIndex: Sendable, Equatable {
    package var timestampBeginCycles: UInt64?
    package var timestampEndCycles: UInt64?
    package var contentBits: UInt64?
    package var totalBits: UInt64?
    package var sequenceNumber: UInt64?
    package var discardedEvents: UInt64?
    package var streamInstanceID: UInt64?
    package var streamClassID: UInt64 = 0
    package var firstEventBits: UInt64 = 0
}

// MARK: - Changes

extension FeedState {
    mutating func declare(_ trace: FeedTrace) throws(FeedError) {
        guard traces[trace.id] == nil else { throw .invalid(.trace) }
        if let limits, traces.count >= limits.liveTraces { throw .tooMuchState(.trace) }
        numbers.traceID = max(numbers.traceID, trace.id)
        traces[trace.id] = LiveTrace(trace: trace)
    }

    mutating func grow(traceID: UInt64, metadata: [UInt8]) throws(FeedError) {
        guard let old = traces[traceID] else { throw .unknownReference(.trace, traceID) }
        if let limits {
            guard old.metadataBytes + metadata.count <= limits.traceMetadataBytes,
                metadataBytes + metadata.count <= limits.allMetadataBytes
            else { throw .tooMuchState(.metadata) }
        }
        traces[traceID]?.metadata.append(metadata)
        traces[traceID]?.metadataBytes += metadata.count
        metadataBytes += metadata.count
    }

    mutating func declare(_ stream: FeedStream) throws(FeedError) {
        guard traces[stream.traceID] != nil else { throw .unknownReference(.trace, stream.traceID) }
        guard streams[stream.id] == nil else { throw .invalid(.stream) }
        if let limits, streams.count >= limits.liveStreams { throw .tooMuchState(.stream) }
        numbers.streamID = max(numbers.streamID, stream.id)
        streams[stream.id] = stream
    }

    mutating func end(traceID: UInt64) throws(FeedError) {
        guard traces[traceID] != nil else { throw .unknownReference(.trace, traceID) }
        endedTraces.insert(traceID)
    }

    mutating func end(_ record: StreamEndRecord) throws(FeedError) {
        guard streams[record.streamID] != nil else { throw .unknownReference(.stream, record.streamID) }
        streamEnds.append(record)
    }

    mutating func open(_ packet: OpenPacket) throws(FeedError) {
        guard let stream = streams[packet.streamID] else { throw .unknownReference(.stream, packet.streamID) }
        guard packets[packet.id] == nil, stream.traceID == packet.traceID else { throw .invalid(.packet) }
        if let previous = streamPackets.updateValue(packet.id, forKey: packet.streamID) {
            finishedPackets.append(previous)
        }
        packets[packet.id] = packet
        numbers.packetID = max(numbers.packetID, packet.id)
        guard keepsPlaces else { return }
        places[packet.streamID, default: StreamPlace()].begin(
            StreamPlace.Packet(
                index: packet.index,
                place: packet.place,
                endBits: packet.index.firstEventBits,
                correction: packet.correction
            )
        )
    }

    /// Events of a packet have left, up to `endBits`.
    mutating func advance(packetID: UInt64, endBits: UInt64) {
        guard let packet = packets[packetID] else { return }
        places[packet.streamID]?.packet?.endBits = endBits
        guard let content = packet.index.contentBits, endBits >= content else { return }
        finishedPackets.append(packetID)
    }

    /// Something is lost.
    mutating func lose(_ loss: LossRecord) {
        guard keepsPlaces, let streamID = loss.streamID, let packet = loss.packet, streams[streamID] != nil else {
            return
        }
        places[streamID, default: StreamPlace()].lose(loss, at: packet)
    }

    /// Of a checkpoint.
    mutating func restore(_ place: StreamPlace, streamID: UInt64) throws(FeedError) {
        guard streams[streamID] != nil else { throw .unknownReference(.stream, streamID) }
        places[streamID] = place
    }

    /// Of a checkpoint.
    mutating func restore(_ ended: EndedStreams, of session: SessionKey) {
        endedStreams[session] = ended
    }

    /// Of a checkpoint.
    mutating func restore(_ numbers: FeedNumbers) {
        self.numbers = numbers
    }

    mutating func change(_ relay: RelayStateChange) throws(FeedError) {
        if let limits, relays.count >= limits.states, relays[relay.relay] == nil { throw .tooMuchState(.relay) }
        relays[relay.relay] = relay
    }

    mutating func change(_ session: SessionStateChange) throws(FeedError) {
        let key = SessionKey(
            relay: session.relay,
            host: session.host,
            session: session.session,
            id: session.sessionID
        )
        switch session.state {
        case .held, .active:
            if let limits, sessions.count >= limits.states, sessions[key] == nil { throw .tooMuchState(.session) }
            sessions[key] = session
        case .ended:
            sessions[key] = nil
            endedSessions.append(key)
        case .lost:
            // It may be attached anew, and what was read of it must not be read again.
            sessions[key] = nil
        }
    }

    mutating func change(_ report: ClockReport) throws(FeedError) {
        let key = ClockKey(
            relay: report.relay,
            host: report.host,
            clock: report.clock,
            referenceRelay: report.referenceRelay,
            referenceHost: report.referenceHost
        )
        guard report.quality != .absent else {
            clocks[key] = nil
            return
        }
        if let limits, clocks.count >= limits.states, clocks[key] == nil { throw .tooMuchState(.clock) }
        clocks[key] = report
        // The step was since the report before; whoever joins now has seen neither.
        clocks[key]?.stepNs = nil
        clocks[key]?.stepErrorNs = 0
    }

    mutating func change(_ source: SourceRecord) throws(FeedError) {
        guard source.feed != nil else {
            sources[source.relay] = nil
            return
        }
        if let limits, sources.count >= limits.states, sources[source.relay] == nil { throw .tooMuchState(.source) }
        sources[source.relay] = source
    }

    mutating func change(isIdle: Bool) {
        self.isIdle = isIdle
    }

    /// A batch has been folded in whole: lets go of what it has finished.
    /// - Returns: whether traces have gone.
    @discardableResult
    mutating func endBatch() -> Bool {
        for id in finishedPackets {
            guard let packet = packets.removeValue(forKey: id) else { continue }
            if streamPackets[packet.streamID] == id { streamPackets[packet.streamID] = nil }
        }
        finishedPackets.removeAll(keepingCapacity: true)
        for end in streamEnds { forget(end) }
        streamEnds.removeAll(keepingCapacity: true)
        for key in endedSessions where sessions[key] == nil { endedStreams[key] = nil }
        endedSessions.removeAll(keepingCapacity: true)
        guard !endedTraces.isEmpty else { return false }
        for id in endedTraces {
            guard let trace = traces.removeValue(forKey: id) else { continue }
            metadataBytes -= trace.metadataBytes
        }
        for (id, stream) in streams where endedTraces.contains(stream.traceID) {
            streams[id] = nil
            places[id] = nil
            if let packet = streamPackets.removeValue(forKey: id) { packets[packet] = nil }
        }
        endedTraces.removeAll(keepingCapacity: true)
        return true
    }

    private mutating func forget(_ end: StreamEndRecord) {
        guard let stream = streams.removeValue(forKey: end.streamID) else { return }
        places[end.streamID] = nil
        if let packet = streamPackets.removeValue(forKey: end.streamID) { packets[packet] = nil }
        guard keepsPlaces, let uuid = end.traceUUID, let trace = traces[stream.traceID]?.trace else { return }
        let key = SessionKey(trace)
        if endedStreams[key] == nil, endedStreams.count >= Self.endedSessionsMax {
            endedStreams = endedStreams.filter { sessions[$0.key] != nil }
        }
        endedStreams[key, default: EndedStreams()].note(stream.liveStreamID, of: uuid)
    }
}

// MARK: - Folding batches

extension FeedState {
    /// Takes in what `batch` changes.
    /// - Throws: when the batch refers to what was not declared; the state is of no more use then.
    package mutating func fold(_ batch: FeedBatch) throws(FeedError) {
        sequence = batch.sequence
        note(watermarkNs: batch.watermarkNs, floorNs: batch.floorNs)
        for record in batch.records {
            switch record {
            case .trace(let trace): try declare(trace)
            case .metadata(let traceID, let bytes): try grow(traceID: traceID, metadata: bytes)
            case .stream(let stream): try declare(stream)
            case .traceEnd(let traceID): try end(traceID: traceID)
            case .streamEnd(let record): try end(record)
            case .events(let group):
                for slice in group.slices {
                    if slice.opensPacket { try open(OpenPacket(slice.packet)) }
                    advance(packetID: slice.packet.id, endBits: slice.endBits)
                }
            case .relay(let change): try self.change(change)
            case .session(let change): try self.change(change)
            case .clock(let report): try self.change(report)
            case .source(let source): try self.change(source)
            case .idle(let isIdle): change(isIdle: isIdle)
            case .lost(let loss): lose(loss)
            case .holder, .gap, .log, .end: break
            }
        }
        endBatch()
    }

    /// How far the feed has come with a batch.
    mutating func note(watermarkNs: Int64?, floorNs: Int64?) {
        isResumePoint = watermarkNs != nil
        self.watermarkNs = watermarkNs ?? self.watermarkNs
        self.floorNs = watermarkNs == nil ? floorNs ?? self.floorNs : nil
    }

    /// Open packets apart from the state that they are of, in little memory.
    struct PackedPackets: Sendable {
        /// Without their preambles, which lie one behind the other in `preambles`.
        fileprivate var packets: [(packet: OpenPacket, preambleBytes: Int)] = []
        fileprivate var preambles: [UInt8] = []

        var byteCount: Int {
            packets.count * MemoryLayout<(packet: OpenPacket, preambleBytes: Int)>.stride + preambles.count
        }
    }

    /// Takes the open packets out, after a batch; what is left shares its memory with the state that it is a copy of.
    mutating func packPackets() -> PackedPackets {
        var packed = PackedPackets()
        packed.packets.reserveCapacity(packets.count)
        packed.preambles.reserveCapacity(packets.values.reduce(0) { $0 + $1.preamble.count })
        for var packet in packets.values {
            packed.preambles += packet.preamble
            let preambleBytes = packet.preamble.count
            packet.preamble = []
            packed.packets.append((packet, preambleBytes))
        }
        packets = [:]
        streamPackets = [:]
        return packed
    }

    /// Puts them back.
    mutating func unpack(_ packed: PackedPackets) {
        var preambles = packed.preambles[...]
        for (packet, preambleBytes) in packed.packets {
            var packet = packet
            packet.preamble = Array(preambles.prefix(preambleBytes))
            preambles = preambles.dropFirst(preambleBytes)
            packets[packet.id] = packet
            streamPackets[packet.streamID] = packet.id
        }
    }

    /// The packet that a stream is in.
    func openPacket(of streamID: UInt64) -> OpenPacket? {
        streamPackets[streamID].flatMap { packets[$0] }
    }

    /// What a scope may see of the state.
    func filtered(_ scope: ViewScope) -> FeedState {
        guard !scope.isFull else { return self }
        var seen = self
        seen.traces = traces.filter { scope.allows($0.value.trace) }
        seen.streams = streams.filter { seen.traces[$0.value.traceID] != nil }
        seen.packets = packets.filter { seen.traces[$0.value.traceID] != nil }
        seen.relays = relays.compactMapValues { scope.filtered($0) }
        seen.sessions = sessions.filter {
            scope.allows(relay: $0.key.relay, host: $0.key.host, session: $0.key.session)
        }
        seen.clocks = clocks.filter { scope.allows($0.value) }
        seen.sources = [:]
        return seen
    }

    /// The state without what only raw events need.
    var withoutDeclarations: FeedState {
        var seen = self
        seen.traces = [:]
        seen.streams = [:]
        seen.packets = [:]
        seen.sources = [:]
        seen.isIdle = false
        return seen
    }
}

extension FeedState.OpenPacket {
    init(_ packet: FeedPacket) {
        let preamble = packet.preambleBytes
        self.init(
            id: packet.id,
            traceID: packet.trace.id,
            streamID: packet.stream.id,
            metadataBytes: packet.metadataBytes,
            correction: packet.correction,
            preamble: Array(preamble),
            index: FeedPacketIndex(packet.preamble),
            place: packet.place
        )
    }
}

extension FeedPacket {
    /// From the packet's start to its first event; valid as long as the packet is.
    package var preambleBytes: UnsafeRawBufferPointer {
        let count = Int(clamping: preamble.firstEventBits / 8 + (preamble.firstEventBits % 8 == 0 ? 0 : 1))
        precondition(count <= preambleStorage.capacity, "a packet without its whole preamble")
        return UnsafeRawBufferPointer(rebasing: preambleStorage.bytes[..<count])
    }
}

extension FeedPacketIndex {
    package init(_ preamble: PacketPreamble) {
        self.init(
            timestampBeginCycles: preamble.timestampBeginCycles,
            timestampEndCycles: preamble.timestampEndCycles,
            contentBits: preamble.contentBits,
            totalBits: preamble.totalBits,
            sequenceNumber: preamble.sequenceNumber,
            discardedEvents: preamble.discardedEvents,
            streamInstanceID: preamble.streamInstanceID,
            streamClassID: preamble.streamClassID,
            firstEventBits: preamble.firstEventBits
        )
    }
}

/// Where a subscription begins: what has to be sent before the frames after `state.sequence`.
package struct SubscriptionOpening: Sendable {
    package var state: FeedState
    /// What the subscriber asked for and cannot have.
    package var gap: GapRecord?

    package init(state: FeedState, gap: GapRecord? = nil) {
        self.state = state
        self.gap = gap
    }
}
