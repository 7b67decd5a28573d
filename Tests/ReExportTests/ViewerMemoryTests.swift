import CTF
import LTTngLive
import PacketWriter
import Testing

@testable import Feed
@testable import ReExport

/// What is kept for a viewer.
struct ViewerMemoryTests {
    private let trace = ExportedFeed.trace()

    private func streams(_ count: UInt64) -> [FeedStream] {
        (0..<count).map { ExportedFeed.stream(10 + $0, of: trace) }
    }

    /// Of each stream a packet at each of the times, all of one size.
    private func packets(
        _ feed: ExportedFeed,
        _ streams: [FeedStream],
        at times: [UInt64]
    ) throws -> [[ExportedFeed.Packet]] {
        try streams.map { stream in
            try times.enumerated().map { number, time in
                try feed.packet(
                    stream,
                    of: trace,
                    at: [time],
                    end: time + 1,
                    sequence: UInt64(number),
                    offset: UInt64(number) << 16
                )
            }
        }
    }

    @Test func `packets that were shown leave the room to those in the making`() throws {
        let feed = ExportedFeed()
        let streams = streams(4)
        let packets = try packets(feed, streams, at: [10, 20, 30, 40])
        let size = packets[0][0].bytes.count + ExportedPacket.overheadBytes
        try feed.publish(try ExportedFeed.declarations(trace, streams), watermark: 1)
        for number in 0..<4 {
            try feed.publish(packets.map { ExportedFeed.events($0[number]) }, watermark: UInt64(number) * 10 + 15)
        }
        var limits = ReExportLimits()
        limits.openBytes = size
        let viewer = try ScriptedViewer(feed, limits: limits)
        viewer.framesPerRead = 1
        let session = try viewer.attachAll()
        for number in 0..<4 {
            for (stream, packets) in zip(session.streams, packets) {
                var index = try viewer.index(stream)
                for _ in 0..<10 where index.status == .inactive { index = try viewer.index(stream) }
                #expect(try viewer.packet(stream, index) == packets[number].bytes)
            }
        }
        #expect(viewer.export.totals == ReExport.Totals(packets: 16))
        #expect(viewer.export.keptBytes == 4 * KeptPackets.servedMax * size)
    }

