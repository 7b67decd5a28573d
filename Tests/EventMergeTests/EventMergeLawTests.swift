import EventMerge
import Testing

private let perStream = 3
private let streamCount = 3

/// One record that arrives: which, and what has arrived then, as digits to the base 4, one a stream.
private struct Arrival {
    var record: Int
    var state: Int
}

/// All ways in which the streams' records can arrive.
private func interleavings(_ arrived: [Int] = [0, 0, 0], state: Int = 0) -> [[Arrival]] {
    guard arrived.contains(where: { $0 < perStream }) else { return [[]] }
    var all: [[Arrival]] = []
    for (stream, digit) in zip(0..<streamCount, [1, 4, 16]) where arrived[stream] < perStream {
        var next = arrived
        next[stream] += 1
        let arrival = Arrival(record: stream * perStream + arrived[stream], state: state + digit)
        all += interleavings(next, state: state + digit).map { [arrival] + $0 }
    }
    return all
}

/// All ascending sequences of `count` keys from 0..<`keys`.
private func ascending(_ count: Int, keys: Int64, from first: Int64 = 0) -> [[Int64]] {
    guard count > 0 else { return [[]] }
    return (first..<keys).flatMap { key in ascending(count - 1, keys: keys, from: key).map { [key] + $0 } }
}

/// The watermark for each state: a stream proves its last record's time, and counts no more after its last record.
/// `Int64.max` where no stream counts.
private func watermarks(_ timestamps: [Int64]) -> [Int64] {
    (0..<64).map { state in
        var least = Int64.max
        for stream in 0..<streamCount {
            let arrived = state >> (2 * stream) & 3
            guard arrived < perStream else { continue }
            least = min(least, arrived == 0 ? 0 : timestamps[stream * perStream + arrived - 1])
        }
        return least
    }
}

/// Merges records that arrive one at a time, releasing whenever the watermark moves, and holds the laws against it.
///
/// One merge does all runs, each at later times than those before: millions of them are needed.
private struct ArrivalCheck: ~Copyable {
    private let keys = UnsafeMutablePointer<MergeKey>.allocate(capacity: perStream * streamCount)
    private var merge = EventMerge()
    private var slots: [StreamSlot] = []
    private var base: Int64 = 0
    private var runs: [MergeRun] = []
    private var consumed: [ConsumedChunk] = []

    init() {
        for stream in 0..<streamCount { slots.append(merge.addStream(rank: rank(UInt64(stream)))) }
    }

    deinit { keys.deallocate() }

    /// - Parameters:
    ///   - timestamps: by record; record r belongs to stream r / 3.
    ///   - expected: records, by (timestamp, rank, order in stream).
    ///   - watermarks: by state.
    /// - Returns: what is wrong; nil: nothing.
    mutating func check(_ timestamps: [Int64], _ arrivals: [Arrival], expected: [Int], watermarks: [Int64]) -> String? {
        base += 10
        for record in timestamps.indices {
            (keys + record).initialize(to: MergeKey(timestampNs: base + timestamps[record], position: UInt64(record)))
        }
        var leftCount = 0
        var watermark: Int64 = 0
        for arrival in arrivals {
            let record = arrival.record
            merge.append(slots[record / perStream], keys: keys + record, count: 1, tag: UInt64(record))
            guard watermarks[arrival.state] != watermark else { continue }
            watermark = watermarks[arrival.state]
            runs.removeAll(keepingCapacity: true)
            let isEnd = watermark == .max
            _ = merge.release(upTo: isEnd ? nil : base + watermark, endOfAll: isEnd, maxEvents: .max, into: &runs)
            for run in runs {
                if run.count != 1 || run.first != 0 || run.lateNs != 0 { return "unexpected \(run)" }
                if Int(run.tag) != expected[leftCount] { return "wrong order at \(leftCount)" }
                leftCount += 1
            }
            // What is due has left, and nothing else.
            if leftCount < expected.count, timestamps[expected[leftCount]] < watermark {
                return "record \(expected[leftCount]) stays"
            }
            if leftCount > 0, timestamps[expected[leftCount - 1]] >= watermark {
                return "record \(expected[leftCount - 1]) has left too early"
            }
        }
        consumed.removeAll(keepingCapacity: true)
        merge.takeConsumed(into: &consumed)
        return consumed.count == expected.count && merge.pendingEventCount == 0 ? nil : "something stays"
    }
}

@Suite struct `Merge laws` {
    @Test(arguments: ascending(perStream, keys: 3))
    func `three streams of three records leave sorted and complete, whatever the arrival`(_ first: [Int64]) {
        let all = interleavings()
        #expect(all.count == 1680)
        var check = ArrivalCheck()
        var failure: String?
        for second in ascending(perStream, keys: 3) {
            for third in ascending(perStream, keys: 3) {
                let timestamps = first + second + third
                let expected = timestamps.indices.sorted { (timestamps[$0], $0) < (timestamps[$1], $1) }
                let watermarks = watermarks(timestamps)
                for arrivals in all where failure == nil {
                    let problem = check.check(timestamps, arrivals, expected: expected, watermarks: watermarks)
                    failure = problem.map { "\(timestamps), arriving as \(arrivals.map(\.record)): \($0)" }
                }
            }
        }
        #expect(failure == nil)
    }

    @Test(arguments: UInt64(1)...40)
    func `four streams of four records agree with the naive merge`(_ seed: UInt64) {
        for part in 0..<10 {
            var trial = MergeTrial(seed: seed * 100 + UInt64(part), streams: 4, records: 4, keys: 4)
            #expect(trial.run() == nil, "seed \(seed), part \(part)")
        }
    }

    @Test(arguments: UInt64(1)...20)
    func `many streams that join, leave, lie and go back in time agree with the naive merge`(_ seed: UInt64) {
        var trial = MergeTrial(seed: seed, streams: 40, records: 60, keys: seed % 2 == 0 ? 30 : 3000)
        #expect(trial.run() == nil, "seed \(seed)")
    }
    /// A merge that has once had many streams reads their events later than one of few, also when few are left, whose
    /// next turns come at once.
    @Test(arguments: UInt64(1)...8)
    func `streams of a merge that had a thousand agree with the naive merge`(_ seed: UInt64) {
        for streams in [3, 20] {
            let keys = seed % 2 == 0 ? 30 : 3000
            var trial = MergeTrial(seed: seed, streams: streams, records: 40, keys: keys, former: 1000)
            #expect(trial.run() == nil, "seed \(seed), \(streams) streams")
        }
    }
}
