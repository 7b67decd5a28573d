package import CTF
import EventMerge
import Feed
import LTTngLive

/// Reading stored streams.
///
/// A stream is asked for its next packet only when the feed waits for it, and for no more of it than a window: so at
/// most a window of each stream is in memory beside what leaves, however long files and packets are.
///
/// Events without a clock come before all others, stream by stream in the order of their ranks. Nothing need be waited
/// for: they leave as they are read.
extension Coordinator {
    /// Asks for what the feed waits for, if it is in a file.
    mutating func readStored() {
        guard let link = stored.link, stored.reading == nil else { return }
        guard stored.unopened.isEmpty else { return readHead(StoredFileCursor.headBytes) }
        guard !outputIsHeld, let stream = stored.timeless.last ?? holdingStream(link),
            let file = stream.stored?.current
        else { return }
        if let open = stream.stored?.open {
            read(stream, from: open.windowStart, count: open.windowBytes)
        } else if let piece = file.index?.wanted {
            stored.reading = .index(stream)
            ask(file, .index, offset: piece.offset, count: piece.count)
        } else {
            followIndex(stream, link)
            read(stream, count: min(stream.stored?.current.guessBytes ?? 0, limits.storedWindowBytes))
        }
    }

    /// The stream that the feed waits for.
    private func holdingStream(_ link: RelayLink) -> RelayStream? {
        guard let holder = frontier.holder, holder.relay == link.frontier else { return nil }
        return holder.stream.flatMap { stored.streams[$0] }
    }

    mutating func readHead(_ count: Int) {
        guard let file = stored.unopened.last?.reader else { return }
        stored.reading = .head
        ask(file, .packets, offset: 0, count: Int(min(UInt64(count), file.rest)))
    }

    /// Asks for bytes of the packet that the current file's reader stands before.
    /// - Parameter from: bytes from the packet's start, within the file.
    private mutating func read(_ stream: RelayStream, from: Int = 0, count: Int) {
        guard let file = stream.stored?.current else { return }
        stored.reading = .packet(stream)
        let rest = file.rest - UInt64(from)
        ask(file, .packets, offset: file.offset + UInt64(from), count: Int(min(UInt64(count), rest)))
    }

    private mutating func ask(_ file: StoredFileCursor, _ part: StoredRange.Part, offset: UInt64, count: Int) {
        actions.append(
            .read(StoredRange(trace: file.trace, file: file.file, part: part, offset: offset, count: count))
        )
    }

    /// The bytes that `read` asked for are there: exactly as many.
    package mutating func storedRead(_ storage: ByteStorage, now: UInt64) {
        guard let link = stored.link, let reading = stored.reading else { return }
        stored.reading = nil
        switch reading {
        case .head: takeHead(storage, link)
        case .index(let stream): takeIndex(storage, of: stream, link)
        case .packet(let stream):
            if let open = stream.stored?.open {
                take(PacketWindow(storage, firstByte: open.windowStart), of: stream, link)
            } else {
                take(storage, of: stream, link)
            }
        }
        pump(now: now)
    }

    /// The file cannot be read.
    package mutating func storedReadFailed(reason: String, now: UInt64) {
        guard let link = stored.link, let reading = stored.reading else { return }
        stored.reading = nil
        switch reading {
        case .head:
            // Whoever reads the stream says what is wrong.
            if let file = stored.unopened.popLast() { stored.opened.append(file) }
            openStreamsIfKnown(link)
        case .index(let stream): dropIndex(stream, link, reason)
        case .packet(let stream): fail(stream, link, reason)
        }
        pump(now: now)
    }

    // MARK: Indexes

    private mutating func takeIndex(_ storage: ByteStorage, of stream: RelayStream, _ link: RelayLink) {
        let startNs = link.source.start.ns
        let isIndex = stream.stored?.current.index?.take(storage.bytes) { entry in
            guard let startNs else { return false }
            let end = timestamp(entry.endCycles, streamClassID: entry.streamClassID, of: stream, link)
            return end.map { $0 < startNs } ?? false
        }
        if isIndex != true { dropIndex(stream, link, "it is none") }
    }

    private mutating func followIndex(_ stream: RelayStream, _ link: RelayLink) {
        guard let entry = stream.stored?.current.index?.current else { return }
        if stream.stored?.current.follow(entry) != true { dropIndex(stream, link, "it leads out of the file") }
    }

    /// Nothing is lost without an index.
    private mutating func dropIndex(_ stream: RelayStream, _ link: RelayLink, _ reason: String) {
        guard let file = stream.stored?.current else { return }
        say(.debug, link, "\(place(of: file)): the index is not used: \(reason)")
        stream.stored?.current.dropIndex()
    }

    private func place(of file: StoredFileCursor) -> String {
        "\(configuration.stored[file.trace].path): stream \(file.name)"
    }

    // MARK: Packets

