import LTTngLive
import SimulatedRelay
import Testing

/// What differs from release to release of relayd.
struct RelayVersionTests {
    private let second: UInt64 = 1_000_000_000
    private let stream1 = LiveStreamID(11)

    private func live(_ id: UInt64, trace: UInt64 = 1, isMetadata: Bool = false) -> LiveStream {
        LiveStream(
            id: LiveStreamID(id),
            trace: LiveTraceID(trace),
            isMetadata: isMetadata,
            path: "ust/uid/0/64-bit",
            channel: isMetadata ? "metadata" : "c_0"
        )
    }

    private func packet(_ number: UInt64) -> ScriptedStream.Step {
        let index = PacketIndex(
            offset: number * 2,
            packetBits: 16,
            contentBits: 16,
            timestampBegin: number,
            timestampEnd: number + 1
        )
        return .packet(index, [UInt8(number), 9])
    }

    private func script(
        _ version: RelayVersion,
        _ streams: [ScriptedStream],
        faults: [RelayFault] = [],
        change: (inout ScriptedSession) -> Void = { _ in }
    ) -> RelayScript {
        let listed = ListedSession(id: LiveSessionID(1), liveTimerUs: 100_000, hostname: "h", name: "s")
        var session = ScriptedSession(listed, streams: streams)
        change(&session)
        return RelayScript(sessions: [session], version: version, faults: faults)
    }

    // MARK: Differences

    @Test(arguments: [(13, 9), (13, 11), (13, 12), (14, 0), (15, 0)] as [(UInt32, UInt32)])
    func `NEW_STREAM is raised once, on a packet, up to 2_13_11, and later on all replies`(
        minor: UInt32,
        patch: UInt32
    ) {
        let steps: [(atNs: UInt64, step: ScriptedStream.Step)] = [
            (0, packet(0)), (0, .beacon(2)), (2, packet(1)), (3, packet(2)),
        ]
        let viewer = HandViewer(
            script(
                RelayVersion(minor: minor, patch: patch),
                [
                    ScriptedStream(live(11), steps: steps),
                    ScriptedStream(live(12), appearsAtNs: 1, steps: []),
                ]
            )
        )
        #expect(viewer.attach(1) == .ok)
        #expect(viewer.nextIndex(11).flags == [])
        viewer.nowNs = 1
        let isOnce = (minor, patch) < (13, 12)
        let flagged: ReplyFlags = isOnce ? [] : .newStreams
        #expect(viewer.nextIndex(11) == (.inactive, flagged))
        viewer.nowNs = 3
        #expect(viewer.nextIndex(11) == (.ok, .newStreams))
        #expect(viewer.nextIndex(11) == (.ok, flagged))
        #expect(viewer.newStreams(1) == (.ok, 1))
        #expect(viewer.nextIndex(11).flags == [])
    }

    @Test(arguments: [(13, true), (14, false)] as [(UInt32, Bool)])
    func `what a closed stream still held is lost up to 2_13`(minor: UInt32, isLost: Bool) {
        let closing = ScriptedStream(live(11), steps: [(0, packet(0)), (10, packet(1)), (20, .hangUp)])
        let brief = ScriptedStream(live(12), appearsAtNs: 12, steps: [(13, packet(0)), (15, .hangUp)])
        let viewer = HandViewer(script(RelayVersion(minor: minor), [closing, brief]))
        #expect(viewer.attach(1) == .ok)
        #expect(viewer.nextIndex(11).status == .ok)
        viewer.nowNs = 25
        #expect(viewer.newStreams(1) == (.ok, isLost ? 0 : 1))
        let statuses = (0..<4).map { _ in viewer.nextIndex(11).status }
        #expect(statuses == (isLost ? [.hungUp, .failed, .failed, .failed] : [.ok, .hungUp, .failed, .failed]))
    }

    @Test(arguments: [(13, 9, 1), (14, 0, 2), (14, 1, 1)] as [(UInt32, UInt32, Int)])
    func `SEEK_LAST is ignored by 2_14_0`(minor: UInt32, patch: UInt32, count: Int) {
        let steps: [(atNs: UInt64, step: ScriptedStream.Step)] = [(0, packet(0)), (second, packet(1))]
        let reader = RelayReader(
            SimulatedRelay(script(RelayVersion(minor: minor, patch: patch), [ScriptedStream(live(11), steps: steps)]))
        )
        reader.position = .last
        #expect(reader.connect())
        reader.run(untilNs: 2 * second)
        #expect(reader.packets[stream1]?.count == count)
    }

