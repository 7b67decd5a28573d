import CTF

/// An event that the world makes. Its payload is its number, so that whatever comes out can be told.
struct TrueEvent: Sendable {
    /// Of `WorldPlan.streams`.
    var stream: Int
    /// Of the stream's packets.
    var packet: Int
    /// Nanoseconds since the epoch by the trace's own clock.
    var timestampNs: Int64
}

/// A packet that the world makes.
struct TruePacket: Sendable {
    enum Fate: Sendable {
        /// The relay serves it, for as long as it has the stream.
        case served
        /// It was cleared: the relay never speaks of it.
        case cleared
        /// The relay has its index, but not the packet.
        case gone
    }

    /// Numbers of its events, in order.
    var events: Range<UInt64>
    var fate: Fate
    /// When the relay has it, nanoseconds of simulated time.
    var visibleNs: UInt64
    /// Events that the tracer has discarded since the stream's beginning.
    var discarded: UInt64
}

/// A data stream of one relay process.
struct TrueStream: Sendable {
    /// Of `WorldPlan.sessions`.
    var session: Int
    var liveID: UInt64
    var instanceID: UInt64
    /// Unique in the world, unlike the numbers.
    var traceUUID: TraceUUID
    var appearsNs: UInt64
    /// When its program closes it; nil: it lives as long as its session.
    var closesNs: UInt64?
    var packets: [TruePacket] = []
    var eventCount: UInt64 { packets.reduce(0) { $0 + UInt64($1.events.count) } }
}

/// A session of one relay process.
struct TrueSession: Sendable {
    var relay: Int
    /// Which of the relay's processes has it, from 0.
    var life: Int
    var id: UInt64
    var host: String
    var name: String
    var appearsNs: UInt64
    var endsNs: UInt64
}
