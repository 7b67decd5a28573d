import CTF
import EventMerge
import Feed
import LTTngLive

/// Indexes and beacons: what is fetched, what is skipped, and what they prove.
extension Coordinator {
    mutating func beaconCame(
        _ link: RelayLink,
        _ id: LiveStreamID,
        cycles: UInt64,
        streamClassID: UInt64,
        now: UInt64
    ) {
        stall.replied(link.frontier)
        guard let stream = link.streams[id] else { return }
        caughtUp(stream, link)
        watchBeacon(cycles, streamClassID: streamClassID, stream, link, now: now)
        guard let bound = timestamp(cycles, streamClassID: streamClassID, of: stream, link) else {
            if stream.trace.fault == nil { stream.earlyBeacon = (cycles, streamClassID) }
            return
        }
        stream.losses.promised(cycles: cycles)
        observe(bound, stream, link, now: now)
        if let slot = stream.frontier { frontier.advance(slot, to: bound) }
    }

    /// The stream has nothing more for now: what it has had by now is from before the attach.
    mutating func caughtUp(_ stream: RelayStream, _ link: RelayLink) {
        guard stream.isBehindAttach else { return }
        stream.isBehindAttach = false
        let session = stream.trace.session
        if let latest = session.latestNs, session.observe(latest, isRecent: true) { startIsKnown(session, link) }
    }

    /// `from: now`: the log has to know where the session is shown from, should the coordinator be started again.
    mutating func startIsKnown(_ session: RelaySession, _ link: RelayLink) {
        guard link.source.start == .now, session.end == nil, session.isSaid else { return }
        records.append(
            .session(
                SessionStateChange(
                    relay: link.source.name,
                    host: session.listed.hostname,
                    session: session.listed.name,
                    sessionID: session.id.rawValue,
                    state: .active,
                    reason: "shown from now on",
                    startNs: session.startNs
                )
            )
        )
    }

    /// Cycles of a stream's clock as corrected nanoseconds; nil while its metadata does not say.
    func timestamp(_ cycles: UInt64, streamClassID: UInt64, of stream: RelayStream, _ link: RelayLink) -> Int64? {
        guard let rawNs = rawTimestamp(cycles, streamClassID: streamClassID, of: stream) else { return nil }
        return correction(of: stream.trace, link, upToNs: rawNs).corrected(rawNs)
    }

    /// Cycles of a stream's clock as nanoseconds since the epoch, as its trace says; nil while its metadata does not.
    func rawTimestamp(_ cycles: UInt64, streamClassID: UInt64, of stream: RelayStream) -> Int64? {
        guard let program = stream.trace.program, stream.trace.fault == nil else { return nil }
        // Some relays give no class id with a beacon; all clocks of an LTTng trace are one.
        let conversion =
            program.clockConversion(streamClassID: streamClassID)
            ?? program.traceClass.streamClasses.lazy.compactMap { program.clockConversion(streamClassID: $0.id) }.first
        return conversion?.nanoseconds(cycles)
    }

    /// Before this a stream's events are not shown, nanoseconds.
    func startNs(_ stream: RelayStream, _ link: RelayLink) -> Int64? {
        switch link.source.start {
        case .beginning: nil
        case .now: stream.isBehindAttach ? .max : stream.startsAtAttach ? stream.trace.session.startNs : nil
        case .at(let ns): ns
        }
    }

    mutating func indexCame(_ link: RelayLink, _ id: LiveStreamID, _ index: PacketIndex, now: UInt64) {
        stall.replied(link.frontier)
        guard let stream = link.streams[id] else { return }
        stream.index = index
        watchIndex(index, stream, link, now: now)
        takeIndex(link, stream, now: now)
    }

    /// Decides what to do about the packet of the stream's index: fetch, skip, or wait for metadata or room.
    mutating func takeIndex(_ link: RelayLink, _ stream: RelayStream, now: UInt64) {
        guard let index = stream.index else { return }
        let trace = stream.trace
        // A packet that ends where the last one ended before a reconnect: its header says which one it is.
        let taken = wasTaken(index, of: stream)
        if taken == true || stream.isOver {
            stream.clockCycles = index.timestampEnd
            return skip(link, stream)
        }
        if stream.losses.passLost(PacketPlace(index)) {
            if taken == false { _ = passPosition(of: stream, link) }
            let end = timestamp(index.timestampEnd, streamClassID: index.streamClassID, of: stream, link)
            return pass(link, stream, index, end: end)
        }
        if trace.fault != nil {
            loseUndecodable(link, stream, index)
            skip(link, stream)
            return
        }
        guard let end = timestamp(index.timestampEnd, streamClassID: index.streamClassID, of: stream, link) else {
            // The stream waits until it comes.
            return link.viewer.needMetadata(stream.id)
        }
        if taken == false { _ = passPosition(of: stream, link) }
        observe(end, stream, link, now: now)
        let startNs = startNs(stream, link)
        if taken != nil, stream.isEmpty(index) {
            pass(link, stream, index, end: end)
        } else if let startNs, end < startNs {
            pass(link, stream, index, end: end)
        } else {
            switch room(for: index, of: stream, link) {
            case .now: fetch(link, stream, index)
            case .later:
                link.deferred.append(stream.id)
                hasDeferred = true
                tellHold(link)
            case .never(let reason): miss(link, stream, index, end: end, reason: reason)
            }
        }
    }

