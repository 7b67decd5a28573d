import LTTngLive

/// A session and who has attached it.
struct SimulatedSession {
    var listed: ListedSession
    var appearsAtNs: UInt64
    var endsAtNs: UInt64
    let machine: Int
    var isHeldUntilNs: UInt64
    var rotations: [Range<UInt64>]
    /// The places of its streams.
    var slots: Range<Int>
    /// The connection that has attached it.
    var holder: RelayConnectionID?

    /// - Parameter firstSlot: the place that its first stream will have.
    init(_ script: ScriptedSession, firstSlot: Int) {
        listed = script.session
        appearsAtNs = script.appearsAtNs
        endsAtNs = script.endsAtNs ?? .max
        machine = script.machine
        isHeldUntilNs = script.isHeldUntilNs
        rotations = script.rotations
        slots = firstSlot..<firstSlot
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

/// A session as its user made it: relayd shows one session for each tracing domain of it.
struct TracingSession: Equatable {
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
            listed.streamCount = UInt32(clamping: session.slots.count { streams[$0].appearsAtNs <= nowNs })
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
        guard let position = SeekPosition(rawValue: seek) else { return connection.server.replyToAttach(.seekRefused) }
        sessions[index].holder = connection.id
        if connection.tracingSession == nil { connection.tracingSession = sessions[index].tracingSession }
        for slot in sessions[index].slots {
            connection.readings[slot] = StreamReading(of: streams[slot], from: position, nowNs: nowNs)
        }
        let isHidden = sessions[index].isRotating(at: nowNs)
        let announced = isHidden ? [] : announceStreams(of: sessions[index], on: connection)
        connection.server.replyToAttach(.ok, streams: announced)
    }

    mutating func answerDetach(_ id: LiveSessionID, on connection: RelayConnection) {
        guard let index = attachedSession(id, on: connection) else {
            return connection.server.replyToDetach(.unknownSession)
        }
        sessions[index].holder = nil
        for slot in sessions[index].slots { connection.readings[slot] = nil }
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
        let announced = announceStreams(of: session, on: connection)
        let isOver = nowNs >= session.endsAtNs
        if isOver, announced.isEmpty, !hasUnreadPackets(of: session, on: connection) {
            return connection.server.replyToNewStreams(.hungUp)
        }
        connection.server.replyToNewStreams(.ok, streams: announced)
    }

    /// A connection goes: its sessions can be attached again.
    mutating func freeSessions(of connection: RelayConnection) {
        for index in sessions.indices where sessions[index].holder == connection.id { sessions[index].holder = nil }
        connection.readings.removeAll()
    }

    private func attachedSession(_ id: LiveSessionID, on connection: RelayConnection) -> Int? {
        sessions.firstIndex { $0.listed.id == id && $0.holder == connection.id }
    }

    /// Streams of the session that the viewer has not been told of.
    private func announceStreams(of session: SimulatedSession, on connection: RelayConnection) -> [LiveStream] {
        var announced: [LiveStream] = []
        for slot in session.slots where streams[slot].appearsAtNs <= nowNs {
            guard connection.readings[slot]?.isAnnounced == false else { continue }
            connection.readings[slot]?.isAnnounced = true
            announced.append(streams[slot].live)
        }
        return announced
    }

    func hasUnannouncedStreams(of session: SimulatedSession, on connection: RelayConnection) -> Bool {
        session.slots.contains {
            streams[$0].appearsAtNs <= nowNs && connection.readings[$0]?.isAnnounced == false
        }
    }

    private func hasUnreadPackets(of session: SimulatedSession, on connection: RelayConnection) -> Bool {
        session.slots.contains { slot in
            guard !streams[slot].live.isMetadata, let reading = connection.readings[slot], reading.isAnnounced,
                !reading.hasHungUp
            else { return false }
            return reading.hasUnread(of: streams[slot], nowNs: nowNs, endsAtNs: session.endsAtNs)
        }
    }
}