    /// Reads the header of the packet that a file's reader stands before.
    /// - Parameters:
    ///   - storage: bytes from there on.
    ///   - clockCycles: the stream's clock before the packet.
    func header(
        _ storage: ByteStorage,
        of file: StoredFileCursor,
        _ trace: RelayTrace,
        clockCycles: UInt64
    ) throws(PacketError) -> StoredHeader {
        guard let program = trace.program else { throw PacketError(.foreignPreamble, atBits: 0) }
        let preamble = try program.readPreamble(PacketBytes(storage.bytes), clockCycles: clockCycles)
        let bits = preamble.totalBits ?? preamble.contentBits ?? file.rest * 8
        let bytes = bits / 8 + (bits % 8 == 0 ? 0 : 1)
        guard bytes > 0 else { throw PacketError(.badPacketSize, atBits: 0, value: bits) }
        let clock = program.clockConversion(streamClassID: preamble.streamClassID)
        let beginNs = preamble.timestampBeginCycles.flatMap { clock?.nanoseconds($0) }
        return StoredHeader(preamble: preamble, byteCount: bytes, beginNs: beginNs)
    }

    private mutating func take(_ storage: ByteStorage, of stream: RelayStream, _ link: RelayLink) {
        guard let file = stream.stored?.current else { return }
        let header: StoredHeader
        do {
            header = try self.header(storage, of: file, stream.trace, clockCycles: stream.clockCycles)
        } catch {
            if mayGrow(error, storage, file) {
                read(stream, count: storage.capacity * 4)
            } else if file.isSought {
                dropIndex(stream, link, "there is no packet where it says")
            } else if isLastHeader(error, of: file, stream.trace) {
                closeFile(of: stream, link)
            } else {
                fail(stream, link, error)
            }
            return
        }
        if let entry = file.index?.current, !entry.describes(header.preamble) {
            dropIndex(stream, link, "it speaks of other packets")
            if file.isSought { return }
        } else if file.isSought, !isWholeTime(storage, header, stream.trace) {
            return dropIndex(stream, link, "the packets' times are too short to be looked for")
        }
        stream.stored?.current.guessBytes = Int(clamping: max(header.byteCount, 512))
        stream.stored?.current.header = header
        take(header, storage, of: stream, file, link)
    }

    /// Whether a packet's times say all of the clock, whatever it was before the packet.
    private func isWholeTime(_ storage: ByteStorage, _ header: StoredHeader, _ trace: RelayTrace) -> Bool {
        let other = try? trace.program?.readPreamble(PacketBytes(storage.bytes), clockCycles: 1 << 63)
        return other == header.preamble && header.preamble.timestampEndBits == 64
    }

    /// A trace without stream classes has no events: its packets are headers, and the last one ends with the file.
    private func isLastHeader(_ error: PacketError, of file: StoredFileCursor, _ trace: RelayTrace) -> Bool {
        error.code == .unknownStreamClass && trace.program?.traceClass.streamClasses.isEmpty == true
            && error.positionBits == file.rest.multipliedReportingOverflow(by: 8).partialValue
    }

    /// Decides about the packet of the current file, of which the beginning at least has been read.
    private mutating func take(
        _ header: StoredHeader,
        _ storage: ByteStorage,
        of stream: RelayStream,
        _ file: StoredFileCursor,
        _ link: RelayLink
    ) {
        let isWhole = header.byteCount <= file.rest
        let program = stream.trace.program
        let isTaken = stream.stored?.hasTaken { clockCycles in
            try? program?.readPreamble(PacketBytes(storage.bytes), clockCycles: clockCycles)
        }
        if isWhole, isTaken == true { return goOn(stream, behind: header, link) }
        // Another file may go on first.
        guard stream.stored?.reorder() == true else { return }
        if isWhole, let startNs = link.source.start.ns, let endCycles = header.preamble.certainEndCycles,
            let end = end(of: header, stream, link), end < startNs
        {
            note(header, of: stream)
            stream.clockCycles = endCycles
            return goOn(stream, behind: header, link)
        }
        let wantedBytes = Int(min(file.presentBytes(header), UInt64(limits.storedWindowBytes)))
        guard storage.capacity >= wantedBytes else { return read(stream, count: wantedBytes) }
        begin(header, storage, of: stream, file, link)
        take(PacketWindow(storage), of: stream, link)
    }

    /// Whether a header that did not fit may be found in more bytes.
    func mayGrow(_ error: PacketError, _ storage: ByteStorage, _ file: StoredFileCursor) -> Bool {
        error.code == .needsMoreBytes && UInt64(storage.capacity) < file.rest
            && storage.capacity < limits.packetBytesMax
    }

    private func end(of header: StoredHeader, _ stream: RelayStream, _ link: RelayLink) -> Int64? {
        header.preamble.timestampEndCycles.flatMap {
            timestamp($0, streamClassID: header.preamble.streamClassID, of: stream, link)
        }
    }

