import CTF
import Synchronization
import Testing

@testable import Feed
@testable import FeedLog

/// What a log makes of a disk that fails, or that does not give back what it was given.
@Suite struct LogFaultTests {
    /// What the last segment of a log looked like after each of its frames.
    private static func lengths(_ trial: borrowing LogTrial) throws -> [UInt64: Int] {
        let catalogue = trial.log.catalogue
        let segment = try #require(catalogue.segments.last)
        var lengths = [segment.firstSequence - 1: 0]
        var scan = SegmentScan(segment, in: trial.disk, limits: FeedLimits())
        while let record = try scan.next() {
            lengths[record.frame.sequence] = Int(record.endOffset)
        }
        return lengths
    }

    @Test func `cut at any byte of its last two records, a log ends at the frame before`() throws {
        var trial = try LogTrial()
        var lengths: [UInt64: Int] = [:]
        // Until there are three frames in the last of several segments.
        while lengths.count < 4 || trial.log.catalogue.segments.count < 3 {
            try trial.fill(1)
            lengths = try Self.lengths(trial)
        }
        let last = trial.log.state.sequence
        let files = trial.disk.contents
        let name = try #require(files.keys.max())
        let start = try #require(lengths[last - 2])
        let end = try #require(files[name]?.count)
        for length in start...end {
            let disk = SimulatedDisk(files: files)
            disk.state.withLock { $0.files[name] = Array(files[name]?.prefix(length) ?? []) }
            let newest = lengths.filter { $0.value <= length }.keys.max() ?? 0
            #expect(newest >= last - 2)
            var cut = try LogTrial(disk: disk)
            let state = cut.log.state
            #expect(state.sequence == newest && state.liveSessions == SegmentedLogTests.live(newest))
            let isTorn = length != lengths[newest]
            #expect(cut.log.catalogue.history.feed.epoch == (isTorn ? 2 : 1))
            try cut.fill(4)
            let catalogue = cut.log.catalogue
            let reading = try Reading(cut.reader, catalogue, from: cut.reader.openEarliest(catalogue))
            let expected = trial.frames.prefix(Int(newest)).map(\.content) + cut.frames.map(\.content)
            #expect(reading.frames.map(\.content) == expected)
            #expect(reading.gaps.isEmpty && reading.damages.isEmpty)
        }
    }

    @Test func `cut at any byte of a checkpoint, a log ends with the segment before`() throws {
        var trial = try LogTrial()
        while trial.log.catalogue.segments.count < 4 { try trial.fill(1) }
        let files = trial.disk.contents
        let name = try #require(files.keys.max())
        let first = try #require(trial.log.catalogue.segments.last?.firstSequence)
        let start = try #require(try Self.lengths(trial)[first - 1])
        for length in 0..<start {
            let disk = SimulatedDisk(files: files)
            disk.state.withLock { $0.files[name] = Array(files[name]?.prefix(length) ?? []) }
            var cut = try LogTrial(disk: disk)
            let state = cut.log.state
            #expect(state.sequence == first - 1 && state.liveSessions == SegmentedLogTests.live(first - 1))
            try cut.fill(2)
            let catalogue = cut.log.catalogue
            let reading = try Reading(cut.reader, catalogue, from: cut.reader.openEarliest(catalogue))
            #expect(reading.sequences == Array(1...first + 1) && reading.gaps.isEmpty)
        }
    }

