import CTF
import Feed
import Testing

@testable import Rendering

@Suite struct LossTextTests {
    private func notice(_ cause: LossRecord.Cause, count: UInt64?) -> String? {
        var text = NoticeText(options: TextOptions())
        let loss = LossRecord(
            relay: "r",
            host: "h",
            session: "s",
            sessionID: 1,
            streamID: nil,
            unit: .packets,
            count: count,
            fromNs: nil,
            toNs: nil,
            reason: "why",
            cause: cause
        )
        return text.notice(for: .lost(loss), streams: KnownStreams())
    }

    @Test func `the tracer is blamed for what it discarded only`() throws {
        #expect(try #require(notice(.tracer, count: 2)).hasPrefix("WARNING: Tracer discarded 2 packets ("))
        #expect(try #require(notice(.tracer, count: nil)).hasPrefix("WARNING: Tracer may have discarded packets ("))
        #expect(try #require(notice(.delivery, count: 1)).hasPrefix("WARNING: Lost on the way: 1 packet ("))
        #expect(
            try #require(notice(.delivery, count: nil)).hasPrefix("WARNING: An unknown number of packets is lost (")
        )
    }

    @Test func `what a trace had is forgotten with it`() {
        var streams = KnownStreams()
        let trace = FeedTrace(id: 1, relay: "r", host: "h", session: "s", sessionID: 1, path: "p")
        streams.note(.trace(trace))
        streams.note(.stream(FeedStream(id: 2, traceID: 1, liveStreamID: 3, channel: "c")))
        #expect(streams[2] != nil)
        streams.note(.traceEnd(traceID: 1))
        #expect(streams[2] == nil)
    }

    @Test func `a stored stream is called as its file, and its class is known before a packet comes`() throws {
        var text = NoticeText(options: TextOptions())
        var streams = KnownStreams()
        var stream = FeedStream(id: 2, traceID: 1, liveStreamID: 3, channel: "c")
        stream.filePath = "traces/a/c"
        stream.classID = 7
        streams.note(.trace(FeedTrace(id: 1, relay: "", host: "", session: "", sessionID: 1, path: "traces/a")))
        streams.note(.stream(stream))
        let loss = LossRecord(
            relay: "",
            host: "",
            session: "",
            sessionID: 1,
            streamID: 2,
            unit: .events,
            count: 1,
            fromNs: nil,
            toNs: nil,
            reason: "",
            cause: .tracer
        )
        let place = #"in trace "" (no UUID) within stream "traces/a/c" (stream class ID: 7, stream ID: 3)."#
        let notice = text.notice(for: .lost(loss), streams: streams)
        #expect(notice == "WARNING: Tracer discarded 1 event (unknown time range) " + place)
    }

    @Test func `what cannot be decoded is said to be in a file, or in a stream of a relay`() {
        var error = RenderingError(
            relay: "",
            host: "",
            session: "",
            tracePath: "traces/a",
            liveStreamID: 3,
            channel: "c",
            packetID: 9,
            fileOffset: 4096,
            cause: PacketError(.badMagic, atBits: 0)
        )
        let cause = "magic number 0x0 instead of 0xc1fc1fc1 at byte 0, bit 0 of the packet"
        #expect(error.description == "traces/a: stream c, packet at byte 4096: \(cause)")
        error.relay = "r"
        error.fileOffset = nil
        #expect(error.description == "r traces/a: stream 3 (c), packet 9 of the feed: \(cause)")
    }
}
