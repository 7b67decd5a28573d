import LTTngLive
import Testing

struct ViewerMetadataTests {
    private let text = Array("trace { … };".utf8)

    private func metadataRequests(_ conversation: Conversation) -> Int {
        conversation.requestCount { $0 == .metadata(metadata1) }
    }

    @Test func `metadata is asked for when its stream appears`() throws {
        let conversation = Conversation(oneStreamRelay())
        try conversation.run(forNs: 1_000_000)
        #expect(
            conversation.seen.contains(
                .metadata(LiveTraceID(1), bytes: Array("/* CTF 1.8 */".utf8), isLast: true)
            )
        )
        #expect(metadataRequests(conversation) == 1)
    }

    @Test func `flagged metadata comes before the packet that needs it`() throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.relay.metadata[metadata1]?.append((.ok, text))
        conversation.relay.indexes[stream1] = [.status(.retry), .packet(.test(), flags: .newMetadata)]
        try conversation.run(forNs: 100_000_000)
        let metadata = conversation.seen.firstIndex(of: .metadata(LiveTraceID(1), bytes: text, isLast: true))
        let packet = conversation.place(.packetFetched(stream1, isComplete: true))
        #expect(try #require(metadata) < #require(packet))
    }

    @Test(
        arguments: [.beacon(7, flags: .newMetadata), .status(.retry, flags: .newMetadata)] as [RelayDouble.IndexAnswer]
    )
    func `the flag counts on replies without a packet`(answer: RelayDouble.IndexAnswer) throws {
        let conversation = Conversation(oneStreamRelay())
        try conversation.run(forNs: 1_000_000)
        conversation.relay.metadata[metadata1] = [(.ok, text)]
        conversation.relay.indexes[stream1] = [answer]
        try conversation.run(forNs: 1_000_000_000)
        #expect(conversation.seen.contains(.metadata(LiveTraceID(1), bytes: text, isLast: true)))
    }

    @Test(arguments: [.ok, .noNew] as [MetadataStatus])
    func `a flag without metadata is followed up with growing pauses`(status: MetadataStatus) throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.relay.quietIndex[stream1] = { _ in .status(.retry, flags: .newMetadata) }
        conversation.relay.metadata[metadata1] = Array(repeating: (status, []), count: 1000)
        try conversation.run(forNs: 10_000_000_000)
        let times = conversation.relay.log.filter { $0.request == .metadata(metadata1) }.map(\.at)
        #expect(times[1] - times[0] >= 20_000_000)
        #expect(times[1] - times[0] < 60_000_000)
        #expect(times.count < 20)
    }

    @Test func `metadata flagged with a packet comes before it, however often it was asked for in vain`() throws {
        let conversation = Conversation(oneStreamRelay(timerUs: 100_000))
        try conversation.run(forNs: 1_000_000)
        conversation.relay.quietIndex[stream1] = { _ in .status(.retry, flags: .newMetadata) }
        conversation.relay.metadata[metadata1] = Array(repeating: (.noNew, []), count: 1000)
        try conversation.run(forNs: 3_000_000_000)
        conversation.relay.metadata[metadata1] = [(.ok, text)]
        conversation.relay.indexes[stream1] = [.packet(.test(), flags: .newMetadata)]
        try conversation.run(forNs: 2_000_000_000)
        let metadata = conversation.seen.firstIndex(of: .metadata(LiveTraceID(1), bytes: text, isLast: true))
        let packet = conversation.place(.packetFetched(stream1, isComplete: true))
        #expect(try #require(metadata) < #require(packet))
    }

    @Test func `metadata that an index needs is asked for again, though no reply flags it`() throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.relay.indexes[stream1] = [.packet(.test())]
        conversation.policy = .hold
        try conversation.run(forNs: 1_000_000)
        conversation.relay.metadata[metadata1] = Array(repeating: (.noNew, []), count: 4) + [(.ok, text)]
        conversation.viewer.needMetadata(stream1)
        try conversation.run(forNs: 2_000_000_000)
        #expect(conversation.seen.contains(.metadata(LiveTraceID(1), bytes: text, isLast: true)))
        // It is still needed, for the index still waits; the pauses grow.
        #expect((6...16).contains(metadataRequests(conversation)))
    }

    @Test func `metadata that is missing at the attach is asked for again, at last once a second`() throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.relay.metadata[metadata1] = Array(repeating: (.noNew, []), count: 3) + [(.ok, text)]
        try conversation.run(forNs: 1_000_000_000)
        #expect(conversation.seen.contains(.metadata(LiveTraceID(1), bytes: text, isLast: true)))

        let never = Conversation(oneStreamRelay())
        never.relay.metadata[metadata1] = []
        try never.run(forNs: 3_600_000_000_000)
        #expect((3590...3610).contains(metadataRequests(never)))
    }

    @Test func `metadata of a trace whose streams ended is read to its end`() throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.relay.indexes[stream1] = [.status(.hungUp)]
        conversation.relay.metadata[metadata1] = [(.ok, [1]), (.ok, text), (.noNew, []), (.failed, [])]
        try conversation.run(forNs: 1_000_000_000)
        #expect(conversation.seen.contains(.metadata(LiveTraceID(1), bytes: text, isLast: true)))
        #expect(conversation.contains(.streamEnded(metadata1, .hungUp)))
        #expect(metadataRequests(conversation) == 4)
    }

    @Test func `traces of one session have their own metadata`() throws {
        let conversation = Conversation(oneStreamRelay())
        let metadata2 = LiveStreamID(22)
        conversation.relay.streams[session1]? += [.data(21, trace: 2), .metadata(22, trace: 2)]
        conversation.relay.metadata[metadata2] = [(.ok, text)]
        try conversation.run(forNs: 1_000_000)
        #expect(conversation.seen.contains(.metadata(LiveTraceID(2), bytes: text, isLast: true)))
        conversation.relay.indexes[LiveStreamID(21)] = [.status(.retry, flags: .newMetadata)]
        try conversation.run(forNs: 15_000_000)
        #expect(conversation.requestCount { $0 == .metadata(metadata2) } == 2)
        #expect(metadataRequests(conversation) == 1)
    }

    @Test func `a refused metadata stream ends without harm to the connection`() throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.relay.metadata[metadata1] = [(.failed, [])]
        try conversation.run(forNs: 1_000_000_000)
        #expect(conversation.contains(.streamEnded(metadata1, .failed)))
        #expect(conversation.failure == nil)
        #expect(conversation.requestCount { $0 == .nextIndex(stream1) } > 1)
    }
}
