package import CTF

/// Leaves out of batches the events that lie outside of a range of time, and what was lost outside of it. All other
/// records pass.
///
/// Slices that lie in the range as a whole, as most do, are only scanned. An event without a clock is in no range.
/// Confined to one thread at a time.
package struct RangeFilter {
    /// The first time that is wanted, nanoseconds since the Unix epoch; nil: all that come before `endNs`.
    package let beginNs: Int64?
    /// The first time that is not wanted any more; nil: none.
    package let endNs: Int64?
    private var cutter = SliceCutter()

    package init(beginNs: Int64?, endNs: Int64?) {
        self.beginNs = beginNs
        self.endNs = endNs
    }

    /// Whether all events in order that it wants have left with a batch that says this watermark.
    package func isPassed(by watermarkNs: Int64?) -> Bool {
        guard let endNs, let watermarkNs else { return false }
        return watermarkNs >= endNs
    }

    package mutating func filtered(_ batch: FeedBatch) -> FeedBatch {
        guard beginNs != nil || endNs != nil else { return batch }
        var seen = batch
        seen.records = batch.records.compactMap { record in
            switch record {
            case .events(let group):
                let kept = filtered(group)
                return kept.eventCount > 0 ? .events(kept) : nil
            case .lost(let loss):
                // Of what is lost at an unknown time nobody knows that it is not in the range.
                let isBefore = loss.toNs.map { $0 < beginNs ?? .min } ?? false
                let isBehind = loss.fromNs.map { $0 >= endNs ?? .max } ?? false
                return isBefore || isBehind ? nil : record
            default: return record
            }
        }
        return seen
    }

    private mutating func filtered(_ group: EventGroup) -> EventGroup {
        cutter.begin(group)
        for slice in group.slices { cut(slice) }
        return cutter.end(group)
    }

    private mutating func cut(_ slice: EventSlice) {
        let hasClock = slice.packet.program.clockConversion(streamClassID: slice.packet.preamble.streamClassID) != nil
        guard hasClock else { return cutter.drop(slice) }
        let keys = slice.keys
        let wanted = keys.keys.lazy.map { [beginNs, endNs] key in
            key.timestampNs >= beginNs ?? .min && key.timestampNs < endNs ?? .max
        }
        if keys.count == slice.eventCount {
            let count = wanted.count { $0 }
            if count == 0 { return cutter.drop(slice) }
            if count == slice.eventCount { return cutter.keep(slice) }
        }
        // What cannot be read behind the last key has no time.
        cutter.cut(slice, keys) { $0 < keys.count && wanted[$0] }
    }
}

extension EventSlice {
    /// Times, places and clocks of its events, as far as they can be read: all, unless the slice is damaged.
    /// - Complexity: O(events), one allocation.
    package var keys: EventKeyBuffer {
        var keys = EventKeyBuffer(capacity: max(eventCount, 1))
        var cursor = EventCursor(positionBits: firstBits, clockCycles: clockCycles)
        let correction = packet.correction
        // The error is at the event behind the last key.
        _ = try? packet.program.scan(
            PacketBytes(bytes, firstByte: Int(clamping: firstBits / 8)),
            preamble: packet.preamble,
            contentBits: endBits,
            correctionNs: correction.offsetNs,
            cursor: &cursor,
            keys: &keys
        )
        if !correction.isConstant { keys.correct(by: correction, insteadOf: correction.offsetNs) }
        return keys
    }
}
