import EventMerge
package import Feed

/// Other coordinators' feeds as sources: subscribing, and how they stand in the watermark.
///
/// A feed is one stream of the frontier, whose bound is the other's watermark; its events are merged stream by stream,
/// each with its own rank (`Coordinator+FeedEvents.swift`), so that a tree of coordinators puts them into the order in
/// which one coordinator would. Its records pass at once, but for ends, which wait for the last events
/// (`Coordinator+FeedRecords.swift`). A subscription begins behind a token and may bring what has been taken already:
/// events are told by their places, all else by the numbers of frames.
extension Coordinator {
    /// Why a subscription is over, or did not come about.
    package enum FeedEnd: Sendable, Equatable {
        /// Worth another attempt; for people.
        case lost(String)
        /// TLS or the other coordinator's rules turn us away, until somebody changes that; for people.
        case refused(String)
        /// The token is of another feed: the other coordinator has begun anew.
        case foreignFeed(String)
    }

    /// A link of a source, as it is before its first connection.
    mutating func newLink(_ number: Int, _ source: RelaySource) -> RelayLink {
        feedLinks.removeAll { $0.index == number }
        let link = RelayLink(index: number, source: source, frontier: frontier.addRelay())
        guard source.isFeed else { return link }
        link.feed = FeedSource(name: source.name, session: frontier.addSession(link.frontier, boundNs: nil))
        feedLinks.append(link)
        return link
    }

    /// The other coordinator has the time to leave out one of its own relays first.
    mutating func setPatience(_ link: RelayLink) {
        stall.setGraceTimes(link.frontier, 2)
    }

    // MARK: Connections

    mutating func subscribe(_ link: RelayLink, _ feed: FeedSource, now: UInt64) {
        actions.append(.subscribe(relay: link.index, source: link.index, start: feed.start(link.source)))
        actions.append(.schedule(.connect(relay: link.index), atNs: now + 2 * limits.connectNsMax))
    }

    /// Nothing has come of an attempt.
    mutating func giveUpConnect(_ link: RelayLink, now: UInt64) {
        actions.append(.close(relay: link.index))
        lose(link, reason: "no answer within \(2 * limits.connectNsMax / 1_000_000_000) s", now: now)
    }

    /// The other coordinator has accepted the subscription.
    package mutating func feedWelcomed(relay: Int, _ welcome: Welcome, now: UInt64) {
        let link = links[relay]
        guard case .connecting = link.connection, let feed = link.feed else { return }
        link.connection = .open
        link.openedAtNs = now
        link.activity.connections += 1
        link.activity.ownConnections += 1
        link.isAnswering = true
        guard welcome.feed.id != configuration.feed else { return refuseLoop(link, feed.name, now: now) }
        link.failureCount = 0
        link.saidReason = nil
        link.lostAtNs = nil
        link.hasAnswered = true
        say(.info, link, "subscribed to the feed \(welcome.feed.id)")
        if welcome.isRestricted { say(.warning, link, "its allow rules hide a part of that feed from us") }
        stall.attached(link.frontier)
        if feed.record.feed != welcome.feed.id { begin(welcome.feed.id, feed, link) }
        feed.replayEnd =
            feed.record.epoch == welcome.feed.epoch
            ? feed.record.sequence : min(feed.record.sequence, welcome.commonSequence)
        feed.record.epoch = welcome.feed.epoch
        feed.record.sequence = feed.replayEnd
        feed.isPaused = false
        // Until it says otherwise.
        setIdle(feed, false)
        // Those above know by it where their own feed goes before any event of it comes back.
        records.append(.source(feed.record))
        pump(now: now)
    }

    /// The subscription is over, or there was none.
    package mutating func feedEnded(relay: Int, _ end: FeedEnd, now: UInt64) {
        let link = links[relay]
        guard let feed = link.feed else { return }
        switch link.connection {
        case .open, .connecting: break
        case .closed, .waiting, .stored, .finished: return
        }
        feed.isRefused = false
        switch end {
        case .lost(let reason): lose(link, reason: reason, now: now)
        case .refused(let reason):
            feed.isRefused = true
            lose(link, reason: reason, now: now)
        case .foreignFeed(let reason):
            park(feed, of: link)
            abandon(feed, link, reason: "the coordinator has begun a new feed")
            link.setbackCount = 0
            lose(link, reason: reason, now: now)
        }
        pump(now: now)
    }

    /// Another feed than before, or the first.
    private mutating func begin(_ id: FeedID, _ feed: FeedSource, _ link: RelayLink) {
        if feed.record.feed != nil || !feed.traces.isEmpty || !feed.sessions.isEmpty {
            abandon(feed, link, reason: "the coordinator has begun a new feed")
        }
        feed.record = SourceRecord(relay: feed.name, feed: id)
    }

