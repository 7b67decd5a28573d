package import Coordinator
package import Feed
import NIOCore

/// How the feed stands now, beside what its frames say.
package struct FeedStanding: Sendable {
    package var feed: FeedIdentity
    package var coordinator: CoordinatorSnapshot
    /// By relay: when it came into its state, nanoseconds since the Unix epoch; those of which the feed has said one
    /// since the start.
    package var stateSinceNs: [String: Int64]
    /// The coordinator's clock, nanoseconds since the Unix epoch.
    package var nowNs: Int64
    /// Why the log cannot be written; nil while it can.
    package var logFailure: String?

    static func ask(_ lane: CoordinatorLane, _ hub: FeedHub) -> EventLoopFuture<FeedStanding> {
        let failure = hub.loop.submit { hub.logFailure }
        return lane.standing().hop(to: hub.loop).and(failure).map { standing, failure in
            FeedStanding(
                feed: hub.feed,
                coordinator: standing.coordinator,
                stateSinceNs: standing.stateSinceNs,
                nowNs: WallClock.nowNs,
                logFailure: failure
            )
        }
    }
}
