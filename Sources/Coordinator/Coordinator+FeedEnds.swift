import EventMerge
import Feed

/// What is over in another coordinator's feed, and how far the feed has been taken.
extension Coordinator {
    // MARK: Leaving

    /// Says what has left whole: the tokens behind it, and what has ended before them.
    mutating func takeSegments(_ link: RelayLink) {
        guard let feed = link.feed else { return }
        var hasTaken = false
        while let segment = feed.segments.takeReady() {
            hasTaken = true
            if !segment.token.isEmpty {
                feed.record.token = segment.token
                feed.hasNews = true
            }
            for end in segment.ends { say(end, of: feed) }
        }
        guard hasTaken, link.isFinished, feed.segments.isEmpty, link.drainingCount > 0 else { return }
        link.drainingCount -= 1
        sayEndIfDrained(link)
    }

    /// Says with the next batch how far feeds have been taken.
    mutating func saySources() {
        for link in feedLinks {
            guard let feed = link.feed, feed.hasNews else { continue }
            feed.hasNews = false
            records.append(.source(feed.record))
        }
    }

    private mutating func say(_ end: FeedSourceEnd, of feed: FeedSource) {
        switch end {
        case .stream(let stream):
            leaveMerge(stream)
            let number = stream.declaration.sourceID
            if feed.streams[number] === stream { feed.streams[number] = nil }
            records.append(
                .streamEnd(
                    StreamEndRecord(
                        streamID: stream.declaration.id,
                        traceID: stream.declaration.traceID,
                        traceUUID: stream.uuid
                    )
                )
            )
        case .trace(let trace):
            for stream in feed.streamsInOrder where stream.trace === trace {
                leaveMerge(stream)
                feed.streams[stream.declaration.sourceID] = nil
            }
            let number = trace.declaration.sourceID
            if feed.traces[number] === trace { feed.traces[number] = nil }
            records.append(.traceEnd(traceID: trace.declaration.id))
        case .session(let change):
            let name = FeedSource.SessionName(change)
            if feed.sessions[name] == change, !change.state.isThere { feed.sessions[name] = nil }
            records.append(.session(change))
        case .relay(let change):
            // It may have come back.
            guard feed.relays[change.relay] == change else { return }
            feed.relays[change.relay] = nil
            records.append(.relay(change))
        }
    }

    private mutating func leaveMerge(_ stream: FeedSourceStream) {
        batches.forgetStream(stream.declaration.id)
        guard let slot = stream.merge else { return }
        stream.merge = nil
        merge.end(slot)
    }

    // MARK: Ending

    mutating func end(_ stream: FeedSourceStream, of feed: FeedSource) {
        guard !stream.isEnding else { return }
        stream.isEnding = true
        feed.segments.append(.stream(stream))
    }

    mutating func end(_ trace: FeedSourceTrace, of feed: FeedSource) {
        guard !trace.isEnding else { return }
        for stream in feed.streamsInOrder where stream.trace === trace { end(stream, of: feed) }
        trace.isEnding = true
        feed.segments.append(.trace(trace))
    }

    mutating func end(_ session: SessionStateChange, _ state: SessionState, of feed: FeedSource, reason: String) {
        guard session.state.isThere else { return }
        var change = session
        change.state = state
        change.reason = reason
        feed.sessions[FeedSource.SessionName(change)] = change
        feed.segments.append(.session(change))
    }

    mutating func end(_ relay: RelayStateChange, of feed: FeedSource, reason: String) {
        guard relay.state != .ended else { return }
        var change = relay
        change.state = .ended
        change.reason = reason
        feed.relays[change.relay] = change
        feed.segments.append(.relay(change))
    }

    /// What is known and the feed does not name any more has ended while nobody was there to see it.
    mutating func compare(_ feed: FeedSource, with seen: FeedSource.Names) {
        let reason = "ended while its coordinator was not attached"
        for stream in feed.streamsInOrder where !seen.streams.contains(stream.declaration.sourceID) {
            end(stream, of: feed)
        }
        for trace in feed.tracesInOrder where !seen.traces.contains(trace.declaration.sourceID) {
            end(trace, of: feed)
        }
        for session in feed.sessionsInOrder where !seen.sessions.contains(FeedSource.SessionName(session)) {
            end(session, .ended, of: feed, reason: reason)
        }
        for relay in feed.relaysInOrder where !seen.relays.contains(relay.relay) {
            end(relay, of: feed, reason: reason)
        }
        for name in feed.sources.keys.sorted() where !seen.sources.contains(name) {
            feed.sources[name] = nil
            records.append(.source(SourceRecord(relay: name, feed: nil)))
        }
    }

    /// The connection is gone: what came since the last token comes again.
    mutating func park(_ feed: FeedSource, of link: RelayLink) {
        feed.isInCheckpoint = false
        feed.seen = nil
        for end in feed.segments.dropOpenEnds() {
            switch end {
            case .stream(let stream): stream.isEnding = false
            case .trace(let trace): trace.isEnding = false
            case .session(let change):
                var known = change
                known.state = .active
                feed.sessions[FeedSource.SessionName(change)] = known
            // Its end is said again, whatever was known.
            case .relay: break
            }
        }
        guard feed.isPaused else { return }
        feed.isPaused = false
        stall.setHeldByUs(link.frontier, false)
    }

