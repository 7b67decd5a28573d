import LTTngLive

/// A stream and what it holds.
struct SimulatedStream {
    enum Content {
        case scripted(ScriptedStream)
        case generated(GeneratedStream)
        /// Metadata text that is there from the start.
        case metadata([UInt8])
    }

    let live: LiveStream
    /// The place of its session.
    let session: Int
    let appearsAtNs: UInt64
    let content: Content

    init(_ live: LiveStream, session: Int, content: Content) {
        self.live = live
        self.session = session
        self.content = content
        if case .scripted(let script) = content { appearsAtNs = script.appearsAtNs } else { appearsAtNs = 0 }
    }
}

/// Answers about streams.
extension SimulatedRelay {
    func answerNextIndex(_ id: LiveStreamID, on connection: RelayConnection) {
        guard let slot = announcedSlot(of: id, on: connection) else {
            return connection.server.replyToNextIndex(.failed)
        }
        let session = sessions[streams[slot].session]
        if session.isRotating(at: nowNs) { return connection.server.replyToNextIndex(.retry) }
        let answer = connection.readings[slot]?
            .nextIndex(of: streams[slot], nowNs: nowNs, endsAtNs: session.endsAtNs)
        var flags: ReplyFlags = []
        if hasUnsentMetadata(ofTraceOf: slot, on: connection) { flags.insert(.newMetadata) }
        if hasUnannouncedStreams(of: session, on: connection) { flags.insert(.newStreams) }
        switch answer {
        case .packet(let index): connection.server.replyToNextIndex(index, flags: flags)
        case .beacon(let cycles): connection.server.replyToNextIndex(beacon: cycles, flags: flags)
        case .status(let status): connection.server.replyToNextIndex(status, flags: flags)
        case nil: connection.server.replyToNextIndex(.failed)
        }
    }

    func answerPacket(_ id: LiveStreamID, offset: UInt64, length: UInt32, on connection: RelayConnection) {
        guard let slot = streamOfID[id],
            let bytes = connection.readings[slot]?.bytes(of: streams[slot], offset: offset, length: length)
        else { return connection.server.replyToPacket(.failed) }
        bytes.withUnsafeBytes { connection.server.replyToPacket(.ok, bytes: $0) }
    }

    func answerMetadata(_ id: LiveStreamID, on connection: RelayConnection) {
        guard let slot = announcedSlot(of: id, on: connection) else {
            return connection.server.replyToMetadata(.failed)
        }
        let session = sessions[streams[slot].session]
        if session.isRotating(at: nowNs) { return connection.server.replyToMetadata(.noNew) }
        let trace = streams[slot].live.trace
        let isOver = !session.slots.contains {
            streams[$0].live.trace == trace && !streams[$0].live.isMetadata
                && connection.readings[$0]?.hasHungUp == false
        }
        let answer = connection.readings[slot]?.nextMetadata(of: streams[slot], nowNs: nowNs, isOver: isOver)
        guard let (status, bytes) = answer else { return connection.server.replyToMetadata(.failed) }
        bytes.withUnsafeBytes { connection.server.replyToMetadata(status, bytes: $0) }
    }

    /// The place of a stream that the viewer was told of, in a session that it has attached.
    private func announcedSlot(of id: LiveStreamID, on connection: RelayConnection) -> Int? {
        guard let slot = streamOfID[id], connection.readings[slot]?.isAnnounced == true else { return nil }
        return slot
    }

    private func hasUnsentMetadata(ofTraceOf slot: Int, on connection: RelayConnection) -> Bool {
        let trace = streams[slot].live.trace
        return sessions[streams[slot].session].slots.contains { other in
            guard streams[other].live.isMetadata, streams[other].live.trace == trace,
                let reading = connection.readings[other], reading.isAnnounced
            else { return false }
            return reading.hasMetadata(of: streams[other], nowNs: nowNs)
        }
    }
}
