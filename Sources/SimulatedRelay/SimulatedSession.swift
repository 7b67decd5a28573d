import LTTngLive

/// A session and who reads it.
struct SimulatedSession {
    var listed: ListedSession
    var appearsAtNs: UInt64
    var endsAtNs: UInt64
    var isHeldUntilNs: UInt64
    var rotations: [Range<UInt64>]
    /// By our viewer.
    var isAttached = false

    init(_ script: ScriptedSession) {
        listed = script.session
        appearsAtNs = script.appearsAtNs
        endsAtNs = script.endsAtNs ?? .max
        isHeldUntilNs = script.isHeldUntilNs
        rotations = script.rotations
    }

    func isListed(at nowNs: UInt64) -> Bool {
        appearsAtNs <= nowNs && nowNs < endsAtNs
    }

    func isRotating(at nowNs: UInt64) -> Bool {
        rotations.contains { $0.contains(nowNs) }
    }
}

/// Answers about sessions.
extension SimulatedRelay {
    func listedSessions() -> [ListedSession] {
        sessions.indices.filter { sessions[$0].isListed(at: nowNs) }.map { index in
            var listed = sessions[index].listed
            listed.clientCount = sessions[index].isAttached || nowNs < sessions[index].isHeldUntilNs ? 1 : 0
            listed.streamCount = UInt32(clamping: streams.count { $0.session == index && $0.appearsAtNs <= nowNs })
            return listed
        }
    }

    mutating func answerAttach(_ id: LiveSessionID, seek: UInt32, hasViewerSession: Bool) {
        guard hasViewerSession else { return server.replyToAttach(.noViewerSession) }
        guard let index = sessions.firstIndex(where: { $0.listed.id == id && $0.isListed(at: nowNs) }),
            sessions[index].listed.format == .ctf1 || server.minor ?? 0 >= LiveVersion.longListMinor
        else { return server.replyToAttach(.unknownSession) }
        guard sessions[index].listed.liveTimerUs > 0 else { return server.replyToAttach(.notLive) }
        guard !sessions[index].isAttached, nowNs >= sessions[index].isHeldUntilNs else {
            return server.replyToAttach(.alreadyHeld)
        }
        guard let position = SeekPosition(rawValue: seek) else { return server.replyToAttach(.seekRefused) }
        sessions[index].isAttached = true
        for slot in streams.indices where streams[slot].session == index {
            streams[slot].rewind(to: position, nowNs: nowNs)
        }
        let isHidden = sessions[index].isRotating(at: nowNs)
        server.replyToAttach(.ok, streams: isHidden ? [] : announceStreams(of: index))
    }

    mutating func answerDetach(_ id: LiveSessionID) {
        guard let index = sessions.firstIndex(where: { $0.listed.id == id && $0.isAttached }) else {
            return server.replyToDetach(.unknownSession)
        }
        sessions[index].isAttached = false
        server.replyToDetach(.ok)
    }

    mutating func answerNewStreams(_ id: LiveSessionID) {
        guard let index = sessions.firstIndex(where: { $0.listed.id == id && $0.isAttached }) else {
            return server.replyToNewStreams(.failed)
        }
        if sessions[index].isRotating(at: nowNs) { return server.replyToNewStreams(.noNew) }
        let announced = announceStreams(of: index)
        let isOver = nowNs >= sessions[index].endsAtNs
        if isOver, announced.isEmpty, !hasUnreadPackets(session: index) { return server.replyToNewStreams(.hungUp) }
        server.replyToNewStreams(.ok, streams: announced)
    }

    /// Streams of the session that the viewer has not been told of.
    private mutating func announceStreams(of session: Int) -> [LiveStream] {
        var announced: [LiveStream] = []
        for slot in streams.indices where streams[slot].session == session && streams[slot].appearsAtNs <= nowNs {
            if streams[slot].isAnnounced { continue }
            streams[slot].isAnnounced = true
            announced.append(streams[slot].live)
        }
        return announced
    }

    func hasUnannouncedStreams(session: Int) -> Bool {
        streams.contains { $0.session == session && $0.appearsAtNs <= nowNs && !$0.isAnnounced }
    }

    private func hasUnreadPackets(session: Int) -> Bool {
        let endsAtNs = sessions[session].endsAtNs
        return streams.contains {
            $0.session == session && !$0.live.isMetadata && $0.isAnnounced && !$0.hasHungUp
                && $0.hasUnread(nowNs: nowNs, endsAtNs: endsAtNs)
        }
    }
}
