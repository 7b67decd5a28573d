import Coordinator
import Feed

/// The coordinator's side: its actions are run as the daemon's lane runs them.
extension World {
    private var configuration: CoordinatorConfiguration {
        var limits = CoordinatorLimits()
        limits.pendingBytesMax = plan.pendingBytesMax
        limits.batchEventsMax = plan.seed % 3 == 0 ? 4 : limits.batchEventsMax
        limits.retryDelayNsMax = .ms(1000)
        limits.connectNsMax = .ms(1000)
        limits.metadataNsMax = .ms(1000)
        return CoordinatorConfiguration(
            relays: plan.relays.indices.map {
                RelaySource(name: "relay-\($0)", sessions: [.glob("*")], start: .beginning)
            },
            stallAfterNs: plan.stallAfterNs,
            lifetime: .service,
            seed: plan.seed,
            limits: limits
        )
    }

    /// A coordinator begins: it goes on with the feed of the one before where the log is kept, else with its own.
    func startCoordinator() {
        if diesWithNextBatch { killCoordinator(isSaid: true) }
        var restored: RestoredFeed?
        if plan.keepsLog, let feed = feeds.last {
            restored = feed.recovered(atNs: nowNs, &verdict)
        } else {
            let number = UInt64(feeds.count) + 1
            let feed = FeedIdentity(id: FeedID(high: plan.seed, low: number))
            feeds.append(FeedRun(feed, plan: plan, startedNs: nowNs, sabotage: sabotage))
        }
        let box = CoordinatorBox(configuration, restored: restored)
        coordinator = box
        box.machine.start(now: nowNs)
        runActions()
    }

    /// The coordinator is gone at once.
    /// - Parameter isSaid: whether its machine closes its connections.
    func killCoordinator(isSaid: Bool) {
        coordinator = nil
        diesWithNextBatch = false
        timers.removeAll()
        for link in lines.keys.sorted() { drop(link, relayIsTold: isSaid) }
        for index in subscribers.indices { cut(index) }
    }

    func runActions() {
        while let coordinator {
            let actions = coordinator.machine.takeActions()
            if actions.isEmpty { return }
            for action in actions {
                run(action)
                if diesWithNextBatch, case .publish = action {
                    say("*** the coordinator dies")
                    return killCoordinator(isSaid: true)
                }
            }
            bounds.look(coordinator.machine.sizes, atNs: nowNs, &verdict)
            bounds.look(coordinator.machine.snapshot, atNs: nowNs, &verdict)
        }
    }

    private func run(_ action: CoordinatorAction) {
        switch action {
        case .connect(let link, let source, let identity): connect(link, to: source, identity: identity)
        case .send(let link):
            guard let coordinator else { return }
            send(coordinator.machine.takeOutput(relay: link) { Array($0) }, on: link)
        case .close(let link), .abort(let link): drop(link, relayIsTold: true)
        case .schedule(let timer, let atNs):
            timers[timer] = max(atNs, nowNs)
            queue.add(.timer(timer), atNs: max(atNs, nowNs))
        case .publish(let batch): publish(batch)
        case .note(let note): say("\(note.relay): \(note.text)")
        // There are no files and no other coordinators here, and a service does not finish.
        case .read, .subscribe, .setReading, .finished: break
        }
    }

    func fire(_ timer: CoordinatorTimer) {
        // One that was put off has another entry.
        guard let atNs = timers[timer], atNs == nowNs, let coordinator else { return }
        timers[timer] = nil
        coordinator.machine.timerFired(timer, now: nowNs)
        runActions()
    }

    private func publish(_ batch: FeedBatch) {
        guard let feed = feeds.last else { return }
        for frame in feed.publish(batch, atNs: nowNs, &verdict) {
            if log != nil { for line in frame.lines { say("    \(line)") } }
        }
    }
}
