import CTF
import EventMerge
package import Feed
import LTTngLive

/// The pure composition: relays' viewers, decoders, frontier and merge, from received bytes to batches of the feed.
///
/// It knows no socket, clock, thread or random source. The shell tells it what happened (`connected`, `received`,
/// `timerFired`, …) with the time of a monotonic clock in nanoseconds, and then runs the actions that `takeActions`
/// hands out. Nothing here blocks; work per call is bounded by the bytes received.
///
/// ```
/// received bytes -> Viewer -> index, packet, beacon, metadata -> TraceProgram.scan -> EventMerge -> FeedBatch
///                                        \-> Frontier (bounds) -> W -----------------^
/// ```
/// Every event ends in `pump`, which raises W, lets out what may leave, and asks for more where there is room.
package struct Coordinator: ~Copyable {
    var configuration: CoordinatorConfiguration
    /// Where the feed was when the coordinator was started again; nil once it goes on from there, or begins anew.
    var restored: RestoredFeed?
    var limits: CoordinatorLimits { configuration.limits }
    var links: [RelayLink] = []
    /// Those of them that subscribe to other coordinators' feeds.
    var feedLinks: [RelayLink] = []
    var frontier: Frontier
    var stall: StallPolicy
    var merge: EventMerge
    var batches: BatchBuilder
    var actions: [CoordinatorAction] = []
    var viewerActions: [ViewerAction] = []
    var jitter: Jitter
    /// Records that leave before the next events.
    var records: [FeedRecord] = []
    var stored = StoredSources()
    var report = FinishReport()
    /// Data streams that have not ended, over all relays.
    var openStreamCount = 0
    /// Those of them that count in the frontier.
    var countingStreamCount = 0
    /// The latest packet end or beacon of all relays, nanoseconds.
    var latestObservedNs: Int64?
    /// Ended streams that the merge has not done with, by their slots.
    var draining: [StreamSlot: (link: RelayLink, stream: RelayStream)] = [:]
    var nextTraceID: UInt64
    var nextStreamID: UInt64
    /// Whether the consumer of batches has no room.
    var outputIsHeld = false
    var isFinished = false
    var publishedWatermarkNs: Int64?
    /// Whether events have left since that others complete: the watermark is not said until these have left as well.
    var owesWatermark = false
    var frontierDeadlineNs: UInt64?
    /// When the stall policy looks at all relays again, monotonic nanoseconds.
    var stallDueNs: UInt64 = 0
    var releaseRoom = ReleaseRoom()
    /// Whether a link has packets that are not fetched because of a budget.
    var hasDeferred = false
    /// Whether sessions have come or gone since the viewers were told the feed's pace.
    var paceIsStale = true
    /// The fastest live period of the feed's sessions, nanoseconds; nil when there have been none for a while.
    var paceNs: UInt64?
    /// Our wall clock minus the monotonic one, nanoseconds; nil until it is told.
    var wallOffsetNs: Int64?
    var messages = MessageMatcher()
    var network = ClockNetwork()
    var nextClockNumber = 0
    /// When it is looked at the hosts' clocks again, monotonic nanoseconds.
    var clocksDueNs: UInt64 = 0
    /// While there are none: when the feed is idle, monotonic nanoseconds.
    var busyUntilNs: UInt64?
    /// Whether the feed was told that no stream is there that W follows.
    var isSaidIdle: Bool

    /// - Parameter restored: where the feed was, if it goes on with its log.
    package init(_ configuration: CoordinatorConfiguration, restored: RestoredFeed? = nil) {
        precondition(!configuration.relays.isEmpty || !configuration.stored.isEmpty)
        self.configuration = configuration
        stall = StallPolicy(graceNs: configuration.stallAfterNs.map { Int64(clamping: $0) })
        self.restored = restored
        frontier = Frontier(watermarkNs: restored?.watermarkNs)
        merge = EventMerge(publishedNs: restored?.watermarkNs)
        publishedWatermarkNs = restored?.watermarkNs
        isSaidIdle = restored?.isIdle ?? false
        nextTraceID = (restored?.numbers.traceID ?? 0) + 1
        nextStreamID = (restored?.numbers.streamID ?? 0) + 1
        batches = BatchBuilder(limits: configuration.limits, lastPacketID: restored?.numbers.packetID ?? 0)
        jitter = Jitter(seed: configuration.seed)
    }

    // MARK: Events

    /// Begins: every relay is connected to. Called once, before all other events.
    package mutating func start(now: UInt64) {
        for (index, source) in configuration.relays.enumerated() {
            let link = newLink(index, source)
            links.append(link)
            let before = restored?.relays[source.name]
            stall.addRelay(
                link.frontier,
                attachedBefore: before?.wasAttached ?? false || restored?.sources[source.name] != nil,
                isExcluded: before?.isExcluded ?? false,
                nowNs: Int64(clamping: now)
            )
            if source.isFeed { setPatience(link) }
            note(.connecting, of: link, reason: "")
            // Where a feed is subscribed to the log says.
            if !source.isFeed { connect(link, now: now) }
        }
        if let restored { restore(restored, now: now) }
        for link in feedLinks { connect(link, now: now) }
        restored = nil
        openStored()
        pump(now: now)
    }

    /// The relay's connection is open.
    package mutating func connected(relay: Int, now: UInt64) {
        let link = links[relay]
        guard case .connecting = link.connection else { return }
        link.connection = .open
        link.root.activity.connections += 1
        if link.isLister { link.activity.ownConnections += 1 }
        link.openedAtNs = now
        link.isAnswering = false
        link.listSentNs = now
        link.viewer = Viewer()
        link.toldPace = nil
        link.viewer.connected(now: now)
        turn(link, input: UnsafeRawBufferPointer(start: nil, count: 0), now: now)
    }

    /// The relay cannot be connected to.
    package mutating func connectFailed(relay: Int, reason: String, now: UInt64) {
        let link = links[relay]
        guard case .connecting = link.connection else { return }
        lose(link, reason: reason, now: now)
        pump(now: now)
    }

    /// Bytes came from the relay. Several calls may be made before one `readCompleted`.
    package mutating func received(relay: Int, _ bytes: UnsafeRawBufferPointer, now: UInt64) {
        let link = links[relay]
        guard link.isOpen else { return }
        link.root.activity.receivedBytes += UInt64(bytes.count)
        link.viewer.received(bytes, now: now)
        handleActions(link, input: bytes, now: now)
        // What these bytes said may have ended the connection, of which nothing is told any more: the others go on.
        if !link.isOpen { pump(now: now) }
    }

    /// Whether a relay has been asked for something that has not come, or not in full.
    package func awaitsReply(relay: Int) -> Bool { links[relay].viewer.awaitsReply }

    /// All bytes that were there have been given to `received`.
    package mutating func readCompleted(relay: Int, now: UInt64) {
        let link = links[relay]
        guard link.isOpen else { return }
        turn(link, input: UnsafeRawBufferPointer(start: nil, count: 0), now: now)
    }

    /// The relay's connection was closed by the other side, or broke.
    package mutating func disconnected(relay: Int, reason: String, now: UInt64) {
        let link = links[relay]
        guard link.isOpen else { return }
        link.viewer.close()
        lose(link, reason: reason, now: now)
        pump(now: now)
    }

    /// A timer that was scheduled has come.
    package mutating func timerFired(_ timer: CoordinatorTimer, now: UInt64) {
        switch timer {
        case .link(let relay):
            let link = links[relay]
            guard link.isOpen else { return }
            link.viewer.timerFired(now: now)
            retryHeld(link, now: now)
            turn(link, input: UnsafeRawBufferPointer(start: nil, count: 0), now: now)
        case .connect(let relay):
            let link = links[relay]
            switch link.connection {
            case .waiting: connect(link, now: now)
            case .connecting where link.feed != nil: giveUpConnect(link, now: now)
            default: break
            }
            pump(now: now)
        case .frontier:
            frontierDeadlineNs = nil
            stallDueNs = now
            pump(now: now)
        }
    }

    /// Whether whoever takes the batches has no room: events stay here, and relays are asked for less, until it has.
    package mutating func setOutputIsHeld(_ isHeld: Bool, now: UInt64) {
        guard outputIsHeld != isHeld else { return }
        outputIsHeld = isHeld
        for link in links where link.isLister { tellHold(link) }
        steerFeeds()
        if !isHeld { pump(now: now) }
    }

    /// Ends the feed: connections are closed; what may leave by now has left.
    package mutating func stop(reason: String, now: UInt64) {
        guard !isFinished else { return }
        outputIsHeld = false
        pump(now: now)
        guard !isFinished else { return }
        isFinished = true
        for link in links where link.isOpen {
            if link.feed == nil { link.viewer.close() }
            actions.append(.close(relay: link.index))
        }
        records.append(.end(reason: reason))
        publishRecords()
    }

    // MARK: Output

    /// Hands out the actions since the last call, in order.
    package mutating func takeActions() -> [CoordinatorAction] {
        guard !actions.isEmpty else { return [] }
        let taken = actions
        actions.removeAll(keepingCapacity: true)
        return taken
    }

    /// Hands the bytes to be sent to the relay to `body`.
    package mutating func takeOutput<Result>(relay: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        links[relay].viewer.takeOutput(body)
    }

    // MARK: Turns

    /// Acts on what the viewer says until it says nothing more, lets out what may leave, and sends requests.
    mutating func turn(_ link: RelayLink, input: UnsafeRawBufferPointer, now: UInt64) {
        handleActions(link, input: input, now: now)
        pump(now: now)
        guard link.isOpen else { return }
        link.viewer.flush(now: now)
        handleActions(link, input: input, now: now)
    }

    mutating func handleActions(_ link: RelayLink, input: UnsafeRawBufferPointer, now: UInt64) {
        while link.isOpen {
            var batch: [ViewerAction] = []
            swap(&batch, &viewerActions)
            link.viewer.takeActions(into: &batch)
            guard !batch.isEmpty else {
                swap(&batch, &viewerActions)
                return
            }
            for action in batch where link.isOpen {
                handle(action, of: link, input: input, now: now)
            }
            batch.removeAll(keepingCapacity: true)
            swap(&batch, &viewerActions)
        }
    }

    /// Raises W, publishes what may leave, and asks for what was deferred.
    mutating func pump(now: UInt64) {
        guard !isFinished else { return }
        if stall.isDue || now >= stallDueNs {
            stallDueNs = now + limits.stallTickNs
            stall.tick(&frontier, nowNs: Int64(clamping: now))
            takeStallNews()
        }
        followIdleFeeds()
        frontier.raiseWatermark()
        tellClocks(now: now)
        tellBusy()
        if !outputIsHeld {
            release()
            tellIdle()
        }
        fetchDeferred(now: now)
        steerFeeds()
        tellPace(now: now)
        readStored()
        finishIfDone(now: now)
        scheduleFrontier()
    }

    private mutating func scheduleFrontier() {
        guard let deadline = stall.nextDeadlineNs, deadline >= 0 else { return }
        let atNs = UInt64(deadline)
        guard frontierDeadlineNs != atNs else { return }
        frontierDeadlineNs = atNs
        actions.append(.schedule(.frontier, atNs: atNs))
    }

    private mutating func takeStallNews() {
        // An end is said behind the relay's last event instead.
        for transition in stall.takeTransitions() where transition.to != .ended {
            guard let link = links.first(where: { $0.frontier == transition.relay }), !link.isStored else { continue }
            let waitedMs = transition.waitedNs / 1_000_000
            let reason =
                switch transition.to {
                case .lagging: "the feed waits for it, \(waitedMs) ms by now"
                case .excluded where transition.from == .rejoining && !link.isOpen:
                    "lost again before it caught up: the feed goes on without it"
                case .excluded: "silent for \(waitedMs) ms, past its grace time: the feed goes on without it"
                case .rejoining: "answers again: what it has from before the watermark is late"
                case .connecting, .active, .quiet, .ended: ""
                }
            note(RelayState(transition.to), of: link, reason: reason, frontierNs: transition.frontierNs)
        }
        for held in stall.takeHolderReports() { report(held) }
    }

    private mutating func report(_ held: HolderReport) {
        guard let (link, session, stream) = place(of: held.holder) else { return }
        records.append(
            .holder(
                HolderRecord(
                    relay: link.source.name,
                    host: session?.listed.hostname ?? "",
                    session: session?.listed.name ?? "",
                    streamID: stream?.declaration.id,
                    heldNs: held.heldNs
                )
            )
        )
        var place = ""
        if let session { place += ", session \(session.listed.hostname)/\(session.listed.name)" }
        if let stream { place += ", stream \(stream.id.rawValue) (\(stream.declaration.channel))" }
        say(.warning, link, "the feed has waited \(held.heldNs / 1_000_000) ms for this relay\(place)")
    }

    // MARK: Telling

    mutating func say(_ level: CoordinatorNote.Level, _ link: RelayLink, _ text: String) {
        actions.append(.note(CoordinatorNote(level: level, relay: link.source.name, text: text)))
    }

    mutating func note(_ state: RelayState, of link: RelayLink, reason: String, frontierNs: Int64? = nil) {
        records.append(
            .relay(
                RelayStateChange(relay: link.source.name, state: state, reason: reason, frontierNs: frontierNs)
            )
        )
        let level: CoordinatorNote.Level =
            switch state {
            case .excluded, .lagging, .rejoining: .warning
            case .connecting, .active, .quiet, .ended: .debug
            }
        say(level, link, reason.isEmpty ? "\(state)" : "\(state): \(reason)")
    }

    mutating func note(_ state: SessionState, of session: ListedSession, link: RelayLink, reason: String) {
        records.append(
            .session(
                SessionStateChange(
                    relay: link.source.name,
                    host: session.hostname,
                    session: session.name,
                    sessionID: session.id.rawValue,
                    state: state,
                    reason: reason
                )
            )
        )
        let text = "session \(session.hostname)/\(session.name) is \(state)"
        say(
            state == .held || state == .lost ? .warning : .info,
            link,
            reason.isEmpty ? text : "\(text): \(reason)"
        )
    }

    /// - Parameter index: of the packet by which it shows, of which notice has been taken.
    mutating func noteLoss(
        _ unit: LossRecord.Unit,
        count: UInt64?,
        stream: RelayStream,
        link: RelayLink,
        fromNs: Int64?,
        toNs: Int64?,
        reason: String,
        cause: LossRecord.Cause = .delivery,
        index: PacketIndex? = nil
    ) {
        let packet = index.map { PacketPlace($0, behind: stream.losses) }
        let session = stream.trace.session.listed
        if stream.isIdentified { declare(stream) }
        records.append(
            .lost(
                LossRecord(
                    relay: link.source.name,
                    host: session.hostname,
                    session: session.name,
                    sessionID: session.id.rawValue,
                    streamID: stream.isIdentified ? stream.declaration.id : nil,
                    unit: unit,
                    count: count,
                    fromNs: fromNs,
                    toNs: toNs,
                    reason: reason,
                    cause: cause,
                    packet: packet
                )
            )
        )
    }
}

extension PacketPlace {
    init(_ index: PacketIndex) {
        self.init(endCycles: index.timestampEnd, offset: index.offset)
    }

    /// - Parameter losses: the packet's stream's, which has taken notice of the packet.
    init(_ index: PacketIndex, behind losses: LossAccount) {
        self.init(
            endCycles: index.timestampEnd,
            offset: index.offset,
            discardedEvents: losses.lastDiscarded
        )
    }
}

extension RelayState {
    init(_ phase: RelayPhase) {
        self =
            switch phase {
            case .connecting: .connecting
            case .active: .active
            case .quiet: .quiet
            case .lagging: .lagging
            case .excluded: .excluded
            case .rejoining: .rejoining
            case .ended: .ended
            }
    }
}

/// Spreads reconnect attempts: a seeded generator, so that a run can be repeated.
struct Jitter {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    /// A number in 0 ..< bound (SplitMix64).
    mutating func next(below bound: UInt64) -> UInt64 {
        guard bound > 0 else { return 0 }
        // Wraps by design: the generator's arithmetic is modulo 2^64.
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return (mixed ^ (mixed >> 31)) % bound
    }
}
