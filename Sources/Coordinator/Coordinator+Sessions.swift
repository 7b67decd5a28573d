import CTF
import EventMerge
import Feed
import LTTngLive

/// What the viewer says of connections, sessions and streams, and what is done about it.
extension Coordinator {
    mutating func handle(_ action: ViewerAction, of link: RelayLink, input: UnsafeRawBufferPointer, now: UInt64) {
        switch action {
        case .send:
            link.root.activity.polls += 1
            actions.append(.send(relay: link.index))
        case .schedule(let atNs): actions.append(.schedule(.link(relay: link.index), atNs: atNs))
        case .fail(let error): fail(link, error, now: now)
        case .negotiated(let minor): answered(link, minor: minor)
        case .sessionsListed: sessionsListed(link, now: now)
        case .cycleStarted:
            link.sentCandidateNs = candidateNs
            link.listSentNs = now
        case .newStreams(let id, let isProof): newStreams(link, id, isProof: isProof)
        case .cycleCompleted: cycleCompleted(link, now: now)
        case .attached(let id, let result): attached(link, id, result, now: now)
        case .detached: break
        case .sessionEnded(let id, let end): sessionEnded(link, id, end, now: now)
        case .streamAdded(let session, let stream): streamAdded(link, session, stream, now: now)
        case .streamEnded(let id, let end): streamEnded(link, id, end, now: now)
        case .index(let id, let index, _): indexCame(link, id, index, now: now)
        case .beacon(let id, let cycles, let classID):
            beaconCame(link, id, cycles: cycles, streamClassID: classID, now: now)
        case .retry(let id):
            stall.replied(link.frontier)
            guard let stream = link.streams[id] else { return }
            caughtUp(stream, link)
            watchArrival(of: stream, link)
        case .packetBytes(let id, let packetOffset, let range):
            link.streams[id]?.storage?.write(UnsafeRawBufferPointer(rebasing: input[range]), at: Int(packetOffset))
        case .packetFetched(let id, _): packetFetched(link, id, now: now)
        case .packetFailed(let id): packetFailed(link, id)
        case .metadata(_, let traceID, _, let range, let isLast):
            guard let trace = link.traces[traceID] else { return }
            trace.reply.append(contentsOf: input[range])
            if isLast { metadataCame(link, trace, now: now) }
        }
    }

    private mutating func answered(_ link: RelayLink, minor: UInt32) {
        say(link.isLister ? .info : .debug, link, "connected, live protocol 2.\(minor)")
        link.minor = minor
        link.failureCount = 0
        link.isAnswering = true
        link.saidReason = nil
        paceIsStale = true
        link.lostAtNs = nil
        stall.replied(link.frontier)
    }

    // MARK: Cycles

    /// Where those stand who have nothing to wait for: at the least bound of the others; together, where the first of
    /// them is, when nobody has a stream.
    var candidateNs: Int64? {
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
        guard isProof, let session = link.session, session.id == id else { return }
        dropParkedStreams(session, link)
        session.knowsFirstStreams = true
        var bound = session.latestNs
        if session.countingStreamCount == 0, let candidate = link.sentCandidateNs {
            bound = max(bound ?? candidate, candidate)
        }
        guard let bound else { return }
        session.boundNs = max(session.boundNs ?? bound, bound)
        frontier.setSessionBound(session.frontier, to: bound)
    }

    private mutating func dropParkedStreams(_ session: RelaySession, _ link: RelayLink) {
        guard !session.parkedTraces.isEmpty || !session.parkedStreams.isEmpty else { return }
        let (streams, traces) = (session.parkedStreams, session.parkedTraces)
        session.parkedStreams.removeAll()
        session.parkedTraces.removeAll()
        for stream in streams {
            lose(stream, of: link, reason: "the relay no longer has the stream")
            stream.trace.streams.removeAll { $0 === stream }
        }
        for trace in traces { forget(trace, link) }
    }

