/// Which metadata language a session's traces are written in (LIST of minor 15; CTF 1.8 below).
package enum LiveTraceFormat: UInt32, Sendable, Equatable {
    case ctf1 = 0
    case ctf2 = 1
}

/// A session in the relayd's list.
package struct ListedSession: Sendable, Equatable {
    package var id: LiveSessionID
    /// Microseconds between two beacons; 0 for a session that is not live and cannot be attached.
    package var liveTimerUs: UInt32
    /// Viewers attached: 0 or 1.
    package var clientCount: UInt32
    /// Streams that the tracer has announced.
    package var streamCount: UInt32
    /// As the traced host named itself; at most 64 bytes on the wire, invalid UTF-8 replaced by U+FFFD.
    package var hostname: String
    /// At most 255 bytes on the wire, invalid UTF-8 replaced by U+FFFD.
    package var name: String
    package var format: LiveTraceFormat

    package init(
        id: LiveSessionID,
        liveTimerUs: UInt32,
        clientCount: UInt32 = 0,
        streamCount: UInt32 = 0,
        hostname: String,
        name: String,
        format: LiveTraceFormat = .ctf1
    ) {
        self.id = id
        self.liveTimerUs = liveTimerUs
        self.clientCount = clientCount
        self.streamCount = streamCount
        self.hostname = hostname
        self.name = name
        self.format = format
    }

    /// Nanoseconds between two beacons; 0 for a session that is not live.
    package var livePeriodNs: UInt64 { UInt64(liveTimerUs) * 1000 }
}

/// A stream as ATTACH and GET_NEW_STREAMS announce it.
package struct LiveStream: Sendable, Equatable {
    package var id: LiveStreamID
    package var trace: LiveTraceID
    package var isMetadata: Bool
    /// The trace's path below the relayd's folder; invalid UTF-8 replaced by U+FFFD. May hold control characters.
    package var path: String
    /// `channel_cpu`; as `path`.
    package var channel: String

    package init(id: LiveStreamID, trace: LiveTraceID, isMetadata: Bool, path: String, channel: String) {
        self.id = id
        self.trace = trace
        self.isMetadata = isMetadata
        self.path = path
        self.channel = channel
    }
}

/// Where a packet lies in its stream's file on the relayd, and what its tracer said of it.
package struct PacketIndex: Sendable, Equatable, BitwiseCopyable {
    /// Bytes from the start of the file that the relayd has open for the stream.
    package var offset: UInt64
    /// Bits, a multiple of 8, including padding.
    package var packetBits: UInt64
    /// Bits, a multiple of 8, header included, at most `packetBits`.
    package var contentBits: UInt64
    /// Cycles of the trace's clock.
    package var timestampBegin: UInt64
    /// Cycles of the trace's clock, not before `timestampBegin`.
    package var timestampEnd: UInt64
    /// Events discarded since the buffer's creation (cumulative).
    package var eventsDiscarded: UInt64
    package var streamClassID: UInt64

    package init(
        offset: UInt64,
        packetBits: UInt64,
        contentBits: UInt64,
        timestampBegin: UInt64,
        timestampEnd: UInt64,
        eventsDiscarded: UInt64 = 0,
        streamClassID: UInt64 = 0
    ) {
        self.offset = offset
        self.packetBits = packetBits
        self.contentBits = contentBits
        self.timestampBegin = timestampBegin
        self.timestampEnd = timestampEnd
        self.eventsDiscarded = eventsDiscarded
        self.streamClassID = streamClassID
    }

    /// Bytes that hold content: what is worth fetching.
    package var contentBytes: UInt64 { contentBits / 8 }
}

/// Flags of index and packet replies.
package struct ReplyFlags: OptionSet, Sendable, Equatable, BitwiseCopyable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let newMetadata = ReplyFlags(rawValue: 1 << 0)
    package static let newStreams = ReplyFlags(rawValue: 1 << 1)
    static let known: ReplyFlags = [.newMetadata, .newStreams]
}
