import CTF
import Feed

/// What a feed has said by now, put beside what the world made.
struct FeedAccount {
    private let plan: WorldPlan
    /// By trace and live stream: the world's streams.
    private let streamOfKey: [StreamKey: Int]
    /// Numbers of events that came.
    private(set) var delivered: Set<UInt64> = []
    /// What was said to be lost, of the world's streams that may be meant.
    private(set) var losses: [SaidLoss] = []
    private(set) var relayStates: [String: RelayState] = [:]
    private(set) var sessionStates: [SessionKey: SessionState] = [:]
    /// Sessions that were said to be lost.
    private(set) var lostSessions: Set<SessionKey> = []
    /// The world's streams that the feed has spoken of.
    private(set) var knownStreams: Set<Int> = []

    private var traces: [UInt64: FeedTrace] = [:]
    private var traceUUIDs: [UInt64: String] = [:]
    private var streams: [UInt64: FeedStream] = [:]

    /// A loss record, and whom it may mean.
    struct SaidLoss {
        var record: LossRecord
        var feedStream: FeedStream?
        /// Nil where it names its session only.
        var trace: FeedTrace?
        /// Whether the trace's metadata, which says whose it is, had come by then.
        var isIdentified: Bool
    }

    private struct StreamKey: Hashable {
        var uuid: String
        var liveID: UInt64
    }

    init(_ plan: WorldPlan) {
        self.plan = plan
        var streamOfKey: [StreamKey: Int] = [:]
        for (index, stream) in plan.streams.enumerated() {
            streamOfKey[StreamKey(uuid: stream.traceUUID.description, liveID: stream.liveID)] = index
        }
        self.streamOfKey = streamOfKey
    }

    mutating func take(_ event: SeenEvent, atNs: UInt64, _ verdict: inout Verdict) {
        guard let truth = plan.event(event.number) else {
            return verdict.found(.completeness, atNs: atNs, "\(event) was never made")
        }
        let stream = plan.streams[truth.stream]
        let session = plan.sessions[stream.session]
        let isTrue =
            truth.timestampNs == event.timestampNs && stream.liveID == event.liveStreamID
            && stream.traceUUID == event.traceUUID && stream.instanceID == event.instanceID
            && event.relay == "relay-\(session.relay)"
        if !isTrue { verdict.found(.completeness, atNs: atNs, "\(event) is not what was made: \(truth), \(stream)") }
        delivered.insert(event.number)
        knownStreams.insert(truth.stream)
    }

    mutating func take(_ record: FeedRecord, atNs: UInt64) {
        switch record {
        case .trace(let trace): traces[trace.id] = trace
        case .metadata(let traceID, let bytes): traceUUIDs[traceID] = traceUUIDs[traceID] ?? Self.uuid(in: bytes)
        case .stream(let stream):
            streams[stream.id] = stream
            for index in candidates(stream) { knownStreams.insert(index) }
        case .relay(let change): relayStates[change.relay] = change.state
        case .session(let change):
            let key = SessionKey(relay: change.relay, name: change.session, id: change.sessionID)
            sessionStates[key] = change.state
            if change.state == .lost { lostSessions.insert(key) }
        case .lost(let loss):
            let stream = loss.streamID.flatMap { streams[$0] }
            let said = SaidLoss(
                record: loss,
                feedStream: stream,
                trace: stream.flatMap { traces[$0.traceID] },
                isIdentified: stream.map { traceUUIDs[$0.traceID] != nil } ?? false
            )
            losses.append(said)
            for index in candidates(said) { knownStreams.insert(index) }
        case .events, .traceEnd, .streamEnd, .holder, .clock, .gap, .log, .source, .idle, .end: break
        }
    }

    /// The world's streams that a loss may mean: one, where its trace's identity is known.
    func candidates(_ loss: SaidLoss) -> [Int] {
        if let stream = loss.feedStream {
            // What had no metadata may have been of the process that had the numbers before.
            let named = candidates(stream)
            return loss.isIdentified ? named : named + earlier(stream).filter { !named.contains($0) }
        }
        let key = SessionKey(relay: loss.record.relay, name: loss.record.session, id: loss.record.sessionID)
        return plan.streams.indices.filter { self.key(ofStream: $0) == key }
    }

    private func candidates(_ stream: FeedStream) -> [Int] {
        guard let trace = traces[stream.traceID] else { return [] }
        let uuid = traceUUIDs[trace.id]
        if let uuid, let index = streamOfKey[StreamKey(uuid: uuid, liveID: stream.liveStreamID)] { return [index] }
        return earlier(stream)
    }

    /// The streams of that number in processes before the one whose metadata the trace has: before it came, the trace
    /// could be one of a process that has died since.
    private func earlier(_ stream: FeedStream) -> [Int] {
        guard let trace = traces[stream.traceID] else { return [] }
        let uuid = traceUUIDs[trace.id]
        let life = uuid.flatMap { uuid in plan.streams.first { $0.traceUUID.description == uuid } }
            .map { plan.sessions[$0.session].life }
        let key = SessionKey(relay: trace.relay, name: trace.session, id: trace.sessionID)
        return plan.streams.indices.filter { index in
            plan.streams[index].liveID == stream.liveStreamID && self.key(ofStream: index) == key
                && plan.sessions[plan.streams[index].session].life < life ?? .max
        }
    }

    func key(ofStream index: Int) -> SessionKey {
        let session = plan.sessions[plan.streams[index].session]
        return SessionKey(session)
    }

    /// The trace's UUID in the first piece of its metadata.
    private static func uuid(in metadata: [UInt8]) -> String? {
        let mark = Array("byte_order = le; uuid = \"".utf8)
        guard metadata.count > mark.count + 36 else { return nil }
        for start in 0..<(metadata.count - mark.count - 36) where metadata[start] == mark[0] {
            guard metadata[start..<start + mark.count].elementsEqual(mark) else { continue }
            return String(decoding: metadata[start + mark.count..<start + mark.count + 36], as: UTF8.self)
        }
        return nil
    }
}

/// A session by its relay's number and its name, both of which another process of the relay may use again.
struct SessionKey: Hashable, Comparable, CustomStringConvertible {
    var relay: String
    var name: String
    var id: UInt64

    init(relay: String, name: String, id: UInt64) {
        self.relay = relay
        self.name = name
        self.id = id
    }

    init(_ session: TrueSession) {
        self.init(relay: "relay-\(session.relay)", name: session.name, id: session.id)
    }

    var description: String { "\(relay)/\(name)/\(id)" }

    static func < (left: SessionKey, right: SessionKey) -> Bool {
        (left.relay, left.name, left.id) < (right.relay, right.name, right.id)
    }
}
