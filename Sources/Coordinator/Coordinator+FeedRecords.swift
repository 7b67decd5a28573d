import EventMerge
package import Feed

/// What another coordinator's feed says: declared, passed on and kept, with the names and numbers of this feed.
extension Coordinator {
    /// A frame came.
    package mutating func feedFrame(relay: Int, _ frame: ReceivedFrame, now: UInt64) {
        let link = links[relay]
        guard link.isOpen, let feed = link.feed else { return }
        link.activity.receivedBytes += UInt64(frame.byteCount)
        stall.replied(link.frontier)
        let batch = frame.batch
        if frame.isNotice { return takeNotice(batch, link) }
        beginFrame(frame, feed)
        let isNews = !frame.isCheckpoint && batch.sequence > feed.replayEnd
        for record in batch.records {
            guard hasFittingNames(record) else {
                return refuse(link, "names of more than \(limits.nameBytesMax) bytes", now: now)
            }
            take(record, of: feed, link, isNews: isNews, isCheckpoint: frame.isCheckpoint, now: now)
            // A loop was found, or the feed has ended.
            guard link.isOpen else { return pump(now: now) }
        }
        if let excess = excess(of: feed) { return refuse(link, excess, now: now) }
        if isNews {
            feed.record.sequence = batch.sequence
            feed.hasNews = true
        }
        if let watermarkNs = batch.watermarkNs {
            advance(feed, link, to: bound(feed, watermarkNs: watermarkNs))
        }
        if let token = frame.token {
            feed.lastToken = token
            feed.segments.close(token: token)
        }
        takeSegments(link)
        pump(now: now)
    }

    /// What of a feed is more than may be kept of it; nil where nothing is.
    private func excess(of feed: FeedSource) -> String? {
        let nameBytes = feed.segments.endBytes + (feed.seen?.byteCount ?? 0)
        guard nameBytes > 2 * limits.feedNameBytesMax else { return nil }
        return "more than \(2 * limits.feedNameBytesMax) bytes of names and ends at once"
    }

    /// It says more than may be kept of it.
    private mutating func refuse(_ link: RelayLink, _ reason: String, now: UInt64) {
        actions.append(.close(relay: link.index))
        lose(link, reason: reason, now: now)
        pump(now: now)
    }

    /// Whether names and metadata-free texts of a record are short enough to be passed on with a longer name.
    private func hasFittingNames(_ record: FeedRecord) -> Bool {
        func fit(_ names: String...) -> Bool { names.allSatisfy { $0.utf8.count <= limits.nameBytesMax } }
        return switch record {
        case .trace(let trace): fit(trace.relay, trace.host, trace.session, trace.path)
        case .stream(let stream): fit(stream.channel)
        case .relay(let change): fit(change.relay)
        case .session(let change): fit(change.relay, change.host, change.session)
        case .lost(let loss): fit(loss.relay, loss.host, loss.session)
        case .holder(let holder): fit(holder.relay, holder.host, holder.session)
        case .clock(let report):
            fit(report.relay, report.host, report.clock, report.referenceRelay, report.referenceHost)
        case .source(let source): fit(source.relay)
        case .metadata, .traceEnd, .streamEnd, .events, .gap, .log, .idle, .end: true
        }
    }

    private mutating func takeNotice(_ batch: FeedBatch, _ link: RelayLink) {
        for case .log(let log) in batch.records where log.condition == .failing {
            say(.warning, link, "its log cannot be written, so that its feed stands: \(clipped(log.reason))")
        }
    }

    /// Where a checkpoint begins or has ended.
    private mutating func beginFrame(_ frame: ReceivedFrame, _ feed: FeedSource) {
        if frame.isCheckpoint {
            guard !feed.isInCheckpoint else { return }
            feed.isInCheckpoint = true
            feed.seen = FeedSource.Names()
            setIdle(feed, false)
            return
        }
        feed.isInCheckpoint = false
        guard let seen = feed.seen, frame.batch.sequence > feed.replayEnd else { return }
        feed.seen = nil
        compare(feed, with: seen)
    }

