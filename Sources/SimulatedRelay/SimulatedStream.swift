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
    /// When the tracer closes it; `.max` for with its session.
    let closesAtNs: UInt64
    let content: Content

    init(_ live: LiveStream, session: Int, content: Content) {
        self.live = live
        self.session = session
        self.content = content
        guard case .scripted(let script) = content else {
            (appearsAtNs, closesAtNs) = (0, .max)
            return
        }
        appearsAtNs = script.appearsAtNs
        closesAtNs = script.steps.first { $0.step.isHangUp }?.atNs ?? .max
    }
}

/// Answers about streams.
extension SimulatedRelay {
    func answerNextIndex(_ id: LiveStreamID, on connection: RelayConnection) {
        guard let slot = announcedSlot(of: id, on: connection) else {
            return connection.server.replyToNextIndex(.failed)
        }
        let session = streams[slot].session
        if sessions[session].isRotating(at: nowNs) { return connection.server.replyToNextIndex(.retry) }
        let answer = connection.readings[slot]?
            .nextIndex(of: streams[slot], nowNs: nowNs, endsAtNs: sessions[session].endsAtNs)
        var flags: ReplyFlags = []
        if hasUnsentMetadata(ofTraceOf: slot, on: connection) { flags.insert(.newMetadata) }
        let isPacket = if case .packet? = answer { true } else { false }
        if raisesNewStreams(onPacket: isPacket, connection) { flags.insert(.newStreams) }
        switch answer {
        case .packet(let index): connection.server.replyToNextIndex(index, flags: flags)
        case .beacon(let cycles): connection.server.replyToNextIndex(beacon: cycles, flags: flags)
        case .status(let status): connection.server.replyToNextIndex(status, flags: flags)
        case nil: connection.server.replyToNextIndex(.failed)
        }
    }

    func answerPacket(_ id: LiveStreamID, offset: UInt64, length: UInt32, on connection: RelayConnection) {
        if let slot = announcedSlot(of: id, on: connection), version.wantsMetadataFirst,
            hasUnsentMetadata(ofTraceOf: slot, on: connection)
        {
            return connection.server.replyToPacket(.failed, flags: .newMetadata)
        }
        guard let slot = streamOfID[id],
            let bytes = connection.readings[slot]?.bytes(of: streams[slot], offset: offset, length: length)
        else { return connection.server.replyToPacket(.failed) }
        bytes.withUnsafeBytes { connection.server.replyToPacket(.ok, bytes: $0) }
    }

    func answerMetadata(_ id: LiveStreamID, on connection: RelayConnection) {
        guard let slot = announcedSlot(of: id, on: connection) else {
            return connection.server.replyToMetadata(.failed)
        }
        let session = streams[slot].session
        if sessions[session].isRotating(at: nowNs) { return connection.server.replyToMetadata(.noNew) }
        let dataSlots = sessions[session].traces[streams[slot].live.trace]?.dataSlots ?? []
        // Streams that nobody was told of, though they have come, are yet to be read.
        let isOver = !dataSlots.contains { slot in
            connection.readings[slot].map { !$0.hasHungUp }
                ?? (streams[slot].appearsAtNs <= nowNs && !isForgotten(slot))
        }
        let answer = connection.readings[slot]?.nextMetadata(of: streams[slot], nowNs: nowNs, isOver: isOver)
        guard let (status, bytes) = answer else { return connection.server.replyToMetadata(.failed) }
        bytes.withUnsafeBytes { connection.server.replyToMetadata(status, bytes: $0) }
    }

    /// The place of a stream that the viewer was told of, in a session that it has attached.
    private func announcedSlot(of id: LiveStreamID, on connection: RelayConnection) -> Int? {
        guard let slot = streamOfID[id], connection.readings[slot] != nil else { return nil }
        return slot
    }

    /// Whether the stream can be forgotten though nobody has read it.
    private func isForgotten(_ slot: Int) -> Bool {
        version.dropsUnreadAtClose && streams[slot].closesAtNs <= nowNs
    }

    private func hasUnsentMetadata(ofTraceOf slot: Int, on connection: RelayConnection) -> Bool {
        guard let metadata = sessions[streams[slot].session].traces[streams[slot].live.trace]?.metadataSlot,
            let reading = connection.readings[metadata]
        else { return false }
        return reading.hasMetadata(of: streams[metadata], nowNs: nowNs)
    }
}