    private mutating func cycleCompleted(_ link: RelayLink, now: UInt64) {
        retryHeld(link, now: now)
        // A session that is made anew under the names and the number of one that is over leaves the list as it was.
        if !link.root.refused.isEmpty { assign(link.viewer.sessions, of: link, now: now) }
        giveUpMetadata(link, now: now)
        leaveOutSilent(link, now: now)
        let lister = link.root
        // A lister's cycles prove nothing that those of its children do not; and a session that is just being attached
        // may have streams that nobody has asked for.
        if !(link.isLister && !lister.children.isEmpty), !lister.children.contains(where: \.isJoining) {
            var bound = link.session?.latestNs
            if link.session?.countingStreamCount ?? 0 == 0, let candidate = link.sentCandidateNs {
                bound = max(bound ?? candidate, candidate)
            }
            if let bound {
                if let session = link.session, let latest = session.latestNs {
                    let host = session.listed.hostname
                    lister.hostBoundsNs[host] = max(lister.hostBoundsNs[host] ?? latest, latest)
                }
                frontier.setRelayBound(link.frontier, to: bound)
            }
        }
        finishIfIdle(link)
    }

    /// Relays without streams are asked often while any session is attached, and for a while after the last has ended:
    /// the first stream of a short-lived program is lost on old relays otherwise, and a session that is made anew at
    /// once may not live for long.
    mutating func tellPace(now: UInt64) {
        guard paceIsStale || now >= busyUntilNs ?? .max else { return }
        paceIsStale = false
        let period = links.lazy.compactMap(\.session).map(\.listed.livePeriodNs).min()
        let isFed = feedLinks.contains { $0.feed?.slot != nil }
        if let period = period ?? (isFed ? limits.feedPeriodNs : nil) {
            paceNs = period
            busyUntilNs = nil
        } else if paceNs != nil {
            let untilNs = busyUntilNs ?? now + limits.idleAfterNs
            busyUntilNs = untilNs
            if now >= untilNs { (paceNs, busyUntilNs) = (nil, nil) }
        }
        for link in links where link.isOpen && link.feed == nil {
            // New sessions show in the children's lists.
            let isSpare = link.isLister && !link.children.isEmpty
            let pace = isSpare ? nil : paceNs
            guard link.toldPace != .some(pace) else { continue }
            link.toldPace = .some(pace)
            link.viewer.setFeedIsIdle(pace == nil, fastestLivePeriodNs: pace)
            actions.append(.schedule(.link(relay: link.index), atNs: now))
        }
    }

    // MARK: Streams

