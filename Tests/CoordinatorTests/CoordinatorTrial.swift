import CTF
import Coordinator
import Feed
import LTTngLive
import SimulatedRelay

/// A coordinator and simulated relays in virtual time: runs its actions until nothing happens any more.
final class CoordinatorTrial {
    private var configuration: CoordinatorConfiguration
    private var coordinator: Coordinator
    private var relays: [RelayBox]
    private(set) var nowNs: UInt64 = 0
    private var timers: [CoordinatorTimer: UInt64] = [:]
    /// How long bytes take each way, the same for all: what is sent later arrives later.
    private let delayNs: UInt64
    /// Bytes on their way, in the order in which they arrive: to the coordinator, and to the relays.
    private var inbox: [Transfer] = []
    private var outbox: [Transfer] = []
    /// Of each connection that the coordinator numbered.
    private var links: [Int: Link] = [:]
    /// Which of `relays` listens where, of the relays that were added later.
    private var sources: [Int: Int] = [:]
    private(set) var batches: [FeedBatch] = []
    private(set) var notes: [CoordinatorNote] = []
    private(set) var report: FinishReport?
    /// Requests batches sent, by relay.
    private(set) var sendCounts: [Int]
    private let stored: [StoredTrial]
    /// What was read of files, in order.
    private(set) var reads: [StoredRange] = []
    var readCount: Int { reads.count }
    /// Bytes that came from all relays.
    private(set) var receivedBytes = 0
    /// Told of each batch with the time at which it left.
    var published: (FeedBatch, UInt64) -> Void = { _, _ in }
    /// Why connections to sessions, all but the first of each relay, are refused; nil: they are not.
    var sessionRefusal: String?
    /// Whether batches are kept.
    var keepsBatches = true
    /// The coordinator is killed when so many batches have left, and another goes on with its log; by ascending number.
    var deaths: [Int] = []
    /// What it serves to others, and goes on with.
    let node: TrialNode
    /// Feeds that it subscribes to.
    private let feeds: [TrialNode]
    private var lines: [Int: TrialLine] = [:]
    /// What those feeds show it.
    private let feedRules: [AllowRule]
    private var publishedCount = 0
    private var readStorages: [WeakStorage] = []
    /// The most bytes of files that were in memory at once.
    private(set) var mostStoredBytes = 0
    /// Takes batches instead of `batches`.
    private let takeBatch: ((FeedBatch) -> Void)?

    private struct WeakStorage {
        weak var storage: ByteStorage?
    }

    /// A non-copyable relay in an array.
    private final class RelayBox {
        var relay: SimulatedRelay
        init(_ relay: consuming SimulatedRelay) { self.relay = relay }
    }

    private struct Transfer {
        var atNs: UInt64
        var link: Int
        var attempt: Int
        var bytes: [UInt8]
    }

    private struct Link {
        var source: Int
        /// Counts connections: what was sent on an older one no longer counts.
        var attempt: Int
        /// Nil while not connected.
        var connection: RelayConnectionID?
    }

    init(
        _ scripts: [RelayScript] = [],
        stored: [StoredTrial] = [],
        storedStart: RelaySource.Start = .beginning,
        stallAfterNs: UInt64? = nil,
        lifetime: CoordinatorConfiguration.Lifetime = .untilSessionsEnd,
        start: RelaySource.Start = .beginning,
        startNs: UInt64 = 0,
        delayNs: UInt64 = 100_000,
        limits: CoordinatorLimits = CoordinatorLimits(),
        corrections: [Int64] = [],
        measured: Set<Int> = [],
        messages: [MessageRule] = [],
        startsAtOnce: Bool = true,
        firstRelay: Int = 0,
        node: TrialNode = TrialNode(),
        feeds: [TrialNode] = [],
        feedRules: [AllowRule] = [AllowRule(identity: "*")],
        takeBatch: ((FeedBatch) -> Void)? = nil
    ) {
        self.node = node
        self.feeds = feeds
        self.feedRules = feedRules
        self.takeBatch = takeBatch
        self.delayNs = delayNs
        self.stored = stored
        relays = scripts.map { RelayBox(SimulatedRelay($0)) }
        sendCounts = scripts.map { _ in 0 }
        configuration = CoordinatorConfiguration(
            relays: scripts.indices.map {
                RelaySource(
                    name: "relay-\(firstRelay + $0)",
                    sessions: [.glob("*")],
                    start: start,
                    correctionNs: corrections.isEmpty ? 0 : corrections[$0],
                    correctsClocks: measured.contains($0)
                )
            }
                + feeds.indices.map {
                    RelaySource(name: "feed-\($0)", sessions: [], start: start, isFeed: true)
                },
            stored: stored.map(\.trace),
            storedStart: storedStart,
            stallAfterNs: stallAfterNs,
            lifetime: lifetime,
            messages: messages,
            seed: 1,
            feed: node.log.feed.id,
            limits: limits
        )
        coordinator = Coordinator(configuration)
        nowNs = startNs
        if startsAtOnce {
            coordinator.start(now: startNs)
            runActions()
        }
    }

