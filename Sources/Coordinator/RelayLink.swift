import CTF
import EventMerge
import Feed
import LTTngLive

/// One connection to a relay, and what the coordinator knows by it. Confined to the coordinator.
///
/// A relayd keeps one trace chunk per viewer connection: streams of a second session are opened in the first one's
/// directory (measured with relayd 2.13.9). A relay therefore has a *lister*, which attaches nothing, and a child link
/// for each session that it lists: each domain of a tracing session, and each of two machines that share their names,
/// has a connection of its own. The lister stands for the relay: in the frontier, in the stall policy, and in the feed.
///
/// Ownership: a link owns its session, a session its traces, a trace its streams; the link's dictionaries find each
/// by the relayd's numbers, which are unique for the relayd's lifetime only: a reconnect compares identities before it
/// goes on.
final class RelayLink {
    /// Where the connection stands.
    enum Connection {
        /// Not asked for. Next: connecting.
        case closed
        /// Next: open, waiting, given up.
        case connecting
        /// Next: waiting, given up.
        case open
        /// Until the next attempt. Next: connecting.
        case waiting(untilNs: UInt64)
        /// Not a relay: packets come from files. Next: finished.
        case stored
        /// Nothing will come from this relay any more (`Lifetime.untilSessionsEnd`).
        case finished
    }

    let index: Int
    var source: RelaySource
    /// Of a link that is no relay's: the other coordinator's feed that it subscribes to.
    var feed: FeedSource?
    let frontier: FrontierRelay
    var viewer = Viewer()
    var connection = Connection.closed
    /// Connects that failed since the last that worked.
    var failureCount: UInt32 = 0
    /// Connections that did not last, the failed attempts included: the next attempt waits for longer.
    var setbackCount: UInt32 = 0
    /// Why the attempts since the last answered CONNECT failed, as it was said last; nil: nothing was said since.
    var saidReason: String?
    /// Whether CONNECT was answered on this connection.
    var isAnswering = false
    /// When the connection was opened, monotonic nanoseconds.
    var openedAtNs: UInt64 = 0
    /// When the relay was lost, monotonic nanoseconds; nil while connected or never connected.
    var lostAtNs: UInt64?
    /// The live protocol's minor version that both sides speak.
    var minor = LiveVersion.minor
    /// Whether the relay has ever answered in this feed.
    var hasAnswered = false

    /// Of a lister: sessions that will not be tried again.
    var refused: [SessionIdentity: Refusal] = [:]
    /// Of a lister: of sessions that were lost and are still listed, the streams that will not be read again, should
    /// the session be attached anew. The traces' identities tell a session of a relay that was started anew. At most
    /// `CoordinatorLimits.connectionsMax` sessions: what is attached anew of further ones comes from its beginning.
    var lostStreams: [SessionIdentity: EndedStreams] = [:]
    /// When the list that was answered last was asked for, monotonic nanoseconds.
    var listSentNs: UInt64 = 0

    /// Of a lister: what has gone to and fro, by its children's connections as well.
    var activity = RelayActivity()

    // Of a child.
    /// The session that is attached.
    var session: RelaySession?
    /// The relay no longer lists the session: its streams are read to their ends.
    var targetIsGone = false
    /// ATTACH is on its way.
    var isAttaching = false
    /// While another viewer holds the session.
    var held: HeldSession?
    /// Whether the feed was told that another viewer holds the session, and nothing since.
    var isSaidHeld = false
    /// The session that was attached when the connection was lost, until it is found again.
    var parked: RelaySession?
    var traces: [LiveTraceID: RelayTrace] = [:]
    var streams: [LiveStreamID: RelayStream] = [:]
    /// When a trace may be without metadata for too long, monotonic nanoseconds.
    var metadataDueNs: UInt64?
    /// When it was last looked for streams that are silent, and since when the relay has answered without a pause;
    /// monotonic nanoseconds.
    var silenceCheckedNs: UInt64 = 0
    var heardSinceNs: UInt64 = 0

