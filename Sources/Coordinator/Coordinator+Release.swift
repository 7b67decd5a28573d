import EventMerge
import Feed

/// Memory for what the merge lets out, used again each time.
struct ReleaseRoom {
    var runs: [MergeRun] = []
    var consumed: [ConsumedChunk] = []
    var ended: [StreamSlot] = []
}

/// From what the merge lets out to batches.
extension Coordinator {
    /// Publishes all that may leave by now, in batches of bounded size.
    mutating func release() {
        var room = ReleaseRoom()
        swap(&room, &releaseRoom)
        defer { swap(&room, &releaseRoom) }
        while true {
            room.runs.removeAll(keepingCapacity: true)
            let endOfAll = openStreamCount == 0 && nothingOlderCanCome
            let result = merge.release(
                upTo: frontier.watermarkNs,
                endOfAll: endOfAll,
                maxEvents: limits.batchEventsMax,
                into: &room.runs
            )
            publish(room.runs)
            if result.isComplete {
                let isOwed = owesWatermark && result.publishedNs != nil
                if !batches.isEmpty || !records.isEmpty || isStep(to: result.publishedNs) || isOwed {
                    publishedWatermarkNs = result.publishedNs
                    owesWatermark = false
                    publishBatch()
                }
            } else if !batches.isEmpty || !records.isEmpty {
                owesWatermark = true
                publishBatch()
            }
            room.consumed.removeAll(keepingCapacity: true)
            merge.takeConsumed(into: &room.consumed)
            for chunk in room.consumed {
                let (relay, bytes, segment) = batches.close(chunk.tag)
                links[relay].pendingBytes -= bytes
                if let segment { links[relay].feed?.segments.consumed(segment) }
            }
            room.ended.removeAll(keepingCapacity: true)
            merge.takeEnded(into: &room.ended)
            for slot in room.ended { drained(slot) }
            if result.isComplete { break }
        }
        for link in feedLinks { takeSegments(link) }
        publishRecords()
    }

    /// Publishes a chunk that the merge does not know: events without a time, which wait for nothing.
    mutating func publishAtOnce(_ tag: UInt64, count: Int) {
        // The number of the merge's stream is nothing to a batch.
        publish([MergeRun(slot: StreamSlot(index: 0), tag: tag, first: 0, count: count)])
        if !batches.isEmpty { publishBatch() }
        _ = batches.close(tag)
    }

    /// Whether a watermark is worth a batch of its own: beacons of many relays move it by little steps.
    private func isStep(to watermarkNs: Int64?) -> Bool {
        guard let watermarkNs else { return false }
        guard let published = publishedWatermarkNs else { return true }
        let (step, overflow) = watermarkNs.subtractingReportingOverflow(published)
        return overflow || step >= limits.watermarkStepNs
    }

    /// Without open streams: whether a stream that nobody knows of yet might still have events older than those
    /// pending.
    private var nothingOlderCanCome: Bool {
        if links.allSatisfy({ $0.isFinished || !frontier.counts($0.frontier) }) { return true }
        guard let watermark = frontier.watermarkNs, let latest = latestObservedNs else { return false }
        return watermark >= latest
    }

    /// Puts runs into the batch being built; a batch that is full leaves.
    private mutating func publish(_ runs: [MergeRun]) {
        var place = (run: 0, event: 0)
        while place.run < runs.count {
            batches.take(runs, from: &place)
            if batches.isFull {
                owesWatermark = true
                publishBatch()
            }
        }
    }

    private mutating func publishBatch() {
        saySources()
        var batch = FeedBatch(
            records: records,
            watermarkNs: owesWatermark ? nil : publishedWatermarkNs,
            floorNs: batches.latestNs
        )
        records.removeAll(keepingCapacity: true)
        if !batches.isEmpty { batch.records.append(.events(batches.finish())) }
        actions.append(.publish(batch))
    }

    /// Publishes records that wait, without events.
    mutating func publishRecords() {
        guard !records.isEmpty else { return }
        publishBatch()
    }
}
