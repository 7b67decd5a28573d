import CTF
import EventMerge
import Feed
import LTTngLive

/// Which sessions are attached, by which connection, and how they end.
extension Coordinator {
    mutating func sessionsListed(_ link: RelayLink, now: UInt64) {
        let listed = link.viewer.sessions
        if link.isLister { listerAnswered(link, listed) } else { childAnswered(link, listed, now: now) }
        assign(listed, of: link, now: now)
        finishIfIdle(link)
    }

    private mutating func listerAnswered(_ link: RelayLink, _ listed: [ListedSession]) {
        let identities = Set(listed.map(RelayLink.SessionIdentity.init))
        link.refused = link.refused.filter { identities.contains($0.key) }
        link.lostStreams = link.lostStreams.filter { identities.contains($0.key) }
        let hosts = Set(listed.map(\.hostname))
        link.hostBoundsNs = link.hostBoundsNs.filter { hosts.contains($0.key) }
        stall.attached(link.frontier)
        guard !link.hasAnswered else { return }
        link.hasAnswered = true
        guard !listed.contains(where: { isWanted($0, link) }) else { return }
        say(.warning, link, "no live session matches")
        if configuration.lifetime == .untilSessionsEnd { report.withoutSession.append(link.source.name) }
    }

    private mutating func childAnswered(_ link: RelayLink, _ listed: [ListedSession], now: UInt64) {
        link.hasAnswered = true
        guard let target = link.target else { return }
        let found = listed.first { isSame($0, target) }
        link.targetIsGone = found == nil
        if let found {
            // Of a restored session only the names were known.
            if link.parked?.listed.liveTimerUs == 0 {
                link.parked?.listed = found
                link.target = found
            }
            let isNew = link.session == nil && !link.isAttaching && link.held == nil
            if isNew, !isRefused(target, by: link) { attach(link) }
        } else {
            link.held = nil
            if link.parked != nil {
                forgetParked(link, reason: "the relay no longer has it")
            } else if link.session == nil, !isRefused(target, by: link) {
                missed(link, target, .inListsUntil(ns: now))
            }
        }
    }

    /// A session ended before it could be attached.
    private mutating func missed(_ link: RelayLink, _ session: ListedSession, _ refusal: RelayLink.Refusal) {
        refuse(session, link, refusal)
        let reason = "the session ended before it could be attached"
        say(.warning, link, "session \(session.hostname)/\(session.name): \(reason)")
        records.append(
            .lost(
                LossRecord(
                    relay: link.source.name,
                    host: session.hostname,
                    session: session.name,
                    sessionID: session.id.rawValue,
                    streamID: nil,
                    unit: .events,
                    count: nil,
                    fromNs: nil,
                    toNs: nil,
                    reason: reason
                )
            )
        )
        guard link.isSaidHeld else { return }
        link.isSaidHeld = false
        note(.ended, of: session, link: link, reason: reason)
    }

    /// Gives every wanted session of a list a link.
    /// - Parameter link: whose list it is.
    mutating func assign(_ listed: [ListedSession], of link: RelayLink, now: UInt64) {
        let lister = link.root
        for session in listed where isWanted(session, lister) && !isRefused(session, by: link) {
            let isAssigned = lister.children.contains { child in child.target.map { isSame($0, session) } ?? false }
            if !isAssigned { addChild(lister, session, now: now) }
        }
    }

    private mutating func addChild(_ lister: RelayLink, _ session: ListedSession, now: UInt64) {
        guard lister.children.count < limits.connectionsMax else {
            refuse(session, lister, .whileListed)
            say(.error, lister, "session \(session.hostname)/\(session.name) is left out: too many sessions")
            return
        }
        connect(child(of: lister, for: session), now: now)
    }

