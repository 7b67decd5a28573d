import Feed
import PacketWriter
import Testing

@testable import Timeline

@Suite struct FilteredCountsTests {
    @Test(arguments: 1...3 as ClosedRange<UInt64>)
    func `what is known of a filter's events is exact, and grows until all is`(seed: UInt64) throws {
        let feed = try EventWalkTests.feed(seed)
        let filter = try FilterExpression("seqno < 9")
        let half = feed.batches.count / 2
        var model = TimelineModelTests.model(feed.batches[..<half])
        var counts = FilteredCounts(filter: filter, least: model.leastLevel, stepEvents: 400)
        let level = 24
        // Up to here the feed has come; more comes while the counts are being made.
        var next = half
        var rounds = 0
        while true {
            let request = try TimelineModelTests.request(model, level: level, columns: 900)
            let body = try DecodedDensity(counts.density(request, model))
            let known = body.known
            #expect(body.flags & 2 == (known == 0..<900 ? 0 : 2))
            let first = request.fromNs >> Int64(level)
            var expected = [UInt64](repeating: 0, count: 900)
            for event in feed.events where event.sequence <= UInt64(next) && event.seqno < 9 {
                let column = Int((event.ns >> Int64(level)) - first)
                if known.contains(column) { expected[column] += 1 }
            }
            let answer = body.lanes.first { $0.id == 0 }?.planes[0] ?? [UInt64](repeating: 0, count: 900)
            let belowW = Int((model.figures.watermarkNs ?? 0) >> Int64(level) - first)
            #expect(Array(answer[..<min(known.count, belowW)]) == Array(expected[..<min(known.count, belowW)]))
            if let frames = counts.nextFrames(model, in: request.times) {
                rounds += 1
                for batch in feed.batches[..<next] where frames.contains(where: { $0.contains(batch.sequence) }) {
                    counts.take(batch, model.lanes)
                }
                counts.endStep()
            } else {
                #expect(known == 0..<900)
                guard next < feed.batches.count else { break }
            }
            for batch in feed.batches[next...].prefix(12) {
                model.fold(batch)
                counts.note(batch, model.lanes)
                next += 1
            }
        }
        #expect(rounds > 3)
    }

    @Test func `ranges join where they touch, and say what is missing`() {
        var ranges = TimeRanges()
        for range in [10..<20, 30..<40, 50..<60] as [Range<Int64>] { ranges.insert(range) }
        #expect(ranges.firstMissing(in: 0..<100) == 0..<10)
        #expect(ranges.firstMissing(in: 12..<100) == 20..<30)
        #expect(ranges.firstMissing(in: 12..<20) == nil)
        ranges.insert(20..<30)
        #expect(ranges.ranges == [10..<40, 50..<60])
        #expect(ranges.firstMissing(in: 10..<45) == 40..<45)
        ranges.insert(0..<70)
        #expect(ranges.ranges == [0..<70])
        ranges.drop(beforeNs: 69)
        #expect(ranges.ranges == [69..<70])
        #expect(ranges.firstMissing(in: 68..<70) == 68..<69)
    }
}
