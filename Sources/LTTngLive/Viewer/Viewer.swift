/// The viewer role on one connection to one relayd, without I/O.
///
/// A turn of the caller is: an event (`connected`, `received`, `timerFired`) -> `takeActions` and act on them, with
/// commands (`attach`, `fetch`, `skip`, …) as wanted -> `flush(now:)`, which writes one batch of requests ->
/// `takeActions` again for `.send` and `.schedule`. Commands only mark; nothing is written before `flush`.
/// Times are nanoseconds of any monotonic clock. One value serves one connection; a new connection takes a new value.
///
/// The machine keeps no payload: metadata and packet bytes are announced as ranges of the input. What it keeps is
/// bounded by `LiveLimits`: a queue of sent requests, a part of a reply of at most 4371 bytes, the list of sessions,
/// and about 200 bytes a stream. Requests are only ever written whole.
///
/// Three kinds of request are on their way at a time, and mix freely because replies come in the order of requests:
/// - **polls**: GET_NEXT_INDEX, at most one a stream, when it is due (`PollState`) and its last packet is done with;
/// - **rounds**: GET_NEW_STREAMS of every attached session and LIST, one round at a time, right behind the polls of
///   the same batch. A round is what proves that the time bounds seen before it hold for new streams as well, so one
///   follows whenever a reply brought something;
/// - **fetches**: GET_METADATA, then GET_PACKET in slices.
package struct Viewer: ~Copyable {
    enum State: BitwiseCopyable {
        /// Next: connecting, closed.
        case idle
        /// CONNECT is sent. Next: creating, closed.
        case connecting
        /// CREATE_SESSION is sent. Next: ready, closed.
        case creating
        /// Next: closed.
        case ready
        /// Failed, disconnected or closed by us: nothing happens any more.
        case closed
    }

    /// What the next bytes of the input are.
    enum Expectation: BitwiseCopyable {
        /// The fixed part that every reply begins with.
        case reply
        case listEntry
        case listNames(ListEntryHead)
        case stream
        case payload
    }

    let limits: LiveLimits
    let times: PollTimes
    var state = State.idle
    /// Spoken by both sides; ours before CONNECT is answered.
    var minor = LiveVersion.minor

    var sent = RequestQueue()
    var output = WireOutput()
    var actions: [ViewerAction] = []
    var sendIsAnnounced = false

    // Reading of replies.
    var part = ReplyPart()
    var expectation = Expectation.reply
    /// Entries of LIST or streams that are still to come in the current reply.
    var entriesLeft: UInt32 = 0
    /// Bytes of the payload that are still to come.
    var payloadLeft: UInt64 = 0
    /// Bytes received before the current input.
    var inputOffset: UInt64 = 0
    /// Position in the current input, and its size.
    var position = 0
    var inputCount = 0
    var lastProgressAt: UInt64 = 0

    /// The last list of sessions that the relay gave.
    package internal(set) var sessions: [ListedSession] = []
    var nextSessions: [ListedSession] = []
    var hasListed = false

    var attached = SlotTable<AttachedSession>()
    var slotOfSession: [LiveSessionID: Int] = [:]
    var traces = SlotTable<LiveTrace>()
    var slotOfTrace: [TraceKey: Int] = [:]
    var streams = SlotTable<ViewerStream>()
    var slotOfStream: [LiveStreamID: Int] = [:]

    // What `flush` is to write.
    var sessionCommands: [SessionCommand] = []
    /// Slots of traces whose metadata is wanted.
    var wantedTraces: [Int] = []
    /// Slots of streams with bytes to be asked for, served in turn.
    var fetchQueue: [Int] = []
    var delayedSlices: [DelayedSlice] = []
    var packetBytesOutstanding: UInt64 = 0
    /// Metadata received of all traces in `traces`.
    var metadataBytes: UInt64 = 0
    /// Ready streams that are due without looking at their time.
    var hotStreams: [Int] = []
    /// No other ready stream is due before.
    var nextDueAt: UInt64 = .max

    // Rounds.
    var cycle: UInt64 = 0
    var roundIsOutstanding = false
    var roundProvesAll = true
    /// Pause after a round that proved nothing (a rotation goes on at the relay); 0 after one that did.
    var unprovenPauseNs: UInt64 = 0
    /// Something came that a round must follow.
    var roundIsOwed = true
    var lastRoundAt: UInt64?
    var lastIndexAt: UInt64?
    var feedIsIdle = false
    var feedLivePeriodNs: UInt64?

    var scheduledAt: UInt64?

    /// Whether the relay owes an answer, or the rest of one.
    package var awaitsReply: Bool { sent.count > 0 }

    package init(limits: LiveLimits = .init(), pollTimes: PollTimes = .init()) {
        self.limits = limits
        times = pollTimes
    }

    // MARK: Events

    /// The connection is open.
    package mutating func connected(now: UInt64) {
        guard case .idle = state else { return }
        state = .connecting
        output.append(request: .connect)
        output.append(UInt64.max)
        output.append(LiveVersion.major)
        output.append(LiveVersion.minor)
        output.append(UInt32(1))
        expect(.connect, now: now)
    }

    /// Bytes came. Payloads are announced as ranges of `bytes`.
    package mutating func received(_ bytes: UnsafeRawBufferPointer, now: UInt64) {
        guard isOpen, !bytes.isEmpty else { return }
        lastProgressAt = now
        position = 0
        inputCount = bytes.count
        while position < bytes.count, isOpen {
            if case .payload = expectation {
                takePayload(available: bytes.count - position, now: now)
                continue
            }
            guard let request = sent.first else { return fail(.unsolicitedBytes) }
            guard let bytes = part.take(partBytes(of: request.kind), from: bytes, at: &position) else { break }
            partCame(bytes, of: request, now: now)
        }
        inputOffset &+= UInt64(bytes.count)
        position = 0
    }

    /// The connection is closed. Fails with `.disconnected` unless `close` was called or it has failed before.
    package mutating func disconnected(now: UInt64) {
        if isOpen { fail(.disconnected) }
    }

    /// The time of the last `.schedule` has come (or any time later).
    package mutating func timerFired(now: UInt64) {
        guard isOpen else { return }
        defer { scheduledAt = nil }
        guard let oldest = sent.first else { return }
        if let due = scheduledAt, now > due, now - due > limits.replyTimeoutNs / 5 {
            // We were late ourselves, and what has come in the meantime may not have been read yet.
            lastProgressAt = max(lastProgressAt, now - min(now, limits.replyTimeoutNs - limits.replyTimeoutNs / 5))
        }
        let silence = now - min(now, lastProgressAt)
        let wait = now - min(now, oldest.sentAt)
        if silence >= limits.replyTimeoutNs { return fail(.timeout(silence)) }
        if wait >= limits.slowReplyTimeoutNs { fail(.timeout(wait)) }
    }

    // MARK: Output

    /// Bytes to be written that have not been taken yet.
    package var hasOutput: Bool { !output.bytes.isEmpty }

    /// Hands the bytes to be written to `body`, once, and forgets them.
    package mutating func takeOutput<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        defer {
            output.removeAll()
            sendIsAnnounced = false
        }
        return output.bytes.withUnsafeBytes(body)
    }

    /// Moves all actions to the end of `actions`.
    package mutating func takeActions(into actions: inout [ViewerAction]) {
        if actions.isEmpty {
            swap(&actions, &self.actions)
        } else {
            actions += self.actions
            self.actions.removeAll(keepingCapacity: true)
        }
    }

    // MARK: Helpers

    var isOpen: Bool {
        switch state {
        case .connecting, .creating, .ready: true
        case .idle, .closed: false
        }
    }

    /// Remembers a request that was just written.
    mutating func expect(_ kind: SentRequest.Kind, now: UInt64) {
        if sent.count == 0 { lastProgressAt = max(lastProgressAt, now) }
        sent.append(SentRequest(kind: kind, sentAt: now))
    }

    mutating func fail(_ reason: ViewerError.Reason) {
        guard isOpen else { return }
        state = .closed
        let request = sent.first.map { name($0.kind) } ?? .none
        actions.append(.fail(ViewerError(reason, request: request, inputOffset: inputOffset &+ UInt64(position))))
    }

    private func name(_ kind: SentRequest.Kind) -> ViewerError.Request {
        switch kind {
        case .connect: .connect
        case .createViewerSession: .createViewerSession
        case .list: .listSessions
        case .attach(let session): .attach(attached[session].id)
        case .detach(let session): .detach(attached[session].id)
        case .newStreams(let session): .newStreams(attached[session].id)
        case .nextIndex(let stream): .nextIndex(streams[stream].id)
        case .packet(let stream, _): .packet(streams[stream].id)
        case .metadata(let trace): .metadata(metadataStreamID(trace))
        }
    }
}
