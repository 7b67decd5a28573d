import CTF
import PacketWriter
import Testing

@testable import Timeline

@Suite struct DensityTrackTests {
    /// What a track should say, by the plainest means.
    struct Dictionary {
        var least = DensityTrack.leastLevel
        var times: [Int64: UInt64] = [:]
        var begin: Int64?

        /// By column of a level.
        func columns(level: Int) -> [Int64: UInt64] {
            times.reduce(into: [:]) { $0[$1.key >> Int64(level), default: 0] += $1.value }
        }

        mutating func drop(beforeNs: Int64) {
            begin = max(begin ?? .min, beforeNs)
            times = times.filter { $0.key >> Int64(least) >= bound }
        }
    }

    static func answer(_ track: DensityTrack, level: Int, from first: Int64, count: Int) -> [UInt64] {
        var counts = [UInt64](repeating: 0, count: count)
        let isAny = track.addColumns(level: level, from: first, to: &counts)
        #expect(isAny == counts.contains { $0 > 0 })
        return counts
    }

    /// Compares ranges around columns that are not 0, and some that are nowhere.
    static func compare(_ track: DensityTrack, _ model: Dictionary, _ random: inout SeededRandom) {
        #expect(track.total == model.times.values.reduce(0, +))
        #expect(track.least == model.least)
        for level in track.least...DensityTrack.greatestLevel {
            let expected = model.columns(level: level)
            let places = expected.keys.sorted()
            for _ in 0..<4 {
                let place = places.isEmpty ? 0 : random.pick(places)
                let count = Int.random(in: 1...40, using: &random)
                let first = place - Int64.random(in: 0...Int64(count), using: &random)
                let answer = answer(track, level: level, from: first, count: count)
                #expect(answer == (0..<Int64(count)).map { expected[first + $0] ?? 0 }, "level \(level) from \(first)")
            }
        }
        let finest = model.columns(level: track.least)
        #expect(track.firstNs == finest.keys.min().map { $0 << Int64(track.least) })
        for _ in 0..<4 {
            let ends = [finest.keys.randomElement(using: &random) ?? 0, finest.keys.randomElement(using: &random) ?? 9]
            let (low, high) = (ends.min() ?? 0, ends.max() ?? 0)
            let expected = finest.filter { $0.key >= low && $0.key < high }.values.reduce(0, +)
            #expect(track.sum(from: low, to: high) == expected)
        }
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func `a track says what a dictionary of all events says, whatever comes late`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var track = DensityTrack()
        var model = Dictionary()
        var now = Int64.random(in: -4_000_000_000...4_000_000_000, using: &random)
        let gap: Int64 = [1000, 100_000, 10_000_000, 100_000_000_000][Int(seed % 4)]
        for _ in 0..<4000 {
            now += Int64.random(in: 0...gap, using: &random)
            let isLate = random.once(in: 6)
            let time = isLate ? now - Int64.random(in: 0...gap * 900, using: &random) : now
            let count = UInt64.random(in: 1...(random.once(in: 4) ? 900 : 1), using: &random)
            track.add(ns: time, count: count)
            model.times[time, default: 0] += count
        }
        Self.compare(track, model, &random)
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `what is dropped is gone at the finest level, and what is given up leaves the rest as it was`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var track = DensityTrack()
        var model = Dictionary()
        var now: Int64 = -3_000_000_000
        for round in 0..<20 {
            for _ in 0..<200 {
                now += Int64.random(in: 0...400_000, using: &random)
                let time = random.once(in: 9) ? now - Int64.random(in: 0...90_000_000, using: &random) : now
                track.add(ns: time)
                if time >> Int64(model.least) >= model.bound { model.times[time, default: 0] += 1 }
            }
            let begin = now - Int64.random(in: 0...200_000_000, using: &random)
            track.drop(beforeNs: begin)
            model.drop(beforeNs: begin)
            #expect(track.total == model.times.values.reduce(0, +), "round \(round)")
            // A greater column in which the beginning lies may still count what is gone.
            for level in stride(from: track.least, through: DensityTrack.greatestLevel, by: 1 + round % 3) {
                let expected = model.columns(level: level)
                let first = ((model.begin ?? begin) >> Int64(level)) + (level == track.least ? 0 : 1)
                let answer = Self.answer(track, level: level, from: first, count: 64)
                #expect(answer == (0..<64).map { expected[first + $0] ?? 0 }, "level \(level)")
            }
        }
        var whole = DensityTrack()
        for (time, count) in model.times { whole.add(ns: time, count: count) }
        model.begin = nil
        while whole.coarsen() {
            model.least += 4
            Self.compare(whole, model, &random)
        }
        #expect(whole.least == 40)
    }

    @Test func `keys count as single events do`() {
        var random = SeededRandom(seed: 4)
        var (one, other) = (DensityTrack(), DensityTrack())
        var now: Int64 = 0
        for _ in 0..<50 {
            let keys = (0..<Int.random(in: 0...90, using: &random)).map { _ in
                now += Int64.random(in: -30_000...60_000, using: &random)
                return EventKey(timestampNs: now, startBits: 0)
            }
            keys.withUnsafeBufferPointer { one.add($0) }
            for key in keys { other.add(ns: key.timestampNs) }
        }
        #expect(one.total == other.total)
        let first = (now >> 16) - 200
        #expect(
            Self.answer(one, level: 16, from: first, count: 400)
                == Self.answer(other, level: 16, from: first, count: 400)
        )
    }

    @Test func `the ends of time and the greatest counts are columns like others`() {
        var track = DensityTrack()
        for time in [Int64.min, .min + 1, -1, 0, .max - 1, .max] { track.add(ns: time, count: .max) }
        track.add(ns: .min)
        #expect(track.total == .max)
        for level in 16...43 {
            let edge: Int64 = 1 << Int64(63 - level)
            #expect(Self.answer(track, level: level, from: -edge - 1, count: 3) == [0, .max, 0])
            #expect(Self.answer(track, level: level, from: -2, count: 4) == [0, .max, .max, 0])
            #expect(Self.answer(track, level: level, from: edge - 1, count: 2) == [.max, 0])
            for first in [Int64.min, .max, .max - 1, edge, -edge - 4] {
                #expect(Self.answer(track, level: level, from: first, count: 4) == [0, 0, 0, 0])
            }
        }
        #expect(Self.answer(track, level: 15, from: 0, count: 1) == [0])
        #expect(Self.answer(track, level: 44, from: 0, count: 1) == [0])
        track.drop(beforeNs: .max)
        #expect(track.sum(from: .min, to: .max) == .max)
        #expect(track.firstNs == (.max >> 16) << 16)
        track.add(ns: 5)
        #expect(Self.answer(track, level: 16, from: 0, count: 1) == [0])
    }

    @Test func `ten million events in two hundred lanes take less than six bytes each`() {
        var random = SeededRandom(seed: 1)
        // One lane of them: an hour, 50,000 events, each alone.
        var track = DensityTrack()
        var now: Int64 = 1_795_432_391_802_244_545
        for _ in 0..<50_000 {
            now += Int64.random(in: 0...144_000_000, using: &random)
            track.add(ns: now)
        }
        #expect(track.byteCount < 6 * 50_000)
        #expect(track.byteCount > 50_000)
    }
}

extension DensityTrackTests.Dictionary {
    /// The first column that is still kept.
    var bound: Int64 { begin.map { $0 >> Int64(least) } ?? .min }
}
