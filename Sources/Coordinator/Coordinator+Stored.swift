package import CTF
import EventMerge
import Feed
import LTTngLive

/// Traces in files: one link without a connection, whose packets are read when they hold the watermark.
///
/// A stored stream is asked for its next packet only when the feed waits for it, so at most a packet of each stream is
/// in memory beside what leaves, however long the files are.
extension Coordinator {
    /// Declares the stored traces. Called once, at the start.
    mutating func openStored() {
        guard !configuration.stored.isEmpty else { return }
        let relay = frontier.addRelay()
        let link = RelayLink(
            index: links.count,
            source: RelaySource(name: "", sessions: [], start: .beginning),
            frontier: relay,
            isStored: true
        )
        link.connection = .stored
        // Files do not stall: whatever they hold back is held back by us.
        stall.addRelay(relay, attachedBefore: true, nowNs: 0)
        stall.attached(relay)
        stall.setHeldByUs(relay, true)
        links.append(link)
        storedLink = link
        for (index, trace) in configuration.stored.enumerated() { open(trace, index: index, link) }
        frontier.setRelayBound(relay, to: .max)
        finishStoredIfRead(link)
    }

    private mutating func open(_ stored: StoredTrace, index: Int, _ link: RelayLink) {
        var reader = MetadataReader()
        guard let program = program(of: stored, &reader, link) else { return }
        let names = program.traceClass
        let listed = ListedSession(
            id: LiveSessionID(UInt64(index)),
            liveTimerUs: 0,
            hostname: names.environmentText("hostname"),
            name: names.environmentText("trace_name")
        )
        let session = RelaySession(listed: listed, frontier: frontier.addSession(link.frontier, boundNs: nil))
        let trace = RelayTrace(
            id: LiveTraceID(UInt64(index)),
            session: session,
            declaration: FeedTrace(
                id: nextTraceID,
                relay: "",
                host: listed.hostname,
                session: listed.name,
                sessionID: UInt64(index),
                path: stored.path
            )
        )
        nextTraceID += 1
        trace.declaration.relativePath = stored.relativePath
        trace.reader = reader
        trace.program = program
        publishMetadata(trace, stored.metadata)
        for (number, file) in stored.files.enumerated() where file.byteCount > 0 {
            open(file, number: number, trace: trace, index: index, link)
        }
        frontier.setSessionBound(session.frontier, to: .max)
    }

    /// Reads a trace's metadata. Where its text is cut off, what stands before the cut counts.
    /// - Returns: nil when no event can be decoded.
    private mutating func program(
        of stored: StoredTrace,
        _ reader: inout MetadataReader,
        _ link: RelayLink
    ) -> TraceProgram? {
        do throws(MetadataError) {
            try stored.metadata.withUnsafeBytes { bytes in
                Result { () throws(MetadataError) in try reader.append(bytes) }
            }.get()
            try reader.finish()
        } catch {
            damaged(link, stored.path, "\(error)")
            guard error.isOfMissingEnd else { return nil }
        }
        guard let traceClass = reader.traceClass else { return nil }
        do throws(ProgramError) {
            return try TraceProgram(traceClass)
        } catch {
            damaged(link, stored.path, "metadata: \(error)")
            return nil
        }
    }

    private mutating func open(_ file: StoredFile, number: Int, trace: RelayTrace, index: Int, _ link: RelayLink) {
        let slot = frontier.addStream(trace.session.frontier)
        let stream = RelayStream(
            id: LiveStreamID(UInt64(number)),
            trace: trace,
            declaration: FeedStream(
                id: nextStreamID,
                traceID: trace.declaration.id,
                liveStreamID: UInt64(number),
                channel: file.name
            ),
            frontier: slot,
            startsAtBeginning: true
        )
        stream.file = StoredCursor(trace: index, file: number, byteCount: file.byteCount)
        nextStreamID += 1
        openStreamCount += 1
        trace.session.streamCount += 1
        count(stream, by: 1)
        trace.streams.append(stream)
        storedStreams[slot] = stream
    }

    // MARK: Reading

    /// Asks for the packet that the feed waits for, if it is a stored one.
    mutating func readStored() {
        guard let link = storedLink, storedRead == nil, !outputIsHeld, let holder = frontier.holder,
            holder.relay == link.frontier, let slot = holder.stream, let stream = storedStreams[slot],
            let cursor = stream.file
        else { return }
        read(stream, cursor, count: cursor.guessBytes)
    }

    private mutating func read(_ stream: RelayStream, _ cursor: StoredCursor, count: Int) {
        let range = StoredRange(
            trace: cursor.trace,
            file: cursor.file,
            offset: cursor.offset,
            count: Int(min(UInt64(count), cursor.rest))
        )
        storedRead = stream
        actions.append(.read(range))
    }

    /// The bytes that `read` asked for are there: exactly as many.
    package mutating func storedRead(_ storage: ByteStorage, now: UInt64) {
        guard let link = storedLink, let stream = storedRead, let cursor = stream.file else { return }
        storedRead = nil
        take(storage, of: stream, cursor, link)
        pump(now: now)
    }