    /// The feed is one that this feed goes into: each event would come back for ever.
    mutating func refuseLoop(_ link: RelayLink, _ name: String, now: UInt64) {
        let reason = "a loop: \(name) is this feed itself"
        say(.error, link, "\(reason); it is no source until the configuration changes")
        if configuration.lifetime == .untilSessionsEnd { report.unreachable.append("\(link.source.name): \(reason)") }
        finishFeed(link, reason: reason, isWhole: true)
        pump(now: now)
    }

    // MARK: The watermark

    /// All that is older than the other's watermark has come.
    func bound(_ feed: FeedSource, watermarkNs: Int64) -> Int64 {
        // Nothing in order is older than the latest that was.
        guard feed.isIdle, let latestNs = feed.latestNs else { return watermarkNs }
        return max(watermarkNs, latestNs == .max ? .max : latestNs + 1)
    }

    mutating func advance(_ feed: FeedSource, _ link: RelayLink, to boundNs: Int64) {
        frontier.setRelayBound(link.frontier, to: boundNs)
        frontier.setSessionBound(feed.session, to: boundNs)
        if let slot = feed.slot { frontier.advance(slot, to: boundNs) }
    }

    /// While no stream is there that the other's watermark follows, nobody waits for it.
    mutating func setIdle(_ feed: FeedSource, _ isIdle: Bool) {
        feed.isIdle = isIdle
        if isIdle, let slot = feed.slot {
            frontier.endStream(slot)
            feed.slot = nil
            countFeed(by: -1)
        } else if !isIdle, feed.slot == nil {
            feed.slot = frontier.addStream(feed.session)
            countFeed(by: 1)
        }
    }

    private mutating func countFeed(by step: Int) {
        openStreamCount += step
        countingStreamCount += step
        paceIsStale = true
    }

    /// Idle feeds stand where the others are.
    mutating func followIdleFeeds() {
        for link in feedLinks where link.isOpen {
            guard let feed = link.feed, feed.isIdle, let candidate = candidateNs else { continue }
            advance(feed, link, to: candidate)
        }
    }

    /// Says that there is something again that the watermark follows, before anything of it leaves.
    mutating func tellBusy() {
        guard isSaidIdle, !isIdle else { return }
        isSaidIdle = false
        records.append(.idle(false))
    }

    /// Says that the watermark stands, once all has left.
    mutating func tellIdle() {
        guard configuration.lifetime == .service, !isSaidIdle, !isFinished, merge.pendingEventCount == 0, isIdle else {
            return
        }
        isSaidIdle = true
        records.append(.idle(true))
        publishRecords()
    }

    /// Whether no stream is there that the watermark follows, and none is about to be.
    private var isIdle: Bool { countingStreamCount == 0 && links.allSatisfy { isSettled($0) } }

    private func isSettled(_ link: RelayLink) -> Bool {
        guard link.isSource, !link.isFinished else { return !link.isJoining }
        // One that is waited for is not known to have nothing.
        return link.isOpen && link.hasAnswered || !frontier.counts(link.frontier)
    }

    // MARK: Back-pressure

    /// Has the shell leave bytes in the sockets of feeds for which there is no room.
    mutating func steerFeeds() {
        for link in feedLinks where link.isOpen {
            guard let feed = link.feed else { continue }
            let isFull = link.pendingBytes > limits.pendingBytesMax || feed.segments.endBytes > limits.feedNameBytesMax
            let isAhead = isFull && isAhead(link)
            guard feed.isPaused != (outputIsHeld || isAhead) else { continue }
            feed.isPaused.toggle()
            actions.append(.setReading(relay: link.index, isReading: !feed.isPaused))
            stall.setHeldByUs(link.frontier, feed.isPaused)
        }
    }

    private func isAhead(_ link: RelayLink) -> Bool {
        guard let boundNs = frontier.boundNs(link.frontier) else { return false }
        return boundNs > frontier.watermarkNs ?? .min
    }

    // MARK: Watching

    /// What is known of a feed's relays is what the feed says of them: their sessions and streams count there.
    func add(_ feed: FeedSource, _ link: RelayLink, to snapshot: inout CoordinatorSnapshot) {
        var sessionCounts: [String: Int] = [:]
        for session in feed.sessionsInOrder { sessionCounts[session.relay, default: 0] += 1 }
        var streamCounts: [String: Int] = [:]
        for stream in feed.streams.values { streamCounts[stream.trace.declaration.relay, default: 0] += 1 }
        for relay in feed.relaysInOrder where relay.state != .ended {
            snapshot.relays.append(
                CoordinatorSnapshot.Relay(
                    name: relay.relay,
                    state: relay.state,
                    isConnected: link.isOpen && relay.state != .connecting,
                    hasSettled: true,
                    trouble: relay.state == .connecting && !relay.reason.isEmpty ? relay.reason : nil,
                    boundNs: nil,
                    pendingBytes: 0,
                    sessionCount: sessionCounts[relay.relay] ?? 0,
                    streamCount: streamCounts[relay.relay] ?? 0
                )
            )
        }
    }
}
