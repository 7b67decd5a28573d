import LTTngLive
import Testing

struct ViewerStreamTests {
    private func bytes(_ stream: LiveStreamID, _ range: Range<UInt64>) -> [UInt8] {
        range.map { RelayDouble.fileByte(stream, $0) }
    }

    @Test func `a packet's content is fetched, its padding is not`() throws {
        let conversation = Conversation(oneStreamRelay())
        var index = PacketIndex.test(offset: 4096, bytes: 4096)
        index.contentBits = 84 * 8
        conversation.relay.indexes[stream1] = [.packet(index)]
        try conversation.run(forNs: 10_000_000)
        #expect(conversation.contains(.index(stream1, index, [])))
        #expect(conversation.seen.contains(.packet(stream1, offset: 0, bytes: bytes(stream1, 4096..<4180))))
        #expect(conversation.contains(.packetFetched(stream1, isComplete: true)))
        #expect(conversation.requestCount { $0 == .packet(stream1, offset: 4096, length: 84) } == 1)
    }

    @Test func `the next index is asked for only when the packet is done with`() throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.policy = .hold
        conversation.relay.indexes[stream1] = [.packet(.test()), .packet(.test(offset: 100))]
        try conversation.run(forNs: 2_000_000_000)
        #expect(conversation.requestCount { $0 == .nextIndex(stream1) } == 1)
        conversation.viewer.skip(stream1)
        try conversation.run(forNs: 10_000_000)
        #expect(conversation.requestCount { $0 == .nextIndex(stream1) } == 2)
        conversation.viewer.skip(stream1)
        try conversation.run(forNs: 1_000_000)
        #expect(conversation.requestCount { $0 == .nextIndex(stream1) } == 3)
        #expect(conversation.requestCount { if case .packet = $0 { true } else { false } } == 0)
    }

    @Test func `a large packet comes in slices within the limit on bytes on their way`() throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.relay.indexes[stream1] = [.packet(.test(bytes: 1_600_000))]
        try conversation.run(forNs: 50_000_000)
        var requested: [UInt64] = []
        for entry in conversation.relay.log {
            if case .packet(_, _, let length) = entry.request { requested.append(UInt64(length)) }
        }
        #expect(requested.reduce(0, +) == 1_600_000)
        #expect(requested.allSatisfy { $0 <= 256 << 10 })
        let firstBatch = conversation.relay.log.first { if case .packet = $0.request { true } else { false } }?.at
        let outstanding = conversation.relay.log.reduce(UInt64(0)) { sum, entry in
            if case .packet(_, _, let length) = entry.request, entry.at == firstBatch {
                sum + UInt64(length)
            } else {
                sum
            }
        }
        #expect(outstanding == 1 << 20)
        let joined = conversation.seen.compactMap { if case .packet(_, _, let bytes) = $0 { bytes } else { nil } }
        #expect(joined == [bytes(stream1, 0..<1_600_000)])
    }

    @Test func `a packet can be fetched by windows`() throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.policy = .hold
        conversation.relay.indexes[stream1] = [.packet(.test(offset: 1000, bytes: 500))]
        try conversation.run(forNs: 1_000_000)
        conversation.viewer.fetch(stream1, window: 0..<200)
        try conversation.run(forNs: 1_000_000)
        #expect(conversation.contains(.packetFetched(stream1, isComplete: false)))
        conversation.viewer.fetch(stream1, window: 150..<9000)
        try conversation.run(forNs: 1_000_000)
        #expect(conversation.contains(.packetFetched(stream1, isComplete: true)))
        let windows = conversation.seen.compactMap {
            if case .packet(_, let offset, let bytes) = $0 { (offset, bytes) } else { nil }
        }
        #expect(windows.map(\.0) == [0, 150])
        #expect(windows.map(\.1) == [bytes(stream1, 1000..<1200), bytes(stream1, 1150..<1500)])
        #expect(conversation.requestCount { $0 == .nextIndex(stream1) } > 1)
    }

    @Test func `an empty window or packet is fetched at once`() throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.relay.indexes[stream1] = [.packet(.test(bytes: 0))]
        try conversation.run(forNs: 1_000_000)
        #expect(conversation.contains(.packetFetched(stream1, isComplete: true)))
        #expect(conversation.requestCount { if case .packet = $0 { true } else { false } } == 0)
    }

    @Test func `packets of many streams are asked for in one batch`() throws {
        let relay = RelayDouble()
        let conversation = Conversation(relay)
        conversation.relay.sessions = [.test(1)]
        conversation.relay.streams[session1] = (0..<100).map { .data(1000 + $0) }
        for number in UInt64(0)..<100 { conversation.relay.indexes[LiveStreamID(1000 + number)] = [.packet(.test())] }
        try conversation.run(forNs: 1_000_000)
        let polls = conversation.relay.log.filter { if case .nextIndex = $0.request { true } else { false } }
        let fetches = conversation.relay.log.filter { if case .packet = $0.request { true } else { false } }
        #expect(polls.prefix(100).allSatisfy { $0.at == polls[0].at })
        #expect(fetches.count == 100)
        #expect(fetches.allSatisfy { $0.at == fetches[0].at })
    }

    @Test(arguments: [.failed, .endOfFile] as [PacketStatus])
    func `a packet that the relay does not have fails alone`(status: PacketStatus) throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.relay.indexes[stream1] = [.packet(.test(bytes: 600_000)), .packet(.test(offset: 600_000))]
        conversation.relay.packets[stream1] = [.bytes, .status(status), .bytes]
        try conversation.run(forNs: 50_000_000)
        #expect(conversation.failure == nil)
        #expect(conversation.contains(.packetFailed(stream1)))
        #expect(conversation.count { if case .packetFetched = $0 { true } else { false } } == 1)
    }

    @Test func `the next index is asked for behind the packet, so that a packet takes one round trip`() throws {
        for minor in [6, 7, 15] as [UInt32] {
            let conversation = Conversation(oneStreamRelay(minor: minor))
            conversation.relay.indexes[stream1] = [.packet(.test(bytes: 600_000)), .packet(.test(offset: 600_000))]
            try conversation.run(forNs: 50_000_000)
            #expect(conversation.failure == nil)
            #expect(conversation.count { if case .packetFetched = $0 { true } else { false } } == 2)
            let log = conversation.relay.log
            let slice = try #require(
                log.firstIndex { if case .packet(_, let offset, _) = $0.request { offset == 524_288 } else { false } }
            )
            let next = try #require(
                log[slice...].first { if case .nextIndex = $0.request { true } else { false } }
            )
            // Relays up to 2.6 may have to be asked for a slice again.
            #expect((next.at == log[slice].at) == (minor >= 7))
        }
    }

    @Test func `a packet refused for now is asked for again, and not for ever`() throws {
        for (refusals, fetched) in [(3, true), (100, false)] {
            let conversation = Conversation(oneStreamRelay(minor: 6))
            conversation.relay.indexes[stream1] = [.packet(.test())]
            conversation.relay.packets[stream1] = Array(repeating: .status(.retry), count: refusals)
            try conversation.run(forNs: 2_000_000_000)
            #expect(conversation.contains(.packetFetched(stream1, isComplete: true)) as Bool == fetched)
            #expect(conversation.contains(.packetFailed(stream1)) as Bool == !fetched)
            let asked = conversation.requestCount { if case .packet = $0 { true } else { false } }
            #expect(asked <= 11)
        }
    }

    @Test(
        arguments: [
            (.hungUp, .hungUp), (.failed, .failed), (.endOfFile, .hungUp),
        ] as [(IndexStatus, StreamEnd)]
    )
    func `a stream that ended is never asked again`(status: IndexStatus, end: StreamEnd) throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.relay.indexes[stream1] = [.status(status)]
        try conversation.run(forNs: 10_000_000_000)
        #expect(conversation.contains(.streamEnded(stream1, end)))
        #expect(conversation.requestCount { $0 == .nextIndex(stream1) } == 1)
    }

    @Test func `a metadata stream is never asked for an index or a packet`() throws {
        let conversation = Conversation(oneStreamRelay())
        try conversation.run(forNs: 1_000_000)
        conversation.viewer.fetch(metadata1)
        conversation.viewer.skip(metadata1)
        conversation.viewer.resume(metadata1)
        try conversation.run(forNs: 5_000_000_000)
        #expect(conversation.requestCount { $0 == .nextIndex(metadata1) } == 0)
    }

    @Test func `a suspended stream is not asked, the others are`() throws {
        let conversation = Conversation(oneStreamRelay())
        let stream2 = LiveStreamID(13)
        conversation.relay.streams[session1] = [.data(11), .data(13), .metadata(12)]
        try conversation.run(forNs: 1_000_000)
        conversation.viewer.suspend(stream1)
        conversation.relay.log.removeAll()
        try conversation.run(forNs: 5_000_000_000)
        #expect(conversation.requestCount { $0 == .nextIndex(stream1) } == 0)
        #expect(conversation.requestCount { $0 == .nextIndex(stream2) } > 0)
        conversation.viewer.resume(stream1)
        try conversation.run(forNs: 1_000_000)
        #expect(conversation.requestCount { $0 == .nextIndex(stream1) } == 1)
    }

    @Test func `a stream suspended with a packet in hand delivers it and stops`() throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.policy = .hold
        conversation.relay.indexes[stream1] = [.packet(.test()), .packet(.test(offset: 100))]
        try conversation.run(forNs: 1_000_000)
        conversation.viewer.suspend(stream1)
        conversation.viewer.fetch(stream1)
        try conversation.run(forNs: 1_000_000_000)
        #expect(conversation.contains(.packetFetched(stream1, isComplete: true)))
        #expect(conversation.requestCount { $0 == .nextIndex(stream1) } == 1)
    }

    @Test func `commands about unknown streams and sessions do nothing`() throws {
        let conversation = Conversation(oneStreamRelay())
        try conversation.run(forNs: 1_000_000)
        let unknown = LiveStreamID(999)
        conversation.viewer.fetch(unknown)
        conversation.viewer.skip(unknown)
        conversation.viewer.suspend(unknown)
        conversation.viewer.resume(unknown)
        conversation.viewer.detach(LiveSessionID(999))
        try conversation.run(forNs: 1_000_000)
        #expect(conversation.failure == nil)
    }
}