    /// Begins, where the trial was not to start at once.
    func start() {
        coordinator.start(now: nowNs)
        runActions()
    }

    /// Lets time pass until `endNs`, or until the coordinator has finished.
    func run(untilNs endNs: UInt64) {
        while report == nil, let nextNs = nextEventNs, nextNs <= endNs {
            nowNs = max(nowNs, nextNs)
            step()
        }
        if report == nil { nowNs = max(nowNs, endNs) }
    }

    var nextEventNs: UInt64? {
        let wakes = relays.compactMap { box in box.relay.nextWakeNs }
        let frames = lines.values.compactMap { line in line.isCut ? nowNs : line.nextNs.map { $0 + delayNs } }
        return [inbox.first?.atNs, outbox.first?.atNs, timers.values.min(), wakes.min(), frames.min()]
            .compactMap(\.self).min()
    }

    private func step() {
        while let first = outbox.first, first.atNs <= nowNs {
            outbox.removeFirst()
            guard let link = links[first.link], link.attempt == first.attempt, let connection = link.connection else {
                continue
            }
            first.bytes.withUnsafeBytes { relays[link.source].relay.received($0, on: connection, nowNs: nowNs) }
        }
        for index in links.keys.sorted() { collect(index) }
        while let first = inbox.first, first.atNs <= nowNs {
            inbox.removeFirst()
            guard links[first.link]?.attempt == first.attempt else { continue }
            first.bytes.withUnsafeBytes { coordinator.received(relay: first.link, $0, now: nowNs) }
            runActions()
            guard links[first.link]?.attempt == first.attempt else { continue }
            coordinator.readCompleted(relay: first.link, now: nowNs)
            runActions()
        }
        takeFrames()
        let due = timers.filter { $0.value <= nowNs }.sorted { $0.value < $1.value }
        for (timer, _) in due {
            guard let atNs = timers[timer], atNs <= nowNs else { continue }
            timers[timer] = nil
            coordinator.timerFired(timer, now: nowNs)
            runActions()
        }
    }

    /// Takes what a relay has to say on a connection by now.
    private func collect(_ index: Int) {
        guard let link = links[index], let connection = link.connection else { return }
        let box = relays[link.source]
        box.relay.advance(to: nowNs)
        if box.relay.hasOutput(connection) {
            let bytes = box.relay.takeOutput(connection) { Array($0) }
            receivedBytes += bytes.count
            inbox.append(Transfer(atNs: nowNs + delayNs, link: index, attempt: link.attempt, bytes: bytes))
        }
        if box.relay.isClosing(connection) {
            close(index)
            coordinator.disconnected(relay: index, reason: "the relay closed the connection", now: nowNs)
            runActions()
        }
    }

    // MARK: Feeds

    /// Takes what has arrived of the feeds that it subscribes to.
    private func takeFrames() {
        for index in lines.keys.sorted() {
            while let line = lines[index] {
                if line.isCut {
                    lines[index] = nil
                    coordinator.feedEnded(relay: index, .lost("the connection was cut"), now: nowNs)
                    runActions()
                } else if let leftAtNs = line.nextNs, leftAtNs + delayNs <= nowNs {
                    do { tell(index, try line.takeNext()) } catch { preconditionFailure("\(error)") }
                } else {
                    break
                }
            }
        }
    }

    private func tell(_ index: Int, _ events: [SubscriptionClient.Event]) {
        for event in events where lines[index] != nil {
            switch event {
            case .welcomed(let welcome): coordinator.feedWelcomed(relay: index, welcome, now: nowNs)
            case .frame(let frame): coordinator.feedFrame(relay: index, frame, now: nowNs)
            case .refused: break
            }
            runActions()
        }
    }

    private func subscribe(_ index: Int, _ source: Int, _ start: SubscriptionStart) {
        do {
            switch try TrialLine.open(to: feeds[source - relays.count], start: start, scope: feedRules) {
            case .open(let line, let events):
                lines[index] = line
                tell(index, events)
            case .refused: coordinator.feedEnded(relay: index, .lost("connection refused"), now: nowNs)
            case .foreignFeed: coordinator.feedEnded(relay: index, .foreignFeed("another feed"), now: nowNs)
            }
        } catch {
            preconditionFailure("\(error)")
        }
    }

