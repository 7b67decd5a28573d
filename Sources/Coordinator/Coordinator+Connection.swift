import EventMerge
import Feed
package import LTTngLive

/// Connecting, losing and giving up relays.
extension Coordinator {
    mutating func connect(_ link: RelayLink, now: UInt64) {
        link.connection = .connecting
        if let feed = link.feed { return subscribe(link, feed, now: now) }
        actions.append(
            .connect(relay: link.index, source: link.root.index, identity: link.target?.id.rawValue ?? 0)
        )
    }

    /// The connection is gone or was never had: its sessions are kept aside, and another attempt is planned or given
    /// up.
    mutating func lose(_ link: RelayLink, reason: String, now: UInt64) {
        let wasOpen = link.isOpen
        let hadAnswer = wasOpen && link.isAnswering
        if let feed = link.feed { park(feed, of: link) } else if wasOpen { park(link) }
        if link.lostAtNs == nil { link.lostAtNs = now }
        link.failureCount = min(link.failureCount + 1, 32)
        // A relay that answers, and then breaks the protocol each time, is asked less and less as well.
        if hadAnswer, now - min(link.openedAtNs, now) >= limits.retryDelayNsMax { link.setbackCount = 0 }
        link.setbackCount = min(link.setbackCount + 1, 32)
        link.connection = .closed
        if link.isSource { stall.disconnected(link.frontier) }

        if configuration.lifetime == .untilSessionsEnd {
            let waitedNs = now - min(link.lostAtNs ?? now, now)
            if !link.hasAnswered || waitedNs >= limits.patienceNs {
                giveUp(link, reason: reason)
                return
            }
        }
        let exponent = min(link.setbackCount - 1, 16)
        let delayNs = min(limits.retryDelayNsMin << UInt64(exponent), limits.retryDelayNsMax)
        // Half of the delay is fixed, half drawn: attempts spread, and never come at once.
        let waitNs = delayNs / 2 + jitter.next(below: delayNs / 2 + 1)
        let atNs = now + waitNs
        link.connection = .waiting(untilNs: atNs)
        actions.append(.schedule(.connect(relay: link.index), atNs: atNs))
        if hadAnswer {
            sayLost(link, reason: reason)
        } else {
            // Whoever subscribes says in full why it did not succeed.
            let what = link.feed != nil ? "" : wasOpen ? "does not answer as a relay: " : "cannot connect: "
            sayFailed(link, reason: what + reason)
        }
    }

    /// A connection that was in use is lost. That of a session changes nothing about the relay's state; where the
    /// relay's own is lost as well, its lister says so.
    private mutating func sayLost(_ link: RelayLink, reason: String) {
        if let target = link.target {
            guard link.root.isOpen else { return }
            complain(link, "connection of session \(target.hostname)/\(target.name) lost: \(reason); trying again")
        } else {
            note(.connecting, of: link, reason: reason)
            say(.warning, link, "connection lost: \(reason); trying again")
        }
    }

    /// An attempt has led to nothing: said once until the reason changes.
    private mutating func sayFailed(_ link: RelayLink, reason: String) {
        guard link.isSource || link.root.isOpen, link.saidReason != reason else { return }
        link.saidReason = reason
        let place = link.target.map { "session \($0.hostname)/\($0.name): " } ?? ""
        complain(link, "\(place)\(reason); trying again")
    }

    /// Says in log and feed what is wrong with a connection; the relay's state stays as it is.
    private mutating func complain(_ link: RelayLink, _ text: String) {
        records.append(
            .relay(
                RelayStateChange(
                    relay: link.source.name,
                    state: RelayState(stall.phase(link.frontier)),
                    reason: text,
                    frontierNs: nil
                )
            )
        )
        say(.warning, link, text)
    }

    /// The connection broke the protocol.
    mutating func fail(_ link: RelayLink, _ error: ViewerError, now: UInt64) {
        actions.append(.abort(relay: link.index))
        lose(link, reason: describe(error), now: now)
    }

    /// Keeps the session of a lost connection until it is found again.
    mutating func park(_ link: RelayLink) {
        if let session = link.session {
            session.isResumed = link.source.start == .beginning || session.startNs != nil
            // What a connection lost before this one had, and this one had not found again, is still waited for.
            session.parkedTraces += link.tracesInOrder
            for stream in link.streamsInOrder {
                // Whether a trace is the one of before is not known yet: what it has beside that is yet to be had.
                if stream.trace.unproven != nil, !stream.isParked {
                    stream.trace.streams.removeAll { $0 === stream }
                    endStream(stream, of: link)
                    continue
                }
                session.parkedStreams.append(stream)
                stream.index = nil
                stream.earlyBeacon = nil
                stream.lastArrival = nil
                dropStorage(stream, link)
                // Until something new comes it is where it was.
                stream.resume = stream.resume ?? stream.position
                stream.isParked = true
            }
            link.parked = session
        }
        link.session = nil
        paceIsStale = true
        link.traces.removeAll()
        link.streams.removeAll()
        link.isAttaching = false
        link.held = nil
        link.metadataDueNs = nil
        if link.isLister { link.refused.removeAll() }
        link.deferred.removeAll()
        tellHold(link)
    }

