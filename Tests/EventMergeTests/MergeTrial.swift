import EventMerge

/// The merge as its contract says it, without any cleverness: what the real one is compared with.
struct NaiveMerge {
    struct Stream {
        var rank: StreamRank?
        /// Breaks ties between equal ranks: when it got its rank.
        var rankedAt: Int
        var pending: [Left] = []
        var isThere = true
    }

    var streams: [Stream] = []
    var published: Int64?
    var lastInOrder: Int64?
    private var rankings = 0

    mutating func add(_ rank: StreamRank?) {
        rankings += 1
        streams.append(Stream(rank: rank, rankedAt: rankings))
    }

    mutating func setRank(_ stream: Int, _ rank: StreamRank) {
        rankings += 1
        streams[stream].rank = rank
        streams[stream].rankedAt = rankings
    }

    private func precedes(_ left: Int, _ right: Int) -> Bool {
        let leftTime = streams[left].pending[0].timestampNs
        let rightTime = streams[right].pending[0].timestampNs
        if leftTime != rightTime { return leftTime < rightTime }
        switch (streams[left].rank, streams[right].rank) {
        case (let leftRank?, let rightRank?) where leftRank != rightRank: return leftRank < rightRank
        case (.some, nil): return true
        case (nil, .some): return false
        default: return streams[left].rankedAt < streams[right].rankedAt
        }
    }

    mutating func release(upTo watermark: Int64?, endOfAll: Bool, maxEvents: Int) -> (left: [Left], isComplete: Bool) {
        var left: [Left] = []
        while true {
            let heads = streams.indices.filter { !streams[$0].pending.isEmpty }
            guard let first = heads.min(by: precedes) else { break }
            var event = streams[first].pending[0]
            let bound = [published, lastInOrder].compactMap(\.self).max()
            if let bound, event.timestampNs < bound {
                event.lateNs = bound - event.timestampNs
            } else if endOfAll || watermark.map({ event.timestampNs < $0 }) == true {
                event.lateNs = 0
            } else {
                break
            }
            if left.count == maxEvents { return (left, false) }
            if event.lateNs == 0 { lastInOrder = event.timestampNs }
            left.append(event)
            streams[first].pending.removeFirst()
        }
        if let watermark { published = max(published ?? watermark, watermark) }
        return (left, true)
    }
}

/// A random history of streams, chunks, beacons, ends and removals, on the real merge and the naive one at once.
struct MergeTrial: ~Copyable {
    private var generator: SeededGenerator
    private var bench = MergeBench()
    private var naive = NaiveMerge()
    private let streams: Int
    private let records: Int
    private let keys: Int
    /// By stream: its last timestamp and its proven bound.
    private var clocks: [(last: Int64, bound: Int64)] = []
    private var open: Set<Int> = []
    private var sent: [Int] = []
    private var watermark: Int64?

    /// - Parameter former: how many other streams there were once.
    init(seed: UInt64, streams: Int, records: Int, keys: Int, former: Int = 0) {
        generator = SeededGenerator(seed: seed)
        self.streams = streams
        self.records = records
        self.keys = keys
        let others = (0..<former).map { _ in bench.merge.addStream(rank: nil) }
        for other in others { bench.merge.remove(other) }
    }

    /// - Returns: what is wrong; nil: nothing.
    mutating func run() -> String? {
        while clocks.count < streams || !open.isEmpty {
            step()
            if let problem = release(endOfAll: false) { return problem }
            bench.merge.checkInvariants()
        }
        while true {
            if let problem = release(endOfAll: true) { return problem }
            if bench.merge.pendingEventCount == 0 { break }
        }
        var ended: [StreamSlot] = []
        bench.merge.takeEnded(into: &ended)
        bench.merge.checkInvariants()
        if bench.merge.streamCount != 0 || !bench.store.chunks.isEmpty { return "something is left behind" }
        return nil
    }

    private mutating func step() {
        guard let stream = open.sorted().randomElement(using: &generator),
            clocks.count == streams || !generator.oneIn(records)
        else {
            join()
            return
        }
        switch generator.pick(0..<100) {
        case 0..<60: appendChunk(stream)
        case 60..<85:
            // A beacon.
            clocks[stream].bound = max(clocks[stream].bound, clocks[stream].last) + Int64(generator.pick(0..<keys))
            clocks[stream].last = max(clocks[stream].last, clocks[stream].bound)
        case 85..<93:
            let new = rank(UInt64(generator.pick(0..<streams)))
            bench.merge.setRank(bench.slots[stream], new)
            naive.setRank(stream, new)
        case 93..<94:
            bench.merge.remove(bench.slots[stream])
            bench.takeConsumed()
            naive.streams[stream].pending = []
            open.remove(stream)
        default: break
        }
        if open.contains(stream), sent[stream] >= records {
            bench.end(stream)
            open.remove(stream)
        }
    }

    private mutating func join() {
        let new: StreamRank? = generator.oneIn(5) ? nil : rank(UInt64(generator.pick(0..<streams)))
        open.insert(bench.add(new))
        naive.add(new)
        let start = generator.oneIn(4) ? 0 : (watermark ?? 0)
        clocks.append((last: start, bound: start))
        sent.append(0)
    }

    private mutating func appendChunk(_ stream: Int) {
        let count = generator.oneIn(8) ? 0 : generator.pick(1..<6)
        var timestamps: [Int64] = []
        for _ in 0..<count {
            var time = clocks[stream].last + Int64(generator.pick(0..<max(2, keys / 4)))
            if generator.oneIn(20) { time -= Int64(generator.pick(0..<keys)) }
            timestamps.append(time)
            clocks[stream].last = max(clocks[stream].last, time)
        }
        let first = UInt64(sent[stream])
        sent[stream] += count
        bench.append(stream, timestamps)
        for (index, timestamp) in timestamps.enumerated() {
            naive.streams[stream].pending.append(
                Left(stream: stream, timestampNs: timestamp, position: first + UInt64(index), lateNs: 0)
            )
        }
        if !generator.oneIn(3) { clocks[stream].bound = max(clocks[stream].bound, clocks[stream].last) }
    }

    private mutating func release(endOfAll: Bool) -> String? {
        if let least = open.map({ clocks[$0].bound }).min() { watermark = max(watermark ?? least, least) }
        let maxEvents = generator.oneIn(3) ? generator.pick(0..<8) : Int.max
        let result = bench.release(upTo: watermark, endOfAll: endOfAll, maxEvents: maxEvents)
        let left = bench.takeLeft()
        let expected = naive.release(upTo: watermark, endOfAll: endOfAll, maxEvents: maxEvents)
        if left != expected.left { return "left \(left), expected \(expected.left), W = \(watermark ?? .min)" }
        if result.isComplete != expected.isComplete { return "isComplete is \(result.isComplete)" }
        if result.publishedNs != naive.published { return "published \(String(describing: result.publishedNs))" }
        if result.eventCount != left.count { return "eventCount is \(result.eventCount)" }
        if result.lateCount != left.filter({ $0.lateNs > 0 }).count { return "lateCount is \(result.lateCount)" }
        return nil
    }
}
