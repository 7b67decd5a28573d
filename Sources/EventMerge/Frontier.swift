// How far time is proven: W, the least bound of all that count.
//
//     feed  <-  relays  <-  sessions  <-  streams
//
// A bound says: no event to come is older. A relay's and a session's own bound stands for what is not known yet:
// sessions that no LIST has shown, streams that no GET_NEW_STREAMS has shown. It always counts, so a reply that proves
// nothing (NO_NEW, no LIST in this cycle) holds W by not being reported, and a new stream, which starts at its
// session's own bound, cannot be behind W. A bound that is not known is `Int64.min`, which promises nothing; W then
// stands still, and a relay that counts from the start with nothing known is the start barrier. Whoever joins later
// with a bound below W holds W where it is: W never goes back, so that is max(its own, W).
//
// An empty session or relay has no proof of its own: it borrows `candidateNs`, the least of all that have one. The
// trees of what is lent are kept beside those of all bounds, so that two empty ones do not hold each other.
//
// Each level is a tournament (`MinimumTree.swift`): a bound that moves costs a step or two as a rule, O(log n) at
// worst. Confined to the merge lane.

/// The bounds of a feed's streams, sessions and relays, and the watermark that follows from them.
package struct Frontier: ~Copyable {
    /// W, nanoseconds since the Unix epoch, as of the last `raiseWatermark`. Nil until all that count have given their
    /// first information.
    package private(set) var watermarkNs: Int64?

    private(set) var relays: [RelayNode] = []
    private(set) var sessions: [SessionNode] = []
    private(set) var streams: [StreamNode] = []
    private var freeRelays: [FrontierRelay] = []
    private var freeSessions: [FrontierSession] = []
    private var freeStreams: [FrontierStream] = []
    /// By relay: its least bound where it counts.
    private(set) var bounds = MinimumTree()
    /// By relay: the least bound that it lends to empty sessions and relays.
    private(set) var lent = MinimumTree()
    private(set) var countingRelays = 0
    private(set) var lendingRelays = 0

    /// - Parameter watermarkNs: the watermark of the feed's log where the feed goes on after a restart, else nil.
    package init(watermarkNs: Int64? = nil) {
        self.watermarkNs = watermarkNs
    }

    // MARK: Joining

    /// Adds a relay. It counts from now on, with nothing known: W stands still until its first information.
    package mutating func addRelay() -> FrontierRelay {
        var node = RelayNode()
        let own = node.bounds.add(.min)
        let lentOwn = node.lent.add(.min)
        precondition(own == 0 && lentOwn == 0)
        node.sessionOfLeaf = [FrontierSession(index: .max)]
        let relay: FrontierRelay
        if let free = freeRelays.popLast() {
            relay = free
            relays[Int(relay.index)] = node
        } else {
            relay = FrontierRelay(index: UInt32(relays.count))
            relays.append(node)
            let leaf = bounds.add(.max)
            let lentLeaf = lent.add(.max)
            precondition(leaf == Int(relay.index) && lentLeaf == leaf)
        }
        countingRelays += 1
        refresh(relay)
        return relay
    }

    /// Adds a session.
    /// - Parameter boundNs: what is proven of all its events to come; nil: nothing, so W stands still until its first
    ///   information.
    package mutating func addSession(_ relay: FrontierRelay, boundNs: Int64?) -> FrontierSession {
        let relayIndex = checked(relay)
        let own = boundNs ?? .min
        let leaf = relays[relayIndex].bounds.add(own)
        let lentLeaf = relays[relayIndex].lent.add(.max)
        precondition(leaf == lentLeaf)
        var node = SessionNode(relay: relay, leaf: leaf)
        let ownLeaf = node.bounds.add(own)
        precondition(ownLeaf == 0)
        node.streamOfLeaf = [FrontierStream(index: .max)]
        let session: FrontierSession
        if let free = freeSessions.popLast() {
            session = free
            sessions[Int(session.index)] = node
        } else {
            session = FrontierSession(index: UInt32(sessions.count))
            sessions.append(node)
        }
        Frontier.place(session, at: leaf, in: &relays[relayIndex].sessionOfLeaf)
        refresh(relay)
        return session
    }

    /// Adds a stream, at the session's own bound: what was proven by the last GET_NEW_STREAMS that did not list it.
    package mutating func addStream(_ session: FrontierSession) -> FrontierStream {
        let sessionIndex = checked(session)
        let leaf = sessions[sessionIndex].bounds.add(sessions[sessionIndex].bounds[0])
        let node = StreamNode(session: session, leaf: leaf)
        let stream: FrontierStream
        if let free = freeStreams.popLast() {
            stream = free
            streams[Int(stream.index)] = node
        } else {
            stream = FrontierStream(index: UInt32(streams.count))
            streams.append(node)
        }
        Frontier.place(stream, at: leaf, in: &sessions[sessionIndex].streamOfLeaf)
        changeStreamCount(session, by: 1)
        return stream
    }

    // MARK: Bounds

    /// Proves that no session unknown so far has an event before `boundNs`: a LIST reply. A lesser one says nothing
    /// new.
    package mutating func setRelayBound(_ relay: FrontierRelay, to boundNs: Int64) {
        let index = checked(relay)
        guard boundNs > relays[index].bounds[0] else { return }
        relays[index].bounds.set(0, to: boundNs)
        relays[index].lent.set(0, to: boundNs)
        refresh(relay)
    }

    /// Proves that no stream unknown so far has an event before `boundNs`: a GET_NEW_STREAMS reply OK, after the
    /// streams that it lists have been added. A lesser one says nothing new.
    package mutating func setSessionBound(_ session: FrontierSession, to boundNs: Int64) {
        set(session, leaf: 0, to: boundNs)
    }

    /// Proves that no event of the stream that has not been appended to the merge yet is before `boundNs`. A lesser one
    /// says nothing new.
    package mutating func advance(_ stream: FrontierStream, to boundNs: Int64) {
        let node = streams[checked(stream)]
        guard let session = node.session else { return }
        set(session, leaf: node.leaf, to: boundNs)
    }

    /// Whether the relay counts in W.
    package mutating func setCounts(_ relay: FrontierRelay, _ counts: Bool) {
        let index = checked(relay)
        guard relays[index].counts != counts else { return }
        if relays[index].sessionsWithStreams > 0 { lendingRelays += counts ? 1 : -1 }
        countingRelays += counts ? 1 : -1
        relays[index].counts = counts
        refresh(relay)
    }

    /// Raises W to the least bound of all that count; never back, and not at all where nobody counts. Called once per
    /// batch of replies, after all that the batch says.
    /// - Returns: W.
    @discardableResult
    package mutating func raiseWatermark() -> Int64? {
        if countingRelays > 0, bounds.least > watermarkNs ?? .min { watermarkNs = bounds.least }
        return watermarkNs
    }

    // MARK: Leaving

    /// The stream has ended: all its events have been appended to the merge.
    package mutating func endStream(_ stream: FrontierStream) {
        let index = checked(stream)
        let leaf = streams[index].leaf
        guard let session = streams[index].session else { return }
        sessions[Int(session.index)].bounds.remove(leaf)
        streams[index].session = nil
        freeStreams.append(stream)
        changeStreamCount(session, by: -1)
    }

    /// The session has ended, and all its streams.
    package mutating func endSession(_ session: FrontierSession) {
        let index = checked(session)
        for stream in streamsOf(session) { endStream(stream) }
        guard let relay = sessions[index].relay else { return }
        relays[Int(relay.index)].bounds.remove(sessions[index].leaf)
        relays[Int(relay.index)].lent.remove(sessions[index].leaf)
        sessions[index].relay = nil
        freeSessions.append(session)
        refresh(relay)
    }

    /// The relay is gone, and all its sessions.
    package mutating func removeRelay(_ relay: FrontierRelay) {
        let index = checked(relay)
        for session in sessionsOf(relay) { endSession(session) }
        setCounts(relay, false)
        relays[index].isThere = false
        freeRelays.append(relay)
    }

    // MARK: Helpers

    func checked(_ relay: FrontierRelay) -> Int {
        precondition(relays[Int(relay.index)].isThere, "no such relay")
        return Int(relay.index)
    }

    func checked(_ session: FrontierSession) -> Int {
        precondition(sessions[Int(session.index)].relay != nil, "no such session")
        return Int(session.index)
    }

    func checked(_ stream: FrontierStream) -> Int {
        precondition(streams[Int(stream.index)].session != nil, "no such stream")
        return Int(stream.index)
    }

    func streamsOf(_ session: FrontierSession) -> [FrontierStream] {
        sessions[Int(session.index)].streamOfLeaf.enumerated().compactMap { leaf, stream in
            guard leaf > 0, streams[Int(stream.index)].session == session else { return nil }
            return streams[Int(stream.index)].leaf == leaf ? stream : nil
        }
    }

    func sessionsOf(_ relay: FrontierRelay) -> [FrontierSession] {
        relays[Int(relay.index)].sessionOfLeaf.enumerated().compactMap { leaf, session in
            guard leaf > 0, sessions[Int(session.index)].relay == relay else { return nil }
            return sessions[Int(session.index)].leaf == leaf ? session : nil
        }
    }

    private static func place<Node>(_ node: Node, at leaf: Int, in table: inout [Node]) {
        if leaf == table.count { table.append(node) } else { table[leaf] = node }
    }

    private mutating func set(_ session: FrontierSession, leaf: Int, to boundNs: Int64) {
        let index = checked(session)
        guard boundNs > sessions[index].bounds[leaf] else { return }
        let before = sessions[index].bounds.least
        sessions[index].bounds.set(leaf, to: boundNs)
        if sessions[index].bounds.least != before { refresh(session) }
    }

    private mutating func changeStreamCount(_ session: FrontierSession, by change: Int) {
        let index = Int(session.index)
        let hadStreams = sessions[index].streamCount > 0
        sessions[index].streamCount += change
        let hasStreams = sessions[index].streamCount > 0
        if hasStreams != hadStreams, let relay = sessions[index].relay {
            let relayIndex = Int(relay.index)
            let lentBefore = relays[relayIndex].sessionsWithStreams > 0
            relays[relayIndex].sessionsWithStreams += change
            let lends = relays[relayIndex].sessionsWithStreams > 0
            if lends != lentBefore, relays[relayIndex].counts { lendingRelays += change }
        }
        refresh(session)
    }

    /// Takes a session's least bound over into its relay.
    private mutating func refresh(_ session: FrontierSession) {
        let index = Int(session.index)
        guard let relay = sessions[index].relay else { return }
        let leaf = sessions[index].leaf
        let least = sessions[index].bounds.least
        relays[Int(relay.index)].bounds.set(leaf, to: least)
        relays[Int(relay.index)].lent.set(leaf, to: sessions[index].streamCount > 0 ? least : .max)
        refresh(relay)
    }

    /// Takes a relay's least bound over into the feed.
    private mutating func refresh(_ relay: FrontierRelay) {
        let index = Int(relay.index)
        let counts = relays[index].counts
        bounds.set(index, to: counts ? relays[index].bounds.least : .max)
        let lends = counts && relays[index].sessionsWithStreams > 0
        lent.set(index, to: lends ? relays[index].lent.least : .max)
    }
}
