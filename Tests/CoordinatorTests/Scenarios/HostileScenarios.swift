import Coordinator
import Feed
import LTTngLive
import SimulatedRelay
import Testing

/// A relay that breaks the protocol: it is dropped with a reason, and whatever it does another relay's feed goes on.
@Suite struct HostileScenarios {
    /// What a relay says, and what must be said of it.
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var faults: [RelayFault]
        /// In the reason for which its connection is given up; nil where it is none.
        var reason: String?
        var version = RelayVersion.newest

        /// A reply to the second request of a kind, so that the connection stands.
        init(_ name: String, _ kind: RelayFault.RequestKind, _ bytes: [UInt8], _ reason: String?, number: Int = 1) {
            testDescription = name
            faults = [.reply(to: kind, number: number, bytes: bytes)]
            self.reason = reason
        }

        init(_ name: String, _ faults: [RelayFault], _ reason: String?) {
            testDescription = name
            self.faults = faults
            self.reason = reason
        }

        func at(minor: UInt32) -> Case {
            var copy = self
            copy.version = RelayVersion(minor: minor)
            return copy
        }
    }

    private static func numbers<Integer: FixedWidthInteger>(_ values: Integer...) -> [UInt8] {
        values.flatMap { value in withUnsafeBytes(of: value.bigEndian) { Array($0) } }
    }

    private static func index(
        offset: UInt64 = 0,
        packetBits: UInt64 = 576,
        contentBits: UInt64 = 576,
        begin: UInt64 = 0,
        end: UInt64 = 100_000_000,
        status: UInt32 = 1,
        flags: UInt32 = 0
    ) -> [UInt8] {
        numbers(offset, packetBits, contentBits, begin, end, 0, 0) + numbers(status, flags)
    }

    private static func stream(
        _ id: UInt64,
        trace: UInt64 = 1,
        isMetadata: Bool = false,
        path: String = "p",
        channel: String = "c"
    ) -> LiveStream {
        LiveStream(
            id: LiveStreamID(id),
            trace: LiveTraceID(trace),
            isMetadata: isMetadata,
            path: path,
            channel: channel
        )
    }

    /// A reply with streams that says to have `count` of them.
    private static func streams(_ list: [LiveStream], count: UInt32? = nil, status: UInt32 = 1) -> [UInt8] {
        var server = LiveServer()
        server.replyToNewStreams(.ok, streams: list)
        var bytes: [UInt8] = []
        server.takeOutput { bytes = Array($0) }
        return numbers(status, count ?? UInt32(list.count)) + bytes[8...]
    }

    /// An entry of LIST at minor 15.
    private static func entry(host: [UInt8], name: [UInt8], format: UInt32 = 0) -> [UInt8] {
        numbers(UInt64(1)) + numbers(UInt32(100_000), 0, 2, UInt32(host.count), UInt32(name.count), format) + host
            + name
    }

    private static let none: UInt32 = .max
    private static let atLimits: [Case] = [
        Case("2^32 - 1 sessions", .listSessions, numbers(none), "at most 4096"),
        Case("2^32 - 1 sessions in the short layout", .listSessions, numbers(none), "at most 4096").at(minor: 14),
        Case("2^32 - 1 streams at the attach", .attach, numbers(1, none), "at most 65536"),
        Case("2^32 - 1 new streams", .newStreams, numbers(1, none), "at most 65536"),
        Case("metadata of 2^63 bytes", .metadata, numbers(UInt64(1) << 63) + numbers(UInt32(1)), "is allowed"),
        Case("a longer packet", .packet, numbers(UInt32(1), 73, 0) + [UInt8](repeating: 0, count: 73), "of 73 bytes"),
        Case("a shorter packet", .packet, numbers(UInt32(1), 71, 0) + [UInt8](repeating: 0, count: 71), "of 71 bytes"),
        Case("a packet of 2^32 - 1 bytes", .packet, numbers(UInt32(1), none, 0), "of 4294967295 bytes"),
        Case(
            "a host name of 65 bytes",
            .listSessions,
            numbers(UInt32(1)) + entry(host: long(65), name: [65]),
            "65, where"
        ),
        Case(
            "a name of 256 bytes",
            .listSessions,
            numbers(UInt32(1)) + entry(host: [65], name: long(256)),
            "256, where"
        ),
        Case("an index of 2 GiB", .nextIndex, index(packetBits: 1 << 34), "an index that cannot be"),
        Case("an offset of 2^64 - 1", .nextIndex, index(offset: .max), "an index that cannot be"),
    ]

    private static func long(_ count: Int) -> [UInt8] { [UInt8](repeating: 65, count: count) }

    private static let malformed: [Case] = [
        Case("status 77 to CREATE_SESSION", .createViewerSession, numbers(UInt32(77)), "status 77"),
        Case("status 77 to ATTACH", .attach, numbers(UInt32(77), 0), "status 77"),
        Case("status 77 to GET_NEW_STREAMS", .newStreams, numbers(UInt32(77), 0), "status 77"),
        Case("status 77 to GET_NEXT_INDEX", .nextIndex, index(status: 77), "status 77"),
        Case("status 77 to GET_PACKET", .packet, numbers(UInt32(77), 0, 0), "status 77"),
        Case("status 77 to GET_METADATA", .metadata, numbers(UInt64(0)) + numbers(UInt32(77)), "status 77"),
        Case("flags that nobody knows", .nextIndex, index(flags: 64), "flags 64"),
        Case("another major version", .connect, numbers(UInt64(1)) + numbers(UInt32(3), 4, 0), "major version 3"),
        Case("a packet of 71 and a half bytes", .nextIndex, index(packetBits: 572, contentBits: 572), "cannot be"),
        Case("more content than packet", .nextIndex, index(contentBits: 584), "cannot be"),
        Case("an end before its beginning", .nextIndex, index(begin: 200_000_000), "cannot be"),
        Case(
            "an unknown trace format",
            .listSessions,
            numbers(UInt32(1)) + entry(host: [65], name: [65], format: 2),
            "format 2"
        ),
        Case(
            "names without NUL",
            .listSessions,
            numbers(UInt32(1)) + numbers(UInt64(1)) + numbers(UInt32(100_000), 0, 2) + long(319),
            "without end"
        ).at(minor: 14),
        Case(
            "a session twice",
            .listSessions,
            numbers(UInt32(2)) + entry(host: [65], name: [65]) + entry(host: [65], name: [65]),
            "twice"
        ),
        Case("streams with a refusal", .newStreams, streams([stream(50)], status: 2), "streams with status"),
        Case("a stream twice", .newStreams, streams([stream(50), stream(50)]), "stream 50 twice"),
        Case("two metadata streams", .newStreams, streams([stream(50, isMetadata: true)]), "a second metadata stream"),
        Case("more streams than announced", .newStreams, streams([stream(50), stream(51)], count: 1), ""),
        Case("fewer bytes than announced", .newStreams, streams([stream(50)], count: 2), ""),
        Case("a session in fewer bytes", .listSessions, numbers(UInt32(2)) + entry(host: [65], name: [65]), ""),
        Case("noise", .connect, [UInt8](repeating: 0xA5, count: 5000), "major version"),
        Case("bytes that nobody asked for", .connect, numbers(UInt64(1)) + numbers(UInt32(2), 15, 0) + long(4000), ""),
        Case("an end of file at each request", [.cut(afterBytes: 5)], ""),
        Case("half a reply, then silence", [.mute(afterBytes: 9_000)], "no reply within"),
        Case("half a CONNECT, then silence", [.mute(afterBytes: 10)], "no reply within"),
    ]

    @Test(arguments: atLimits + malformed)
    func `scenario 35: what breaks the protocol costs its relay's connection, with a reason`(hostile: Case) throws {
        let trial = try run(hostile)
        let reason = try #require(hostile.reason)
        let reasons = trial.notes.filter { $0.relay == "relay-1" }.map(\.text)
        #expect(reasons.contains { $0.contains("trying again") && $0.contains(reason) }, "\(reasons)")
        // The reply was a mishap: on the next connection all is well, and nothing is missing.
        #expect(trial.events.count { $0.host == "bad" } == 50)
    }

    @Test(arguments: [
        Case("a byte at a time", [.split(bytes: 1, everyNs: 1000)], nil),
        Case("a stream in a trace without metadata", .newStreams, streams([stream(50, trace: 5)]), nil),
        Case("metadata for no stream", .newStreams, streams([stream(50, trace: 5, isMetadata: true)]), nil),
        Case(
            "a path with control characters",
            .newStreams,
            streams([stream(50, trace: 5, path: "\u{1B}[2J\n\u{7}")]),
            nil
        ),
        Case("an index with status EOF", .nextIndex, index(status: 6), nil),
        Case("a packet refused", .packet, numbers(UInt32(3), 0, 0), nil),
        Case("a packet at its end of file", .packet, numbers(UInt32(4), 0, 0), nil),
        Case("a packet for later", .packet, numbers(UInt32(2), 0, 0), nil),
        Case("metadata of no bytes", .metadata, numbers(UInt64(0)) + numbers(UInt32(1)), nil),
        Case("another stream class in each index", .nextIndex, index(packetBits: 0, contentBits: 0), nil),
    ])
    func `scenario 35: what is odd but allowed is put up with`(odd: Case) throws {
        let trial = try run(odd)
        let reasons = trial.notes.filter { $0.relay == "relay-1" && $0.text.contains("trying again") }
        #expect(reasons.isEmpty)
    }

    /// Runs the relay beside another one, of which everything must come in order and in time.
    private func run(_ hostile: Case) throws -> CoordinatorTrial {
        let steady = steadyPackets(throughMs: 5000)
        let good = RelayScript.session(host: "good", endsAtNs: .ms(5200), streams: [steady])
        let bad = RelayScript.session(host: "bad", uuidByte: 2, endsAtNs: .ms(5200), streams: [steady])
        let trial = CoordinatorTrial(
            [
                RelayScript(sessions: [good]),
                RelayScript(sessions: [bad], version: hostile.version, faults: hostile.faults),
            ],
            stallAfterNs: .ms(2000),
            lifetime: .service
        )
        let watch = FeedWatch(trial)
        trial.run(untilNs: .ms(25_000))
        let events = trial.events.filter { $0.host == "good" }
        #expect(events.map(\.timestampNs) == (1...50).map { Int64(UInt64.ms($0 * 100 - 50)) })
        #expect(events.allSatisfy { $0.lateNs == 0 })
        #expect(watch.violations == [])
        #expect(!trial.notes.contains { $0.relay == "relay-0" && $0.level == .error })
        return trial
    }

    @Test func `scenario 35: a relay that goes on breaking the protocol is asked less and less, and nothing grows`() {
        let always = (1...2000).map { RelayFault.reply(to: .listSessions, number: $0, bytes: Self.numbers(Self.none)) }
        let trial = CoordinatorTrial(
            [
                RelayScript(sessions: [RelayScript.session(streams: [steadyPackets(throughMs: 3000)])]),
                RelayScript(faults: always),
            ],
            stallAfterNs: .ms(2000),
            lifetime: .service
        )
        trial.run(untilNs: .ms(200_000))
        let attempts = trial.notes.count {
            $0.relay == "relay-1" && $0.text.contains("at most 4096") && $0.text.contains("trying again")
        }
        // Every 5 s at the longest, half of that at the least.
        #expect((35...90).contains(attempts), "\(attempts) attempts in 200 s")
        #expect(trial.events.count == 30)
        #expect(trial.tableSizes.streams == 1)
    }
}