    // MARK: Records

    private mutating func take(
        _ record: FeedRecord,
        of feed: FeedSource,
        _ link: RelayLink,
        isNews: Bool,
        isCheckpoint: Bool,
        now: UInt64
    ) {
        switch record {
        case .trace(let trace): take(trace, of: feed)
        case .metadata(let traceID, let bytes): take(bytes, ofTrace: traceID, of: feed)
        case .stream(let stream): take(stream, of: feed)
        case .streamEnd(let end):
            guard let stream = feed.streams[end.streamID] else { return }
            stream.uuid = end.traceUUID
            self.end(stream, of: feed)
        case .traceEnd(let traceID):
            if let trace = feed.traces[traceID] { end(trace, of: feed) }
        case .events(let group): take(group, of: feed, link, isNews: isNews, now: now)
        case .relay(let change): take(change, of: feed, isNews: isNews, isCheckpoint: isCheckpoint)
        case .session(let change): take(change, of: feed, isNews: isNews, isCheckpoint: isCheckpoint)
        case .lost(let loss): if isNews { take(loss, of: feed) }
        case .holder(let holder): if isNews { take(holder, of: feed) }
        case .clock(let report): take(report, of: feed, isNews: isNews || isCheckpoint)
        case .gap(let gap): takeGap(gap, of: feed, link)
        case .source(let source): take(source, of: feed, link, now: now)
        case .idle(let isIdle): setIdle(feed, isIdle)
        case .log: break
        case .end(let reason):
            guard configuration.lifetime == .untilSessionsEnd else { return }
            finishFeed(link, reason: clipped(reason), isWhole: true)
        }
    }

    // MARK: Declarations

    private mutating func take(_ trace: FeedTrace, of feed: FeedSource) {
        feed.seen?.traces.insert(trace.id)
        var declaration = trace
        declaration.relay = feed.named(trace.relay)
        declaration.sourceID = trace.id
        if let known = feed.traces[trace.id] {
            declaration.id = known.declaration.id
            if declaration == known.declaration {
                known.receivedBytes = 0
                return
            }
            // Another life of the feed has used the number for another one.
            end(known, of: feed)
            for stream in feed.streamsInOrder where stream.trace === known {
                feed.streams[stream.declaration.sourceID] = nil
            }
        }
        declaration.id = nextTraceID
        nextTraceID += 1
        feed.traces[trace.id] = FeedSourceTrace(declaration)
        records.append(.trace(declaration))
    }

    /// Passes metadata on, but for what this feed has already.
    private mutating func take(_ bytes: [UInt8], ofTrace traceID: UInt64, of feed: FeedSource) {
        guard let trace = feed.traces[traceID] else { return }
        let knownBytes = trace.publishedBytes - min(trace.publishedBytes, trace.receivedBytes)
        trace.receivedBytes += UInt64(bytes.count)
        guard UInt64(bytes.count) > knownBytes else { return }
        var new = bytes[Int(knownBytes)...]
        while !new.isEmpty {
            let piece = new.prefix(limits.metadataPieceBytes)
            records.append(.metadata(traceID: trace.declaration.id, bytes: Array(piece)))
            new = new.dropFirst(piece.count)
        }
        trace.publishedBytes = trace.receivedBytes
    }

    private mutating func take(_ stream: FeedStream, of feed: FeedSource) {
        feed.seen?.streams.insert(stream.id)
        guard let trace = feed.traces[stream.traceID] else { return }
        var declaration = stream
        declaration.traceID = trace.declaration.id
        declaration.sourceID = stream.id
        if let known = feed.streams[stream.id] {
            declaration.id = known.declaration.id
            if declaration == known.declaration {
                known.isReplayed = known.taken != nil
                return
            }
            end(known, of: feed)
        }
        declaration.id = nextStreamID
        nextStreamID += 1
        feed.streams[stream.id] = FeedSourceStream(declaration, trace: trace)
        records.append(.stream(declaration))
    }

