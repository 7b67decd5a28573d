import LTTngLive
import Testing

/// What a broken or hostile relay may say: each is refused with its reason, and nothing is allocated for it.
struct ViewerHostileTests {
    private func bigEndian<Integer: FixedWidthInteger>(_ values: Integer...) -> [UInt8] {
        values.flatMap { withUnsafeBytes(of: $0.bigEndian) { Array($0) } }
    }

    private func failure(
        minor: UInt32 = 15,
        limits: LiveLimits = .init(),
        _ prepare: (inout RelayDouble) -> Void
    ) throws -> ViewerError? {
        var relay = oneStreamRelay(minor: minor)
        prepare(&relay)
        let conversation = Conversation(relay, limits: limits)
        try conversation.run(forNs: 3_000_000_000)
        return conversation.failure
    }

    private func indexReply(
        offset: UInt64 = 0,
        packetBits: UInt64 = 800,
        contentBits: UInt64 = 800,
        begin: UInt64 = 1,
        end: UInt64 = 2,
        status: UInt32 = 1,
        flags: UInt32 = 0
    ) -> [UInt8] {
        bigEndian(offset, packetBits, contentBits, begin, end, 0 as UInt64, 0 as UInt64) + bigEndian(status, flags)
    }

    // MARK: LIST

    @Test(arguments: [4, 15] as [UInt32]) func `a list of 2^32 - 1 sessions`(minor: UInt32) throws {
        let failure = try failure(minor: minor) { $0.rawList = bigEndian(UInt32.max) }
        #expect(failure?.reason == .exceeds(limit: 4096, value: UInt64(UInt32.max)))
        #expect(failure?.request == .listSessions)
    }

    @Test func `names longer than their limits`() throws {
        let numbers = bigEndian(1 as UInt32) + bigEndian(1 as UInt64) + bigEndian(1 as UInt32, 0, 0)
        let hostname = try failure { $0.rawList = numbers + bigEndian(65 as UInt32, 1, 0) }
        #expect(hostname?.reason == .exceeds(limit: 64, value: 65))
        let name = try failure { $0.rawList = numbers + bigEndian(1 as UInt32, UInt32.max, 0) }
        #expect(name?.reason == .exceeds(limit: 255, value: UInt64(UInt32.max)))
    }

    @Test func `an unknown trace format`() throws {
        let failure = try failure {
            $0.rawList = bigEndian(1 as UInt32) + bigEndian(1 as UInt64) + bigEndian(1 as UInt32, 0, 0, 0, 0, 2)
        }
        #expect(failure?.reason == .unknownTraceFormat(2))
    }

    @Test func `names without NUL in the short layout`() throws {
        let entry = bigEndian(1 as UInt32) + bigEndian(1 as UInt64) + bigEndian(1 as UInt32, 0, 0)
        let failure = try failure(minor: 14) { $0.rawList = entry + Array(repeating: 65, count: 64 + 255) }
        #expect(failure?.reason == .missingTerminator)
    }

    @Test func `a session listed twice`() throws {
        let failure = try failure { $0.sessions = [.test(1), .test(2), .test(1)] }
        #expect(failure?.reason == .duplicateSession(1))
    }

    @Test func `names that are no UTF-8 are repaired`() throws {
        var relay = RelayDouble(minor: 14)
        var host: [UInt8] = [0x68, 0xFF, 0xFE]
        host += Array(repeating: 0, count: 64 - host.count)
        var name: [UInt8] = [0xC3]
        name += Array(repeating: 0, count: 255 - name.count)
        relay.rawList = bigEndian(1 as UInt32) + bigEndian(1 as UInt64) + bigEndian(0 as UInt32, 0, 0) + host + name
        let conversation = Conversation(relay)
        try conversation.run(forNs: 1_000_000)
        #expect(conversation.viewer.sessions.map(\.hostname) == ["h\u{FFFD}\u{FFFD}"])
        #expect(conversation.viewer.sessions.map(\.name) == ["\u{FFFD}"])
    }

    // MARK: Streams

    @Test func `2^32 - 1 streams`() throws {
        let attach = try failure { $0.rawAttach = bigEndian(1 as UInt32, UInt32.max) }
        #expect(attach?.reason == .exceeds(limit: 65_536, value: UInt64(UInt32.max)))
        #expect(attach?.request == .attach(session1))
        let new = try failure { $0.newStreams[session1] = [.raw(bigEndian(1 as UInt32, UInt32.max))] }
        #expect(new?.reason == .exceeds(limit: 65_536, value: UInt64(UInt32.max)))
        #expect(new?.request == .newStreams(session1))
    }