    /// The file cannot be read.
    package mutating func storedReadFailed(reason: String, now: UInt64) {
        guard let link = storedLink, let stream = storedRead else { return }
        storedRead = nil
        fail(stream, link, reason)
        pump(now: now)
    }

    private mutating func take(
        _ storage: ByteStorage,
        of stream: RelayStream,
        _ cursor: StoredCursor,
        _ link: RelayLink
    ) {
        guard let program = stream.trace.program else { return }
        do throws(PacketError) {
            let preamble: PacketPreamble
            do throws(PacketError) {
                preamble = try program.readPreamble(PacketBytes(storage.bytes))
            } catch {
                guard error.code == .needsMoreBytes, UInt64(storage.capacity) < cursor.rest else { throw error }
                read(stream, cursor, count: storage.capacity * 4)
                return
            }
            let packetBits = preamble.totalBits ?? preamble.contentBits ?? cursor.rest * 8
            let packetBytes = packetBits / 8 + (packetBits % 8 == 0 ? 0 : 1)
            guard packetBytes > 0, packetBytes <= UInt64(limits.packetBytesMax) else {
                throw PacketError(.badPacketSize, atBits: 0, value: packetBits)
            }
            let presentBytes = min(packetBytes, cursor.rest)
            guard UInt64(storage.capacity) >= presentBytes else {
                read(stream, cursor, count: Int(presentBytes))
                return
            }
            stream.file?.guessBytes = max(Int(presentBytes), 512)
            try take(preamble, storage, packetBytes: packetBytes, of: stream, cursor, link)
        } catch {
            if error.code == .unknownStreamClass, program.traceClass.streamClasses.isEmpty,
                error.positionBits == cursor.rest.multipliedReportingOverflow(by: 8).partialValue
            {
                // A trace without stream classes has no events: its packets are headers, and this one is the last.
                finish(stream, link)
                return
            }
            let cut = error.code == .needsMoreBytes ? "the file ends before the packet does: " : ""
            fail(stream, link, "packet at byte \(cursor.offset): \(cut)\(error)")
        }
    }

    private mutating func take(
        _ preamble: PacketPreamble,
        _ storage: ByteStorage,
        packetBytes: UInt64,
        of stream: RelayStream,
        _ cursor: StoredCursor,
        _ link: RelayLink
    ) throws(PacketError) {
        guard let program = stream.trace.program else { return }
        let classID = preamble.streamClassID
        let end = preamble.timestampEndCycles.flatMap { timestamp($0, streamClassID: classID, of: stream, link) }
        declare(stream)
        let losses = stream.losses.read(
            sequenceNumber: preamble.sequenceNumber,
            endCycles: preamble.timestampEndCycles,
            discarded: preamble.discardedEvents
        )
        noteLosses(losses, stream: stream, link: link, streamClassID: classID, endNs: end)
        let contentBits = preamble.contentBits ?? packetBytes * 8
        let last = try takeEvents(link, stream, program, preamble, storage, contentBits: contentBits)
        guard packetBytes < cursor.rest else {
            guard packetBytes == cursor.rest else {
                throw PacketError(.needsMoreBytes, atBits: cursor.rest * 8, value: 0)
            }
            finish(stream, link)
            return
        }
        stream.file?.offset += packetBytes
        if program.clockConversion(streamClassID: classID) != nil, let bound = end ?? last {
            advance(stream, to: bound)
        }
    }

    // MARK: Ending

    /// The rest of the stream cannot be read: what came before stands.
    private mutating func fail(_ stream: RelayStream, _ link: RelayLink, _ reason: String) {
        damaged(link, stream.trace.declaration.path, "stream \(stream.declaration.channel), \(reason)")
        declare(stream)
        noteLoss(.events, count: nil, stream: stream, link: link, fromNs: nil, toNs: nil, reason: reason)
        finish(stream, link)
    }

    private mutating func finish(_ stream: RelayStream, _ link: RelayLink) {
        if let slot = stream.frontier { storedStreams[slot] = nil }
        endStream(stream, of: link)
        if stream.trace.session.streamCount == 0 {
            end(stream.trace.session, of: link, state: .ended, reason: "")
        }
        finishStoredIfRead(link)
    }

    private mutating func finishStoredIfRead(_ link: RelayLink) {
        guard storedStreams.isEmpty else { return }
        link.connection = .finished
        stall.ended(link.frontier)
        frontier.setCounts(link.frontier, false)
    }

    private mutating func damaged(_ link: RelayLink, _ path: String, _ reason: String) {
        say(.error, link, "\(path): \(reason)")
        report.damaged.append("\(path): \(reason)")
    }
}

extension TraceClass {
    /// A text of the environment; empty where there is none.
    fileprivate func environmentText(_ name: String) -> String {
        guard case .text(let text)? = environmentValue(name) else { return "" }
        return text
    }
}
