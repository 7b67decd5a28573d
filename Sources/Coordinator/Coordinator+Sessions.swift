import CTF
import EventMerge
import Feed
import LTTngLive

/// What the viewer says of connections, sessions and streams, and what is done about it.
extension Coordinator {
    mutating func handle(_ action: ViewerAction, of link: RelayLink, input: UnsafeRawBufferPointer, now: UInt64) {
        switch action {
        case .send: actions.append(.send(relay: link.index))
        case .schedule(let atNs): actions.append(.schedule(.link(relay: link.index), atNs: atNs))
        case .fail(let error): fail(link, error, now: now)
        case .negotiated(let minor): answered(link, minor: minor)
        case .sessionsListed: sessionsListed(link, now: now)
        case .cycleStarted: link.sentCandidateNs = candidateNs
        case .newStreams(let id, let isProof): newStreams(link, id, isProof: isProof)
        case .cycleCompleted: cycleCompleted(link, now: now)
        case .attached(let id, let result): attached(link, id, result, now: now)
        case .detached: break
        case .sessionEnded(let id, let end): sessionEnded(link, id, end, now: now)
        case .streamAdded(let session, let stream): streamAdded(link, session, stream, now: now)
        case .streamEnded(let id, let end): streamEnded(link, id, end)
        case .index(let id, let index, _): indexCame(link, id, index)
        case .beacon(let id, let cycles, let classID): beaconCame(link, id, cycles: cycles, streamClassID: classID)
        case .retry: stall.replied(link.frontier)
        case .packetBytes(let id, let packetOffset, let range):
            link.streams[id]?.storage?.write(UnsafeRawBufferPointer(rebasing: input[range]), at: Int(packetOffset))
        case .packetFetched(let id, _): packetFetched(link, id, now: now)
        case .packetFailed(let id): packetFailed(link, id)
        case .metadata(_, let traceID, _, let range, let isLast):
            guard let trace = link.traces[traceID] else { return }
            trace.reply.append(contentsOf: input[range])
            if isLast { metadataCame(link, trace) }
        }
    }

    private mutating func answered(_ link: RelayLink, minor: UInt32) {
        say(link.isLister ? .info : .debug, link, "connected, live protocol 2.\(minor)")
        link.failureCount = 0
        paceIsStale = true
        link.lostAtNs = nil
        stall.replied(link.frontier)
    }

    // MARK: Cycles

    /// Where those stand who have nothing to wait for: at the least bound of the others; together, where the first of
    /// them is, when nobody has a stream.
    private var candidateNs: Int64? {
        if countingStreamCount > 0 { return frontier.candidateNs }
        var latest: Int64?
        for link in links where !link.isFinished {
            if let bound = frontier.boundNs(link.frontier) { latest = max(latest ?? bound, bound) }
        }
        return latest
    }

    /// The new-stream rule: whatever stream the session may have that we do not know of yet, its events are later than
    /// every packet end and beacon whose index reply came before this proof. A session without streams stands where
    /// the feed stood when it was asked.
    private mutating func newStreams(_ link: RelayLink, _ id: LiveSessionID, isProof: Bool) {
        stall.replied(link.frontier)
        guard isProof, let session = link.sessions[id] else { return }
        dropParkedStreams(session, link)
        var bound = session.latestNs
        if session.countingStreamCount == 0, let candidate = link.sentCandidateNs {
            bound = max(bound ?? candidate, candidate)
        }
        guard let bound else { return }
        session.boundNs = max(session.boundNs ?? bound, bound)
        frontier.setSessionBound(session.frontier, to: bound)
    }

    private mutating func dropParkedStreams(_ session: RelaySession, _ link: RelayLink) {
        let gone = session.parkedStreams
        session.parkedStreams.removeAll()
        session.parkedTraces.removeAll()
        for stream in gone {
            noteLoss(
                .events,
                count: nil,
                stream: stream,
                link: link,
                fromNs: nil,
                toNs: nil,
                reason: "the relay no longer has the stream"
            )
            endStream(stream, of: link)
        }
    }

    private mutating func cycleCompleted(_ link: RelayLink, now: UInt64) {
        retryHeld(link, now: now)
        let lister = link.root
        // A lister's cycles prove nothing that those of its children do not; and a session that is just being attached
        // may have streams that nobody has asked for.
        if !(link.isLister && !lister.children.isEmpty), !lister.children.contains(where: \.isJoining) {
            let latest = link.sessions.values.compactMap(\.latestNs).max()
            let hasStreams = link.sessions.values.contains { $0.countingStreamCount > 0 }
            var bound = latest
            if !hasStreams, let candidate = link.sentCandidateNs { bound = max(bound ?? candidate, candidate) }
            if let bound {
                for session in link.sessions.values {
                    guard let latest = session.latestNs else { continue }
                    let host = session.listed.hostname
                    lister.hostBoundsNs[host] = max(lister.hostBoundsNs[host] ?? latest, latest)
                }
                frontier.setRelayBound(link.frontier, to: bound)
            }
        }
        finishIfIdle(link)
        tellIdleness()
    }

