/// A slice that the relay could not give yet.
struct DelayedSlice: BitwiseCopyable {
    var stream: Int
    var slice: PacketSlice
    var askAt: UInt64
}

extension Viewer {
    /// Ends the turn: writes what is due into the output and says when the next turn is due.
    package mutating func flush(now: UInt64) {
        guard isOpen else { return }
        if case .ready = state {
            endOverdueSessions(now: now)
            writeSessionCommands(now: now)
            writeMetadataRequests(now: now)
            let askedAhead = writePacketRequests(now: now)
            let asked = writePolls(now: now)
            writeRound(afterPolls: askedAhead + asked, now: now)
        }
        if hasOutput, !sendIsAnnounced {
            sendIsAnnounced = true
            actions.append(.send)
        }
        schedule(now: now)
    }

    // MARK: Requests

    private mutating func writeSessionCommands(now: UInt64) {
        let commands = sessionCommands
        sessionCommands.removeAll(keepingCapacity: true)
        for command in commands {
            switch command {
            case .attach(let slot):
                output.append(request: .attachSession)
                output.append(attached[slot].id.rawValue)
                output.append(UInt64(0))
                output.append(attached[slot].position.rawValue)
                attached[slot].outstanding += 1
                expect(.attach(session: slot), now: now)
            case .detach(let slot):
                output.append(request: .detachSession)
                output.append(attached[slot].id.rawValue)
                attached[slot].outstanding += 1
                expect(.detach(session: slot), now: now)
            }
        }
    }

    private mutating func writeMetadataRequests(now: UInt64) {
        guard !wantedTraces.isEmpty else { return }
        var later = 0
        for index in wantedTraces.indices {
            let trace = wantedTraces[index]
            guard traces[trace].askAt <= now, !traces[trace].isOutstanding, hasRoom else {
                wantedTraces[later] = trace
                later += 1
                continue
            }
            output.append(request: .metadata)
            output.append(metadataStreamID(trace).rawValue)
            traces[trace].isWanted = false
            traces[trace].isOutstanding = true
            expect(.metadata(trace: trace), now: now)
        }
        wantedTraces.removeLast(wantedTraces.count - later)
    }

    /// Asks for slices of all packets in turn, within the limit on bytes on their way; behind a packet's last slice for
    /// the stream's next index. The relay answers in order, so the index cannot take the packet's file away, and a
    /// stream costs one round trip a packet, not two.
    /// - Returns: how many streams were asked for their next index.
    private mutating func writePacketRequests(now: UInt64) -> Int {
        writeDelayedSlices(now: now)
        var served = 0
        var asked = 0
        while served < fetchQueue.count, hasRoom {
            let slot = fetchQueue[served]
            guard case .fetching = streams[slot].state, !streams[slot].fetchFailed else {
                served += 1
                continue
            }
            let length = min(limits.packetSliceBytes, streams[slot].fetchEnd - streams[slot].fetchNext)
            guard hasRoom(forPacketBytes: length) else { break }
            served += 1
            write(PacketSlice(offset: streams[slot].fetchNext, length: UInt32(length)), of: slot, now: now)
            streams[slot].fetchNext += length
            if streams[slot].fetchNext < streams[slot].fetchEnd {
                fetchQueue.append(slot)
            } else if mayAskAhead(slot) {
                writeIndexRequest(slot, now: now)
                streams[slot].isAskedAhead = true
                asked += 1
            }
        }
        fetchQueue.removeFirst(served)
        return asked
    }

    /// Not where a slice may have to be asked for again: then the index would come before it.
    private func mayAskAhead(_ slot: Int) -> Bool {
        minor >= LiveVersion.plainPacketMinor && hasRoom && !streams[slot].isSuspended
            && streams[slot].fetchEnd == streams[slot].contentBytes && streams[slot].fetchRetries == 0
    }

    private mutating func writeDelayedSlices(now: UInt64) {
        for index in delayedSlices.indices.reversed() where delayedSlices[index].askAt <= now {
            let delayed = delayedSlices[index]
            guard hasRoom(forPacketBytes: UInt64(delayed.slice.length)) else { return }
            delayedSlices.remove(at: index)
            streams[delayed.stream].outstanding -= 1
            if case .fetching = streams[delayed.stream].state {
                write(delayed.slice, of: delayed.stream, now: now)
            } else {
                releaseStreamIfUnused(delayed.stream)
            }
        }
    }

    private mutating func write(_ slice: PacketSlice, of slot: Int, now: UInt64) {
        output.append(request: .packet)
        output.append(streams[slot].id.rawValue)
        output.append(streams[slot].fileOffset + slice.offset)
        output.append(slice.length)
        streams[slot].outstanding += 1
        packetBytesOutstanding += UInt64(slice.length)
        expect(.packet(stream: slot, slice: slice), now: now)
    }

