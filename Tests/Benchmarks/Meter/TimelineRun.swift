import ArgumentParser
import CTF
import Feed
import PacketWriter
import Timeline

/// Folds events of many lanes into the timeline's model, and asks it what a page asks.
struct TimelineRun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "timeline",
        abstract: "Keep the timeline's counts, and answer from them."
    )

    @Option(help: "Streams, each a lane.")
    var lanes = 200

    @Option(help: "Events of all lanes together.")
    var events = 10_000_000

    @Option(help: "Events of a lane in each frame.")
    var perFrame = 50

    @Option(help: "The time in which they happen.")
    var seconds: Int64 = 3600

    private var spanNs: Int64 { seconds * 1_000_000_000 }
    private static let beginNs: Int64 = 1_700_000_000_000_000_000

    func validate() throws {
        guard lanes > 0, perFrame > 0, seconds > 0, seconds <= 1 << 20, events >= lanes * perFrame else {
            throw ValidationError("too few events")
        }
    }

    func run() throws {
        let frames = events / (lanes * perFrame)
        let frameNs = spanNs / Int64(frames)
        let patterns = try (0..<16).map { try pattern(seed: UInt64($0), spanNs: UInt64(frameNs)) }
        var model = TimelineModel()
        model.fold(declarations())
        var random = SeededRandom(seed: 99)
        var total = Measurement(events: 0, packets: 0, cpuNs: 0, allocations: 0)
        for number in 0..<frames {
            let batch = batch(number, frameNs: frameNs, patterns, &random)
            total += measured {
                model.fold(batch)
                return (lanes * perFrame, lanes)
            }
        }
        total.printJSON()
        var keys = EventKeyBuffer(capacity: perFrame)
        let packets = try patterns.map { try MeasuredPacket($0.storage.bytes, $0.program) }
        // The scans alone.
        let scans = try measured { () throws(PacketError) in
            for _ in 0..<frames * lanes / packets.count { for packet in packets { try packet.scan(into: &keys) } }
            return (frames * lanes / packets.count * packets.count * perFrame, frames * lanes)
        }
        scans.printJSON()
        let bytes = Double(model.densityBytes) / Double(total.events)
        print(
            #"{"bytes":\#(model.densityBytes),"bytes_per_event":\#(bytes),"least":\#(model.leastLevel),"#
                + #""index_bytes":\#(model.index.byteCount),"ns_per_event":\#(total.cpuNs / UInt64(total.events))}"#
        )
        try ask(model)
    }

    /// Times the answers.
    private func ask(_ model: borrowing TimelineModel) throws {
        let ids = Array(model.lanes.rows().map(\.lane.id).prefix(512))
        for level in [16, 19, 23, 27, 31, 35, 39, 43] {
            let middle = ((Self.beginNs + spanNs / 2) >> Int64(level + 9)) << Int64(level + 9)
            let request = try DensityRequest(
                level: level,
                fromNs: middle,
                columns: 512,
                lanes: ids,
                least: model.leastLevel
            )
            let start = Clock.threadTime.ns
            let body = model.density(request)
            let ns = Clock.threadTime.ns - start
            print(#"{"level":\#(level),"lanes":\#(ids.count),"bytes":\#(body.count),"ns":\#(ns)}"#)
        }
        var start = Clock.threadTime.ns
        let counts = try model.counts(fromNs: Self.beginNs + 12_345, toNs: Self.beginNs + spanNs - 54_321)
        let frames = counts.frames.reduce(0) { $0 + $1.count }
        print(#"{"counts_ns":\#(Clock.threadTime.ns - start),"frames":\#(frames)}"#)
        start = Clock.threadTime.ns
        let rows = model.lanes.rows().count
        print(#"{"rows":\#(rows),"ns":\#(Clock.threadTime.ns - start)}"#)
    }

    // MARK: - The feed

    /// A packet whose events are spread over a frame's time by chance, from cycle 0 on.
    private struct Pattern {
        var program: TraceProgram
        var preamble: PacketPreamble
        var storage: ByteStorage
    }

    private static let metadata = """
        /* CTF 1.8 */
        typealias integer { size = 32; align = 8; signed = false; } := uint32_t;
        typealias integer { size = 64; align = 8; signed = false; } := uint64_t;
        trace {
            major = 1; minor = 8; byte_order = le;
            packet.header := struct { uint32_t magic; uint32_t stream_id; };
        };
        clock { name = "monotonic"; freq = 1000000000; offset = \(beginNs); };
        typealias integer { size = 64; align = 8; signed = false; map = clock.monotonic.value; } := clock_t;
        stream {
            id = 0;
            packet.context := struct { uint64_t content_size; uint64_t packet_size; uint32_t cpu_id; };
            event.header := struct { uint32_t id; clock_t timestamp; };
        };
        event { name = "demo:tick"; id = 0; stream_id = 0; fields := struct { uint32_t _seqno; string _text; }; };
        """

    private func pattern(seed: UInt64, spanNs: UInt64) throws -> Pattern {
        var reader = MetadataReader()
        try Array(Self.metadata.utf8).withUnsafeBytes { bytes in
            Result { () throws(MetadataError) in try reader.append(bytes) }
        }.get()
        guard let traceClass = reader.traceClass else { throw ValidationError("no metadata") }
        let program = try TraceProgram(traceClass)
        var random = SeededRandom(seed: seed)
        var writer = PacketWriter(
            traceClass,
            stream: 0,
            header: .structure([.unsigned(0xC1FC_1FC1), .unsigned(0)]),
            context: .structure([.unsigned(0), .unsigned(0), .unsigned(seed)])
        )
        let times = (0..<perFrame).map { _ in UInt64.random(in: 0..<max(spanNs, 1), using: &random) }.sorted()
        for (number, cycles) in times.enumerated() {
            writer.write(
                event: 0,
                programIndex: 0,
                cycles: cycles,
                header: .structure([.unsigned(0), .unsigned(cycles)]),
                payload: .structure([.unsigned(UInt64(number)), .text(Array("tick".utf8))])
            )
        }
        let (bytes, _) = writer.finish()
        let storage = ByteStorage(capacity: bytes.count)
        bytes.withUnsafeBytes { storage.write($0, at: 0) }
        return Pattern(
            program: program,
            preamble: try program.readPreamble(PacketBytes(storage.bytes)),
            storage: storage
        )
    }

    private func trace(_ number: Int) -> FeedTrace {
        let host = number / 8
        return FeedTrace(
            id: UInt64(host + 1),
            relay: "relay-\(host % 3)",
            host: "host-\(host)",
            session: "S",
            sessionID: UInt64(host),
            path: "ust/uid/1000/64-bit"
        )
    }

    private func stream(_ number: Int) -> FeedStream {
        FeedStream(
            id: UInt64(number + 1),
            traceID: trace(number).id,
            liveStreamID: UInt64(number),
            channel: "channel0_\(number % 8)"
        )
    }

    private func declarations() -> FeedBatch {
        var records: [FeedRecord] = []
        for number in 0..<lanes {
            if number % 8 == 0 { records.append(.trace(trace(number))) }
            records.append(.stream(stream(number)))
        }
        return FeedBatch(sequence: 1, records: records)
    }

    /// Frame `number`: a slice of each lane.
    private func batch(_ number: Int, frameNs: Int64, _ patterns: [Pattern], _ random: inout SeededRandom) -> FeedBatch
    {
        let offsetNs = Int64(number) * frameNs
        var group = EventGroup()
        for lane in 0..<lanes {
            let pattern = random.pick(patterns)
            let packet = FeedPacket(
                id: UInt64(number * lanes + lane + 1),
                trace: trace(lane),
                stream: stream(lane),
                program: pattern.program,
                metadataBytes: UInt64(Self.metadata.utf8.count),
                preamble: pattern.preamble,
                preambleStorage: pattern.storage,
                correction: TimeCorrection(offsetNs: offsetNs)
            )
            let first = pattern.preamble.firstEventBits
            group.slices.append(
                EventSlice(
                    packet: packet,
                    storage: pattern.storage,
                    storageOffset: Int(first / 8),
                    firstBits: first,
                    endBits: pattern.preamble.contentBits ?? 0,
                    clockCycles: 0,
                    eventCount: perFrame,
                    opensPacket: true
                )
            )
            group.order.append(EventGroup.Run(slice: UInt32(lane), count: UInt32(perFrame)))
            group.eventCount += perFrame
        }
        return FeedBatch(
            sequence: UInt64(number + 2),
            records: [.events(group)],
            watermarkNs: Self.beginNs + offsetNs + frameNs
        )
    }
}
