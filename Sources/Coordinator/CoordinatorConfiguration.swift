package import Feed

/// What a coordinator is asked to do: the sources it merges, and how long it waits.
package struct CoordinatorConfiguration: Sendable {
    /// Names are unique. At least one, or a stored trace.
    package var relays: [RelaySource]
    /// Traces in files.
    package var stored: [StoredTrace]
    /// Where they are read from: `beginning`, or `at` a time.
    package var storedStart: RelaySource.Start
    /// How long a relay may hold the watermark, nanoseconds; nil waits for ever (`stall-after: never`).
    package var stallAfterNs: UInt64?
    /// What happens when all sessions have ended.
    package var lifetime: Lifetime
    /// Which events show messages between hosts, by which their clocks are compared; of live sessions only.
    package var messages: [MessageRule]
    /// Seeds the jitter of reconnect attempts.
    package var seed: UInt64
    /// The feed's own number, by which it is known where it comes back as a source; nil where nobody subscribes to it.
    package var feed: FeedID?
    package var limits: CoordinatorLimits

    package init(
        relays: [RelaySource],
        stored: [StoredTrace] = [],
        storedStart: RelaySource.Start = .beginning,
        stallAfterNs: UInt64?,
        lifetime: Lifetime,
        messages: [MessageRule] = [],
        seed: UInt64,
        feed: FeedID? = nil,
        limits: CoordinatorLimits = CoordinatorLimits()
    ) {
        self.feed = feed
        self.relays = relays
        self.stored = stored
        self.storedStart = storedStart
        self.stallAfterNs = stallAfterNs
        self.lifetime = lifetime
        self.messages = messages
        self.seed = seed
        self.limits = limits
    }

    package enum Lifetime: Sendable, Equatable {
        /// Goes on until it is told to stop, looks for new sessions, and reconnects for ever (`serve`, `view --wait`).
        case service
        /// Ends when every session that was there has ended; a relay that cannot be reached is given up (`view`).
        case untilSessionsEnd
    }
}

/// Two events that say that one host has sent a message and that another has received it.
package struct MessageRule: Sendable, Equatable {
    /// Names of events.
    package var send: String
    package var receive: String
    /// The payload field of both, an integer or a text, that has the same value for one message and for no other.
    package var field: String

    package init(send: String, receive: String, field: String) {
        self.send = send
        self.receive = receive
        self.field = field
    }
}

/// A relay to attach to, or another coordinator's feed to subscribe to.
package struct RelaySource: Sendable {
    /// The label in the feed, unique among the sources, without a slash; of a feed, it stands before its relays' names.
    package var name: String
    /// Whether it is a feed: then `sessions` and the corrections mean nothing.
    package var isFeed: Bool
    /// Which sessions to attach; a session that matches any is taken.
    package var sessions: [SessionPattern]
    package var start: Start
    /// Added to each timestamp of this relay, nanoseconds (`clock-offset`).
    package var correctionNs: Int64
    /// Whether its timestamps are corrected by what messages between hosts show (`clock: measured`).
    package var correctsClocks: Bool

    package init(
        name: String,
        sessions: [SessionPattern],
        start: Start,
        correctionNs: Int64 = 0,
        correctsClocks: Bool = false,
        isFeed: Bool = false
    ) {
        self.name = name
        self.isFeed = isFeed
        self.sessions = sessions
        self.start = start
        self.correctionNs = correctionNs
        self.correctsClocks = correctsClocks
    }

    package enum Start: Sendable, Equatable {
        /// All that the relay still has.
        case beginning
        /// Events at or after the session's first packet end or beacon seen after the attach.
        case now
        /// Events at or after a time, nanoseconds since the Unix epoch.
        case at(ns: Int64)

        /// The time that is given, nanoseconds since the Unix epoch.
        var ns: Int64? {
            if case .at(let ns) = self { ns } else { nil }
        }
    }
}

/// Which sessions are meant: a glob over `HOSTNAME/SESSION`, or one session by its names.
package enum SessionPattern: Sendable, Equatable {
    /// `*` is any characters, also `/`; `?` is one.
    case glob(String)
    case exactly(host: String, session: String)

    package func matches(host: String, session: String) -> Bool {
        switch self {
        case .glob(let pattern): Glob.matches(pattern, "\(host)/\(session)")
        case .exactly(let wantedHost, let wantedSession): wantedHost == host && wantedSession == session
        }
    }
}

