import EventMerge
import Feed
import LTTngLive

/// Which sessions are attached, by which connection, and how they end.
extension Coordinator {
    mutating func sessionsListed(_ link: RelayLink, now: UInt64) {
        let listed = link.viewer.sessions
        if link.isLister {
            listerAnswered(link, listed)
        } else {
            link.hasAnswered = true
            link.allowed.formIntersection(listed.map(\.id))
        }
        assign(listed, link.root, now: now)
        for id in link.held.keys where !link.allowed.contains(id) { link.held[id] = nil }
        for session in listed where link.allowed.contains(session.id) && isNew(session.id, link) {
            attach(session, link)
        }
        let gone = link.parked.filter { parked in !listed.contains { isSame(parked.listed, $0) } }
        link.parked.removeAll { parked in gone.contains { $0 === parked } }
        for session in gone { forget(session, of: link, reason: "the relay no longer has it") }
        finishIfIdle(link)
    }

    private mutating func listerAnswered(_ link: RelayLink, _ listed: [ListedSession]) {
        link.refused.formIntersection(listed.map(\.id))
        stall.attached(link.frontier)
        guard !link.hasAnswered else { return }
        link.hasAnswered = true
        guard !listed.contains(where: { isWanted($0, link) }) else { return }
        say(.warning, link, "no live session matches")
        if configuration.lifetime == .untilSessionsEnd { report.withoutSession.append(link.source.name) }
    }

    /// Gives every wanted session to a link: to that of its tracing session, or to a new one.
    private mutating func assign(_ listed: [ListedSession], _ lister: RelayLink, now: UInt64) {
        let present = Set(listed.map(\.id))
        for session in listed where isWanted(session, lister) && !lister.refused.contains(session.id) {
            guard !lister.children.contains(where: { $0.allowed.contains(session.id) }) else { continue }
            // A namesake that is not listed together with the others is another session, made after they were
            // destroyed.
            if let child = lister.children.first(where: {
                $0.group == RelayLink.Group(session) && !$0.allowed.isEmpty && $0.allowed.isSubset(of: present)
                    && $0.sessions.keys.allSatisfy(present.contains)
            }) {
                child.allowed.insert(session.id)
                if child.isOpen, child.hasAnswered {
                    attach(session, child)
                    actions.append(.schedule(.link(relay: child.index), atNs: now))
                }
            } else {
                addChild(lister, session, now: now)
            }
        }
    }

    private mutating func addChild(_ lister: RelayLink, _ session: ListedSession, now: UInt64) {
        guard lister.children.count < limits.connectionsMax else {
            lister.refused.insert(session.id)
            say(.error, lister, "session \(session.hostname)/\(session.name) is left out: too many sessions")
            return
        }
        let free = links.firstIndex { $0.parent != nil && $0.isFinished }
        let child = RelayLink(
            index: free ?? links.count,
            source: lister.source,
            frontier: lister.frontier,
            parent: lister
        )
        child.group = RelayLink.Group(session)
        child.allowed = [session.id]
        if let free { links[free] = child } else { links.append(child) }
        lister.children.append(child)
        paceIsStale = true
        connect(child, now: now)
    }

    private func attach(_ session: ListedSession, _ link: RelayLink) {
        link.attaching[session.id] = session
        link.viewer.attach(session.id, from: seekPosition(session, link))
    }

    /// A session that is attached again is read from its beginning, up to where it was.
    private func seekPosition(_ session: ListedSession, _ link: RelayLink) -> SeekPosition {
        guard link.source.start == .now else { return .beginning }
        return link.parked.contains { isSame($0.listed, session) && $0.isResumed } ? .beginning : .last
    }

    /// A session will not be tried again.
    private mutating func refuse(_ id: LiveSessionID, _ link: RelayLink, reason: String) {
        link.root.refused.insert(id)
        link.allowed.remove(id)
        if let position = link.parked.firstIndex(where: { $0.id == id }) {
            forget(link.parked.remove(at: position), of: link, reason: reason)
        }
    }

    private func isNew(_ id: LiveSessionID, _ link: RelayLink) -> Bool {
        link.sessions[id] == nil && link.attaching[id] == nil && link.held[id] == nil
    }

