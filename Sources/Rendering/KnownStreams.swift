import CTF
import Feed

/// What records that name a stream by its number in the feed need to know of it. What the feed says has ended is
/// forgotten.
struct KnownStreams {
    /// Streams kept; beyond that all are forgotten, and learned again as packets come.
    static let streamsMax = 1 << 16

    struct Stream {
        var trace: FeedTrace?
        var liveStreamID: UInt64
        var channel: String
        /// Where it is stored; empty for live streams.
        var filePath = ""
        /// Known once a packet came.
        var traceUUID: TraceUUID?
        var hostname: String?
        var classID: UInt64?
        var instanceID: UInt64?
        /// Whether a packet came.
        var hasPacket = false

        /// The number that JSON's events carry.
        var shownID: UInt64 { instanceID ?? liveStreamID }
    }

    private var traces: [UInt64: FeedTrace] = [:]
    private var streams: [UInt64: Stream] = [:]
    /// The streams of each trace.
    private var members: [UInt64: [UInt64]] = [:]

    subscript(streamID: UInt64) -> Stream? { streams[streamID] }

    mutating func note(_ record: FeedRecord) {
        switch record {
        case .trace(let trace):
            if traces.count >= Self.streamsMax { traces.removeAll() }
            traces[trace.id] = trace
        case .stream(let stream): add(stream, trace: traces[stream.traceID])
        case .traceEnd(let traceID):
            traces[traceID] = nil
            for id in members.removeValue(forKey: traceID) ?? [] { streams[id] = nil }
        default: break
        }
    }

    mutating func note(_ packet: FeedPacket) {
        let id = packet.stream.id
        if let known = streams[id], known.hasPacket { return }
        if streams[id] == nil { add(packet.stream, trace: packet.trace) }
        streams[id]?.trace = packet.trace
        streams[id]?.hasPacket = true
        streams[id]?.traceUUID = packet.program.traceClass.uuid
        streams[id]?.classID = packet.preamble.streamClassID
        streams[id]?.instanceID = packet.preamble.streamInstanceID
        if case .text(let hostname)? = packet.program.traceClass.environmentValue("hostname") {
            streams[id]?.hostname = hostname
        }
    }

    private mutating func add(_ stream: FeedStream, trace: FeedTrace?) {
        guard streams[stream.id] == nil else { return }
        if streams.count >= Self.streamsMax {
            streams.removeAll()
            members.removeAll()
        }
        members[stream.traceID, default: []].append(stream.id)
        streams[stream.id] = Stream(
            trace: trace,
            liveStreamID: stream.liveStreamID,
            channel: stream.channel,
            filePath: stream.filePath,
            classID: stream.classID
        )
    }
}
