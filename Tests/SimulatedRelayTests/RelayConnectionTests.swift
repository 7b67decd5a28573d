import LTTngLive
import SimulatedRelay
import Testing

/// Several viewers' connections to one relay.
struct RelayConnectionTests {
    private let second: UInt64 = 1_000_000_000

    /// A relay with a session for each name, numbered from 1; each has a data stream (11, 12, …) with a beacon, then a
    /// packet after a second.
    private func script(
        _ names: [(hostname: String, session: String)] = [("a", "s"), ("b", "s")],
        faults: [RelayFault] = []
    ) -> RelayScript {
        let sessions = names.enumerated().map { number, name in
            let id = UInt64(number) + 1
            let live = LiveStream(
                id: LiveStreamID(10 + id),
                trace: LiveTraceID(id),
                isMetadata: false,
                path: "ust/uid/0/64-bit",
                channel: "c_0"
            )
            let index = PacketIndex(
                offset: 0,
                packetBits: 16,
                contentBits: 16,
                timestampBegin: 0,
                timestampEnd: 100
            )
            return ScriptedSession(
                ListedSession(
                    id: LiveSessionID(id),
                    liveTimerUs: 100_000,
                    hostname: name.hostname,
                    name: name.session
                ),
                streams: [
                    ScriptedStream(live, steps: [(0, .beacon(id)), (second, .packet(index, [UInt8(id), 9]))])
                ]
            )
        }
        return RelayScript(sessions: sessions, faults: faults)
    }

    private func readers(_ script: RelayScript) -> (a: RelayReader, b: RelayReader) {
        let first = RelayReader(SimulatedRelay(script))
        first.attaches = { $0.hostname == "a" }
        let other = RelayReader(beside: first) { $0.hostname == "b" }
        #expect(first.connect())
        #expect(other.connect())
        return (first, other)
    }

    @Test func `two connections read a session each`() {
        let (a, b) = readers(script())
        RelayReader.run([a, b], untilNs: 3 * second)
        #expect(a.failure == nil && b.failure == nil)
        #expect(a.beacons == [LiveStreamID(11): [1]])
        #expect(b.beacons == [LiveStreamID(12): [2]])
        #expect(a.packets.mapValues { $0.map(\.bytes) } == [LiveStreamID(11): [[1, 9]]])
        #expect(b.packets.mapValues { $0.map(\.bytes) } == [LiveStreamID(12): [[2, 9]]])
    }

    @Test func `a session is one connection's until that is gone, then it is read from its start`() {
        let session = LiveSessionID(1)
        let (a, lister) = readers(script([("a", "s")]))
        a.run(untilNs: 2 * second)
        #expect(a.contains(.attached(session, .attached(streamCount: 1))))
        lister.run(untilNs: 2 * second)
        #expect(lister.viewer.sessions.map(\.clientCount) == [1])
        let other = RelayReader(beside: a)
        #expect(other.connect())
        RelayReader.run([a, other, lister], untilNs: 4 * second)
        #expect(other.contains(.attached(session, .alreadyHeld)))
        #expect(other.streams.isEmpty)

        a.disconnect()
        RelayReader.run([other, lister], untilNs: 8 * second)
        #expect(other.contains(.attached(session, .attached(streamCount: 1))))
        #expect(other.packets[LiveStreamID(11)]?.map(\.bytes) == [[1, 9]])
        other.disconnect()
        lister.run(untilNs: 12 * second)
        #expect(lister.viewer.sessions.map(\.clientCount) == [0])
        #expect(lister.failure == nil)
    }

    @Test func `a stream is not another connection's to read`() throws {
        var script = script()
        script.hasOneTracingSessionPerConnection = false
        var relay = SimulatedRelay(script)
        let accepted = [relay.connected(nowNs: 0), relay.connected(nowNs: 0)].compactMap(\.self)
        try #require(accepted.count == 2)
        let attach: [[UInt32]] = [
            HandRequest.of(1, HandRequest.words(0) + [2, 4, 1]),
            HandRequest.of(8, []),
            HandRequest.of(3, HandRequest.words(1) + HandRequest.words(0) + [1]),
        ]
        _ = Self.ask(&relay, accepted[0], attach)
        _ = Self.ask(&relay, accepted[1], Array(attach[..<2]))
        let index = HandRequest.of(4, HandRequest.words(11))
        // The status stands after seven numbers of 64 bits.
        #expect(Self.ask(&relay, accepted[0], [index])[59] == IndexStatus.inactive.rawValue)
        #expect(Self.ask(&relay, accepted[1], [index])[59] == IndexStatus.failed.rawValue)
        let newStreams = HandRequest.of(7, HandRequest.words(1))
        #expect(Self.ask(&relay, accepted[0], [newStreams])[3] == NewStreamsStatus.ok.rawValue)
        #expect(Self.ask(&relay, accepted[1], [newStreams])[3] == NewStreamsStatus.failed.rawValue)
    }

    // MARK: Tracing sessions

