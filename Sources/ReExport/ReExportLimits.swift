/// Every bound of what one viewer of the re-export may cost.
package struct ReExportLimits: Sendable, Equatable {
    /// Bytes of packets that are not complete. Beyond it the packet of which most has come is given up.
    package var openBytes: Int
    /// Bytes of packets that are, and of the metadata of traces that have ended: beyond it no more is read from the log
    /// before the viewer has asked for some.
    package var waitingBytes: Int
    /// Bytes of packets that can be fetched. Beyond it the oldest that was fetched is let go of, or else the oldest.
    package var servedBytes: Int
    /// Streams that have ended and of which the viewer has not asked what follows: as `waitingBytes`.
    package var endedStreams = 4096
    /// Streams that one reply tells of, about 4 KiB each.
    package var announcedStreams = 1024
    /// What the log is asked for at a time, bytes.
    package var readBytes = 256 << 10
    /// A longer GET_PACKET is refused, bytes.
    package var packetReplyBytes: UInt32 = 16 << 20
    /// How often a stream's beacon says in vain that there are new streams, before a packet without events says it.
    package var unheededFlags = 4
    /// How many packets without events may be put in place again between two; where more are missing, all seem lost.
    package var skippedPackets: UInt64 = 64
    /// What the sessions say how often a beacon comes, microseconds.
    package var livePeriodUs: UInt32 = 100_000

    /// - Parameter memoryBytes: what the packets kept for a viewer may take, all of them together, but for what one
    ///   read brings.
    package init(memoryBytes: Int = 128 << 20) {
        openBytes = memoryBytes / 16 * 7
        waitingBytes = memoryBytes / 8
        servedBytes = memoryBytes / 16 * 7
    }
}
