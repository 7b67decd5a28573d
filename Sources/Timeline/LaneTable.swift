import CTF
package import Feed

/// The tree of lanes: what is known of each, and what it counts.
///
/// Numbers are given in the order in which the feed names things, and never again, so a parent's is smaller than its
/// children's, and the same frames give the same numbers.
package struct LaneTable: Sendable {
    struct Entry: Sendable {
        var lane: Lane
        var counts = LaneCounts()
    }

    private struct HostKey: Hashable {
        var relay: String
        var host: String
    }

    private struct SessionKey: Hashable {
        var host: HostKey
        var session: String
        var id: UInt64
    }

    /// Lanes that there are at most; what has no room is counted by the lane above.
    private let lanesMax: Int
    /// By ascending ids; the first is the feed.
    var entries: [Entry]
    private var nextID: UInt32 = 1
    private var hosts: [HostKey: UInt32] = [:]
    private var sessions: [SessionKey: UInt32] = [:]
    /// By the stream's number in the feed.
    private var streams: [UInt64: UInt32] = [:]
    /// Those that have ended, as long as they are lanes.
    private var ended: [UInt64: UInt32] = [:]
    private var traces: [UInt64: FeedTrace] = [:]
    /// The relays' latest states.
    package private(set) var relays: [String: RelayStateChange] = [:]
    /// Lanes that are no more, and since which revision; the oldest are forgotten.
    private var removed: [(revision: UInt64, id: UInt32)] = []
    private static let removedMax = 65_536
    /// Counts the changes; whoever asks for what has changed since, says the revision it has seen.
    var revision: UInt64 = 0

    init(lanesMax: Int) {
        self.lanesMax = max(1, lanesMax)
        entries = [Entry(lane: Lane(id: 0, parent: 0, kind: .feed, name: "", relay: "", host: ""))]
    }

    // MARK: - Finding

    /// Where a lane stands.
    /// - Complexity: O(log lanes).
    func index(of id: UInt32) -> Int? {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].lane.id < id { low = middle + 1 } else { high = middle }
        }
        return low < entries.count && entries[low].lane.id == id ? low : nil
    }

    package subscript(id: UInt32) -> Lane? { index(of: id).map { entries[$0].lane } }

    /// The lane of a stream, by its number in the feed; nil for one that is none any more.
    package func lane(ofStream feedID: UInt64) -> UInt32? { streams[feedID] ?? ended[feedID] }

    /// The lanes of a relay's hosts.
    func hosts(ofRelay relay: String) -> [UInt32] {
        hosts.compactMap { $0.key.relay == relay ? $0.value : nil }.sorted()
    }

    /// The lane that something names, or the closest one above it.
    package func lane(relay: String, host: String, session: String? = nil, sessionID: UInt64 = 0) -> UInt32 {
        let key = HostKey(relay: relay, host: host)
        if let session, let id = sessions[SessionKey(host: key, session: session, id: sessionID)] { return id }
        return hosts[key] ?? 0
    }

    // MARK: - What the feed names

    mutating func declare(_ trace: FeedTrace) {
        traces[trace.id] = trace
        _ = session(of: trace)
    }

    mutating func declare(_ stream: FeedStream) {
        guard let trace = traces[stream.traceID], streams[stream.id] == nil else { return }
        let parent = session(of: trace)
        guard let id = add(parent: parent, kind: .stream, name: stream.channel, relay: trace.relay, host: trace.host)
        else {
            streams[stream.id] = parent
            return
        }
        streams[stream.id] = id
        change(id) {
            $0.state = .active
            $0.sessionID = trace.sessionID
            $0.stream = Lane.Stream(
                feedID: stream.id,
                traceID: trace.id,
                number: stream.liveStreamID,
                cpu: nil,
                path: trace.path,
                trace: trace.path
            )
        }
    }

    /// Takes what only packets tell of their stream.
    mutating func note(_ packet: FeedPacket, at index: Int) {
        guard let known = entries[index].lane.stream else { return }
        var stream = known
        if let number = packet.preamble.streamInstanceID { stream.number = number }
        if let cpu = packet.preamble.cpuID { stream.cpu = cpu }
        if let uuid = packet.program.traceClass.uuid { stream.trace = "\(uuid)" }
        guard stream != known else { return }
        change(entries[index].lane.id) { $0.stream = stream }
    }

    mutating func end(streamID: UInt64, watermarkNs: Int64?) {
        guard let id = streams.removeValue(forKey: streamID) else { return }
        guard let index = index(of: id), entries[index].lane.stream?.feedID == streamID else { return }
        ended[streamID] = id
        change(id) {
            $0.state = .ended
            $0.endedNs = watermarkNs ?? .min
        }
    }

    mutating func end(traceID: UInt64, watermarkNs: Int64?) {
        traces[traceID] = nil
        for entry in entries where entry.lane.stream?.traceID == traceID {
            guard let feedID = entry.lane.stream?.feedID else { continue }
            end(streamID: feedID, watermarkNs: watermarkNs)
        }
    }

    mutating func change(_ change: SessionStateChange, watermarkNs: Int64?) {
        let id = session(relay: change.relay, host: change.host, session: change.session, id: change.sessionID)
        guard let index = index(of: id), entries[index].lane.kind == .session else { return }
        let isOver = change.state == .ended || change.state == .lost
        self.change(id) {
            $0.state = .session(change.state)
            $0.reason = change.reason
            $0.startNs = change.startNs
            $0.endedNs = isOver ? watermarkNs ?? .min : nil
        }
    }

    mutating func change(_ change: RelayStateChange) {
        relays[change.relay] = change
        for id in hosts(ofRelay: change.relay) {
            self.change(id) {
                $0.state = .relay(change.state)
                $0.reason = change.reason
            }
        }
    }

    mutating func change(_ report: ClockReport) {
        guard let id = hosts[HostKey(relay: report.relay, host: report.host)] else { return }
        change(id) {
            let isBetter = report.isAgainstCoordinator || $0.clock?.isAgainstCoordinator != true
            guard isBetter else { return }
            guard report.quality != .absent else {
                $0.clock = nil
                return
            }
            $0.clock = report
            // The step is a mark, and no state.
            $0.clock?.stepNs = nil
            $0.clock?.stepErrorNs = 0
        }
    }

    private mutating func session(of trace: FeedTrace) -> UInt32 {
        session(relay: trace.relay, host: trace.host, session: trace.session, id: trace.sessionID)
    }

    private mutating func session(relay: String, host: String, session: String, id number: UInt64) -> UInt32 {
        let hostKey = HostKey(relay: relay, host: host)
        let key = SessionKey(host: hostKey, session: session, id: number)
        if let known = sessions[key] { return known }
        let parent = self.host(hostKey)
        guard let id = add(parent: parent, kind: .session, name: session, relay: relay, host: host) else {
            return parent
        }
        sessions[key] = id
        change(id) { $0.sessionID = number }
        return id
    }

    private mutating func host(_ key: HostKey) -> UInt32 {
        if let known = hosts[key] { return known }
        guard let id = add(parent: 0, kind: .host, name: key.host, relay: key.relay, host: key.host) else { return 0 }
        hosts[key] = id
        if let state = relays[key.relay] {
            change(id) {
                $0.state = .relay(state.state)
                $0.reason = state.reason
            }
        }
        return id
    }

    /// - Returns: nil where there is no room.
    private mutating func add(parent: UInt32, kind: Lane.Kind, name: String, relay: String, host: String) -> UInt32? {
        guard entries.count < lanesMax, nextID < .max else { return nil }
        var lane = Lane(id: nextID, parent: parent, kind: kind, name: name, relay: relay, host: host)
        lane.changedAt = revision
        entries.append(Entry(lane: lane))
        nextID += 1
        return lane.id
    }

    private mutating func change(_ id: UInt32, _ body: (inout Lane) -> Void) {
        guard let index = index(of: id) else { return }
        let before = entries[index].lane
        body(&entries[index].lane)
        if entries[index].lane != before { entries[index].lane.changedAt = revision }
    }

    // MARK: - Forgetting

    /// Forgets what lies before a time, and the lanes that have ended by then and hold nothing any more.
    mutating func drop(beforeNs: Int64) {
        for index in entries.indices { entries[index].counts.drop(beforeNs: beforeNs) }
        var parents = LaneSet()
        var kept: [Entry] = []
        kept.reserveCapacity(entries.count)
        // Children stand behind their parents.
        for entry in entries.reversed() {
            let isOver = entry.lane.endedNs.map { $0 <= beforeNs } ?? (entry.lane.kind == .host)
            guard isOver, entry.counts.isEmpty, !parents.contains(entry.lane.id) else {
                if entry.lane.id != 0 { parents.insert(entry.lane.parent) }
                kept.append(entry)
                continue
            }
            remove(entry.lane)
        }
        guard kept.count < entries.count else { return }
        entries = kept.reversed()
    }

    private mutating func remove(_ lane: Lane) {
        let host = HostKey(relay: lane.relay, host: lane.host)
        switch lane.kind {
        case .feed: break
        case .stream: if let feedID = lane.stream?.feedID { ended[feedID] = nil }
        case .host: hosts[host] = nil
        case .session: sessions[SessionKey(host: host, session: lane.name, id: lane.sessionID)] = nil
        }
        if removed.count >= Self.removedMax { removed.removeFirst(Self.removedMax / 2) }
        removed.append((revision, lane.id))
    }

    /// Gives up the finest level everywhere.
    mutating func coarsen() {
        for index in entries.indices { entries[index].counts.coarsen() }
    }

    /// Bytes of all counts, about.
    var densityBytes: Int { entries.reduce(0) { $0 + $1.counts.byteCount } }

    // MARK: - Answers

    /// The lanes that a scope may see; nil: all.
    /// - Complexity: O(lanes).
    package func view(of scope: ViewScope) -> LaneView? {
        guard !scope.isFull else { return nil }
        var view = LaneView(shown: LaneSet([0]), counted: LaneSet())
        for entry in entries.dropFirst() {
            let lane = entry.lane
            let isWhole: Bool
            switch lane.kind {
            case .feed: isWhole = false
            case .host: isWhole = scope.allows(relay: lane.relay, host: lane.host)
            case .session: isWhole = scope.allows(relay: lane.relay, host: lane.host, session: lane.name)
            case .stream: isWhole = view.counted.contains(lane.parent)
            }
            guard isWhole else { continue }
            view.counted.insert(lane.id)
            // What is shown hangs in the tree.
            view.shown.insert(lane.id)
            view.shown.insert(lane.parent)
        }
        return view
    }

    /// All lanes from the feed on, with their sums, by ascending ids.
    /// - Parameter view: what may be seen; nil: all.
    /// - Complexity: O(lanes · log lanes).
    package func rows(view: LaneView? = nil) -> [LaneRow] {
        var sums = entries.map { entry in
            view?.counted.contains(entry.lane.id) == false ? LaneSums() : entry.counts.sums
        }
        for position in entries.indices.dropFirst().reversed() {
            guard let parent = index(of: entries[position].lane.parent) else { continue }
            sums[parent].add(sums[position])
        }
        return entries.indices.compactMap { position in
            let lane = entries[position].lane
            return view?.shown.contains(lane.id) == false ? nil : LaneRow(lane: lane, sums: sums[position])
        }
    }

    /// The lanes that have gone after a revision, ascending; nil where that is too long ago to know.
    package func removed(since revision: UInt64) -> [UInt32]? {
        if removed.count >= Self.removedMax / 2, let first = removed.first, first.revision > revision { return nil }
        return removed.filter { $0.revision > revision }.map(\.id).sorted()
    }
}
