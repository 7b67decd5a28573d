import CTF
import Feed
import MetadataWriter
import PacketWriter
import Testing

/// A feed that a test writes frame by frame, and the log that a viewer reads it from.
final class ExportedFeed {
    static let feed = FeedIdentity(id: FeedID(high: 1, low: 2))

    /// A packet, where its events begin, and the end of the last.
    struct Packet {
        let bytes: [UInt8]
        let packet: FeedPacket
        fileprivate let storage: ByteStorage
        fileprivate let starts: [EventCursor]
        var eventCount: Int { starts.count - 1 }
    }

    private var encoder = FrameEncoder(feed: ExportedFeed.feed)
    /// What lived before the first frame, and after the newest.
    private(set) var oldest = FeedState()
    private(set) var newest = FeedState()
    private(set) var frames: [EncodedFrame] = []
    private var packetCount: UInt64 = 0

    init() {}

    /// Nanoseconds since the epoch of a time of the clock of `LTTngTrace`.
    static func ns(_ cycles: UInt64) -> Int64 { 1_700_000_000_000_000_000 + Int64(cycles) }

    static func trace(
        _ id: UInt64 = 1,
        relay: String = "alpha",
        host: String = "web",
        session: String = "run"
    ) -> FeedTrace {
        FeedTrace(id: id, relay: relay, host: host, session: session, sessionID: 7, path: "ust/uid/0/64-bit")
    }

    static func stream(_ id: UInt64, of trace: FeedTrace) -> FeedStream {
        FeedStream(id: id, traceID: trace.id, liveStreamID: id + 40, channel: "channel0_\(id)")
    }

    static func active(_ trace: FeedTrace, _ state: SessionState = .active) -> FeedRecord {
        .session(
            SessionStateChange(
                relay: trace.relay,
                host: trace.host,
                session: trace.session,
                sessionID: trace.sessionID,
                state: state,
                reason: ""
            )
        )
    }

    static func metadata(_ trace: LTTngTrace) throws -> [UInt8] {
        Array(try #require(TSDLWriter.text(trace.traceClass)).utf8)
    }

    /// A packet of a stream with an event at each of the times.
    func packet(
        _ stream: FeedStream,
        of trace: FeedTrace,
        in kind: LTTngTrace = LTTngTrace(),
        at cycles: [UInt64],
        begin: UInt64? = nil,
        end: UInt64? = nil,
        sequence: UInt64 = 0,
        discarded: UInt64 = 0,
        padding: Int = 0,
        offset: UInt64 = 0,
        correction: TimeCorrection = .none,
        event: (UInt64, Int) -> LTTngTrace.Event = { LTTngTrace.tick(at: $0, seqno: UInt64($1)) }
    ) throws -> Packet {
        packetCount += 1
        let bytes = kind.writePacket(
            events: cycles.enumerated().map { event($1, $0) },
            streamInstanceID: stream.id,
            sequenceNumber: sequence,
            discardedEvents: discarded,
            beginCycles: begin,
            endCycles: end,
            paddingBytes: padding
        )
        let storage = ByteStorage(capacity: bytes.count)
        bytes.withUnsafeBytes { storage.write($0, at: 0) }
        let metadata = try Self.metadata(kind)
        var reader = MetadataReader()
        try metadata.withUnsafeBytes { try reader.append($0) }
        let program = try TraceProgram(try #require(reader.traceClass))
        let preamble = try program.readPreamble(PacketBytes(storage.bytes))
        var starts = [preamble.firstEvent]
        var skipped = SkippingVisitor()
        for _ in cycles {
            var cursor = starts[starts.count - 1]
            try program.visitEvent(
                PacketBytes(storage.bytes),
                preamble: preamble,
                cursor: &cursor,
                visitor: &skipped
            )
            starts.append(cursor)
        }
        let packet = FeedPacket(
            id: packetCount,
            trace: trace,
            stream: stream,
            program: program,
            metadataBytes: reader.textBytes,
            preamble: preamble,
            preambleStorage: storage,
            correction: correction,
            place: PacketPlace(endCycles: preamble.timestampEndCycles ?? 0, offset: offset)
        )
        return Packet(bytes: bytes, packet: packet, storage: storage, starts: starts)
    }

    /// Events of packets, one after the other.
    static func events(_ parts: [(Packet, Range<Int>)], late: [UInt32] = []) -> FeedRecord {
        var group = EventGroup()
        for (packet, range) in parts {
            let (first, end) = (packet.starts[range.lowerBound], packet.starts[range.upperBound])
            group.order.append(EventGroup.Run(slice: UInt32(group.slices.count), count: UInt32(range.count)))
            group.slices.append(
                EventSlice(
                    packet: packet.packet,
                    storage: packet.storage,
                    storageOffset: Int(first.positionBits / 8),
                    firstBits: first.positionBits,
                    endBits: end.positionBits,
                    clockCycles: first.clockCycles,
                    eventCount: range.count,
                    opensPacket: range.lowerBound == 0
                )
            )
            group.eventCount += range.count
        }
        group.late = late.map { EventGroup.Late(index: $0, lateNs: 5) }
        return .events(group)
    }

    static func events(_ packet: Packet) -> FeedRecord { events([(packet, 0..<packet.eventCount)]) }

    /// Publishes a frame.
    /// - Parameters:
    ///   - cycles: W; nil: as before.
    ///   - floor: up to where the batch goes, where it is one of several and does not say W.
    func publish(_ records: [FeedRecord], watermark cycles: UInt64? = nil, floor: UInt64? = nil) throws {
        let batch = FeedBatch(
            records: records,
            watermarkNs: floor == nil ? cycles.map { Self.ns($0) } ?? newest.watermarkNs : nil,
            floorNs: floor.map { Self.ns($0) }
        )
        for publication in try encoder.encode(batch) {
            frames.append(publication.frame)
            try newest.fold(publication.batch)
        }
    }

    /// Declares a trace of which a session is active.
    static func declarations(_ trace: FeedTrace, _ streams: [FeedStream], _ kind: LTTngTrace = LTTngTrace()) throws
        -> [FeedRecord]
    {
        [active(trace), .trace(trace), .metadata(traceID: trace.id, bytes: try metadata(kind))]
            + streams.map { .stream($0) }
    }

    /// What was published so far is no longer kept.
    func forgetFrames() {
        frames = []
        oldest = newest
    }
}