    private func close(_ index: Int) {
        lines[index] = nil
        guard let link = links[index] else { return }
        links[index]?.attempt += 1
        links[index]?.connection = nil
        timers[.link(relay: index)] = nil
        if let connection = link.connection { relays[link.source].relay.disconnected(connection, nowNs: nowNs) }
    }

    private func runActions() {
        while true {
            let actions = coordinator.takeActions()
            if actions.isEmpty { return }
            for action in actions {
                run(action)
                guard let death = deaths.first, publishedCount >= death else { continue }
                deaths.removeFirst()
                restart()
                break
            }
        }
    }

    /// Where the feed is by its log.
    func recovered() -> RestoredFeed { node.log.recovered() }

    /// The coordinator is killed, and another goes on with the log.
    func restart() {
        node.cutOff()
        for index in links.keys.sorted() { close(index) }
        lines.removeAll()
        inbox.removeAll()
        outbox.removeAll()
        timers.removeAll()
        coordinator = Coordinator(configuration, restored: node.log.recovered())
        coordinator.start(now: nowNs)
        runActions()
    }

    private func run(_ action: CoordinatorAction) {
        switch action {
        case .connect(let index, let number, let identity):
            let source = sources[number] ?? number
            let port = UInt16(truncatingIfNeeded: 1000 * (source + 1)) &+ UInt16(truncatingIfNeeded: identity)
            let refusal = index < relays.count ? nil : sessionRefusal
            let connection = refusal == nil ? relays[source].relay.connected(from: port, nowNs: nowNs) : nil
            links[index] = Link(source: source, attempt: (links[index]?.attempt ?? 0) + 1, connection: connection)
            if connection != nil {
                coordinator.connected(relay: index, now: nowNs)
            } else {
                coordinator.connectFailed(relay: index, reason: refusal ?? "connection refused", now: nowNs)
            }
        case .send(let index):
            let bytes = coordinator.takeOutput(relay: index) { Array($0) }
            guard let link = links[index], link.connection != nil else { return }
            sendCounts[link.source] += 1
            outbox.append(Transfer(atNs: nowNs + delayNs, link: index, attempt: link.attempt, bytes: bytes))
        case .subscribe(let index, let source, let start): subscribe(index, source, start)
        case .setReading(let index, let isReading): lines[index]?.isReading = isReading
        case .close(let index), .abort(let index): close(index)
        case .read(let range):
            reads.append(range)
            guard stored[range.trace].canRead(range) else {
                return coordinator.storedReadFailed(reason: "it is gone", now: nowNs)
            }
            let storage = stored[range.trace].read(range)
            readStorages.removeAll { $0.storage == nil }
            readStorages.append(WeakStorage(storage: storage))
            mostStoredBytes = max(mostStoredBytes, readStorages.reduce(0) { $0 + ($1.storage?.capacity ?? 0) })
            coordinator.storedRead(storage, now: nowNs)
        case .schedule(let timer, let atNs): timers[timer] = max(atNs, nowNs)
        case .publish(let batch):
            published(batch, nowNs)
            publishedCount += 1
            node.append(batch, nowNs: nowNs)
            if let takeBatch { takeBatch(batch) } else if keepsBatches { batches.append(batch) }
        case .note(let note): notes.append(note)
        case .finished(let report): self.report = report
        }
    }

    /// The relay is another process from now on; its connections are gone.
    func replaceRelay(_ source: Int, by script: RelayScript) {
        for (index, link) in links where link.source == source && link.connection != nil {
            close(index)
            relays[source].relay = SimulatedRelay(script)
            coordinator.disconnected(relay: index, reason: "the relay closed the connection", now: nowNs)
        }
        relays[source].relay = SimulatedRelay(script)
        runActions()
    }

    // MARK: Configuration

    /// - Returns: the number of the relay, of which `relay-N` is the name where no other is given.
    @discardableResult
    func addRelay(_ script: RelayScript, name: String? = nil) -> Int {
        let number = relays.count
        relays.append(RelayBox(SimulatedRelay(script)))
        sendCounts.append(0)
        let source = RelaySource(name: name ?? "relay-\(number)", sessions: [.glob("*")], start: .beginning)
        let given = coordinator.addRelay(source, now: nowNs)
        sources[given] = number
        runActions()
        return given
    }

    func removeRelay(_ number: Int) {
        coordinator.removeRelay(number, reason: "no longer configured", now: nowNs)
        runActions()
    }

    func setSessions(_ number: Int, _ pattern: String) {
        coordinator.setSessions(number, [.glob(pattern)], start: .beginning, now: nowNs)
        runActions()
    }

    func setStallAfter(_ limitNs: UInt64?) {
        coordinator.setStallAfter(limitNs, now: nowNs)
        runActions()
    }

