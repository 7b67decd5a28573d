import Coordinator
import Feed
import Observability
import ReExport

/// How the lane of the merge stands at one moment.
struct LaneSnapshot: Sendable {
    var coordinator: CoordinatorSnapshot
    var batches: UInt64
    var relays: [String: FeedAccount.Counts]
    var sessions: [FeedAccount.SessionName: (state: SessionState?, counts: FeedAccount.Counts)]
    /// Of streams that are there, so many.
    var streams: [FeedAccount.Stream]
    var streamCount: Int

    init(_ coordinator: CoordinatorSnapshot, _ account: FeedAccount, streamsMax: Int) {
        self.coordinator = coordinator
        batches = account.batches
        let (byRelay, bySession) = account.sums
        relays = byRelay
        sessions = Dictionary(
            uniqueKeysWithValues: bySession.map { ($0, (account.sessions[$0]?.state, $1)) }
        )
        streams = account.streams(atMost: streamsMax)
        streamCount = account.streamCount
    }
}

/// How the log and the subscribers stand at one moment.
struct HubSnapshot: Sendable {
    /// The newest frame's number.
    var sequence: UInt64
    var logBytes: UInt64
    /// Nil where the log is in memory.
    var segmentCount: Int?
    /// When the oldest segment was begun, nanoseconds since the Unix epoch.
    var oldestNs: Int64?
    /// Whether nothing can be written.
    var isFailing: Bool
    /// Batches that wait to be logged.
    var waitingBatches: Int
    var queueTime: Histogram
    var eventDelay: Histogram
    var subscribers: [Subscriber]
    /// Connections that have not subscribed.
    var waitingConnections: Int
    /// That there have been.
    var connections: UInt64
    var refused: UInt64
    var sentBytes: UInt64
    /// Of LTTng live viewers; nil where none are served.
    var viewers: ViewersSnapshot?

    struct Subscriber: Sendable {
        var identity: String
        /// Address and port.
        var peer: String
        /// Of the connection.
        var number: UInt64
        /// The last frame that it was sent.
        var sequence: UInt64
        /// Whether it has had all that there was at some time.
        var hasCaughtUp: Bool
        /// What waits for its socket, bytes.
        var queueBytes: Int
        var sentBytes: UInt64
    }
}

/// How the LTTng live viewers stand at one moment.
struct ViewersSnapshot: Sendable {
    /// That there have been.
    var connections: UInt64
    var refused: UInt64
    var sentBytes: UInt64
    /// What all viewers were given.
    var totals: ReExport.Totals
    var viewers: [Viewer]

    struct Viewer: Sendable {
        /// Address and port.
        var peer: String
        /// Of the connection.
        var number: UInt64
        /// The last frame that was read for it.
        var sequence: UInt64
        /// What it has attached.
        var sessions: [String]
        /// That are not answered.
        var waitingRequests: Int
        /// Of packets, bytes.
        var keptBytes: Int
    }
}
