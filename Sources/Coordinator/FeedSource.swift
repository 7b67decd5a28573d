import CTF
import EventMerge
import Feed

/// Another coordinator's feed as a source: what of it this feed knows, by the other's numbers. Confined to the
/// coordinator.
///
/// Streams and traces keep the numbers that this feed has given them over reconnects, and over restarts by the log:
/// the declarations carry the other's numbers (`FeedTrace.sourceID`). What has been taken of a stream is known by its
/// packet and position in it, so that a subscription may go back behind what was taken.
final class FeedSource {
    /// The source's name.
    let name: String
    let session: FrontierSession
    /// The feed as a stream of the frontier; nil while it is idle, or was never welcomed.
    var slot: FrontierStream?
    /// Whether it has said that no stream is there that its watermark follows.
    var isIdle = false
    /// The time of its latest event in order, nanoseconds; nil before the first.
    var latestNs: Int64?
    /// Whether the last attempt was turned away.
    var isRefused = false
    /// Whether the shell was told to leave its bytes in the socket.
    var isPaused = false

    /// How far it has been taken, as this feed says it.
    var record: SourceRecord
    /// Whether `record` has changed since it was said.
    var hasNews = false
    /// The newest token that has come: with it one subscribes again.
    var lastToken = ""
    /// The last frame whose losses and states were passed on before the subscription began.
    var replayEnd: UInt64 = 0
    var isInCheckpoint = false
    /// What the checkpoint, and the frames up to `replayEnd`, have named; nil once it has been compared with what was
    /// known.
    var seen: Names?
    var segments = FeedSegments()

    var traces: [UInt64: FeedSourceTrace] = [:]
    var streams: [UInt64: FeedSourceStream] = [:]
    /// What has been said last, with the names of this feed.
    var relays: [String: RelayStateChange] = [:]
    var sessions: [SessionName: SessionStateChange] = [:]
    var clocks: [ClockName: ClockReport] = [:]
    /// Which feeds are sources of it.
    var sources: [String: FeedID] = [:]

    /// - Parameter session: of the source's relay in the frontier.
    init(name: String, session: FrontierSession) {
        self.name = name
        self.session = session
        record = SourceRecord(relay: name, feed: nil)
    }

    struct Names {
        var traces: Set<UInt64> = []
        var streams: Set<UInt64> = []
        private(set) var relays: Set<String> = []
        private(set) var sessions: Set<SessionName> = []
        private(set) var sources: Set<String> = []
        private var textBytes = 0

        /// What they take, about.
        var byteCount: Int { textBytes + 16 * (traces.count + streams.count) }

        mutating func insert(relay name: String) {
            if relays.insert(name).inserted { textBytes += 64 + name.utf8.count }
        }

        mutating func insert(source name: String) {
            if sources.insert(name).inserted { textBytes += 64 + name.utf8.count }
        }

        mutating func insert(_ name: SessionName) {
            if sessions.insert(name).inserted { textBytes += name.byteCount }
        }
    }

    struct SessionName: Hashable {
        var relay: String
        var host: String
        var session: String
        var id: UInt64

        init(_ change: SessionStateChange) {
            relay = change.relay
            host = change.host
            session = change.session
            id = change.sessionID
        }

        /// What it takes, about.
        var byteCount: Int { 128 + relay.utf8.count + host.utf8.count + session.utf8.count }
    }

    struct ClockName: Hashable {
        var relay: String
        var host: String
        var clock: String
        var referenceRelay: String
        var referenceHost: String

        init(_ report: ClockReport) {
            relay = report.relay
            host = report.host
            clock = report.clock
            referenceRelay = report.referenceRelay
            referenceHost = report.referenceHost
        }
    }

    /// What stands before the names of its relays.
    var prefix: String { name + "/" }

    /// The name in this feed of one of its relays.
    func named(_ relay: String) -> String { prefix + relay }

    /// Where a new subscription begins.
    func start(_ source: RelaySource) -> SubscriptionStart {
        if let token = ResumeToken(text: lastToken) { return .token(token) }
        // Nothing has left in order that it has not said.
        guard record.feed == nil else { return .earliest }
        return switch source.start {
        case .beginning: .earliest
        case .now: .latest
        case .at(let ns): .time(ns: ns)
        }
    }

    /// In the order of their numbers: what is done for each leaves in the same order each time.
    var tracesInOrder: [FeedSourceTrace] { traces.values.sorted { $0.declaration.id < $1.declaration.id } }
    var streamsInOrder: [FeedSourceStream] { streams.values.sorted { $0.declaration.id < $1.declaration.id } }
    var sessionsInOrder: [SessionStateChange] {
        sessions.values.sorted {
            ($0.relay, $0.host, $0.session, $0.sessionID) < ($1.relay, $1.host, $1.session, $1.sessionID)
        }
    }
    var relaysInOrder: [RelayStateChange] { relays.values.sorted { $0.relay < $1.relay } }
}

