import EventMerge
import Feed
import LTTngLive

/// What of the configuration may change while the feed runs: which relays there are, which of their sessions are meant,
/// and how long one may hold the feed.
extension Coordinator {
    /// Merges one relay more. It is connected to at once, and counts from its attachment on: the others do not wait for
    /// it before. What it has from before the watermark is late.
    /// - Parameter source: of a name that no other relay has that is there.
    /// - Returns: its number, which `CoordinatorAction.connect` names as the source of its connections: that of a relay
    ///   that is gone, or one that was none before.
    package mutating func addRelay(_ source: RelaySource, now: UInt64) -> Int {
        precondition(!relayNumbers.contains { links[$0].source.name == source.name }, "a name is there twice")
        // Under a name that goes on nobody ends.
        for link in links where link.isSource && link.source.name == source.name { link.endReason = nil }
        let number = links.firstIndex { isSpent($0) } ?? links.count
        if number < links.count {
            let old = links[number].frontier
            stall.remove(old)
            frontier.removeRelay(old)
        }
        let link = newLink(number, source)
        stall.addRelay(link.frontier, attachedBefore: false, nowNs: Int64(clamping: now))
        if source.isFeed { setPatience(link) }
        // As one that has not answered: the feed runs already.
        stall.disconnected(link.frontier)
        if number < links.count { links[number] = link } else { links.append(link) }
        note(.connecting, of: link, reason: "added to the configuration")
        connect(link, now: now)
        pump(now: now)
        return number
    }

    /// Merges a relay no longer: what it has not delivered is said to be lost, its sessions end, its connections are
    /// closed, and nobody waits for it any more. What it has delivered leaves in its order.
    /// - Parameter relay: a number of `relayNumbers`.
    package mutating func removeRelay(_ relay: Int, reason: String, now: UInt64) {
        let lister = links[relay]
        if lister.feed != nil {
            // One that was refused is gone already.
            if !lister.isFinished { finishFeed(lister, reason: reason, isWhole: false) }
            return pump(now: now)
        }
        precondition(lister.isLister && !lister.isFinished, "no such relay")
        for child in lister.children {
            leave(child)
            forgetParked(child, reason: reason)
            finish(child, reason: reason)
        }
        leave(lister)
        finish(lister, reason: reason)
        // Were it to come back under this number, it would be another one.
        lister.refused.removeAll()
        lister.lostStreams.removeAll()
        say(.info, lister, "left: \(reason)")
        pump(now: now)
    }

    /// Subscribes to a feed again, since it is elsewhere, or is shown something else: it goes on where it was.
    /// - Parameter relay: a number of `relayNumbers`.
    package mutating func moveFeed(_ relay: Int, now: UInt64) {
        let link = links[relay]
        precondition(link.feed != nil && !link.isFinished, "no such feed")
        switch link.connection {
        case .open, .connecting:
            actions.append(.close(relay: relay))
            link.setbackCount = 0
            lose(link, reason: "configured at another place, or with other certificates", now: now)
        case .closed, .waiting, .stored, .finished: break
        }
        pump(now: now)
    }

    /// Changes which sessions of a relay are meant, and where they are read from when they are attached. Those that are
    /// not meant any more end; the others are not touched.
    /// - Parameter relay: a number of `relayNumbers`.
    package mutating func setSessions(
        _ relay: Int,
        _ sessions: [SessionPattern],
        start: RelaySource.Start,
        now: UInt64
    ) {
        let lister = links[relay]
        // A feed is taken whole, and where it begins was settled when it was subscribed to first.
        guard lister.feed == nil else { return lister.source.start = start }
        precondition(lister.isLister && !lister.isFinished, "no such relay")
        // A session that is attached goes on as it began.
        lister.source.sessions = sessions
        lister.source.start = start
        for child in lister.children {
            guard let target = child.target, !isMeant(target, lister) else { continue }
            leave(child)
            forgetParked(child, reason: Self.notMeant)
            finish(child, reason: Self.notMeant)
        }
        // The list that it gave last shows those that are meant now.
        if lister.isOpen, lister.hasAnswered { assign(lister.viewer.sessions, of: lister, now: now) }
        pump(now: now)
    }

    /// Changes how long a relay may hold the feed, nanoseconds; nil: for ever.
    package mutating func setStallAfter(_ limitNs: UInt64?, now: UInt64) {
        configuration.stallAfterNs = limitNs
        stall.graceNs = limitNs.map { Int64(clamping: $0) }
        stallDueNs = now
        pump(now: now)
    }

    /// The relays that are there, by their numbers, in order.
    package var relayNumbers: [Int] { links.filter { $0.isSource && !$0.isFinished }.map(\.index) }

    private static let notMeant = "no longer configured"

    /// Closes the link's connection, or gives up to have one; what it has attached is kept aside.
    private mutating func leave(_ link: RelayLink) {
        let isConnected = link.isOpen
        if isConnected { park(link) }
        switch link.connection {
        case .open:
            link.viewer.close()
            actions.append(.close(relay: link.index))
        case .connecting: actions.append(.close(relay: link.index))
        case .waiting, .closed, .stored, .finished: break
        }
        link.connection = .closed
    }

    /// Whether the number of a relay that is gone may be another's: nothing of it is waited for any more.
    private func isSpent(_ link: RelayLink) -> Bool {
        link.isSource && link.isFinished && link.drainingCount == 0 && link.pendingBytes == 0
            && link.endingSessions.isEmpty && link.endReason == nil
    }
}
