import CTF
import Feed
import Foundation
import HandmadeTraces
import MetadataWriter
import PacketWriter
import Rendering
import Testing

final class CTFExportTests {
    private let root: URL

    init() {
        root = FileManager.default.temporaryDirectory.appendingPathComponent("export-\(UUID().uuidString)")
    }

    deinit { try? FileManager.default.removeItem(at: root) }

    /// A directory, removed with the test.
    private struct Folder {
        let url: URL

        func append(_ file: String, _ bytes: Data) throws {
            let target = url.appendingPathComponent(file)
            try FileManager.default.createDirectory(
                at: target.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try (((try? Data(contentsOf: target)) ?? Data()) + bytes).write(to: target)
        }

        /// The directories that hold a trace.
        var traces: [URL] {
            let all = FileManager.default.enumerator(at: url, includingPropertiesForKeys: nil)?.allObjects ?? []
            return all.compactMap { $0 as? URL }.filter { $0.lastPathComponent == "metadata" }
                .map { $0.deletingLastPathComponent() }.sorted { $0.path < $1.path }
        }
    }

    private func folder() throws -> Folder {
        let url = root.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        return Folder(url: url)
    }

    private static let wholeRange = RangeFilter(beginNs: nil, endNs: nil)

    private func export(
        _ batches: [FeedBatch],
        range: RangeFilter = wholeRange,
        filter: FilterExpression? = nil
    ) throws -> Folder {
        let folder = try folder()
        var exporter = FeedExporter(.ctf, range: range, filter: filter) { file, bytes in
            do { try folder.append(file, Data(bytes)) } catch { Issue.record(error) }
        }
        for batch in batches { try exporter.take(batch) { _ in } }
        exporter.finish()
        return folder
    }

    private func text(_ batch: FeedBatch) throws -> String {
        var options = RenderingOptions(format: .text)
        options.text.clockSeconds = true
        options.text.showsDelta = false
        return try rendered(batch, options).text
    }

    /// A stored trace as one batch, with what declares it.
    private func batch(_ directory: URL, relay: String = "alpha") throws -> FeedBatch {
        var batch = try TraceDirectory(directory, relay: relay).batch
        guard case .events(let group)? = batch.records.first, let trace = group.slices.first?.packet.trace else {
            throw TraceDirectory.Failure(description: "no events")
        }
        let metadata = try Data(contentsOf: directory.appendingPathComponent("metadata"))
        batch.records = [.trace(trace), .metadata(traceID: trace.id, bytes: Array(metadata))] + batch.records
        return batch
    }

