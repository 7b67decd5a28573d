/// What decides between streams at equal timestamps: babeltrace2's order, with a tie-break where it has none.
///
/// Ascending: trace UUID as `memcmp` orders it, a stream with one before a stream without; stream class id; stream
/// instance id (the live stream id where the packet header has none, as babeltrace2 does); relay name; live stream id.
package struct StreamRank: Comparable, Hashable, Sendable {
    /// The UUID's first eight bytes as a big-endian number; 0 without one.
    package let traceUUIDHigh: UInt64
    /// The UUID's last eight bytes as a big-endian number; 0 without one.
    package let traceUUIDLow: UInt64
    package let hasTraceUUID: Bool
    package let streamClassID: UInt64
    /// Nil where the packet header has none.
    package let streamInstanceID: UInt64?
    /// The leaf relay's name.
    package let relayName: String
    package let liveStreamID: UInt64

    /// - Parameter traceUUID: as two big-endian numbers; nil for a trace without one.
    package init(
        traceUUID: (high: UInt64, low: UInt64)?,
        streamClassID: UInt64,
        streamInstanceID: UInt64?,
        relayName: String,
        liveStreamID: UInt64
    ) {
        self.traceUUIDHigh = traceUUID?.high ?? 0
        self.traceUUIDLow = traceUUID?.low ?? 0
        self.hasTraceUUID = traceUUID != nil
        self.streamClassID = streamClassID
        self.streamInstanceID = streamInstanceID
        self.relayName = relayName
        self.liveStreamID = liveStreamID
    }

    package static func < (left: StreamRank, right: StreamRank) -> Bool {
        if left.hasTraceUUID != right.hasTraceUUID { return left.hasTraceUUID }
        if left.traceUUIDHigh != right.traceUUIDHigh { return left.traceUUIDHigh < right.traceUUIDHigh }
        if left.traceUUIDLow != right.traceUUIDLow { return left.traceUUIDLow < right.traceUUIDLow }
        if left.streamClassID != right.streamClassID { return left.streamClassID < right.streamClassID }
        let leftInstance = left.streamInstanceID ?? left.liveStreamID
        let rightInstance = right.streamInstanceID ?? right.liveStreamID
        if leftInstance != rightInstance { return leftInstance < rightInstance }
        if left.relayName != right.relayName { return left.relayName < right.relayName }
        if left.liveStreamID != right.liveStreamID { return left.liveStreamID < right.liveStreamID }
        // Only so that streams which compare equal are equal.
        return left.streamInstanceID != nil && right.streamInstanceID == nil
    }
}
