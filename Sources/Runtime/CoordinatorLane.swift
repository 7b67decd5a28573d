package import Coordinator
package import Feed
package import NIOCore
import NIOPosix
import Observability

/// Where a relay listens.
package struct RelayAddress: Sendable, Hashable {
    package var host: String
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }
}

/// Takes the feed's batches. Called on the lane's event loop, one at a time; must not block.
package protocol BatchConsumer: AnyObject, Sendable {
    func publish(_ batch: FeedBatch)
}

/// Runs a `Coordinator`: executes its actions with sockets and timers.
///
/// Confined to one event loop, on which the sockets of all relays live as well, so that received bytes reach the
/// coordinator without a hop; that confinement is what `@unchecked Sendable` stands for. Everything but `start`,
/// `stop` and `setOutputIsHeld` is called on the loop.
package final class CoordinatorLane: @unchecked Sendable {
    let loop: any EventLoop
    private var coordinator: Coordinator
    /// Where sources are, by their numbers.
    private(set) var addresses: [Int: SourceAddress]
    /// Of feeds, by their numbers.
    var subscriptions: [Int: Subscription] = [:]
    /// The numbers of relays, by their names.
    private var numbers: [String: Int]
    private let files: StoredFileReader
    private let limits: CoordinatorLimits
    private let consumer: any BatchConsumer
    private let notes: @Sendable (CoordinatorNote) -> Void
    private let finish: EventLoopPromise<FinishReport?>
    private var channels: [Int: any Channel] = [:]
    /// Number of each relay's newest connection: events of older ones no longer count.
    private var attempts: [Int: UInt64] = [:]
    private var wallClock = WallClock()
    private var timers = DeadlineQueue<CoordinatorTimer>()
    /// When the loop wakes us for a timer, and the task that does; `.max` where it does not.
    private var wakeAtNs = UInt64.max
    private var wake: Scheduled<Void>?
    /// What has left.
    private var account = FeedAccount()
    /// By relay: when the feed said its state, nanoseconds since the Unix epoch.
    private var stateSinceNs: [String: Int64] = [:]
    private var isRunningActions = false
    private(set) var isStopped = false

    /// - Parameters:
    ///   - addresses: where the relays and feeds of `configuration` are, in the same order.
    ///   - restored: where the feed was, if it goes on with its log.
    ///   - places: where the files of its stored traces are, in the same order.
    ///   - notes: receives what people should read; called on the loop.
    package init(
        loop: any EventLoop,
        configuration: CoordinatorConfiguration,
        addresses: [SourceAddress],
        places: [TracePlace] = [],
        restored: RestoredFeed? = nil,
        consumer: any BatchConsumer,
        notes: @escaping @Sendable (CoordinatorNote) -> Void
    ) {
        precondition(addresses.count == configuration.relays.count)
        precondition(places.count == configuration.stored.count)
        files = StoredFileReader(places)
        self.loop = loop
        self.addresses = Dictionary(uniqueKeysWithValues: addresses.enumerated().map { ($0, $1) })
        numbers = Dictionary(uniqueKeysWithValues: configuration.relays.enumerated().map { ($1.name, $0) })
        self.consumer = consumer
        self.notes = notes
        limits = configuration.limits
        coordinator = Coordinator(configuration, restored: restored)
        finish = loop.makePromise()
    }

    /// When the feed is over: how it went, or nil when it was stopped.
    package var finished: EventLoopFuture<FinishReport?> { finish.futureResult }

    /// Connects to all relays. Called once.
    package func start() {
        loop.execute {
            self.tellWallClock()
            self.coordinator.start(now: self.now)
            self.runActions()
        }
    }

    /// Ends the feed with an end record.
    package func stop(reason: String) {
        loop.execute {
            guard !self.isStopped else { return }
            self.coordinator.stop(reason: reason, now: self.now)
            self.runActions()
            self.close(nil)
        }
    }

    /// Whether the consumer has no room: relays are then asked for less. May be called from any thread.
    package func setOutputIsHeld(_ isHeld: Bool) {
        loop.execute {
            self.coordinator.setOutputIsHeld(isHeld, now: self.now)
            self.runActions()
        }
    }

    /// Takes over what has changed in the configuration. May be called from any thread, after `start`.
    func reconfigure(_ changes: [RelayChange]) {
        loop.execute {
            guard !self.isStopped else { return }
            for change in changes {
                self.make(change)
                self.runActions()
            }
        }
    }

    private func make(_ change: RelayChange) {
        switch change {
        case .remove(let name, let reason):
            guard let number = numbers.removeValue(forKey: name) else { return }
            coordinator.removeRelay(number, reason: reason, now: now)
        case .add(let source, let address): add(source, address)
        case .move(let source, let address):
            // One that was refused is no more.
            guard let number = numbers[source.name], coordinator.relayNumbers.contains(number) else {
                return add(source, address)
            }
            addresses[number] = address
            coordinator.moveFeed(number, now: now)
        case .sessions(let name, let sessions, let start):
            guard let number = numbers[name] else { return }
            coordinator.setSessions(number, sessions, start: start, now: now)
        case .stallAfter(let limitNs): coordinator.setStallAfter(limitNs, now: now)
        }
    }

    private func add(_ source: RelaySource, _ address: SourceAddress) {
        let number = coordinator.addRelay(source, now: now)
        numbers[source.name] = number
        addresses[number] = address
    }

    /// Succeeds when the loop has come to it. May be called from any thread.
    func ping() -> EventLoopFuture<Void> { loop.submit {} }

    /// How the coordinator stands, and what has left so far. May be called from any thread.
    func snapshot() -> EventLoopFuture<LaneSnapshot> {
        loop.submit {
            let coordinator = self.coordinator.snapshot
            self.account.keepRelays(Set(coordinator.relays.map(\.name)))
            return LaneSnapshot(coordinator, self.account, streamsMax: FeedMetrics.streamEvents.seriesMax)
        }
    }

    /// How the coordinator stands, and since when relays are in their states. May be called from any thread.
    func standing() -> EventLoopFuture<(coordinator: CoordinatorSnapshot, stateSinceNs: [String: Int64])> {
        loop.submit {
            let coordinator = self.coordinator.snapshot
            let names = Set(coordinator.relays.map(\.name))
            self.stateSinceNs = self.stateSinceNs.filter { names.contains($0.key) }
            return (coordinator, self.stateSinceNs)
        }
    }

    private func noteStates(_ batch: FeedBatch) {
        for case .relay(let change) in batch.records { stateSinceNs[change.relay] = WallClock.nowNs }
    }

    private var now: UInt64 { NIODeadline.now().uptimeNanoseconds }

    private func tellWallClock() {
        if let offsetNs = wallClock.change(nowNs: now) { coordinator.wallClock(offsetNs: offsetNs) }
    }

    // MARK: Connections

    func received(relay: Int, attempt: UInt64, _ buffer: ByteBuffer) {
        guard attempts[relay] == attempt else { return }
        buffer.withUnsafeReadableBytes { coordinator.received(relay: relay, $0, now: now) }
        runActions()
    }

    /// Whether the relay owes an answer.
    func awaitsReply(relay: Int, attempt: UInt64) -> Bool {
        attempts[relay] == attempt && coordinator.awaitsReply(relay: relay)
    }

    func readCompleted(relay: Int, attempt: UInt64) {
        guard attempts[relay] == attempt else { return }
        tellWallClock()
        coordinator.readCompleted(relay: relay, now: now)
        runActions()
    }

    func disconnected(relay: Int, attempt: UInt64, reason: String) {
        guard attempts[relay] == attempt else { return }
        forget(relay)
        coordinator.disconnected(relay: relay, reason: reason, now: now)
        runActions()
    }

    private func connect(_ relay: Int, source: Int, identity: UInt64) {
        let attempt = beginAttempt(relay)
        guard let address = addresses[source]?.address else { preconditionFailure("a relay without an address") }
        RelayChannel.connect(
            to: address,
            ports: SourcePorts.candidates(address, identity: identity)[...],
            on: loop,
            connectNsMax: limits.connectNsMax,
            handler: { RelayChannel(relay: relay, attempt: attempt, lane: self) }
        )
        .whenComplete { result in
            guard self.attempts[relay] == attempt, !self.isStopped else {
                if case .success(let channel) = result { channel.close(promise: nil) }
                return
            }
            switch result {
            case .success(let channel):
                self.channels[relay] = channel
                self.coordinator.connected(relay: relay, now: self.now)
            case .failure(let error):
                self.coordinator.connectFailed(relay: relay, reason: describe(error), now: self.now)
            }
            self.runActions()
        }
    }

    /// - Returns: the number of the new connection.
    func beginAttempt(_ relay: Int) -> UInt64 {
        let attempt = (attempts[relay] ?? 0) + 1
        attempts[relay] = attempt
        return attempt
    }

    /// Whether a connection still counts.
    func isCurrent(_ relay: Int, _ attempt: UInt64) -> Bool { attempts[relay] == attempt && !isStopped }

    func forget(_ relay: Int) {
        attempts[relay] = (attempts[relay] ?? 0) + 1
        timers.remove(.link(relay: relay))
        channels.removeValue(forKey: relay)?.close(promise: nil)
        subscriptions.removeValue(forKey: relay)?.connection?.stop()
    }

    /// Tells the coordinator what has happened, and does what it asks for.
    func tell(_ event: (inout Coordinator, UInt64) -> Void) {
        tellWallClock()
        event(&coordinator, now)
        runActions()
    }

    // MARK: Actions

    /// Runs actions until there are none; not re-entrant, since an action may bring about an event.
    private func runActions() {
        guard !isRunningActions else { return }
        isRunningActions = true
        defer { isRunningActions = false }
        while true {
            let actions = coordinator.takeActions()
            if actions.isEmpty { return }
            for action in actions { run(action) }
        }
    }

    private func run(_ action: CoordinatorAction) {
        switch action {
        case .connect(let relay, let source, let identity): connect(relay, source: source, identity: identity)
        case .subscribe(let relay, let source, let start): subscribe(relay, source: source, start: start)
        case .setReading(let relay, let isReading): setReading(relay, isReading)
        case .send(let relay): send(relay)
        case .close(let relay): forget(relay)
        case .abort(let relay):
            if let channel = channels[relay] { RelayChannel.forgetOnClose(channel) }
            forget(relay)
        case .read(let range): read(range)
        case .schedule(let timer, let atNs): schedule(timer, atNs: atNs)
        case .publish(let batch):
            account.take(batch)
            noteStates(batch)
            consumer.publish(batch)
        case .note(let note): notes(note)
        case .finished(let report): close(report)
        }
    }

    private func send(_ relay: Int) {
        guard let channel = channels[relay] else { return }
        let buffer = coordinator.takeOutput(relay: relay) { bytes in
            var buffer = channel.allocator.buffer(capacity: bytes.count)
            buffer.writeBytes(bytes)
            return buffer
        }
        channel.writeAndFlush(buffer, promise: nil)
    }

    /// Reads a stored packet in a turn of its own, so that sockets and timers have theirs.
    private func read(_ range: StoredRange) {
        loop.execute {
            guard !self.isStopped else { return }
            do throws(FileError) {
                self.coordinator.storedRead(try self.files.read(range), now: self.now)
            } catch {
                self.coordinator.storedReadFailed(reason: "\(error)", now: self.now)
            }
            self.runActions()
        }
    }

    private func schedule(_ timer: CoordinatorTimer, atNs: UInt64) {
        timers.set(timer, to: atNs)
        wakeForTimers()
    }

    /// Has the loop wake us for the earliest timer. Where that was taken away, or put off, we are woken for nothing
    /// once.
    private func wakeForTimers() {
        guard let atNs = timers.earliestNs, atNs < wakeAtNs else { return }
        wake?.cancel()
        wakeAtNs = atNs
        wake = loop.scheduleTask(deadline: .uptimeNanoseconds(atNs)) { self.fireTimers() }
    }

    private func fireTimers() {
        (wakeAtNs, wake) = (.max, nil)
        // One that is set again for now has its turn at the next wake, so that sockets have theirs.
        let nowNs = now
        var due: [CoordinatorTimer] = []
        while let timer = timers.takeDue(nowNs: nowNs) { due.append(timer) }
        for timer in due {
            guard !isStopped else { return }
            coordinator.timerFired(timer, now: now)
            runActions()
        }
        wakeForTimers()
    }

    private func close(_ report: FinishReport?) {
        guard !isStopped else { return }
        isStopped = true
        wake?.cancel()
        timers.removeAll()
        for channel in channels.values { channel.close(promise: nil) }
        channels.removeAll()
        for subscription in subscriptions.values { subscription.connection?.stop() }
        subscriptions.removeAll()
        finish.succeed(report)
    }
}