/// The coordinator's bounds. Each is per relay unless it says otherwise.
package struct CoordinatorLimits: Sendable {
    /// Packet bytes kept that are not released yet; past it, streams that are ahead are not asked for more.
    package var pendingBytesMax = 64 << 20
    /// Packet bytes kept where the watermark waits for streams of which more than `pendingBytesMax` would have to be
    /// there at once; a packet that does not fit is recorded as lost.
    package var urgentBytesMax = 512 << 20
    /// A packet larger than this is not fetched from a relay but recorded as lost, and neither is an event larger than
    /// this read from a file, bytes.
    package var packetBytesMax = 256 << 20
    /// What is read at once of a packet in a file, bytes, at least 1: a larger packet is decoded through windows, which
    /// grow only for an event that is larger.
    package var storedWindowBytes = 1 << 20
    /// Events in one batch.
    package var batchEventsMax = 16_384
    /// Event bytes in one batch: well below a frame's 16 MiB.
    package var batchBytesMax = 1 << 20
    /// Metadata of all traces that a relay's connections have, bytes, and their streams; a connection that goes beyond
    /// is given up.
    package var metadataBytesMax = 512 << 20
    package var streamsMax = 65_536
    /// Bytes of metadata in one record: a frame holds several.
    package var metadataPieceBytes = 1 << 20
    /// The least step of the watermark that makes a batch without events, nanoseconds.
    package var watermarkStepNs: Int64 = 100_000_000
    /// Faults that the report of a finite run names.
    package var reportedFaultsMax = 100
    /// Connections to one relay beside the first: one for each session that it lists.
    package var connectionsMax = 256
    /// Ended streams of a session that are told apart from new ones when its relay is attached again.
    package var endedStreamsMax = 65_536
    /// The first wait before a reconnect, nanoseconds; doubles with each failure.
    package var retryDelayNsMin: UInt64 = 100_000_000
    /// The longest wait before a reconnect, nanoseconds.
    package var retryDelayNsMax: UInt64 = 5_000_000_000
    /// How long a connect may take, nanoseconds.
    package var connectNsMax: UInt64 = 5_000_000_000
    /// When a session that is held is asked for again before it is said to be held, nanoseconds: a relay that finds
    /// our former connection gone frees it at once.
    package var ghostRetryNs: UInt64 = 100_000_000
    /// How long a trace may hold the feed without its metadata, nanoseconds.
    package var metadataNsMax: UInt64 = 10_000_000_000
    /// How often the stall policy looks at all relays while nothing of note happens, nanoseconds.
    package var stallTickNs: UInt64 = 5_000_000
    /// How long relays are asked often after the last session of all has ended, nanoseconds.
    package var idleAfterNs: UInt64 = 10_000_000_000
    /// What counts as the live period of sessions behind another coordinator, nanoseconds.
    package var feedPeriodNs: UInt64 = 200_000_000
    /// A name in another coordinator's feed, and a text for people, bytes: with longer names it is not taken, and
    /// longer texts are cut.
    package var nameBytesMax = 16_384
    /// Names in a checkpoint of another coordinator's feed, and ends that wait for the events before them, bytes: with
    /// more ends it is not read on while it is ahead, and with twice as much it is not taken.
    package var feedNameBytesMax = 128 << 20
    /// How often it is looked for streams that say nothing, nanoseconds.
    package var silenceCheckNs: UInt64 = 1_000_000_000
    /// How often it is looked at what is known of the hosts' clocks, nanoseconds.
    package var clockCheckNs: UInt64 = 1_000_000_000
    /// Clocks that are watched: of further hosts nothing is said.
    package var hostClocksMax = 256
    /// How often a session that another viewer holds is asked for, nanoseconds.
    package var heldRetryNs: UInt64 = 1_000_000_000
    /// How long `untilSessionsEnd` asks for a session that another viewer holds, or for a relay that was lost,
    /// nanoseconds.
    package var patienceNs: UInt64 = 5_000_000_000

    package init() {}
}
