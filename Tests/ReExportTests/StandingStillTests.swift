import CTF
import Feed
import LTTngLive
import MetadataWriter
import PacketWriter
import Testing

@testable import ReExport

/// Viewers that must not come to a standstill, whatever waits for them.
struct StandingStillTests {
    private let trace = ExportedFeed.trace()
    private let stream = ExportedFeed.stream(2, of: ExportedFeed.trace())

    /// A packet of each of twenty streams, one a frame, of which none is due before the last frame.
    private func waitingFeed() throws -> (feed: ExportedFeed, packets: [ExportedFeed.Packet]) {
        let feed = ExportedFeed()
        let streams = (2..<22).map { ExportedFeed.stream(UInt64($0), of: trace) }
        try feed.publish(try ExportedFeed.declarations(trace, streams), watermark: 1)
        let packets = try streams.enumerated().map { number, stream in
            try feed.packet(stream, of: trace, at: [UInt64(number) + 10], end: 400)
        }
        for packet in packets { try feed.publish([ExportedFeed.events(packet)]) }
        try feed.publish([], watermark: 500)
        return (feed, packets)
    }

    @Test func `what waits for the watermark does not keep it from being read`() throws {
        let (feed, packets) = try waitingFeed()
        var limits = ReExportLimits()
        limits.waitingBytes = 4 * (packets[0].bytes.count + ExportedPacket.overheadBytes)
        let viewer = try ScriptedViewer(feed, limits: limits)
        viewer.framesPerRead = 1
        let session = try viewer.attachAll()
        var waiting = session.streams
        var shown = 0
        for _ in 0..<60 {
            waiting += try viewer.newStreams(session.id).streams.filter { !$0.isMetadata }
            for stream in waiting where try viewer.index(stream).end == 400 { shown += 1 }
        }
        #expect(shown == packets.count)
        #expect(viewer.export.totals.givenUpPackets == 0)
    }

    @Test func `where packets that are not due take all the room, some are given up`() throws {
        let (feed, packets) = try waitingFeed()
        let size = packets[0].bytes.count + ExportedPacket.overheadBytes
        var limits = ReExportLimits()
        (limits.waitingBytes, limits.openBytes) = (4 * size, 4 * size)
        let viewer = try ScriptedViewer(feed, limits: limits)
        viewer.framesPerRead = 1
        let session = try viewer.attachAll()
        for _ in 0..<60 {
            _ = try viewer.newStreams(session.id)
            _ = try viewer.index(session.streams[0])
        }
        #expect(viewer.export.totals.givenUpPackets >= 11)
        #expect(viewer.export.keptBytes <= 12 * size)
    }

    @Test func `where a release is cut into batches, those without watermark show as far as they go`() throws {
        let feed = ExportedFeed()
        let packets = try (0..<3).map { number in
            try feed.packet(stream, of: trace, at: [10 + number * 10], end: 11 + number * 10, sequence: number)
        }
        try feed.publish(try ExportedFeed.declarations(trace, [stream]), watermark: 1)
        for packet in packets {
            try feed.publish([ExportedFeed.events(packet)], floor: packet.packet.place.endCycles + 5)
        }
        let viewer = try ScriptedViewer(feed)
        let session = try viewer.attachAll()
        #expect(try packets.map { _ in try viewer.index(session.streams[0]).end } == [11, 21, 31])
        #expect(try viewer.index(session.streams[0]) == .beacon(35))
    }

    @Test func `what comes last before the feed ends is shown`() throws {
        let feed = ExportedFeed()
        let first = try feed.packet(stream, of: trace, at: [10], end: 11)
        let last = try feed.packet(stream, of: trace, at: [20], end: 21, sequence: 1)
        try feed.publish(try ExportedFeed.declarations(trace, [stream]) + [ExportedFeed.events(first)], watermark: 15)
        let viewer = try ScriptedViewer(feed)
        let session = try viewer.attachAll()
        #expect(try viewer.index(session.streams[0]).end == 11)
        #expect(try viewer.index(session.streams[0]) == .beacon(14))
        try viewer.feed.publish([ExportedFeed.events(last)], watermark: 16)
        viewer.endFeed()
        // That nothing follows is known when it is asked for once more.
        #expect(try viewer.index(session.streams[0]) == .beacon(15))
        #expect(try viewer.index(session.streams[0]).end == 21)
        #expect(try viewer.index(session.streams[0]).status == .hungUp)
        #expect(try viewer.newStreams(session.id).status == .hungUp)
    }

    @Test(arguments: [4, 15] as [UInt32]) func `nothing is kept of traces that an old viewer cannot be shown`(
        minor: UInt32
    ) throws {
        let feed = ExportedFeed()
        let packet = try feed.packet(stream, of: trace, at: [10], end: 11)
        let metadata = FeedRecord.metadata(traceID: trace.id, bytes: CTF2Writer.text(LTTngTrace().traceClass))
        let records: [FeedRecord] = [
            ExportedFeed.active(trace), .trace(trace), metadata, .stream(stream), ExportedFeed.events(packet),
        ]
        try feed.publish(records, watermark: 5)
        let viewer = try ScriptedViewer(feed, minor: minor)
        let id = try #require(try viewer.list().first { $0.name == "tidemark/cluster" }).id
        _ = try viewer.attach("tidemark/cluster")
        for _ in 0..<3 { _ = try viewer.newStreams(id) }
        #expect((viewer.export.keptBytes > 0) == (minor == 15))
        // It does not keep the session from ending, either.
        try viewer.feed.publish([.streamEnd(StreamEndRecord(streamID: 2, traceID: 1, traceUUID: nil))])
        try viewer.feed.publish([.traceEnd(traceID: 1), ExportedFeed.active(trace, .ended)], watermark: 30)
        guard minor == 4 else { return }
        #expect(try viewer.newStreams(id).status == .ok)
        #expect(try viewer.newStreams(id).status == .hungUp)
    }

    @Test func `of many streams each reply tells some`() throws {
        let feed = ExportedFeed()
        let streams = (2..<12).map { ExportedFeed.stream(UInt64($0), of: trace) }
        let packets = try streams.map { ExportedFeed.events(try feed.packet($0, of: trace, at: [10], end: 11)) }
        try feed.publish(try ExportedFeed.declarations(trace, streams) + packets, watermark: 20)
        var limits = ReExportLimits()
        limits.announcedStreams = 4
        let viewer = try ScriptedViewer(feed, limits: limits)
        let session = try viewer.attachAll()
        var found = session.streams
        #expect(found.count < 5)
        for _ in 0..<3 { found += try viewer.newStreams(session.id).streams.filter { !$0.isMetadata } }
        #expect(Set(found.map(\.channel)).count == 10)
    }

    @Test func `any amount that was told of a clock may still hold, until one that is settled comes`() throws {
        let settled = { (ns: Int64) in TimeCorrection(offsetNs: ns) }
        var bound = CorrectionBound(settled(20), toldNs: 20)
        bound.told(10)
        bound.told(5)
        #expect(bound.mostNs == 20)
        bound.passed(settled(20))
        #expect(bound.mostNs == 20)
        bound.told(30)
        bound.told(0)
        #expect(bound.mostNs == 30)
        bound.passed(settled(5))
        #expect(bound.mostNs == 30)
        bound.passed(settled(0))
        #expect(bound.mostNs == 0)
    }
}
