import CTF
import Testing

@testable import Feed
@testable import FeedLog

/// A log on a simulated disk, and what was put into it.
struct LogTrial: ~Copyable {
    static let feed = FeedIdentity(id: FeedID(high: 1, low: 2))

    let disk: SimulatedDisk
    var log: SegmentedLog
    var recovery = LogRecovery()
    /// All frames that were appended, by number - 1.
    private(set) var frames: [EncodedFrame] = []
    /// A second for each append.
    var nowNs: Int64 = 0
    private var encoder: FrameEncoder

    static func limits(
        segmentBytes: UInt64 = 2_000,
        retainedBytes: UInt64 = 1 << 40,
        _ change: (inout SegmentedLog.Limits) -> Void = { _ in }
    ) -> SegmentedLog.Limits {
        var limits = SegmentedLog.Limits()
        limits.segmentBytes = segmentBytes
        limits.retainedBytes = retainedBytes
        limits.markBytes = 700
        change(&limits)
        return limits
    }

    init(
        disk: SimulatedDisk = SimulatedDisk(),
        limits: SegmentedLog.Limits = limits(),
        mayHaveLostFrames: Bool = false
    ) throws {
        self.disk = disk
        var recovery = LogRecovery()
        log = try SegmentedLog.open(
            disk,
            limits: limits,
            newFeed: Self.feed,
            nowNs: 0,
            mayHaveLostFrames: mayHaveLostFrames,
            recovery: &recovery
        )
        self.recovery = recovery
        encoder = FrameEncoder(feed: log.catalogue.history.feed, nextSequence: log.state.sequence + 1)
    }

    var reader: LogReader { LogReader(disk) }

    /// Encodes the next frames without appending them.
    mutating func make(_ count: Int, paddingBytes: (Int) -> Int = { _ in 0 }) throws -> [Publication] {
        var made: [Publication] = []
        for index in 0..<count {
            var batch = MemoryLogTests.batch(encoder.nextSequence)
            let padding = paddingBytes(index)
            if padding > 0 { batch.records.append(.end(reason: String(repeating: "p", count: padding))) }
            made += try encoder.encode(batch)
        }
        return made
    }

    mutating func append(_ publications: [Publication]) throws {
        nowNs += 1_000_000_000
        try log.append(publications, nowNs: nowNs)
        frames += publications.map(\.frame)
    }

    /// Appends `count` frames, one by one.
    mutating func fill(_ count: Int, paddingBytes: (Int) -> Int = { _ in 0 }) throws {
        for publication in try make(count, paddingBytes: paddingBytes) { try append([publication]) }
    }
}

/// What a cursor got from a log.
struct Reading {
    var frames: [EncodedFrame] = []
    var gaps: [GapRecord] = []
    var damages: [LogDamage] = []
    var openings = 0
    var isUnreadable = false
    /// After the last frame, as the openings and the frames tell it.
    var state = FeedState()

    var sequences: [UInt64] { frames.map(\.sequence) }

    /// Goes on from an opening to the end.
    init(_ reader: LogReader, _ catalogue: LogCatalogue, from opening: StoredRead, limitBytes: Int = 1_500) throws {
        var position = opening.position
        try take(opening)
        while !isUnreadable {
            let read = reader.read(catalogue, after: position, limitBytes: limitBytes)
            if case .atEnd = read.found { return }
            try take(read)
            #expect(read.position.sequence >= position.sequence)
            position = read.position
        }
    }

    private mutating func take(_ read: StoredRead) throws {
        if let damage = read.damage { damages.append(damage) }
        switch read.found {
        case .frames(let new):
            var folder = FrameFolder(state: state)
            for frame in new { try folder.fold(frame) }
            state = folder.state
            frames += new
        case .fallenOut(let opening):
            openings += 1
            if let gap = opening.gap { gaps.append(gap) }
            state = opening.state
        case .atEnd: break
        case .unreadable: isUnreadable = true
        }
    }
}

extension EncodedFrame {
    var content: [UInt8] { Array(storage.bytes) }
}

extension FeedState {
    /// The numbers of the sessions that live.
    var liveSessions: Set<UInt64> { Set(sessions.values.map(\.sessionID)) }
}

extension LogCatalogue {
    var ranges: [ClosedRange<UInt64>] { segments.map { $0.firstSequence...max($0.firstSequence, $0.lastSequence) } }
}
