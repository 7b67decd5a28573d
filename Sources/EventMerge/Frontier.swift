/// A relay's place in a `Frontier`.
package struct FrontierRelay: BitwiseCopyable, Sendable, Hashable {
    package let index: UInt32
}
/// A relay session's place in a `Frontier`.
package struct FrontierSession: BitwiseCopyable, Sendable, Hashable {
    package let index: UInt32
}
/// A stream's place in a `Frontier`.
package struct FrontierStream: BitwiseCopyable, Sendable, Hashable {
    package let index: UInt32
}

/// Whose bound is the watermark.
package struct WatermarkHolder: Sendable, Equatable {
    package var relay: FrontierRelay
    /// Nil: the relay's own bound holds (not attached yet, no session, no LIST since).
    package var session: FrontierSession?
    /// Nil: the session's own bound holds (no stream, no GET_NEW_STREAMS since).
    package var stream: FrontierStream?
    /// The bound that holds, nanoseconds since the Unix epoch; nil: nothing is known yet.
    package var boundNs: Int64?
}

package struct Frontier: ~Copyable {
    /// W: nil until every relay that counts has given its first information.
    package private(set) var watermarkNs: Int64?

    /// - Parameter watermarkNs: the watermark of the feed's log, when the feed goes on after a restart.
    package init(watermarkNs: Int64? = nil) {}

    /// Adds a relay. It counts from now on, with nothing known: W stands still until its first information.
    package mutating func addRelay() -> FrontierRelay { preconditionFailure() }
    /// Adds a session. Nil: nothing known: W stands still until its first information.
    package mutating func addSession(_ relay: FrontierRelay, boundNs: Int64?) -> FrontierSession { preconditionFailure() }
    /// Adds a stream, at the session's own bound: what was proven by the last GET_NEW_STREAMS that did not list it.
    package mutating func addStream(_ session: FrontierSession) -> FrontierStream { preconditionFailure() }

    /// Proves that no session unknown so far has an event before `boundNs` (a LIST reply). A lesser one says nothing.
    package mutating func setRelayBound(_ relay: FrontierRelay, to boundNs: Int64) {}
    /// Proves that no stream unknown so far has an event before `boundNs` (a GET_NEW_STREAMS reply OK). A lesser one says nothing.
    package mutating func setSessionBound(_ session: FrontierSession, to boundNs: Int64) {}
    /// Proves that no event of the stream to come is before `boundNs`. A lesser one says nothing.
    package mutating func advance(_ stream: FrontierStream, to boundNs: Int64) {}
    package mutating func endStream(_ stream: FrontierStream) {}
    package mutating func endSession(_ session: FrontierSession) {}
    package mutating func removeRelay(_ relay: FrontierRelay) {}
    /// Whether the relay counts in W.
    package mutating func setCounts(_ relay: FrontierRelay, _ counts: Bool) {}

    /// Raises W to the least bound of all that count, never back. Called once per batch of replies.
    @discardableResult
    package mutating func raiseWatermark() -> Int64? { nil }

    /// The least bound of all that count, apart from sessions without streams and relays without sessions; at least W.
    /// What an empty session's or relay's bound becomes: its value when the batch that showed it empty was *sent*.
    package var candidateNs: Int64? { nil }
    /// Whose bound is the least of all that count; nil when nobody counts.
    package var holder: WatermarkHolder? { nil }
    /// The least bound of all in the relay, whether it counts or not; nil: nothing known.
    package func boundNs(_ relay: FrontierRelay) -> Int64? { nil }
    package func boundNs(_ session: FrontierSession) -> Int64? { nil }
    package func boundNs(_ stream: FrontierStream) -> Int64? { nil }
    package func counts(_ relay: FrontierRelay) -> Bool { true }
}
