import LTTngLive
import Testing

/// How often the viewer asks, counted in virtual time. A batch is what is written at once.
struct ViewerPollTests {
    private let second: UInt64 = 1_000_000_000

    private func batchesPerSecond(_ conversation: Conversation, seconds: UInt64) throws -> Double {
        conversation.relay.log.removeAll()
        try conversation.run(forNs: seconds * second)
        let times = Set(conversation.relay.log.map(\.at))
        conversation.relay.log.removeAll()
        return Double(times.count) / Double(seconds)
    }

    @Test func `an hour without sessions costs at most one request a second`() throws {
        let conversation = Conversation(RelayDouble())
        conversation.viewer.setFeedIsIdle(true, fastestLivePeriodNs: nil)
        try conversation.run(forNs: 3600 * second)
        #expect(conversation.relay.log.count <= 3602)
        #expect(conversation.relay.log.count >= 3500)
        #expect(conversation.wakeups <= 7300)
    }

    @Test func `an hour with an empty session of an idle feed costs at most one request a second`() throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.relay.streams[session1] = []
        conversation.viewer.setFeedIsIdle(true, fastestLivePeriodNs: 200_000_000)
        try conversation.run(forNs: 3600 * second)
        #expect(conversation.relay.log.count <= 3610)
    }

    @Test func `an empty relay of a busy feed is asked twice in the fastest live period`() throws {
        let conversation = Conversation(RelayDouble())
        conversation.viewer.setFeedIsIdle(false, fastestLivePeriodNs: 200_000_000)
        let rate = try batchesPerSecond(conversation, seconds: 100)
        #expect(rate >= 9.5 && rate <= 10.1)
        conversation.viewer.setFeedIsIdle(false, fastestLivePeriodNs: 1_000_000)
        let fastest = try batchesPerSecond(conversation, seconds: 10)
        #expect(fastest >= 95 && fastest <= 101)
    }

    @Test(arguments: [10_000, 100_000, 200_000, 1_000_000, 10_000_000] as [UInt32])
    func `streams that only give beacons are asked about once a period, soon after the tick`(periodUs: UInt32) throws {
        let conversation = Conversation(oneStreamRelay(timerUs: periodUs))
        let period = UInt64(periodUs) * 1000
        let phase = period * 37 / 100
        let answer: (UInt64) -> RelayDouble.IndexAnswer = { now in .beacon((now + period - phase) / period) }
        conversation.relay.streams[session1] = [.data(11), .data(13), .data(15), .metadata(12)]
        for stream in [11, 13, 15] as [UInt64] { conversation.relay.quietIndex[LiveStreamID(stream)] = answer }
        try conversation.run(forNs: 20 * max(period, second))
        conversation.seen.removeAll()

        let seconds = max(100, 20 * period / second)
        let rate = try batchesPerSecond(conversation, seconds: seconds)
        let ticks = Double(second) / Double(period)
        #expect(rate <= max(1.7 * ticks, 2.2), "\(rate) batches a second")

        // Every beacon is read, and on the average soon.
        var lags: [UInt64] = []
        var last: UInt64 = 0
        for _ in 0..<1000 {
            conversation.seen.removeAll()
            try conversation.run(forNs: period / 50)
            for case .action(.beacon(stream1, let cycles, _)) in conversation.seen where cycles != last {
                last = cycles
                lags.append(conversation.now - (cycles * period - period + phase))
            }
        }
        let mean = lags.reduce(0, +) / UInt64(lags.count)
        #expect(lags.count >= 19)
        #expect(mean <= max(period / 8, 3_000_000), "mean lag \(mean) of \(period)")
    }

    @Test(arguments: [(minor: UInt32(13), least: 900.0, most: 1000.0), (minor: 14, least: 1, most: 40)])
    func `a new stream is asked each millisecond where the relay drops what is unread at its end`(
        _ relay: (minor: UInt32, least: Double, most: Double)
    ) throws {
        let conversation = Conversation(oneStreamRelay(minor: relay.minor))
        let newborn = try batchesPerSecond(conversation, seconds: 2)
        #expect(newborn >= relay.least && newborn <= relay.most, "\(newborn) batches a second")
        try conversation.run(forNs: 20 * second)
        let later = try batchesPerSecond(conversation, seconds: 100)
        #expect(later <= 3, "\(later) batches a second")
    }

    @Test func `a stalled stream is asked ever more rarely`() throws {
        let conversation = Conversation(oneStreamRelay())
        try conversation.run(forNs: 60 * second)
        let rate = try batchesPerSecond(conversation, seconds: 600)
        #expect(rate <= 2.1)
    }

    @Test func `a frozen beacon is asked ever more rarely`() throws {
        let conversation = Conversation(oneStreamRelay(timerUs: 100_000))
        conversation.relay.quietIndex[stream1] = { _ in .beacon(5) }
        try conversation.run(forNs: 60 * second)
        let rate = try batchesPerSecond(conversation, seconds: 600)
        #expect(rate <= 21)
    }

    @Test func `a backlog is read without pauses`() throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.relay.indexes[stream1] = (0..<1000).map { .packet(.test(offset: $0 * 100)) }
        try conversation.run(forNs: 300_000_000)
        // Two round trips of 0.1 ms a packet.
        #expect(conversation.count { if case .packetFetched = $0 { true } else { false } } == 1000)
        let rounds = conversation.requestCount { $0 == .listSessions }
        #expect(rounds <= 301)
    }

    @Test func `packets between ticks are found within a twentieth of the period`() throws {
        let conversation = Conversation(oneStreamRelay())
        var worst: UInt64 = 0
        var numbers = SeededNumbers(state: 1)
        try conversation.run(forNs: second)
        for number in UInt64(0)..<200 {
            try conversation.run(forNs: UInt64.random(in: 50_000_000...400_000_000, using: &numbers))
            conversation.relay.indexes[stream1] = [.packet(.test(offset: number * 100))]
            let before = conversation.now
            conversation.seen.removeAll()
            while !conversation.contains(.packetFetched(stream1, isComplete: true)) {
                try conversation.run(forNs: 1_000_000)
                if conversation.now - before > 2 * second { break }
            }
            if number > 0 { worst = max(worst, conversation.now - before) }
        }
        #expect(worst <= 75_000_000, "\(worst)")
    }

    @Test func `new streams of a busy session are found within 50 ms`() throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.relay.indexes[stream1] = [.packet(.test())]
        try conversation.run(forNs: second)
        conversation.relay.newStreams[session1] = [.ok([.data(21, trace: 2)])]
        try conversation.run(forNs: 52_000_000)
        #expect(conversation.contains(.streamAdded(session1, .data(21, trace: 2))))
    }

    @Test func `the flag for new streams brings a round at once`() throws {
        let conversation = Conversation(oneStreamRelay())
        try conversation.run(forNs: 60 * second)
        conversation.relay.indexes[stream1] = [.status(.retry, flags: .newStreams)]
        conversation.relay.log.removeAll()
        try conversation.run(forNs: 1_100_000_000)
        let asked = try #require(conversation.relay.log.first { $0.request == .nextIndex(stream1) }?.at)
        let rounds = conversation.relay.log.filter { $0.request == .newStreams(session1) && $0.at >= asked }
        #expect(rounds.contains { $0.at > asked && $0.at <= asked + 2_000_000 })
    }
}
