import CTF
import Feed
import LTTngLive

/// Answers about sessions.
extension ReExport {
    /// Answers a request, or says what is missing for that.
    mutating func answer(_ request: LiveRequest) -> Step? {
        switch request {
        case .connect: server.replyToConnect(viewerSession: 1)
        case .createViewerSession:
            hasViewerSession = true
            server.replyToCreateViewerSession(.ok)
        case .listSessions:
            guard let newest else { return .look }
            server.replyToList(list(newest).map(\.listed))
        case .attach(let id, let seek): return answerAttach(id, seek: seek)
        case .detach(let id): answerDetach(id)
        case .newStreams(let id): return answerNewStreams(id)
        case .nextIndex(let id): return answerNextIndex(id)
        case .packet(let id, let offset, let length): answerPacket(id, offset: offset, length: length)
        case .metadata(let id): answerMetadata(id)
        }
        return nil
    }

    private func list(_ newest: [FeedState.LiveSession]) -> [(session: ExportedSession, listed: ListedSession)] {
        ExportedSession.list(newest, livePeriodUs: limits.livePeriodUs)
    }

    private mutating func answerAttach(_ id: LiveSessionID, seek: UInt32) -> Step? {
        guard hasViewerSession else {
            server.replyToAttach(.noViewerSession)
            return nil
        }
        guard let newest else { return .look }
        guard let (session, listed) = list(newest).first(where: { $0.listed.id == id }),
            listed.format == .ctf1 || showsCTF2
        else {
            server.replyToAttach(.unknownSession)
            return nil
        }
        // A stream is shown once a connection: the cluster holds every session.
        guard !attached.keys.contains(where: { $0 == session || $0 == .cluster || session == .cluster }) else {
            server.replyToAttach(.alreadyHeld)
            return nil
        }
        guard let position = SeekPosition(rawValue: seek) else {
            server.replyToAttach(.seekRefused)
            return nil
        }
        guard isOpen else { return .open(position) }
        attached[session] = live.contains { session.holds($0) }
        attachmentChanges += 1
        knownNews = nil
        for (id, stream) in streams where session.holds(stream.session) { streams[id]?.floorNs = revealedNs }
        server.replyToAttach(.ok, streams: announceStreams(of: session))
        return nil
    }

    private mutating func answerDetach(_ id: LiveSessionID) {
        guard let session = attachedSession(id) else { return server.replyToDetach(.unknownSession) }
        attached[session] = nil
        attachmentChanges += 1
        knownNews = nil
        for (stream, value) in streams where session.holds(value.session) {
            letGo(of: stream, hasEnded: value.hasEnded)
        }
        for (trace, value) in traces where session.holds(value.session) { letGo(ofTrace: trace) }
        server.replyToDetach(.ok)
    }

    private mutating func answerNewStreams(_ id: LiveSessionID) -> Step? {
        guard let session = attachedSession(id) else {
            server.replyToNewStreams(.failed)
            return nil
        }
        for id in streams.keys { streams[id]?.unheededFlags = 0 }
        let announced = announceStreams(of: session)
        let isEmpty = !streams.values.contains { session.holds($0.session) && $0.isAnnounced }
        if announced.isEmpty, isEmpty {
            // There is no stream of which it could ask what follows.
            if wantsFrames() { return .read }
            if isOver(session) {
                server.replyToNewStreams(.hungUp)
                return nil
            }
        }
        server.replyToNewStreams(.ok, streams: announced)
        return nil
    }

    func attachedSession(_ id: LiveSessionID) -> ExportedSession? {
        attached.keys.first { $0.liveID == id }
    }

    /// Whether nothing more can come of a session.
    private func isOver(_ session: ExportedSession) -> Bool {
        if isAtEnd, hasFeedEnded { return true }
        guard !live.contains(where: { session.holds($0) }) else { return false }
        switch session {
        case .cluster: return isAtEnd
        case .session: return isAtEnd || attached[session] == true
        }
    }

    // MARK: Streams that are new to the viewer

    private var showsCTF2: Bool { server.minor ?? 0 >= LiveVersion.longListMinor }

    /// Whether the stream is to be announced: what is needed to say where it stands is known.
    private func isNew(_ stream: ExportedStream) -> Bool {
        guard !stream.isAnnounced, let trace = traces[stream.stream.traceID] else { return false }
        return trace.receivedBytes > 0 && isShown(stream)
    }

    /// Whether the viewer wants the stream, and can be shown it.
    func isShown(_ stream: ExportedStream) -> Bool {
        guard stream.clock != nil, isWanted(stream.session), let trace = traces[stream.stream.traceID] else {
            return false
        }
        return showsCTF2 || !trace.isCTF2
    }

