/// What may go wrong, or come and go, in a world. Each seed leaves a random part of it out, so that no fault hides
/// another one's effects.
package enum FaultKind: String, CaseIterable, Sendable {
    /// Bytes take a time that varies.
    case jitter
    /// Bytes come in many pieces.
    case splits
    /// Connections break, on both sides, amid replies.
    case resets
    /// Bytes vanish on a connection that stays open until somebody loses patience; the relay keeps its side.
    case halfOpen
    /// A relay cannot be reached for a while.
    case partitions
    /// A relay's process stands still for a while.
    case stalls
    /// A relay's process dies; the next one uses its numbers again.
    case crashes
    /// Replies that are none: garbage, hostile counts, half of a reply.
    case garbage
    /// A packet that the relay no longer has, or another one in its place.
    case gonePackets
    /// `lttng clear`.
    case clears
    /// The tracer discards events.
    case discards
    /// Programs with buffers of their own come and go.
    case programs
    /// Sessions come late, are destroyed, and are made anew under the same names.
    case recreations
    /// Tracing is stopped for a while.
    case stops
    /// The hosts' clocks differ.
    case skew
    /// A host's clock is set while it runs.
    case steps
    /// A host's clock is too fast or too slow.
    case drift
    /// Another viewer has a session at first.
    case heldSessions
    /// Metadata comes long after its streams.
    case lateMetadata
    /// The coordinator dies, and another one begins.
    case restarts
    /// Nobody takes the feed for a while.
    case fullOutput
    /// The coordinator may keep little.
    case smallBudget
    /// Subscribers take long for a frame, and fall out of a log that keeps little.
    case slowSubscribers
    /// Subscribers' connections break; they resume with their tokens.
    case cutSubscribers
}
