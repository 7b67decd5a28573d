import Testing

@testable import Feed
@testable import FeedLog

@Suite struct MemoryLogTests {
    static let feed = FeedIdentity(id: FeedID(high: 1, low: 2), epoch: 4)
    static let small = MemoryLog.Limits(retainedBytes: 20_000, checkpointBytes: 3_000)

    /// The batch of frame `sequence`: a session that begins, and one that ended before; W is ten times its number.
    static func batch(_ sequence: UInt64) -> FeedBatch {
        func session(_ id: UInt64, _ state: SessionState) -> FeedRecord {
            .session(
                SessionStateChange(
                    relay: "relay",
                    host: "host",
                    session: "session",
                    sessionID: id,
                    state: state,
                    reason: String(repeating: "x", count: 200)
                )
            )
        }
        var records = [session(sequence, .active)]
        if sequence > 3 { records.append(session(sequence - 3, .ended)) }
        // Every third frame is a part of a batch: without W.
        return FeedBatch(records: records, watermarkNs: sequence % 3 == 0 ? nil : Int64(sequence) * 10)
    }

    static func log(frames: UInt64, limits: MemoryLog.Limits = small) throws -> MemoryLog {
        var log = MemoryLog(feed: feed, limits: limits)
        var encoder = FrameEncoder(feed: feed)
        for sequence in 1...max(frames, 1) where sequence <= frames {
            for publication in try encoder.encode(batch(sequence)) { try log.append(publication) }
        }
        return log
    }

    /// What a subscriber has seen: sequences of checkpoints and batches, sessions that live, gaps.
    private struct Subscriber: ~Copyable {
        var decoder = FrameDecoder()
        var sequences: [UInt64] = []
        var sessions: Set<UInt64> = []
        var gaps: [GapRecord] = []
        var cursor: UInt64 = 0

        mutating func open(_ opening: SubscriptionOpening) throws {
            sessions = []
            var encoder = FrameEncoder(feed: MemoryLogTests.feed)
            for frame in try encoder.checkpoint(opening) { note(try decoder.decode(frame.storage).batch) }
            cursor = opening.state.sequence
        }

        mutating func read(_ frames: [EncodedFrame]) throws {
            for frame in frames {
                note(try decoder.decode(frame.storage).batch)
                sequences.append(frame.sequence)
                cursor = frame.sequence
            }
        }

        private mutating func note(_ batch: FeedBatch) {
            for record in batch.records {
                if case .gap(let gap) = record { gaps.append(gap) }
                guard case .session(let change) = record else { continue }
                if change.state == .active {
                    sessions.insert(change.sessionID)
                } else {
                    sessions.remove(change.sessionID)
                }
            }
        }

        /// Reads to the end of the log.
        mutating func follow(_ log: borrowing MemoryLog, limitBytes: Int = 1000) throws {
            while true {
                switch log.read(after: cursor, limitBytes: limitBytes) {
                case .frames(let frames): try read(frames)
                case .atEnd: return
                case .fallenOut(let opening): try open(opening)
                }
            }
        }
    }

    /// The sessions that live after frame `newest`.
    private static func live(_ newest: UInt64) -> Set<UInt64> {
        Set(newest >= 3 ? newest - 2...newest : 1...newest)
    }

    private static func oldest(_ log: borrowing MemoryLog) throws -> UInt64 {
        let oldest = log.oldestSequence
        return try #require(oldest)
    }

    @Test(arguments: [1, 2, 9, 60, 400])
    func `every start leads to the newest state, without a hole`(frames: UInt64) throws {
        let log = try Self.log(frames: frames)
        let oldest = try Self.oldest(log)
        let newest = log.newestSequence
        #expect(newest == frames)
        for start in [SubscriptionStart.earliest, .latest] {
            var subscriber = Subscriber()
            let opening = try log.open(start)
            #expect(opening.gap == nil)
            try subscriber.open(opening)
            try subscriber.follow(log)
            let sequences = subscriber.sequences
            #expect(sequences == (start == .earliest ? Array(oldest...frames) : []))
            let sessions = subscriber.sessions
            #expect(sessions == Self.live(frames))
        }
    }

    @Test func `bytes are bounded, and frames are shared`() throws {
        var log = MemoryLog(feed: Self.feed, limits: Self.small)
        var encoder = FrameEncoder(feed: Self.feed)
        for sequence in UInt64(1)...500 {
            let publication = try encoder.encode(Self.batch(sequence))[0]
            try log.append(publication)
            // A stretch may go over by one frame.
            let retainedBytes = log.retainedBytes
            #expect(retainedBytes <= Self.small.retainedBytes + 2 * publication.frame.byteCount)
            guard case .frames(let read) = log.read(after: sequence - 1, limitBytes: 1) else {
                Issue.record("the newest frame is missing")
                return
            }
            #expect(read.count == 1 && read[0].storage === publication.frame.storage)
        }
        let oldest = try Self.oldest(log)
        let retainedBytes = log.retainedBytes
        #expect(oldest > 300)
        #expect(retainedBytes > Self.small.retainedBytes / 2)
    }