    /// - Complexity: O(streams) when streams, metadata or what is attached have changed.
    mutating func hasNewStreams() -> Bool {
        if let known = knownNews { return known }
        let news = streams.values.contains { isNew($0) }
        knownNews = news
        return news
    }

    private mutating func announceStreams(of session: ExportedSession) -> [LiveStream] {
        guard hasNewStreams() else { return [] }
        knownNews = nil
        var announced: [LiveStream] = []
        for id in streams.keys.sorted() {
            // The others are still new, and asked for next.
            if announced.count >= limits.announcedStreams { break }
            guard let stream = streams[id], session.holds(stream.session), isNew(stream) else { continue }
            let traceID = stream.stream.traceID
            if let metadata = announceTrace(traceID) { announced.append(metadata) }
            streams[id]?.isAnnounced = true
            streams[id]?.beaconLagCycles = announcedCount % Self.beaconLags
            announcedCount += 1
            streams[id]?.promisedCycles = stream.floorNs.flatMap { stream.cycles(before: $0) } ?? 0
            let liveID = LiveStreamID(stream: id)
            streamOfID[liveID] = id
            announced.append(
                LiveStream(
                    id: liveID,
                    trace: LiveTraceID(traceID),
                    isMetadata: false,
                    path: traces[traceID]?.trace.path ?? "",
                    channel: stream.stream.channel
                )
            )
        }
        return announced
    }

    private mutating func announceTrace(_ id: UInt64) -> LiveStream? {
        guard let trace = traces[id], !trace.isAnnounced else { return nil }
        let taken = Set(traces.values.filter(\.isAnnounced).compactMap { $0.shownUUID ?? $0.uuid })
        traces[id]?.tellApart { taken.contains($0) }
        traces[id]?.isAnnounced = true
        let liveID = LiveStreamID(metadataOf: id)
        traceOfID[liveID] = id
        return LiveStream(
            id: liveID,
            trace: LiveTraceID(id),
            isMetadata: true,
            path: trace.trace.path,
            channel: "metadata"
        )
    }
}

/// Answers about streams.
extension ReExport {
    private mutating func answerNextIndex(_ liveID: LiveStreamID) -> Step? {
        guard let id = streamOfID[liveID], streams[id] != nil else {
            server.replyToNextIndex(traceOfID[liveID] == nil ? .failed : .hungUp)
            return nil
        }
        while let packet = streams[id]?.packets.ready.first, isDue(packet, of: id) {
            guard packet.endCycles >= streams[id]?.promisedCycles ?? 0 else {
                withholdFirst(of: id)
                continue
            }
            if !answerSkippedPacket(before: packet, of: id) { answer(packet, of: id) }
            return nil
        }
        if hasEnded(streams[id]), streams[id]?.packets.ready.isEmpty == true {
            server.replyToNextIndex(.hungUp, flags: flags(ofStream: id))
            forget(stream: id)
            return nil
        }
        if wantsFrames() { return .read }
        answerBeacon(of: id)
        return nil
    }

    /// Whether a complete packet may be shown: where all streams are shown no further than to the watermark, a new
    /// one's events are later than what the viewer has seen.
    func isDue(_ packet: ExportedPacket, of id: UInt64) -> Bool {
        guard let stream = streams[id] else { return false }
        // What others have from before its end may still come, as long as the watermark follows them.
        if stream.hasEnded && isIdle || isAtEnd && hasFeedEnded { return true }
        guard let watermarkNs, let endNs = stream.endNs(packet) else { return false }
        return endNs < watermarkNs
    }

    func hasEnded(_ stream: ExportedStream?) -> Bool {
        stream?.hasEnded == true || (isAtEnd && hasFeedEnded)
    }

    private mutating func answer(_ packet: ExportedPacket, of id: UInt64) {
        guard let stream = streams[id], let trace = traces[stream.stream.traceID] else { return }
        var packet = packet
        let flags = flags(ofStream: id)
        let begin = max(packet.beginCycles, stream.promisedCycles)
        if begin != packet.beginCycles || trace.shownUUID != nil {
            packet.show(beginCycles: begin, uuid: trace.shownUUID)
        }
        server.replyToNextIndex(packet.index, flags: flags)
        serve(packet, of: id)
        streams[id]?.promisedCycles = packet.endCycles
        streams[id]?.shown = packet.head
        streams[id]?.shownWithheld = packet.withheldBefore
        // To its end, and that too.
        if let endNs = stream.endNs(packet), let watermarkNs { reveal(endNs < watermarkNs ? endNs + 1 : watermarkNs) }
    }

    private mutating func reveal(_ ns: Int64) {
        revealedNs = max(revealedNs ?? ns, ns)
    }

