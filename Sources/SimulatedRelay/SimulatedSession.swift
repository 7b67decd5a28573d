import LTTngLive

/// A session, its streams, and who has attached it.
struct SimulatedSession {
    var listed: ListedSession
    var appearsAtNs: UInt64
    var endsAtNs: UInt64
    let machine: Int
    var isHeldUntilNs: UInt64
    /// Its own and those of its siblings.
    var rotations: [Range<UInt64>]
    /// The places of its streams, in the order of their coming.
    private(set) var slots: [Int] = []
    /// When each of them comes.
    private var arrivalsNs: [UInt64] = []
    /// By trace: its streams.
    private(set) var traces: [LiveTraceID: SimulatedTrace] = [:]
    /// The connection that has attached it.
    var holder: RelayConnectionID?

    init(_ script: ScriptedSession) {
        listed = script.session
        appearsAtNs = script.appearsAtNs
        endsAtNs = script.endsAtNs ?? .max
        machine = script.machine
        isHeldUntilNs = script.isHeldUntilNs
        rotations = script.rotations
    }

    /// - Parameter slot: the stream's place in the relay.
    mutating func add(_ stream: SimulatedStream, at slot: Int) {
        // Most scripts are in order of time, where this is the end.
        let place = (arrivalsNs.lastIndex { $0 <= stream.appearsAtNs } ?? -1) + 1
        slots.insert(slot, at: place)
        arrivalsNs.insert(stream.appearsAtNs, at: place)
        if stream.live.isMetadata {
            traces[stream.live.trace, default: SimulatedTrace()].metadataSlot = slot
        } else {
            traces[stream.live.trace, default: SimulatedTrace()].dataSlots.append(slot)
        }
    }

    /// How many streams have come by a time. - Complexity: O(log streams).
    func arrivedCount(at nowNs: UInt64) -> Int {
        var (low, high) = (0, arrivalsNs.count)
        while low < high {
            let middle = (low + high) / 2
            if arrivalsNs[middle] <= nowNs { low = middle + 1 } else { high = middle }
        }
        return low
    }

    func isListed(at nowNs: UInt64) -> Bool {
        appearsAtNs <= nowNs && nowNs < endsAtNs
    }

    /// Another viewer or connection has it.
    func isHeld(at nowNs: UInt64) -> Bool {
        holder != nil || nowNs < isHeldUntilNs
    }

    func isRotating(at nowNs: UInt64) -> Bool {
        rotations.contains { $0.contains(nowNs) }
    }

    /// What the sessions of a host's domains have in common.
    var tracingSession: TracingSession {
        TracingSession(hostname: listed.hostname, name: listed.name, machine: machine)
    }
}

/// The streams of a trace.
struct SimulatedTrace {
    var metadataSlot: Int?
    var dataSlots: [Int] = []
}

/// A session as its user made it: relayd shows one session for each tracing domain of it.
struct TracingSession: Hashable {
    var hostname: String
    var name: String
    var machine: Int
}

/// Answers about sessions.
extension SimulatedRelay {
    func listedSessions() -> [ListedSession] {
        sessions.filter { $0.isListed(at: nowNs) }.map { session in
            var listed = session.listed
            listed.clientCount = session.isHeld(at: nowNs) ? 1 : 0
            listed.streamCount = UInt32(clamping: session.arrivedCount(at: nowNs))
            return listed
        }
    }

    mutating func answerAttach(_ id: LiveSessionID, seek: UInt32, on connection: RelayConnection) {
        guard connection.hasViewerSession else { return connection.server.replyToAttach(.noViewerSession) }
        guard let index = sessions.firstIndex(where: { $0.listed.id == id && $0.isListed(at: nowNs) }),
            sessions[index].listed.format == .ctf1 || connection.server.minor ?? 0 >= LiveVersion.longListMinor
        else { return connection.server.replyToAttach(.unknownSession) }
        guard sessions[index].listed.liveTimerUs > 0 else { return connection.server.replyToAttach(.notLive) }
        guard !sessions[index].isHeld(at: nowNs) else { return connection.server.replyToAttach(.alreadyHeld) }
        guard let position = SeekPosition(rawValue: seek) else {
            if version.attachesInSpiteOfSeek { sessions[index].holder = connection.id }
            return connection.server.replyToAttach(.seekRefused)
        }
        sessions[index].holder = connection.id
        if connection.tracingSession == nil { connection.tracingSession = sessions[index].tracingSession }
        connection.attachments[index] = RelayConnection.Attachment(
            position: version.ignoresSeek ? .beginning : position,
            atNs: nowNs
        )
        let isHidden = sessions[index].isRotating(at: nowNs)
        connection.server.replyToAttach(.ok, streams: isHidden ? [] : announceStreams(of: index, on: connection))
    }