    @Test func `more streams in all than the limit`() throws {
        var limits = LiveLimits()
        limits.streamsMax = 3
        let failure = try failure(limits: limits) { $0.newStreams[session1] = [.ok([.data(21), .data(22)])] }
        #expect(failure?.reason == .exceeds(limit: 3, value: 4))
    }

    @Test func `streams together with a refusal`() throws {
        #expect(try failure { $0.rawAttach = bigEndian(3 as UInt32, 1) }?.reason == .streamsWithoutSuccess(1))
        let new = try failure { $0.newStreams[session1] = [.raw(bigEndian(2 as UInt32, 7))] }
        #expect(new?.reason == .streamsWithoutSuccess(7))
    }

    @Test func `unknown statuses`() throws {
        #expect(try failure { $0.rawAttach = bigEndian(77 as UInt32, 0) }?.reason == .unknownStatus(77))
        #expect(
            try failure { $0.newStreams[session1] = [.raw(bigEndian(77 as UInt32, 0))] }?.reason == .unknownStatus(77)
        )
        #expect(
            try failure { $0.indexes[stream1] = [.raw(indexReply(status: 77))] }?.reason == .unknownStatus(77)
        )
        #expect(try failure { $0.indexes[stream1] = [.raw(indexReply(status: 0))] }?.reason == .unknownStatus(0))
        #expect(
            try failure {
                $0.indexes[stream1] = [.packet(.test())]
                $0.packets[stream1] = [.raw(bigEndian(77 as UInt32, 0, 0))]
            }?.reason == .unknownStatus(77)
        )
    }

    @Test func `a stream id given twice`() throws {
        #expect(
            try failure { $0.newStreams[session1] = [.ok([.data(11)])] }?.reason == .duplicateStream(11)
        )
        #expect(
            try failure { $0.streams[session1] = [.data(5), .metadata(5)] }?.reason == .duplicateStream(5)
        )
    }

    @Test func `two metadata streams of a trace`() throws {
        #expect(
            try failure { $0.newStreams[session1] = [.ok([.metadata(13)])] }?.reason == .duplicateMetadataStream(13)
        )
    }

    @Test func `a path without NUL`() throws {
        let stream = bigEndian(5 as UInt64, 1) + bigEndian(0 as UInt32) + Array(repeating: 65, count: 4096 + 255)
        let failure = try failure { $0.rawAttach = bigEndian(1 as UInt32, 1) + stream }
        #expect(failure?.reason == .missingTerminator)
    }

    @Test func `more streams than announced`() throws {
        // The struct in excess is read as the LIST reply behind it: an empty list must not be believed.
        var server = LiveServer()
        server.replyToNewStreams(.ok, streams: [.data(21, trace: 2)])
        var reply: [UInt8] = []
        server.takeOutput { reply = Array($0) }
        reply[7] = 0
        let conversation = Conversation(oneStreamRelay())
        conversation.relay.newStreams[session1] = [.raw(reply)]
        try conversation.run(forNs: 1_000_000_000)
        #expect(conversation.failure?.reason == .unsolicitedBytes)
        #expect(conversation.viewer.sessions.count == 1)
        #expect(conversation.count { if case .cycleCompleted = $0 { true } else { false } } == 1)
    }

    // MARK: Index

    @Test func `indexes that cannot be`() throws {
        let impossible = [
            indexReply(packetBits: 801), indexReply(contentBits: 799), indexReply(contentBits: 808),
            indexReply(begin: 3, end: 2), indexReply(packetBits: ((1 << 30) + 1) * 8),
            indexReply(packetBits: .max - 7, contentBits: 0), indexReply(offset: .max), indexReply(offset: 1 << 63),
            indexReply(offset: UInt64(Int64.max) - 99),
        ]
        for reply in impossible {
            let failure = try failure { $0.indexes[stream1] = [.raw(reply)] }
            #expect(failure?.reason == .invalidIndex)
            #expect(failure?.request == .nextIndex(stream1))
        }
        let failure = try failure { $0.indexes[stream1] = [.raw(indexReply(offset: UInt64(Int64.max) - 100))] }
        #expect(failure == nil)
    }

    @Test func `flags that nobody knows`() throws {
        #expect(try failure { $0.indexes[stream1] = [.raw(indexReply(flags: 4))] }?.reason == .unknownFlags(4))
    }

    @Test func `what an index says besides a status that has none is not looked at`() throws {
        let odd = indexReply(offset: .max, packetBits: 3, contentBits: 5, begin: 9, end: 1, status: 2)
        #expect(try failure { $0.indexes[stream1] = [.raw(odd)] } == nil)
    }

    // MARK: Packets and metadata

    @Test(arguments: [99, 101, 0, UInt32.max]) func `a packet of another length than asked for`(length: UInt32) throws {
        let failure = try failure {
            $0.indexes[stream1] = [.packet(.test())]
            $0.packets[stream1] = [.raw(bigEndian(1 as UInt32, length, 0))]
        }
        #expect(failure?.reason == .packetLength(expected: 100, actual: UInt64(length)))
    }

    @Test func `metadata of 2^63 bytes, or more than a trace may have`() throws {
        var limits = LiveLimits()
        limits.metadataBytesPerTraceMax = 100
        let conversation = Conversation(oneStreamRelay(), limits: limits)
        conversation.relay.metadata[metadata1] = [
            (.ok, Array(repeating: 1, count: 60)), (.ok, Array(repeating: 1, count: 60)),
        ]
        conversation.relay.indexes[stream1] = [.status(.retry), .status(.retry, flags: .newMetadata)]
        try conversation.run(forNs: 1_000_000_000)
        #expect(conversation.failure?.reason == .exceeds(limit: 40, value: 60))

        var viewer = Viewer()
        viewer.connected(now: 0)
        var input = bigEndian(1 as UInt64) + bigEndian(2 as UInt32, 14, 0) + bigEndian(1 as UInt32)
        var server = LiveServer(minor: 14)
        server.replyToList([.test(1)])
        server.takeOutput { input += Array($0) }
        input.prefix(20).withUnsafeBytes { viewer.received($0, now: 0) }
        input[20..<24].withUnsafeBytes { viewer.received($0, now: 0) }
        viewer.flush(now: 0)
        input[24...].withUnsafeBytes { viewer.received($0, now: 0) }
        viewer.attach(session1, from: .beginning)
        viewer.flush(now: 1)
        server.replyToAttach(.ok, streams: [.metadata(12)])
        server.takeOutput { viewer.received($0, now: 2) }
        viewer.flush(now: 3)
        (bigEndian(1 << 63 as UInt64) + bigEndian(1 as UInt32)).withUnsafeBytes { viewer.received($0, now: 4) }
        var actions: [ViewerAction] = []
        viewer.takeActions(into: &actions)
        guard case .fail(let error)? = actions.last else {
            Issue.record("\(actions)")
            return
        }
        #expect(error.reason == .exceeds(limit: 64 << 20, value: 1 << 63))
        #expect(error.request == .metadata(metadata1))
    }

    @Test(arguments: [false, true])
    func `metadata of all traces that live is bounded, that of ended ones is not counted`(ends: Bool) throws {
        var limits = LiveLimits()
        limits.metadataBytesMax = 100
        let conversation = Conversation(oneStreamRelay(), limits: limits)
        let metadata2 = LiveStreamID(22)
        conversation.relay.metadata[metadata1] = [(.ok, Array(repeating: 1, count: 60))]
        conversation.relay.metadata[metadata2] = [(.ok, Array(repeating: 1, count: 60))]
        try conversation.run(forNs: 1_000_000_000)
        if ends {
            conversation.relay.indexes[stream1] = [.status(.hungUp)]
            conversation.relay.metadata[metadata1] = Array(repeating: (.failed, []), count: 10)
            try conversation.run(forNs: 10_000_000_000)
            #expect(conversation.contains(.streamEnded(metadata1, .hungUp)))
        }
        conversation.relay.newStreams[session1] = [.ok([.data(21, trace: 2), .metadata(22, trace: 2)])]
        try conversation.run(forNs: 10_000_000_000)
        #expect(conversation.failure?.reason == (ends ? nil : .exceeds(limit: 40, value: 60)))
        let hasSecond = conversation.seen.contains {
            if case .metadata(LiveTraceID(2), _, _) = $0 { true } else { false }
        }
        #expect(hasSecond == ends)
    }

    // MARK: Connection

    @Test func `bytes that nobody asked for`() throws {
        let conversation = Conversation(RelayDouble())
        try conversation.run(forNs: 10_000_000)
        conversation.deliver([1])
        #expect(conversation.failure?.reason == .unsolicitedBytes)
        #expect(conversation.failure?.request == ViewerError.Request.none)
    }

    @Test func `after a failure nothing follows`() throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.relay.indexes[stream1] = [.raw(indexReply(status: 77))]
        try conversation.run(forNs: 1_000_000_000)
        let count = conversation.seen.count
        conversation.deliver(Array(repeating: 0, count: 5000))
        conversation.viewer.attach(LiveSessionID(9), from: .beginning)
        conversation.viewer.fetch(stream1)
        conversation.viewer.timerFired(now: conversation.now + 100_000_000_000)
        conversation.viewer.disconnected(now: conversation.now)
        conversation.endTurn()
        #expect(conversation.seen.count == count)
        let hasOutput = conversation.viewer.hasOutput
        #expect(!hasOutput)
    }
}
