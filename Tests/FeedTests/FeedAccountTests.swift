import Testing

@testable import Feed

/// What is counted of a feed, against counting it event by event.
struct FeedAccountTests {
    private typealias Name = FeedAccount.SessionName

    private func name(_ trace: FeedTrace) -> Name {
        Name(relay: trace.relay, host: trace.host, session: trace.session)
    }

    /// Each event on its own, by stream.
    private func counted(_ batches: [FeedBatch]) -> [UInt64: (trace: FeedTrace, counts: FeedAccount.Counts)] {
        var streams: [UInt64: (trace: FeedTrace, counts: FeedAccount.Counts)] = [:]
        for case .events(let group) in batches.flatMap(\.records) {
            let late = Set(group.late.map(\.index))
            var index: UInt32 = 0
            for run in group.order {
                let packet = group.slices[Int(run.slice)].packet
                for _ in 0..<run.count {
                    streams[packet.stream.id, default: (packet.trace, .init())].counts.events += 1
                    if late.contains(index) { streams[packet.stream.id]?.counts.lateEvents += 1 }
                    index += 1
                }
            }
            for slice in group.slices {
                streams[slice.packet.stream.id]?.counts.bytes += (slice.endBits - slice.firstBits) / 8
            }
        }
        return streams
    }

    @Test(arguments: 0..<20)
    func `streams, sessions and relays have what they had, while they are there and after`(seed: UInt64) throws {
        for endsSessions in [false, true] {
            var shape = SampleFeed.Shape()
            shape.endsSessions = endsSessions
            let feed = try SampleFeed(seed: seed, shape: shape)
            let batches = feed.batches.map { batch in
                var quiet = batch
                quiet.records.removeAll { if case .lost = $0 { true } else { false } }
                return quiet
            }
            var account = FeedAccount()
            for batch in batches { account.take(batch) }
            let expected = counted(batches)
            #expect(expected.values.contains { $0.counts.lateEvents > 0 })

            var sessions: [Name: FeedAccount.Counts] = [:]
            var relays: [String: FeedAccount.Counts] = [:]
            for (trace, counts) in expected.values {
                sessions[name(trace), default: .init()] += counts
                relays[trace.relay, default: .init()] += counts
            }
            let sums = account.sums
            for (name, counts) in sessions { #expect(sums.sessions[name] == counts) }
            for (relay, counts) in relays { #expect(sums.relays[relay] == counts) }
            #expect(account.batches == UInt64(batches.count))
            #expect(account.streamCount == (endsSessions ? 0 : expected.count))
            for stream in account.streams() { #expect(stream.counts == expected[stream.id]?.counts) }
            if endsSessions { #expect(account.sessions.values.allSatisfy { $0.state == .ended }) }
        }
    }

    private func loss(_ stream: UInt64?, _ unit: LossRecord.Unit, _ count: UInt64?, session: String = "s") -> FeedRecord
    {
        .lost(
            LossRecord(
                relay: "r",
                host: "h",
                session: session,
                sessionID: 1,
                streamID: stream,
                unit: unit,
                count: count,
                fromNs: nil,
                toNs: nil,
                reason: ""
            )
        )
    }

    @Test
    func `losses count where they were, also of streams that nobody knows`() {
        var account = FeedAccount()
        account.take(
            FeedBatch(records: [
                loss(nil, .events, 5), loss(77, .events, 6), loss(77, .packets, 7), loss(nil, .packets, nil),
                loss(nil, .events, nil), loss(nil, .events, 8, session: "other"),
            ])
        )
        var expected = FeedAccount.Counts()
        (expected.lostEvents, expected.lostPackets, expected.unknownLosses) = (11, 7, 2)
        #expect(account.sums.sessions[Name(relay: "r", host: "h", session: "s")] == expected)
        expected.lostEvents += 8
        #expect(account.sums.relays["r"] == expected)
    }

    private func change(_ session: String, _ state: SessionState) -> FeedRecord {
        .session(
            SessionStateChange(relay: "r", host: "h", session: session, sessionID: 1, state: state, reason: "")
        )
    }

    @Test
    func `sessions come and go without end, and the relay's sum stays right`() {
        var account = FeedAccount()
        account.take(FeedBatch(records: [change("stays", .active)]))
        let count = 5 * FeedAccount.endedSessionsMax
        for number in 0..<count {
            account.take(
                FeedBatch(records: [
                    change("\(number)", .active), loss(nil, .events, 1, session: "\(number)"),
                    change("\(number)", .ended),
                ])
            )
        }
        #expect(account.sums.relays["r"]?.lostEvents == UInt64(count))
        #expect(account.sessions.count <= FeedAccount.endedSessionsMax + 1)
        #expect(account.sessions[Name(relay: "r", host: "h", session: "stays")]?.state == .active)
        // The newest are told apart, the oldest are not.
        #expect(account.sums.sessions[Name(relay: "r", host: "h", session: "\(count - 1)")]?.lostEvents == 1)
        #expect(account.sessions[Name(relay: "r", host: "h", session: "0")] == nil)
    }

    @Test
    func `a relay that is not configured any more is forgotten`() {
        var account = FeedAccount()
        account.take(FeedBatch(records: [loss(nil, .events, 1)]))
        account.keepRelays(["r"])
        #expect(account.sums.relays["r"]?.lostEvents == 1)
        account.keepRelays(["other"])
        #expect(account.sums.relays.isEmpty && account.sums.sessions.isEmpty)
    }
}
