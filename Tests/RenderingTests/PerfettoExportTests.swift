import CTF
import Feed
import HandmadeTraces
import Rendering
import Testing

struct PerfettoExportTests {
    /// A message: its members in their order, numbers as they are, all else as bytes.
    private struct Message {
        var numbers: [(Int, UInt64)] = []
        var bytes: [(Int, [UInt8])] = []

        init(_ content: some Sequence<UInt8>) throws {
            var rest = Array(content)[...]
            func varint() throws -> UInt64 {
                var value: UInt64 = 0
                for shift in stride(from: UInt64(0), to: 70, by: 7) {
                    guard let byte = rest.popFirst() else {
                        throw TraceDirectory.Failure(description: "a message ends too early")
                    }
                    value |= UInt64(byte & 127) << shift
                    if byte < 128 { break }
                }
                return value
            }
            while !rest.isEmpty {
                let tag = try varint()
                switch tag & 7 {
                case 0: numbers.append((Int(tag >> 3), try varint()))
                case 1:
                    bytes.append((Int(tag >> 3), Array(rest.prefix(8))))
                    rest = rest.dropFirst(8)
                default:
                    let count = Int(try varint())
                    try #require(tag & 7 == 2 && count <= rest.count)
                    bytes.append((Int(tag >> 3), Array(rest.prefix(count))))
                    rest = rest.dropFirst(count)
                }
            }
        }

        func number(_ member: Int) -> UInt64? { numbers.first { $0.0 == member }?.1 }
        func text(_ member: Int) -> String? {
            bytes.first { $0.0 == member }.map { String(decoding: $0.1, as: UTF8.self) }
        }
        func messages(_ member: Int) throws -> [Message] {
            try bytes.filter { $0.0 == member }.map { try Message($0.1) }
        }
        func message(_ member: Int) throws -> Message? { try messages(member).first }
    }

    private func exported(_ batches: FeedBatch..., range: RangeFilter = RangeFilter(beginNs: nil, endNs: nil)) throws
        -> [Message]
    {
        let sink = Sink()
        var exporter = FeedExporter(.perfetto, range: range) { file, bytes in
            #expect(file.isEmpty)
            sink.bytes += Array(bytes)
        }
        for batch in batches { try exporter.take(batch) { _ in } }
        exporter.finish()
        return try Message(sink.bytes).messages(1)
    }

    private final class Sink {
        var bytes: [UInt8] = []
    }

    private func slice(_ trace: HandmadeTrace, _ times: [UInt64], stream: UInt64) throws -> EventSlice {
        try trace.slice(times.flatMap { tick($0, Int8($0 % 100)) }, events: times.count, stream: stream)
    }

    @Test func `each event is an instant on its stream's track, at its time, named by number`() throws {
        let trace = try HandmadeTrace(tickMetadata)
        let group = EventGroup(
            [try slice(trace, [1, 300], stream: 3), try slice(trace, [200], stream: 4)],
            order: [(0, 1), (1, 1), (0, 1)],
            late: [.init(index: 2, lateNs: 7)]
        )
        let packets = try exported(FeedBatch(records: [.events(group)]))
        let events = try packets.filter { try $0.message(11) != nil }
        #expect(events.map { $0.number(8) } == [1, 200, 300])
        let tracks = try packets.compactMap { try $0.message(60) }
        #expect(tracks.map { $0.text(2) } == ["web-1 (alpha)", "S", "channel0", "channel0"])
        #expect(tracks.map { $0.number(5) } == [nil, tracks[0].number(1), tracks[1].number(1), tracks[1].number(1)])
        let instants = try events.compactMap { try $0.message(11) }
        #expect(instants.map { $0.number(11) } == [2, 3, 2].map { tracks[$0].number(1) })
        #expect(instants.allSatisfy { $0.number(9) == 3 && $0.number(10) == 1 })
        // Names come once, with whoever needs them first.
        let names = try events.map { try $0.message(12) }
        #expect(try names[0]?.message(2)?.text(2) == "tick" && names[0]?.message(3)?.text(2) == "x")
        #expect(names[1] == nil && names[2] == nil)
        let values = try instants.map { try $0.messages(4).last }
        #expect(values.map { $0?.number(4) } == [1, 0, 0] && values.map { $0?.number(1) } == [1, 1, 1])
        #expect(instants.map { $0.text(22) } == [nil, nil, "late"])
        #expect(try instants[2].message(4)?.text(10) == "late_ns" && instants[2].message(4)?.number(4) == 7)
    }