    private mutating func streamAdded(
        _ link: RelayLink,
        _ sessionID: LiveSessionID,
        _ added: LiveStream,
        now: UInt64
    ) {
        guard let session = link.session, session.id == sessionID else { return }
        let trace = link.traces[added.trace] ?? adoptTrace(link, session, added, now: now)
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
        guard admitsStream(link, now: now) else { return }
        // What is announced later began after the attach.
        let isOlder = link.source.start == .now && !session.knowsFirstStreams
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
            startsAtBeginning: !isOlder
        )
        stream.endedTrace = session.endedStreams.trace(of: added.id.rawValue)
        stream.startsAtAttach = isOlder
        stream.isBehindAttach = isOlder && !session.isResumed
        nextStreamID += 1
        stream.movedAtNs = now
        adopt(stream, link)
    }

    /// The stream is there from now on, of its trace and of the link.
    mutating func adopt(_ stream: RelayStream, _ link: RelayLink) {
        openStreamCount += 1
        stream.trace.session.streamCount += 1
        count(stream, by: 1)
        stream.trace.streams.append(stream)
        link.streams[stream.id] = stream
        if !stream.trace.mayCount { isolate(stream) }
    }

    private mutating func adoptTrace(
        _ link: RelayLink,
        _ session: RelaySession,
        _ added: LiveStream,
        now: UInt64
    ) -> RelayTrace {
        link.metadataDueNs = min(link.metadataDueNs ?? .max, now + limits.metadataNsMax)
        // The last of them: where a relay that was started anew has used the number again, it is the newer one's.
        if let position = session.parkedTraces.lastIndex(where: {
            $0.id == added.trace && $0.declaration.path == added.path
        }) {
            let trace = session.parkedTraces.remove(at: position)
            rewind(trace)
            trace.waitingSinceNs = now
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
        trace.declaration.liveTraceID = added.trace.rawValue
        nextTraceID += 1
        trace.waitingSinceNs = now
        link.traces[added.trace] = trace
        return trace
    }

    private mutating func streamEnded(_ link: RelayLink, _ id: LiveStreamID, _ end: StreamEnd, now: UInt64) {
        // What ends with its session is looked at when that ends, which comes next and says why.
        guard end != .sessionEnded else { return }
        guard let stream = link.streams.removeValue(forKey: id) else {
            metadataEnded(link, id, now: now)
            return
        }
        close(stream, of: link, end)
        let trace = stream.trace
        trace.streams.removeAll { $0 === stream }
        if trace.streams.isEmpty, trace.metadataID == nil { forget(trace, link) }
    }

    /// The relay gives no more of the stream: what it has not given is said to be lost.
    mutating func close(_ stream: RelayStream, of link: RelayLink, _ end: StreamEnd) {
        if let reason = lossAtEnd(of: stream, link, end) {
            noteLoss(.events, count: nil, stream: stream, link: link, fromNs: nil, toNs: nil, reason: reason)
        }
        endForGood(stream, of: link)
    }

    /// Why events of a stream that ends will not come; nil where nothing is missing.
    private func lossAtEnd(of stream: RelayStream, _ link: RelayLink, _ end: StreamEnd) -> String? {
        if stream.isOver { return nil }
        if end == .failed { return "the relay cannot read the stream" }
        if stream.index != nil { return "a packet could not be read to its end" }
        if stream.resume?.cutPacket != nil { return Self.cutReason }
        // A relay up to 2.13 drops what a stream still holds when its program exits. Where that is all that it had it
        // shows; a relay from 2.14 on has then had no packet of it.
        let hadNone = stream.losses.lastEndCycles == nil && stream.resume == nil
        guard end == .hungUp, hadNone, link.minor < LiveVersion.keepsClosedMinor, link.source.start == .beginning else {
            return nil
        }
        return "the stream ended before a packet of it could be read, and the relay keeps nothing"
    }

    /// No more metadata comes: a trace that never had any cannot be decoded, and one without streams is over.
    private mutating func metadataEnded(_ link: RelayLink, _ id: LiveStreamID, now: UInt64) {
        guard let trace = link.traces.values.first(where: { $0.metadataID == id }) else { return }
        trace.metadataID = nil
        if trace.streams.isEmpty {
            forget(trace, link)
        } else if trace.program == nil {
            isolate(trace, link, fault: "the relay has no metadata of it", now: now)
        }
    }

    /// The stream ends; what it had is in the feed or said to be lost, so that it is not read again.
    mutating func endForGood(_ stream: RelayStream, of link: RelayLink) {
        if let uuid = stream.trace.uuid {
            stream.trace.session.endedStreams.note(stream.id.rawValue, of: uuid, limit: limits.endedStreamsMax)
        }
        endStream(stream, of: link)
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
        guard let slot = stream.merge else { return sayEnd(of: stream, link) }
        stream.merge = nil
        merge.end(slot)
        draining[slot] = (link, stream)
        link.root.drainingCount += 1
        stream.trace.session.drainingCount += 1
        stream.trace.drainingCount += 1
    }

    /// The stream's last event has left.
    mutating func sayEnd(of stream: RelayStream, _ link: RelayLink) {
        batches.forgetStream(stream.declaration.id)
        guard stream.isDeclared, !link.isStored else { return }
        stream.isDeclared = false
        records.append(
            .streamEnd(
                StreamEndRecord(
                    streamID: stream.declaration.id,
                    traceID: stream.trace.declaration.id,
                    traceUUID: stream.trace.uuid
                )
            )
        )
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
