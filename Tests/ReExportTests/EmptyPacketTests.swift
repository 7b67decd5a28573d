import CTF
import Feed
import LTTngLive
import PacketWriter
import ReExport
import Testing

/// Packets without events, which the feed does not have and a viewer is shown.
extension ReExportTests {
    /// What a packet that a viewer fetches says of itself.
    private func preamble(
        _ index: ScriptedViewer.Index,
        _ stream: LiveStream,
        _ viewer: ScriptedViewer,
        like packet: ExportedFeed.Packet
    ) throws -> PacketPreamble {
        let bytes = try #require(try viewer.packet(stream, index))
        return try bytes.withUnsafeBytes { try packet.packet.program.readPreamble(PacketBytes($0)) }
    }

    private func loss(_ count: UInt64?, before packet: ExportedFeed.Packet) -> FeedRecord {
        .lost(
            LossRecord(
                relay: trace.relay,
                host: trace.host,
                session: trace.session,
                sessionID: trace.sessionID,
                streamID: packet.packet.stream.id,
                unit: .packets,
                count: count,
                fromNs: nil,
                toNs: nil,
                reason: "overwritten",
                packet: packet.packet.place
            )
        )
    }

    @Test(arguments: [4, 15] as [UInt32])
    func `packets without events are put in place again, so that none seems to be lost`(minor: UInt32) throws {
        let feed = ExportedFeed()
        let first = try feed.packet(stream, of: trace, at: [10], end: 11, sequence: 4, discarded: 7)
        let next = try feed.packet(stream, of: trace, at: [50], end: 51, sequence: 7, discarded: 7)
        try feed.publish(try ExportedFeed.declarations(trace, [stream]) + [ExportedFeed.events(first)], watermark: 40)
        let viewer = try ScriptedViewer(feed, minor: minor)
        let session = try attachAll(viewer)
        #expect(try viewer.index(session.streams[0]).end == 11)
        #expect(try viewer.index(session.streams[0]) == .beacon(39))
        try feed.publish([ExportedFeed.events(next)], watermark: 60)
        for number in 5...7 as ClosedRange<UInt64> {
            let index = try viewer.index(session.streams[0])
            let found = try preamble(index, session.streams[0], viewer, like: first)
            #expect(index.status == .ok && index.discarded == 7)
            #expect(found.sequenceNumber == number && found.discardedEvents == 7)
            #expect(found.timestampBeginCycles == index.begin && found.timestampEndCycles == index.end)
            #expect(index.begin == (number == 7 ? 50 : 39) && index.end == (number == 7 ? 51 : 39))
            #expect((found.contentBits == found.firstEventBits) == (number < 7))
        }
        #expect(try viewer.index(session.streams[0]) == .beacon(59))
        #expect(viewer.export.totals == ReExport.Totals(packets: 2))
    }

    @Test func `packets that are lost are not put in place again, also where that is said early`() throws {
        let feed = ExportedFeed()
        let first = try feed.packet(stream, of: trace, at: [10], end: 11)
        let second = try feed.packet(stream, of: trace, at: [20], end: 21, sequence: 2)
        let third = try feed.packet(stream, of: trace, at: [30], end: 31, sequence: 6)
        let fourth = try feed.packet(stream, of: trace, at: [40], end: 41, sequence: 8)
        // Two of the three packets before the third are lost; before the second and the fourth there was one that had
        // no events, and one of which nobody knows.
        try feed.publish(
            try ExportedFeed.declarations(trace, [stream]) + [
                ExportedFeed.events(first), loss(2, before: third), ExportedFeed.events(second),
                loss(nil, before: fourth),
                ExportedFeed.events(third), ExportedFeed.events(fourth),
            ],
            watermark: 60
        )
        let viewer = try ScriptedViewer(feed, minor: 15)
        let session = try attachAll(viewer)
        var numbers: [UInt64?] = []
        for _ in 0..<6 {
            let index = try viewer.index(session.streams[0])
            numbers.append(try preamble(index, session.streams[0], viewer, like: first).sequenceNumber)
        }
        #expect(numbers == [0, 1, 2, 3, 6, 8])
        #expect(try viewer.index(session.streams[0]) == .beacon(59))
    }

    @Test func `of more packets without events than may be put in place again all seem lost`() throws {
        var limits = ReExportLimits()
        limits.skippedPackets = 3
        let feed = ExportedFeed()
        let first = try feed.packet(stream, of: trace, at: [10], end: 11)
        let next = try feed.packet(stream, of: trace, at: [50], end: 51, sequence: .max)
        try feed.publish(
            try ExportedFeed.declarations(trace, [stream]) + [ExportedFeed.events(first), ExportedFeed.events(next)],
            watermark: 60
        )
        let viewer = try ScriptedViewer(feed, minor: 15, limits: limits)
        let session = try attachAll(viewer)
        #expect(try viewer.index(session.streams[0]).end == 11)
        #expect(try viewer.index(session.streams[0]).end == 51)
    }

    @Test func `a viewer that came after the only packets learns of new streams without another`() throws {
        let feed = ExportedFeed()
        let only = try feed.packet(stream, of: trace, at: [10], end: 11, sequence: 4, discarded: 3)
        let next = try feed.packet(stream, of: trace, at: [50], end: 51, sequence: 5, discarded: 3)
        let new = try feed.packet(other, of: trace, at: [45], end: 46)
        try feed.publish(try ExportedFeed.declarations(trace, [stream]) + [ExportedFeed.events(only)], watermark: 20)
        let viewer = try ScriptedViewer(feed)
        let (status, streams) = try viewer.attach("tidemark/cluster", seek: 2)
        #expect(status == .ok && streams.count == 2)
        _ = try viewer.metadata(streams[0])
        #expect(try viewer.index(streams[1]) == .beacon(19))
        try feed.publish([.stream(other), ExportedFeed.events(new)], watermark: 60)
        // As babeltrace2 2.0, it does not look at the flags of a beacon.
        var index = try viewer.index(streams[1])
        for _ in 0..<ReExportLimits().unheededFlags where index.status == .inactive {
            #expect(index == .beacon(19, flags: 2))
            index = try viewer.index(streams[1])
        }
        #expect(index.status == .ok && index.flags == 2 && index.begin == 19 && index.end == 19)
        let found = try preamble(index, streams[1], viewer, like: only)
        #expect(found.traceUUID == only.packet.preamble.traceUUID && found.streamInstanceID == stream.id)
        #expect(found.sequenceNumber == 4 && found.discardedEvents == 3 && found.contentBits == found.firstEventBits)
        let announced = try viewer.newStreams(try viewer.list()[0].id).streams
        #expect(announced.map(\.channel) == ["channel0_11"])
        #expect(try viewer.index(announced[0]).begin == 45)
        try feed.publish([ExportedFeed.events(next)], watermark: 60)
        #expect(try viewer.index(streams[1]).begin == 50)
    }
}
