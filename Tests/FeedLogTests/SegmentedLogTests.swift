import CTF
import Synchronization
import Testing

@testable import Feed
@testable import FeedLog

@Suite struct SegmentedLogTests {
    /// The sessions that live after frame `newest` of those that trials write.
    static func live(_ newest: UInt64) -> Set<UInt64> {
        newest == 0 ? [] : Set(newest >= 3 ? newest - 2...newest : 1...newest)
    }

    @Test(arguments: [1, 300, 1_500, 20_000])
    func `frames of any size come back as they were, in pieces of any size`(limitBytes: Int) throws {
        var trial = try LogTrial()
        try trial.fill(60) { $0 % 11 == 0 ? 5_000 : $0 * 7 }
        try trial.append(try trial.make(40))
        let catalogue = trial.log.catalogue
        #expect(catalogue.segments.count > 8)
        let reading = try Reading(
            trial.reader,
            catalogue,
            from: trial.reader.openEarliest(catalogue),
            limitBytes: limitBytes
        )
        #expect(reading.frames.map(\.content) == trial.frames.map(\.content))
        #expect(reading.frames.map(\.watermarkNs) == trial.frames.map(\.watermarkNs))
        #expect(reading.frames.map(\.eventCount) == trial.frames.map(\.eventCount))
        #expect(reading.gaps.isEmpty && reading.damages.isEmpty && reading.openings == 1)
        #expect(reading.state.liveSessions == Self.live(100))
    }

    @Test func `a log that is opened again goes on`() throws {
        var frames: [[UInt8]] = []
        let disk = SimulatedDisk()
        for round in 0..<30 {
            var trial = try LogTrial(disk: disk)
            #expect(trial.recovery.isNew == (round <= 1) && trial.recovery.notes.isEmpty)
            let state = trial.log.state
            #expect(state.sequence == UInt64(frames.count) && state.liveSessions == Self.live(state.sequence))
            if let last = frames.indices.last {
                let watermarkNs = MemoryLogTests.batch(UInt64(last + 1)).watermarkNs ?? Int64(last) * 10
                #expect(state.watermarkNs == watermarkNs)
            }
            try trial.fill(round)
            frames += trial.frames.map(\.content)
            let catalogue = trial.log.catalogue
            #expect(catalogue.history == FeedHistory(feed: LogTrial.feed))
            let reading = try Reading(trial.reader, catalogue, from: trial.reader.openEarliest(catalogue))
            #expect(reading.frames.map(\.content) == frames && reading.damages.isEmpty)
        }
    }

    @Test func `every start is that of the log in memory, whatever segments it is cut into`() throws {
        for segmentBytes in [400, 2_000, 9_000, 1 << 30] as [UInt64] {
            var trial = try LogTrial(limits: LogTrial.limits(segmentBytes: segmentBytes))
            try trial.fill(120)
            var memory = MemoryLog(feed: LogTrial.feed)
            var encoder = FrameEncoder(feed: LogTrial.feed)
            for sequence in UInt64(1)...120 {
                for publication in try encoder.encode(MemoryLogTests.batch(sequence)) { try memory.append(publication) }
            }
            // Once with the marks that were made while writing, once without them.
            let again = try LogTrial(disk: trial.disk)
            for catalogue in [trial.log.catalogue, again.log.catalogue] {
                for ns in stride(from: Int64(0), through: 1_300, by: 13) {
                    let expected = try memory.open(.time(ns: ns))
                    let opening = trial.reader.open(catalogue, timeNs: ns)
                    #expect(opening.position.sequence == expected.state.sequence, "at \(ns)")
                }
                for sequence in stride(from: UInt64(0), through: 120, by: 5) {
                    let opening = trial.reader.open(catalogue, after: sequence)
                    let reading = try Reading(trial.reader, catalogue, from: opening)
                    #expect(reading.sequences == Array(sequence + 1..<121))
                    #expect(reading.gaps.isEmpty && reading.state.liveSessions == Self.live(120))
                    // A cursor that has lost its place finds it again.
                    let read = trial.reader.read(catalogue, after: LogPosition(sequence: sequence), limitBytes: 1)
                    if case .frames(let frames) = read.found {
                        #expect(frames.map(\.sequence) == [sequence + 1])
                    } else {
                        #expect(sequence == 120)
                    }
                }
            }
        }
    }