    /// The packet is not read: only its end and its counter are taken notice of.
    private mutating func pass(_ link: RelayLink, _ stream: RelayStream, _ index: PacketIndex, end: Int64?) {
        leave(stream, index, link, end: end)
        skip(link, stream)
    }

    /// The packet's events will not come: only its end and its counter are taken notice of.
    mutating func leave(_ stream: RelayStream, _ index: PacketIndex, _ link: RelayLink, end: Int64?) {
        let losses = stream.losses.skipped(endCycles: index.timestampEnd, discarded: index.eventsDiscarded)
        stream.lastOffset = index.offset
        noteLosses(
            losses,
            stream: stream,
            link: link,
            streamClassID: index.streamClassID,
            index: index,
            beginCycles: index.timestampBegin,
            endNs: end
        )
        stream.clockCycles = index.timestampEnd
        if let end { advance(stream, to: end) }
    }

    /// The packet's trace cannot be decoded. It is counted once: the packet after it must not find it missing.
    mutating func loseUndecodable(_ link: RelayLink, _ stream: RelayStream, _ index: PacketIndex) {
        leave(stream, index, link, end: nil)
        noteLoss(
            .packets,
            count: 1,
            stream: stream,
            link: link,
            fromNs: nil,
            toNs: nil,
            reason: "its trace cannot be decoded",
            index: index
        )
    }

    /// The packet is not fetched, which is a loss.
    private mutating func miss(
        _ link: RelayLink,
        _ stream: RelayStream,
        _ index: PacketIndex,
        end: Int64?,
        reason: String
    ) {
        leave(stream, index, link, end: end)
        noteLoss(.packets, count: 1, stream: stream, link: link, fromNs: nil, toNs: end, reason: reason, index: index)
        skip(link, stream)
    }

    private mutating func skip(_ link: RelayLink, _ stream: RelayStream) {
        stream.index = nil
        dropStorage(stream, link)
        link.viewer.skip(stream.id)
    }

    private mutating func fetch(_ link: RelayLink, _ stream: RelayStream, _ index: PacketIndex) {
        let storage = ByteStorage(capacity: Int(index.contentBytes))
        stream.storage = storage
        stream.correction = correction(of: index, stream, link)
        // Counted before it is there: what is asked for at once must fit as well.
        link.root.pendingBytes += storage.capacity
        link.viewer.fetch(stream.id)
    }

    /// Gives the room of a packet back that is not kept, or that the merge accounts for by now.
    mutating func dropStorage(_ stream: RelayStream, _ link: RelayLink) {
        guard let storage = stream.storage else { return }
        stream.storage = nil
        link.root.pendingBytes -= storage.capacity
    }

    /// Fetches what the budget kept back, where there is room again.
    mutating func fetchDeferred(now: UInt64) {
        guard hasDeferred else { return }
        for link in links where !link.deferred.isEmpty { fetchDeferred(link, now: now) }
        hasDeferred = links.contains { !$0.deferred.isEmpty }
    }

    private mutating func fetchDeferred(_ link: RelayLink, now: UInt64) {
        let deferred = link.deferred
        link.deferred.removeAll(keepingCapacity: true)
        for id in deferred {
            guard let stream = link.streams[id], let index = stream.index, stream.storage == nil else { continue }
            switch room(for: index, of: stream, link) {
            case .now: fetch(link, stream, index)
            case .later: link.deferred.append(id)
            case .never(let reason):
                let end = timestamp(index.timestampEnd, streamClassID: index.streamClassID, of: stream, link)
                miss(link, stream, index, end: end, reason: reason)
            }
        }
        guard link.deferred.count < deferred.count else { return }
        tellHold(link)
        link.viewer.flush(now: now)
        handleActions(link, input: UnsafeRawBufferPointer(start: nil, count: 0), now: now)
    }
}
