package import Feed

/// A log that lives in memory and forgets the oldest frames beyond a number of bytes.
///
/// Frames stand in a row, `frames[0]` being the oldest, so that a sequence number is an index. Every `checkpointBytes`
/// the state is kept as well, one always being that right before the oldest frame that may be read: frames go in whole
/// stretches from one checkpoint to the next. A subscription that begins elsewhere begins at a checkpoint and folds the
/// frames between, so opening costs at most one stretch. Memory: the frames, their states, and one stretch more than
/// the limit.
package struct MemoryLog: FrameLog, ~Copyable, Sendable {
    package struct Limits: Sendable, Equatable {
        /// Bytes of frames that are kept.
        package var retainedBytes: Int
        /// A checkpoint is kept for every so many bytes of frames.
        package var checkpointBytes: Int

        package init(retainedBytes: Int = 256 << 20, checkpointBytes: Int = 8 << 20) {
            self.retainedBytes = retainedBytes
            self.checkpointBytes = checkpointBytes
        }
    }

    /// A state, and the bytes of the frames from there to the next checkpoint.
    private struct Stretch: Sendable {
        var start: FeedState
        var bytes = 0
    }

    package let feed: FeedIdentity
    package private(set) var retainedBytes = 0
    private var limits: Limits
    private let feedLimits: FeedLimits
    private var frames: FrameRow
    /// By age; never empty.
    private var stretches: [Stretch]
    /// After the newest frame.
    private var state: FeedState

    /// - Parameter state: what lived when the log begins; its frames are numbered on from there.
    package init(
        feed: FeedIdentity,
        state: FeedState = FeedState(),
        limits: Limits = Limits(),
        feedLimits: FeedLimits = FeedLimits()
    ) {
        self.feed = feed
        self.limits = limits
        self.feedLimits = feedLimits
        self.state = state
        frames = FrameRow(firstSequence: state.sequence + 1)
        stretches = [Stretch(start: state)]
    }

    package var oldestSequence: UInt64? { frames.isEmpty ? nil : frames.firstSequence }
    /// What lives before the oldest frame that can be read.
    package var oldestState: FeedState { stretches[0].start }
    /// What lives after the newest frame.
    package var newestState: FeedState { state }
    package var newestSequence: UInt64 { state.sequence }
    package var watermarkNs: Int64? { state.watermarkNs }

    package mutating func append(_ publication: Publication) throws(FeedError) {
        let frame = publication.frame
        guard frame.sequence == frames.endSequence, publication.batch.sequence == frame.sequence else {
            throw .sequenceBroken(expected: frames.endSequence, actual: frame.sequence)
        }
        if stretches[stretches.count - 1].bytes >= limits.checkpointBytes { stretches.append(Stretch(start: state)) }
        try state.fold(publication.batch)
        frames.append(frame)
        stretches[stretches.count - 1].bytes += frame.byteCount
        retainedBytes += frame.byteCount
        while retainedBytes > limits.retainedBytes, stretches.count > 1 { dropOldestStretch() }
    }

    /// Keeps to other limits from now on.
    package mutating func setLimits(_ limits: Limits) {
        self.limits = limits
        while retainedBytes > limits.retainedBytes, stretches.count > 1 { dropOldestStretch() }
    }

    private mutating func dropOldestStretch() {
        let dropped = stretches.removeFirst()
        frames.dropFirst(upTo: stretches[0].start.sequence)
        retainedBytes -= dropped.bytes
    }

    package func read(after sequence: UInt64, limitBytes: Int) -> LogRead {
        guard sequence < newestSequence else { return .atEnd }
        guard sequence >= stretches[0].start.sequence else {
            let oldest = stretches[0].start
            return .fallenOut(
                SubscriptionOpening(
                    state: oldest,
                    gap: GapRecord(
                        fromSequence: sequence + 1,
                        toSequence: oldest.sequence,
                        reason: "the subscriber was slower than the log keeps frames"
                    )
                )
            )
        }
        return .frames(frames.after(sequence, limitBytes: limitBytes))
    }

    package func open(_ start: SubscriptionStart) throws(Refusal) -> SubscriptionOpening {
        let oldest = stretches[0].start
        switch start {
        case .earliest: return SubscriptionOpening(state: oldest)
        case .latest: return SubscriptionOpening(state: state)
        case .time(let ns): return SubscriptionOpening(state: try stateBefore(ns: ns))
        case .token(let token):
            guard token.feed.id == feed.id else { throw Refusal(.foreignFeed, "the token is of another feed") }
            guard token.feed.epoch == feed.epoch else { return try reopen(cutEpoch: token) }
            guard token.sequence <= newestSequence else {
                throw Refusal(.malformed, "the token is of frame \(token.sequence), which was never written")
            }
            guard token.sequence >= oldest.sequence else {
                let gap = GapRecord(
                    fromSequence: token.sequence + 1,
                    toSequence: oldest.sequence,
                    reason: "these frames are older than the log keeps"
                )
                return SubscriptionOpening(state: oldest, gap: gap)
            }
            return SubscriptionOpening(state: try state(after: token.sequence))
        }
    }

    /// A token of a life of the feed whose end was cut off: goes on with the events at or after its W. What left late
    /// meanwhile is not known.
    private func reopen(cutEpoch token: ResumeToken) throws(Refusal) -> SubscriptionOpening {
        guard token.feed.epoch < feed.epoch else {
            throw Refusal(.malformed, "the token is of epoch \(token.feed.epoch), which has not begun")
        }
        let state = try stateBefore(ns: token.watermarkNs)
        let gap = GapRecord(
            fromSequence: min(token.sequence, state.sequence) + 1,
            toSequence: state.sequence,
            reason: "the end of the log was lost; late events may be missing"
        )
        return SubscriptionOpening(state: state, gap: gap)
    }

    /// The newest state whose W is not after `ns`, so that every event in order of that time follows it; the oldest
    /// state when there is none.
    private func stateBefore(ns: Int64) throws(Refusal) -> FeedState {
        // W never goes back, so the frames that carry it are sorted by it.
        guard let sequence = frames.lastSequence(watermarkNotAfter: ns) else {
            let oldest = stretches[0].start
            return oldest
        }
        return try state(after: sequence)
    }

    /// - Parameter sequence: of a frame that is kept, or of the oldest state.
    private func state(after sequence: UInt64) throws(Refusal) -> FeedState {
        guard sequence != newestSequence else { return state }
        let stretch = stretches.last { $0.start.sequence <= sequence } ?? stretches[0]
        var folder = FrameFolder(state: stretch.start, limits: feedLimits)
        var next = stretch.start.sequence
        while next < sequence, let frame = frames[next + 1] {
            do throws(FeedError) {
                try folder.fold(frame)
            } catch {
                throw Refusal(.unspecified, "the log cannot be read at frame \(frame.sequence): \(error)")
            }
            next += 1
        }
        return folder.state
    }
}