    // MARK: States

    private mutating func take(_ change: RelayStateChange, of feed: FeedSource, isNews: Bool, isCheckpoint: Bool) {
        var change = change
        change.relay = feed.named(change.relay)
        change.reason = clipped(change.reason)
        feed.seen?.insert(relay: change.relay)
        let known = feed.relays[change.relay]
        if change.state == .ended {
            guard !isCheckpoint || known.map({ $0.state != .ended }) ?? false else { return }
            feed.relays[change.relay] = change
            feed.segments.append(.relay(change))
        } else if isNews || isCheckpoint && known?.state != change.state {
            feed.relays[change.relay] = change
            records.append(.relay(change))
        }
    }

    private mutating func take(_ change: SessionStateChange, of feed: FeedSource, isNews: Bool, isCheckpoint: Bool) {
        var change = change
        change.relay = feed.named(change.relay)
        change.reason = clipped(change.reason)
        let name = FeedSource.SessionName(change)
        feed.seen?.insert(name)
        let known = feed.sessions[name]
        guard change.state.isThere else {
            // One that was not there when it ended, as one that could not be attached, is said at once.
            if known == nil, isNews { records.append(.session(change)) }
            return end(known ?? change, change.state, of: feed, reason: change.reason)
        }
        let isBehindEnd = known.map { !$0.state.isThere } ?? false
        guard isNews || isBehindEnd || known?.state != change.state else { return }
        feed.sessions[name] = change
        if isBehindEnd { feed.segments.append(.session(change)) } else { records.append(.session(change)) }
    }

    private mutating func take(_ loss: LossRecord, of feed: FeedSource) {
        var loss = loss
        loss.relay = feed.named(loss.relay)
        loss.streamID = loss.streamID.flatMap { feed.streams[$0]?.declaration.id }
        loss.reason = clipped(loss.reason)
        records.append(.lost(loss))
    }

    private mutating func take(_ holder: HolderRecord, of feed: FeedSource) {
        var holder = holder
        holder.relay = feed.named(holder.relay)
        holder.streamID = holder.streamID.flatMap { feed.streams[$0]?.declaration.id }
        records.append(.holder(holder))
    }

    private mutating func take(_ report: ClockReport, of feed: FeedSource, isNews: Bool) {
        var report = report
        report.relay = feed.named(report.relay)
        // Where it was compared with the other coordinator's own clock, that is named.
        let isOwn = report.referenceRelay.isEmpty && report.referenceHost.isEmpty
        report.referenceRelay = isOwn ? feed.name : feed.named(report.referenceRelay)
        let name = FeedSource.ClockName(report)
        guard isNews, feed.clocks[name] != report else { return }
        feed.clocks[name] = report.quality == .absent ? nil : report
        records.append(.clock(report))
    }

    /// Frames that the other coordinator does not have any more.
    private mutating func takeGap(_ gap: GapRecord, of feed: FeedSource, _ link: RelayLink) {
        let reason = "frames \(gap.fromSequence) to \(gap.toSequence) of its feed are gone: \(clipped(gap.reason))"
        say(.warning, link, reason)
        noteLoss(of: feed, reason: reason)
    }

    /// A source of the source: it must not be this feed.
    private mutating func take(_ source: SourceRecord, of feed: FeedSource, _ link: RelayLink, now: UInt64) {
        let name = feed.named(source.relay)
        if let id = source.feed, id == configuration.feed { return refuseLoop(link, name, now: now) }
        feed.seen?.insert(source: name)
        guard feed.sources[name] != source.feed else { return }
        feed.sources[name] = source.feed
        records.append(.source(SourceRecord(relay: name, feed: source.feed)))
    }

    /// A text for people, not longer than one may be.
    private func clipped(_ text: String) -> String {
        text.utf8.count <= limits.nameBytesMax ? text : String(text.prefix(limits.nameBytesMax / 16))
    }
}
