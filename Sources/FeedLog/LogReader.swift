package import Feed

/// Where a subscriber stands in the stored log.
package struct LogPosition: Sendable, Equatable {
    /// The last frame that it has.
    package var sequence: UInt64
    /// Where the next one is, if it is known: the first frame of its segment, and bytes from the file's start.
    var segment: UInt64 = 0
    var offset: UInt64 = 0

    package init(sequence: UInt64) {
        self.sequence = sequence
    }

    init(sequence: UInt64, segment: UInt64, offset: UInt64) {
        self.sequence = sequence
        self.segment = segment
        self.offset = offset
    }
}

/// What a cursor finds in the stored log.
package struct StoredRead: Sendable {
    package enum Found: Sendable {
        /// At least one, in order.
        case frames([EncodedFrame])
        case atEnd
        /// The next frames are gone: go on after this opening, which names the gap.
        case fallenOut(SubscriptionOpening)
        /// The next frames are gone, and there is no checkpoint behind them.
        case unreadable
    }

    package var found: Found
    package var position: LogPosition
    /// What was found to be wrong on the way.
    package var damage: LogDamage?

    package init(found: Found, position: LogPosition, damage: LogDamage? = nil) {
        self.found = found
        self.position = position
        self.damage = damage
    }
}

/// The reading side of the log: from any thread, each with the catalogue that it was given.
///
/// May block. Memory: what is returned, and a chunk of the file. Reading on from a position that an earlier read
/// returned costs what is read; any other read looks for its place from the mark before it, or, in a segment of an
/// earlier process, from its start.
package struct LogReader: Sendable {
    private let storage: any LogStorage
    private let limits: FeedLimits

    package init(_ storage: any LogStorage, limits: FeedLimits = FeedLimits()) {
        self.storage = storage
        self.limits = limits
    }

    /// Frames after `position`, at most `limitBytes` of them, but at least one if there is one.
    package func read(_ catalogue: LogCatalogue, after position: LogPosition, limitBytes: Int) -> StoredRead {
        let next = position.sequence + 1
        guard next <= catalogue.newestSequence else { return StoredRead(found: .atEnd, position: position) }
        guard let index = catalogue.index(holding: next) else {
            return goOn(catalogue, from: 0, after: position, reason: LogReader.tooOld)
        }
        let segment = catalogue.segments[index]
        guard next <= segment.lastSequence else {
            return goOn(catalogue, from: index + 1, after: position, reason: LogReader.damaged)
        }
        var frames: [EncodedFrame] = []
        var bytes = 0
        var position = position
        do throws(LogDamage) {
            var scan = self.scan(segment, position, chunkBytes: limitBytes)
            while let record = try scan.next() {
                guard record.kind == .batch, record.frame.sequence >= next else { continue }
                guard frames.isEmpty || bytes + record.frame.byteCount <= limitBytes else { break }
                frames.append(record.frame)
                bytes += record.frame.byteCount
                position = LogPosition(
                    sequence: record.frame.sequence,
                    segment: segment.firstSequence,
                    offset: record.endOffset
                )
            }
            // Frames that were cut off when the log was opened, or that went with a segment.
            if frames.isEmpty { throw scan.damage("the file ends before frame \(next)") }
        } catch {
            // What was read before it is good; the next read comes here again.
            guard frames.isEmpty else { return StoredRead(found: .frames(frames), position: position) }
            let reason = error.isMissing ? LogReader.tooOld : LogReader.damaged
            var read = goOn(catalogue, from: index + 1, after: position, reason: reason)
            if !error.isMissing { read.damage = error }
            return read
        }
        return StoredRead(found: .frames(frames), position: position)
    }

    private static let tooOld = "the subscriber was slower than the log keeps frames"
    private static let damaged = "the log is damaged here"

    /// Reads from the place before the frame after `position` that is known best.
    private func scan(_ segment: LogSegment, _ position: LogPosition, chunkBytes: Int) -> SegmentScan {
        let next = position.sequence + 1
        if position.segment == segment.firstSequence, position.offset > 0 {
            return SegmentScan(
                segment,
                at: position.offset,
                nextSequence: next,
                in: storage,
                limits: limits,
                chunkBytes: chunkBytes
            )
        }
        guard let mark = segment.lastMark(where: { $0.sequence <= next }) else {
            return SegmentScan(segment, in: storage, limits: limits)
        }
        return SegmentScan(segment, at: mark.offset, nextSequence: mark.sequence, in: storage, limits: limits)
    }

    /// The first checkpoint that can be read, from segment `first` on.
    private func goOn(
        _ catalogue: LogCatalogue,
        from first: Int,
        after position: LogPosition,
        reason: String
    ) -> StoredRead {
        var damage: LogDamage?
        for segment in catalogue.segments.dropFirst(first) {
            do throws(LogDamage) {
                let (state, place) = try checkpoint(segment)
                let gap = GapRecord(fromSequence: position.sequence + 1, toSequence: state.sequence, reason: reason)
                let opening = SubscriptionOpening(
                    state: state,
                    gap: gap.toSequence >= gap.fromSequence ? gap : nil
                )
                return StoredRead(found: .fallenOut(opening), position: place, damage: damage)
            } catch {
                if !error.isMissing { damage = error }
            }
        }
        return StoredRead(found: .unreadable, position: position, damage: damage)
    }

    private func checkpoint(_ segment: LogSegment) throws(LogDamage) -> (FeedState, LogPosition) {
        var scan = SegmentScan(segment, in: storage, limits: limits)
        let folder = try scan.foldedCheckpoint(watermarkNs: segment.header.watermarkNs, limits: limits)
        let place = LogPosition(
            sequence: folder.state.sequence,
            segment: segment.firstSequence,
            offset: scan.offset
        )
        return (folder.state, place)
    }
}

