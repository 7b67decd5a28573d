import EventMerge
import Testing

@Suite struct `Event merge` {
    @Test func `a key is as wide as the decoder's`() {
        #expect(MemoryLayout<MergeKey>.size == 16)
        #expect(MemoryLayout<MergeKey>.stride == 16)
        #expect(MemoryLayout<MergeRun>.stride == 32)
    }

    @Test func `only events older than the watermark leave, an equal one waits`() {
        var bench = MergeBench()
        let stream = bench.add(rank(1))
        bench.append(stream, [1, 2, 3])
        let none = bench.release(upTo: nil)
        #expect(bench.left.isEmpty && none.publishedNs == nil && none.isComplete)
        let result = bench.release(upTo: 2)
        #expect(bench.takeLeft().map(\.timestampNs) == [1])
        #expect(result.eventCount == 1 && result.lateCount == 0 && result.isComplete && result.publishedNs == 2)
        #expect(bench.merge.pendingEventCount == 2)
        #expect(bench.merge.pendingEventCount(bench.slots[stream]) == 2)
        #expect(bench.merge.headTimestampNs(bench.slots[stream]) == 2)
        #expect(bench.merge.earliestPendingNs == 2)
    }

    @Test func `everything leaves when every stream has ended`() {
        var bench = MergeBench()
        let stream = bench.add(rank(1))
        bench.append(stream, [.min, 0, .max, .max])
        bench.end(stream)
        #expect(bench.merge.openStreamCount == 0 && bench.merge.streamCount == 1)
        bench.release(upTo: nil, endOfAll: true)
        #expect(bench.left.map(\.timestampNs) == [.min, 0, .max, .max])
        #expect(bench.left.allSatisfy { $0.lateNs == 0 })
        #expect(bench.merge.streamCount == 0)
        var ended: [StreamSlot] = []
        bench.merge.takeEnded(into: &ended)
        #expect(ended == [bench.slots[stream]])
        bench.merge.checkInvariants()
    }

