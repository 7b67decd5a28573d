import CTF
import Coordinator
import LTTngLive
import SimulatedRelay
import Testing

@testable import Feed

/// Traces whose metadata cannot be used for a while: they are isolated, the others flow, and then they rejoin.
@Suite struct GrowingMetadataTests {
    /// An event class whose type is declared by `healing`.
    private static let naming = Array(
        "event { id = 1; name = \"later\"; stream_id = 0; fields := struct { later _x; }; };".utf8
    )
    private static let healing = Array("typealias integer { size = 32; align = 8; } := later;".utf8)

    private static let steady = packets((1...20).map { (.ms($0 * 100), [.ms($0 * 100 - 50)]) })

    /// A session whose trace cannot be decoded from 450 ms to 1250 ms, beside one that has nothing to do with it.
    private func trial(
        _ metadata: [(atNs: UInt64, bytes: [UInt8])],
        streams: [[(atNs: UInt64, step: ScriptedStream.Step)]] = [steady]
    ) -> CoordinatorTrial {
        var growing = RelayScript.session(host: "growing", uuidByte: 2, endsAtNs: .ms(2_100), streams: streams)
        let steps = [(atNs: UInt64(0), bytes: TinyTrace.metadata(uuidByte: 2))] + metadata
        growing.streams[0].steps = steps.map { ($0.atNs, .metadata($0.bytes)) }
        let other = RelayScript.session(host: "other", endsAtNs: .ms(2_100), streams: [Self.steady])
        let trial = CoordinatorTrial([RelayScript(sessions: [growing]), RelayScript(sessions: [other])])
        trial.run(untilNs: .ms(20_000))
        return trial
    }

    private func times(_ trial: CoordinatorTrial, _ host: String) -> [Int64] {
        trial.events.filter { $0.host == host }.map(\.timestampNs)
    }

    @Test func `a trace whose metadata cannot be read yet is isolated, and rejoins with the next piece`() {
        let trial = trial([(.ms(450), Self.naming), (.ms(1_250), Self.healing)])
        let all = (1...20).map { Int64(UInt64.ms($0 * 100 - 50)) }
        #expect(times(trial, "other") == all)
        #expect(trial.events.filter { $0.host == "other" }.allSatisfy { $0.lateNs == 0 })
        let growing = times(trial, "growing")
        #expect(growing.first == all.first && growing.last == all.last)
        let lost = trial.losses.map { ($0.unit, $0.count ?? 0, $0.reason) }
        #expect(lost.allSatisfy { $0.0 == .packets && $0.2 == "its trace cannot be decoded" })
        // What is lost is counted once, although the packet numbers jump.
        #expect(UInt64(growing.count) + lost.reduce(0) { $0 + $1.1 } == 20)
        #expect((6...10).contains(lost.count))
        #expect(trial.notes.contains { $0.text.contains("can be decoded") })
        #expect(trial.report?.damaged.count == 1)
    }

    @Test func `metadata longer than a frame may be is passed on in pieces`() throws {
        let metadata = TinyTrace.metadata() + Array(String(repeating: " ", count: 100_000).utf8)
        let session = RelayScript.session(metadata: metadata, endsAtNs: .ms(2_100), streams: [Self.steady])
        var limits = CoordinatorLimits()
        limits.metadataPieceBytes = 4_096
        let trial = CoordinatorTrial([RelayScript(sessions: [session])], limits: limits)
        trial.run(untilNs: .ms(20_000))
        #expect(trial.events.count == 20)
        var bytes: [UInt8] = []
        var feedLimits = FeedLimits()
        feedLimits.splitBytes = 8_192
        feedLimits.frameBytes = 16_384
        var encoder = FrameEncoder(feed: FeedIdentity(id: FeedID(high: 1, low: 2), epoch: 1), limits: feedLimits)
        for batch in trial.batches {
            for case .metadata(_, let piece) in batch.records { bytes += piece }
            _ = try encoder.encode(batch)
        }
        #expect(bytes == metadata)
    }

