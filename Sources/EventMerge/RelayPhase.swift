/// The state of a relay in the feed, as the stall policy sees it.
package enum RelayPhase: UInt8, Sendable, CaseIterable {
    /// No connection. Next: active, rejoining, excluded, ended.
    case connecting = 1
    /// Delivering; its frontier counts. Next: quiet, lagging, connecting, excluded, ended.
    case active
    /// Only beacons have come for `max(5 live periods, 2 s)`. Next: as active.
    case quiet
    /// Its frontier is the least and has stood still for `max(5 live periods, 2 s)` while others go on. Next: as
    /// active.
    case lagging
    /// Past its grace time: not counted in W. Next: rejoining, ended.
    case excluded
    /// Answers again, but has not caught up with W: not counted. Next: active, excluded, ended.
    case rejoining
    /// Gone from the configuration, or all it had has ended. Final.
    case ended
}

/// A relay's change of state, for log and feed.
package struct StallTransition: Sendable, Equatable {
    package var relay: FrontierRelay
    package var from: RelayPhase
    package var to: RelayPhase
    /// How long the feed has waited for it, nanoseconds.
    package var waitedNs: Int64
    /// Its least bound, nanoseconds since the Unix epoch; nil: not known.
    package var frontierNs: Int64?
}

/// Who holds the watermark, to be named in log and feed.
package struct HolderReport: Sendable, Equatable {
    package var holder: WatermarkHolder
    /// For how long, nanoseconds; time in which we hold ourselves back is not counted.
    package var heldNs: Int64
}

/// What the policy knows of a relay.
struct RelayWatch {
    /// In this feed's life, the log's positions included.
    var hasAttached = false
    var isConnected = false
    /// Since the exclusion, the disconnection or the start.
    var hasReplied = false
    /// A connection was lost or an attempt has failed.
    var hasFailed = false
    var isHeldByUs = false
    var isEnded = false
    var isExcluded = false
    /// Excluded, and has replied since.
    var isRejoining = false
    /// How many grace times it has.
    var graceTimes: Int64 = 1
    /// Longest live period of its sessions, nanoseconds.
    var livePeriodNs: Int64 = 0
    /// When events came last, monotonic nanoseconds.
    var deliveredNs: Int64 = 0
    /// Its least bound at the last tick.
    var bound = Int64.min
    /// What the grace clock shows, nanoseconds.
    var waitedNs: Int64 = 0
    /// Whether the grace clock has been running since the last tick.
    var isWaitedFor = false
    var phase = RelayPhase.connecting

    /// Nanoseconds without an advance after which it lags, and without events after which it is quiet.
    var namedAfterNs: Int64 {
        let (periods, overflow) = livePeriodNs.multipliedReportingOverflow(by: StallPolicy.namedAfterPeriods)
        return overflow ? .max : max(periods, StallPolicy.namedAfterNsMin)
    }
}

/// For how long W has been held.
struct WatermarkHold {
    /// The least bound of all that count.
    var bound = Int64.min
    var heldNs: Int64 = 0
    /// Whether something is ahead and we do not hold it ourselves.
    var isRunning = false
    /// Who was named since W moved last, and what `heldNs` was then.
    var named: WatermarkHolder?
    var namedAtNs: Int64 = 0
}
