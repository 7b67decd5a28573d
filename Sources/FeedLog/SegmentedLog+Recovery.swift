package import Feed

/// What was found when a log was opened.
package struct LogRecovery: Sendable {
    /// For people, one line each.
    package var notes: [String] = []
    /// Bytes that were stored and are no more: torn, or damaged.
    package var cutBytes: UInt64 = 0
    /// Whether anything was stored.
    package var isNew = true

    package init() {}
}

/// Why a log cannot be opened.
package enum LogError: Error, Sendable, CustomStringConvertible {
    case storage(StorageError)
    /// The frames are whole, but make no sense; it would be wrong to cut them off.
    case unreadable(String)

    package var description: String {
        switch self {
        case .storage(let error): error.description
        case .unreadable(let reason): reason
        }
    }
}

extension SegmentedLog {
    /// Opens what is stored, or begins a new feed.
    ///
    /// The newest segment with a whole checkpoint is read through and folded; what is behind its last good record is
    /// cut off, and a new life of the feed begins, since somebody may have seen it. Of older segments only the headers
    /// are looked at: damage inside of them is found by whoever reads them.
    /// - Parameters:
    ///   - newFeed: for a storage that holds no log.
    ///   - nowNs: nanoseconds since the Unix epoch.
    ///   - mayHaveLostFrames: whether the end of the log may be missing without a trace.
    package static func open(
        _ storage: any LogStorage,
        limits: Limits,
        newFeed: FeedIdentity,
        nowNs: Int64,
        mayHaveLostFrames: Bool = false,
        feedLimits: FeedLimits = FeedLimits(),
        recovery: inout LogRecovery
    ) throws(LogError) -> SegmentedLog {
        var search = try SegmentSearch(storage, feedLimits: feedLimits)
        guard let (segment, state) = try search.newest(limits: limits, &recovery) else {
            try search.clear()
            return SegmentedLog(
                LogCatalogue(history: FeedHistory(feed: newFeed)),
                state: FeedState(),
                isOpen: false,
                storage: storage,
                limits: limits,
                feedLimits: feedLimits
            )
        }
        recovery.isNew = false
        var history = FeedHistory(feed: segment.header.feed, cuts: segment.header.cuts)
        let isCut = recovery.cutBytes > 0 || mayHaveLostFrames
        if isCut { history.cut(after: state.sequence) }
        var log = SegmentedLog(
            LogCatalogue(history: history, segments: search.older(than: segment, &recovery) + [segment]),
            state: state,
            isOpen: !isCut,
            storage: storage,
            limits: limits,
            feedLimits: feedLimits
        )
        guard isCut else { return log }
        // The new life is stored before the rest of the old one goes: a crash between would forget that it was cut.
        do throws(StorageError) {
            try log.begin(nowNs)
            if mayHaveLostFrames { try log.sync() }
        } catch {
            throw .storage(error)
        }
        search.leftovers.removeAll { $0.name == log.catalogue.segments.last?.name }
        try search.clear()
        return log
    }
}

/// The segments of a storage, while a log is opened.
private struct SegmentSearch {
    /// What is no part of the log.
    struct Leftover {
        var name: String
        /// What is to stay of it; nil: nothing.
        var byteCount: UInt64?
    }

    private let storage: any LogStorage
    private let feedLimits: FeedLimits
    /// First frames, ascending, and the bytes of the files.
    private var files: [(sequence: UInt64, byteCount: UInt64)]
    var leftovers: [Leftover] = []

    init(_ storage: any LogStorage, feedLimits: FeedLimits) throws(LogError) {
        self.storage = storage
        self.feedLimits = feedLimits
        do throws(StorageError) {
            files = try storage.files()
                .compactMap { name, bytes in SegmentName.firstSequence(name).map { ($0, bytes) } }
                .sorted { $0.0 < $1.0 }
        } catch {
            throw .storage(error)
        }
    }

    /// Removes what is no part of the log.
    func clear() throws(LogError) {
        do throws(StorageError) {
            for leftover in leftovers {
                if let byteCount = leftover.byteCount {
                    try storage.truncate(leftover.name, to: byteCount)
                } else {
                    try storage.remove(leftover.name)
                }
            }
        } catch {
            throw .storage(error)
        }
    }

    /// The newest segment with a whole checkpoint, up to its last good record, and the state after it.
    mutating func newest(
        limits: SegmentedLog.Limits,
        _ recovery: inout LogRecovery
    ) throws(LogError) -> (LogSegment, FeedState)? {
        while let file = files.popLast() {
            let name = SegmentName.text(file.sequence)
            do throws(LogDamage) {
                let (segment, state, damage) = try read(name, file.byteCount, markBytes: limits.markBytes)
                guard let damage else { return (segment, state) }
                try Self.check(damage)
                let rest = file.byteCount - segment.byteCount
                recovery.cutBytes += rest
                recovery.notes.append("\(damage): \(rest) bytes behind frame \(segment.lastSequence) are cut off")
                leftovers.append(Leftover(name: name, byteCount: segment.byteCount))
                return (segment, state)
            } catch {
                do throws(LogDamage) { try Self.check(error) } catch { throw .unreadable("\(error)") }
                recovery.cutBytes += file.byteCount
                recovery.notes.append("\(error): the segment of \(file.byteCount) bytes is removed")
                leftovers.append(Leftover(name: name))
            }
        }
        return nil
    }

    /// - Throws: the damage itself where nothing is to be cut off for it: what the storage does not give now it may
    ///   give later, and what makes no sense to this version may to another.
    private static func check(_ damage: LogDamage) throws(LogDamage) {
        guard damage.kind == .damaged else { throw damage }
    }

    /// - Returns: the segment up to its last good record, and what is wrong with the next one.
    /// - Throws: when not even its checkpoint is good.
    private func read(
        _ name: String,
        _ byteCount: UInt64,
        markBytes: UInt64
    ) throws(LogDamage) -> (LogSegment, FeedState, LogDamage?) {
        let header = try SegmentHeader(of: name, in: storage, fileBytes: byteCount)
        var segment = LogSegment(header: header, byteCount: byteCount)
        var scan = SegmentScan(segment, in: storage, limits: feedLimits)
        var folder = try scan.foldedCheckpoint(watermarkNs: header.watermarkNs, limits: feedLimits)
        segment.byteCount = scan.offset
        do throws(LogDamage) {
            while let record = try scan.next() {
                try folder.fold(record, of: name)
                segment.note(record.frame, markBytes: markBytes)
            }
            return (segment, folder.state, nil)
        } catch {
            return (segment, folder.state, error)
        }
    }

    /// The segments before `newest`, as far as their headers say.
    func older(than newest: LogSegment, _ recovery: inout LogRecovery) -> [LogSegment] {
        var segments: [LogSegment] = []
        for (index, file) in files.enumerated() {
            let name = SegmentName.text(file.sequence)
            do throws(LogDamage) {
                let header = try SegmentHeader(of: name, in: storage, fileBytes: file.byteCount)
                guard header.feed.id == newest.header.feed.id else {
                    throw LogDamage(file: name, offset: 24, reason: "a segment of another feed")
                }
                let next = index + 1 < files.count ? files[index + 1].sequence : newest.firstSequence
                var segment = LogSegment(header: header, byteCount: file.byteCount)
                segment.lastSequence = next - 1
                segments.append(segment)
            } catch {
                // Readers are told the gap. The file stays, out of the way, until somebody has looked at it.
                recovery.notes.append("\(error): the segment is left out")
            }
        }
        return segments
    }
}