    private func isSame(_ left: ListedSession, _ right: ListedSession) -> Bool {
        left.id == right.id && left.hostname == right.hostname && left.name == right.name
    }

    private func isWanted(_ session: ListedSession, _ link: RelayLink) -> Bool {
        session.liveTimerUs > 0
            && link.source.sessions.contains { $0.matches(host: session.hostname, session: session.name) }
    }

    mutating func attached(_ link: RelayLink, _ id: LiveSessionID, _ result: AttachResult, now: UInt64) {
        guard let listed = link.attaching.removeValue(forKey: id) ?? link.held[id]?.listed else { return }
        stall.replied(link.frontier)
        switch result {
        case .attached:
            link.held[id] = nil
            paceIsStale = true
            stall.attached(link.frontier)
            stall.setLivePeriod(link.frontier, periodNs: Int64(clamping: listed.livePeriodNs))
            if let position = link.parked.firstIndex(where: { isSame($0.listed, listed) }) {
                link.sessions[id] = link.parked.remove(at: position)
                note(.active, of: listed, link: link, reason: "attached again")
                return
            }
            link.sessions[id] = RelaySession(
                listed: listed,
                frontier: frontier.addSession(link.frontier, boundNs: siblingBound(listed, link))
            )
            note(.active, of: listed, link: link, reason: "")
        case .alreadyHeld:
            holdBack(link, listed, now: now)
        case .unknownSession, .notLive, .seekRefused, .noViewerSession:
            refuse(id, link, reason: "it cannot be attached again")
            finishIfIdle(link)
            say(.warning, link, "session \(listed.hostname)/\(listed.name) cannot be attached: \(result)")
        }
    }

    /// What is proven of a session that has just appeared: its siblings' bound, since they share a host's clock.
    private func siblingBound(_ session: ListedSession, _ link: RelayLink) -> Int64? {
        let hasSibling = link.root.children.contains { child in
            child.sessions.values.contains { $0.listed.hostname == session.hostname }
        }
        return hasSibling ? link.root.hostBoundsNs[session.hostname] : nil
    }

    private mutating func holdBack(_ link: RelayLink, _ listed: ListedSession, now: UInt64) {
        if link.held[listed.id] != nil { return }
        link.held[listed.id] = RelayLink.HeldSession(listed: listed, sinceNs: now, triedNs: now)
        note(.held, of: listed, link: link, reason: "another viewer is attached; trying again")
    }

    /// Asks again for sessions that another viewer held, once a second.
    mutating func retryHeld(_ link: RelayLink, now: UInt64) {
        for (id, held) in link.held {
            if configuration.lifetime == .untilSessionsEnd, now - held.sinceNs >= limits.patienceNs {
                link.held[id] = nil
                refuse(id, link, reason: "another viewer holds it")
                report.held.append("\(link.source.name): \(held.listed.hostname)/\(held.listed.name)")
                say(.error, link, "session \(held.listed.hostname)/\(held.listed.name) is held by another viewer")
            } else if now - held.triedNs >= limits.heldRetryNs {
                link.held[id]?.triedNs = now
                link.viewer.attach(id, from: seekPosition(held.listed, link))
            }
        }
    }

    mutating func sessionEnded(_ link: RelayLink, _ id: LiveSessionID, _ end: SessionEnd, now: UInt64) {
        guard let session = link.sessions.removeValue(forKey: id) else { return }
        paceIsStale = true
        link.allowed.remove(id)
        for trace in link.traces.values where trace.session === session {
            for stream in trace.streams { link.streams[stream.id] = nil }
            for stream in trace.streams { endStream(stream, of: link) }
            link.traces[trace.id] = nil
        }
        for stream in session.parkedStreams { endStream(stream, of: link) }
        let reason =
            switch end {
            case .hungUp where link.sessions.values.contains(where: { $0.isSibling(of: session) }):
                "its domain \(session.domain?.description ?? "") has ended, the session goes on"
            case .hungUp: "the tracer has closed it"
            case .vanished: "the relay no longer lists it"
            case .failed: "the relay refuses to go on"
            }
        self.end(session, of: link, state: end == .failed ? .lost : .ended, reason: reason)
        finishIfIdle(link)
    }
}