    @Test func `what is kept may be made less`() throws {
        var log = MemoryLog(feed: Self.feed, limits: .init(retainedBytes: 1 << 20, checkpointBytes: 3_000))
        var encoder = FrameEncoder(feed: Self.feed)
        for sequence in UInt64(1)...500 { try log.append(try encoder.encode(Self.batch(sequence))[0]) }
        let before = try Self.oldest(log)
        log.setLimits(Self.small)
        let (after, retainedBytes) = (try Self.oldest(log), log.retainedBytes)
        #expect(before == 1 && after > 300)
        #expect(retainedBytes <= Self.small.retainedBytes)
    }

    @Test func `a cursor that has fallen out is told the gap, and goes on`() throws {
        let log = try Self.log(frames: 300)
        let oldest = try Self.oldest(log)
        guard case .fallenOut(let opening) = log.read(after: 7, limitBytes: 1000) else {
            Issue.record("frame 8 is still there")
            return
        }
        #expect(opening.gap?.fromSequence == 8 && opening.gap?.toSequence == oldest - 1)
        var subscriber = Subscriber()
        subscriber.cursor = 7
        try subscriber.follow(log)
        let gaps = subscriber.gaps
        #expect(gaps.count == 1)
        let sequences = subscriber.sequences
        #expect(sequences == Array(oldest...300))
        let sessions = subscriber.sessions
        #expect(sessions == Self.live(300))
    }

    @Test func `a token goes on after its frame`() throws {
        let log = try Self.log(frames: 200)
        let oldest = try Self.oldest(log)
        for sequence in oldest - 1...200 {
            let token = ResumeToken(feed: Self.feed, sequence: sequence, watermarkNs: 0)
            let opening = try log.open(.token(token))
            #expect(opening.state.sequence == sequence && opening.gap == nil)
            var subscriber = Subscriber()
            try subscriber.open(opening)
            try subscriber.follow(log, limitBytes: 10_000)
            let sequences = subscriber.sequences
            #expect(sequences == Array((sequence + 1..<201)))
            let sessions = subscriber.sessions
            #expect(sessions == Self.live(200))
        }
    }

    @Test func `a token older than the log gets a gap, then the earliest`() throws {
        let log = try Self.log(frames: 200)
        let oldest = try Self.oldest(log)
        let opening = try log.open(.token(ResumeToken(feed: Self.feed, sequence: 3, watermarkNs: 0)))
        #expect(opening.state.sequence == oldest - 1)
        #expect(opening.gap?.fromSequence == 4 && opening.gap?.toSequence == oldest - 1)
    }

    @Test func `tokens of other feeds, and of frames that never were, are refused`() throws {
        let log = try Self.log(frames: 5)
        func code(_ token: ResumeToken) -> Refusal.Code? {
            do throws(Refusal) {
                _ = try log.open(.token(token))
                return nil
            } catch {
                return error.code
            }
        }
        let other = FeedIdentity(id: FeedID(high: 9, low: 9), epoch: 4)
        #expect(code(ResumeToken(feed: other, sequence: 1, watermarkNs: 0)) == .foreignFeed)
        #expect(code(ResumeToken(feed: Self.feed, sequence: 6, watermarkNs: 0)) == .malformed)
        let later = FeedIdentity(id: Self.feed.id, epoch: 5)
        #expect(code(ResumeToken(feed: later, sequence: 1, watermarkNs: 0)) == .malformed)
    }

    @Test func `a token of a cut epoch goes on at its watermark, with a gap`() throws {
        let log = try Self.log(frames: 200)
        let cut = FeedIdentity(id: Self.feed.id, epoch: 3)
        let opening = try log.open(.token(ResumeToken(feed: cut, sequence: 900, watermarkNs: 1_905)))
        #expect(opening.state.sequence == 190)
        #expect(opening.gap != nil)
    }

    @Test func `a time begins behind the last frame that is not after it`() throws {
        let log = try Self.log(frames: 200)
        let oldest = try Self.oldest(log)
        for ns in stride(from: Int64(0), through: 2100, by: 7) {
            let opening = try log.open(.time(ns: ns))
            // Frames whose number is a multiple of three carry no W.
            let candidates = (oldest...200).filter { $0 % 3 != 0 && Int64($0) * 10 <= ns }
            #expect(opening.state.sequence == candidates.last ?? oldest - 1)
        }
    }

    @Test func `an empty log opens everywhere at its beginning`() throws {
        let log = try Self.log(frames: 0)
        let (oldest, newest, watermarkNs) = (log.oldestSequence, log.newestSequence, log.watermarkNs)
        #expect(oldest == nil && newest == 0 && watermarkNs == nil)
        for start in [SubscriptionStart.earliest, .latest, .time(ns: 5)] {
            let opening = try log.open(start)
            #expect(opening.state.sequence == 0)
        }
        guard case .atEnd = log.read(after: 0, limitBytes: 100) else {
            Issue.record("an empty log has frames")
            return
        }
    }

    @Test func `only the next frame is taken`() throws {
        var log = try Self.log(frames: 3)
        var encoder = FrameEncoder(feed: Self.feed, nextSequence: 5)
        let publication = try encoder.encode(Self.batch(5))[0]
        var failure: FeedError?
        do throws(FeedError) { try log.append(publication) } catch { failure = error }
        #expect(failure == .sequenceBroken(expected: 4, actual: 5))
        let newest = log.newestSequence
        #expect(newest == 3)
    }
}