    @Test func `of the packets that were shown the oldest that was fetched goes first, then the oldest`() throws {
        let feed = ExportedFeed()
        let streams = streams(3)
        let packets = try packets(feed, streams, at: [10, 20])
        let size = packets[0][0].bytes.count + ExportedPacket.overheadBytes
        try feed.publish(try ExportedFeed.declarations(trace, streams), watermark: 1)
        try feed.publish(packets.joined().map { ExportedFeed.events($0) }, watermark: 50)
        var limits = ReExportLimits()
        limits.servedBytes = 2 * size
        let viewer = try ScriptedViewer(feed, limits: limits)
        let shown = try viewer.attachAll().streams
        let first = try shown.map { stream in
            let index = try viewer.index(stream)
            if stream == shown[1] { #expect(try viewer.packet(stream, index) != nil) }
            return index
        }
        #expect(try viewer.packet(shown[1], first[1]) == nil)
        #expect(try viewer.packet(shown[0], first[0]) == packets[0][0].bytes)
        #expect(viewer.export.totals.givenUpPackets == 0)
        let next = try viewer.index(shown[1])
        #expect(try viewer.packet(shown[0], first[0]) == nil)
        #expect(viewer.export.totals.givenUpPackets == 0)
        let last = try viewer.index(shown[2])
        #expect(try viewer.packet(shown[2], first[2]) == nil)
        #expect(try viewer.packet(shown[1], next) == packets[1][1].bytes)
        #expect(try viewer.packet(shown[2], last) == packets[2][1].bytes)
        #expect(viewer.export.totals == ReExport.Totals(packets: 5, givenUpPackets: 1))
    }

    @Test func `streams whose end is not asked for hold up reading in the end`() throws {
        let feed = ExportedFeed()
        let streams = streams(3)
        try feed.publish(try ExportedFeed.declarations(trace, streams), watermark: 1)
        let packets = try packets(feed, streams, at: [10])
        try feed.publish(packets.map { ExportedFeed.events($0[0]) }, watermark: 20)
        var limits = ReExportLimits()
        limits.endedStreams = 2
        let viewer = try ScriptedViewer(feed, limits: limits)
        let shown = try viewer.attachAll().streams
        for stream in shown { #expect(try viewer.index(stream).status == .ok) }
        for stream in streams[1...] {
            let end = StreamEndRecord(streamID: stream.id, traceID: trace.id, traceUUID: nil)
            try feed.publish([.streamEnd(end)], watermark: 30)
        }
        #expect(try viewer.index(shown[0]) == .beacon(29))
        try feed.publish([], watermark: 40)
        #expect(try viewer.index(shown[0]) == .beacon(29))
        #expect(try viewer.index(shown[1]).status == .hungUp)
        #expect(try viewer.index(shown[0]) == .beacon(39))
    }

    @Test func `metadata of traces whose end is not asked for holds up reading as packets do`() throws {
        let feed = ExportedFeed()
        let stream = streams(1)[0]
        let other = ExportedFeed.trace(2, host: "db")
        let ending = ExportedFeed.stream(20, of: other)
        let kind = LTTngTrace()
        try feed.publish(try ExportedFeed.declarations(trace, [stream]))
        try feed.publish(try ExportedFeed.declarations(other, [ending]), watermark: 1)
        let packet = try feed.packet(stream, of: trace, at: [10], end: 11)
        try feed.publish(
            [
                ExportedFeed.events(packet),
                ExportedFeed.events(try feed.packet(ending, of: other, in: kind, at: [10], end: 11)),
            ],
            watermark: 20
        )
        var limits = ReExportLimits()
        limits.waitingBytes = try ExportedFeed.metadata(kind).count
        let viewer = try ScriptedViewer(feed, limits: limits)
        let shown = try viewer.attachAll("tidemark/cluster").streams
        for stream in shown { #expect(try viewer.index(stream).status == .ok) }
        try feed.publish([.traceEnd(traceID: other.id)], watermark: 30)
        #expect(try viewer.index(shown[0]) == .beacon(29))
        try feed.publish([], watermark: 40)
        #expect(try viewer.index(shown[0]) == .beacon(29))
        #expect(try viewer.index(shown[1]).status == .hungUp)
        #expect(try viewer.index(shown[0]) == .beacon(39))
    }

    @Test func `metadata is not kept besides the decoder's state, attached or not`() throws {
        let feed = ExportedFeed()
        let other = ExportedFeed.trace(2, host: "db")
        try feed.publish(try ExportedFeed.declarations(trace, streams(1)), watermark: 1)
        try feed.publish(try ExportedFeed.declarations(other, []))
        let viewer = try ScriptedViewer(feed)
        let session = try viewer.attachAll(reads: false)
        _ = try viewer.newStreams(session.id)
        #expect(viewer.metadataIsShared(ofTraces: [1, 2]))
        try feed.publish([.metadata(traceID: 2, bytes: Array(" ".utf8))], watermark: 2)
        feed.forgetFrames()
        try feed.publish([.metadata(traceID: 1, bytes: Array(" ".utf8))], watermark: 3)
        for _ in 0..<2 { _ = try viewer.newStreams(session.id) }
        #expect(viewer.metadataIsShared(ofTraces: [1, 2]))
    }

    @Test func `who attaches again gets the metadata from its start, and what comes next`() throws {
        let feed = ExportedFeed()
        let stream = streams(1)[0]
        let metadata = try ExportedFeed.metadata(LTTngTrace())
        let packets = try packets(feed, [stream], at: [10, 20, 30])[0]
        try feed.publish(
            try ExportedFeed.declarations(trace, [stream]) + [ExportedFeed.events(packets[0])],
            watermark: 15
        )
        let viewer = try ScriptedViewer(feed)
        let first = try viewer.attachAll(reads: false)
        #expect(try viewer.metadata(first.metadata[0]).bytes == metadata)
        let index = try viewer.index(first.streams[0])
        try feed.publish([ExportedFeed.events(packets[1])], watermark: 25)
        #expect(try viewer.index(first.streams[0]).begin == 20)
        #expect(try viewer.detach(first.id) == 1)
        // Nothing is given of what is not attached.
        #expect(try viewer.metadata(first.metadata[0]).status == .failed)
        #expect(try viewer.index(first.streams[0]).status == .failed)
        #expect(try viewer.packet(first.streams[0], index) == nil)
        #expect(viewer.export.keptBytes == 0)
        let more = Array("\n".utf8)
        try feed.publish([.metadata(traceID: trace.id, bytes: more), ExportedFeed.events(packets[2])], watermark: 35)
        let again = try viewer.attachAll(reads: false)
        #expect(again.streams == first.streams && again.metadata == first.metadata)
        let next = try viewer.index(again.streams[0])
        #expect(next.begin == 30 && next.flags == 1)
        #expect(try viewer.packet(again.streams[0], next) == packets[2].bytes)
        #expect(try viewer.metadata(again.metadata[0]).bytes == metadata + more)
        #expect(try viewer.metadata(again.metadata[0]).status == .noNew)
        // Behind a gap too.
        try feed.publish([], watermark: 45)
        feed.forgetFrames()
        #expect(try viewer.detach(first.id) == 1)
        let last = try viewer.attachAll(reads: false)
        #expect(try viewer.metadata(last.metadata[0]).bytes == metadata + more)
    }
}

extension ScriptedViewer {
    /// Whether what the viewer may be given lies where the decoder's state has it.
    fileprivate func metadataIsShared(ofTraces ids: [UInt64]) -> Bool {
        ids.allSatisfy { id in
            guard let shown = export.traces[id]?.metadata, let decoded = export.decoder.state.traces[id]?.metadata
            else { return false }
            return !shown.isEmpty && shown.map(\.address) == decoded.map(\.address)
        }
    }
}

extension [UInt8] {
    fileprivate var address: UnsafePointer<UInt8>? { withUnsafeBufferPointer { $0.baseAddress } }
}