    /// A new link to a session.
    mutating func child(of lister: RelayLink, for session: ListedSession) -> RelayLink {
        let free = links.firstIndex { $0.parent != nil && $0.isFinished }
        let child = RelayLink(
            index: free ?? links.count,
            source: lister.source,
            frontier: lister.frontier,
            parent: lister,
            target: session
        )
        if let free { links[free] = child } else { links.append(child) }
        lister.children.append(child)
        paceIsStale = true
        return child
    }

    private func attach(_ link: RelayLink) {
        guard let target = link.target else { return }
        link.isAttaching = true
        link.viewer.attach(target.id, from: seekPosition(link))
    }

    /// A session that is attached again is read from its beginning, up to where it was.
    private func seekPosition(_ link: RelayLink) -> SeekPosition {
        guard link.source.start == .now else { return .beginning }
        return link.parked?.isResumed ?? false ? .beginning : .last
    }

    /// A session will not be tried again.
    private mutating func refuse(_ session: ListedSession, _ link: RelayLink, reason: String) {
        refuse(session, link, .whileListed)
        forgetParked(link, reason: reason)
    }

    private func refuse(_ session: ListedSession, _ link: RelayLink, _ refusal: RelayLink.Refusal) {
        link.root.refused[RelayLink.SessionIdentity(session)] = refusal
    }

    /// Whether a session in the list that the link was given last is not to be tried.
    private func isRefused(_ session: ListedSession, by link: RelayLink) -> Bool {
        switch link.root.refused[RelayLink.SessionIdentity(session)] {
        case .whileListed: true
        case .inListsUntil(let ns): link.listSentNs <= ns
        case nil: false
        }
    }

    private func isSame(_ left: ListedSession, _ right: ListedSession) -> Bool {
        RelayLink.SessionIdentity(left) == RelayLink.SessionIdentity(right)
    }

    func isWanted(_ session: ListedSession, _ link: RelayLink) -> Bool {
        session.liveTimerUs > 0 && isMeant(session, link)
    }

    /// Whether the configuration names a session, whatever the relay says of it.
    func isMeant(_ session: ListedSession, _ link: RelayLink) -> Bool {
        link.source.sessions.contains { $0.matches(host: session.hostname, session: session.name) }
    }

    /// The longest live period of a relay's sessions, `target` included, nanoseconds.
    private func longestLivePeriodNs(_ root: RelayLink, _ target: ListedSession) -> UInt64 {
        ([root] + root.children).reduce(target.livePeriodNs) { max($0, $1.session?.listed.livePeriodNs ?? 0) }
    }

    mutating func attached(_ link: RelayLink, _ id: LiveSessionID, _ result: AttachResult, now: UInt64) {
        guard let target = link.target, target.id == id, link.isAttaching else { return }
        link.isAttaching = false
        stall.replied(link.frontier)
        switch result {
        case .attached:
            link.held = nil
            link.isSaidHeld = false
            paceIsStale = true
            stall.attached(link.frontier)
            stall.setLivePeriod(link.frontier, periodNs: Int64(clamping: longestLivePeriodNs(link.root, target)))
            stall.rejoinWithinNs = max(stall.rejoinWithinNs, rejoinWithinNs(target))
            if let session = link.parked {
                link.parked = nil
                link.session = session
                note(.active, of: target, link: link, reason: "attached again")
                return
            }
            let session = RelaySession(
                listed: target,
                frontier: frontier.addSession(link.frontier, boundNs: hostBound(target, link))
            )
            session.endedStreams = link.root.lostStreams[RelayLink.SessionIdentity(target)] ?? EndedStreams()
            link.session = session
            begin(session, of: link)
        case .alreadyHeld:
            holdBack(link, target, now: now)
        case .unknownSession where link.parked == nil:
            missed(link, target, .whileListed)
            finishIfIdle(link)
        case .unknownSession, .notLive, .seekRefused, .noViewerSession:
            refuse(target, link, reason: "it cannot be attached again")
            say(.warning, link, "session \(target.hostname)/\(target.name) cannot be attached: \(result)")
            finishIfIdle(link)
        }
    }