    @Test(arguments: [(7, true), (8, false)] as [(UInt32, Bool)])
    func `DETACH is no command before 2_8`(minor: UInt32, isUnknown: Bool) {
        let viewer = HandViewer(script(RelayVersion(minor: minor), []))
        #expect(viewer.attach(1) == .ok)
        let reply = viewer.ask(9, HandRequest.words(1))
        #expect(reply == (isUnknown ? [0, 0, 0, 11] : [0, 0, 0, 1]))
        #expect(viewer.isClosing == isUnknown)
    }

    @Test(arguments: [(6, true), (7, false)] as [(UInt32, Bool)])
    func `a packet waits for metadata before 2_7`(minor: UInt32, isRefused: Bool) {
        let metadata = ScriptedStream(live(12, isMetadata: true), steps: [(0, .metadata([1]))])
        let viewer = HandViewer(
            script(RelayVersion(minor: minor), [ScriptedStream(live(11), steps: [(0, packet(0))]), metadata])
        )
        #expect(viewer.attach(1) == .ok)
        #expect(viewer.nextIndex(11).status == .ok)
        let ask = HandRequest.words(11) + [0, 0, 2]
        let refused: [UInt8] = [0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1]
        let served: [UInt8] = [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 9]
        #expect(viewer.ask(5, ask) == (isRefused ? refused : served))
        _ = viewer.ask(6, HandRequest.words(12))
        #expect(viewer.ask(5, ask) == served)
    }

    @Test(arguments: [(14, IndexStatus.retry), (15, .inactive)] as [(UInt32, IndexStatus)])
    func `a beacon before the first packet is kept to itself up to 2_14`(minor: UInt32, status: IndexStatus) {
        let steps: [(atNs: UInt64, step: ScriptedStream.Step)] = [
            (0, .beacon(1)), (5, packet(0)), (6, .beacon(3)),
        ]
        let viewer = HandViewer(script(RelayVersion(minor: minor), [ScriptedStream(live(11), steps: steps)]))
        #expect(viewer.attach(1) == .ok)
        #expect(viewer.nextIndex(11).status == status)
        viewer.nowNs = 6
        #expect(viewer.nextIndex(11).status == .ok)
        #expect(viewer.nextIndex(11).status == .inactive)
    }

    @Test(arguments: [(13, AttachStatus.alreadyHeld), (14, .ok)] as [(UInt32, AttachStatus)])
    func `an attach with a seek of no kind is refused, and up to 2_13 holds the session`(
        minor: UInt32,
        second: AttachStatus
    ) {
        let viewer = HandViewer(script(RelayVersion(minor: minor), []))
        #expect(viewer.attach(1, seek: 7) == .seekRefused)
        let again = viewer.ask(3, HandRequest.words(1) + [0, 0, 1])
        #expect(AttachStatus(rawValue: HandRequest.number(again, 0)) == second)
    }

