import CTF
import EventMerge
import Feed
import LTTngLive

/// How far a stream has been taken, for going on after a lost connection, or when the coordinator is started again.
struct StreamPosition: Equatable {
    /// End of the last packet taken notice of, cycles.
    var endCycles: UInt64
    /// Number of the packet behind it; nil where packets have none.
    var nextSequenceNumber: UInt64?
    /// Where the relay had the last packet, bytes.
    var offset: UInt64
    /// The packet of which the feed has a part only, which is behind all that was taken whole.
    var cutPacket: RestoredFeed.CutPacket?
}

/// Going on where a lost connection was, on the same session only.
///
/// A relay that was started anew uses its numbers again, so that another session may have the number, the names, the
/// traces and the streams of the one that was there. What tells them apart is the trace's UUID: nothing of a trace that
/// is found again is published before its metadata has come.
extension Coordinator {
    /// The relay sends the metadata from its beginning again; what is in the feed already is not repeated.
    func rewind(_ trace: RelayTrace) {
        trace.reader = MetadataReader()
        trace.reply.removeAll()
        trace.receivedBytes = 0
        trace.receivedMetadataBytes = 0
        trace.program = nil
        trace.programRevision = 0
        trace.programFault = nil
        trace.unproven = trace.publishedBytes > 0 ? [] : nil
    }

    /// Publishes a reply of metadata, or keeps it until it is known whose it is.
    mutating func takeMetadata(_ trace: RelayTrace, _ reply: [UInt8]) {
        if trace.unproven != nil { trace.unproven? += reply } else { publishMetadata(trace, reply) }
    }

    /// The metadata has given the trace's identity, or cannot be read.
    /// - Returns: the trace that it is of: not the one of before the lost connection, if that had another identity.
    mutating func identified(_ trace: RelayTrace, _ uuid: TraceUUID?, _ link: RelayLink) -> RelayTrace {
        guard let metadata = trace.unproven else {
            trace.uuid = uuid ?? trace.uuid
            for stream in trace.streams where stream.isOver { isolate(stream) }
            return trace
        }
        trace.unproven = nil
        var found = trace
        if uuid != trace.uuid {
            if trace.isDoubtful { replace(trace, link) } else { replaceSession(link, unlike: trace) }
            found = link.traces[trace.id] ?? trace
        }
        trace.isDoubtful = false
        found.uuid = uuid
        for stream in found.streams where stream.isOver { isolate(stream) }
        publishMetadata(found, metadata)
        return found
    }

    /// The session that was found again is another one: what was there of the old one is lost.
    /// - Parameter stranger: the trace by which it was found out.
    private mutating func replaceSession(_ link: RelayLink, unlike stranger: RelayTrace) {
        guard let old = link.session else { return }
        let new = RelaySession(listed: old.listed, frontier: frontier.addSession(link.frontier, boundNs: nil))
        new.isResumed = old.isResumed
        new.startNs = old.startNs
        new.endedStreams = old.endedStreams
        link.session = new
        for trace in link.tracesInOrder {
            if trace === stranger {
                replace(trace, of: old, by: copy(trace, session: new), link)
            } else {
                // A connection that was lost before it could tell may have brought it.
                trace.isDoubtful = trace.unproven != nil
                move(trace, from: old, to: new)
            }
        }
        forget(old, of: link, reason: "the relay was started anew")
        begin(new, of: link)
    }

    /// The trace is the new session's, as far as is known, and so is all that the feed has of it.
    private mutating func move(_ trace: RelayTrace, from old: RelaySession, to new: RelaySession) {
        let counting = trace.streams.filter { $0.frontier != nil }
        for stream in counting { isolate(stream) }
        trace.session = new
        for stream in trace.streams where !stream.hasEnded {
            old.streamCount -= 1
            new.streamCount += 1
        }
        old.drainingCount -= trace.drainingCount
        new.drainingCount += trace.drainingCount
        for stream in counting {
            readmit(stream)
            if stream.boundNs > .min { advance(stream, to: stream.boundNs) }
        }
        new.parkedStreams += old.parkedStreams.filter { $0.trace === trace }
        old.parkedStreams.removeAll { $0.trace === trace }
    }

    /// A trace that was taken for the new session's is of the one before: what was there of it is lost.
    private mutating func replace(_ trace: RelayTrace, _ link: RelayLink) {
        let session = trace.session
        replace(trace, of: session, by: copy(trace, session: session), link)
        let gone = session.parkedStreams.filter { $0.trace === trace }
        session.parkedStreams.removeAll { $0.trace === trace }
        session.parkedTraces.removeAll { $0 === trace }
        for stream in gone { lose(stream, of: link, reason: "not read to its end: the relay was started anew") }
        forget(trace, link)
    }

