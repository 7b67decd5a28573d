// Who is waited for, for how long, and when the feed goes on without.
//
// A machine without a clock: inputs say what has happened to a relay, `tick` runs time up to `nowNs` and takes the
// consequences in the frontier. Between two ticks the conditions of the first one hold.
//
//               disconnected                        grace time used up
//   connecting <------------ active / quiet / lagging -----------> excluded <--.
//        |  attached           ^         ^                            | replied | disconnected
//        '---------------------'         '--- frontier >= W --- rejoining ------'
//
// The grace clock of a relay runs while it counts, its frontier is the least and has not moved, another that counts is
// ahead, and we do not hold it back ourselves; lost connections change nothing about that. It stands still otherwise,
// and any advance of its frontier sets it to zero. It does not run before the first attachment: that is the start
// barrier's time, which ends with the first failed attempt. A relay that was never attached in this feed's life counts
// only until its first attempt has failed, and again from its attachment on.
// Cost: O(relays) a tick, so many relays' batches may share one (`isDue`). Confined to the merge lane.

/// Excludes relays from the watermark and readmits them, and says who holds it.
package struct StallPolicy: ~Copyable {
    /// The grace time, nanoseconds, >= 0; nil: `never` (wait for ever, and say for whom).
    package var graceNs: Int64?
    /// When `tick` must be called at the latest, monotonic nanoseconds; nil: when something happens.
    package internal(set) var nextDeadlineNs: Int64?
    /// Whether an input since the last tick may change at once who counts: the next tick should not wait.
    package internal(set) var isDue = true
    /// A rejoining relay is readmitted once its frontier is at most this behind W, nanoseconds. With 0 a relay that is
    /// always a little behind all others (a longer way, a later beacon) may stay out for ever.
    package var rejoinWithinNs: Int64 = 0

    /// Who holds W is named, and a relay lags, after this many live periods, but not before `namedAfterNsMin`.
    static let namedAfterPeriods: Int64 = 5
    static let namedAfterNsMin: Int64 = 2_000_000_000

    /// By relay index.
    var watches: [RelayWatch?] = []
    /// Monotonic nanoseconds of the last tick; nil: none yet.
    var tickedNs: Int64?
    var hold = WatermarkHold()
    var transitions: [StallTransition] = []
    var reports: [HolderReport] = []

    /// - Parameter graceNs: nanoseconds, >= 0; nil: `never`.
    package init(graceNs: Int64?) {
        self.graceNs = graceNs
    }

    // MARK: Relays

    /// Watches a relay, without a connection.
    /// - Parameters:
    ///   - relay: has just been added to the frontier.
    ///   - attachedBefore: whether the feed's log has a position of it, so that it counts even while it does not
    ///   answer.
    ///   - isExcluded: whether the feed went on without it when its log ended.
    ///   - nowNs: monotonic nanoseconds.
    package mutating func addRelay(
        _ relay: FrontierRelay,
        attachedBefore: Bool,
        isExcluded: Bool = false,
        nowNs: Int64
    ) {
        while watches.count <= Int(relay.index) { watches.append(nil) }
        var watch = RelayWatch()
        watch.hasAttached = attachedBefore
        watch.isExcluded = isExcluded
        watch.deliveredNs = nowNs
        watches[Int(relay.index)] = watch
        isDue = true
    }

    /// Forgets a relay. Call it before `Frontier.removeRelay`.
    package mutating func remove(_ relay: FrontierRelay) {
        watches[Int(relay.index)] = nil
    }

    /// The relay has attached us, or has shown that it has no session.
    package mutating func attached(_ relay: FrontierRelay) {
        change(relay) { watch in
            watch.hasAttached = true
            watch.isConnected = true
            watch.hasReplied = true
        }
    }

    /// The connection was lost, or an attempt to connect failed.
    package mutating func disconnected(_ relay: FrontierRelay) {
        change(relay) { watch in
            watch.isConnected = false
            watch.hasReplied = false
            watch.hasFailed = true
            watch.isRejoining = false
        }
    }

    /// The relay has answered a request.
    package mutating func replied(_ relay: FrontierRelay) {
        // The rule, and not worth a tick.
        if let watch = watches[Int(relay.index)], watch.hasReplied, watch.isConnected || !watch.hasAttached { return }
        change(relay) { watch in
            watch.hasReplied = true
            if watch.hasAttached { watch.isConnected = true }
        }
    }

    /// The relay has delivered events.
    /// - Parameter nowNs: monotonic nanoseconds.
    package mutating func delivered(_ relay: FrontierRelay, nowNs: Int64) {
        guard let deliveredNs = watches[Int(relay.index)]?.deliveredNs else { preconditionFailure("no such relay") }
        watches[Int(relay.index)]?.deliveredNs = max(deliveredNs, nowNs)
    }

    /// Whether a budget or the log keeps us from asking this relay: its grace clock stands still meanwhile.
    package mutating func setHeldByUs(_ relay: FrontierRelay, _ held: Bool) {
        change(relay) { watch in watch.isHeldByUs = held }
    }

    /// - Parameter periodNs: the longest live period of the relay's sessions, nanoseconds.
    package mutating func setLivePeriod(_ relay: FrontierRelay, periodNs: Int64) {
        change(relay) { watch in watch.livePeriodNs = max(0, periodNs) }
    }

    /// A relay that itself waits for others has several grace times.
    /// - Parameter times: at least 1.
    package mutating func setGraceTimes(_ relay: FrontierRelay, _ times: Int64) {
        change(relay) { watch in watch.graceTimes = max(1, times) }
    }

    /// All that the relay had has ended; it counts no more.
    package mutating func ended(_ relay: FrontierRelay) {
        change(relay) { watch in watch.isEnded = true }
    }

    /// The relay's state as of the last tick.
    package func phase(_ relay: FrontierRelay) -> RelayPhase {
        watches[Int(relay.index)]?.phase ?? .ended
    }

    /// The changes of state since the last call, in order.
    package mutating func takeTransitions() -> [StallTransition] {
        defer { transitions.removeAll() }
        return transitions
    }

    /// Who holds W, named once per hold and holder, since the last call.
    package mutating func takeHolderReports() -> [HolderReport] {
        defer { reports.removeAll() }
        return reports
    }

    /// Who holds W now and for how long, counted as for the reports; nil where nobody does.
    package func currentHolder(_ frontier: borrowing Frontier) -> HolderReport? {
        guard hold.isRunning, let holder = frontier.holder else { return nil }
        return HolderReport(holder: holder, heldNs: hold.heldNs)
    }

    private mutating func change(_ relay: FrontierRelay, _ body: (inout RelayWatch) -> Void) {
        guard var watch = watches[Int(relay.index)] else { preconditionFailure("no such relay") }
        body(&watch)
        watches[Int(relay.index)] = watch
        isDue = true
    }
}
