import CTF
package import Feed
package import LTTngLive

/// The feed as an LTTng live server shows it to one viewer, without I/O.
///
/// Each CTF trace of the feed is one of the viewer's, with the packets and the metadata that its relay gave. A packet
/// is put together again of the slices in which its events left, and shown when all of them have. Frames are taken in
/// at the viewer's pace: only while it asks a stream of which nothing waits. So what it costs is bounded by
/// `ReExportLimits`, however long it does not ask, and a beacon says what is true where the viewer stands.
///
/// The driver's turn: `received`, then `advance` until it is `.idle`, doing what it asks for each time, and writing
/// what `takeOutput` gives.
package struct ReExport: ~Copyable, Sendable {
    /// What the driver is to do.
    package enum Step: Sendable, Equatable {
        /// Every request is answered.
        case idle
        /// A request is answered: `advance` again when the reply can be written.
        case answered
        /// Call `opened` with where the log begins, or with where it ends.
        case open(SeekPosition)
        /// Call `took` with the frames that follow, or `tookNothing`.
        case read
    }

    /// What there was, for metrics and logs.
    package struct Totals: Sendable, Equatable {
        package var packets: UInt64 = 0
        /// Packets that were not shown, and their events that came.
        package var withheldPackets: UInt64 = 0
        package var withheldEvents: UInt64 = 0

        package init(packets: UInt64 = 0, withheldPackets: UInt64 = 0, withheldEvents: UInt64 = 0) {
            self.packets = packets
            self.withheldPackets = withheldPackets
            self.withheldEvents = withheldEvents
        }
    }

    /// By which the session that holds the whole cluster is attached.
    package static let clusterName = (host: "tidemark", session: "cluster")

    private let feed: FeedIdentity
    let limits: ReExportLimits
    var server: LiveServer
    private var requests: [LiveRequest] = []
    private var nextRequest = 0
    var hasViewerSession = false
    /// What is attached, and whether it has been there since.
    var attached: [ExportedSession: Bool] = [:]
    /// How often `attached` has changed.
    package internal(set) var attachmentChanges: UInt64 = 0
    /// Whether there are streams to be announced; nil: to be looked for.
    var knownNews: Bool?

    private var decoder = FrameDecoder()
    /// The log was opened; nothing is read before.
    private(set) var isOpen = false
    /// Whether the current request has had frames read for it.
    private var hasRead = false
    /// The last read found nothing new.
    private(set) var isAtEnd = false
    /// Nothing comes behind what the log has.
    private(set) var hasFeedEnded = false
    private(set) var watermarkNs: Int64?
    /// There is no stream that the watermark follows, so it stands.
    private(set) var isIdle = false
    /// Up to which time of the feed the viewer has been told, nanoseconds.
    var revealedNs: Int64?
    /// Sessions that live where the viewer stands.
    private(set) var live: Set<SessionIdentity> = []
    var traces: [UInt64: ExportedTrace] = [:]
    var streams: [UInt64: ExportedStream] = [:]
    /// What clocks were last said to be corrected by, nanoseconds.
    private var corrections: [CorrectedClock: Int64] = [:]
    /// Streams and traces by their numbers in the protocol.
    var streamOfID: [LiveStreamID: UInt64] = [:]
    var traceOfID: [LiveStreamID: UInt64] = [:]
    /// Packet bytes of all streams.
    private var keptBytes = 0
    package internal(set) var totals = Totals()
    /// Packets that the feed does not have.
    var emptyPacketCount: UInt64 = 0

    package init(feed: FeedIdentity, limits: ReExportLimits = ReExportLimits()) {
        self.feed = feed
        self.limits = limits
        server = LiveServer()
    }

    // MARK: Requests

    /// Bytes came from the viewer.
    /// - Throws: what is wrong with them; the connection is to be closed when what is before it is answered.
    package mutating func received(_ bytes: UnsafeRawBufferPointer) throws(LiveServerError) {
        try server.received(bytes, requests: &requests)
    }

    /// Whether as much waits as may: no more is to be received before some is answered.
    package var isFull: Bool { requests.count - nextRequest >= limits.requests }

    /// Answers the next request, if it can.
    /// - Parameter newest: what lives at the log's end.
    package mutating func advance(newest: FeedState) throws(FeedError) -> Step {
        guard nextRequest < requests.count else {
            requests.removeAll(keepingCapacity: requests.capacity <= 256)
            nextRequest = 0
            return .idle
        }
        if let step = answer(requests[nextRequest], newest: newest) { return step }
        nextRequest += 1
        hasRead = false
        return .answered
    }

    package var hasOutput: Bool { server.hasOutput }

    /// Says that what was asked last is no request: the last reply.
    package mutating func replyToUnknownCommand() {
        server.replyToUnknownCommand()
    }

    /// Hands the replies to `body`, once, and forgets them.
    package mutating func takeOutput<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        server.takeOutput(body)
    }

    /// What the viewer has attached, for logs; sorted.
    package var attachedNames: [String] {
        attached.keys.map { session in
            switch session {
            case .cluster: "\(Self.clusterName.host)/\(Self.clusterName.session)"
            case .session(let identity): "\(identity.host)/\(identity.session)"
            }
        }.sorted()
    }

    /// - Returns: whether frames are to be read before the current request is answered: once each, and not while more
    ///   waits for the viewer than may.
    mutating func wantsFrames() -> Bool {
        guard isOpen, !hasRead, waitingBytes < limits.waitingBytes else { return false }
        return true
    }

    /// - Complexity: O(streams).
    private var waitingBytes: Int {
        guard keptBytes >= limits.waitingBytes else { return 0 }
        return streams.values.reduce(0) { sum, stream in sum + stream.ready.reduce(0) { $0 + $1.bytes.count } }
    }

    // MARK: Frames

    /// The viewer goes on there: where it begins, or behind frames that the log does not have any more.
    package mutating func opened(_ opening: SubscriptionOpening) throws(FeedError) {
        hasRead = true
        isOpen = true
        isAtEnd = false
        var encoder = FrameEncoder(feed: feed)
        live = []
        corrections = [:]
        isIdle = false
        for id in traces.keys { traces[id]?.beginCheckpoint() }
        // What was in the making can no longer be completed.
        for id in streams.keys { giveUpOpenPacket(of: id) }
        var named: (traces: Set<UInt64>, streams: Set<UInt64>) = ([], [])
        for frame in try encoder.checkpoint(opening) {
            let received = try decoder.decode(frame.storage)
            for record in received.batch.records {
                switch record {
                case .trace(let trace): named.traces.insert(trace.id)
                case .stream(let stream): named.streams.insert(stream.id)
                default: break
                }
            }
            take(received)
        }
        for id in streams.keys where !named.streams.contains(id) { endStream(id) }
        for id in traces.keys where !named.traces.contains(id) { endTrace(id) }
        for id in named.streams {
            // What it has missed.
            streams[id]?.missing.add(nil)
            guard let last = opening.state.lastPacket(ofStream: id) else { continue }
            know(id, last)
        }
    }

    /// Frames that follow came.
    package mutating func took(_ frames: [EncodedFrame]) throws(FeedError) {
        hasRead = true
        isAtEnd = false
        for frame in frames { take(try decoder.decode(frame.storage)) }
    }

    /// The feed comes to its end: streams and sessions end for the viewer when it has all that the log has. An end
    /// record in the log does not say so: the feed may have gone on.
    package mutating func feedEnds() {
        hasFeedEnded = true
    }

    /// Nothing follows, yet.
    package mutating func tookNothing() {
        hasRead = true
        isAtEnd = true
    }

    private mutating func take(_ frame: ReceivedFrame) {
        guard !frame.isNotice else { return }
        for record in frame.batch.records {
            switch record {
            case .trace(let trace):
                if traces[trace.id] == nil { traces[trace.id] = ExportedTrace(trace) }
            case .metadata(let id, let bytes):
                knownNews = nil
                if frame.isCheckpoint { traces[id]?.appendRepeated(bytes) } else { traces[id]?.append(bytes) }
            case .stream(let stream):
                guard let trace = traces[stream.traceID], streams[stream.id] == nil else { continue }
                streams[stream.id] = ExportedStream(stream, session: trace.session)
            case .traceEnd(let id): endTrace(id)
            case .streamEnd(let end): endStream(end.streamID)
            case .events(let group): take(group)
            case .session(let change): take(change)
            case .lost(let loss): take(loss)
            case .clock(let report): take(report)
            case .idle(let isIdle): self.isIdle = isIdle
            case .relay, .holder, .gap, .log, .source, .end: break
            }
        }
        watermarkNs = frame.batch.watermarkNs ?? watermarkNs
    }

    private mutating func take(_ change: SessionStateChange) {
        let identity = SessionIdentity(change)
        switch change.state {
        case .held: break
        case .active:
            live.insert(identity)
            for session in attached.keys where session.holds(identity) { attached[session] = true }
        case .ended, .lost:
            live.remove(identity)
            guard change.state == .ended else { return }
            for (id, stream) in streams where stream.session == identity { endStream(id) }
        }
    }

    private mutating func take(_ loss: LossRecord) {
        guard loss.unit == .packets, let id = loss.streamID else { return }
        streams[id]?.missing.add(loss.count, before: loss.packet)
    }

    private mutating func take(_ report: ClockReport) {
        let clock = CorrectedClock(report)
        // Where nothing is corrected there is nothing to remember.
        guard corrections[clock] != nil || report.correctionNs != 0 else { return }
        guard corrections.updateValue(report.correctionNs, forKey: clock) != report.correctionNs else { return }
        for (id, stream) in streams where stream.correctedClock == clock {
            streams[id]?.correction?.told(report.correctionNs)
        }
    }

    private mutating func endTrace(_ id: UInt64) {
        traces[id]?.hasEnded = true
        for (stream, value) in streams where value.stream.traceID == id { endStream(stream) }
        forgetIfUnused(trace: id)
    }

    private mutating func endStream(_ id: UInt64) {
        guard let stream = streams[id] else { return }
        giveUpOpenPacket(of: id)
        streams[id]?.hasEnded = true
        if !isWanted(stream.session) || (!stream.isAnnounced && stream.ready.isEmpty) { forget(stream: id) }
    }

    /// Nothing more is asked of the stream.
    mutating func forget(stream id: UInt64) {
        guard let stream = streams.removeValue(forKey: id) else { return }
        knownNews = nil
        keptBytes -= stream.keptBytes
        streamOfID[LiveStreamID(stream: id)] = nil
        forgetIfUnused(trace: stream.stream.traceID)
    }

    /// The viewer has detached the stream's session.
    mutating func letGo(of id: UInt64, hasEnded: Bool) {
        guard !hasEnded, let stream = streams[id] else { return forget(stream: id) }
        keptBytes -= stream.keptBytes
        streamOfID[LiveStreamID(stream: id)] = nil
        streams[id]?.isAnnounced = false
        streams[id]?.open = nil
        streams[id]?.ready = []
        streams[id]?.served = []
    }

    private mutating func forgetIfUnused(trace id: UInt64) {
        guard traces[id]?.hasEnded == true, !streams.values.contains(where: { $0.stream.traceID == id }) else { return }
        traces[id] = nil
        traceOfID[LiveStreamID(metadataOf: id)] = nil
    }

    func isWanted(_ identity: SessionIdentity) -> Bool {
        attached.keys.contains { $0.holds(identity) }
    }

    // MARK: Packets

    private mutating func take(_ group: EventGroup) {
        let late = group.slicesWithLateEvents
        for (index, slice) in group.slices.enumerated() {
            let id = slice.packet.stream.id
            guard streams[id] != nil else { continue }
            if slice.opensPacket {
                giveUpOpenPacket(of: id)
                know(id, slice.packet)
            }
            guard let stream = streams[id], isWanted(stream.session) else {
                streams[id]?.missing.add(nil)
                continue
            }
            if slice.opensPacket {
                let packet = ExportedPacket(slice.packet)
                keptBytes += packet.bytes.count
                streams[id]?.open = packet
            }
            append(slice, to: id, isLate: late.contains(index))
        }
    }

    private mutating func append(_ slice: EventSlice, to id: UInt64, isLate: Bool) {
        guard streams[id]?.open?.id == slice.packet.id else {
            // The packet's beginning came before the viewer did, or is gone.
            streams[id]?.withheldEvents += UInt64(slice.eventCount)
            return
        }
        let before = streams[id]?.open?.bytes.count ?? 0
        let grown = streams[id]?.open?.append(slice) ?? 0
        keptBytes += grown
        // What viewers have been told by now is that nothing so old comes any more.
        if isLate || streams[id]?.open?.isWithheld == true {
            _ = streams[id]?.open?.withhold()
            keptBytes -= before + grown
        }
        keepWithinLimit()
        guard var packet = streams[id]?.open, packet.isComplete || (packet.isWithheld && isLastSlice(slice)) else {
            return
        }
        streams[id]?.open = nil
        guard !packet.isWithheld else { return withheld(packet, of: id) }
        packet.withheldBefore = streams[id]?.withheldEvents ?? 0
        packet.missingBefore = streams[id]?.missing.take(before: packet.place) ?? 0
        streams[id]?.ready.append(packet)
    }

    private func isLastSlice(_ slice: EventSlice) -> Bool {
        slice.endBits >= slice.packet.preamble.contentBits ?? .max
    }

    private mutating func withheld(_ packet: ExportedPacket, of id: UInt64) {
        streams[id]?.missing.add(1)
        countWithheld(packet, of: id)
    }

    private mutating func countWithheld(_ packet: ExportedPacket, of id: UInt64) {
        streams[id]?.withheldEvents += packet.eventCount
        totals.withheldPackets += 1
        totals.withheldEvents += packet.eventCount
    }

    /// A packet cannot be completed.
    private mutating func giveUpOpenPacket(of id: UInt64) {
        guard var packet = streams[id]?.open else { return }
        streams[id]?.open = nil
        keptBytes -= packet.withhold()
        withheld(packet, of: id)
    }

    private mutating func keepWithinLimit() {
        guard keptBytes > limits.packetBytes else { return }
        let largest = streams.max { ($0.value.open?.bytes.count ?? 0) < ($1.value.open?.bytes.count ?? 0) }
        guard let id = largest?.key else { return }
        keptBytes -= streams[id]?.open?.withhold() ?? 0
    }

    /// The next packet was asked for.
    mutating func serve(_ packet: ExportedPacket, of id: UInt64) {
        guard streams[id]?.ready.isEmpty == false else { return }
        keptBytes -= streams[id]?.ready.removeFirst().bytes.count ?? 0
        totals.packets += 1
        keep(packet, of: id)
    }

    /// A packet may be fetched from now on, and the one before the last is let go of.
    mutating func keep(_ packet: ExportedPacket, of id: UInt64) {
        streams[id]?.served.append(packet)
        keptBytes += packet.bytes.count
        guard let served = streams[id]?.served, served.count > ExportedStream.servedMax else { return }
        keptBytes -= served[0].bytes.count
        streams[id]?.served.removeFirst()
    }

    /// The first complete packet is not shown after all.
    mutating func withholdFirst(of id: UInt64) {
        guard let packet = streams[id]?.ready.first else { return }
        streams[id]?.ready.removeFirst()
        keptBytes -= packet.bytes.count
        countWithheld(packet, of: id)
        for index in streams[id]?.ready.indices ?? 0..<0 {
            streams[id]?.ready[index].withheldBefore += packet.eventCount
        }
        let missing = packet.missingBefore.addingSaturating(1)
        if streams[id]?.ready.isEmpty == true {
            streams[id]?.missing.add(missing)
        } else {
            streams[id]?.ready[0].missingBefore.addSaturating(missing)
        }
    }

    /// A packet says what its stream is.
    private mutating func know(_ id: UInt64, _ packet: FeedPacket) {
        streams[id]?.head = PacketHead(packet)
        know(id, classID: packet.preamble.streamClassID, packet.program)
        passed(id, packet.correction)
    }

    /// The last packet of a stream was one that the viewer does not get.
    private mutating func know(_ id: UInt64, _ packet: StreamPlace.Packet) {
        guard let traceID = streams[id]?.stream.traceID, let program = decoder.program(ofTrace: traceID) else { return }
        streams[id]?.head = PacketHead(packet.index, program)
        know(id, classID: packet.index.streamClassID, program)
        passed(id, packet.correction)
    }

    private mutating func know(_ id: UInt64, classID: UInt64, _ program: TraceProgram) {
        streams[id]?.classID = classID
        guard let stream = streams[id], stream.clock == nil, let trace = traces[stream.stream.traceID] else { return }
        knownNews = nil
        streams[id]?.floorNs = revealedNs
        streams[id]?.clock = program.clockConversion(streamClassID: classID)
        streams[id]?.correctedClock = CorrectedClock(trace.trace, program.traceClass)
        if trace.uuid == nil { traces[stream.stream.traceID]?.uuid = program.traceClass.uuid }
    }

    private mutating func passed(_ id: UInt64, _ correction: TimeCorrection) {
        guard let stream = streams[id] else { return }
        guard stream.correction == nil else {
            streams[id]?.correction?.passed(correction)
            return
        }
        let toldNs = stream.correctedClock.flatMap { corrections[$0] }
        streams[id]?.correction = CorrectionBound(correction, toldNs: toldNs)
    }
}

extension EventGroup {
    /// The numbers of the slices of which an event is late.
    fileprivate var slicesWithLateEvents: Set<Int> {
        guard !late.isEmpty else { return [] }
        var found: Set<Int> = []
        var next = 0
        var index: UInt64 = 0
        for run in order {
            let end = index + UInt64(run.count)
            while next < late.count, UInt64(late[next].index) < end {
                found.insert(Int(run.slice))
                next += 1
            }
            index = end
        }
        return found
    }
}
