package import Feed

/// A line of the timeline: the feed, a relay's host, a session or a stream.
package struct Lane: Sendable, Equatable {
    package enum Kind: UInt8, Sendable {
        /// Lane 0, above all others.
        case feed
        case host
        case session
        case stream
    }

    package enum State: Sendable, Equatable {
        /// Nothing was said of it so far; always that of the feed.
        case unknown
        /// Of a host: its relay's.
        case relay(RelayState)
        case session(SessionState)
        case active
        case ended
    }

    /// What only streams have.
    package struct Stream: Sendable, Equatable {
        /// Its number in the feed.
        package var feedID: UInt64
        package var traceID: UInt64
        /// The CTF stream instance's number, else the relay's.
        package var number: UInt64
        /// Nil while no packet has named one.
        package var cpu: UInt64?
        /// The trace's path below the session.
        package var path: String
        /// The trace's UUID, else its path.
        package var trace: String
    }

    /// From 1, and greater than the parent's; 0 for the feed. Never used again.
    package internal(set) var id: UInt32
    package internal(set) var parent: UInt32
    package internal(set) var kind: Kind
    /// The host's, the session's or the channel's.
    package internal(set) var name: String
    package internal(set) var relay: String
    /// The host's; of all below it too.
    package internal(set) var host: String
    /// The relay's number of the session; 0 for others.
    package internal(set) var sessionID: UInt64 = 0
    package internal(set) var stream: Stream?
    package internal(set) var state = State.unknown
    /// Why it is in that state, for people; may be empty.
    package internal(set) var reason = ""
    /// Of a session: what it had before this time was not asked for, nanoseconds.
    package internal(set) var startNs: Int64?
    /// Of a host: how its clock stands to the coordinator's, else to another host's; nil where nothing is known.
    package internal(set) var clock: ClockReport?
    /// W when it ended, nanoseconds; nil while it has not.
    var endedNs: Int64?
    /// The revision in which something of the above has changed.
    package internal(set) var changedAt: UInt64 = 0

    init(id: UInt32, parent: UInt32, kind: Kind, name: String, relay: String, host: String) {
        self.id = id
        self.parent = parent
        self.kind = kind
        self.name = name
        self.relay = relay
        self.host = host
    }
}

/// What lanes count together: a stream's own, or all that is below another lane, with its own.
package struct LaneSums: Sendable, Equatable {
    package var events: UInt64 = 0
    package var late: UInt64 = 0
    /// Records of loss.
    package var lost: UInt64 = 0
    /// The times of the earliest and of the latest event, nanoseconds. After old events are dropped, the first is where
    /// its column begins.
    package var firstNs: Int64?
    package var lastNs: Int64?
    /// The revision in which they have last changed.
    package var countedAt: UInt64 = 0

    package init() {}

    mutating func add(_ other: LaneSums) {
        events = events.plus(other.events)
        late = late.plus(other.late)
        lost = lost.plus(other.lost)
        note(firstNs: other.firstNs, lastNs: other.lastNs)
        countedAt = max(countedAt, other.countedAt)
    }

    mutating func note(firstNs: Int64?, lastNs: Int64?) {
        if let firstNs { self.firstNs = min(self.firstNs ?? firstNs, firstNs) }
        if let lastNs { self.lastNs = max(self.lastNs ?? lastNs, lastNs) }
    }
}

/// A lane, and what it counts.
package struct LaneRow: Sendable, Equatable {
    package var lane: Lane
    package var sums: LaneSums
}

/// Lanes by number.
package struct LaneSet: Sendable, Equatable {
    private var words: [UInt64] = []

    package init() {}

    package init(_ ids: some Sequence<UInt32>) {
        for id in ids { insert(id) }
    }

    package mutating func insert(_ id: UInt32) {
        let word = Int(id / 64)
        if word >= words.count { words += [UInt64](repeating: 0, count: word + 1 - words.count) }
        words[word] |= 1 << UInt64(id % 64)
    }

    package func contains(_ id: UInt32) -> Bool {
        let word = Int(id / 64)
        return word < words.count && words[word] >> UInt64(id % 64) & 1 == 1
    }
}

/// What somebody may see of the lanes.
package struct LaneView: Sendable, Equatable {
    /// The lanes that are shown.
    package var shown: LaneSet
    /// Those whose own counts are a part of the sums: a host is shown for one session of it, but what is said of the
    /// host as a whole is for who may see all of it.
    package var counted: LaneSet
}
