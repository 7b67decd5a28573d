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
}
