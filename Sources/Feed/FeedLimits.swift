/// Every bound of the feed's wire format and of the machines that speak it. Sizes are bytes unless said otherwise.
package struct FeedLimits: Sendable, Equatable {
    /// The longest frame, without its length.
    package var frameBytes = 16 << 20
    /// The longest first message of a subscriber, without its length.
    package var subscribeBytes = 64 << 10
    /// Messages inside messages.
    package var nestingDepth = 32
    /// Fields of all messages of a frame together; the elements of a packed field count as one.
    package var fieldCount = 1 << 20
    /// What unpacking one frame may allocate.
    package var unpackBytes = 64 << 20
    /// Traces, and streams, that live in a feed at once, as a subscriber accepts them.
    package var liveTraces = 1 << 16
    package var liveStreams = 1 << 18
    /// Metadata of one trace, and of all live traces together, as a subscriber accepts them.
    package var traceMetadataBytes = 64 << 20
    package var allMetadataBytes = 1 << 30
    /// Relays and sessions whose states a checkpoint keeps.
    package var states = 1 << 16
    /// What a frame is cut to when a batch has to be split: well below `frameBytes`, so that estimates may err.
    package var splitBytes = 4 << 20
    /// The longest decoded values of one event.
    package var decodedEventBytes = 4 << 20
    /// Programs whose field names the decoded encoding keeps prepared.
    package var programNames = 1 << 12

    package init() {}
}
