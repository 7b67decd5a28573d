import CTF
import EventMerge
import Feed
import LTTngLive

/// One connection to a relay, and what the coordinator knows by it. Confined to the coordinator.
///
/// A relayd keeps one trace chunk per viewer connection, so that one connection can read the domains of one tracing
/// session and no other (measured with relayd 2.13.9: streams of a second session are opened in the first one's
/// directory). A relay therefore has a *lister*, which attaches nothing, and a child link for each tracing session. The
/// lister stands for the relay: in the frontier, in the stall policy, and in the feed.
///
/// Ownership: a link owns its sessions, a session its traces, a trace its streams; the link's dictionaries find each
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
    let source: RelaySource
    let frontier: FrontierRelay
    var viewer = Viewer()
    var connection = Connection.closed
    /// Connects that failed since the last that worked.
    var failureCount: UInt32 = 0
    /// When the relay was lost, monotonic nanoseconds; nil while connected or never connected.
    var lostAtNs: UInt64?
    /// Whether the relay has ever answered in this feed.
    var hasAnswered = false

    var sessions: [LiveSessionID: RelaySession] = [:]
    var traces: [LiveTraceID: RelayTrace] = [:]
    var streams: [LiveStreamID: RelayStream] = [:]
    /// Sessions for which ATTACH is on its way, by id.
    var attaching: [LiveSessionID: ListedSession] = [:]
    /// Sessions that another viewer holds: since when, and when ATTACH was last tried.
    var held: [LiveSessionID: HeldSession] = [:]
    /// Of a lister: sessions that will not be tried again: refused, or given up.
    var refused: Set<LiveSessionID> = []
    /// Sessions that were here when the connection was lost, until they are found again.
    var parked: [RelaySession] = []

    /// Packet bytes fetched and not released.
    var pendingBytes = 0
    /// Streams whose packet is not fetched because of the budget.
    var deferred: [LiveStreamID] = []
    /// The feed's candidate watermark when the current cycle was sent.
    var sentCandidateNs: Int64?
    /// Of a lister: by host, the latest packet end or beacon before the last list, nanoseconds.
    var hostBoundsNs: [String: Int64] = [:]
    /// Streams that have ended and of which events have still to leave.
    var drainingCount = 0
    /// Why nothing more comes from this relay; said once its last event has left.
    var endReason: String?

    init(
        index: Int,
        source: RelaySource,
        frontier: FrontierRelay,
        isStored: Bool = false,
        parent: RelayLink? = nil
    ) {
        self.parent = parent
        self.index = index
        self.isStored = isStored
        self.source = source
        self.frontier = frontier
    }

    struct HeldSession {
        var listed: ListedSession
        var sinceNs: UInt64
        var triedNs: UInt64
    }

    var isFinished: Bool {
        if case .finished = connection { return true }
        return false
    }

    /// Whether its packets come from files.
    let isStored: Bool
    /// The relay's lister; nil for a lister itself.
    let parent: RelayLink?
    /// A lister's links to tracing sessions.
    var children: [RelayLink] = []
    /// The relay sessions, domains of one tracing session, that a child may attach.
    var allowed: Set<LiveSessionID> = []

    /// The tracing session of a child.
    var group: Group?

    /// A tracing session's names.
    struct Group: Equatable {
        var host: String
        var session: String

        init(_ listed: ListedSession) {
            host = listed.hostname
            session = listed.name
        }
    }

    /// The link that stands for the relay.
    var root: RelayLink { parent ?? self }
    var isLister: Bool { parent == nil && !isStored }

    /// Whether a child has still to say which streams its session has.
    var isJoining: Bool { parent != nil && failureCount == 0 && (!hasAnswered || !attaching.isEmpty) }

    var isOpen: Bool {
        if case .open = connection { return true }
        return false
    }
}

