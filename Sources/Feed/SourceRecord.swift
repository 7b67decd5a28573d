/// Another coordinator's feed that is a source of this one, and how far it has been taken.
///
/// All up to the token's frame has left, or is said; of the frames behind it those up to `sequence` have their losses
/// and states said, and of their events some have left, as the streams' places say.
package struct SourceRecord: Sendable, Equatable {
    /// The source's name; of a source of a source, with the names before it.
    package var relay: String
    /// Which feed it is; nil: it is no source any more.
    package var feed: FeedID?
    /// Subscribes to it again; empty for its beginning, and for sources of sources.
    package var token: String
    /// The last of its frames whose losses and states are said; 0 before the first.
    package var sequence: UInt64
    /// The life of the feed that numbered that frame.
    package var epoch: UInt64

    package init(relay: String, feed: FeedID?, token: String = "", sequence: UInt64 = 0, epoch: UInt64 = 0) {
        self.relay = relay
        self.feed = feed
        self.token = token
        self.sequence = sequence
        self.epoch = epoch
    }
}
