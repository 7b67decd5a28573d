import LTTngLive
import SimulatedRelay
import Testing

struct ScriptedRelayTests {
    private let second: UInt64 = 1_000_000_000
    private let session1 = LiveSessionID(1)
    private let stream1 = LiveStreamID(11)
    private let data = LiveStream(
        id: LiveStreamID(11),
        trace: LiveTraceID(1),
        isMetadata: false,
        path: "ust/uid/0/64-bit",
        channel: "c_0"
    )
    private let metadata = LiveStream(
        id: LiveStreamID(12),
        trace: LiveTraceID(1),
        isMetadata: true,
        path: "ust/uid/0/64-bit",
        channel: "metadata"
    )

    private func index(_ offset: UInt64, bytes: Int, end: UInt64) -> PacketIndex {
        PacketIndex(
            offset: offset,
            packetBits: UInt64(bytes) * 8,
            contentBits: UInt64(bytes) * 8,
            timestampBegin: 0,
            timestampEnd: end
        )
    }

    private func script(
        steps: [(atNs: UInt64, step: ScriptedStream.Step)],
        metadataSteps: [(atNs: UInt64, step: ScriptedStream.Step)] = [(0, .metadata([1, 2, 3]))],
        faults: [RelayFault] = [],
        change: (inout ScriptedSession) -> Void = { _ in }
    ) -> RelayScript {
        let listed = ListedSession(id: session1, liveTimerUs: 100_000, hostname: "h", name: "s")
        var session = ScriptedSession(
            listed,
            streams: [ScriptedStream(data, steps: steps), ScriptedStream(metadata, steps: metadataSteps)]
        )
        change(&session)
        return RelayScript(sessions: [session], faults: faults)
    }

    private func reader(_ script: RelayScript, untilNs: UInt64) -> RelayReader {
        let reader = RelayReader(SimulatedRelay(script))
        #expect(reader.connect())
        reader.run(untilNs: untilNs)
        return reader
    }

    @Test func `packets and beacons come at their times and in order`() {
        let script = script(steps: [
            (0, .packet(index(0, bytes: 5, end: 10), [1, 2, 3, 4, 5])), (second, .beacon(20)),
            (2 * second, .packet(index(5, bytes: 2, end: 30), [6, 7])),
        ])
        let reader = reader(script, untilNs: second / 2)
        #expect(reader.packets[stream1]?.map(\.bytes) == [[1, 2, 3, 4, 5]])
        #expect(reader.beacons[stream1] == nil)
        reader.run(untilNs: 2 * second - 1)
        #expect(reader.beacons[stream1] == [20])
        reader.run(untilNs: 3 * second)
        #expect(reader.packets[stream1]?.map(\.bytes) == [[1, 2, 3, 4, 5], [6, 7]])
        #expect(reader.failure == nil)
    }

    @Test func `metadata that comes in pieces is sent when it is there`() {
        let script = script(
            steps: [(0, .beacon(1))],
            metadataSteps: [
                (0, .metadata([1, 2])), (second, .metadata([3])), (2 * second, .metadataStatus(.noNew)),
                (2 * second, .metadata([4, 5])),
            ]
        )
        let reader = reader(script, untilNs: second / 2)
        #expect(reader.metadata[LiveTraceID(1)] == [1, 2])
        reader.run(untilNs: 4 * second)
        #expect(reader.metadata[LiveTraceID(1)] == [1, 2, 3, 4, 5])
        #expect(reader.metadataReplies == 3)
    }

    @Test func `statuses are said once and ends are ends`() {
        let script = script(steps: [
            (0, .status(.retry)), (0, .status(.retry)), (0, .packet(index(0, bytes: 1, end: 1), [1])),
            (second, .hangUp),
        ])
        let reader = reader(script, untilNs: 3 * second)
        #expect(reader.actions.count { $0 == .retry(stream1) } >= 2)
        #expect(reader.contains(.streamEnded(stream1, .hungUp)))
        #expect(reader.contains(.streamEnded(LiveStreamID(12), .hungUp)))
    }

    @Test func `a stream that appears later is announced later`() {
        let late = LiveStream(
            id: LiveStreamID(21),
            trace: LiveTraceID(1),
            isMetadata: false,
            path: "p",
            channel: "c_1"
        )
        let script = script(steps: [(0, .beacon(1))]) {
            $0.streams.append(ScriptedStream(late, appearsAtNs: second, steps: [(0, .beacon(2))]))
        }
        let reader = reader(script, untilNs: second - 1)
        #expect(reader.streams.count == 2)
        reader.run(untilNs: second + 200_000_000)
        #expect(reader.streams[late.id] == late)
        #expect(reader.beacons[late.id] == [2])
    }

    @Test func `a session comes, is held by another viewer, is free, and ends`() {
        let script = script(steps: [(0, .beacon(1))]) {
            $0.appearsAtNs = second
            $0.isHeldUntilNs = 3 * second
            $0.endsAtNs = 5 * second
        }
        let reader = reader(script, untilNs: second - 1)
        #expect(reader.viewer.sessions.isEmpty)
        reader.run(untilNs: 3 * second - 1)
        #expect(reader.viewer.sessions.first?.clientCount == 1)
        #expect(reader.contains(.attached(session1, .alreadyHeld)))
        reader.run(untilNs: 5 * second - 1)
        #expect(reader.contains(.attached(session1, .attached(streamCount: 2))))
        reader.run(untilNs: 8 * second)
        #expect(reader.contains(.sessionEnded(session1, .hungUp)))
        #expect(reader.viewer.sessions.isEmpty)
    }