/// A trace of another coordinator's feed.
final class FeedSourceTrace {
    /// As this feed has it.
    let declaration: FeedTrace
    /// Bytes of metadata that have come since it was declared last, and bytes that are in this feed.
    var receivedBytes: UInt64 = 0
    var publishedBytes: UInt64 = 0
    /// An end is queued, or said.
    var isEnding = false

    init(_ declaration: FeedTrace) {
        self.declaration = declaration
    }
}

/// A stream of another coordinator's feed.
final class FeedSourceStream {
    /// As this feed has it.
    let declaration: FeedStream
    let trace: FeedSourceTrace
    /// Nil until its first events.
    var merge: StreamSlot?
    /// The packet that it is in, and its number in the other feed.
    var packet: (number: UInt64, packet: FeedPacket)?
    /// Up to where its events have been taken; nil before the first.
    var taken: (packet: PacketPlace, endBits: UInt64)?
    /// Events up to `taken` may come once more.
    var isReplayed = false
    /// Of a restored one: the packet that this feed has in part.
    var cutPacket: RestoredFeed.CutPacket?
    /// Its trace's identity, once its end has come.
    var uuid: TraceUUID?
    /// An end is queued, or said.
    var isEnding = false

    init(_ declaration: FeedStream, trace: FeedSourceTrace) {
        self.declaration = declaration
        self.trace = trace
    }
}

/// What of another coordinator's feed has been taken into the merge and has not left, between its tokens.
///
/// A segment is what came behind one token up to the next. When all its events have left, and those of the segments
/// before, its token is one behind which this feed goes on after a restart, and what has ended in it may be said to
/// have: nothing before the token comes again.
struct FeedSegments {
    struct Segment {
        /// Chunks in the merge.
        var pending = 0
        /// Empty where it ends without.
        var token = ""
        var ends: [FeedSourceEnd] = []
    }

    /// The number of the first.
    private var first: UInt64 = 0
    private var waiting: [Segment] = []
    /// How many of `waiting` have gone.
    private var gone = 0
    private var open = Segment()

    /// The number of the segment that is open.
    var openNumber: UInt64 { first + UInt64(waiting.count - gone) }
    /// Whether all has left, and no end waits.
    var isEmpty: Bool { gone == waiting.count && open.pending == 0 && open.ends.isEmpty }
    /// How many ends wait, and what they take, bytes, about.
    private(set) var endCount = 0
    private(set) var endBytes = 0
    /// What has ended and is not said.
    var ends: [FeedSourceEnd] { waiting[gone...].flatMap(\.ends) + open.ends }

    /// A chunk goes into the merge.
    mutating func append() { open.pending += 1 }

    mutating func append(_ end: FeedSourceEnd) {
        open.ends.append(end)
        endCount += 1
        endBytes += end.byteCount
    }

    /// A chunk has left the merge.
    mutating func consumed(_ number: UInt64) {
        guard number >= first else { return }
        let index = Int(number - first) + gone
        if index < waiting.count { waiting[index].pending -= 1 } else { open.pending -= 1 }
    }

    /// A token has come, or nothing more will.
    mutating func close(token: String) {
        if open.pending == 0, waiting.count > gone {
            // Nothing to wait for beside what the last one waits for.
            if !token.isEmpty { waiting[waiting.count - 1].token = token }
            waiting[waiting.count - 1].ends += open.ends
        } else {
            open.token = token
            waiting.append(open)
            open = Segment()
            return
        }
        open = Segment()
    }

    /// What came since the last token comes again: its ends as well.
    mutating func dropOpenEnds() -> [FeedSourceEnd] {
        defer { open.ends.removeAll() }
        forget(open.ends)
        return open.ends
    }

    private mutating func forget(_ ends: [FeedSourceEnd]) {
        endCount -= ends.count
        endBytes -= ends.reduce(0) { $0 + $1.byteCount }
    }

    /// The next segment of which all has left.
    mutating func takeReady() -> Segment? {
        guard gone < waiting.count, waiting[gone].pending == 0 else { return nil }
        let segment = waiting[gone]
        waiting[gone] = Segment()
        forget(segment.ends)
        gone += 1
        first += 1
        if gone == waiting.count || gone > 1024 {
            waiting.removeFirst(gone)
            gone = 0
        }
        return segment
    }
}

/// Something of another coordinator's feed that is over: said behind its last event.
enum FeedSourceEnd {
    case stream(FeedSourceStream)
    case trace(FeedSourceTrace)
    /// With the names of this feed; also the beginning of one that takes the place of another that ends.
    case session(SessionStateChange)
    case relay(RelayStateChange)

    /// What it takes, about.
    var byteCount: Int {
        switch self {
        case .stream, .trace: 128
        case .session(let change): FeedSource.SessionName(change).byteCount + change.reason.utf8.count
        case .relay(let change): 128 + change.relay.utf8.count + change.reason.utf8.count
        }
    }
}