    /// Two streams of packets whose events are now and then far apart.
    private func stored(_ trace: LTTngTrace, _ random: inout SeededRandom) throws -> Folder {
        let folder = try folder()
        try folder.append("metadata", Data(try #require(TSDLWriter.text(trace.traceClass)).utf8))
        var seqno: UInt64 = 0
        for stream in 0..<2 as Range<UInt64> {
            var cycles: UInt64 = 1000
            for sequence in 0..<4 as Range<UInt64> {
                let events = (0..<40).map { _ -> LTTngTrace.Event in
                    cycles += Int.random(in: 0..<8, using: &random) == 0 ? .random(in: 0..<1 << 34, using: &random) : 5
                    seqno += 1
                    let bytes = [UInt8](repeating: 7, count: .random(in: 0..<5, using: &random))
                    return Bool.random(using: &random)
                        ? LTTngTrace.tick(at: cycles, seqno: seqno, bytes: bytes)
                        : LTTngTrace.mark(at: cycles, value: Int64(seqno))
                }
                let bytes = trace.writePacket(
                    events: events,
                    streamInstanceID: stream,
                    sequenceNumber: sequence,
                    cpuID: stream,
                    paddingBytes: .random(in: 0..<9, using: &random)
                )
                try folder.append("channel_\(stream)", Data(bytes))
            }
        }
        return folder
    }

    @Test(arguments: 0..<12 as Range<UInt64>)
    func `what any filter and range choose reads back as it was`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let trace = LTTngTrace(
            header: Bool.random(using: &random) ? .compact : .large,
            byteOrder: Bool.random(using: &random) ? .littleEndian : .bigEndian
        )
        let whole = try batch(stored(trace, &random).url)
        let times = try #require(whole.watermarkNs) - 1_700_000_000_000_000_000
        for text in ["", "seqno & 3 == 1 || value & 3 == 2", "seqno > 0", "seqno == 17", "value & 1 == 0"] {
            let expression = text.isEmpty ? nil : try FilterExpression(text)
            let (one, other) = (
                Int64.random(in: 0...times, using: &random), Int64.random(in: 0...times, using: &random)
            )
            let base: Int64 = 1_700_000_000_000_000_000
            let isCut = Bool.random(using: &random)
            let range = RangeFilter(
                beginNs: isCut ? base + min(one, other) : nil,
                endNs: isCut ? base + max(one, other) : nil
            )
            var (eventFilter, rangeFilter) = (expression.map { EventFilter($0) }, range)
            let wanted = try self.text(rangeFilter.filtered(eventFilter?.filtered(whole) ?? whole))
            let traces = try export([whole], range: range, filter: expression).traces
            if wanted.isEmpty {
                #expect(traces.isEmpty)
            } else {
                try #require(traces.count == 1)
                #expect(try self.text(batch(traces[0])) == wanted)
            }
        }
    }

    @Test func `a sparse choice shares packets as far as its clock can tell`() throws {
        let trace = LTTngTrace()
        let folder = try folder()
        try folder.append("metadata", Data(try #require(TSDLWriter.text(trace.traceClass)).utf8))
        // The last is further from the odd one before it than the header's 27 bits can count, not from its neighbour.
        let times = (1...9).map { $0 * 1000 } + (1...3).map { 9000 + $0 << 26 } + [9000 + 4 << 26]
        let numbers = Array(1...9) + [10, 12, 14, 15]
        let events = zip(times, numbers).map { LTTngTrace.tick(at: UInt64($0), seqno: UInt64($1)) }
        try folder.append("channel", Data(trace.writePacket(events: events)))
        let expression = try FilterExpression("seqno & 1 == 1")
        let exported = try export([batch(folder.url)], filter: expression)
        let stream = try Data(contentsOf: try #require(exported.traces.first).appendingPathComponent("channel"))
        #expect(try preambles(stream, trace).map { $0.sequenceNumber } == [0, 1])
        #expect(try text(batch(try #require(exported.traces.first))).split(separator: "\n").count == 6)
    }

    private func preambles(_ stream: Data, _ trace: LTTngTrace) throws -> [PacketPreamble] {
        let program = try TraceProgram(trace.traceClass)
        var rest = Array(stream)[...]
        var preambles: [PacketPreamble] = []
        while !rest.isEmpty {
            let preamble = try rest.withUnsafeBytes { try program.readPreamble(PacketBytes($0)) }
            preambles.append(preamble)
            rest = rest.dropFirst(Int(try #require(preamble.totalBits) / 8))
        }
        return preambles
    }

    @Test func `what the feed says was lost is what the packets say, before, between and behind events`() throws {
        let trace = LTTngTrace()
        let folder = try folder()
        try folder.append("metadata", Data(try #require(TSDLWriter.text(trace.traceClass)).utf8))
        let packets = [1, 2].map { trace.writePacket(events: [LTTngTrace.mark(at: $0, value: 1)], discardedEvents: 99) }
        try folder.append("channel", Data(packets.joined()))
        var all = try batch(folder.url)
        guard case .events(let group)? = all.records.popLast() else { throw TraceDirectory.Failure(description: "") }
        func lost(_ unit: LossRecord.Unit, _ count: UInt64) -> FeedRecord {
            .lost(
                LossRecord(
                    relay: "alpha",
                    host: "host",
                    session: "session",
                    sessionID: 7,
                    streamID: group.slices[0].packet.stream.id,
                    unit: unit,
                    count: count,
                    fromNs: nil,
                    toNs: nil,
                    reason: ""
                )
            )
        }
        let groups = group.slices.map { slice in
            FeedRecord.events(EventGroup(slices: [slice], order: [.init(slice: 0, count: 1)], eventCount: 1))
        }
        all.records += [lost(.events, 5), groups[0], lost(.events, 2), lost(.packets, 3), groups[1], lost(.events, 4)]
        let exported = try export([all])
        let stream = try Data(contentsOf: try #require(exported.traces.first).appendingPathComponent("channel"))
        let told = try preambles(stream, trace)
        #expect(told.map { $0.discardedEvents } == [0, 5, 7, 11])
        #expect(told.map { $0.sequenceNumber } == [0, 1, 5, 6])
    }

    @Test func `traces with one UUID are told apart`() throws {
        var random = SeededRandom(seed: 1)
        let trace = LTTngTrace()
        let folder = try stored(trace, &random)
        let one = try batch(folder.url, relay: "alpha")
        var clone = try batch(folder.url, relay: "beta")
        // Numbers are unique in a feed.
        clone.records = clone.records.map { record in
            switch record {
            case .trace(var trace):
                trace.id = 2
                return .trace(trace)
            case .metadata(_, let bytes): return .metadata(traceID: 2, bytes: bytes)
            case .events(var group):
                group.slices = group.slices.map { slice in
                    var (slice, trace) = (slice, slice.packet.trace)
                    trace.id = 2
                    let stream = FeedStream(
                        id: slice.packet.stream.id + 10,
                        traceID: 2,
                        liveStreamID: slice.packet.stream.liveStreamID,
                        channel: slice.packet.stream.channel
                    )
                    slice.packet = FeedPacket(
                        id: slice.packet.id + 1000,
                        trace: trace,
                        stream: stream,
                        program: slice.packet.program,
                        metadataBytes: slice.packet.metadataBytes,
                        preamble: slice.packet.preamble,
                        preambleStorage: slice.packet.preambleStorage,
                        correction: .none
                    )
                    return slice
                }
                return .events(group)
            default: return record
            }
        }
        let exported = try export([one, clone])
        let read = try exported.traces.map { try TraceDirectory($0) }
        try #require(read.count == 2)
        #expect(Set(read.map { $0.program.traceClass.uuid }).count == 2)
        #expect(read.contains { $0.program.traceClass.uuid == trace.traceClass.uuid })
        // Packets that name another trace are refused.
        for read in read { #expect(try text(read.batch).split(separator: "\n").count == 320) }
    }

    @Test func `metadata that breaks off is written as far as it is whole`() throws {
        var random = SeededRandom(seed: 2)
        let trace = LTTngTrace()
        var all = try batch(stored(trace, &random).url)
        all.records.insert(.metadata(traceID: 1, bytes: Array("event {\n name = \"half".utf8)), at: 2)
        let exported = try export([all])
        #expect(try text(batch(try #require(exported.traces.first))) == text(all))
    }

    @Test(.enabled(if: SharedTraces.root != nil, "../shared/data/ctf is not there"))
    func `stored traces of all kinds read back as they are`() throws {
        let root = try #require(SharedTraces.root).appendingPathComponent("traces")
        var count = 0
        for (name, events) in try SharedTraces.passing() where events > 0 {
            guard name.hasPrefix("bt-") || name.hasPrefix("cts-") else { continue }
            // Those in one directory that our reader of tests reads whole.
            guard let whole = try? batch(root.appendingPathComponent(name), relay: "") else { continue }
            let exported = try export([whole])
            try #require(exported.traces.count == 1, "\(name)")
            var read = try text(batch(exported.traces[0], relay: ""))
            var wanted = try text(whole)
            // Which of several files is first at the same time is another matter.
            read = read.split(separator: "\n").sorted().joined(separator: "\n")
            wanted = wanted.split(separator: "\n").sorted().joined(separator: "\n")
            #expect(read == wanted, "\(name)")
            count += 1
        }
        #expect(count > 10)
    }
}
