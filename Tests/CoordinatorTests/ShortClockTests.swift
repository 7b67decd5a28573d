import CTF
import Coordinator
import Feed
import LTTngLive
import SimulatedRelay
import Testing

/// Timestamps of less than 64 bits: a stream's clock goes on from packet to packet, and a packet's short end does not
/// say how long the packet is.
@Suite struct ShortClockTests {
    private static let all: [UInt64] = [250, 261, 515, 712, 868]

    // MARK: - Stored streams

    private func run(_ trace: ShortTrace, _ files: [[ShortTrace.Packet]], from startNs: Int64? = nil)
        -> CoordinatorTrial
    {
        let trial = CoordinatorTrial(
            stored: [StoredTrial(metadata: trace.metadata, files: files.map { trace.bytes($0) })],
            storedStart: startNs.map { .at(ns: $0) } ?? .beginning
        )
        trial.run(untilNs: 0)
        #expect(trial.report == FinishReport())
        return trial
    }

    private func times(_ trial: CoordinatorTrial) -> [UInt64] { trial.events.map { UInt64($0.timestampNs) } }

    @Test func `the clock of packets without a begin goes on from the packet before`() {
        let trace = ShortTrace(beginBits: 0, endBits: 0, eventBits: 8)
        let trial = run(trace, [[.init(0, 0, [250, 5]), .init(0, 0, [3, 200]), .init(0, 0, [100])]])
        #expect(times(trial) == Self.all)
        #expect(trial.events.allSatisfy { $0.lateNs == 0 })
    }

    @Test(arguments: [16, 32]) func `a short begin goes on from the packet before`(bits: Int) {
        let turn: UInt64 = 1 << UInt64(bits)
        let trace = ShortTrace(beginBits: bits, endBits: bits, eventBits: bits)
        let trial = run(
            trace,
            [
                [
                    .init(turn - 500, 50, [turn - 400, 20]), .init(60, 300, [70]), .init(10, 90, []),
                    .init(400, 500, [450]),
                ]
            ]
        )
        #expect(times(trial) == [turn - 400, turn + 20, turn + 70, 2 * turn + 450])
    }

    @Test func `a clock that is whole begins anew in each packet`() {
        let trace = ShortTrace(beginBits: 64, endBits: 64, eventBits: 8)
        let trial = run(trace, [[.init(0x1000, 0x10F0, [0x10, 0xF0]), .init(0x1080, 0x11F0, [0x80, 0x10])]])
        #expect(times(trial) == [0x1010, 0x10F0, 0x1080, 0x1110])
    }

    // MARK: - Starts

    /// From each of its events on, all that is at or after it is shown.
    private func expectStarts(_ trace: ShortTrace, _ packets: [ShortTrace.Packet], _ all: [UInt64]) {
        #expect(times(run(trace, [packets])) == all)
        for start in all + [(all.last ?? 0) + 1] {
            let trial = run(trace, [packets], from: Int64(start))
            #expect(times(trial) == all.filter { $0 >= start }, "from \(start)")
        }
    }

    @Test func `a start inside of a packet whose short end has gone round is found`() {
        let turn: UInt64 = 1 << 32
        expectStarts(
            ShortTrace(beginBits: 32, endBits: 32, eventBits: 32),
            [.init(turn - 500, 50, [turn - 400, 20]), .init(60, 90, [70])],
            [turn - 400, turn + 20, turn + 70]
        )
    }

    @Test func `a start inside of a packet is found whose end is shorter than its begin, or goes round often`() {
        let begin: UInt64 = 0x30000
        expectStarts(
            ShortTrace(beginBits: 64, endBits: 16, eventBits: 8),
            [.init(begin, 100, [10, 50]), .init(begin + 200, 255, [201, 250])],
            [begin + 10, begin + 50, begin + 201, begin + 250]
        )
        // 1000 cycles long, of which the end tells 8 bits.
        expectStarts(
            ShortTrace(beginBits: 64, endBits: 8, eventBits: 16),
            [.init(0, 1000 & 0xFF, [10, 500, 900]), .init(1000, 1100 & 0xFF, [1050])],
            [10, 500, 900, 1050]
        )
    }

