import CTF
import ConfigurationFile
import Feed
import HandmadeTraces
import Testing

@testable import Forwarding

/// Requests made of frames, as a collector reads them.
struct LogBatchTests {
    private static let feed = FeedID(high: 1, low: 2)

    private func builder(events: Int = 1000, bytes: Int = 1 << 20) -> LogBatchBuilder {
        LogBatchBuilder(.init(events: events, bytes: bytes), feed: Self.feed)
    }

    /// All batches of the frames.
    private func batches(_ builder: LogBatchBuilder, _ frames: [ForwardedFrame]) -> [LogBatch] {
        var batches: [LogBatch] = []
        for frame in frames { _ = builder.append(frame, observedNs: 99) { batches.append($0) } }
        return batches + [builder.close()].compactMap(\.self)
    }

    private func x(_ records: [ReadRequest.Record]) -> [String] {
        records.map { $0.attributes.first { $0.hasPrefix("x=") } ?? "" }
    }

    private static func ints(_ numbers: ClosedRange<Int>) -> [String] { numbers.map { "x=int \($0)" } }

    /// The attributes of the fields of one event.
    private func fields(_ metadata: String, _ bytes: [UInt8]) throws -> [String] {
        let trace = try HandmadeTrace(metadata)
        let frame = ForwardedFrame([try trace.slice(bytes, events: 1)], order: [(0, 1)])
        let batch = try #require(batches(builder(), [frame]).first)
        let record = try #require(try ReadRequest(batch.bytes).records.first)
        return record.attributes.filter { !$0.hasPrefix("tidemark.") }
    }