    /// - Returns: how many streams were asked for their next index.
    private mutating func writePolls(now: UInt64) -> Int {
        var asked = 0
        var taken = 0
        while taken < hotStreams.count, hasRoom {
            let slot = hotStreams[taken]
            taken += 1
            streams[slot].isHot = false
            if case .ready = streams[slot].state {
                if streams[slot].isSuspended { continue }
                writePoll(slot, now: now)
                asked += 1
            } else {
                releaseStreamIfUnused(slot)
            }
        }
        hotStreams.removeFirst(taken)
        guard now >= nextDueAt else { return asked }
        nextDueAt = .max
        for slot in streams.indices where !streams[slot].isVacant && !streams[slot].isHot {
            guard case .ready = streams[slot].state, !streams[slot].isSuspended else { continue }
            if streams[slot].poll.dueAt <= now, hasRoom {
                writePoll(slot, now: now)
                asked += 1
            } else {
                nextDueAt = min(nextDueAt, streams[slot].poll.dueAt)
            }
        }
        return asked
    }

    private mutating func writePoll(_ slot: Int, now: UInt64) {
        streams[slot].state = .asked
        writeIndexRequest(slot, now: now)
    }

    private mutating func writeIndexRequest(_ slot: Int, now: UInt64) {
        output.append(request: .nextIndex)
        output.append(streams[slot].id.rawValue)
        streams[slot].outstanding += 1
        expect(.nextIndex(stream: slot), now: now)
    }

    private mutating func writeRound(afterPolls asked: Int, now: UInt64) {
        guard !roundIsOutstanding, hasRoom else { return }
        let earliest = lastRoundAt.map { $0 + times.roundMin } ?? 0
        guard now >= roundDueAt || (asked > 0 && now >= earliest) else { return }
        cycle += 1
        roundProvesAll = true
        for slot in attached.indices where !attached[slot].isVacant {
            guard case .attached = attached[slot].state else { continue }
            output.append(request: .newStreams)
            output.append(attached[slot].id.rawValue)
            attached[slot].outstanding += 1
            expect(.newStreams(session: slot), now: now)
        }
        output.append(request: .listSessions)
        expect(.list, now: now)
        roundIsOutstanding = true
        roundIsOwed = false
        lastRoundAt = now
        actions.append(.cycleStarted(cycle))
    }

    private var hasRoom: Bool { sent.count < limits.requestsOutstandingMax }

    private func hasRoom(forPacketBytes count: UInt64) -> Bool {
        hasRoom && packetBytesOutstanding + count <= limits.packetBytesOutstandingMax
    }

    // MARK: Times

    /// When the next round is due if nothing else brings one.
    private var roundDueAt: UInt64 {
        guard let lastRoundAt else { return 0 }
        if unprovenPauseNs > 0 { return lastRoundAt + unprovenPauseNs }
        if roundIsOwed { return lastRoundAt + times.roundMin }
        var period: UInt64 = .max
        var dataStreams = 0
        var requests: UInt64 = 1
        for slot in attached.indices where !attached[slot].isVacant {
            guard case .attached = attached[slot].state else { continue }
            period = min(period, attached[slot].livePeriodNs)
            dataStreams += attached[slot].dataStreamCount
            requests += 1
        }
        if dataStreams == 0 {
            let fastest = min(period, feedLivePeriodNs ?? .max)
            if feedIsIdle || fastest == .max { return lastRoundAt + min(requests, 8) * times.retryMax }
            return lastRoundAt + min(max(fastest / 2, times.emptyRoundMin), times.retryMax)
        }
        if let lastIndexAt, lastIndexAt + max(2 * period, times.retryMax) > lastRoundAt {
            return lastRoundAt + min(max(period / 2, times.emptyRoundMin), times.roundMaxActive)
        }
        return lastRoundAt + min(max(period, times.emptyRoundMin), times.retryMax)
    }

    /// Announces the time of the next turn, unless an earlier one is announced already.
    private mutating func schedule(now: UInt64) {
        var next: UInt64 = .max
        if sent.count > 0 { next = lastProgressAt + limits.replyTimeoutNs }
        if case .ready = state {
            if !roundIsOutstanding { next = min(next, roundDueAt) }
            next = min(next, nextDueAt)
            for trace in wantedTraces where !traces[trace].isOutstanding { next = min(next, traces[trace].askAt) }
            for delayed in delayedSlices { next = min(next, delayed.askAt) }
            for slot in attached.indices where !attached[slot].isVacant {
                next = min(next, attached[slot].drainDeadline)
            }
        }
        // What is due but had no room goes on with the next reply.
        if next <= now, sent.count > 0 { next = now + times.roundMin }
        guard next < scheduledAt ?? .max else { return }
        scheduledAt = next
        actions.append(.schedule(at: next))
    }
}