    /// Packet bytes fetched and not released.
    var pendingBytes = 0
    /// Of a lister: metadata that its connections have got, ended traces' as well, bytes.
    var metadataBytes = 0
    /// Streams whose packet is not fetched because of the budget.
    var deferred: [LiveStreamID] = []
    /// What the viewer was told of the feed's pace on this connection; nil: nothing yet.
    var toldPace: UInt64??
    /// The feed's candidate watermark when the current cycle was sent.
    var sentCandidateNs: Int64?
    /// Of a lister: sessions that have ended and whose end is not said yet, oldest first.
    var endingSessions: [RelaySession] = []
    /// Of a lister: by host, the latest packet end or beacon before the last list, nanoseconds.
    var hostBoundsNs: [String: Int64] = [:]
    /// Of a lister: the greatest bound of a stream, nanoseconds, and when any moved last, monotonic nanoseconds.
    var leadNs = Int64.min
    var movedAtNs: UInt64 = 0
    /// Of a lister: how its hosts' clocks were corrected when the feed's log ended.
    var restoredClocks: [ClockReport] = []
    /// Of a lister: the clocks of its hosts.
    var hostClocks: [HostClock.Key: HostClock] = [:]
    /// Streams that have ended and of which events have still to leave.
    var drainingCount = 0
    /// Why nothing more comes from this relay; said once its last event has left.
    var endReason: String?

    /// Whether its packets come from files.
    let isStored: Bool
    /// The relay's lister; nil for a lister itself.
    let parent: RelayLink?
    /// A lister's links to sessions.
    var children: [RelayLink] = []
    /// The session that a child reads, as it was listed first.
    var target: ListedSession?

    init(
        index: Int,
        source: RelaySource,
        frontier: FrontierRelay,
        isStored: Bool = false,
        parent: RelayLink? = nil,
        target: ListedSession? = nil
    ) {
        self.parent = parent
        self.target = target
        self.index = index
        self.isStored = isStored
        self.source = source
        self.frontier = frontier
    }

    /// What a relay calls a session: all that tells one from another while it is listed. A relay that was started anew
    /// uses numbers again.
    struct SessionIdentity: Hashable {
        var id: LiveSessionID
        var hostname: String
        var name: String

        init(_ session: ListedSession) {
            id = session.id
            hostname = session.hostname
            name = session.name
        }
    }

    /// For how long a session is not tried again.
    enum Refusal: Equatable {
        /// It cannot be had: not while it is listed.
        case whileListed
        /// It is over. A list that was asked for after this time, monotonic nanoseconds, tells of another one.
        case inListsUntil(ns: UInt64)
    }

    /// A session that another viewer has, or, for a moment after a reconnect, our own lost connection.
    struct HeldSession {
        var sinceNs: UInt64
        var triedNs: UInt64
        /// Whether it has been said: the relay had the time to notice that our old connection is gone.
        var isSaid = false
    }

    /// Its traces and streams by the relay's numbers: what is done for each leaves in the same order each time.
    var tracesInOrder: [RelayTrace] { traces.values.sorted { $0.id.rawValue < $1.id.rawValue } }
    var streamsInOrder: [RelayStream] { streams.values.sorted { $0.id.rawValue < $1.id.rawValue } }

    var isFinished: Bool {
        if case .finished = connection { return true }
        return false
    }

    /// The link that stands for the relay.
    var root: RelayLink { parent ?? self }
    var isLister: Bool { isSource && feed == nil }
    /// Whether it stands for a source, a relay or a feed: in the frontier, in the stall policy, and in the feed.
    var isSource: Bool { parent == nil && !isStored }

    /// Whether a child has still to say which streams its session has.
    var isJoining: Bool { parent != nil && failureCount == 0 && (!hasAnswered || isAttaching) }

    var isOpen: Bool {
        if case .open = connection { return true }
        return false
    }
}
