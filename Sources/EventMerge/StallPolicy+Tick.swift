extension StallPolicy {
    /// Runs the clocks up to `nowNs`, and excludes and readmits in `frontier`.
    ///
    /// Call it after a batch of inputs, before `raiseWatermark`: soon where `isDue`; and at `nextDeadlineNs`.
    /// - Parameter nowNs: monotonic nanoseconds; a lesser one than the last counts as that.
    package mutating func tick(_ frontier: inout Frontier, nowNs: Int64) {
        let now = max(nowNs, tickedNs ?? nowNs)
        let elapsed = now.saturating(minus: tickedNs ?? now)
        tickedNs = now
        isDue = false
        for index in watches.indices {
            guard var watch = watches[index] else { continue }
            let relay = FrontierRelay(index: UInt32(index))
            watch.run(elapsed, to: frontier.boundNs(relay) ?? .min)
            readmit(relay, &watch, &frontier)
            watches[index] = watch
        }
        // An exclusion lets another relay be the least.
        while excludeOverdue(&frontier) {}
        for index in watches.indices { updatePhase(index, frontier, now: now) }
        updateHold(frontier, elapsed: elapsed)
        scheduleNext(now: now)
    }

    /// Decides whether the relay counts, apart from its exclusion.
    private func readmit(_ relay: FrontierRelay, _ watch: inout RelayWatch, _ frontier: inout Frontier) {
        if watch.isExcluded, watch.hasReplied { watch.isRejoining = true }
        if watch.isExcluded, watch.isRejoining {
            // An empty relay stands where the feed stood when it was asked: it never gets ahead of W.
            let goal = (frontier.watermarkNs ?? .min).saturating(minus: rejoinWithinNs)
            let isEmpty = frontier.isEmpty(relay) && watch.bound > .min
            if watch.bound >= goal || isEmpty {
                watch.isExcluded = false
                watch.isRejoining = false
                watch.waitedNs = 0
            }
        }
        let isAbsent = !watch.hasAttached && watch.hasFailed
        frontier.setCounts(relay, !watch.isEnded && !watch.isExcluded && !isAbsent)
    }

    /// Sees whose grace clock runs, and excludes those whose time is used up.
    /// - Returns: whether one was excluded.
    private mutating func excludeOverdue(_ frontier: inout Frontier) -> Bool {
        var greatest = Int64.min
        for index in watches.indices {
            guard let watch = watches[index], frontier.counts(FrontierRelay(index: UInt32(index))) else { continue }
            greatest = max(greatest, watch.bound)
        }
        let least = frontier.bounds.least
        var hasExcluded = false
        for index in watches.indices {
            guard var watch = watches[index] else { continue }
            let relay = FrontierRelay(index: UInt32(index))
            let isLeast = frontier.counts(relay) && watch.bound == least && greatest > least
            // Before the first attachment the start barrier waits, not the grace clock.
            watch.isWaitedFor = isLeast && watch.hasAttached && !watch.isHeldByUs
            if watch.isWaitedFor, let graceNs = graceNs(watch), watch.waitedNs >= graceNs {
                watch.isWaitedFor = false
                watch.isExcluded = true
                watch.isRejoining = false
                watch.hasReplied = false
                frontier.setCounts(relay, false)
                hasExcluded = true
            }
            watches[index] = watch
        }
        return hasExcluded
    }

    private mutating func updatePhase(_ index: Int, _ frontier: borrowing Frontier, now: Int64) {
        guard var watch = watches[index] else { return }
        // Quiet is who has been active for long without events.
        if watch.phase != .active && watch.phase != .quiet { watch.deliveredNs = max(watch.deliveredNs, now) }
        defer { watches[index] = watch }
        let phase: RelayPhase =
            if watch.isEnded {
                .ended
            } else if watch.isExcluded {
                watch.isRejoining ? .rejoining : .excluded
            } else if !watch.isConnected {
                .connecting
            } else if watch.waitedNs >= watch.namedAfterNs {
                .lagging
            } else if now.saturating(minus: watch.deliveredNs) >= watch.namedAfterNs {
                .quiet
            } else {
                .active
            }
        guard phase != watch.phase else { return }
        transitions.append(
            StallTransition(
                relay: FrontierRelay(index: UInt32(index)),
                from: watch.phase,
                to: phase,
                waitedNs: watch.waitedNs,
                frontierNs: watch.bound == .min ? nil : watch.bound
            )
        )
        watch.phase = phase
    }

    private mutating func updateHold(_ frontier: borrowing Frontier, elapsed: Int64) {
        if hold.isRunning { hold.heldNs = hold.heldNs.saturating(plus: elapsed) }
        let least = frontier.bounds.least
        if least != hold.bound { hold = WatermarkHold(bound: least) }
        guard frontier.isHolding, let holder = frontier.holder, let watch = watches[Int(holder.relay.index)],
            !watch.isHeldByUs
        else {
            hold.isRunning = false
            return
        }
        hold.isRunning = true
        guard hold.named != holder, hold.heldNs - hold.namedAtNs >= watch.namedAfterNs else { return }
        hold.named = holder
        hold.namedAtNs = hold.heldNs
        reports.append(HolderReport(holder: holder, heldNs: hold.heldNs))
    }

    /// The relay's own grace time, nanoseconds; nil: it is waited for for ever.
    private func graceNs(_ watch: RelayWatch) -> Int64? {
        guard let graceNs else { return nil }
        let (times, overflow) = graceNs.multipliedReportingOverflow(by: watch.graceTimes)
        return overflow ? .max : times
    }

    private mutating func scheduleNext(now: Int64) {
        var wait = Int64.max
        for watch in watches {
            guard let watch else { continue }
            if watch.isWaitedFor {
                if let graceNs = graceNs(watch) { wait = min(wait, graceNs - watch.waitedNs) }
                if watch.waitedNs < watch.namedAfterNs { wait = min(wait, watch.namedAfterNs - watch.waitedNs) }
            }
            if watch.phase == .active {
                wait = min(wait, watch.deliveredNs.saturating(plus: watch.namedAfterNs).saturating(minus: now))
            }
            if hold.isRunning, hold.named == nil, watch.namedAfterNs > hold.heldNs {
                wait = min(wait, watch.namedAfterNs - hold.heldNs)
            }
        }
        nextDeadlineNs = wait == .max ? nil : now.saturating(plus: max(wait, 1))
    }
}

extension RelayWatch {
    /// Runs the grace clock, and resets it where the relay's frontier has advanced.
    fileprivate mutating func run(_ elapsed: Int64, to bound: Int64) {
        if isWaitedFor { waitedNs = waitedNs.saturating(plus: elapsed) }
        if bound > self.bound { waitedNs = 0 }
        self.bound = bound
    }
}

extension Int64 {
    fileprivate func saturating(plus other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }

    fileprivate func saturating(minus other: Int64) -> Int64 {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other < 0 ? .max : .min) : difference
    }
}
