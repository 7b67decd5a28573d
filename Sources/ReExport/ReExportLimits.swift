/// Every bound of what one viewer of the re-export may cost.
package struct ReExportLimits: Sendable, Equatable {
    /// Packet bytes that are kept for a viewer: those that are not complete, not fetched, or fetched last. Beyond it
    /// the packet of which most has come is given up.
    package var packetBytes = 64 << 20
    /// Of these, bytes that wait to be asked for, beyond which no more is read from the log.
    package var waitingBytes = 16 << 20
    /// What the log is asked for at a time, bytes.
    package var readBytes = 256 << 10
    /// A longer GET_PACKET is refused, bytes.
    package var packetReplyBytes: UInt32 = 16 << 20
    /// Requests that wait to be answered; no more is received meanwhile.
    package var requests = 4096
    /// How often a stream's beacon says in vain that there are new streams, before a packet without events says it.
    package var unheededFlags = 4
    /// How many packets without events may be put in place again between two; where more are missing, all seem lost.
    package var skippedPackets: UInt64 = 64
    /// What the sessions say how often a beacon comes, microseconds.
    package var livePeriodUs: UInt32 = 100_000

    package init() {}
}
