import CTF
import Feed
import LTTngLive
import PacketWriter
import ReExport
import Testing

/// What viewers are told of streams whose times the feed corrects.
extension ReExportTests {
    /// The clock of `LTTngTrace` on the trace's host.
    private func told(_ correctionNs: Int64, host: String? = nil) -> FeedRecord {
        var report = ClockReport(
            relay: trace.relay,
            host: host ?? trace.host,
            clock: LTTngTrace().traceClass.clocks[0].uuid?.description ?? "",
            referenceRelay: trace.relay,
            referenceHost: "other",
            quality: .accurate
        )
        report.correctionNs = correctionNs
        return .clock(report)
    }

    private func changing(from offsetNs: Int64, to endOffsetNs: Int64, _ cycles: Range<UInt64>) throws -> TimeCorrection
    {
        try #require(
            TimeCorrection(
                offsetNs: offsetNs,
                beginNs: ExportedFeed.ns(cycles.lowerBound),
                endNs: ExportedFeed.ns(cycles.upperBound),
                endOffsetNs: endOffsetNs
            )
        )
    }

    @Test func `a beacon promises no more than what holds when a clock is set forward`() throws {
        let feed = ExportedFeed()
        let before = try feed.packet(stream, of: trace, at: [1000], end: 1010)
        let still = try feed.packet(stream, of: trace, at: [2910], end: 2920, sequence: 1)
        let on = try feed.packet(
            stream,
            of: trace,
            at: [5950],
            end: 6000,
            sequence: 2,
            correction: try changing(from: 0, to: 100, 3000..<10_000)
        )
        try feed.publish(
            try ExportedFeed.declarations(trace, [stream]) + [ExportedFeed.events(before)],
            watermark: 2000
        )
        let viewer = try ScriptedViewer(feed)
        let session = try attachAll(viewer)
        #expect(try viewer.index(session.streams[0]).end == 1010)
        #expect(try viewer.index(session.streams[0]) == .beacon(1999))
        // Of other clocks.
        try feed.publish([told(700, host: "db")], watermark: 2500)
        #expect(try viewer.index(session.streams[0]) == .beacon(2499))
        try feed.publish([told(100)], watermark: 2800)
        #expect(try viewer.index(session.streams[0]) == .beacon(2699))
        // A packet that was corrected before the slope says nothing of what follows: what is at 5950 will be at 5992.
        try feed.publish([ExportedFeed.events(still)], watermark: 2921)
        #expect(try viewer.index(session.streams[0]).end == 2920)
        try feed.publish([], watermark: 5990)
        #expect(try viewer.index(session.streams[0]) == .beacon(5889))
        try feed.publish([ExportedFeed.events(on)], watermark: 7000)
        let index = try viewer.index(session.streams[0])
        #expect(index.end == 6000)
        #expect(try viewer.packet(session.streams[0], index)?.count == on.bytes.count)
        #expect(try viewer.index(session.streams[0]) == .beacon(6899))
        #expect(viewer.export.totals == ReExport.Totals(packets: 3))
    }

    @Test func `a beacon promises no more than what holds when a clock is set back, and in the end all that does`()
        throws
    {
        let feed = ExportedFeed()
        let fast = TimeCorrection(offsetNs: 500)
        let before = try feed.packet(stream, of: trace, at: [1000], end: 1010, correction: fast)
        let still = try feed.packet(stream, of: trace, at: [2600], end: 2610, sequence: 1, correction: fast)
        let after = try feed.packet(
            stream,
            of: trace,
            at: [20_000],
            end: 20_010,
            sequence: 2,
            correction: TimeCorrection(offsetNs: -200)
        )
        try feed.publish(
            [told(500)] + (try ExportedFeed.declarations(trace, [stream])) + [ExportedFeed.events(before)],
            watermark: 3000
        )
        let viewer = try ScriptedViewer(feed)
        let session = try attachAll(viewer)
        #expect(try viewer.index(session.streams[0]).end == 1010)
        #expect(try viewer.index(session.streams[0]) == .beacon(2499))
        try feed.publish([told(-200)], watermark: 3050)
        // The slope may not have begun where the next event is.
        #expect(try viewer.index(session.streams[0]) == .beacon(2549))
        try feed.publish([ExportedFeed.events(still)], watermark: 4000)
        #expect(try viewer.index(session.streams[0]).end == 2610)
        #expect(try viewer.index(session.streams[0]) == .beacon(3499))
        try feed.publish([ExportedFeed.events(after)], watermark: 19_811)
        // Its end is 19 810 in the feed: it is due as soon as the feed has come to it.
        #expect(try viewer.index(session.streams[0]).end == 20_010)
        #expect(try viewer.index(session.streams[0]) == .beacon(20_010))
        try feed.publish([], watermark: 30_000)
        #expect(try viewer.index(session.streams[0]) == .beacon(30_199))
    }

    @Test func `whoever comes after a change was told is promised no more than what holds`() throws {
        let feed = ExportedFeed()
        let before = try feed.packet(stream, of: trace, at: [1000], end: 1010)
        try feed.publish(
            try ExportedFeed.declarations(trace, [stream]) + [ExportedFeed.events(before)],
            watermark: 2000
        )
        try feed.publish([told(300)], watermark: 5000)
        let viewer = try ScriptedViewer(feed)
        let (status, streams) = try viewer.attach("tidemark/cluster", seek: 2)
        #expect(status == .ok)
        #expect(try viewer.index(streams[1]) == .beacon(4699, flags: 1))
    }
}
