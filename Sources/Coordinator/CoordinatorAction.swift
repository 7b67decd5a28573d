package import Feed

/// What the shell is to do. Actions are values; the shell runs them in order after the event that caused them.
package enum CoordinatorAction: Sendable {
    /// Open connection `relay` to where the source of that index listens; answer with `connected` or `connectFailed`.
    /// Connections have numbers of their own: a relay has one for each session, and one more. `identity` is the same
    /// for the connection that reads the same session, also after a restart: it is made from the same place each time,
    /// so that the relay finds an old one gone.
    case connect(relay: Int, source: Int, identity: UInt64)
    /// Subscribe to the feed that is the source of that index, raw and without a filter; answer with `feedWelcomed` and
    /// then each frame with `feedFrame`, or with `feedEnded`.
    case subscribe(relay: Int, source: Int, start: SubscriptionStart)
    /// Leave the bytes of the feed's connection in its socket, or take them again.
    case setReading(relay: Int, isReading: Bool)
    /// Write what `takeOutput(relay:)` hands out.
    case send(relay: Int)
    /// Close the relay's connection; nothing is reported back for it.
    case close(relay: Int)
    /// Close the relay's connection, which may be cut off, so that a new one can be made from the same place at once.
    case abort(relay: Int)
    /// Read a part of a stored trace's file; answer with `storedRead` or `storedReadFailed`, when other work has had
    /// its turn.
    case read(StoredRange)
    /// Call `timerFired` for this timer at `atNs` (monotonic), instead of any earlier request for the same timer.
    case schedule(CoordinatorTimer, atNs: UInt64)
    /// The next part of the feed.
    case publish(FeedBatch)
    /// Something that people should read.
    case note(CoordinatorNote)
    /// Nothing will come any more (`Lifetime.untilSessionsEnd`).
    case finished(FinishReport)
}

/// A timer that the shell keeps.
package enum CoordinatorTimer: Hashable, Sendable {
    /// The relay's connection: polls and reply deadlines.
    case link(relay: Int)
    /// The relay's next connect attempt, or the end of a connect that takes too long.
    case connect(relay: Int)
    /// Grace times and the naming of who holds the watermark.
    case frontier
}

/// A line for the log or for standard error.
package struct CoordinatorNote: Sendable, Equatable {
    package enum Level: Sendable, Equatable {
        case debug
        case info
        case warning
        case error
    }

    package var level: Level
    /// The relay that it is about.
    package var relay: String
    package var text: String
}

/// How a finite run went.
package struct FinishReport: Sendable, Equatable {
    /// Relays that could not be reached, or were lost on the way: name and reason.
    package var unreachable: [String] = []
    /// Feeds that turned us away: name and reason.
    package var refused: [String] = []
    /// Relays that had no matching session.
    package var withoutSession: [String] = []
    /// Sessions that another viewer held to the end.
    package var held: [String] = []
    /// Traces that could not be decoded, wholly or in part.
    package var damaged: [String] = []

    package init() {}
}
