import CTF
import PacketWriter
import Testing

@testable import Feed

struct RangeFilterTests {
    /// An event as far as a cut must not change it.
    private struct Place: Equatable {
        var packet: UInt64
        var positionBits: UInt64
        var clockCycles: UInt64
        var timestampNs: Int64
        var lateNs: Int64?
    }

    /// The events of a group in their order.
    private func places(_ group: EventGroup) -> [Place] {
        let keys = group.slices.map(\.keys)
        var next = [Int](repeating: 0, count: keys.count)
        var places: [Place] = []
        for run in group.order {
            let slice = Int(run.slice)
            for _ in 0..<run.count {
                let key = keys[slice].keys[next[slice]]
                places.append(
                    Place(
                        packet: group.slices[slice].packet.id,
                        positionBits: key.startBits,
                        clockCycles: keys[slice].cyclesBefore(next[slice]),
                        timestampNs: key.timestampNs,
                        lateNs: group.late.first { Int($0.index) == places.count }?.lateNs
                    )
                )
                next[slice] += 1
            }
        }
        return places
    }

    private func places(_ batch: FeedBatch) -> [Place] {
        batch.records.flatMap { record in if case .events(let group) = record { places(group) } else { [Place]() } }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `what is in the range stays as it was, and nothing else`(seed: UInt64) throws {
        let feed = try SampleFeed(seed: seed)
        let times = feed.batches.flatMap { places($0) }.map(\.timestampNs)
        let (first, last) = (try #require(times.min()), try #require(times.max()))
        var random = SeededRandom(seed: seed)
        for _ in 0..<12 {
            let one = Int64.random(in: first - 2...last + 2, using: &random)
            let other = Int64.random(in: first - 2...last + 2, using: &random)
            let beginNs = Bool.random(using: &random) ? min(one, other) : nil
            let endNs = Bool.random(using: &random) ? max(one, other) : nil
            var filter = RangeFilter(beginNs: beginNs, endNs: endNs)
            for batch in feed.batches {
                let kept = places(filter.filtered(batch))
                let wanted = places(batch).filter {
                    $0.timestampNs >= beginNs ?? .min && $0.timestampNs < endNs ?? .max
                }
                #expect(kept == wanted)
            }
        }
    }

    @Test func `all records pass but events and what was lost`() throws {
        let feed = try SampleFeed(seed: 1)
        var filter = RangeFilter(beginNs: .max, endNs: nil)
        func others(_ batch: FeedBatch) -> Int {
            batch.records.count { record in
                switch record {
                case .events, .lost: false
                default: true
                }
            }
        }
        for batch in feed.batches {
            let kept = filter.filtered(batch)
            #expect(others(kept) == others(batch))
            #expect(!kept.records.contains { if case .events = $0 { true } else { false } })
        }
    }

    @Test(arguments: [(0, 9, 0), (0, 10, 1), (12, 15, 1), (19, 30, 1), (20, 30, 0), (nil, nil, 1), (nil, 9, 0)])
    func `what was lost passes where it may have been in the range`(fromNs: Int64?, toNs: Int64?, count: Int) {
        let loss = LossRecord(
            relay: "alpha",
            host: "h",
            session: "s",
            sessionID: 1,
            streamID: nil,
            unit: .events,
            count: 1,
            fromNs: fromNs,
            toNs: toNs,
            reason: ""
        )
        var filter = RangeFilter(beginNs: 10, endNs: 20)
        #expect(filter.filtered(FeedBatch(records: [.lost(loss)])).records.count == count)
    }

    @Test func `it is passed when no event in order can be in it any more`() {
        let filter = RangeFilter(beginNs: nil, endNs: 100)
        #expect(!filter.isPassed(by: nil) && !filter.isPassed(by: 99) && filter.isPassed(by: 100))
        #expect(!RangeFilter(beginNs: 5, endNs: nil).isPassed(by: .max))
    }
}