// MARK: - Starts

extension LogReader {
    /// Begins with the oldest frame.
    package func openEarliest(_ catalogue: LogCatalogue) -> StoredRead {
        let before = (catalogue.oldestSequence ?? 1) - 1
        return goOn(catalogue, from: 0, after: LogPosition(sequence: before), reason: LogReader.damaged)
    }

    /// Begins after a frame; where it is older than what is kept, with a gap, then the oldest.
    /// - Complexity: O(bytes of the segment up to there).
    package func open(_ catalogue: LogCatalogue, after sequence: UInt64) -> StoredRead {
        let position = LogPosition(sequence: sequence)
        guard let index = catalogue.index(holding: sequence + 1) else {
            return goOn(catalogue, from: 0, after: position, reason: "these frames are older than the log keeps")
        }
        let segment = catalogue.segments[index]
        do throws(LogDamage) {
            var scan = SegmentScan(segment, in: storage, limits: limits)
            var folder = try scan.foldedCheckpoint(watermarkNs: segment.header.watermarkNs, limits: limits)
            while folder.state.sequence < sequence {
                guard let record = try scan.next() else {
                    throw scan.damage("the file ends before frame \(sequence)")
                }
                try folder.fold(record, of: segment.name)
            }
            let place = LogPosition(sequence: sequence, segment: segment.firstSequence, offset: scan.offset)
            return StoredRead(found: .fallenOut(SubscriptionOpening(state: folder.state)), position: place)
        } catch {
            var read = goOn(catalogue, from: index + 1, after: position, reason: LogReader.damaged)
            if !error.isMissing { read.damage = error }
            return read
        }
    }

    /// Begins behind the newest frame whose W is not after `ns`, so that every event in order of that time follows; at
    /// the oldest frame when there is none.
    package func open(_ catalogue: LogCatalogue, timeNs ns: Int64) -> StoredRead {
        // W never goes back, so the segments are sorted by it.
        let index = catalogue.segments.lastIndex { segment in segment.header.watermarkNs.map { $0 <= ns } ?? true }
        guard let index else { return openEarliest(catalogue) }
        let segment = catalogue.segments[index]
        var found = segment.firstSequence - 1
        do throws(LogDamage) {
            let mark = segment.lastMark { mark in mark.watermarkNs.map { $0 <= ns } ?? true }
            if let mark { found = mark.watermarkSequence }
            var scan =
                if let mark {
                    SegmentScan(segment, at: mark.offset, nextSequence: mark.sequence, in: storage, limits: limits)
                } else {
                    SegmentScan(segment, in: storage, limits: limits)
                }
            while let record = try scan.next() {
                guard record.kind == .batch, let watermarkNs = record.frame.watermarkNs else { continue }
                guard watermarkNs <= ns else { break }
                found = record.frame.sequence
            }
        } catch {
            // Begins before the damage, and comes upon it.
        }
        return open(catalogue, after: found)
    }
}