    /// Says up to where the stream is known to have nothing.
    private mutating func answerBeacon(of id: UInt64) {
        guard let stream = streams[id] else { return }
        // Where the viewer goes on in time before it has asked for new streams, their first events are too old for it.
        let bound = hasNewStreams() ? revealedNs : watermarkNs
        guard let bound, let cycles = stream.cycles(before: bound), let classID = stream.classID else {
            return server.replyToNextIndex(.retry, flags: flags(ofStream: id))
        }
        reveal(bound)
        let known = min(cycles, stream.nextBeginCycles ?? cycles)
        let promise = max(stream.promisedCycles, known - min(stream.beaconLagCycles, known))
        streams[id]?.promisedCycles = promise
        let flags = flags(ofStream: id)
        if flags.contains(.newStreams), answerUnheeded(of: id, flags) { return }
        server.replyToNextIndex(beacon: promise, streamClassID: classID, flags: flags)
    }

    /// Some viewers (babeltrace2 2.0) look at flags only where there is a packet, and would not learn of new streams
    /// as long as no other has one: a viewer that seems not to see the flag is given a packet without events.
    private mutating func answerUnheeded(of id: UInt64, _ flags: ReplyFlags) -> Bool {
        streams[id]?.unheededFlags += 1
        guard let stream = streams[id], stream.unheededFlags > limits.unheededFlags,
            let head = stream.shown ?? stream.packets.ready.first?.head ?? stream.head
        else { return false }
        streams[id]?.unheededFlags = 0
        return answerEmptyPacket(of: id, like: head, numbered: head.sequenceNumber, flags)
    }

    /// LTTng writes packets without events at a start or a stop. The feed has none of them, and they would seem to be
    /// lost: where that is not said, they are put in place again.
    private mutating func answerSkippedPacket(before packet: ExportedPacket, of id: UInt64) -> Bool {
        guard let last = streams[id]?.shown, let number = last.sequenceNumber, let next = packet.head.sequenceNumber,
            next > number, case let skipped = next - number - 1, skipped > packet.missingBefore,
            skipped - packet.missingBefore <= limits.skippedPackets
        else { return false }
        return answerEmptyPacket(of: id, like: last, numbered: number + 1, flags(ofStream: id))
    }

    /// Shows a packet without events where the viewer stands.
    private mutating func answerEmptyPacket(
        of id: UInt64,
        like head: PacketHead,
        numbered number: UInt64?,
        _ flags: ReplyFlags
    ) -> Bool {
        guard let stream = streams[id], let head = head.empty(at: stream.promisedCycles, numbered: number) else {
            return false
        }
        emptyPacketCount += 1
        let offset = Self.emptyPacketOffset + emptyPacketCount << 16
        var packet = ExportedPacket(empty: head, at: stream.promisedCycles, offset: offset)
        packet.withheldBefore = stream.shownWithheld
        if let uuid = traces[stream.stream.traceID]?.shownUUID {
            packet.show(beginCycles: packet.beginCycles, uuid: uuid)
        }
        server.replyToNextIndex(packet.index, flags: flags)
        streams[id]?.shown = head
        keep(packet, of: id)
        return true
    }

    /// So many streams say different times: less than that many cycles, of a nanosecond each as a rule.
    private static var beaconLags: UInt64 { 4096 }

    /// Behind all that a stream's file can be long.
    private static var emptyPacketOffset: UInt64 { 1 << 61 }

    private mutating func flags(ofStream id: UInt64) -> ReplyFlags {
        var flags: ReplyFlags = []
        if let traceID = streams[id]?.stream.traceID, traces[traceID]?.hasUnsent == true {
            flags.insert(.newMetadata)
        }
        if hasNewStreams() { flags.insert(.newStreams) }
        return flags
    }

    private mutating func answerPacket(_ liveID: LiveStreamID, offset: UInt64, length: UInt32) {
        guard length <= limits.packetReplyBytes, let id = streamOfID[liveID],
            let bytes = fetch(id, offset: offset, count: Int(length))
        else { return server.replyToPacket(.failed) }
        bytes.withUnsafeBytes { server.replyToPacket(.ok, bytes: $0) }
    }

    private mutating func answerMetadata(_ liveID: LiveStreamID) {
        guard let id = traceOfID[liveID], let trace = traces[id] else { return server.replyToMetadata(.failed) }
        guard trace.hasUnsent else { return server.replyToMetadata(.noNew) }
        let bytes = traces[id]?.takeMetadata() ?? []
        bytes.withUnsafeBytes { server.replyToMetadata(.ok, bytes: $0) }
    }
}

extension ExportedPacket {
    fileprivate var index: PacketIndex {
        PacketIndex(
            offset: offset,
            packetBits: byteCount * 8,
            contentBits: contentBits,
            timestampBegin: beginCycles,
            timestampEnd: endCycles,
            eventsDiscarded: (head.discardedEvents ?? 0) &+ withheldBefore,
            streamClassID: head.classID
        )
    }
}