    @Test
    func `values keep their types`() throws {
        let metadata = """
            trace { major = 1; minor = 8; byte_order = le; };
            typealias integer { size = 8; align = 8; signed = false; } := u8;
            typealias integer { size = 64; align = 8; signed = false; } := u64;
            stream { event.context := struct { u8 cpu; }; };
            event {
                name = "all"; id = 0; loglevel = 3;
                context := struct { u8 own; };
                fields := struct {
                    u64 big; integer { size = 16; align = 8; signed = true; } less;
                    floating_point { exp_dig = 11; mant_dig = 53; align = 8; } ratio; string msg;
                    enum : u8 { zero, some = 1 ... 5, also = 3 } kind;
                    u8 n; u8 list[n]; struct { u8 a; struct { string b; } inner; } group;
                };
            };
            """
        let bytes: [UInt8] =
            [8, 9] + little(UInt64.max) + little(Int16(-2)) + little((0.5).bitPattern)
            + [0x61, 0xFF, 0] + [3] + [2, 10, 20] + [7, 0x62, 0]
        #expect(
            try fields(metadata, bytes) == [
                "stream_context.cpu=int 8", "context.own=int 9", "big='18446744073709551615'", "less=int -2",
                "ratio=double 0.5", "msg='a\u{FFFD}'", "kind={value=int 3, labels=['some', 'also']}", "n=int 2",
                "list=[int 10, int 20]", "group={a=int 7, inner={b='b'}}",
            ]
        )
    }

    @Test
    func `what only CTF 2 has keeps its type too`() throws {
        let byte = #"{"type":"fixed-length-unsigned-integer","length":8,"byte-order":"little-endian"}"#
        let location = #"{"path":["has"]}"#
        let members = [
            ("has", #"{"type":"fixed-length-boolean","length":8,"byte-order":"little-endian"}"#),
            ("blob", #"{"type":"static-length-blob","length":2}"#),
            (
                "maybe",
                #"{"type":"optional","selector-field-location":\#(location),"field-class":\#(byte)}"#
            ),
        ].map { #"{"name":"\#($0)","field-class":\#($1)}"# }
        let metadata = [
            #"{"type":"preamble","version":2}"#, #"{"type":"data-stream-class"}"#,
            #"{"type":"event-record-class","name":"ev","payload-field-class":{"type":"structure","member-classes":["#
                + members.joined(separator: ",") + "]}}",
        ].map { "\u{1E}" + $0 }.joined()
        #expect(try fields(metadata, [0, 1, 2]) == ["has=bool false", "blob=bytes [1, 2]", "maybe=empty"])
        #expect(try fields(metadata, [1, 1, 2, 9]) == ["has=bool true", "blob=bytes [1, 2]", "maybe=int 9"])
    }

    @Test
    func `a field cannot pass for what we say ourselves`() throws {
        let byte = #"{"type":"fixed-length-unsigned-integer","length":8,"byte-order":"little-endian"}"#
        let names = ["tidemark.sequence", "context.a", "payload.x", "tidemark"]
        let members = names.map { #"{"name":"\#($0)","field-class":\#(byte)}"# }
        let metadata = [
            #"{"type":"preamble","version":2}"#, #"{"type":"data-stream-class"}"#,
            #"{"type":"event-record-class","name":"ev","payload-field-class":{"type":"structure","member-classes":["#
                + members.joined(separator: ",") + "]}}",
        ].map { "\u{1E}" + $0 }.joined()
        #expect(
            try fields(metadata, [1, 2, 3, 4]) == [
                "payload.tidemark.sequence=int 1", "payload.context.a=int 2", "payload.payload.x=int 3",
                "tidemark=int 4",
            ]
        )
    }

    @Test
    func `a record says when, how serious, and where in the feed`() throws {
        let leveled = tickMetadata.replacing("id = 0;", with: "id = 0; loglevel = 4;")
        let trace = try HandmadeTrace(leveled)
        let frame = ForwardedFrame([try trace.ticks(5...6)], order: [(0, 2)], sequence: 31, epoch: 3)
        let batch = try #require(batches(builder(), [frame]).first)
        let record = try #require(try ReadRequest(batch.bytes).records.last)
        #expect(record.name == "tick" && record.timeNs == 6 && record.observedNs == 99)
        #expect(record.severity == 13 && record.severityText == "WARNING")
        // The frame's life, and not that of whoever sends it.
        #expect(
            record.attributes == [
                "x=int 6", "tidemark.epoch=int 3", "tidemark.sequence=int 31", "tidemark.index=int 1",
                "tidemark.stream=int 43",
            ]
        )
    }

    @Test
    func `hosts are resources, traces are scopes, and records keep the feed's order in them`() throws {
        let one = try HandmadeTrace(tickMetadata, id: 1)
        let two = try HandmadeTrace(tickMetadata, session: "other", id: 2)
        let far = try HandmadeTrace(tickMetadata, relay: "beta", host: "web-2", id: 3)
        let frames = [
            ForwardedFrame(
                [try one.ticks(1...2), try far.ticks(3...4), try two.ticks(5...5)],
                order: [(0, 1), (1, 2), (2, 1), (0, 1)]
            ),
            ForwardedFrame([try one.ticks(8...8)], order: [(0, 1)], sequence: 8),
        ]
        let batch = try #require(batches(builder(), frames).first)
        #expect(batch.progress == .init(token: .made(8), events: 6))
        let request = try ReadRequest(batch.bytes)
        #expect(
            request.resources.map(\.attributes) == [
                ["host.name='web-1'", "tidemark.relay='alpha'", "tidemark.feed='\(Self.feed)'"],
                ["host.name='web-2'", "tidemark.relay='beta'", "tidemark.feed='\(Self.feed)'"],
            ]
        )
        #expect(request.resources.map { $0.scopes.map(\.name) } == [["S", "other"], ["S"]])
        #expect(
            request.resources[0].scopes[1].attributes == [
                "tidemark.session='other'", "tidemark.trace='ust/uid/1000/64-bit'",
            ]
        )
        #expect(
            request.resources.map { $0.scopes.map { x($0.records) } } == [
                [["x=int 1", "x=int 2", "x=int 8"], ["x=int 5"]], [["x=int 3", "x=int 4"]],
            ]
        )
    }

    @Test
    func `a batch has as many events as it may, and a token comes with the last event before it`() throws {
        let trace = try HandmadeTrace(tickMetadata)
        let frames = [
            ForwardedFrame([try trace.ticks(1...5)], order: [(0, 5)], sequence: 1),
            ForwardedFrame([try trace.ticks(6...6)], order: [(0, 1)], sequence: 2),
            ForwardedFrame([try trace.ticks(7...9)], order: [(0, 3)], sequence: 3, hasToken: false),
        ]
        let batches = batches(builder(events: 4), frames)
        #expect(
            batches.map(\.progress) == [
                .init(token: nil, events: 4), .init(token: .made(2), events: 4), .init(token: nil, events: 1),
            ]
        )
        #expect(try batches.flatMap { x(try ReadRequest($0.bytes).records) } == Self.ints(1...9))
    }

    @Test
    func `a frame without events that wait is done with at once`() throws {
        let builder = builder(events: 2)
        let trace = try HandmadeTrace(tickMetadata)
        let frame = ForwardedFrame([try trace.ticks(1...2)], order: [(0, 2)], sequence: 4)
        var count = 0
        #expect(builder.append(frame, observedNs: 0) { _ in count += 1 } == .init(token: .made(4)))
        #expect(count == 1 && builder.isEmpty && builder.close() == nil)
    }

    @Test
    func `a batch has about as many bytes as it may, and fewer once the collector wants fewer`() throws {
        let trace = try HandmadeTrace(tickMetadata)
        let builder = builder(bytes: 64 << 10)
        let frames = try (1...100).map { number in
            ForwardedFrame([try trace.ticks(1...100)], order: [(0, 100)], sequence: UInt64(number))
        }
        let large = batches(builder, frames)
        #expect(large.count > 5)
        for batch in large.dropLast() { #expect(((60 << 10)...(66 << 10)).contains(batch.bytes.count)) }
        builder.shrink(below: 60 << 10)
        builder.shrink(below: 1 << 20)
        for batch in batches(builder, frames).dropLast() {
            #expect(((28 << 10)...(31 << 10)).contains(batch.bytes.count))
        }
        builder.shrink(below: 1)
        let least = batches(builder, frames)
        for batch in least.dropLast() { #expect(batch.bytes.count > 15 << 10) }
        #expect(least.reduce(0) { $0 + $1.progress.events } == 10_000)
    }

    @Test
    func `an event that is too large, or cannot be read, is counted, and so are those behind what cannot be read`()
        throws
    {
        let text = """
            trace { major = 1; minor = 8; byte_order = le; }; stream {};
            event { name = "say"; id = 0; fields := struct { string x; }; };
            """
        let trace = try HandmadeTrace(text)
        let long = [UInt8](repeating: 0x61, count: 1 << 20) + [0]
        let builder = builder()
        let slices = [
            try trace.slice([0x61, 0] + long + [0x62, 0], events: 3),
            // The second has no end.
            try trace.slice([0x63, 0, 0x64], events: 3, stream: 4),
        ]
        let batch = try #require(batches(builder, [ForwardedFrame(slices, order: [(0, 3), (1, 3)])]).first)
        #expect(x(try ReadRequest(batch.bytes).records) == ["x='a'", "x='b'", "x='c'"])
        #expect(batch.progress.events == 3 && builder.damagedEvents == 3)
    }

    @Test
    func `an event that is deeper than what collectors read is counted, and not cut`() throws {
        #expect(try fields(HandmadeTrace.nested(3), [9]) == ["s={s={s={x=int 9}}}"])
        let trace = try HandmadeTrace(HandmadeTrace.nested(40))
        let builder = builder()
        #expect(batches(builder, [ForwardedFrame([try trace.slice([9], events: 1)], order: [(0, 1)])]).isEmpty)
        #expect(builder.damagedEvents == 1)
    }

    // MARK: In parts

    @Test
    func `a batch that is too large goes in halves, down to single records, each under its host and trace`() throws {
        let one = try HandmadeTrace(tickMetadata, id: 1)
        let far = try HandmadeTrace(tickMetadata, host: "web-2", id: 3)
        let frame = ForwardedFrame([try one.ticks(1...4), try far.ticks(5...7)], order: [(0, 4), (1, 3)])
        var parted = PartedBatch(try #require(batches(builder(), [frame]).first))
        let whole = parted.byteCount
        let isSplit = parted.split()
        #expect(isSplit)
        #expect(parted.next?.events == 3)
        let first = try ReadRequest(try #require(parted.next).bytes)
        #expect(first.resources.count == 1 && x(first.records) == Self.ints(1...3))
        parted.end(refusedEvents: 1)
        let second = try ReadRequest(try #require(parted.next).bytes)
        #expect(second.resources.map(\.attributes.first) == ["host.name='web-1'", "host.name='web-2'"])
        #expect(x(second.records) == Self.ints(4...7) && parted.byteCount < whole)
        var rest: [String] = []
        while let part = parted.next {
            guard !parted.split() else { continue }
            #expect(part.events == 1)
            rest += x(try ReadRequest(part.bytes).records)
            parted.end(refusedEvents: 9)
        }
        #expect(rest == Self.ints(4...7))
        #expect(parted.refusedEvents == 5 && parted.byteCount == 0)
    }

    @Test
    func `events that are all too large leave nothing behind`() throws {
        let say = """
            trace { major = 1; minor = 8; byte_order = le; }; stream {};
            event { name = "say"; id = 0; fields := struct { string x; string y; }; };
            """
        let text = [UInt8](repeating: 0x61, count: 700_000) + [0]
        let slice = try HandmadeTrace(say).slice(text + text, events: 1)
        let builder = builder()
        for _ in 0..<40 { #expect(batches(builder, [ForwardedFrame([slice], order: [(0, 1)])]).isEmpty) }
        #expect(builder.damagedEvents == 40)
        #expect(builder.memoryBytes < 20 << 20)
    }

    @Test
    func `batches shrink for a collector that takes less, and grow again as they are taken`() throws {
        let trace = try HandmadeTrace(tickMetadata)
        let frame = ForwardedFrame([try trace.ticks(1...200)], order: [(0, 200)])
        let builder = builder(bytes: 64 << 10)
        let whole = batches(builder, [frame]).count
        builder.shrink(below: 40_000)
        let small = batches(builder, [frame]).count
        #expect(small > whole)
        for _ in 0..<30 { builder.grow() }
        #expect(batches(builder, [frame]).count == whole)
    }
}