    @Test func `pieces that do not heal the trace leave it isolated`() {
        let trial = trial([
            (.ms(450), Self.naming), (.ms(750), [0x20]), (.ms(1_050), Array("env { more = 1; };".utf8)),
            (.ms(1_250), Self.healing),
        ])
        #expect(times(trial, "other").count == 20)
        #expect(trial.losses.reduce(0) { $0 + ($1.count ?? 0) } + UInt64(times(trial, "growing").count) == 20)
        #expect((6...10).contains(trial.losses.count))
        #expect(trial.notes.count { $0.text.contains("cannot be decoded: metadata") } == 1)
    }

    @Test(arguments: ["event { id = 1; name = \"more\"; stream_id = 0; };", " "])
    func `a bad packet header isolates the trace until the next good reply`(text: String) {
        var bad = Array("\u{57}\u{1D}".utf8) + [0xD1, 0x75]
        bad += [UInt8](repeating: 9, count: 60)
        let bits = UInt32((37 + text.utf8.count) * 8)
        let sizes = (0..<8).map { UInt8(truncatingIfNeeded: bits >> UInt32(8 * ($0 % 4))) }
        var good: [UInt8] = [0x57, 0x1D, 0xD1, 0x75] + [UInt8](repeating: 0, count: 20)
        good += sizes + [0, 0, 0, 1, 8] + Array(text.utf8)
        let trial = trial([(.ms(450), bad), (.ms(1_250), good)])
        #expect(times(trial, "other").count == 20)
        #expect(times(trial, "growing").last == Int64(UInt64.ms(1_950)))
        #expect(trial.losses.reduce(0) { $0 + ($1.count ?? 0) } + UInt64(times(trial, "growing").count) == 20)
        #expect((6...10).contains(trial.losses.count))
    }

