import CTF
package import Feed

/// The writing side of a feed's log on a storage: segments of frames, each behind a checkpoint.
///
/// A segment is never changed but at its end, and dropped as a whole. A frame is appended whole or not at all: what an
/// error left of it is cut off again, and the same frames may be appended later. Readers get `catalogue`, which holds
/// nothing that is not stored. Confined to one thread at a time.
package struct SegmentedLog: ~Copyable, Sendable {
    package struct Limits: Sendable, Equatable {
        /// Bytes of all segments together; the newest one is kept in any case.
        package var retainedBytes: UInt64 = 10 << 30
        /// A segment is dropped when all of its frames are older, nanoseconds; nil: by bytes only.
        package var retainedNs: Int64?
        /// A new segment begins where the next frames would make one longer, at most an eighth of `retainedBytes`.
        package var segmentBytes: UInt64 = 64 << 20
        /// Between two marks of a segment.
        package var markBytes: UInt64 = 256 << 10
        /// Whether frames are to outlive a loss of power before anyone gets them.
        package var syncsEachAppend = false

        package init() {}
    }

    /// Why frames cannot be appended.
    package enum AppendError: Error, Sendable {
        /// Nothing is lost: append the same frames again later.
        case storage(StorageError)
        /// The frames are not what follows; they cannot be appended at all.
        case feed(FeedError)
    }

    package private(set) var catalogue: LogCatalogue
    /// After the newest frame.
    package private(set) var state: FeedState
    /// Bytes may have been stored that `sync` has not made sure of.
    package private(set) var isUnsynced = false
    let storage: any LogStorage
    private var limits: Limits
    private let feedLimits: FeedLimits
    private var segmentBytes: UInt64 { max(1, min(limits.segmentBytes, limits.retainedBytes / 8)) }
    /// The newest segment is of this life of the feed, so that frames may be appended to it.
    private var isOpen: Bool
    /// What failed to be appended may still stand behind the newest segment's end.
    private var isTorn = false

    /// - Parameters:
    ///   - catalogue: what is stored already.
    ///   - state: after its newest frame.
    ///   - isOpen: whether the newest segment may be appended to.
    init(
        _ catalogue: LogCatalogue,
        state: FeedState,
        isOpen: Bool,
        storage: any LogStorage,
        limits: Limits,
        feedLimits: FeedLimits
    ) {
        self.catalogue = catalogue
        self.state = state
        self.isOpen = isOpen
        self.storage = storage
        self.limits = limits
        self.feedLimits = feedLimits
    }

    /// How much is kept from now on; seen to when frames are appended.
    package mutating func setRetention(bytes: UInt64, ns: Int64?) {
        limits.retainedBytes = bytes
        limits.retainedNs = ns
    }

    /// Appends frames, in order; after an error the same ones may be appended again, of which those that are stored
    /// already are passed over.
    /// - Parameter nowNs: nanoseconds since the Unix epoch.
    package mutating func append(_ publications: [Publication], nowNs: Int64) throws(AppendError) {
        var waiting: [EncodedFrame] = []
        for publication in publications where publication.frame.sequence > catalogue.newestSequence {
            do throws(StorageError) {
                // After a failure the state is ahead of what is stored; these frames go where they were to go.
                if publication.frame.sequence == state.sequence + 1, needsSegment(publication, behind: waiting, nowNs) {
                    try store(&waiting)
                    try begin(nowNs)
                }
            } catch {
                throw .storage(error)
            }
            do throws(FeedError) {
                try fold(publication)
            } catch {
                throw .feed(error)
            }
            waiting.append(publication.frame)
        }
        do throws(StorageError) {
            try store(&waiting)
        } catch {
            throw .storage(error)
        }
        drop(nowNs)
    }

    private mutating func fold(_ publication: Publication) throws(FeedError) {
        let sequence = publication.frame.sequence
        // Folded by an attempt before.
        guard sequence > state.sequence else { return }
        guard sequence == state.sequence + 1 else {
            throw .sequenceBroken(expected: state.sequence + 1, actual: sequence)
        }
        try state.fold(publication.batch)
    }

    /// Makes sure that what was appended outlives a loss of power.
    package mutating func sync() throws(StorageError) {
        guard isUnsynced, let last = catalogue.segments.last else { return }
        try storage.sync(last.name)
        isUnsynced = false
    }

    // MARK: Segments

    /// Whether `publication` is to begin a segment, behind frames that are still to be stored.
    private func needsSegment(
        _ publication: Publication,
        behind waiting: [EncodedFrame],
        _ nowNs: Int64
    ) -> Bool {
        guard isOpen, let last = catalogue.segments.last else { return true }
        // A checkpoint in the middle of a batch would have no token, and say no W.
        guard state.sequence >= last.firstSequence, state.isResumePoint || state.watermarkNs == nil else {
            return false
        }
        let bytes = (waiting + [publication.frame]).reduce(0) { $0 + RecordHeader.byteCount + $1.byteCount }
        if last.byteCount + UInt64(bytes) > segmentBytes { return true }
        // One that is filled slowly would keep what is too old.
        return limits.retainedNs.map { nowNs - last.header.createdNs > $0 / 8 } ?? false
    }

    mutating func begin(_ nowNs: Int64) throws(StorageError) {
        try sync()
        let header = SegmentHeader(
            feed: catalogue.history.feed,
            cuts: catalogue.history.cuts,
            firstSequence: state.sequence + 1,
            createdNs: nowNs,
            watermarkNs: state.watermarkNs
        )
        var pieces = [header.storage]
        var encoder = FrameEncoder(feed: catalogue.history.feed, limits: feedLimits)
        do throws(FeedError) {
            let checkpoint = try encoder.checkpoint(SubscriptionOpening(state: state), forLog: true)
            for (index, frame) in checkpoint.enumerated() {
                let kind: RecordHeader.Kind = index == checkpoint.count - 1 ? .checkpointEnd : .checkpointPart
                pieces += [RecordHeader(frame, kind).storage(before: frame.storage), frame.storage]
            }
        } catch {
            throw StorageError(.failed, "the checkpoint of a segment cannot be written: \(error)")
        }
        let name = SegmentName.text(header.firstSequence)
        // The newest one has this name where it never got a frame.
        if catalogue.segments.last?.firstSequence == header.firstSequence { catalogue.segments.removeLast() }
        isOpen = false
        try storage.replace(name, with: pieces)
        let byteCount = pieces.reduce(0) { $0 + UInt64($1.capacity) }
        catalogue.segments.append(LogSegment(header: header, byteCount: byteCount))
        isOpen = true
        isUnsynced = true
        if limits.syncsEachAppend { try sync() }
    }

    /// Stores frames, all or none, and forgets them.
    private mutating func store(_ frames: inout [EncodedFrame]) throws(StorageError) {
        try mend()
        guard !frames.isEmpty else { return }
        let last = catalogue.segments.count - 1
        var pieces: [ByteStorage] = []
        pieces.reserveCapacity(2 * frames.count)
        for frame in frames { pieces += [RecordHeader(frame, .batch).storage(before: frame.storage), frame.storage] }
        let name = catalogue.segments[last].name
        do throws(StorageError) {
            try storage.append(pieces, to: name)
            if limits.syncsEachAppend { try storage.sync(name) } else { isUnsynced = true }
        } catch {
            isTorn = true
            try? mend()
            throw error
        }
        for frame in frames { catalogue.segments[last].note(frame, markBytes: limits.markBytes) }
        frames = []
    }

    /// Cuts off what a failed append left.
    private mutating func mend() throws(StorageError) {
        guard isTorn, let last = catalogue.segments.last else { return }
        try storage.truncate(last.name, to: last.byteCount)
        isTorn = false
    }

    /// Drops segments that are more than is kept, or older.
    private mutating func drop(_ nowNs: Int64) {
        var bytes = catalogue.segments.reduce(0) { $0 + $1.byteCount }
        while catalogue.segments.count > 1 {
            // All that the oldest one holds came before the one behind it was made.
            let isOld = limits.retainedNs.map { nowNs - catalogue.segments[1].header.createdNs > $0 } ?? false
            guard bytes > limits.retainedBytes || isOld else { return }
            // One that cannot be removed is tried again at the next append.
            guard (try? storage.remove(catalogue.segments[0].name)) != nil else { return }
            bytes -= catalogue.segments.removeFirst().byteCount
        }
    }
}

extension LogSegment {
    /// A frame has been stored behind the others.
    mutating func note(_ frame: EncodedFrame, markBytes: UInt64) {
        if marks.last.map({ byteCount - $0.offset >= markBytes }) ?? true {
            marks.append(
                Mark(
                    sequence: frame.sequence,
                    offset: byteCount,
                    watermarkNs: watermarkNs,
                    watermarkSequence: watermarkSequence
                )
            )
        }
        byteCount += UInt64(RecordHeader.byteCount + frame.byteCount)
        lastSequence = frame.sequence
        guard let newNs = frame.watermarkNs else { return }
        watermarkNs = newNs
        watermarkSequence = frame.sequence
    }
}
