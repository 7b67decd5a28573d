/// The life of sessions, traces and streams, and the tables that hold them.
extension Viewer {
    // MARK: Beginning

    mutating func addStream(_ stream: LiveStream, session: Int) {
        guard slotOfStream[stream.id] == nil else { return fail(.duplicateStream(stream.id.rawValue)) }
        guard streams.count < limits.streamsMax else {
            return fail(.exceeds(limit: UInt64(limits.streamsMax), value: UInt64(streams.count) + 1))
        }
        let trace = traceSlot(stream.trace, session: session)
        if stream.isMetadata, traces[trace].metadataStream != nil {
            return fail(.duplicateMetadataStream(stream.id.rawValue))
        }
        let slot = streams.insert(
            ViewerStream(id: stream.id, session: session, trace: trace, state: stream.isMetadata ? .metadata : .ready)
        )
        slotOfStream[stream.id] = slot
        actions.append(.streamAdded(attached[session].id, stream))
        traces[trace].isDraining = false
        if stream.isMetadata {
            traces[trace].metadataStream = slot
            wantMetadata(trace)
        } else {
            traces[trace].dataStreamCount += 1
            attached[session].dataStreamCount += 1
            makeHot(slot)
        }
    }

    private mutating func traceSlot(_ trace: LiveTraceID, session: Int) -> Int {
        let key = TraceKey(session: session, trace: trace)
        if let slot = slotOfTrace[key] { return slot }
        let slot = traces.insert(LiveTrace(id: trace, session: session))
        slotOfTrace[key] = slot
        return slot
    }

    /// LIST gave new numbers.
    mutating func updateLivePeriods() {
        for session in sessions {
            guard let slot = slotOfSession[session.id], session.livePeriodNs > 0 else { continue }
            attached[slot].livePeriodNs = session.livePeriodNs
        }
    }

    // MARK: Ending

    /// A data stream ends.
    mutating func endStream(_ slot: Int, _ reason: StreamEnd, now: UInt64) {
        let (session, trace) = (streams[slot].session, streams[slot].trace)
        actions.append(.streamEnded(streams[slot].id, reason))
        slotOfStream[streams[slot].id] = nil
        streams[slot].state = .ended
        releaseStreamIfUnused(slot)
        traces[trace].dataStreamCount -= 1
        attached[session].dataStreamCount -= 1
        if traces[trace].dataStreamCount == 0 { drainMetadata(trace) }
        if case .ending = attached[session].state, attached[session].dataStreamCount == 0 { endSession(session) }
    }

    /// The relay said that the session is over: its streams are read to their ends.
    mutating func beginEnding(_ session: Int, now: UInt64) {
        attached[session].state = .ending
        attached[session].endReason = .hungUp
        attached[session].drainDeadline = now + limits.drainTimeoutNs
        if attached[session].dataStreamCount == 0 { return endSession(session) }
        for slot in streams.indices where !streams[slot].isVacant && streams[slot].session == session {
            if case .ready = streams[slot].state { makeHot(slot) }
        }
    }

    /// Data still comes from a session that is being drained.
    mutating func extendDrain(ofSession session: Int, now: UInt64) {
        guard case .ending = attached[session].state else { return }
        attached[session].drainDeadline = now + limits.drainTimeoutNs
    }

    /// Ends sessions whose streams should have hung up by now and wait for nobody but the relay.
    mutating func endOverdueSessions(now: UInt64) {
        for session in attached.indices where !attached[session].isVacant && attached[session].drainDeadline <= now {
            guard case .ending = attached[session].state else { continue }
            if hasWaitingStreams(session) {
                attached[session].drainDeadline = now + limits.drainTimeoutNs
            } else {
                endSession(session)
            }
        }
    }

    /// Whether a stream of the session has a packet in hand or is held back by the caller.
    private func hasWaitingStreams(_ session: Int) -> Bool {
        for slot in streams.indices where !streams[slot].isVacant && streams[slot].session == session {
            switch streams[slot].state {
            case .indexed, .fetching: return true
            case .ready, .asked: if streams[slot].isSuspended { return true }
            case .metadata, .ended: break
            }
        }
        return false
    }

    /// Sessions without data streams that two lists in a row do not hold are over.
    mutating func endVanishedSessions() {
        for slot in attached.indices { attached[slot].absentLists += 1 }
        for session in sessions {
            if let slot = slotOfSession[session.id] { attached[slot].absentLists = 0 }
        }
        for slot in attached.indices where !attached[slot].isVacant && attached[slot].absentLists > 0 {
            guard case .attached = attached[slot].state else { continue }
            if attached[slot].dataStreamCount > 0 { attached[slot].absentLists = 0 }
            if attached[slot].absentLists < 2 { continue }
            attached[slot].endReason = .vanished
            endSession(slot)
        }
    }

    /// Ends what is left of the session and lets the relay forget it.
    mutating func endSession(_ session: Int) {
        forgetStreams(ofSession: session, announcing: true)
        attached[session].state = .gone
        attached[session].drainDeadline = .max
        actions.append(.sessionEnded(attached[session].id, attached[session].endReason))
        if minor >= LiveVersion.detachMinor {
            sessionCommands.append(.detach(slot: session))
        } else {
            slotOfSession[attached[session].id] = nil
            releaseSessionIfUnused(session)
        }
    }

    /// Drops all streams and traces of a session.
    mutating func forgetStreams(ofSession session: Int, announcing: Bool) {
        for slot in streams.indices where !streams[slot].isVacant && streams[slot].session == session {
            if case .ended = streams[slot].state { continue }
            if announcing { actions.append(.streamEnded(streams[slot].id, .sessionEnded)) }
            slotOfStream[streams[slot].id] = nil
            streams[slot].state = .ended
            releaseStreamIfUnused(slot)
        }
        for slot in traces.indices where !traces[slot].isVacant && traces[slot].session == session {
            traces[slot].metadataStream = nil
            traces[slot].isWanted = false
            traces[slot].dataStreamCount = 0
            releaseTraceIfUnused(slot)
        }
        wantedTraces.removeAll { !traces[$0].isWanted }
        attached[session].dataStreamCount = 0
    }

    // MARK: Places

    mutating func releaseStreamIfUnused(_ slot: Int) {
        guard case .ended = streams[slot].state, streams[slot].outstanding == 0, !streams[slot].isHot else { return }
        fetchQueue.removeAll { $0 == slot }
        streams.vacate(slot)
    }

    /// A trace without any stream is forgotten.
    mutating func releaseTraceIfUnused(_ slot: Int) {
        guard traces[slot].metadataStream == nil, traces[slot].dataStreamCount == 0 else { return }
        if !traces[slot].isGone {
            traces[slot].isGone = true
            slotOfTrace[TraceKey(session: traces[slot].session, trace: traces[slot].id)] = nil
        }
        guard !traces[slot].isOutstanding else { return }
        metadataBytes -= traces[slot].receivedBytes
        traces[slot].receivedBytes = 0
        traces.vacate(slot)
    }

    mutating func releaseSessionIfUnused(_ slot: Int) {
        guard case .gone = attached[slot].state, attached[slot].outstanding == 0 else { return }
        for command in sessionCommands {
            switch command {
            case .attach(let other), .detach(let other): if other == slot { return }
            }
        }
        attached.vacate(slot)
    }
}
