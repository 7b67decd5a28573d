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
        /// Call `looked` with the sessions that live at the log's end.
        case look
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
        /// Packets that a limit was in the way of: of those that are not shown, and of others that were let go of
        /// before they were fetched.
        package var givenUpPackets: UInt64 = 0

        package init(
            packets: UInt64 = 0,
            withheldPackets: UInt64 = 0,
            withheldEvents: UInt64 = 0,
            givenUpPackets: UInt64 = 0
        ) {
            self.packets = packets
            self.withheldPackets = withheldPackets
            self.withheldEvents = withheldEvents
            self.givenUpPackets = givenUpPackets
        }
    }

    /// By which the session that holds the whole cluster is attached.
    package static let clusterName = (host: "tidemark", session: "cluster")

    private let feed: FeedIdentity
    let limits: ReExportLimits
    var server: LiveServer
    private var requests: [LiveRequest] = []
    private var nextRequest = 0
    /// What lived at the log's end when the current request asked for it.
    private(set) var newest: [FeedState.LiveSession]?
    var hasViewerSession = false
    /// What is attached, and whether it has been there since.
    var attached: [ExportedSession: Bool] = [:]
    /// How often `attached` has changed.
    package internal(set) var attachmentChanges: UInt64 = 0
    /// Whether there are streams to be announced; nil: to be looked for.
    var knownNews: Bool?

    private(set) var decoder = FrameDecoder()
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
    /// Streams that were announced, those that have gone as well.
    var announcedCount: UInt64 = 0
    /// Streams and traces by their numbers in the protocol.
    var streamOfID: [LiveStreamID: UInt64] = [:]
    var traceOfID: [LiveStreamID: UInt64] = [:]
    /// Packet bytes of all streams.
    private var kept = KeptBytes()
    /// Of streams that have ended and that the viewer has not been told so.
    private var endedStreamCount = 0
    /// Of traces that have ended, which the decoder's state has no more: metadata, bytes.
    private var endedMetadataBytes = 0
    package internal(set) var totals = Totals()
    /// Packets that the feed does not have.
    var emptyPacketCount: UInt64 = 0
    /// Packets that can, or could, be fetched.
    private var servedCount: UInt64 = 0

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

    /// Requests that wait to be answered. The driver bounds them: while there are any it receives no more.
    package var waitingRequests: Int { requests.count - nextRequest }

    /// Packet bytes that are kept.
    package var keptBytes: Int { kept.all }

    /// Answers the next request, if it can.
    package mutating func advance() -> Step {
        guard nextRequest < requests.count else {
            requests.removeAll(keepingCapacity: requests.capacity <= 256)
            nextRequest = 0
            return .idle
        }
        if let step = answer(requests[nextRequest]) { return step }
        nextRequest += 1
        hasRead = false
        newest = nil
        return .answered
    }

    /// What lives at the log's end, for the current request.
    package mutating func looked(_ newest: [FeedState.LiveSession]) {
        self.newest = newest
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
    ///   waits for the viewer than may. Where nothing of that can be had before more is read, that goes before: of each
    ///   stream one packet may wait for the watermark to pass its end.
    mutating func wantsFrames() -> Bool {
        guard isOpen, !hasRead else { return false }
        let isFull =
            kept.ready + endedMetadataBytes >= limits.waitingBytes || endedStreamCount >= limits.endedStreams
        return !isFull || !(hasNewStreams() || hasSomethingToGive)
    }

    /// Whether something waits that the viewer would be given if it asked.
    /// - Complexity: O(streams).
    private var hasSomethingToGive: Bool {
        streams.contains { id, stream in
            guard stream.isAnnounced else { return false }
            guard let packet = stream.packets.ready.first else { return hasEnded(stream) }
            return isDue(packet, of: id)
        }
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
        for id in traces.keys { traces[id]?.endCheckpoint() }
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
        // Something may have come since it was last read.
        isAtEnd = false
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
                guard traces[id]?.hasEnded == false else { continue }
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
        // Where a release is cut into several batches only the last says W; the others say up to where they are.
        if let passedNs = frame.batch.watermarkNs ?? frame.batch.floorNs {
            watermarkNs = max(watermarkNs ?? passedNs, passedNs)
        }
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
        guard let trace = traces[id], !trace.hasEnded else { return }
        endedMetadataBytes += trace.receivedBytes
        traces[id]?.hasEnded = true
        for (stream, value) in streams where value.stream.traceID == id { endStream(stream) }
        forgetIfUnused(trace: id)
    }

    private mutating func endStream(_ id: UInt64) {
        guard let stream = streams[id] else { return }
        giveUpOpenPacket(of: id)
        if !stream.hasEnded { endedStreamCount += 1 }
        streams[id]?.hasEnded = true
        if !isShown(stream) || (!stream.isAnnounced && stream.packets.ready.isEmpty) { forget(stream: id) }
    }

    /// Nothing more is asked of the stream.
    mutating func forget(stream id: UInt64) {
        guard let stream = streams.removeValue(forKey: id) else { return }
        knownNews = nil
        kept -= stream.packets.bytes
        if stream.hasEnded { endedStreamCount -= 1 }
        streamOfID[LiveStreamID(stream: id)] = nil
        forgetIfUnused(trace: stream.stream.traceID)
    }

    /// The viewer has detached the stream's session.
    mutating func letGo(of id: UInt64, hasEnded: Bool) {
        guard !hasEnded else { return forget(stream: id) }
        streamOfID[LiveStreamID(stream: id)] = nil
        change(id) { $0 = KeptPackets() }
        streams[id]?.isAnnounced = false
        streams[id]?.unheededFlags = 0
        // What comes next follows on nothing that the viewer knows.
        streams[id]?.shown = nil
    }

    /// The viewer has detached the trace's session: it is told of it anew, and gets its metadata from the start.
    mutating func letGo(ofTrace id: UInt64) {
        traceOfID[LiveStreamID(metadataOf: id)] = nil
        traces[id]?.startOver()
    }

    private mutating func forgetIfUnused(trace id: UInt64) {
        guard let trace = traces[id], trace.hasEnded, !streams.values.contains(where: { $0.stream.traceID == id })
        else { return }
        endedMetadataBytes -= trace.receivedBytes
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
            guard let stream = streams[id], isShown(stream) else {
                streams[id]?.missing.add(nil)
                continue
            }
            if slice.opensPacket, let head = stream.head { change(id) { $0.begin(slice.packet, head) } }
            append(slice, to: id, isLate: late.contains(index))
        }
    }

    /// Changes what is kept of a stream, and counts it.
    /// - Returns: nil where there is no such stream.
    @discardableResult
    private mutating func change<Result>(_ id: UInt64, _ body: (inout KeptPackets) -> Result) -> Result? {
        streams[id]?.packets.counted(in: &kept, body)
    }

    private mutating func append(_ slice: EventSlice, to id: UInt64, isLate: Bool) {
        // One that is late is older than what viewers have been told that nothing comes before.
        guard change(id, { $0.append(slice, isLate: isLate) }) == true else {
            // The packet's beginning came before the viewer did, or is gone.
            streams[id]?.withheldEvents += UInt64(slice.eventCount)
            return
        }
        keepWithinLimit()
        guard streams[id]?.packets.open.map({ $0.isComplete || ($0.isWithheld && isLastSlice(slice)) }) == true,
            var packet = change(id, { $0.takeOpen() }) ?? nil
        else { return }
        guard !packet.isWithheld else { return withheld(packet, of: id) }
        packet.withheldBefore = streams[id]?.withheldEvents ?? 0
        packet.missingBefore = streams[id]?.missing.take(before: packet.place) ?? 0
        change(id) { $0.append(ready: packet) }
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
        if let packet = change(id, { $0.takeOpen() }) ?? nil { withheld(packet, of: id) }
    }

    /// Gives up the packets of which most has come, where those in the making take too much.
    private mutating func keepWithinLimit() {
        while kept.ready > limits.openBytes + limits.waitingBytes {
            // None of them is due, or the log would not have been read on.
            guard let id = streams.max(by: { $0.value.packets.bytes.ready < $1.value.packets.bytes.ready })?.key,
                streams[id]?.packets.ready.isEmpty == false
            else { break }
            withholdFirst(of: id)
            totals.givenUpPackets += 1
        }
        while kept.open > limits.openBytes {
            guard let id = streams.max(by: { $0.value.packets.bytes.open < $1.value.packets.bytes.open })?.key else {
                return
            }
            change(id) { $0.withholdOpen() }
            totals.givenUpPackets += 1
        }
    }

    /// The next packet was asked for.
    mutating func serve(_ packet: ExportedPacket, of id: UInt64) {
        guard change(id, { $0.removeFirstReady() }) ?? nil != nil else { return }
        totals.packets += 1
        keep(packet, of: id)
    }

    /// A packet may be fetched from now on, and the one before the last is let go of.
    mutating func keep(_ packet: ExportedPacket, of id: UInt64) {
        servedCount += 1
        var packet = packet
        packet.servedNumber = servedCount
        change(id) { $0.append(served: packet) }
        while kept.served > limits.servedBytes, let (victim, first) = dispensable {
            change(victim) { _ = $0.removeFirstServed() }
            if !first.isFetched { totals.givenUpPackets += 1 }
        }
    }

    /// The oldest packet that the viewer has fetched, or else the oldest that it may fetch; never the last.
    /// - Complexity: O(streams).
    private var dispensable: (stream: UInt64, packet: ExportedPacket)? {
        streams.compactMap { id, stream in
            stream.packets.served.first.map { (stream: id, packet: $0) }
        }.filter { $0.packet.servedNumber < servedCount }.min { left, right in
            (left.packet.isFetched ? 0 : 1, left.packet.servedNumber)
                < (right.packet.isFetched ? 0 : 1, right.packet.servedNumber)
        }
    }

    /// The first complete packet is not shown after all.
    mutating func withholdFirst(of id: UInt64) {
        guard let packet = change(id, { $0.removeFirstReady() }) ?? nil else { return }
        countWithheld(packet, of: id)
        let missing = packet.missingBefore.addingSaturating(1)
        let isSaid = change(id) { $0.count(withheld: packet.eventCount, missing: missing) }
        if isSaid != true { streams[id]?.missing.add(missing) }
    }

    /// - Returns: nil where nothing is kept that has all of it.
    mutating func fetch(_ id: UInt64, offset: UInt64, count: Int) -> [UInt8]? {
        streams[id]?.packets.fetch(offset: offset, count: count)
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
