import CTF
import EventMerge
import Feed
import LTTngLive

/// Traces in files: one link without a connection, whose packets are read when they hold the watermark
/// (`Coordinator+StoredReading.swift`).
///
/// Directories that hold parts of one trace (the archives of a session that was rotated, snapshots) are one trace, and
/// files that hold parts of one data stream are one stream. Which stream a file belongs to, and when it begins, its
/// first packet says: so the feed begins when each file of a trace that has several has been looked at.
extension Coordinator {
    /// Declares the stored traces. Called once, at the start.
    mutating func openStored() {
        guard !configuration.stored.isEmpty else { return }
        let relay = frontier.addRelay()
        let link = RelayLink(
            index: links.count,
            source: RelaySource(name: "", sessions: [], start: configuration.storedStart),
            frontier: relay,
            isStored: true
        )
        link.connection = .stored
        // Files do not stall: whatever they hold back is held back by us.
        stall.addRelay(relay, attachedBefore: true, nowNs: 0)
        stall.attached(relay)
        stall.setHeldByUs(relay, true)
        links.append(link)
        stored.link = link
        for parts in readableTraces(link) { open(parts, link) }
        stored.unopened.reverse()
        openStreamsIfKnown(link)
    }

    // MARK: Traces

    /// A directory's metadata.
    private struct Metadata {
        /// Index in `CoordinatorConfiguration.stored`.
        var index: Int
        var reader: MetadataReader
        var program: TraceProgram

        var traceClass: TraceClass { program.traceClass }
    }

    /// The traces that can be decoded, each with the directories that hold it; the first one's metadata speaks for all.
    private mutating func readableTraces(_ link: RelayLink) -> [[Metadata]] {
        var traces: [[Metadata]] = []
        var positions: [TraceUUID: Int] = [:]
        for (index, trace) in configuration.stored.enumerated() {
            guard let metadata = read(trace, index: index, link) else { continue }
            guard let uuid = metadata.traceClass.uuid else {
                traces.append([metadata])
                continue
            }
            if let position = positions[uuid] {
                if traces[position][0].traceClass.covers(metadata.traceClass) {
                    traces[position].append(metadata)
                    continue
                }
                if metadata.traceClass.covers(traces[position][0].traceClass) {
                    traces[position].insert(metadata, at: 0)
                    continue
                }
            }
            positions[uuid] = traces.count
            traces.append([metadata])
        }
        return traces
    }