    /// A finite run does not wait for this relay any longer.
    private mutating func giveUp(_ link: RelayLink, reason: String) {
        // Where the whole relay is gone its lister says so.
        if link.isSource || link.root.isOpen {
            let isRefused = link.feed?.isRefused ?? false
            let what = isRefused ? "refused" : link.hasAnswered ? "lost" : "cannot be reached"
            say(.error, link, "\(what): \(reason)")
            let line = "\(link.source.name): \(reason)"
            if isRefused { report.refused.append(line) } else { report.unreachable.append(line) }
        }
        if link.feed != nil { return finishFeed(link, reason: reason, isWhole: false) }
        forgetParked(link, reason: "the relay was lost: \(reason)")
        finish(link, reason: reason)
    }

    /// The session that a lost connection had is not to be had any more.
    mutating func forgetParked(_ link: RelayLink, reason: String) {
        guard let session = link.parked else { return }
        link.parked = nil
        forget(session, of: link, reason: reason)
    }

    /// Ends a session that has been lost, with all its streams.
    mutating func forget(_ session: RelaySession, of link: RelayLink, reason: String) {
        for stream in session.parkedStreams { lose(stream, of: link, reason: "not read to its end: \(reason)") }
        for trace in session.parkedTraces { forget(trace, link) }
        session.parkedStreams.removeAll()
        session.parkedTraces.removeAll()
        end(session, of: link, state: .lost, reason: reason)
    }

    /// The stream ends before it was read to its end.
    mutating func lose(_ stream: RelayStream, of link: RelayLink, reason: String) {
        if !stream.isOver {
            noteLoss(.events, count: nil, stream: stream, link: link, fromNs: nil, toNs: nil, reason: reason)
        }
        endForGood(stream, of: link)
    }

    /// Nothing more will come by this connection; by a lister's, from this relay.
    mutating func finish(_ link: RelayLink, reason: String) {
        if link.isOpen {
            if link.feed == nil { link.viewer.close() }
            actions.append(.close(relay: link.index))
        }
        link.connection = .finished
        paceIsStale = true
        if let lister = link.parent {
            lister.children.removeAll { $0 === link }
            finishIfIdle(lister)
            return
        }
        stall.ended(link.frontier)
        frontier.setCounts(link.frontier, false)
        link.endReason = reason
        sayEndIfDrained(link)
    }

    mutating func sayEndIfDrained(_ link: RelayLink) {
        guard link.drainingCount == 0, let reason = link.endReason else { return }
        link.endReason = nil
        note(.ended, of: link, reason: reason)
    }

    /// The session is over: said in the feed behind its last event.
    mutating func end(_ session: RelaySession, of link: RelayLink, state: SessionState, reason: String) {
        frontier.endSession(session.frontier)
        session.end = (state, reason)
        if state == .lost { keepEndedStreams(of: session, link.root) }
        link.root.endingSessions.append(session)
        sayEndIfDrained(session, link)
    }

    /// Should the session be attached anew, what was read of it is not read again.
    private func keepEndedStreams(of session: RelaySession, _ lister: RelayLink) {
        let identity = RelayLink.SessionIdentity(session.listed)
        guard lister.lostStreams.count < limits.connectionsMax || lister.lostStreams[identity] != nil else { return }
        lister.lostStreams[identity] = session.endedStreams
    }

    /// The session is there: said in the feed behind the end of the one that had its number, for the two are one to
    /// whoever reads.
    mutating func begin(_ session: RelaySession, of link: RelayLink) {
        guard let old = link.root.endingSessions.last(where: { $0.id == session.id && $0.successor == nil }) else {
            let isAgain = session.endedStreams.count > 0
            let reason = isAgain ? "attached again: streams of it that were lost are not read again" : ""
            return note(.active, of: session.listed, link: link, reason: reason)
        }
        old.successor = session
        session.isSaid = false
    }