    @Test func `metadata of a generated host comes in packets up to 2_13, and says the same`() throws {
        var texts: [[UInt8]] = []
        for minor in [13, 14] as [UInt32] {
            let host = GeneratedHost(hostname: "h", seed: 3)
            let reader = RelayReader(SimulatedRelay(hosts: [host], version: RelayVersion(minor: minor)))
            #expect(reader.connect())
            reader.run(untilNs: second)
            texts.append(try #require(reader.metadata[LiveTraceID(1)]))
        }
        #expect(Array(texts[0].prefix(4)) == [0x57, 0x1D, 0xD1, 0x75])
        #expect(texts[0].count % 4096 == 0)
        #expect(texts[1].starts(with: Array("/* CTF 1.8 */".utf8)))
        let text = stride(from: 0, to: texts[0].count, by: 4096).flatMap { start in
            let bits = (24..<28).reversed().reduce(0) { $0 << 8 | Int(texts[0][start + $1]) }
            return texts[0][start + 37..<start + bits / 8]
        }
        #expect(text == texts[1])
    }

    @Test(arguments: 4...15 as ClosedRange<UInt32>)
    func `every minor version serves the same packets`(minor: UInt32) {
        var host = GeneratedHost(hostname: "h", seed: 3)
        host.cpuCount = 3
        let reader = RelayReader(SimulatedRelay(hosts: [host], version: RelayVersion(minor: minor)))
        #expect(reader.connect())
        reader.run(untilNs: 5 * second)
        #expect(reader.failure == nil)
        #expect(reader.contains(.negotiated(minor: minor)))
        let newest = RelayReader(SimulatedRelay(hosts: [host]))
        #expect(newest.connect())
        newest.run(untilNs: 5 * second)
        #expect(reader.packets.values.map(\.count).reduce(0, +) > 20)
        for (stream, packets) in newest.packets { #expect(reader.packets[stream] == packets) }
    }

    // MARK: Connections

    @Test func `a viewer that vanished is found out by its return from the same port only`() throws {
        var relay = SimulatedRelay(script(.newest, [ScriptedStream(live(11), steps: [])]))
        func attach(_ connection: RelayConnectionID, _ relay: inout SimulatedRelay) -> AttachStatus? {
            let requests = [
                HandRequest.of(1, HandRequest.words(0) + [2, 4, 1]), HandRequest.of(8, []),
                HandRequest.of(3, HandRequest.words(1) + [0, 0, 1]),
            ]
            HandRequest.bytes(requests).withUnsafeBytes { relay.received($0, on: connection, nowNs: 1) }
            let reply = relay.takeOutput(connection) { Array($0) }
            return AttachStatus(rawValue: HandRequest.number(reply, 24))
        }
        var results: [AttachStatus?] = []
        for port in [5000, 5001, 5000] as [UInt16] {
            let accepted = relay.connected(from: port, nowNs: 1)
            results.append(attach(try #require(accepted), &relay))
        }
        #expect(results == [.ok, .alreadyHeld, .ok])
    }

    @Test func `a second viewer session orphans what the first one holds`() {
        let viewer = HandViewer(script(.newest, [ScriptedStream(live(11), steps: [(0, packet(0))])]))
        #expect(viewer.attach(1) == .ok)
        #expect(viewer.attach(1) == .alreadyHeld)
        #expect(viewer.nextIndex(11).status == .failed)
    }

    @Test(arguments: [
        HandRequest.of(4, HandRequest.words(11)), HandRequest.of(5, HandRequest.words(11) + [0, 0, 2]),
        HandRequest.of(6, HandRequest.words(11)), HandRequest.of(7, HandRequest.words(1)),
    ])
    func `what brings relayd down ends it for good`(request: [UInt32]) {
        let viewer = HandViewer(script(.newest, [ScriptedStream(live(11), steps: [(0, packet(0))])]))
        #expect(viewer.ask(request[2], Array(request[4...])).isEmpty)
        #expect(viewer.isClosing)
        #expect(!viewer.connect(from: nil))
    }

    @Test func `a packet that no index has named brings relayd down`() {
        let viewer = HandViewer(script(.newest, [ScriptedStream(live(11), steps: [(0, packet(0))])]))
        #expect(viewer.attach(1) == .ok)
        #expect(viewer.ask(5, HandRequest.words(11) + [0, 0, 2]).isEmpty)
        #expect(viewer.isClosing)
    }

    @Test func `sessions of other domains with the same names rotate together`() {
        var relay = script(.newest, [ScriptedStream(live(11), steps: [(0, packet(0))])])
        var sibling = relay.sessions[0]
        sibling.session.id = LiveSessionID(2)
        sibling.rotations = [10..<20]
        sibling.streams = []
        relay.sessions.append(sibling)
        let viewer = HandViewer(relay)
        #expect(viewer.attach(1) == .ok)
        viewer.nowNs = 10
        #expect(viewer.nextIndex(11).status == .retry)
        #expect(viewer.newStreams(1).status == .noNew)
        viewer.nowNs = 20
        #expect(viewer.nextIndex(11).status == .ok)
    }

    // MARK: Delivery

    @Test func `replies in pieces say the same`() {
        let steps: [(atNs: UInt64, step: ScriptedStream.Step)] = [(0, packet(0)), (second, packet(1))]
        for bytes in [1, 7, 5000] {
            let split = script(
                .newest,
                [ScriptedStream(live(11), steps: steps)],
                faults: [.split(bytes: bytes, everyNs: 1000)]
            )
            let reader = RelayReader(SimulatedRelay(split))
            #expect(reader.connect())
            reader.run(untilNs: 4 * second)
            #expect(reader.failure == nil)
            #expect(reader.packets[stream1]?.map(\.bytes) == [[0, 9], [1, 9]])
        }
    }

    @Test func `a connection goes silent in the middle of a reply, once`() {
        let muted = script(
            .newest,
            [ScriptedStream(live(11), steps: [(0, packet(0))])],
            faults: [.mute(afterBytes: 30)]
        )
        let reader = RelayReader(SimulatedRelay(muted))
        #expect(reader.connect())
        reader.run(untilNs: 10 * second)
        if case .timeout? = reader.failure?.reason {} else { Issue.record("\(String(describing: reader.failure))") }
        #expect(reader.connect())
        reader.run(untilNs: 12 * second)
        #expect(reader.failure == nil)
        #expect(reader.packets[stream1]?.count == 1)
    }
}
