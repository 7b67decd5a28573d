package import Feed

/// Which feed a log is of, and which lives it has had.
package struct FeedHistory: Sendable, Equatable {
    package var feed: FeedIdentity
    /// The newest ones, by ascending epoch.
    package var cuts: [EpochCut] = []

    package init(feed: FeedIdentity, cuts: [EpochCut] = []) {
        self.feed = feed
        self.cuts = cuts
    }

    /// The last frame that the feed has in common with an earlier life of it: what a subscriber has seen beyond it has
    /// been lost, and other frames bear these numbers now.
    /// - Returns: nil when nothing was cut since then; 0 when that is too long ago to be known.
    package func lastCommonSequence(with epoch: UInt64) -> UInt64? {
        guard epoch < feed.epoch else { return nil }
        let since = cuts.filter { $0.epoch > epoch }
        guard UInt64(since.count) == feed.epoch - epoch else { return 0 }
        return since.map(\.lastSequence).min()
    }

    /// The life in which a frame of the log was written. One that is older than the cuts that are known counts as of
    /// the life before these.
    package func epoch(of sequence: UInt64) -> UInt64 {
        if let cut = cuts.last(where: { $0.lastSequence < sequence }) { return cut.epoch }
        return cuts.first.map { max($0.epoch, 1) - 1 } ?? feed.epoch
    }

    /// The end of the log was lost after this frame: another life begins.
    mutating func cut(after sequence: UInt64) {
        feed.epoch += 1
        cuts.append(EpochCut(epoch: feed.epoch, lastSequence: sequence))
        cuts = cuts.suffix(SegmentHeader.cutsMax)
    }

    /// What a token says about where to go on.
    /// - Parameter newestSequence: the log's newest frame.
    /// - Returns: the frame after which to go on; nil when that was lost, so that only the token's W helps.
    /// - Throws: a refusal when the token is of another feed, or of a frame that was never written.
    package func place(of token: ResumeToken, newestSequence: UInt64) throws(Refusal) -> UInt64? {
        guard token.feed.id == feed.id else { throw Refusal(.foreignFeed, "the token is of another feed") }
        guard token.feed.epoch <= feed.epoch else {
            throw Refusal(.malformed, "the token is of epoch \(token.feed.epoch), which has not begun")
        }
        if let common = lastCommonSequence(with: token.feed.epoch), token.sequence > common { return nil }
        guard token.sequence <= newestSequence else {
            throw Refusal(.malformed, "the token is of frame \(token.sequence), which was never written")
        }
        return token.sequence
    }
}

/// A part of the log: a file of consecutive frames behind a checkpoint.
package struct LogSegment: Sendable {
    /// A record's place.
    struct Mark: Sendable {
        var sequence: UInt64
        var offset: UInt64
        /// W before the frame, and the last frame that said it.
        var watermarkNs: Int64?
        var watermarkSequence: UInt64
    }

    var header: SegmentHeader
    package var byteCount: UInt64
    /// One less than the first frame's number when there is none yet.
    package var lastSequence: UInt64
    /// W after the last frame, and the last one that said it; the checkpoint counts as one.
    var watermarkNs: Int64?
    var watermarkSequence: UInt64
    /// Sparse, from the first frame on; empty for a segment of an earlier process that nobody has had to read whole.
    var marks: [Mark] = []

    /// A segment that has no frames yet.
    init(header: SegmentHeader, byteCount: UInt64) {
        self.header = header
        self.byteCount = byteCount
        lastSequence = header.firstSequence - 1
        watermarkNs = header.watermarkNs
        watermarkSequence = lastSequence
    }

    package var name: String { SegmentName.text(header.firstSequence) }
    package var firstSequence: UInt64 { header.firstSequence }
    /// When it was begun, nanoseconds since the Unix epoch.
    package var createdNs: Int64 { header.createdNs }

    /// The last mark for which `isBefore` holds, where it holds for all before the first for which it does not.
    func lastMark(where isBefore: (Mark) -> Bool) -> Mark? {
        var low = 0
        var high = marks.count
        while low < high {
            let middle = (low + high) / 2
            if isBefore(marks[middle]) { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? marks[low - 1] : nil
    }
}

/// What is in a log: enough to find any frame of it. A value: readers keep the one that they were given.
package struct LogCatalogue: Sendable {
    package var history: FeedHistory
    /// By age.
    package var segments: [LogSegment]

    package init(history: FeedHistory, segments: [LogSegment] = []) {
        self.history = history
        self.segments = segments
    }

    package var oldestSequence: UInt64? { segments.first?.firstSequence }
    /// W before the oldest frame, nanoseconds since the Unix epoch; nil at the feed's beginning.
    package var oldestWatermarkNs: Int64? { segments.first?.header.watermarkNs }
    package var newestSequence: UInt64 { segments.last?.lastSequence ?? 0 }

    /// The last segment that may hold the frame, or follows right behind it; nil when all begin later.
    func index(holding sequence: UInt64) -> Int? {
        segments.lastIndex { $0.firstSequence <= sequence }
    }
}