    @Test func `hosts are machines, each with a clock, its name and names of its own`() throws {
        let one = try HandmadeTrace(tickMetadata, relay: "alpha", id: 1)
        let other = try HandmadeTrace(tickMetadata, relay: "beta", id: 2)
        let group = EventGroup(
            [try slice(one, [1], stream: 3), try slice(other, [2], stream: 4)],
            order: [(0, 1), (1, 1)]
        )
        let packets = try exported(FeedBatch(records: [.events(group)]))
        for (machine, name) in [(UInt64?.none, "web-1 (alpha)"), (1, "web-1 (beta)")] {
            let own = packets.filter { $0.number(98) == machine }
            #expect(Set(own.map { $0.number(10) }).count == 1)
            #expect(try own.first?.message(6)?.messages(1).map { $0.number(1) } == [1, 3, 6])
            #expect(own.first?.number(13) == 1)
            #expect(try own.compactMap { try $0.message(45) }.map { $0.text(17) } == [name])
            #expect(try own.compactMap { try $0.message(12) }.count == 1)
        }
    }

    @Test func `what is lost is an event of its own on the stream's track`() throws {
        let trace = try HandmadeTrace(tickMetadata)
        let group = EventGroup([try slice(trace, [1], stream: 3)], order: [(0, 1)])
        let loss = LossRecord(
            relay: "alpha",
            host: "web-1",
            session: "S",
            sessionID: 9,
            streamID: 3,
            unit: .events,
            count: 12,
            fromNs: 1,
            toNs: 5,
            reason: "full"
        )
        let packets = try exported(FeedBatch(records: [.events(group), .lost(loss)]))
        let events = try packets.filter { try $0.message(11) != nil }
        let lost = try #require(try events.last?.message(11))
        #expect(events.count == 2 && events[1].number(8) == 5)
        #expect(lost.text(23) == "lost events" && lost.text(22) == "lost")
        #expect(try lost.messages(4).map { $0.text(10) } == ["events", "from_ns", "to_ns", "reason"])
        #expect(try lost.number(11) == events[0].message(11)?.number(11))
    }

    @Test func `texts, containers, labels and empty ones have a value`() throws {
        let metadata = """
            trace { major = 1; minor = 8; byte_order = le; };
            stream { event.context := struct { integer { size = 8; align = 8; } c; }; };
            event { name = "all"; id = 0; fields := struct {
                string text; integer { size = 8; align = 8; } list[2]; integer { size = 8; align = 8; } none[0];
                struct { integer { size = 8; align = 8; signed = true; } in; } s;
                enum : integer { size = 8; align = 8; } { A = 1, B = 1 ... 2 } e;
                floating_point { exp_dig = 11; mant_dig = 53; align = 8; } real;
            }; };
            """
        let bytes: [UInt8] = [9] + [0x68, 0xFF, 0] + [4, 5] + [0xFE] + [1] + little((1.5).bitPattern)
        let group = EventGroup([try HandmadeTrace(metadata).slice(bytes, events: 1)], order: [(0, 1)])
        let packets = try exported(FeedBatch(records: [.events(group)]))
        let event = try #require(try packets.last?.message(11))
        let values = try event.messages(4)
        #expect(try values[0].text(10) == "stream_context" && values[0].message(11)?.number(3) == 9)
        #expect(values[1].text(6) == "h\u{FFFD}")
        #expect(try values[2].messages(12).map { $0.number(3) } == [4, 5])
        #expect(values[3].text(6) == "[]")
        #expect(try values[4].message(11)?.number(4) == UInt64(bitPattern: -2))
        #expect(try values[5].messages(11).map { $0.text(10) } == ["value", "label"])
        #expect(try values[5].messages(11)[1].text(6) == "A, B")
        #expect(values[6].bytes.contains { $0.0 == 5 && $0.1 == little((1.5).bitPattern) })
        let names = try packets.last?.message(12)?.messages(3).map { $0.text(2) }
        #expect(names == ["c", "text", "list", "none", "s", "in", "e", "real"])
    }

    @Test func `a range is cut, whenever its events come`() throws {
        let trace = try HandmadeTrace(tickMetadata)
        let range = RangeFilter(beginNs: 2, endNs: 4)
        let first = EventGroup([try slice(trace, [1, 2, 3], stream: 3)], order: [(0, 3)])
        let second = EventGroup([try slice(trace, [3, 4], stream: 4)], order: [(0, 2)])
        let packets = try exported(
            FeedBatch(records: [.events(first)], watermarkNs: 4),
            FeedBatch(records: [.events(second)], watermarkNs: 5),
            range: range
        )
        // What comes late behind the end is in the range all the same.
        #expect(try packets.filter { try $0.message(11) != nil }.map { $0.number(8) } == [2, 3, 3])
    }
}
