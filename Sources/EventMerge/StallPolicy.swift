/// The state of a relay in the feed, as the stall policy sees it.
package enum RelayPhase: UInt8, Sendable, CaseIterable {
    /// No connection. Next: active, rejoining, excluded, ended.
    case connecting = 1
    /// Delivering; its frontier counts.
    case active
    /// Only beacons come.
    case quiet
    /// Its frontier stands still while others go on, and has been for `max(5 live periods, 2 s)`.
    case lagging
    /// Past its grace time: no longer counted in W.
    case excluded
    /// Answers again, but has not caught up with W: not counted.
    case rejoining
    /// Gone from the configuration, or all it had has ended.
    case ended
}

/// A relay's change of state, for log and feed.
package struct StallTransition: Sendable, Equatable {
    package var relay: FrontierRelay
    package var from: RelayPhase
    package var to: RelayPhase
    /// How long the feed has waited on it, nanoseconds.
    package var waitedNs: Int64
    /// Its least bound, nanoseconds since the Unix epoch; nil: nothing known.
    package var frontierNs: Int64?
}

/// Who holds the watermark, to be named in log and feed.
package struct HolderReport: Sendable, Equatable {
    package var holder: WatermarkHolder
    /// For how long, nanoseconds.
    package var heldNs: Int64
}

package struct StallPolicy: ~Copyable {
    /// The grace time, nanoseconds; nil: `never` (wait for ever, and say for whom).
    package var graceNs: Int64?
    /// When `tick` must be called at the latest, monotonic nanoseconds; nil: when something happens.
    package private(set) var nextDeadlineNs: Int64?

    package init(graceNs: Int64?) { self.graceNs = graceNs }

    /// - Parameter attachedBefore: whether the feed's log has a position of it.
    package mutating func addRelay(_ relay: FrontierRelay, attachedBefore: Bool, nowNs: Int64) {}
    /// The relay was attached, or has shown that it has no session.
    package mutating func attached(_ relay: FrontierRelay) {}
    /// The connection was lost, or an attempt failed.
    package mutating func disconnected(_ relay: FrontierRelay) {}
    /// The relay has answered a request.
    package mutating func replied(_ relay: FrontierRelay) {}
    /// The relay has delivered events.
    package mutating func delivered(_ relay: FrontierRelay, nowNs: Int64) {}
    /// Whether a budget or the log keeps us from asking.
    package mutating func setHeldByUs(_ relay: FrontierRelay, _ held: Bool) {}
    /// The longest live period of its sessions, nanoseconds.
    package mutating func setLivePeriod(_ relay: FrontierRelay, periodNs: Int64) {}
    /// All that the relay had has ended.
    package mutating func ended(_ relay: FrontierRelay) {}
    /// Forgets a relay; call before `Frontier.removeRelay`.
    package mutating func remove(_ relay: FrontierRelay) {}

    /// Runs the clocks up to `nowNs`, excludes and readmits in `frontier`. Call after each batch of changes and at `nextDeadlineNs`.
    package mutating func tick(_ frontier: inout Frontier, nowNs: Int64) {}
    package func phase(_ relay: FrontierRelay) -> RelayPhase { .connecting }
    /// The changes since the last call, in order.
    package mutating func takeTransitions() -> [StallTransition] { [] }
    /// Holders to be named since the last call.
    package mutating func takeHolderReports() -> [HolderReport] { [] }
}