    /// How far behind W an excluded relay may be that counts again, nanoseconds: one whose sessions speak at different
    /// times, or more seldom than others', is never where W is. W waits for it no longer than half of the grace time.
    private func rejoinWithinNs(_ session: ListedSession) -> Int64 {
        let (periods, overflow) = session.livePeriodNs.multipliedReportingOverflow(by: 2)
        return Int64(clamping: min(overflow ? .max : periods, (configuration.stallAfterNs ?? 0) / 2))
    }

    /// What is proven of a session that has just appeared: that it is later than what other sessions of its host have
    /// said before, where these show that the host's name stands for one clock. Nil proves nothing: W waits for its
    /// first information.
    private func hostBound(_ session: ListedSession, _ link: RelayLink) -> Int64? {
        var clock: TraceUUID?
        for child in link.root.children {
            guard let other = child.session, other.listed.hostname == session.hostname else { continue }
            guard let uuid = other.clockUUID, clock ?? uuid == uuid else { return nil }
            clock = uuid
        }
        return clock == nil ? nil : link.root.hostBoundsNs[session.hostname]
    }

    // MARK: Held sessions

    /// Another viewer has the session; or it is our own connection of before, which the relay is about to find gone.
    private mutating func holdBack(_ link: RelayLink, _ target: ListedSession, now: UInt64) {
        guard let held = link.held else {
            link.held = RelayLink.HeldSession(sinceNs: now, triedNs: now)
            actions.append(.schedule(.link(relay: link.index), atNs: now + limits.ghostRetryNs))
            return
        }
        guard !held.isSaid else { return }
        link.held?.isSaid = true
        link.isSaidHeld = true
        note(.held, of: target, link: link, reason: "another viewer is attached; trying again")
    }

    /// Asks again for a session that another viewer held: soon the first time, then once a second.
    mutating func retryHeld(_ link: RelayLink, now: UInt64) {
        guard let held = link.held, let target = link.target, !link.isAttaching else { return }
        if configuration.lifetime == .untilSessionsEnd, now - held.sinceNs >= limits.patienceNs {
            link.held = nil
            refuse(target, link, reason: "another viewer holds it")
            report.held.append("\(link.source.name): \(target.hostname)/\(target.name)")
            say(.error, link, "session \(target.hostname)/\(target.name) is held by another viewer")
            finishIfIdle(link)
        } else if now - held.triedNs >= (held.isSaid ? limits.heldRetryNs : limits.ghostRetryNs) {
            link.held?.triedNs = now
            attach(link)
        }
    }

    // MARK: Ending

    mutating func sessionEnded(_ link: RelayLink, _ id: LiveSessionID, _ end: SessionEnd, now: UInt64) {
        guard let session = link.session, session.id == id else { return }
        link.session = nil
        refuse(session.listed, link, end == .failed ? .whileListed : .inListsUntil(ns: now))
        paceIsStale = true
        for trace in link.tracesInOrder {
            for stream in trace.streams {
                if end == .failed {
                    lose(stream, of: link, reason: "not read to its end: the relay refuses to go on")
                } else {
                    close(stream, of: link, .sessionEnded)
                }
            }
            trace.streams.removeAll()
            forget(trace, link)
        }
        link.streams.removeAll()
        for stream in session.parkedStreams { lose(stream, of: link, reason: "the relay no longer has the stream") }
        for trace in session.parkedTraces { forget(trace, link) }
        let siblings = link.root.children.lazy.compactMap(\.session)
        let reason =
            switch end {
            case .hungUp where siblings.contains(where: { $0.isSibling(of: session) }):
                "its domain \(session.domain?.description ?? "") has ended, the session goes on"
            case .hungUp: "the tracer has closed it"
            case .vanished: "the relay no longer lists it"
            case .failed: "the relay refuses to go on"
            }
        self.end(session, of: link, state: end == .failed ? .lost : .ended, reason: reason)
        finishIfIdle(link)
    }
}