    @Test func `an index of short times is not looked for a start`() {
        let turn: UInt64 = 1 << 16
        let trace = ShortTrace(beginBits: 16, endBits: 16, eventBits: 16)
        let packets = (0..<40).map { number in
            let at = UInt64(number) * 5000
            return ShortTrace.Packet(at % turn, (at + 4000) % turn, [(at + 1000) % turn])
        }
        var file = StoredFileTrial("stream-0", bytes: trace.bytes(packets))
        file.index = trace.index(packets)
        let trial = CoordinatorTrial(
            stored: [StoredTrial(metadata: trace.metadata, [file])],
            storedStart: .at(ns: 60_000)
        )
        trial.run(untilNs: 0)
        #expect(times(trial) == (12..<40).map { UInt64($0) * 5000 + 1000 })
    }

    // MARK: - Several files

    @Test func `files of short times that hold a packet twice show it once`() {
        let turn: UInt64 = 1 << 16
        let trace = ShortTrace(beginBits: 16, endBits: 16, eventBits: 16, hasInstance: true)
        let packets: [ShortTrace.Packet] = [
            .init(turn - 600, turn - 510, [turn - 550]), .init(turn - 500, turn - 410, [turn - 450]),
            .init(turn - 400, turn - 310, [turn - 350]), .init(turn - 300, 50, [turn - 250, 20]),
            .init(60, 90, [70]),
        ]
        let trial = run(trace, [Array(packets[..<3]), Array(packets[1...])])
        #expect(times(trial) == [turn - 550, turn - 450, turn - 350, turn - 250, turn + 20, turn + 70])
        #expect(trial.events.allSatisfy { $0.lateNs == 0 && $0.stream == 0 })
    }

    // MARK: - Live streams

    private func session(_ trace: ShortTrace, _ packets: [(index: PacketIndex, bytes: [UInt8])]) -> ScriptedSession {
        let steps = packets.enumerated().map { number, packet in
            (atNs: UInt64.ms(UInt64(number + 1) * 100), step: ScriptedStream.Step.packet(packet.index, packet.bytes))
        }
        return RelayScript.session(
            metadata: trace.metadata,
            endsAtNs: .ms(UInt64(packets.count + 2) * 100),
            streams: [steps]
        )
    }

    @Test func `the clock of a live stream goes on from packet to packet`() {
        let trace = ShortTrace(beginBits: 0, endBits: 0, eventBits: 8)
        let packets = trace.live(
            [.init(0, 0, [250, 5]), .init(0, 0, [3, 200]), .init(0, 0, [100])],
            times: [(0, 261), (0, 712), (0, 868)]
        )
        let trial = CoordinatorTrial([RelayScript(sessions: [session(trace, packets)])])
        trial.run(untilNs: .ms(3_000))
        #expect(times(trial) == Self.all)
    }

    @Test(arguments: [(32, 32), (0, 32), (64, 16), (64, 0)])
    func `a relay's whole times stand for what packets are short of`(beginBits: Int, endBits: Int) {
        let turn: UInt64 = 1 << 33
        let times: [(UInt64, UInt64)] = [(turn - 90, turn - 10), (turn, turn + 90), (3 * turn, 3 * turn + 90_000)]
        let trace = ShortTrace(beginBits: beginBits, endBits: endBits, eventBits: 8)
        let packets = trace.live(
            times.map { .init($0.0, $0.1, [($0.0 + 8), $0.0 + 40]) },
            times: times
        )
        for taken in 0...2 {
            // Then the connection is lost, and those taken are passed over.
            let session = session(trace, packets)
            let trial = CoordinatorTrial([RelayScript(sessions: [session])])
            trial.run(untilNs: .ms(UInt64(taken) * 100 + 150))
            trial.replaceRelay(0, by: RelayScript(sessions: [session]))
            trial.run(untilNs: .ms(10_000))
            #expect(self.times(trial) == times.flatMap { [$0.0 + 8, $0.0 + 40] }, "\(taken)")
            #expect(trial.losses.isEmpty)
        }
    }

    @Test func `a simulated relay knows when packets of short times begin`() throws {
        let turn: UInt64 = 1 << 32
        let trace = ShortTrace(beginBits: 32, endBits: 32, eventBits: 32)
        let bytes = trace.bytes([
            .init(turn - 500, 50, [turn - 400, 20]), .init(60, 300, [70]), .init(400, 500, [450]),
        ])
        let recorded = try RecordedTrace(
            metadata: trace.metadata,
            files: [RecordedTrace.File(name: "channel0_0", bytes: bytes)]
        )
        let listed = ListedSession(id: LiveSessionID(1), liveTimerUs: 10_000, hostname: "stored", name: "s")
        let trial = CoordinatorTrial([RelayScript(sessions: [recorded.session(listed)])])
        trial.run(untilNs: .ms(10_000))
        #expect(times(trial) == [turn - 400, turn + 20, turn + 70, turn + 450])
        #expect(trial.losses.isEmpty)
    }