    /// A packet of one event, too long for the relay to send it at once.
    private static let long: ScriptedPacket = {
        let bytes = 5 << 20
        var packet = TinyTrace.packet(from: 0, to: .ms(400), events: [.ms(350)], offset: 0)
        packet.bytes[TinyTrace.preambleBytes] = 7
        packet.bytes += [UInt8](repeating: 0, count: bytes)
        func put(_ value: UInt64, _ count: Int, at offset: Int) {
            for index in 0..<count { packet.bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index)) }
        }
        put(UInt64(bytes), 4, at: TinyTrace.preambleBytes + 12)
        for offset in [24, 32] { put(UInt64(packet.bytes.count * 8), 8, at: offset) }
        packet.index.contentBits = UInt64(packet.bytes.count * 8)
        packet.index.packetBits = packet.index.contentBits
        return packet
    }()

    @Test(arguments: stride(from: 400, to: 800, by: 40).map { UInt64($0) })
    func `a packet that is being fetched when its trace is isolated is lost or comes, and is counted`(atMs: UInt64) {
        let big = Array("event { id = 7; name = \"long\"; stream_id = 0; fields := struct { u32 n; u8 d[n]; }; };".utf8)
        let byte = Array("typealias integer { size = 8; align = 8; } := u8;".utf8)
        let packet = Self.long
        var session = RelayScript.session(
            uuidByte: 2,
            metadata: TinyTrace.metadata(uuidByte: 2) + byte + big,
            endsAtNs: .ms(2_100),
            streams: [[(.ms(400), .packet(packet.index, packet.bytes))], Self.steady]
        )
        session.streams[0].steps.append((.ms(atMs), .metadata(Self.naming)))
        let trial = CoordinatorTrial([RelayScript(sessions: [session])], delayNs: .ms(20))
        trial.run(untilNs: .ms(20_000))
        let lost = trial.losses.filter { $0.unit == .packets }.reduce(0) { $0 + ($1.count ?? 0) }
        #expect(UInt64(trial.events.count) + lost == 21)
        #expect(lost > 0)
    }

    @Test func `events that the tracer discarded meanwhile are counted`() {
        var steps = packets((1...4).map { (.ms($0 * 100), [.ms($0 * 100 - 50)]) })
        var begin = UInt64.ms(400)
        for number in UInt64(5)...20 {
            let packet = TinyTrace.packet(
                from: begin,
                to: .ms(number * 100),
                events: [.ms(number * 100 - 50)],
                number: number - 1,
                discarded: number >= 8 ? 30 : 0,
                offset: 1_000 * number
            )
            begin = .ms(number * 100)
            steps.append((begin, .packet(packet.index, packet.bytes)))
        }
        let trial = trial([(.ms(450), Self.naming), (.ms(1_250), Self.healing)], streams: [steps])
        #expect(trial.losses.filter { $0.unit == .events }.map(\.count) == [30])
        #expect(times(trial, "growing").last == Int64(UInt64.ms(1_950)))
    }

    @Test func `a stream that appears while its trace is isolated joins with it`() {
        let late = packets((10...20).map { (.ms($0 * 100), [.ms($0 * 100 - 30)]) }, startNs: .ms(900))
        let trial = trial(
            [(.ms(450), Self.naming), (.ms(1_250), Self.healing)],
            streams: [Self.steady, late]
        )
        let last = trial.events.filter { $0.host == "growing" }.suffix(4).map(\.timestampNs)
        #expect(last == [1_850, 1_870, 1_950, 1_970].map { Int64(UInt64.ms($0)) })
        #expect(trial.events.suffix(10).allSatisfy { $0.lateNs == 0 })
    }

    @Test(arguments: [0, 500, 100_000] as [UInt64])
    func `whoever reads the frames decodes what the coordinator decoded`(holdMs: UInt64) throws {
        // Events that wait for others leave behind metadata that cannot be read.
        var slow = RelayScript.session(host: "slow", uuidByte: 3, endsAtNs: .ms(2_100), streams: [Self.steady])
        slow.streams[1].steps = slow.streams[1].steps.map { ($0.atNs + .ms(min(holdMs, 600)), $0.step) }
        var growing = RelayScript.session(host: "growing", uuidByte: 2, endsAtNs: .ms(2_100), streams: [Self.steady])
        growing.streams[0].steps = [
            (0, .metadata(TinyTrace.metadata(uuidByte: 2))), (.ms(450), .metadata(Self.naming)),
            (.ms(1_250), .metadata(Self.healing)),
            (.ms(1_650), .metadata(Array("no declaration at all;".utf8))),
        ]
        let trial = CoordinatorTrial([RelayScript(sessions: [growing]), RelayScript(sessions: [slow])])
        if holdMs > 1_000 {
            trial.setOutputIsHeld(true)
            trial.run(untilNs: .ms(3_000))
            trial.setOutputIsHeld(false)
        }
        trial.run(untilNs: .ms(20_000))
        var encoder = FrameEncoder(feed: FeedIdentity(id: FeedID(high: 1, low: 2), epoch: 1))
        var decoder = FrameDecoder()
        for frame in try encoder.checkpoint(SubscriptionOpening(state: FeedState())) {
            _ = try decoder.decode(frame.storage)
        }
        var received: [FeedRecord] = []
        for batch in trial.batches {
            for publication in try encoder.encode(batch) {
                received += try decoder.decode(publication.frame.storage).batch.records
            }
        }
        let events = received.flatMap { record in
            if case .events(let group) = record { TrialEvent.all(in: group) } else { [TrialEvent]() }
        }
        #expect(events.map(\.timestampNs) == trial.events.map(\.timestampNs))
        #expect(events.count { $0.host == "growing" } >= 5)
        let losses = received.count { if case .lost = $0 { true } else { false } }
        #expect(losses == trial.losses.count)
    }
}
