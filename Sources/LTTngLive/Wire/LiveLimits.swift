/// Every bound of the viewer and server roles. Nothing that a peer says makes us allocate, wait or ask beyond these.
package struct LiveLimits: Sendable, Equatable {
    /// Sessions in one LIST reply.
    package var sessionsMax: UInt32 = 4096
    /// Streams in one ATTACH or GET_NEW_STREAMS reply.
    package var streamsPerReplyMax: UInt32 = 65_536
    /// Streams known at a time on a connection.
    package var streamsMax = 65_536
    /// Metadata of one trace, over all replies.
    package var metadataBytesPerTraceMax: UInt64 = 64 << 20
    /// Metadata of all traces that live on a connection, over all replies.
    package var metadataBytesMax: UInt64 = 512 << 20
    /// A packet with its padding.
    package var packetBytesMax: UInt64 = 1 << 30
    /// A GET_PACKET asks for no more; relayd is fastest here.
    package var packetSliceBytes: UInt64 = 256 << 10
    /// Packet bytes asked for and not yet received, per connection.
    package var packetBytesOutstandingMax: UInt64 = 1 << 20
    /// Requests sent and not yet answered, per connection.
    package var requestsOutstandingMax = 4096
    /// How often a packet or a metadata reply that was refused for now is asked for again.
    package var transientRetriesMax: UInt32 = 10
    /// No byte for so long while a reply is due: the relay is stuck.
    package var replyTimeoutNs: UInt64 = 5_000_000_000
    /// A reply that is still not complete, though bytes trickle in.
    package var slowReplyTimeoutNs: UInt64 = 60_000_000_000
    /// After the session's end was announced, streams that do not end by themselves are ended.
    package var drainTimeoutNs: UInt64 = 5_000_000_000

    package init() {}
}

/// When the viewer asks. All in nanoseconds.
package struct PollTimes: Sendable, Equatable {
    /// Least time between two rounds of GET_NEW_STREAMS and LIST while data comes.
    package var roundMin: UInt64 = 1_000_000
    /// Longest time between two rounds while data comes: short-lived streams are lost on old relays otherwise.
    package var roundMaxActive: UInt64 = 50_000_000
    /// Pause of a stream that has never had anything, for its first two live periods, where what a stream has not been
    /// asked for is dropped when it is closed.
    package var newbornPause: UInt64 = 1_000_000
    /// First pause of a stream that is new or has been silent for two live periods; doubles.
    package var retryMin: UInt64 = 5_000_000
    /// Longest pause of a stream that has been silent for long, and the round of an idle feed.
    package var retryMax: UInt64 = 1_000_000_000
    /// Least time between two rounds of a relay without streams.
    package var emptyRoundMin: UInt64 = 10_000_000
    /// First pause after metadata was announced but could not be had; doubles up to `retryMax`.
    package var metadataRetry: UInt64 = 20_000_000

    package init() {}
}