    @Test func `the clock goes on behind a packet that was passed over`() {
        let trace = ShortTrace(beginBits: 0, endBits: 0, eventBits: 8)
        let packets = trace.live(
            [.init(0, 0, [250, 5]), .init(0, 0, []), .init(0, 0, [100])],
            times: [(0, 261), (0, 1000), (0, 1200)]
        )
        let trial = CoordinatorTrial([RelayScript(sessions: [session(trace, packets)])])
        trial.run(untilNs: .ms(3_000))
        #expect(times(trial) == [250, 261, 1124])
    }
}

/// A trace whose timestamps are as long as a test wants; a clock of 1 GHz from the epoch.
private struct ShortTrace {
    /// Bits of the packet's begin and end, 0 for none, and of an event's time.
    var beginBits: Int
    var endBits: Int
    var eventBits: Int
    /// Whether packets say of which stream instance they are.
    var hasInstance = false

    struct Packet {
        var begin: UInt64
        var end: UInt64
        var events: [UInt64]

        init(_ begin: UInt64, _ end: UInt64, _ events: [UInt64]) {
            (self.begin, self.end, self.events) = (begin, end, events)
        }
    }

    var metadata: [UInt8] {
        func time(_ bits: Int, _ name: String) -> String {
            guard bits > 0 else { return "" }
            return "integer { size = \(bits); align = 8; signed = false; map = clock.c.value; } \(name);"
        }
        let text = """
            /* CTF 1.8 */
            typealias integer { size = 32; align = 8; signed = false; } := u32;
            trace {
                major = 1; minor = 8; byte_order = le; uuid = "01000000-0000-0000-0000-000000000000";
                packet.header := struct { u32 magic; \(hasInstance ? "u32 stream_instance_id;" : "") };
            };
            env { domain = "ust"; };
            clock { name = c; freq = 1000000000; };
            stream {
                packet.context := struct {
                    u32 packet_size; u32 content_size; \(time(beginBits, "timestamp_begin"))
                    \(time(endBits, "timestamp_end"))
                };
                event.header := struct { \(time(eventBits, "timestamp")) };
            };
            event { name = "tiny"; fields := struct { u32 x; }; };
            """
        return Array(text.utf8)
    }

    func bytes(_ packets: [Packet]) -> [UInt8] { packets.flatMap(bytes) }

    private func byteCount(_ packet: Packet) -> UInt64 {
        UInt64((hasInstance ? 16 : 12) + (beginBits + endBits) / 8 + packet.events.count * (eventBits / 8 + 4))
    }

    private func bytes(_ packet: Packet) -> [UInt8] {
        func number(_ value: UInt64, _ bits: Int) -> [UInt8] { StoredPacket.number(value, bits / 8) }
        let bits = byteCount(packet) * 8
        return number(0xC1FC_1FC1, 32) + (hasInstance ? number(0, 32) : []) + number(bits, 32) + number(bits, 32)
            + number(packet.begin, beginBits) + number(packet.end, endBits)
            + packet.events.flatMap { number($0, eventBits) + number(7, 32) }
    }

    /// Packets as a relay has them, which knows when they begin and end.
    func live(_ packets: [Packet], times: [(begin: UInt64, end: UInt64)]) -> [(index: PacketIndex, bytes: [UInt8])] {
        var offset: UInt64 = 0
        return zip(packets, times).map { packet, time in
            defer { offset += byteCount(packet) }
            let index = PacketIndex(
                offset: offset,
                packetBits: byteCount(packet) * 8,
                contentBits: byteCount(packet) * 8,
                timestampBegin: time.begin,
                timestampEnd: time.end,
                eventsDiscarded: 0
            )
            return (index, bytes(packet))
        }
    }

    /// LTTng's index of a file, with times as short as those of its packets.
    func index(_ packets: [Packet]) -> [UInt8] {
        func big(_ value: UInt64, _ count: Int) -> [UInt8] { StoredPacket.number(value, count).reversed() }
        var bytes = big(0xC1F1_DCC1, 4) + big(1, 4) + big(0, 4) + big(56, 4)
        var offset: UInt64 = 0
        for packet in packets {
            let bits = byteCount(packet) * 8
            bytes += [offset, bits, bits, packet.begin, packet.end, 0, 0].flatMap { big($0, 8) }
            offset += byteCount(packet)
        }
        return bytes
    }
}
