import CTF
import EventMerge
import Feed
import LTTngLive

/// A relay session that is attached.
final class RelaySession {
    let id: LiveSessionID
    /// As it was listed first; of a restored one that was not listed yet, the names alone.
    var listed: ListedSession
    let frontier: FrontierSession
    /// Nil until metadata says it.
    var domain: SessionDomain?
    /// The identity of the host's clock (its boot); nil until metadata says it.
    var clockUUID: TraceUUID?
    /// Live data streams.
    var streamCount = 0
    /// Those of them that count in the frontier.
    var countingStreamCount = 0
    /// The latest packet end or beacon seen of the session's streams, nanoseconds: M of the new-stream rule.
    var latestNs: Int64?
    /// `from: now`: events before this are not shown; nil until the first packet end or beacon of a stream that was
    /// read up to the attach.
    var startNs: Int64?
    /// GET_NEW_STREAMS has proven that all streams of the time of the attach are known.
    var knowsFirstStreams = false
    /// The session's own bound in the frontier.
    var boundNs: Int64?
    /// Streams of before a lost connection that have not been found again.
    var parkedStreams: [RelayStream] = []
    var parkedTraces: [RelayTrace] = []
    /// Those that will not be read again, should a relay that is attached again still have them.
    var endedStreams = EndedStreams()
    /// Streams that have ended and of which events have still to leave.
    var drainingCount = 0
    /// How the session ended; said once its last event has left.
    var end: (state: SessionState, reason: String)?
    /// The session that took its place under the same number; said to be there once this one's end is said.
    var successor: RelaySession?
    /// Whether it is said to be there; not while its predecessor's end is not said.
    var isSaid = true
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
    /// - Parameter isRecent: it came after the attach.
    /// - Returns: whether the session's start is known by this.
    @discardableResult
    func observe(_ boundNs: Int64, isRecent: Bool) -> Bool {
        latestNs = max(latestNs ?? boundNs, boundNs)
        guard isRecent, startNs == nil else { return false }
        startNs = latestNs
        return true
    }
}

/// A CTF trace of a session.
final class RelayTrace {
    let id: LiveTraceID
    var session: RelaySession
    var declaration: FeedTrace
    var isDeclared = false
    var reader = MetadataReader()
    /// The reply being received.
    var reply: [UInt8] = []
    /// Bytes of metadata received on this connection, and bytes that are in the feed.
    var receivedBytes: UInt64 = 0
    /// All metadata that came by this connection, bytes.
    var receivedMetadataBytes: UInt64 = 0
    var publishedBytes: UInt64 = 0
    var program: TraceProgram?
    /// The revision of the class that `program` was made of, or `programFault` tells of.
    var programRevision: UInt64 = 0
    /// Why the newest class cannot be decoded.
    var programFault: String?
    /// The identity that the metadata gave; nil before it came.
    var uuid: TraceUUID?
    /// On a trace found again after a reconnect, until its identity is proven: its metadata so far.
    var unproven: [UInt8]?
    /// Its session was found to be another one than before while its own identity was not proven: it may be either's.
    var isDoubtful = false
    /// Why the trace cannot be decoded; nil while it can, or while its metadata has not come.
    var fault: String?
    /// Since when it waits for metadata, monotonic nanoseconds.
    var waitingSinceNs: UInt64 = 0
    /// Its clock, once its metadata has come.
    var clock: TraceClock?
    /// Which of its events show messages, by the program that they are of.
    var messageEvents: MessageEvents?
    /// Its metadata has come, and it has no clock that can be compared with others.
    var hasNoClock = false
    /// It has waited too long for its metadata: its streams do not count until it comes.
    var isOverdue = false
    var streams: [RelayStream] = []
    var metadataID: LiveStreamID?
    /// Streams that have ended and of which events have still to leave.
    var drainingCount = 0
    /// No stream will come any more; said once its last event has left.
    var isOver = false

    init(id: LiveTraceID, session: RelaySession, declaration: FeedTrace) {
        self.id = id
        self.session = session
        self.declaration = declaration
    }

    /// Whether streams of the trace may count in the frontier.
    var mayCount: Bool { fault == nil && !isOverdue }
}

/// A data stream of a trace.
final class RelayStream {
    let id: LiveStreamID
    let trace: RelayTrace
    var declaration: FeedStream
    var isDeclared = false
    /// Nil once it has ended, its trace cannot be decoded, or it is left out for its silence: it does not count.
    var frontier: FrontierStream?
    /// Nil until its first events.
    var merge: StreamSlot?
    /// The index whose packet waits to be fetched, is being fetched, or waits for metadata.
    var index: PacketIndex?
    /// The packet being fetched.
    var storage: ByteStorage?
    /// How the times of that packet are corrected.
    var correction = TimeCorrection.none
    /// The latest of its clock's times that it has passed, nanoseconds; nil before the first.
    var passedNs: Int64?
    /// A beacon that came before its metadata: cycles and stream class.
    var earlyBeacon: (cycles: UInt64, streamClassID: UInt64)?
    /// Bits of a packet without events, once one packet has been read.
    var preambleBits: UInt64?
    /// The stream's clock behind the last packet taken notice of, cycles: shorter timestamps go on from there.
    var clockCycles: UInt64 = 0
    /// Where the relay had the last packet taken notice of, bytes.
    var lastOffset: UInt64 = 0
    /// On a resumed stream, until a packet comes that was not taken before: where it was.
    var resume: StreamPosition?
    /// On a restored stream: up to which packet losses have been said.
    var said: PacketPlace?
    /// On a restored stream: how its last packet was corrected.
    var restoredCorrection: TimeCorrection?
    /// The end of the last packet of which the relay has not said yet that nothing was behind it, nanoseconds as its
    /// host's clock is watched; and when it had arrived, monotonic nanoseconds.
    var lastArrival: (clockNs: Int64, atNs: Int64)?
    /// Whether it was there before the connection was lost last.
    var isParked = false
    /// The trace of a stream of the session that had its number, and ended before the connection was lost: if it is
    /// this one's, all that it has is in the feed.
    var endedTrace: TraceUUID?
    /// Its bound, nanoseconds, and when it moved last, monotonic nanoseconds.
    var boundNs = Int64.min
    var movedAtNs: UInt64 = 0
    /// `from: now`: it was there at the attach, and is shown from the session's start on.
    var startsAtAttach = false
    /// It may hold packets of before the attach, none of which are wanted (`from: now`): until it has nothing more for
    /// a moment. A relay of 2.14.0 gives them whatever it is asked for.
    var isBehindAttach = false
    /// The feed goes on without it, since it alone says nothing.
    var isSilenced = false
    var losses: LossAccount
    var hasEnded = false

    /// Where reading is, for a stored stream.
    var stored: StoredStream?

    /// Whether it is known of which trace it is: not where it has come since the connection was lost, and whose trace
    /// was found again may be another's of a relay that was started anew.
    var isIdentified: Bool { trace.unproven == nil || isParked }

    /// Whether it is one that has ended before, which the relay gives once more.
    var isOver: Bool { endedTrace.map { $0 == trace.uuid } ?? false }

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