    @Test func `a rotation proves nothing and gives nothing`() {
        let script = script(steps: [(0, .beacon(1)), (second, .packet(index(0, bytes: 1, end: 5), [9]))]) {
            $0.rotations = [second..<2 * second]
        }
        let reader = reader(script, untilNs: 2 * second - 1)
        #expect(reader.contains(.newStreams(session1, isProof: false)))
        #expect(reader.packets.isEmpty)
        reader.run(untilNs: 3 * second)
        #expect(reader.packets[stream1]?.map(\.bytes) == [[9]])
    }

    @Test func `a cut ends the connection after so many bytes, once`() {
        for bytes in [0, 10, 24, 30, 500, 9000] as [UInt64] {
            let script = script(
                steps: [(0, .packet(index(0, bytes: 3000, end: 1), Array(repeating: 7, count: 3000)))],
                faults: [.cut(afterBytes: bytes)]
            )
            let reader = RelayReader(SimulatedRelay(script))
            #expect(reader.connect())
            reader.run(untilNs: second)
            #expect(reader.failure?.reason == .disconnected)
            #expect(reader.connect())
            reader.run(untilNs: 2 * second)
            #expect(reader.failure == nil)
            #expect(reader.packets[stream1]?.last?.bytes.count == 3000)
        }
    }

    @Test func `a replaced reply is what the viewer gets`() {
        let script = script(
            steps: [(0, .beacon(1))],
            faults: [.reply(to: .nextIndex, number: 2, bytes: Array(repeating: 0, count: 59) + [77, 0, 0, 0, 0])]
        )
        let reader = reader(script, untilNs: 3 * second)
        #expect(reader.failure?.reason == .unknownStatus(77))
        #expect(reader.beacons[stream1] == [1])
    }

    @Test func `a stopped relay answers when it goes on`() {
        let script = script(steps: [(0, .beacon(1))], faults: [.silence(second..<3 * second)])
        let reader = reader(script, untilNs: 3 * second - 1)
        let answered = reader.actions.count
        #expect(reader.failure == nil)
        reader.run(untilNs: 4 * second)
        #expect(reader.actions.count > answered)
        #expect(reader.failure == nil)

        let longer = self.script(steps: [(0, .beacon(1))], faults: [.silence(second..<9 * second)])
        #expect(self.reader(longer, untilNs: 9 * second).failure?.reason == .timeout(5 * second))
    }

    @Test func `a delay moves every reply`() {
        let script = script(steps: [(0, .beacon(1))], faults: [.delay(300_000_000)])
        let reader = reader(script, untilNs: 10 * second)
        #expect(reader.failure == nil)
        #expect(reader.beacons[stream1] == [1])
        // Four replies come one after the other before the first beacon.
        let quick = self.reader(script, untilNs: 1_100_000_000)
        #expect(quick.beacons[stream1] == nil)
    }

    @Test func `a relay that is down refuses and closes`() {
        let script = script(steps: [(0, .beacon(1))], faults: [.down(second..<2 * second)])
        let reader = reader(script, untilNs: 3 * second)
        #expect(reader.failure?.reason == .disconnected)
        #expect(reader.nowNs >= second && reader.nowNs < 2 * second)
        #expect(!reader.connect())
        reader.nowNs = 2 * second
        #expect(reader.connect())
    }

    @Test func `offsets that begin anew serve the packet said last`() {
        let script = script(steps: [
            (0, .packet(index(0, bytes: 2, end: 1), [1, 1])), (0, .packet(index(0, bytes: 2, end: 2), [2, 2])),
        ])
        let reader = reader(script, untilNs: second)
        #expect(reader.packets[stream1]?.map(\.bytes) == [[1, 1], [2, 2]])
    }

    @Test func `a range outside of the packet is refused`() {
        let script = script(steps: [(0, .packet(index(0, bytes: 10, end: 1), [1, 2, 3]))])
        let reader = reader(script, untilNs: second)
        #expect(reader.contains(.packetFailed(stream1)))
    }

    @Test func `sessions in CTF 2 and of old timers are refused as relayd refuses them`() {
        var relay = RelayScript(version: RelayVersion(minor: 14))
        var modern = ListedSession(id: session1, liveTimerUs: 1, hostname: "h", name: "s")
        modern.format = .ctf2
        relay.sessions = [ScriptedSession(modern)]
        let reader = RelayReader(SimulatedRelay(relay))
        #expect(reader.connect())
        reader.viewer.attach(session1, from: .beginning)
        reader.run(untilNs: second)
        #expect(reader.viewer.sessions.isEmpty)
        #expect(reader.contains(.attached(session1, .unknownSession)))
    }

    @Test(arguments: [[], [RelayFault.silence(0..<5)]])
    func `noise from a viewer is refused and closes the connection`(faults: [RelayFault]) throws {
        var relay = SimulatedRelay(script(steps: [], faults: faults))
        let accepted = relay.connected(nowNs: 0)
        let connection = try #require(accepted)
        [UInt8](repeating: 0xFF, count: 100).withUnsafeBytes { relay.received($0, on: connection, nowNs: 1) }
        relay.advance(to: 5)
        let output = relay.takeOutput(connection) { Array($0) }
        #expect(output == [0, 0, 0, 11])
        let isClosing = relay.isClosing(connection)
        #expect(isClosing)
    }
}
