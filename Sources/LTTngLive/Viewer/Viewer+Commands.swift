/// A command about a session that the next `flush` writes.
enum SessionCommand: BitwiseCopyable {
    case attach(slot: Int)
    case detach(slot: Int)
}

extension Viewer {
    /// Attaches a listed session. Answered by `.attached`. No-op while the session is attached or being detached.
    package mutating func attach(_ session: LiveSessionID, from position: SeekPosition) {
        guard isOpen, slotOfSession[session] == nil else { return }
        let slot = attached.insert(
            AttachedSession(id: session, position: position, livePeriodNs: livePeriod(of: session))
        )
        slotOfSession[session] = slot
        sessionCommands.append(.attach(slot: slot))
    }

    /// Lets go of an attached session; no action of its streams follows. Answered by `.detached`.
    package mutating func detach(_ session: LiveSessionID) {
        guard isOpen, let slot = slotOfSession[session] else { return }
        switch attached[slot].state {
        case .attaching:
            // Sent or not, the order of commands takes care: DETACH of a session that is not attached is harmless.
            attached[slot].state = .gone
        case .attached, .ending:
            forgetStreams(ofSession: slot, announcing: false)
            attached[slot].state = .gone
        case .gone:
            return
        }
        if minor >= LiveVersion.detachMinor {
            attached[slot].announcesDetach = true
            sessionCommands.append(.detach(slot: slot))
        } else {
            actions.append(.detached(session))
            slotOfSession[session] = nil
            releaseSessionIfUnused(slot)
        }
    }

    /// Fetches the packet of the stream's current index, or bytes of it: a window that starts anywhere in the
    /// content. When the window reaches the end of content, the index is done with. No-op when the stream has no
    /// current index or ended, or while another fetch of it goes on.
    /// - Parameter window: bytes from the packet's start, cut at the end of content; nil for all content.
    package mutating func fetch(_ stream: LiveStreamID, window: Range<UInt64>? = nil) {
        guard isOpen, let slot = slotOfStream[stream], case .indexed = streams[slot].state else { return }
        let content = streams[slot].contentBytes
        let start = min(window?.lowerBound ?? 0, content)
        let end = min(window?.upperBound ?? content, content)
        streams[slot].state = .fetching
        streams[slot].fetchNext = start
        streams[slot].fetchEnd = end
        streams[slot].fetchMissing = end - start
        streams[slot].fetchFailed = false
        streams[slot].fetchRetries = 0
        if start < end {
            fetchQueue.append(slot)
        } else {
            finishFetch(slot)
        }
    }

    /// Done with the current index: the next one may be asked for. No-op while a fetch goes on.
    package mutating func skip(_ stream: LiveStreamID) {
        guard isOpen, let slot = slotOfStream[stream], case .indexed = streams[slot].state else { return }
        finishIndex(slot)
    }

    /// The metadata of the stream's trace does not yet say how to read the current index: it is asked for, with growing
    /// pauses, until some comes. Without this nobody might: while all streams of a trace wait for it, none is asked for
    /// an index whose flag could tell.
    package mutating func needMetadata(of stream: LiveStreamID) {
        guard isOpen, let slot = slotOfStream[stream] else { return }
        let trace = streams[slot].trace
        traces[trace].isNeeded = true
        if !traces[trace].isOutstanding { wantMetadata(trace) }
    }

    /// Asks for no further index of the stream until `resume`. What is asked for already still comes.
    package mutating func suspend(_ stream: LiveStreamID) {
        guard let slot = slotOfStream[stream] else { return }
        streams[slot].isSuspended = true
    }

    /// Ends what `suspend` began; the stream is asked in the next flush.
    package mutating func resume(_ stream: LiveStreamID) {
        guard let slot = slotOfStream[stream], streams[slot].isSuspended else { return }
        streams[slot].isSuspended = false
        if case .ready = streams[slot].state { makeHot(slot) }
    }

    /// Whether all relays of the feed are idle: then a relay without streams gets at most one request a second.
    /// - Parameter fastestLivePeriodNs: the least live period of the whole feed; while it is not idle, a relay
    ///   without streams is asked twice in that time.
    package mutating func setFeedIsIdle(_ isIdle: Bool, fastestLivePeriodNs: UInt64?) {
        feedIsIdle = isIdle
        feedLivePeriodNs = fastestLivePeriodNs
    }

    /// We close: nothing more is sent, nothing fails any more.
    package mutating func close() {
        state = .closed
    }

    // MARK: Steps of streams

    /// All bytes of the window came, or it failed and nothing of it is on its way any more.
    mutating func finishFetch(_ slot: Int) {
        let id = streams[slot].id
        if streams[slot].fetchFailed {
            actions.append(.packetFailed(id))
            return finishIndex(slot)
        }
        let isComplete = streams[slot].fetchEnd == streams[slot].contentBytes
        actions.append(.packetFetched(id, isComplete: isComplete))
        if isComplete {
            finishIndex(slot)
        } else {
            streams[slot].state = .indexed
        }
    }

    /// The current packet is done with.
    private mutating func finishIndex(_ slot: Int) {
        streams[slot].state = .ready
        makeHot(slot)
    }

    /// Has a ready stream asked in the next flush.
    mutating func makeHot(_ slot: Int) {
        guard !streams[slot].isHot else { return }
        streams[slot].isHot = true
        hotStreams.append(slot)
    }

    /// The session's time between beacons; a second where it is not known.
    private func livePeriod(of session: LiveSessionID) -> UInt64 {
        let listed = sessions.first { $0.id == session }?.livePeriodNs ?? 0
        return listed > 0 ? listed : 1_000_000_000
    }
}
