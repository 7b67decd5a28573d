import CTF
package import Feed

/// What a frame's events say about time.
private struct FrameTimes {
    var events = 0
    var inOrder = TimeSpan()
    var late = TimeSpan()
    var losses = TimeSpan()
}

extension TimelineModel {
    /// Takes in the next batch of the feed, or a part of the checkpoint that comes before the first.
    ///
    /// - Complexity: a scan of the events to keys, some ten nanoseconds each; a look-up for each slice.
    package mutating func fold(_ batch: FeedBatch) {
        lanes.revision += 1
        figures.sequence = batch.sequence
        var times = FrameTimes()
        for record in batch.records { fold(record, &times) }
        index.append(
            sequence: batch.sequence,
            events: times.events,
            inOrder: times.inOrder.range,
            late: times.late.range
        )
        for range in [times.inOrder.range, times.late.range, times.losses.range] {
            changedTimes.append(range, revision: revision)
            if let range { figures.endNs = max(figures.endNs ?? range.upperBound, range.upperBound) }
        }
        if let watermarkNs = batch.watermarkNs { figures.watermarkNs = watermarkNs }
        keepToBudget()
    }

    private mutating func fold(_ record: FeedRecord, _ times: inout FrameTimes) {
        let watermarkNs = figures.watermarkNs
        switch record {
        case .trace(let trace): lanes.declare(trace)
        case .metadata, .source, .idle: break
        case .stream(let stream): lanes.declare(stream)
        case .traceEnd(let traceID): lanes.end(traceID: traceID, watermarkNs: watermarkNs)
        case .streamEnd(let end): lanes.end(streamID: end.streamID, watermarkNs: watermarkNs)
        case .events(let group): fold(group, &times)
        case .relay(let change):
            lanes.change(change)
            marks.note(change, watermarkNs: watermarkNs, revision: revision)
        case .session(let change): lanes.change(change, watermarkNs: watermarkNs)
        case .lost(let loss): fold(loss, &times)
        case .holder(let holder):
            figures.holder = holder
            figures.holderLane =
                holder.streamID.flatMap { lanes.lane(ofStream: $0) }
                ?? lanes.lane(relay: holder.relay, host: holder.host)
        case .clock(let report):
            lanes.change(report)
            let lane = lanes.lane(relay: report.relay, host: report.host)
            marks.note(report, lane: lane, watermarkNs: watermarkNs, revision: revision)
        case .gap(let gap): marks.note(gap, watermarkNs: watermarkNs, revision: revision)
        case .log(let log): figures.log = log
        case .end(let reason): figures.end = reason
        }
    }

    private mutating func fold(_ loss: LossRecord, _ times: inout FrameTimes) {
        let lane =
            loss.streamID.flatMap { lanes.lane(ofStream: $0) }
            ?? lanes.lane(relay: loss.relay, host: loss.host, session: loss.session, sessionID: loss.sessionID)
        marks.note(loss, lane: lane, watermarkNs: figures.watermarkNs, revision: revision)
        figures.lostRecords += 1
        if loss.unit == .events, let count = loss.count {
            figures.lostEvents = figures.lostEvents.plus(count)
        } else {
            figures.lostUnknown += 1
        }
        let columnNs = loss.toNs ?? loss.fromNs ?? figures.watermarkNs
        if let columnNs { times.losses.add(columnNs) }
        let index = lanes.index(of: lane) ?? 0
        let before = lanes.entries[index].counts.byteCount
        lanes.entries[index].counts.addLoss(ns: columnNs, empty: emptyTrack)
        lanes.entries[index].counts.countedAt = revision
        densityBytes += lanes.entries[index].counts.byteCount - before
    }

    private mutating func fold(_ group: EventGroup, _ times: inout FrameTimes) {
        var places = LatePlaces(group)
        for (number, slice) in group.slices.enumerated() {
            fold(slice, late: places.take(slice: number), &times)
        }
    }

    private mutating func fold(_ slice: EventSlice, late: [Int], _ times: inout FrameTimes) {
        // What has no lane is counted by the feed's.
        let index = lanes.lane(ofStream: slice.packet.stream.id).flatMap { lanes.index(of: $0) } ?? 0
        if slice.opensPacket || lanes.entries[index].counts.countedAt == 0 { lanes.note(slice.packet, at: index) }
        lanes.entries[index].counts.countedAt = revision
        figures.events += UInt64(slice.eventCount)
        figures.late += UInt64(late.count)
        times.events += slice.eventCount
        guard slice.packet.program.clockConversion(streamClassID: slice.packet.preamble.streamClassID) != nil else {
            lanes.entries[index].counts.timelessEvents += UInt64(slice.eventCount)
            return
        }
        let before = lanes.entries[index].counts.byteCount
        var nextLate = late[...]
        let empty = emptyTrack
        var read = 0
        var scanner = scanner
        read = scanner.scan(slice) { buffer, first in
            let keys = buffer.keys
            let span = times.note(keys, first: first, late: &nextLate) { ns in
                lanes.entries[index].counts.addLate(ns: ns, empty: empty)
            }
            if let span { lanes.entries[index].counts.add(keys, times: span, empty: empty) }
        }
        figures.unreadable += UInt64(slice.eventCount - min(read, slice.eventCount))
        densityBytes += lanes.entries[index].counts.byteCount - before
    }
}

extension FrameTimes {
    /// Notes the times of keys.
    /// - Parameters:
    ///   - first: the index in the slice of the first key.
    ///   - late: indexes in the slice of the late events that are not noted yet.
    ///   - body: gets the times of the late ones.
    /// - Returns: the least and the greatest time.
    fileprivate mutating func note(
        _ keys: UnsafeBufferPointer<EventKey>,
        first: Int,
        late: inout ArraySlice<Int>,
        _ body: (Int64) -> Void
    ) -> ClosedRange<Int64>? {
        var position = 0
        var all = TimeSpan()
        while position < keys.count {
            let stop = late.first.map { min(keys.count, max(position, $0 - first)) } ?? keys.count
            if let range = Self.range(UnsafeBufferPointer(rebasing: keys[position..<stop])) {
                inOrder.add(range)
                all.add(range)
            }
            position = stop
            guard position < keys.count else { break }
            late.removeFirst()
            let ns = keys[position].timestampNs
            self.late.add(ns)
            all.add(ns)
            body(ns)
            position += 1
        }
        return all.range
    }

    private static func range(_ keys: UnsafeBufferPointer<EventKey>) -> ClosedRange<Int64>? {
        guard let first = keys.first?.timestampNs else { return nil }
        var (least, greatest) = (first, first)
        for key in keys {
            least = min(least, key.timestampNs)
            greatest = max(greatest, key.timestampNs)
        }
        return least...greatest
    }
}