    var relayNumbers: [Int] { coordinator.relayNumbers }

    /// Connections that are open, or about to be.
    var connectionCount: Int { links.values.count { $0.connection != nil } }

    /// The coordinator's machine goes down without a word to the relays, and another coordinator begins in its place.
    func losePower() {
        links.removeAll()
        inbox.removeAll()
        outbox.removeAll()
        timers.removeAll()
        coordinator = Coordinator(configuration)
        coordinator.start(now: nowNs)
        runActions()
    }

    /// What is added to the trial's time for that of the coordinator's wall clock.
    func setWallClock(offsetNs: Int64) {
        coordinator.wallClock(offsetNs: offsetNs)
    }

    // MARK: What came out

    /// Whether no reader has room.
    func setOutputIsHeld(_ isHeld: Bool) {
        coordinator.setOutputIsHeld(isHeld, now: nowNs)
        runActions()
    }

    var records: [FeedRecord] { batches.flatMap(\.records) }

    var losses: [LossRecord] {
        records.compactMap { if case .lost(let loss) = $0 { loss } else { nil } }
    }

    /// Of each trace in the feed, its metadata.
    var metadata: [UInt64: [UInt8]] {
        var texts: [UInt64: [UInt8]] = [:]
        for case .metadata(let traceID, let bytes) in records { texts[traceID, default: []] += bytes }
        return texts
    }

    /// Traces that have ended, in order.
    var endedTraces: [UInt64] {
        records.compactMap { if case .traceEnd(let traceID) = $0 { traceID } else { nil } }
    }

    var sessionChanges: [SessionStateChange] {
        records.compactMap { if case .session(let change) = $0 { change } else { nil } }
    }

    /// Why sessions have ended, in order.
    var sessionEnds: [String] { sessionChanges.filter { $0.state == .ended }.map(\.reason) }

    var sessionStates: [SessionState] {
        records.compactMap { if case .session(let change) = $0 { change.state } else { nil } }
    }

    func relayStates(_ index: Int) -> [RelayState] {
        records.compactMap { record in
            guard case .relay(let change) = record, change.relay == "relay-\(index)" else { return nil }
            return change.state
        }
    }

    /// Why a relay is in its state, wherever something was said, in order.
    func relayReasons(_ index: Int) -> [String] {
        records.compactMap { record in
            guard case .relay(let change) = record, change.relay == "relay-\(index)" else { return nil }
            return change.reason.isEmpty ? nil : change.reason
        }
    }

    /// What the coordinator keeps.
    var tableSizes: CoordinatorSizes { coordinator.sizes }

    var eventCount: Int {
        records.reduce(0) { count, record in
            if case .events(let group) = record { count + group.eventCount } else { count }
        }
    }

    /// Every event in feed order.
    var events: [TrialEvent] {
        var events: [TrialEvent] = []
        for record in records {
            guard case .events(let group) = record else { continue }
            events += TrialEvent.all(in: group)
        }
        return events
    }
}

/// A stored trace with what is in its files.
struct StoredTrial {
    var path: String
    var metadata: [UInt8]
    var files: [StoredFileTrial]

    init(path: String = "trace", metadata: [UInt8] = TinyTrace.metadata(), files: [[UInt8]]) {
        self.init(
            path: path,
            metadata: metadata,
            files.enumerated().map { StoredFileTrial("stream-\($0.offset)", bytes: $0.element) }
        )
    }

    init(path: String = "trace", metadata: [UInt8] = StoredPacket.metadata(), _ files: [StoredFileTrial]) {
        self.path = path
        self.metadata = metadata
        self.files = files
    }

    var trace: StoredTrace {
        let files = files.map { file in
            StoredFile(
                name: file.name,
                byteCount: file.byteCount,
                indexByteCount: UInt64(file.index?.count ?? 0)
            )
        }
        return StoredTrace(path: path, metadata: metadata, files: files)
    }

    func canRead(_ range: StoredRange) -> Bool {
        range.part == .index || range.offset + UInt64(range.count) <= files[range.file].failsBehind
    }

    func read(_ range: StoredRange) -> ByteStorage {
        let file = files[range.file]
        if range.part == .packets, let generated = file.generated {
            return ByteStorage(capacity: range.count) { memory in
                memory.initializeMemory(as: UInt8.self, repeating: 0)
                generated.fill(range.offset, memory)
            }
        }
        let whole = range.part == .packets ? file.bytes : file.index ?? []
        let storage = ByteStorage(capacity: range.count)
        Array(whole[Int(range.offset)..<Int(range.offset) + range.count]).withUnsafeBytes { storage.write($0, at: 0) }
        return storage
    }
}