    mutating func answerDetach(_ id: LiveSessionID, on connection: RelayConnection) {
        guard let index = attachedSession(id, on: connection) else {
            return connection.server.replyToDetach(.unknownSession)
        }
        sessions[index].holder = nil
        forget(session: index, on: connection)
        connection.server.replyToDetach(.ok)
    }

    func answerNewStreams(_ id: LiveSessionID, on connection: RelayConnection) {
        guard let index = attachedSession(id, on: connection) else {
            return connection.server.replyToNewStreams(.failed)
        }
        let session = sessions[index]
        if hasOneTracingSessionPerConnection, connection.tracingSession != session.tracingSession {
            return connection.server.replyToNewStreams(.failed)
        }
        if session.isRotating(at: nowNs) { return connection.server.replyToNewStreams(.noNew) }
        let announced = announceStreams(of: index, on: connection)
        let isOver = nowNs >= session.endsAtNs
        if isOver, announced.isEmpty, !hasUnreadPackets(of: session, on: connection) {
            return connection.server.replyToNewStreams(.hungUp)
        }
        connection.server.replyToNewStreams(.ok, streams: announced)
    }

    /// A connection goes: its sessions can be attached again.
    mutating func freeSessions(of connection: RelayConnection) {
        for index in sessions.indices where sessions[index].holder == connection.id { sessions[index].holder = nil }
        connection.attachments.removeAll()
        connection.readings.removeAll()
    }

    /// A second viewer session replaces the first, whose sessions nobody can attach or leave any more.
    mutating func createViewerSession(on connection: RelayConnection) {
        if connection.hasViewerSession {
            for index in connection.attachments.keys {
                sessions[index].holder = RelayConnectionID(number: 0)
                forget(session: index, on: connection)
            }
        }
        connection.hasViewerSession = true
        connection.server.replyToCreateViewerSession(.ok)
    }

    private func forget(session index: Int, on connection: RelayConnection) {
        guard let attachment = connection.attachments.removeValue(forKey: index) else { return }
        for slot in sessions[index].slots.prefix(attachment.announcedCount) { connection.readings[slot] = nil }
    }

    private func attachedSession(_ id: LiveSessionID, on connection: RelayConnection) -> Int? {
        connection.attachments.keys.first { sessions[$0].listed.id == id }
    }

    /// Streams of the session that the viewer has not been told of. What is closed by now has no stream to tell of
    /// with releases that drop what was not read.
    private func announceStreams(of index: Int, on connection: RelayConnection) -> [LiveStream] {
        guard let attachment = connection.attachments[index] else { return [] }
        let arrived = sessions[index].arrivedCount(at: nowNs)
        var announced: [LiveStream] = []
        for slot in sessions[index].slots[attachment.announcedCount..<arrived] {
            if version.dropsUnreadAtClose, isClosed(slot) { continue }
            connection.readings[slot] = StreamReading(of: streams[slot], attachment, version: version)
            announced.append(streams[slot].live)
        }
        connection.attachments[index]?.announcedCount = arrived
        return announced
    }

    /// Whether the stream, or for metadata all of its trace, is closed.
    private func isClosed(_ slot: Int) -> Bool {
        guard streams[slot].live.isMetadata else { return streams[slot].closesAtNs <= nowNs }
        guard let trace = sessions[streams[slot].session].traces[streams[slot].live.trace] else { return false }
        return !trace.dataSlots.isEmpty && trace.dataSlots.allSatisfy { streams[$0].closesAtNs <= nowNs }
    }

    /// Whether NEW_STREAM is to be raised in a reply. It is about any session of the connection.
    func raisesNewStreams(onPacket isPacket: Bool, _ connection: RelayConnection) -> Bool {
        for (index, attachment) in connection.attachments {
            let arrived = sessions[index].arrivedCount(at: nowNs)
            if version.raisesNewStreamsOnce {
                guard isPacket, arrived > max(attachment.announcedCount, attachment.flaggedCount) else { continue }
                connection.attachments[index]?.flaggedCount = arrived
                return true
            }
            if arrived > attachment.announcedCount { return true }
        }
        return false
    }

    private func hasUnreadPackets(of session: SimulatedSession, on connection: RelayConnection) -> Bool {
        session.slots.contains { slot in
            guard !streams[slot].live.isMetadata, let reading = connection.readings[slot], !reading.hasHungUp
            else { return false }
            return reading.hasUnread(of: streams[slot], nowNs: nowNs, endsAtNs: session.endsAtNs)
        }
    }
}
