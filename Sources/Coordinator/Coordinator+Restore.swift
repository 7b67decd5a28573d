import CTF
import EventMerge
import Feed
import LTTngLive

/// Going on where the feed's log ends, when the coordinator is started again.
///
/// What the log knows is taken up as if every connection had just been lost: sessions, traces and streams are parked
/// until their relays are found again, and whatever differs there is another session, as after any reconnect
/// (`Coordinator+Resume.swift`). What was read and had not left yet is read again.
extension Coordinator {
    mutating func restore(_ feed: RestoredFeed, now: UInt64) {
        for (name, relay) in feed.relays.sorted(by: { $0.key < $1.key }) {
            if let link = links.first(where: { $0.isLister && $0.source.name == name }) {
                for session in relay.sessions { restore(session, of: link, relay, feed, now: now) }
                for lost in relay.lostStreams {
                    let identity = RelayLink.SessionIdentity(ListedSession(lost.session))
                    link.lostStreams[identity] = lost.streams
                }
            } else if let link = links.first(where: { $0.feed?.has(name) == true }) {
                restore(relay, name, of: link)
            } else if !feedLinks.contains(where: { $0.source.name == name }) {
                drop(relay, name)
            }
        }
        restoreSources(feed)
        for report in feed.clocks where report.correctionNs != 0 {
            links.first { $0.isLister && $0.source.name == report.relay }?.restoredClocks.append(report)
        }
    }

    /// The configuration no longer names the relay.
    private mutating func drop(_ relay: RestoredFeed.Relay, _ name: String) {
        for session in relay.sessions { drop(session) }
        guard let state = relay.state, state.state != .ended else { return }
        records.append(.relay(RelayStateChange(relay: name, state: .ended, reason: Self.droppedReason)))
    }

    private mutating func drop(_ session: RestoredFeed.Session) {
        for trace in session.traces { records.append(.traceEnd(traceID: trace.declaration.id)) }
        var change = session.change
        change.state = .lost
        change.reason = Self.droppedReason
        records.append(.session(change))
    }

    private static var droppedReason: String { "no longer configured" }

    private mutating func restore(
        _ restored: RestoredFeed.Session,
        of lister: RelayLink,
        _ relay: RestoredFeed.Relay,
        _ feed: RestoredFeed,
        now: UInt64
    ) {
        let listed = ListedSession(restored.change)
        guard isMeant(listed, lister) else { return drop(restored) }
        let link = child(of: lister, for: listed)
        defer { connect(link, now: now) }
        link.isSaidHeld = restored.change.state == .held
        guard restored.wasAttached else { return }
        // All that is older than the watermark has left, unless the feed has gone on without the relay.
        let boundNs = relay.isExcluded ? relay.state?.frontierNs : feed.watermarkNs
        let session = RelaySession(listed: listed, frontier: frontier.addSession(lister.frontier, boundNs: boundNs))
        session.startNs = restored.change.startNs
        session.isResumed = link.source.start == .beginning || session.startNs != nil
        session.endedStreams = restored.endedStreams
        link.parked = session
        for trace in restored.traces { restore(trace, of: session, link, now: now) }
    }

    private mutating func restore(
        _ restored: RestoredFeed.Trace,
        of session: RelaySession,
        _ link: RelayLink,
        now: UInt64
    ) {
        let trace = RelayTrace(
            id: LiveTraceID(restored.declaration.liveTraceID),
            session: session,
            declaration: restored.declaration
        )
        trace.isDeclared = true
        var reader = MetadataReader()
        for piece in restored.metadata {
            trace.publishedBytes += UInt64(piece.count)
            // What cannot be read has no identity, then as now.
            try? piece.withUnsafeBytes { try reader.append($0) }
        }
        trace.uuid = reader.traceClass?.uuid
        session.parkedTraces.append(trace)
        for stream in restored.streams { restore(stream, of: trace, link, now: now) }
    }

    private mutating func restore(
        _ restored: RestoredFeed.Stream,
        of trace: RelayTrace,
        _ link: RelayLink,
        now: UInt64
    ) {
        let stream = RelayStream(
            id: LiveStreamID(restored.declaration.liveStreamID),
            trace: trace,
            declaration: restored.declaration,
            frontier: frontier.addStream(trace.session.frontier),
            startsAtBeginning: link.source.start == .beginning
        )
        stream.isDeclared = true
        stream.isParked = true
        stream.startsAtAttach = link.source.start == .now
        stream.movedAtNs = now
        stream.said = restored.place.said
        stream.losses = LossAccount(restored.place, startsAtBeginning: link.source.start == .beginning)
        if let packet = restored.place.packet {
            let cut = restored.cutPacket
            stream.restoredCorrection = packet.correction
            stream.resume = StreamPosition(
                endCycles: packet.place.endCycles,
                nextSequenceNumber: cut == nil ? stream.losses.nextSequenceNumber : packet.index.sequenceNumber,
                offset: packet.place.offset,
                cutPacket: cut
            )
        }
        openStreamCount += 1
        trace.session.streamCount += 1
        count(stream, by: 1)
        trace.streams.append(stream)
        trace.session.parkedStreams.append(stream)
    }
}

// MARK: - Clocks

extension Coordinator {
    /// A clock goes on with the correction by which its last packets in the log are corrected.
    func restore(_ clock: HostClock, _ trace: RelayTrace, _ link: RelayLink) {
        guard link.source.correctsClocks else { return }
        let fixedNs = link.source.correctionNs
        let known = trace.streams.compactMap(\.restoredCorrection).max { $0.endNs < $1.endNs }
        if let known {
            clock.correction = SlewedCorrection(
                fromNs: known.offsetNs.subtractingSaturating(fixedNs),
                toNs: known.endOffsetNs.subtractingSaturating(fixedNs),
                beginNs: known.beginNs,
                endNs: known.endNs
            )
        } else if let told = link.root.restoredClocks.first(where: { $0.isOf(clock) }) {
            let amountNs = told.correctionNs.subtractingSaturating(fixedNs)
            clock.correction = SlewedCorrection(fromNs: amountNs, toNs: amountNs, beginNs: 0, endNs: 0)
        }
        for stream in trace.streams {
            guard let endCycles = stream.resume?.endCycles,
                let endNs = trace.program?.traceClass.streamClasses.lazy
                    .compactMap({ trace.program?.clockConversion(streamClassID: $0.id) }).first?.nanoseconds(endCycles)
            else { continue }
            clock.correctedNs = max(clock.correctedNs, endNs)
        }
    }
}

extension ClockReport {
    fileprivate func isOf(_ clock: HostClock) -> Bool {
        host == clock.key.host && self.clock == clock.key.uuid?.description ?? ""
    }
}

extension RestoredFeed.Relay {
    /// Whether the feed had something of it, or waited for it: it then waits again.
    var wasAttached: Bool {
        if sessions.contains(where: \.wasAttached) { return true }
        switch state?.state {
        case .active, .quiet, .lagging, .excluded, .rejoining: return true
        case .connecting, .ended, nil: return false
        }
    }

    var isExcluded: Bool { state?.state == .excluded || state?.state == .rejoining }
}

extension RestoredFeed.Session {
    /// Another viewer may have it since.
    fileprivate var wasAttached: Bool { change.state == .active || !traces.isEmpty }
}

extension ListedSession {
    /// A session as the log knows it: not yet how it is listed.
    fileprivate init(_ session: SessionStateChange) {
        self.init(
            id: LiveSessionID(session.sessionID),
            liveTimerUs: 0,
            hostname: session.host,
            name: session.session
        )
    }
}
