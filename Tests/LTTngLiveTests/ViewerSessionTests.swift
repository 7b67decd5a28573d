import LTTngLive
import Testing

struct ViewerSessionTests {
    @Test(
        arguments: [
            (.alreadyHeld, .alreadyHeld), (.unknownSession, .unknownSession), (.notLive, .notLive),
            (.seekRefused, .seekRefused), (.noViewerSession, .noViewerSession),
        ] as [(AttachStatus, AttachResult)]
    )
    func `a refused attach is told, and may be tried again`(status: AttachStatus, result: AttachResult) throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.relay.attachStatus = status
        try conversation.run(forNs: 1_000_000)
        #expect(conversation.contains(.attached(session1, result)))
        #expect(conversation.requestCount { $0 == .newStreams(session1) } == 0)

        conversation.relay.attachStatus = .ok
        conversation.viewer.attach(session1, from: .last)
        try conversation.run(forNs: 1_000_000)
        #expect(conversation.contains(.attached(session1, .attached(streamCount: 2))))
        #expect(conversation.requestCount { $0 == .attach(session1, seek: 2) } == 1)
    }

    @Test func `streams are announced after the attach, and polled after that`() throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.relay.indexes[stream1] = [.beacon(500)]
        try conversation.run(forNs: 1_000_000)
        let attached = conversation.place(.attached(session1, .attached(streamCount: 2)))
        let added = conversation.place(.streamAdded(session1, .data(11)))
        let beacon = conversation.place(.beacon(stream1, cycles: 500, streamClassID: 0))
        #expect(try #require(attached) < #require(added))
        #expect(try #require(added) < #require(beacon))
    }

    @Test func `a round follows the polls of its batch and proves after the new streams`() throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.relay.newStreams[session1] = [.ok([.data(21, trace: 2), .metadata(22, trace: 2)])]
        conversation.relay.indexes[stream1] = [.beacon(500)]
        try conversation.run(forNs: 3_000_000)
        let batch = conversation.relay.log.map(\.request)
        let poll = try #require(batch.firstIndex(of: .nextIndex(stream1)))
        let ask = try #require(batch.firstIndex(of: .newStreams(session1)))
        #expect(poll < ask)
        #expect(batch[ask + 1] == .listSessions)

        let beacon = try #require(conversation.place(.beacon(stream1, cycles: 500, streamClassID: 0)))
        let added = try #require(conversation.place(.streamAdded(session1, .data(21, trace: 2))))
        let proof = try #require(conversation.place(.newStreams(session1, isProof: true)))
        let done = try #require(
            conversation.place(.cycleCompleted(CycleProof(cycle: 2, provesAllSessions: true)))
        )
        #expect(beacon < added)
        #expect(added < proof)
        #expect(proof < done)
    }

    @Test func `NO_NEW proves nothing and is asked again with growing pauses`() throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.relay.streams[session1] = []
        conversation.relay.newStreams[session1] = Array(repeating: .status(.noNew), count: 3)
        try conversation.run(forNs: 1_000_000_000)
        #expect(conversation.count { $0 == .newStreams(session1, isProof: false) } == 3)
        #expect(conversation.contains(.cycleCompleted(CycleProof(cycle: 2, provesAllSessions: false))) as Bool)
        let times = conversation.relay.log.filter { $0.request == .newStreams(session1) }.map(\.at)
        #expect(times[1] - times[0] >= 20_000_000)
        #expect(times[2] - times[1] >= 40_000_000)
        #expect(times[3] - times[0] < 200_000_000)
        #expect(conversation.contains(.newStreams(session1, isProof: true)))
    }

    @Test func `a hung up session is drained, ended and detached`() throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.relay.indexes[stream1] = [
            .status(.retry), .packet(.test()), .packet(.test(offset: 100)), .status(.hungUp),
        ]
        conversation.relay.newStreams[session1] = [.status(.hungUp)]
        try conversation.run(forNs: 1_000_000_000)
        #expect(conversation.count { if case .packetFetched = $0 { true } else { false } } == 2)
        let data = try #require(conversation.place(.streamEnded(stream1, .hungUp)))
        let end = try #require(conversation.place(.sessionEnded(session1, .hungUp)))
        #expect(data < end)
        #expect(conversation.contains(.streamEnded(metadata1, .sessionEnded)))
        #expect(conversation.requestCount { $0 == .newStreams(session1) } == 1)
        #expect(conversation.requestCount { $0 == .detach(session1) } == 1)
        #expect(conversation.requestCount { $0 == .nextIndex(stream1) } == 4)
        #expect(!conversation.contains(.detached(session1)))
    }

    @Test func `a hung up session whose stream never ends is ended after a while`() throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.relay.newStreams[session1] = [.status(.hungUp)]
        try conversation.run(forNs: 4_000_000_000)
        #expect(!conversation.contains(.sessionEnded(session1, .hungUp)))
        try conversation.run(forNs: 3_000_000_000)
        #expect(conversation.contains(.streamEnded(stream1, .sessionEnded)))
        #expect(conversation.contains(.sessionEnded(session1, .hungUp)))
    }

    @Test func `a suspended stream holds the end of its session`() throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.relay.indexes[stream1] = [.status(.retry), .status(.hungUp)]
        try conversation.run(forNs: 1_000_000)
        conversation.viewer.suspend(stream1)
        conversation.relay.newStreams[session1] = [.status(.hungUp)]
        try conversation.run(forNs: 20_000_000_000)
        #expect(!conversation.contains(.sessionEnded(session1, .hungUp)))
        conversation.viewer.resume(stream1)
        try conversation.run(forNs: 1_000_000)
        #expect(conversation.contains(.sessionEnded(session1, .hungUp)))
    }

    @Test func `a session that left the list ends once its streams have`() throws {
        let conversation = Conversation(oneStreamRelay())
        try conversation.run(forNs: 1_000_000_000)
        conversation.relay.sessions = []
        try conversation.run(forNs: 3_000_000_000)
        #expect(!conversation.contains(.sessionEnded(session1, .vanished)))
        conversation.relay.indexes[stream1] = [.status(.hungUp)]
        try conversation.run(forNs: 3_000_000_000)
        #expect(conversation.contains(.sessionEnded(session1, .vanished)))
    }

    @Test func `a session that the relay disowns ends with all its streams`() throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.relay.newStreams[session1] = [.status(.failed)]
        try conversation.run(forNs: 1_000_000_000)
        #expect(conversation.contains(.streamEnded(stream1, .sessionEnded)))
        #expect(conversation.contains(.sessionEnded(session1, .failed)))
        #expect(conversation.failure == nil)
    }

    @Test func `a detached session says nothing any more and can be attached again`() throws {
        let conversation = Conversation(oneStreamRelay())
        try conversation.run(forNs: 1_000_000)
        conversation.relay.indexes[stream1] = [.packet(.test())]
        conversation.viewer.detach(session1)
        let before = conversation.seen.count
        try conversation.run(forNs: 100_000_000)
        #expect(conversation.contains(.detached(session1)))
        #expect(
            !conversation.seen[before...].contains {
                if case .action(.streamEnded) = $0 { true } else { false }
            }
        )
        conversation.viewer.attach(session1, from: .beginning)
        try conversation.run(forNs: 100_000_000)
        #expect(conversation.count { $0 == .attached(session1, .attached(streamCount: 2)) } == 2)
        #expect(conversation.failure == nil)
    }

    @Test func `a relay that knows no DETACH is not sent one`() throws {
        let conversation = Conversation(oneStreamRelay(minor: 7))
        try conversation.run(forNs: 1_000_000)
        conversation.viewer.detach(session1)
        try conversation.run(forNs: 100_000_000)
        #expect(conversation.contains(.detached(session1)))
        #expect(conversation.requestCount { $0 == .detach(session1) } == 0)
    }

    @Test func `hundreds of short traces leave nothing behind`() throws {
        let conversation = Conversation(oneStreamRelay(timerUs: 10_000))
        try conversation.run(forNs: 1_000_000)
        var added = 0
        for number in 0..<400 {
            let id = UInt64(100 + number * 2)
            conversation.relay.newStreams[session1] = [.ok([.data(id, trace: id), .metadata(id + 1, trace: id)])]
            conversation.relay.quietIndex = [LiveStreamID(id): { _ in .status(.hungUp) }]
            conversation.relay.metadata[LiveStreamID(id + 1)] = [(.ok, [1]), (.noNew, []), (.failed, [])]
            try conversation.run(forNs: 30_000_000)
            added += conversation.count { if case .streamAdded = $0 { true } else { false } }
            conversation.seen.removeAll()
            conversation.relay.log.removeAll()
        }
        try conversation.run(forNs: 1_000_000_000)
        #expect(added > 400)
        let held = conversation.viewer.tableSizes
        #expect(held.streams == 2)
        #expect(held.traces == 1)
        #expect(held.places <= 32)
    }
}