    /// Something of a source is lost, and nobody knows how much.
    mutating func noteLoss(of feed: FeedSource, reason: String) {
        records.append(
            .lost(
                LossRecord(
                    relay: feed.name,
                    host: "",
                    session: "",
                    sessionID: 0,
                    streamID: nil,
                    unit: .events,
                    count: nil,
                    fromNs: nil,
                    toNs: nil,
                    reason: reason
                )
            )
        )
    }

    /// Nothing more comes of the feed that was there: all that it had is over, behind what is still to leave.
    mutating func abandon(_ feed: FeedSource, _ link: RelayLink, reason: String) {
        let loss = "\(reason): what was not taken of the one before is lost"
        noteLoss(of: feed, reason: loss)
        say(.error, link, loss)
        endAll(of: feed, .lost, reason: reason)
        feed.record = SourceRecord(relay: feed.name, feed: nil)
        feed.lastToken = ""
        feed.replayEnd = 0
        feed.latestNs = nil
    }

    private mutating func endAll(of feed: FeedSource, _ state: SessionState, reason: String) {
        for stream in feed.streamsInOrder { end(stream, of: feed) }
        for trace in feed.tracesInOrder { end(trace, of: feed) }
        for session in feed.sessionsInOrder { end(session, state, of: feed, reason: reason) }
        for relay in feed.relaysInOrder { end(relay, of: feed, reason: reason) }
        for name in feed.sources.keys.sorted() { records.append(.source(SourceRecord(relay: name, feed: nil))) }
        for report in feed.clocks.values {
            var gone = report
            gone.quality = .absent
            records.append(.clock(gone))
        }
        feed.segments.close(token: "")
        // Numbers of another feed, or of the same one subscribed to anew, are others.
        feed.streams.removeAll()
        feed.traces.removeAll()
        feed.sources.removeAll()
        feed.clocks.removeAll()
    }

    /// The source is over: nobody waits for it any more.
    /// - Parameter isWhole: all that it had has come.
    mutating func finishFeed(_ link: RelayLink, reason: String, isWhole: Bool) {
        guard let feed = link.feed, !link.isFinished else { return }
        if case .connecting = link.connection { actions.append(.close(relay: link.index)) }
        park(feed, of: link)
        let hadAny = feed.record.feed != nil
        if !isWhole, hadAny { abandon(feed, link, reason: reason) } else { endAll(of: feed, .ended, reason: reason) }
        if hadAny { records.append(.source(SourceRecord(relay: feed.name, feed: nil))) }
        feed.hasNews = false
        setIdle(feed, true)
        if !feed.segments.isEmpty { link.drainingCount += 1 }
        finish(link, reason: reason)
        takeSegments(link)
    }

    // MARK: Restarts

    /// What the log knows of one of the feed's relays.
    mutating func restore(_ relay: RestoredFeed.Relay, _ name: String, of link: RelayLink) {
        guard let feed = link.feed else { return }
        if let state = relay.state, state.state != .ended { feed.relays[name] = state }
        for session in relay.sessions {
            feed.sessions[FeedSource.SessionName(session.change)] = session.change
            for known in session.traces { restore(known, of: feed) }
        }
    }

    private func restore(_ known: RestoredFeed.Trace, of feed: FeedSource) {
        let trace = FeedSourceTrace(known.declaration)
        trace.publishedBytes = known.metadata.reduce(0) { $0 + UInt64($1.count) }
        feed.traces[known.declaration.sourceID] = trace
        for restored in known.streams {
            let stream = FeedSourceStream(restored.declaration, trace: trace)
            stream.taken = restored.place.packet.map { ($0.place, $0.endBits) }
            stream.cutPacket = restored.cutPacket
            feed.streams[restored.declaration.sourceID] = stream
        }
    }

    /// How far feeds were taken, and what is no source any more.
    mutating func restoreSources(_ restored: RestoredFeed) {
        for (name, record) in restored.sources.sorted(by: { $0.key < $1.key }) {
            if let feed = feedLinks.lazy.compactMap(\.feed).first(where: { $0.name == name }) {
                feed.record = record
                feed.lastToken = record.token
            } else if let feed = feedLinks.lazy.compactMap(\.feed).first(where: { $0.has(name) }) {
                feed.sources[name] = record.feed
            } else {
                records.append(.source(SourceRecord(relay: name, feed: nil)))
            }
        }
        for report in restored.clocks {
            guard let feed = feedLinks.lazy.compactMap(\.feed).first(where: { $0.has(report.relay) }) else { continue }
            feed.clocks[FeedSource.ClockName(report)] = report
        }
    }
}

extension FeedSource {
    /// Whether a name of this feed is that of one of its relays.
    func has(_ relay: String) -> Bool { relay.hasPrefix(prefix) }
}

extension SessionState {
    /// Whether it has not ended.
    var isThere: Bool { self == .active || self == .held }
}