    @Test func `equal timestamps leave by rank, whole streams at a time, however they arrived`() {
        for arrival in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            var bench = MergeBench()
            for number in [3, 1, 2] { _ = bench.add(rank(UInt64(number))) }
            for stream in arrival { bench.append(stream, [5, 5]) }
            bench.release(upTo: 6)
            #expect(bench.left.map(\.stream) == [1, 1, 2, 2, 0, 0])
        }
    }

    @Test func `streams of equal rank and streams without rank go in the order in which they came`() {
        var bench = MergeBench()
        _ = bench.add(nil)
        _ = bench.add(rank(1))
        _ = bench.add(nil)
        _ = bench.add(rank(1))
        for stream in [3, 2, 1, 0] { bench.append(stream, [5]) }
        bench.release(upTo: 6)
        #expect(bench.left.map(\.stream) == [1, 3, 0, 2])
    }

    @Test func `a stream is placed anew when its rank becomes known`() {
        var bench = MergeBench()
        let late = bench.add(nil)
        let other = bench.add(rank(2))
        bench.append(late, [5, 6])
        bench.append(other, [5, 6])
        bench.merge.setRank(bench.slots[late], rank(1))
        bench.merge.checkInvariants()
        bench.release(upTo: 6)
        #expect(bench.takeLeft().map(\.stream) == [late, other])
        bench.merge.setRank(bench.slots[late], rank(3))
        bench.release(upTo: 7)
        #expect(bench.left.map(\.stream) == [other, late])
    }

    @Test func `an event older than what is published leaves at once, flagged with how much`() {
        var bench = MergeBench()
        let healthy = bench.add(rank(1))
        let broken = bench.add(rank(2))
        bench.append(healthy, [10, 20])
        bench.release(upTo: 15)
        #expect(bench.takeLeft().map(\.timestampNs) == [10])
        bench.append(broken, [8, 14, 15, 16])
        // W stands where it was; the late ones leave all the same, and 15 is not late.
        let result = bench.release(upTo: 15)
        #expect(bench.takeLeft().map(\.lateNs) == [7, 1])
        #expect(result.lateCount == 2 && result.eventCount == 2 && result.isComplete)
        bench.release(upTo: nil)
        #expect(bench.left.isEmpty)
        bench.release(upTo: 21)
        #expect(bench.takeLeft().map(\.timestampNs) == [15, 16, 20])
    }

    @Test func `a late event behind one that waits is late only when it becomes the head`() {
        var bench = MergeBench()
        let stream = bench.add(rank(1))
        bench.release(upTo: 10)
        bench.append(stream, [12, 9])
        bench.release(upTo: 10)
        #expect(bench.left.isEmpty)
        bench.release(upTo: 13)
        // 9 is 3 behind 12, which has left before it; W = 13 was not published then.
        #expect(bench.takeLeft().map(\.lateNs) == [0, 3])
    }

    @Test func `a stream that goes back in time keeps its order`() {
        var bench = MergeBench()
        let wild = bench.add(rank(1))
        let calm = bench.add(rank(2))
        bench.append(wild, [1, 5, 3, 3, 6, 2])
        bench.append(calm, [2, 4, 7])
        bench.release(upTo: 10)
        #expect(
            bench.left.map(\.description) == [
                "0#0@1", "1#0@2", "1#1@4", "0#1@5", "0#2@3(late 2)", "0#3@3(late 2)", "0#4@6", "0#5@2(late 4)", "1#2@7",
            ]
        )
    }

    @Test func `a watermark restored from a log makes older events late`() {
        var bench = MergeBench(publishedNs: 100)
        let stream = bench.add(rank(1))
        bench.append(stream, [99, 100])
        let result = bench.release(upTo: nil)
        #expect(bench.takeLeft().map(\.lateNs) == [1])
        #expect(result.publishedNs == 100)
    }

    @Test func `the extremes of time are ordinary timestamps, and lateness saturates`() {
        var bench = MergeBench()
        let stream = bench.add(rank(1))
        let other = bench.add(rank(2))
        bench.append(stream, [.max])
        bench.append(other, [.min])
        bench.release(upTo: .min)
        #expect(bench.left.isEmpty)
        bench.release(upTo: .max)
        #expect(bench.takeLeft().map(\.timestampNs) == [.min])
        bench.append(other, [.min])
        bench.release(upTo: .max)
        #expect(bench.takeLeft().map(\.lateNs) == [.max])
        bench.release(upTo: .max, endOfAll: true)
        #expect(bench.takeLeft().map(\.timestampNs) == [.max])
    }

    @Test func `a cut release does not publish its watermark, and goes on where it stopped`() {
        var bench = MergeBench()
        let streams = [bench.add(rank(1)), bench.add(rank(2))]
        bench.append(streams[0], [1, 2, 3, 4])
        bench.append(streams[1], [1, 3])
        var results: [MergeRelease] = []
        repeat { results.append(bench.release(upTo: 4, maxEvents: 2)) } while results.last?.isComplete == false
        #expect(results.map(\.eventCount) == [2, 2, 1])
        #expect(results.map(\.publishedNs) == [nil, nil, 4])
        #expect(bench.left.map(\.timestampNs) == [1, 1, 2, 3, 3])
    }

    @Test func `a run of one stream leaves as one run, and ends where its chunk ends`() {
        var bench = MergeBench()
        let stream = bench.add(rank(1))
        _ = bench.add(rank(2))
        bench.append(stream, Array(0..<100))
        bench.append(stream, Array(100..<150))
        var runs: [MergeRun] = []
        _ = bench.merge.release(upTo: 1000, endOfAll: false, maxEvents: .max, into: &runs)
        #expect(runs.map(\.count) == [100, 50])
        #expect(runs.map(\.first) == [0, 0])
        var consumed: [ConsumedChunk] = []
        bench.merge.takeConsumed(into: &consumed)
        #expect(consumed.map(\.tag) == [1, 2] && consumed.allSatisfy { $0.droppedEvents == 0 })
    }

    @Test func `an empty chunk is consumed once those before it are`() {
        var bench = MergeBench()
        let stream = bench.add(rank(1))
        var consumed: [ConsumedChunk] = []
        bench.append(stream, [])
        bench.append(stream, [1])
        bench.append(stream, [])
        bench.append(stream, [2])
        bench.merge.takeConsumed(into: &consumed)
        #expect(consumed.map(\.tag) == [1])
        var runs: [MergeRun] = []
        _ = bench.merge.release(upTo: 2, endOfAll: false, maxEvents: .max, into: &runs)
        bench.merge.takeConsumed(into: &consumed)
        #expect(consumed.map(\.tag) == [1, 2, 3])
    }

    @Test func `a removed stream's events are dropped and its memory given back`() {
        var bench = MergeBench()
        let gone = bench.add(rank(1))
        let stays = bench.add(rank(2))
        bench.append(gone, [1, 2, 3])
        bench.append(gone, [4, 5])
        bench.append(stays, [2])
        bench.release(upTo: 2)
        #expect(bench.takeLeft().map(\.timestampNs) == [1])
        #expect(bench.merge.remove(bench.slots[gone]) == 4)
        var consumed: [ConsumedChunk] = []
        bench.merge.takeConsumed(into: &consumed)
        #expect(consumed.map(\.droppedEvents) == [2, 2])
        bench.merge.checkInvariants()
        bench.release(upTo: 10)
        #expect(bench.takeLeft().map(\.stream) == [stays])
        #expect(bench.merge.addStream(rank: nil) == bench.slots[gone])
    }

    @Test func `an ended stream's number is used again only after it was taken`() {
        var bench = MergeBench()
        let first = bench.add(rank(1))
        bench.end(first)
        #expect(bench.merge.addStream(rank: nil) != bench.slots[first])
        var ended: [StreamSlot] = []
        bench.merge.takeEnded(into: &ended)
        #expect(ended == [bench.slots[first]])
        #expect(bench.merge.addStream(rank: nil) == bench.slots[first])
        bench.merge.checkInvariants()
    }

    @Test func `ten thousand streams come between each other and leave again`() {
        var bench = MergeBench()
        // Each joins between the first two, the worst case for the numbers, which change under the heads' feet.
        for number in 0..<10_000 {
            let stream = bench.add(rank(number == 0 ? 0 : UInt64(20_000 - number)))
            bench.append(stream, [7])
        }
        bench.merge.checkInvariants()
        bench.release(upTo: 8)
        #expect(bench.takeLeft().map(\.stream) == [0] + (1..<10_000).reversed())
        for stream in 0..<10_000 { bench.end(stream) }
        #expect(bench.merge.streamCount == 0)
        bench.merge.checkInvariants()
    }
}