    private mutating func sayEndIfDrained(_ session: RelaySession, _ link: RelayLink) {
        guard session.drainingCount == 0, session.isSaid, let end = session.end else { return }
        session.end = nil
        link.root.endingSessions.removeAll { $0 === session }
        guard !link.isStored else { return }
        note(end.state, of: session.listed, link: link, reason: end.reason)
        guard let successor = session.successor else { return }
        session.successor = nil
        successor.isSaid = true
        note(.active, of: successor.listed, link: link, reason: "made anew under the same number")
        sayEndIfDrained(successor, link)
    }

    /// No stream of the trace will come any more: said in the feed behind its last event.
    mutating func forget(_ trace: RelayTrace, _ link: RelayLink) {
        if link.traces[trace.id] === trace { link.traces[trace.id] = nil }
        trace.isOver = true
        sayEndIfDrained(trace)
    }

    private mutating func sayEndIfDrained(_ trace: RelayTrace) {
        guard trace.isOver, trace.isDeclared, trace.drainingCount == 0 else { return }
        trace.isDeclared = false
        records.append(.traceEnd(traceID: trace.declaration.id))
    }

    /// The last event of an ended stream has left.
    mutating func drained(_ slot: StreamSlot) {
        guard let (link, stream) = draining.removeValue(forKey: slot) else { return }
        let session = stream.trace.session
        sayEnd(of: stream, link)
        link.root.drainingCount -= 1
        session.drainingCount -= 1
        stream.trace.drainingCount -= 1
        sayEndIfDrained(stream.trace)
        sayEndIfDrained(session, link)
        sayEndIfDrained(link.root)
    }

    /// A child ends with its session; a lister, in a finite run, when there is nothing left to wait for on its relay.
    mutating func finishIfIdle(_ link: RelayLink) {
        guard link.isOpen, link.hasAnswered else { return }
        if link.isLister {
            guard configuration.lifetime == .untilSessionsEnd, link.children.isEmpty else { return }
        } else {
            guard link.session == nil, !link.isAttaching, link.held == nil, link.parked == nil else { return }
        }
        finish(link, reason: "all sessions have ended")
    }

    /// In a finite run: when every relay is finished, so is the feed.
    mutating func finishIfDone(now: UInt64) {
        guard configuration.lifetime == .untilSessionsEnd, !isFinished, !outputIsHeld else { return }
        guard links.allSatisfy(\.isFinished), merge.pendingEventCount == 0 else { return }
        isFinished = true
        records.append(.end(reason: "every session has ended"))
        publishRecords()
        actions.append(.finished(report))
    }
}

/// A violation in words.
package func describe(_ error: ViewerError) -> String {
    let request =
        switch error.request {
        case .none: "before any request"
        case .connect: "answering CONNECT"
        case .createViewerSession: "answering CREATE_SESSION"
        case .listSessions: "answering LIST_SESSIONS"
        case .attach(let session): "answering ATTACH_SESSION of session \(session.rawValue)"
        case .detach(let session): "answering DETACH_SESSION of session \(session.rawValue)"
        case .newStreams(let session): "answering GET_NEW_STREAMS of session \(session.rawValue)"
        case .nextIndex(let stream): "answering GET_NEXT_INDEX of stream \(stream.rawValue)"
        case .packet(let stream): "answering GET_PACKET of stream \(stream.rawValue)"
        case .metadata(let stream): "answering GET_METADATA of stream \(stream.rawValue)"
        }
    // A relay that has answered CONNECT is one.
    let isUnanswered = error.request == .connect || error.inputOffset == 0
    let question = isUnanswered ? ": is it an lttng-relayd?" : ""
    let fault =
        switch error.reason {
        case .majorVersion(let major):
            "speaks major version \(major) of the live protocol, not 2: is it an lttng-relayd?"
        case .viewerSessionRefused: "refused a viewer session"
        case .unknownStatus(let status): "unknown status \(status)"
        case .unknownFlags(let flags): "unknown flags \(flags)"
        case .unknownTraceFormat(let format): "unknown trace format \(format)"
        case .exceeds(let limit, let value): "\(value), where at most \(limit) is allowed"
        case .packetLength(let expected, let actual): "a packet of \(actual) bytes, where \(expected) were asked for"
        case .invalidIndex: "an index that cannot be"
        case .streamsWithoutSuccess(let status): "streams with status \(status)"
        case .missingTerminator: "a name without end"
        case .duplicateStream(let stream): "stream \(stream) twice"
        case .duplicateMetadataStream(let trace): "a second metadata stream for trace \(trace)"
        case .duplicateSession(let session): "session \(session) twice"
        case .unsolicitedBytes: "bytes that nobody asked for\(question)"
        case .timeout(let waitedNs): "no reply within \(waitedNs / 1_000_000_000) s\(question)"
        case .disconnected: "the relay closed the connection"
        }
    return "\(fault) (\(request), byte \(error.inputOffset) of the connection)"
}