    @Test(arguments: [true, false])
    func `a connection follows one tracing session, unless the script says otherwise`(isLimited: Bool) {
        var script = script()
        script.hasOneTracingSessionPerConnection = isLimited
        let reader = RelayReader(SimulatedRelay(script))
        #expect(reader.connect())
        reader.run(untilNs: 3 * second)
        let (first, other) = (LiveSessionID(1), LiveSessionID(2))
        for session in [first, other] { #expect(reader.contains(.attached(session, .attached(streamCount: 1)))) }
        #expect(reader.contains(.sessionEnded(other, .failed)) == isLimited)
        #expect(!reader.contains(.sessionEnded(first, .failed)))
        #expect(reader.packets[LiveStreamID(11)]?.map(\.bytes) == [[1, 9]])
        if !isLimited { #expect(reader.packets[LiveStreamID(12)]?.map(\.bytes) == [[2, 9]]) }
        #expect(reader.failure == nil)
    }

    @Test(arguments: [("b", "s"), ("a", "t")])
    func `tracing sessions differ by hostname and by name`(hostname: String, name: String) {
        let reader = RelayReader(SimulatedRelay(script([("a", "s"), (hostname, name)])))
        #expect(reader.connect())
        reader.run(untilNs: second)
        #expect(reader.contains(.sessionEnded(LiveSessionID(2), .failed)))
    }

    @Test func `the sessions of a tracing session's domains go together`() {
        let reader = RelayReader(SimulatedRelay(script([("a", "s"), ("a", "s")])))
        #expect(reader.connect())
        reader.run(untilNs: 3 * second)
        #expect(reader.packets.count == 2)
        #expect(!reader.contains(.sessionEnded(LiveSessionID(2), .failed)))
    }

    // MARK: Faults

    @Test func `a cut concerns the connection that reaches it, counted from its own start`() {
        let (a, b) = readers(script(faults: [.cut(afterBytes: 20_000)]))
        a.run(untilNs: second)
        let before = a.actions.count
        RelayReader.run([b], untilNs: 60 * second)
        #expect(b.failure?.reason == .disconnected)
        a.nowNs = 60 * second
        a.run(untilNs: 120 * second)
        #expect(a.failure == nil)
        #expect(a.actions.count > before)
        #expect(b.connect())
        b.run(untilNs: 180 * second)
        #expect(b.failure == nil)
    }

    @Test func `replies are counted over all connections`() {
        let bytes = [UInt8](repeating: 0, count: 3) + [99]
        let (a, b) = readers(script(faults: [.reply(to: .createViewerSession, number: 2, bytes: bytes)]))
        RelayReader.run([a, b], untilNs: second)
        #expect(a.failure == nil)
        #expect(b.failure?.reason == .unknownStatus(99))
    }

    @Test func `a relay that goes down closes all connections`() {
        let (a, b) = readers(script(faults: [.down(second..<2 * second)]))
        RelayReader.run([a, b], untilNs: 3 * second)
        for reader in [a, b] {
            #expect(reader.failure?.reason == .disconnected)
            #expect(!reader.connect())
            reader.nowNs = 2 * second
        }
        #expect(a.connect())
        #expect(b.connect())
        RelayReader.run([a, b], untilNs: 3 * second)
        #expect(a.failure == nil && b.failure == nil)
    }

    @Test func `all connections are closed at once`() throws {
        var relay = SimulatedRelay(script(faults: [.down(5..<6)]))
        let accepted = [relay.connected(nowNs: 0), relay.connected(nowNs: 0)].compactMap(\.self)
        try #require(accepted.count == 2)
        let wakeNs = relay.nextWakeNs
        #expect(wakeNs == 5)
        relay.advance(to: 5)
        let isClosing = accepted.map { relay.isClosing($0) }
        #expect(isClosing == [true, true])
    }

    @Test func `a stopped relay stops for all connections`() {
        let (a, b) = readers(script(faults: [.silence(second..<3 * second)]))
        RelayReader.run([a, b], untilNs: 3 * second - 1)
        let answered = [a, b].map(\.actions.count)
        #expect(a.packets.isEmpty && b.packets.isEmpty)
        RelayReader.run([a, b], untilNs: 4 * second)
        #expect(zip([a, b], answered).allSatisfy { $0.actions.count > $1 && $0.failure == nil })
        #expect(a.packets.count == 1 && b.packets.count == 1)
    }

    @Test func `the next wake is that of any connection, and none of one that is gone`() throws {
        var relay = SimulatedRelay(script(faults: [.delay(10)]))
        let accepted = [relay.connected(nowNs: 0), relay.connected(nowNs: 0)].compactMap(\.self)
        try #require(accepted.count == 2)
        var wakes: [UInt64?] = [relay.nextWakeNs]
        let connect = HandRequest.bytes([HandRequest.of(1, HandRequest.words(0) + [2, 4, 1])])
        connect.withUnsafeBytes { relay.received($0, on: accepted[1], nowNs: 5) }
        wakes.append(relay.nextWakeNs)
        connect.withUnsafeBytes { relay.received($0, on: accepted[0], nowNs: 7) }
        wakes.append(relay.nextWakeNs)
        relay.disconnected(accepted[1], nowNs: 8)
        wakes.append(relay.nextWakeNs)
        #expect(wakes == [nil, 15, 15, 17])
        relay.advance(to: 17)
        let outputs = accepted.map { relay.hasOutput($0) }
        #expect(outputs == [true, false])
        let isClosing = accepted.map { relay.isClosing($0) }
        #expect(isClosing == [false, true])
    }

    // MARK: Requests by hand

    private static func ask(
        _ relay: inout SimulatedRelay,
        _ connection: RelayConnectionID,
        _ requests: [[UInt32]]
    ) -> [UInt8] {
        HandRequest.bytes(requests).withUnsafeBytes { relay.received($0, on: connection, nowNs: 1) }
        return relay.takeOutput(connection) { Array($0) }
    }
}