    /// Takes notice of the packet's numbers.
    /// - Returns: what is missing before it.
    @discardableResult
    private func note(_ header: StoredHeader, of stream: RelayStream) -> [LossAccount.Loss] {
        stream.losses.read(
            sequenceNumber: header.preamble.sequenceNumber,
            endCycles: header.preamble.timestampEndCycles,
            discarded: header.preamble.discardedEvents
        )
    }

    // MARK: Windows

    /// Declares the packet, of which the first window has been read.
    private mutating func begin(
        _ header: StoredHeader,
        _ storage: ByteStorage,
        of stream: RelayStream,
        _ file: StoredFileCursor,
        _ link: RelayLink
    ) {
        guard let program = stream.trace.program else { return }
        let preamble = header.preamble
        // A stream that has times after all waits for its turn.
        if !program.isTimeless(preamble), stored.timeless.last === stream { stored.timeless.removeLast() }
        stream.declaration.classID = stream.declaration.classID ?? preamble.streamClassID
        declare(stream)
        noteLosses(
            note(header, of: stream),
            stream: stream,
            link: link,
            streamClassID: preamble.streamClassID,
            beginCycles: preamble.timestampBeginCycles,
            endNs: end(of: header, stream, link)
        )
        // The header lives as long as the packet; a window that is not all of it need not.
        let isAll = UInt64(storage.capacity) >= file.presentBytes(header)
        let first = isAll ? storage : preamble.bytes(from: storage)
        stream.stored?.open = StoredPacket(
            header: header,
            packet: feedPacket(preamble, first, program: program, of: stream, link, fileOffset: file.offset),
            contentBits: preamble.contentBits ?? header.byteCount * 8,
            cursor: preamble.firstEvent,
            windowBytes: limits.storedWindowBytes
        )
    }

    /// Takes the events that a window of the open packet holds whole.
    private mutating func take(_ window: PacketWindow, of stream: RelayStream, _ link: RelayLink) {
        guard let file = stream.stored?.current, var open = stream.stored?.open else { return }
        do throws(PacketError) {
            let contentBits = open.contentBits
            let before = open.cursor
            let taken = try takeEvents(
                link,
                stream,
                open.packet,
                window,
                contentBits: contentBits,
                cursor: &open.cursor
            )
            open.lastNs = taken.lastNs ?? open.lastNs
            let end = taken.isComplete ? end(of: open.header, stream, link) : nil
            let classID = open.header.preamble.streamClassID
            if stream.trace.program?.clockConversion(streamClassID: classID) != nil, let bound = end ?? open.lastNs {
                // The end of time would say that the stream has ended.
                advance(stream, to: min(bound, .max - 1))
            }
            guard taken.isComplete else {
                let endByte = UInt64(window.firstByte + window.storage.capacity)
                guard endByte < file.presentBytes(open.header) else {
                    throw PacketError(.needsMoreBytes, atBits: open.cursor.positionBits)
                }
                try open.widen(window, hasEvents: open.cursor != before, limits)
                stream.stored?.open = open
                return
            }
            guard open.header.byteCount <= file.rest else {
                throw PacketError(.needsMoreBytes, atBits: file.rest * 8)
            }
            stream.stored?.open = nil
            stream.stored?.took(open.header, clockCycles: stream.clockCycles)
            stream.clockCycles = open.cursor.clockCycles
            goOn(stream, behind: open.header, link)
        } catch {
            fail(stream, link, error)
        }
    }

    // MARK: Going on

    private mutating func goOn(_ stream: RelayStream, behind packet: StoredHeader, _ link: RelayLink) {
        stream.stored?.current.skip(packet)
        if stream.stored?.current.rest == 0 { closeFile(of: stream, link) }
    }

    private mutating func closeFile(of stream: RelayStream, _ link: RelayLink) {
        if stream.stored?.closeCurrent() != true { finishStored(stream, link) }
    }

    /// The packet, and with it the rest of the file, cannot be decoded.
    private mutating func fail(_ stream: RelayStream, _ link: RelayLink, _ error: PacketError) {
        let cut = error.code == .needsMoreBytes ? "the file ends before the packet does: " : ""
        fail(stream, link, "packet at byte \(stream.stored?.current.offset ?? 0): \(cut)\(error)")
    }

    /// The rest of the file cannot be read: what came before stands, and so do the stream's other files.
    private mutating func fail(_ stream: RelayStream, _ link: RelayLink, _ reason: String) {
        guard let file = stream.stored?.current else { return }
        if let open = stream.stored?.open { stream.clockCycles = open.cursor.clockCycles }
        stream.stored?.open = nil
        damaged(link, configuration.stored[file.trace].path, "stream \(file.name), \(reason)")
        declare(stream)
        noteLoss(.events, count: nil, stream: stream, link: link, fromNs: nil, toNs: nil, reason: reason)
        closeFile(of: stream, link)
    }
}