    /// Relays without streams are asked often while any session is attached: the first stream of a short-lived program
    /// is lost on old relays otherwise.
    private mutating func tellIdleness() {
        guard paceIsStale else { return }
        paceIsStale = false
        let isIdle = links.allSatisfy(\.sessions.isEmpty)
        let period = links.lazy.flatMap { $0.sessions.values }.map(\.listed.livePeriodNs).min()
        for link in links where link.isOpen {
            // New sessions show in the children's lists.
            let isSpare = link.isLister && !link.children.isEmpty
            link.viewer.setFeedIsIdle(isIdle || isSpare, fastestLivePeriodNs: period)
        }
    }

    // MARK: Streams

    private mutating func streamAdded(
        _ link: RelayLink,
        _ sessionID: LiveSessionID,
        _ added: LiveStream,
        now: UInt64
    ) {
        guard let session = link.sessions[sessionID] else { return }
        if let known = link.traces[added.trace], known.session !== session {
            actions.append(.close(relay: link.index))
            lose(link, reason: "trace \(added.trace.rawValue) in two sessions", now: now)
            return
        }
        let trace = link.traces[added.trace] ?? adoptTrace(link, session, added)
        guard !added.isMetadata else {
            trace.metadataID = added.id
            return
        }
        if let position = session.parkedStreams.firstIndex(where: {
            $0.id == added.id && $0.trace === trace && $0.declaration.channel == added.channel
        }) {
            link.streams[added.id] = session.parkedStreams.remove(at: position)
            return
        }
        let stream = RelayStream(
            id: added.id,
            trace: trace,
            declaration: FeedStream(
                id: nextStreamID,
                traceID: trace.declaration.id,
                liveStreamID: added.id.rawValue,
                channel: added.channel
            ),
            frontier: frontier.addStream(session.frontier),
            startsAtBeginning: link.source.start == .beginning
        )
        nextStreamID += 1
        openStreamCount += 1
        session.streamCount += 1
        count(stream, by: 1)
        trace.streams.append(stream)
        link.streams[added.id] = stream
        if trace.fault != nil { isolate(stream) }
    }

    private mutating func adoptTrace(_ link: RelayLink, _ session: RelaySession, _ added: LiveStream) -> RelayTrace {
        if let position = session.parkedTraces.firstIndex(where: {
            $0.id == added.trace && $0.declaration.path == added.path
        }) {
            let trace = session.parkedTraces.remove(at: position)
            // The relay sends the metadata from its beginning again; what is in the feed already is not repeated.
            trace.reader = MetadataReader()
            trace.reply.removeAll()
            trace.receivedBytes = 0
            trace.program = nil
            trace.programRevision = 0
            trace.programFault = nil
            link.traces[added.trace] = trace
            return trace
        }
        let trace = RelayTrace(
            id: added.trace,
            session: session,
            declaration: FeedTrace(
                id: nextTraceID,
                relay: link.source.name,
                host: session.listed.hostname,
                session: session.listed.name,
                sessionID: session.id.rawValue,
                path: added.path
            )
        )
        nextTraceID += 1
        link.traces[added.trace] = trace
        return trace
    }

    private mutating func streamEnded(_ link: RelayLink, _ id: LiveStreamID, _ end: StreamEnd) {
        guard let stream = link.streams.removeValue(forKey: id) else {
            metadataEnded(link, id)
            return
        }
        if stream.index != nil || end == .failed {
            noteLoss(
                .events,
                count: nil,
                stream: stream,
                link: link,
                fromNs: nil,
                toNs: nil,
                reason: end == .failed ? "the relay cannot read the stream" : "a packet could not be read to its end"
            )
        }
        endStream(stream, of: link)
        let trace = stream.trace
        trace.streams.removeAll { $0 === stream }
    }

    /// No more metadata comes: a trace that never had any cannot be decoded, and one without streams is over.
    private mutating func metadataEnded(_ link: RelayLink, _ id: LiveStreamID) {
        guard let trace = link.traces.values.first(where: { $0.metadataID == id }) else { return }
        if trace.streams.isEmpty {
            link.traces[trace.id] = nil
        } else if trace.program == nil {
            isolate(trace, link, fault: "the relay has no metadata of it")
        }
    }

    /// The stream no longer counts, wherever it is known.
    mutating func endStream(_ stream: RelayStream, of link: RelayLink) {
        stream.index = nil
        dropStorage(stream, link)
        if !stream.hasEnded {
            stream.hasEnded = true
            openStreamCount -= 1
            stream.trace.session.streamCount -= 1
        }
        isolate(stream)
        guard let slot = stream.merge else { return }
        stream.merge = nil
        merge.end(slot)
        draining[slot] = (link, stream)
        link.root.drainingCount += 1
        stream.trace.session.drainingCount += 1
    }

    /// A stream that cannot be decoded holds nobody back.
    mutating func isolate(_ stream: RelayStream) {
        guard let slot = stream.frontier else { return }
        frontier.endStream(slot)
        stream.frontier = nil
        count(stream, by: -1)
    }

    /// Streams in the frontier, of the session and in all.
    mutating func count(_ stream: RelayStream, by step: Int) {
        stream.trace.session.countingStreamCount += step
        countingStreamCount += step
    }

    /// Whether a budget or the consumer keeps us from asking the relay.
    mutating func tellHold(_ link: RelayLink) {
        let root = link.root
        let isDeferred = !root.deferred.isEmpty || root.children.contains { !$0.deferred.isEmpty }
        stall.setHeldByUs(root.frontier, outputIsHeld || isDeferred)
    }
}
