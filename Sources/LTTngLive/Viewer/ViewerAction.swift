/// What a `Viewer` tells its caller, in the order in which the relay said it.
///
/// Ranges speak of the bytes given to the `received` call that the action came from, so actions are handled before
/// those bytes go away. Cycles are cycles of the trace's clock.
package enum ViewerAction: Sendable, Equatable {
    // For the shell.
    /// `takeOutput` has bytes; write all of them at once.
    case send
    /// Call `timerFired` at this time (monotonic nanoseconds). Replaces the time of the former one.
    case schedule(at: UInt64)
    /// Close the connection. Nothing else follows.
    case fail(ViewerError)

    // The connection.
    /// CONNECT was answered: both sides speak this minor version.
    case negotiated(minor: UInt32)
    /// The list was answered for the first time, or differs from the last one; it is `Viewer.sessions`.
    case sessionsListed
    /// A round was written: GET_NEW_STREAMS for every attached session and LIST, after all index requests due.
    case cycleStarted(UInt64)
    /// GET_NEW_STREAMS (asked in this cycle) was answered, after its `streamAdded`s.
    /// - `isProof`: every stream that the session had was listed by now (OK or end of session). NO_NEW proves
    ///   nothing.
    case newStreams(LiveSessionID, isProof: Bool)
    /// The cycle's last reply (LIST) came.
    case cycleCompleted(CycleProof)

    // Sessions.
    case attached(LiveSessionID, AttachResult)
    case detached(LiveSessionID)
    /// All streams of the session have ended before. The session may be forgotten; its id is not used any more.
    case sessionEnded(LiveSessionID, SessionEnd)

    // Streams.
    case streamAdded(LiveSessionID, LiveStream)
    /// The stream will not be asked again and may be forgotten.
    case streamEnded(LiveStreamID, StreamEnd)
    /// A packet is there. The stream waits for `fetch` or `skip`.
    case index(LiveStreamID, PacketIndex, ReplyFlags)
    /// No event before `cycles` will come on the stream.
    case beacon(LiveStreamID, cycles: UInt64, streamClassID: UInt64)
    /// The relay knows nothing new of the stream: no information about time.
    case retry(LiveStreamID)
    /// A part of the packet's content.
    /// - `packetOffset`: bytes from the packet's start. `bytes`: where they lie in the input.
    case packetBytes(LiveStreamID, packetOffset: UInt64, bytes: Range<Int>)
    /// All that `fetch` asked for has come. `isComplete`: up to the end of content, so the index is done with.
    case packetFetched(LiveStreamID, isComplete: Bool)
    /// The relay does not have the packet (any more); the index is done with.
    case packetFailed(LiveStreamID)
    /// A part of one GET_METADATA reply of a trace. Replies only append; a reply is a unit (packets or text).
    /// - `isLast`: the reply ends here.
    case metadata(LiveSessionID, LiveTraceID, stream: LiveStreamID, bytes: Range<Int>, isLast: Bool)
}

/// What a completed cycle proves about new streams.
package struct CycleProof: Sendable, Equatable, BitwiseCopyable {
    /// Number of the cycle, as in `cycleStarted`.
    package var cycle: UInt64
    /// Every session attached when the cycle was sent gave a proof (`newStreams(_, isProof: true)`).
    package var provesAllSessions: Bool

    package init(cycle: UInt64, provesAllSessions: Bool) {
        self.cycle = cycle
        self.provesAllSessions = provesAllSessions
    }
}

/// How ATTACH was answered.
package enum AttachResult: Sendable, Equatable, BitwiseCopyable {
    /// Attached; so many `streamAdded`s follow. None may also mean that a rotation is going on.
    case attached(streamCount: UInt32)
    /// Another viewer holds the session.
    case alreadyHeld
    /// The relay knows no such session (any more), or its format is not for our version.
    case unknownSession
    case notLive
    case seekRefused
    /// The viewer session is missing at the relay.
    case noViewerSession
}

/// Where reading of an attached session starts.
package enum SeekPosition: UInt32, Sendable, Equatable, BitwiseCopyable {
    case beginning = 1
    /// The end of each stream as it is now; later streams still start at their beginning.
    case last = 2
}

package enum StreamEnd: Sendable, Equatable, BitwiseCopyable {
    /// The tracer closed it and everything was handed out.
    case hungUp
    /// The relay no longer knows it or cannot read it.
    case failed
    /// Its session ended first, or was detached.
    case sessionEnded
}

package enum SessionEnd: Sendable, Equatable, BitwiseCopyable {
    /// GET_NEW_STREAMS said so.
    case hungUp
    /// It left the list and all its streams have ended.
    case vanished
    /// The relay refuses GET_NEW_STREAMS for it.
    case failed
}
