import Feed
import NIOCore

/// A frame of the feed on its way to a collector, with what the forwarder's filter leaves of it.
struct ForwardedFrame {
    let batch: FeedBatch
    /// The feed's life in which it was written: with the frame's number and an event's index in it, what the event is
    /// called, whenever it is sent.
    let epoch: UInt64
    /// Where to go on after it; nil where one cannot.
    let token: ResumeToken?
    /// Whether it repeats what earlier frames may have said: only its gap is news.
    let isCheckpoint: Bool
}

/// What knows how to give frames to one kind of collector. Confined to the forwarder's own event loop, which it may
/// block: nobody else is on it.
protocol ForwarderSink: AnyObject {
    /// Whether the collector itself says where it is, once it has anything.
    var keepsPlace: Bool { get }
    /// Where the collector itself says it is; nil where it does not say.
    /// - Throws: when that cannot be found out.
    func savedToken() throws -> ResumeToken?
    /// Delivery begins.
    /// - Parameters:
    ///   - isResumed: whether it goes on after `savedToken`.
    ///   - lane: told how it goes; lives longer than the sink.
    func begin(isResumed: Bool, _ lane: ForwarderLane)
    /// Whether frames may be given.
    var hasRoom: Bool { get }
    func take(_ frames: [ForwardedFrame])
    /// Nothing follows: sends what waits, and then tells the lane `ended`.
    func finish()
    /// Ends at once. The lane is told nothing more.
    /// - Returns: when nothing is left that needs the loop.
    func stop() -> EventLoopFuture<Void>
    /// Certificates may have changed: the next connection is made with those that there are now.
    func renewCredentials()
}

extension ForwarderSink {
    var keepsPlace: Bool { false }
    func savedToken() throws -> ResumeToken? { nil }
    func renewCredentials() {}
}