/// A relay session that is attached.
final class RelaySession {
    let id: LiveSessionID
    let listed: ListedSession
    let frontier: FrontierSession
    /// Nil until metadata says it.
    var domain: SessionDomain?
    /// Live data streams.
    var streamCount = 0
    /// Those of them that count in the frontier.
    var countingStreamCount = 0
    /// The latest packet end or beacon seen of the session's streams, nanoseconds: M of the new-stream rule.
    var latestNs: Int64?
    /// `from: now`: events before this are not shown; nil until the first packet end or beacon.
    var startNs: Int64?
    /// The session's own bound in the frontier.
    var boundNs: Int64?
    /// Streams of before a lost connection that have not been found again.
    var parkedStreams: [RelayStream] = []
    var parkedTraces: [RelayTrace] = []
    /// Streams that have ended and of which events have still to leave.
    var drainingCount = 0
    /// How the session ended; said once its last event has left.
    var end: (state: SessionState, reason: String)?
    /// Whether the connection was lost since the session was attached first: every stream is read from its beginning.
    var isResumed = false

    init(listed: ListedSession, frontier: FrontierSession) {
        id = listed.id
        self.listed = listed
        self.frontier = frontier
    }

    /// Whether both are domains of one tracing session.
    func isSibling(of other: RelaySession) -> Bool {
        guard self !== other, listed.hostname == other.listed.hostname, listed.name == other.listed.name,
            let domain, let otherDomain = other.domain
        else { return false }
        return domain.isSibling(of: otherDomain)
    }

    /// Takes notice of a packet end or a beacon.
    func observe(_ boundNs: Int64) {
        latestNs = max(latestNs ?? boundNs, boundNs)
        if startNs == nil { startNs = boundNs }
    }
}

/// A CTF trace of a session.
final class RelayTrace {
    let id: LiveTraceID
    let session: RelaySession
    var declaration: FeedTrace
    var isDeclared = false
    var reader = MetadataReader()
    /// The reply being received.
    var reply: [UInt8] = []
    /// Bytes of metadata received on this connection, and bytes that are in the feed.
    var receivedBytes: UInt64 = 0
    var publishedBytes: UInt64 = 0
    var program: TraceProgram?
    /// The revision of the class that `program` was made of, or `programFault` tells of.
    var programRevision: UInt64 = 0
    /// Why the newest class cannot be decoded.
    var programFault: String?
    /// Why the trace cannot be decoded; nil while it can, or while its metadata has not come.
    var fault: String?
    var streams: [RelayStream] = []
    var metadataID: LiveStreamID?

    init(id: LiveTraceID, session: RelaySession, declaration: FeedTrace) {
        self.id = id
        self.session = session
        self.declaration = declaration
    }
}

/// A data stream of a trace.
final class RelayStream {
    let id: LiveStreamID
    let trace: RelayTrace
    var declaration: FeedStream
    var isDeclared = false
    /// Nil once it has ended or its trace cannot be decoded: it does not count.
    var frontier: FrontierStream?
    /// Nil until its first events.
    var merge: StreamSlot?
    /// The index whose packet waits to be fetched, is being fetched, or waits for metadata.
    var index: PacketIndex?
    /// The packet being fetched.
    var storage: ByteStorage?
    /// A beacon that came before its metadata: cycles and stream class.
    var earlyBeacon: (cycles: UInt64, streamClassID: UInt64)?
    /// Bits of a packet without events, once one packet has been read.
    var preambleBits: UInt64?
    /// On a resumed stream: packets that end here or before have been taken before.
    var resumeEndCycles: UInt64?
    var losses: LossAccount
    var hasEnded = false

    /// Where reading is, for a stored stream.
    var file: StoredCursor?

    init(
        id: LiveStreamID,
        trace: RelayTrace,
        declaration: FeedStream,
        frontier: FrontierStream,
        startsAtBeginning: Bool
    ) {
        self.id = id
        losses = LossAccount(startsAtBeginning: startsAtBeginning)
        self.trace = trace
        self.declaration = declaration
        self.frontier = frontier
    }
}
