/// Counts what has left, by stream, session and relay, from the feed's batches as they are handed out.
///
/// A slice of a batch costs a look into a dictionary and three additions; events are not looked at, but for those that
/// are late. What has ended is kept in sum. Memory: the streams that are there, and `endedSessionsMax` sessions.
/// Confined to the lane that hands the batches out.
package struct FeedAccount {
    /// What there was of something, since the program started.
    package struct Counts: Sendable, Equatable {
        package var events: UInt64 = 0
        /// Of events as they were traced.
        package var bytes: UInt64 = 0
        package var lateEvents: UInt64 = 0
        package var lostEvents: UInt64 = 0
        package var lostPackets: UInt64 = 0
        /// Losses of which nobody knows how much was lost.
        package var unknownLosses: UInt64 = 0

        package init() {}

        package static func += (left: inout Counts, right: Counts) {
            left.events += right.events
            left.bytes += right.bytes
            left.lateEvents += right.lateEvents
            left.lostEvents += right.lostEvents
            left.lostPackets += right.lostPackets
            left.unknownLosses += right.unknownLosses
        }
    }

    /// A session as people name it: the domains of one tracing session are one.
    package struct SessionName: Hashable, Comparable, Sendable {
        package var relay: String
        package var host: String
        package var session: String

        package init(relay: String, host: String, session: String) {
            self.relay = relay
            self.host = host
            self.session = session
        }

        package static func < (left: SessionName, right: SessionName) -> Bool {
            (left.relay, left.host, left.session) < (right.relay, right.host, right.session)
        }
    }

    package struct Session: Sendable {
        /// As the feed has said it last; nil before it has.
        package fileprivate(set) var state: SessionState?
        /// Without those of streams that are there.
        package fileprivate(set) var ended = Counts()
        /// When it changed last, in batches.
        fileprivate var changedAt: UInt64 = 0
    }

    package struct Stream: Sendable {
        package let session: SessionName
        package let traceID: UInt64
        package let id: UInt64
        package let channel: String
        package fileprivate(set) var counts = Counts()
    }

    /// Ended sessions that are told apart; of further ones, those that ended first are in their relay's sum only.
    package static let endedSessionsMax = 1000

    package private(set) var batches: UInt64 = 0
    package private(set) var sessions: [SessionName: Session] = [:]
    /// By the feed's numbers: where in `entries`.
    private var places: [UInt64: Int] = [:]
    private var entries: [Stream?] = []
    private var free: [Int] = []
    /// Streams of a trace that are there.
    private var streamsOfTrace: [UInt64: Set<UInt64>] = [:]
    /// Of sessions that are not told apart any more.
    private var forgotten: [String: Counts] = [:]
    /// Sessions with which it is time to forget some.
    private var forgetsAt = Self.endedSessionsMax
    /// By slice of the batch that is counted; kept for its memory.
    private var placeOfSlice: [Int] = []

    /// Streams that are there.
    package var streamCount: Int { entries.count - free.count }

    /// The first of them, in no order that means anything.
    package func streams(atMost count: Int = .max) -> [Stream] {
        Array(entries.lazy.compactMap(\.self).prefix(count))
    }

    package init() {}

    /// By relay and by session, all that there was. O(streams).
    package var sums: (relays: [String: Counts], sessions: [SessionName: Counts]) {
        var bySession = sessions.mapValues(\.ended)
        // Streams of a session are mostly side by side: it is looked up once for all of these.
        var (name, counts) = (SessionName(relay: "", host: "", session: ""), Counts())
        for case let stream? in entries {
            if stream.session != name {
                if counts != Counts() { bySession[name, default: Counts()] += counts }
                (name, counts) = (stream.session, Counts())
            }
            counts += stream.counts
        }
        if counts != Counts() { bySession[name, default: Counts()] += counts }
        var byRelay = forgotten
        for (name, counts) in bySession { byRelay[name.relay, default: Counts()] += counts }
        return (byRelay, bySession)
    }

    // MARK: Counting

    package mutating func take(_ batch: FeedBatch) {
        batches += 1
        for record in batch.records {
            switch record {
            case .events(let group): take(group)
            case .lost(let loss): take(loss)
            case .session(let change): take(change)
            case .streamEnd(let end): endStream(end.streamID)
            case .traceEnd(let traceID):
                for stream in streamsOfTrace.removeValue(forKey: traceID) ?? [] { endStream(stream) }
            case .trace, .metadata, .stream, .relay, .holder, .clock, .gap, .log, .source, .idle, .end: break
            }
        }
    }

    private mutating func take(_ group: EventGroup) {
        placeOfSlice.removeAll(keepingCapacity: true)
        for slice in group.slices {
            let place = places[slice.packet.stream.id] ?? begin(slice.packet)
            entries[place]?.counts.events += UInt64(slice.eventCount)
            entries[place]?.counts.bytes += (slice.endBits - slice.firstBits) / 8
            placeOfSlice.append(place)
        }
        guard !group.late.isEmpty else { return }
        var late = group.late[...]
        var index = 0
        for run in group.order {
            index += Int(run.count)
            while let next = late.first, Int(next.index) < index {
                entries[placeOfSlice[Int(run.slice)]]?.counts.lateEvents += 1
                late.removeFirst()
            }
        }
    }

    private mutating func take(_ loss: LossRecord) {
        var counts = Counts()
        switch (loss.count, loss.unit) {
        case (nil, _): counts.unknownLosses = 1
        case (let count?, .events): counts.lostEvents = count
        case (let count?, .packets): counts.lostPackets = count
        }
        if let stream = loss.streamID, let place = places[stream] {
            entries[place]?.counts += counts
        } else {
            change(SessionName(relay: loss.relay, host: loss.host, session: loss.session)) { $0.ended += counts }
        }
    }

    private mutating func take(_ news: SessionStateChange) {
        change(SessionName(relay: news.relay, host: news.host, session: news.session)) { $0.state = news.state }
    }

    private mutating func change(_ name: SessionName, _ body: (inout Session) -> Void) {
        var session = sessions[name] ?? Session()
        session.changedAt = batches
        body(&session)
        sessions[name] = session
        if sessions.count > forgetsAt { forgetEnded() }
    }

    private mutating func begin(_ packet: FeedPacket) -> Int {
        let (trace, stream) = (packet.trace, packet.stream)
        let name = SessionName(relay: trace.relay, host: trace.host, session: trace.session)
        let entry = Stream(session: name, traceID: trace.id, id: stream.id, channel: stream.channel)
        let place = free.popLast() ?? entries.count
        if place == entries.count { entries.append(entry) } else { entries[place] = entry }
        places[stream.id] = place
        streamsOfTrace[trace.id, default: []].insert(stream.id)
        return place
    }

    private mutating func endStream(_ id: UInt64) {
        guard let place = places.removeValue(forKey: id), let stream = entries[place] else { return }
        entries[place] = nil
        free.append(place)
        streamsOfTrace[stream.traceID]?.remove(id)
        if streamsOfTrace[stream.traceID]?.isEmpty == true { streamsOfTrace[stream.traceID] = nil }
        change(stream.session) { $0.ended += stream.counts }
    }

    // MARK: Forgetting

    /// Half of the ended sessions, those that changed first, go into their relays' sums.
    private mutating func forgetEnded() {
        let inUse = Set(streams().map(\.session))
        let ended = sessions.filter { $0.value.state != .active && $0.value.state != .held && !inUse.contains($0.key) }
        let oldest = ended.sorted { $0.value.changedAt < $1.value.changedAt }.prefix((ended.count + 1) / 2)
        for (name, session) in oldest {
            forgotten[name.relay, default: Counts()] += session.ended
            sessions[name] = nil
        }
        // Where most have not ended it is not looked through them each time.
        forgetsAt = max(Self.endedSessionsMax, 2 * sessions.count)
    }

    /// Relays that are not configured any more are not counted any more, once nothing of theirs is there.
    package mutating func keepRelays(_ names: Set<String>) {
        guard
            forgotten.keys.contains(where: { !names.contains($0) })
                || sessions.keys.contains(where: { !names.contains($0.relay) })
        else { return }
        let kept = names.union(streams().map(\.session.relay))
        forgotten = forgotten.filter { kept.contains($0.key) }
        sessions = sessions.filter { kept.contains($0.key.relay) }
    }
}