    @Test func `every byte that is not what was written is noticed, and nothing false is read`() throws {
        var trial = try LogTrial(limits: LogTrial.limits(segmentBytes: 1_200))
        try trial.fill(12)
        let files = trial.disk.contents
        let all = trial.frames.map(\.content)
        #expect(files.count >= 4)
        for (name, bytes) in files {
            for index in bytes.indices {
                let disk = SimulatedDisk(files: files)
                disk.state.withLock { $0.files[name]?[index] ^= 1 << UInt8(index % 8) }
                let opened = try LogTrial(disk: disk)
                let catalogue = opened.log.catalogue
                let reading = try Reading(opened.reader, catalogue, from: opened.reader.openEarliest(catalogue))
                #expect(
                    !opened.recovery.notes.isEmpty || !reading.damages.isEmpty,
                    "byte \(index) of \(name) was not noticed"
                )
                // What is read is what was written, and what is missing is named.
                for frame in reading.frames { #expect(frame.content == all[Int(frame.sequence) - 1]) }
                let missing = reading.gaps.flatMap { Array($0.fromSequence...$0.toSequence) }
                let newest = catalogue.newestSequence
                let oldest = try #require(catalogue.oldestSequence)
                if newest >= oldest { #expect((missing + reading.sequences).sorted() == Array(oldest...newest)) }
            }
        }
    }

    @Test(arguments: [0, 5, 200])
    func `a disk that fails at any moment loses nothing`(tornBytes: Int) throws {
        for first in 1...90 {
            let disk = SimulatedDisk()
            disk.state.withLock { state in
                state.failing = first..<first + 3
                state.tornBytes = tornBytes
            }
            var trial = try LogTrial(disk: disk, limits: LogTrial.limits(retainedBytes: 16_000))
            var failures = 0
            for publication in try trial.make(60) {
                while true {
                    do throws(SegmentedLog.AppendError) {
                        try trial.log.append([publication], nowNs: 0)
                        break
                    } catch {
                        guard case .storage = error else { throw error }
                        failures += 1
                    }
                    // Whoever reads meanwhile gets what is there.
                    let catalogue = trial.log.catalogue
                    let reading = try Reading(trial.reader, catalogue, from: trial.reader.openEarliest(catalogue))
                    #expect(reading.damages.isEmpty && reading.state.sequence == publication.frame.sequence - 1)
                    // And a process that dies now leaves a log that can be opened.
                    let reopened = try LogTrial(disk: SimulatedDisk(files: disk.contents))
                    #expect(reopened.log.state.sequence == publication.frame.sequence - 1)
                }
            }
            #expect(failures > 0 || first > 60)
            let reopened = try LogTrial(disk: SimulatedDisk(files: disk.contents))
            for catalogue in [trial.log.catalogue, reopened.log.catalogue] {
                let reading = try Reading(reopened.reader, catalogue, from: reopened.reader.openEarliest(catalogue))
                #expect(reading.damages.isEmpty && reading.gaps.isEmpty)
                #expect(reading.sequences.last == 60 && reading.state.liveSessions == SegmentedLogTests.live(60))
            }
            #expect(reopened.recovery.notes.isEmpty)
        }
    }

    @Test func `what was made safe outlives a loss of power`() throws {
        let disk = SimulatedDisk()
        var trial = try LogTrial(disk: disk, limits: LogTrial.limits { $0.syncsEachAppend = true })
        for publication in try trial.make(60) {
            try trial.append([publication])
            let safe = disk.state.withLock { $0.safe }
            let reopened = try LogTrial(disk: SimulatedDisk(files: safe), mayHaveLostFrames: true)
            #expect(reopened.log.state.sequence == publication.frame.sequence)
        }
    }

    @Test func `a log of frames that make no sense is not cut`() throws {
        var trial = try LogTrial(limits: LogTrial.limits(segmentBytes: 1 << 30))
        try trial.fill(3)
        let frame = ByteStorage(capacity: 9)
        [UInt8](arrayLiteral: 0, 0, 0, 5, 1, 2, 3, 4, 5).withUnsafeBytes { frame.write($0, at: 0) }
        let encoded = EncodedFrame(storage: frame, sequence: 4, watermarkNs: nil, eventCount: 0)
        let name = try #require(trial.disk.contents.keys.first)
        try trial.disk.append([RecordHeader(encoded, .batch).storage(before: frame), frame], to: name)
        let before = trial.disk.contents
        let disk = trial.disk
        #expect(throws: LogError.self) { _ = try LogTrial(disk: disk).log.state.sequence }
        #expect(disk.contents == before)
    }
}