    /// The relay's trace of that number is another one than the feed knows.
    private mutating func replace(_ trace: RelayTrace, of old: RelaySession, by copy: RelayTrace, _ link: RelayLink) {
        old.parkedTraces.append(trace)
        link.traces[trace.id] = copy
        for stream in trace.streams where link.streams[stream.id] === stream {
            adopt(self.copy(stream, trace: copy, link), link)
            // One that was not there before is the new session's alone.
            if stream.isParked { old.parkedStreams.append(stream) } else { endStream(stream, of: link) }
        }
        trace.streams.removeAll()
    }

    /// The same trace of the relay, as one that the feed does not know.
    private mutating func copy(_ trace: RelayTrace, session: RelaySession) -> RelayTrace {
        var declaration = trace.declaration
        declaration.id = nextTraceID
        nextTraceID += 1
        let copy = RelayTrace(id: trace.id, session: session, declaration: declaration)
        copy.reader = trace.reader
        copy.program = trace.program
        copy.programRevision = trace.programRevision
        copy.programFault = trace.programFault
        copy.metadataID = trace.metadataID
        copy.receivedMetadataBytes = trace.receivedMetadataBytes
        copy.waitingSinceNs = trace.waitingSinceNs
        copy.unproven = nil
        return copy
    }

    /// The same stream of the relay, as one that the feed does not know, with the index that is at hand.
    private mutating func copy(_ stream: RelayStream, trace: RelayTrace, _ link: RelayLink) -> RelayStream {
        var declaration = stream.declaration
        declaration.id = nextStreamID
        declaration.traceID = trace.declaration.id
        nextStreamID += 1
        let copy = RelayStream(
            id: stream.id,
            trace: trace,
            declaration: declaration,
            frontier: frontier.addStream(trace.session.frontier),
            startsAtBeginning: true
        )
        copy.movedAtNs = stream.movedAtNs
        (copy.index, stream.index) = (stream.index, nil)
        (copy.storage, stream.storage) = (stream.storage, nil)
        (copy.earlyBeacon, stream.earlyBeacon) = (stream.earlyBeacon, nil)
        return copy
    }

    // MARK: Positions

    /// Whether the packet of an index was taken before the connection was lost: nil where its header must say.
    func wasTaken(_ index: PacketIndex, of stream: RelayStream) -> Bool? {
        guard let resume = stream.resume, index.timestampEnd <= resume.endCycles else { return false }
        if index.timestampEnd < resume.endCycles { return true }
        // One without events was not read before either: its number says nothing where packets before it are missing.
        return stream.isEmpty(index) ? index.offset <= resume.offset : nil
    }

    /// Whether a packet that ends where the last one ended was taken before the connection was lost.
    func wasTaken(_ preamble: PacketPreamble, _ index: PacketIndex, of stream: RelayStream) -> Bool {
        guard let resume = stream.resume else { return false }
        if let number = preamble.sequenceNumber, let next = resume.nextSequenceNumber { return number < next }
        return index.offset < resume.offset || index.offset == resume.offset && resume.cutPacket == nil
    }

    /// A packet comes that was not taken before. If the feed has a part of another one, the rest of that is lost.
    /// - Parameter preamble: nil where the packet is not the one that was cut, since it ends later.
    /// - Returns: the feed's part of the packet.
    mutating func passPosition(
        of stream: RelayStream,
        _ link: RelayLink,
        _ preamble: PacketPreamble? = nil,
        in storage: ByteStorage? = nil
    ) -> RestoredFeed.CutPacket? {
        let cut = stream.resume?.cutPacket
        stream.resume = nil
        guard let cut else { return nil }
        if let preamble, let storage, cut.isOf(preamble, storage) { return cut }
        noteLoss(.events, count: nil, stream: stream, link: link, fromNs: nil, toNs: nil, reason: Self.cutReason)
        return nil
    }

    static var cutReason: String { "the relay no longer has the rest of a packet that the feed has in part" }
}

extension RestoredFeed.CutPacket {
    fileprivate func isOf(_ preamble: PacketPreamble, _ storage: ByteStorage) -> Bool {
        FeedPacketIndex(preamble) == index && self.preamble.count <= storage.capacity
            && self.preamble.elementsEqual(storage.bytes.prefix(self.preamble.count))
    }
}

extension RelayStream {
    /// Whether a packet has no events, as far as its index says so.
    func isEmpty(_ index: PacketIndex) -> Bool {
        index.contentBits == 0 || index.contentBits == preambleBits
    }

    /// How far it has been taken; nil before the first packet.
    var position: StreamPosition? {
        losses.lastEndCycles.map {
            StreamPosition(endCycles: $0, nextSequenceNumber: losses.nextSequenceNumber, offset: lastOffset)
        }
    }
}
