import CTF
import EventMerge
import Feed
import LTTngLive

/// How far a stream has been taken, for going on after a lost connection.
struct StreamPosition: Equatable {
    /// End of the last packet taken notice of, cycles.
    var endCycles: UInt64
    /// Number of the packet behind it; nil where packets have none.
    var nextSequenceNumber: UInt64?
    /// Where the relay had the last packet, bytes.
    var offset: UInt64
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
            replaceSession(link)
            found = link.traces[trace.id] ?? trace
        }
        found.uuid = uuid
        for stream in found.streams where stream.isOver { isolate(stream) }
        publishMetadata(found, metadata)
        return found
    }

    /// The session that was found again is another one: what was there of the old one is lost.
    private mutating func replaceSession(_ link: RelayLink) {
        guard let old = link.session else { return }
        let new = RelaySession(listed: old.listed, frontier: frontier.addSession(link.frontier, boundNs: nil))
        new.isResumed = old.isResumed
        new.startNs = old.startNs
        link.session = new
        var gone = old.parkedStreams
        for trace in old.parkedTraces + link.traces.values {
            old.parkedTraces.append(trace)
            guard link.traces[trace.id] === trace else { continue }
            let copy = copy(trace, session: new)
            link.traces[trace.id] = copy
            for stream in trace.streams where link.streams[stream.id] === stream {
                gone.append(stream)
                adopt(self.copy(stream, trace: copy, link), link)
            }
            trace.streams.removeAll()
        }
        old.parkedStreams = gone
        old.successor = new
        forget(old, of: link, reason: "the relay was started anew")
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
        return index.offset <= resume.offset
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