    /// Reads a directory's metadata. Where its text is cut off, what stands before the cut counts.
    /// - Returns: nil when no event can be decoded.
    private mutating func read(_ stored: StoredTrace, index: Int, _ link: RelayLink) -> Metadata? {
        var reader = MetadataReader()
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
            return Metadata(index: index, reader: reader, program: try TraceProgram(traceClass))
        } catch {
            damaged(link, stored.path, "metadata: \(error)")
            return nil
        }
    }

    /// Declares a trace, and its files as ones that have still to be looked at.
    private mutating func open(_ parts: [Metadata], _ link: RelayLink) {
        let metadata = parts[0]
        let directories = parts.map(\.index).sorted()
        let first = configuration.stored[directories[0]]
        let id = LiveTraceID(UInt64(directories[0]))
        let listed = ListedSession(
            id: LiveSessionID(id.rawValue),
            liveTimerUs: 0,
            hostname: metadata.traceClass.environmentText("hostname"),
            name: metadata.traceClass.environmentText("trace_name")
        )
        let session = RelaySession(listed: listed, frontier: frontier.addSession(link.frontier, boundNs: nil))
        let trace = RelayTrace(
            id: id,
            session: session,
            declaration: FeedTrace(
                id: nextTraceID,
                relay: "",
                host: listed.hostname,
                session: listed.name,
                sessionID: id.rawValue,
                path: first.path
            )
        )
        nextTraceID += 1
        // A trace in several directories has no one place.
        trace.declaration.relativePath = directories.count == 1 ? first.relativePath : ""
        trace.reader = metadata.reader
        trace.program = metadata.program
        publishMetadata(trace, configuration.stored[metadata.index].metadata)
        let isSearched = configuration.storedStart != .beginning
        var files: [StoredSources.File] = []
        for index in directories {
            for (number, file) in configuration.stored[index].files.enumerated() where file.byteCount > 0 {
                let reader = StoredFileCursor(trace: index, number: number, file, isSearched: isSearched)
                let place = stored.opened.count + stored.unopened.count + files.count
                files.append(StoredSources.File(trace: trace, reader: reader, number: place))
            }
        }
        stored.traces.append(trace)
        // Nothing need be known of the only file of a trace whose events all have times.
        let isOrdered = metadata.traceClass.streamClasses.allSatisfy { $0.defaultClock != nil }
        if files.count == 1, isOrdered { stored.opened += files } else { stored.unopened += files }
    }

    // MARK: Files

    /// Looks at the first packet of the next file, which is the last of `unopened`.
    mutating func takeHead(_ storage: ByteStorage, _ link: RelayLink) {
        guard var file = stored.unopened.last else { return }
        let place = file.reader
        do throws(PacketError) {
            let header = try header(storage, of: file.reader, file.trace, clockCycles: 0)
            file.reader.header = header
            file.reader.guessBytes = Int(clamping: max(header.byteCount, 512))
            // Without a time there is no order of files, and without a number nobody knows which belong together.
            if header.beginNs != nil, let instance = header.preamble.streamInstanceID {
                file.key = StoredSources.File.Key(
                    trace: file.trace.declaration.id,
                    streamClassID: header.preamble.streamClassID,
                    streamInstanceID: instance
                )
            }
        } catch {
            if mayGrow(error, storage, place) { return readHead(storage.capacity * 4) }
            // Whoever reads the stream says what is wrong.
        }
        stored.unopened.removeLast()
        stored.opened.append(file)
        openStreamsIfKnown(link)
    }

    /// Once each file has been looked at, there are streams.
    mutating func openStreamsIfKnown(_ link: RelayLink) {
        guard stored.unopened.isEmpty else { return }
        var streams: [(trace: RelayTrace, files: [StoredFileCursor])] = []
        var positions: [StoredSources.File.Key: Int] = [:]
        for file in stored.opened.sorted(by: { $0.number < $1.number }) {
            if let key = file.key, let position = positions[key] {
                streams[position].files.append(file.reader)
                continue
            }
            if let key = file.key { positions[key] = streams.count }
            streams.append((file.trace, [file.reader]))
        }
        stored.opened.removeAll()
        for stream in streams { open(StoredStream(stream.files), of: stream.trace) }
        orderTimeless(link)
        for trace in stored.traces { frontier.setSessionBound(trace.session.frontier, to: .max) }
        stored.traces.removeAll()
        frontier.setRelayBound(link.frontier, to: .max)
        finishStoredIfRead(link)
    }

    /// Events without a time leave in the order in which the merge would put them, were all of them at one time.
    private mutating func orderTimeless(_ link: RelayLink) {
        func rank(_ stream: RelayStream) -> StreamRank? {
            stream.stored?.current.header.map { mergeRank(of: stream, $0.preamble, link) }
        }
        let ranked = stored.timeless.enumerated().compactMap { number, stream in
            rank(stream).map { (rank: $0, number: number, stream: stream) }
        }
        stored.timeless = ranked.sorted { ($1.rank, $1.number) < ($0.rank, $0.number) }.map(\.stream)
    }

    private mutating func open(_ files: StoredStream, of trace: RelayTrace) {
        let slot = frontier.addStream(trace.session.frontier)
        let number = UInt64(trace.streams.count)
        let stream = RelayStream(
            id: LiveStreamID(number),
            trace: trace,
            declaration: FeedStream(
                id: nextStreamID,
                traceID: trace.declaration.id,
                liveStreamID: number,
                channel: files.current.name
            ),
            frontier: slot,
            startsAtBeginning: configuration.storedStart == .beginning
        )
        stream.stored = files
        let path = configuration.stored[files.current.trace].path
        stream.declaration.filePath = "\(path)/\(files.current.name)"
        nextStreamID += 1
        openStreamCount += 1
        trace.session.streamCount += 1
        count(stream, by: 1)
        trace.streams.append(stream)
        stored.streams[slot] = stream
        if let preamble = files.current.header?.preamble, trace.program?.isTimeless(preamble) == true {
            stored.timeless.append(stream)
        }
    }

    // MARK: Ending

    mutating func finishStored(_ stream: RelayStream, _ link: RelayLink) {
        if let slot = stream.frontier { stored.streams[slot] = nil }
        if stored.timeless.last === stream { stored.timeless.removeLast() }
        endStream(stream, of: link)
        if stream.trace.session.streamCount == 0 {
            end(stream.trace.session, of: link, state: .ended, reason: "")
        }
        finishStoredIfRead(link)
    }

    private mutating func finishStoredIfRead(_ link: RelayLink) {
        guard stored.streams.isEmpty else { return }
        link.connection = .finished
        stall.ended(link.frontier)
        frontier.setCounts(link.frontier, false)
    }

    mutating func damaged(_ link: RelayLink, _ path: String, _ reason: String) {
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

    /// Whether every packet that `other` decodes this class decodes alike: that it is the same metadata, at most grown.
    fileprivate func covers(_ other: TraceClass) -> Bool {
        guard byteOrder == other.byteOrder, packetHeader == other.packetHeader, clocks.starts(with: other.clocks)
        else { return false }
        return other.streamClasses.allSatisfy { theirs in
            guard var ours = streamClasses.first(where: { $0.id == theirs.id }),
                ours.eventClasses.starts(with: theirs.eventClasses)
            else { return false }
            ours.eventClasses = theirs.eventClasses
            return ours == theirs
        }
    }
}