    @Test func `what is more than is kept goes by whole segments, and cursors are told`() throws {
        let limits = LogTrial.limits(segmentBytes: 2_000, retainedBytes: 20_000)
        var trial = try LogTrial(limits: limits)
        for publication in try trial.make(300) {
            try trial.append([publication])
            let bytes = trial.disk.contents.values.reduce(0) { $0 + $1.count }
            #expect(bytes <= 20_000)
        }
        let catalogue = trial.log.catalogue
        let oldest = try #require(catalogue.oldestSequence)
        #expect(oldest > 200 && oldest < 290)
        let opening = trial.reader.open(catalogue, after: 5)
        let reading = try Reading(trial.reader, catalogue, from: opening)
        #expect(reading.gaps.map { [$0.fromSequence, $0.toSequence] } == [[6, oldest - 1]])
        #expect(reading.sequences == Array(oldest...300))
        // A reader with a catalogue of before finds its file gone, which is no damage.
        var old = catalogue
        let header = SegmentHeader(
            feed: LogTrial.feed,
            cuts: [],
            firstSequence: 1,
            createdNs: 0,
            watermarkNs: nil
        )
        var gone = LogSegment(header: header, byteCount: 5_000)
        gone.lastSequence = oldest - 1
        old.segments.insert(gone, at: 0)
        let late = try Reading(trial.reader, old, from: trial.reader.openEarliest(old))
        #expect(late.damages.isEmpty && late.sequences == Array(oldest...300))
    }

    @Test func `what is older than is kept goes, however few bytes it has`() throws {
        let limits = LogTrial.limits(segmentBytes: 1 << 30) { $0.retainedNs = 40_000_000_000 }
        var trial = try LogTrial(limits: limits)
        // A frame each second.
        try trial.fill(200)
        let oldest = try #require(trial.log.catalogue.oldestSequence)
        // Whole segments of an eighth of 40 s.
        #expect(oldest <= 160 && oldest >= 150)
    }

    @Test func `what is kept may be made less, in bytes and in time, and more again`() throws {
        var trial = try LogTrial(limits: LogTrial.limits(segmentBytes: 2_000))
        try trial.fill(300)
        #expect(trial.log.catalogue.oldestSequence == 1)
        trial.log.setRetention(bytes: 20_000, ns: nil)
        try trial.fill(1)
        let oldest = try #require(trial.log.catalogue.oldestSequence)
        #expect(oldest > 200 && oldest < 290)
        trial.log.setRetention(bytes: 1 << 40, ns: 3_000_000_000)
        try trial.fill(1)
        let youngest = try #require(trial.log.catalogue.oldestSequence)
        #expect(youngest > oldest)
        trial.log.setRetention(bytes: 1 << 40, ns: nil)
        try trial.fill(300)
        #expect(trial.log.catalogue.oldestSequence == youngest)
    }

    @Test func `a token of a life that was cut goes on where both lives agree, or at its watermark`() throws {
        var trial = try LogTrial()
        try trial.fill(50)
        let disk = trial.disk
        let name = try #require(disk.contents.keys.max())
        disk.state.withLock { state in state.files[name]?.removeLast(3) }
        var second = try LogTrial(disk: disk)
        let history = second.log.catalogue.history
        #expect(second.recovery.cutBytes > 0 && second.recovery.notes.count == 1)
        #expect(
            history
                == FeedHistory(
                    feed: FeedIdentity(id: LogTrial.feed.id, epoch: 2),
                    cuts: [.init(epoch: 2, lastSequence: 49)]
                )
        )
        // It is remembered before anything is appended, and after more lives.
        #expect(try LogTrial(disk: disk).log.catalogue.history == history)
        try second.fill(10)
        let third = try LogTrial(disk: disk, mayHaveLostFrames: true)
        let catalogue = third.log.catalogue
        #expect(catalogue.history.feed.epoch == 3 && catalogue.history.cuts.map(\.lastSequence) == [49, 59])
        func place(_ epoch: UInt64, _ sequence: UInt64) throws -> UInt64? {
            let feed = FeedIdentity(id: LogTrial.feed.id, epoch: epoch)
            return try catalogue.history.place(
                of: ResumeToken(feed: feed, sequence: sequence, watermarkNs: 0),
                newestSequence: catalogue.newestSequence
            )
        }
        #expect(try place(1, 49) == 49 && place(1, 50) == nil && place(2, 50) == 50 && place(2, 59) == 59)
        #expect(try place(2, 60) == nil && place(3, 59) == 59)
        #expect(throws: Refusal.self) { try place(3, 60) }
        #expect(throws: Refusal.self) { try place(4, 1) }
    }

    @Test func `a checkpoint keeps W though it is cut in the middle of a batch`() throws {
        var trial = try LogTrial()
        // Every third frame says no W.
        try trial.fill(33)
        let reopened = try LogTrial(disk: trial.disk, mayHaveLostFrames: true)
        let catalogue = try LogTrial(disk: trial.disk).log.catalogue
        let state = reopened.log.state
        #expect(state.watermarkNs == 320)
        #expect(catalogue.segments.last?.header.watermarkNs == 320)
    }
}
