extension Frontier {
    /// The least bound of all that count, apart from sessions without streams and relays where no session has one; at
    /// least W. Nil: not known.
    ///
    /// What an empty session's or relay's bound becomes: the value at the moment when the batch that showed it empty
    /// was *sent*. Where all are empty it is W, so W stands.
    package var candidateNs: Int64? {
        let least = lendingRelays > 0 ? lent.least : .min
        let candidate = max(least, watermarkNs ?? .min)
        return candidate == .min ? nil : candidate
    }

    /// Whose bound is the least of all that count; nil where nobody counts.
    package var holder: WatermarkHolder? {
        let least = bounds.least
        guard countingRelays > 0, least < .max else { return nil }
        let relay = FrontierRelay(index: UInt32(bounds.leastLeaf))
        var holder = WatermarkHolder(relay: relay, boundNs: least == .min ? nil : least)
        let node = relays[Int(relay.index)]
        let leaf = node.bounds.leastLeaf
        guard leaf > 0 else { return holder }
        let session = node.sessionOfLeaf[leaf]
        holder.session = session
        let streamLeaf = sessions[Int(session.index)].bounds.leastLeaf
        if streamLeaf > 0 { holder.stream = sessions[Int(session.index)].streamOfLeaf[streamLeaf] }
        return holder
    }

    /// Whether another relay that counts, another session with streams in the holder's relay or another stream in the
    /// holder's session is ahead of the least bound. O(1) as a rule, O(the holder's streams) at worst.
    var isHolding: Bool {
        guard let holder else { return false }
        let least = bounds.least
        if bounds.hasMore(than: least, from: 0) { return true }
        if relays[Int(holder.relay.index)].lent.hasMore(than: least, from: 1) { return true }
        guard let session = holder.session else { return false }
        return sessions[Int(session.index)].bounds.hasMore(than: least, from: 1)
    }

    /// The least bound of all in the relay, nanoseconds since the Unix epoch, whether it counts or not; nil: not known.
    package func boundNs(_ relay: FrontierRelay) -> Int64? {
        known(relays[checked(relay)].bounds.least)
    }

    /// The least bound of the session and its streams, nanoseconds since the Unix epoch; nil: not known.
    package func boundNs(_ session: FrontierSession) -> Int64? {
        known(sessions[checked(session)].bounds.least)
    }

    /// The stream's bound, nanoseconds since the Unix epoch; nil: not known.
    package func boundNs(_ stream: FrontierStream) -> Int64? {
        let node = streams[checked(stream)]
        guard let session = node.session else { return nil }
        return known(sessions[Int(session.index)].bounds[node.leaf])
    }

    /// Whether the relay counts in W.
    package func counts(_ relay: FrontierRelay) -> Bool {
        relays[checked(relay)].counts
    }

    /// Whether no session of the relay has a stream: its bound is borrowed.
    func isEmpty(_ relay: FrontierRelay) -> Bool {
        relays[checked(relay)].sessionsWithStreams == 0
    }

    private func known(_ bound: Int64) -> Int64? {
        bound == .min ? nil : bound
    }

    /// Stops the program where a level's least is not that of the level below. O(all); for tests and the simulator.
    package func checkInvariants() {
        bounds.checkInvariants()
        lent.checkInvariants()
        var counting = 0
        var lending = 0
        for (index, node) in relays.enumerated() {
            let isCounting = node.isThere && node.counts
            let relay = FrontierRelay(index: UInt32(index))
            counting += isCounting ? 1 : 0
            lending += isCounting && node.sessionsWithStreams > 0 ? 1 : 0
            precondition(bounds[index] == (isCounting ? node.bounds.least : .max), "a relay's bound is stale")
            guard node.isThere else { continue }
            node.bounds.checkInvariants()
            node.lent.checkInvariants()
            precondition(node.bounds[0] == node.lent[0], "a relay's own bound is not lent")
            let lends = isCounting && node.sessionsWithStreams > 0
            precondition(lent[index] == (lends ? node.lent.least : .max), "what a relay lends is stale")
            var withStreams = 0
            for session in sessionsOf(relay) { withStreams += check(session, in: node) ? 1 : 0 }
            precondition(withStreams == node.sessionsWithStreams, "sessions with streams miscounted")
        }
        precondition(counting == countingRelays && lending == lendingRelays, "relays miscounted")
    }

    /// - Returns: whether the session has streams.
    private func check(_ session: FrontierSession, in relay: RelayNode) -> Bool {
        let node = sessions[Int(session.index)]
        node.bounds.checkInvariants()
        precondition(streamsOf(session).count == node.streamCount, "streams miscounted")
        precondition(relay.bounds[node.leaf] == node.bounds.least, "a session's bound is stale")
        let lends = node.streamCount > 0
        precondition(relay.lent[node.leaf] == (lends ? node.bounds.least : .max), "what a session lends is stale")
        return lends
    }
}
