/// The viewer role on one connection to one relayd, without I/O.
///
/// A turn of the caller is: an event (`connected`, `received`, `timerFired`) -> `takeActions` and act on them, with
/// commands (`attach`, `fetch`, `skip`, …) as wanted -> `flush(now:)`, which writes one batch of requests -> `takeActions`
/// again for `.send` and `.schedule`. Commands only mark; nothing is written before `flush`.
/// Times are nanoseconds of any monotonic clock. One value serves one connection; a new connection takes a new value.
package struct Viewer: ~Copyable {
    /// The last list of sessions that the relay gave.
    package private(set) var sessions: [ListedSession] = []

    package init(limits: LiveLimits = .init(), pollTimes: PollTimes = .init()) {}

    // MARK: Events

    /// The connection is open.
    package mutating func connected(now: UInt64) {}
    /// Bytes came. Payloads are announced as ranges of `bytes`.
    package mutating func received(_ bytes: UnsafeRawBufferPointer, now: UInt64) {}
    /// The connection is closed. Fails with `.disconnected` unless `close` was called or it has failed before.
    package mutating func disconnected(now: UInt64) {}
    /// The time of the last `.schedule` has come (or any time later).
    package mutating func timerFired(now: UInt64) {}

    // MARK: Commands

    /// Attaches a listed session. Answered by `.attached`.
    package mutating func attach(_ session: LiveSessionID, from position: SeekPosition) {}
    /// Lets go of an attached session; no action of its streams follows. Answered by `.detached`.
    package mutating func detach(_ session: LiveSessionID) {}
    /// Fetches the packet of the stream's current index, or bytes of it: a window that starts anywhere in the content. When the
    /// window reaches the end of content, the index is done with. No-op when the stream has no current index or ended.
    /// - Parameter window: bytes from the packet's start; nil for all content.
    package mutating func fetch(_ stream: LiveStreamID, window: Range<UInt64>? = nil) {}
    /// Done with the current index: the next one may be asked for.
    package mutating func skip(_ stream: LiveStreamID) {}
    /// Asks for no further index of the stream until `resume`. What is asked for already still comes.
    package mutating func suspend(_ stream: LiveStreamID) {}
    package mutating func resume(_ stream: LiveStreamID) {}
    /// Whether all relays of the feed are idle: then relays without streams are asked once a second.
    /// - Parameter fastestLivePeriodNs: the least live period of the whole feed; those without streams are asked twice as often.
    package mutating func setFeedIsIdle(_ isIdle: Bool, fastestLivePeriodNs: UInt64?) {}
    /// We close: nothing more is sent, nothing fails any more.
    package mutating func close() {}

    // MARK: Output

    /// Ends the turn: writes what is due into the output and says when the next turn is due.
    package mutating func flush(now: UInt64) {}
    /// Moves all actions to the end of `actions`.
    package mutating func takeActions(into actions: inout [ViewerAction]) {}
    /// Bytes to be written that have not been taken yet.
    package var hasOutput: Bool { false }
    /// Hands the bytes to be written to `body`, once, and forgets them.
    package mutating func takeOutput<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        body(UnsafeRawBufferPointer(start: nil, count: 0))
    }
}
