import Feed
import HandmadeTraces
import Testing

@testable import Forwarding

/// Events as syslog messages.
struct SyslogRendererTests {
    private static let feed = FeedID(high: 1, low: 2)

    private func messages(_ frame: ForwardedFrame) -> (text: String, events: UInt64, damaged: UInt64) {
        let (bytes, events, damaged) = SyslogRenderer(facility: 16, feed: Self.feed).messages(frame)
        return (String(decoding: bytes, as: UTF8.self), events, damaged)
    }

    @Test
    func `a message has the event's time, its place in the frame's life of the feed, and its fields`() throws {
        let trace = try HandmadeTrace(tickMetadata.replacing("id = 0;", with: "id = 0; loglevel = 4;"))
        let frame = ForwardedFrame([try trace.ticks(5...6)], order: [(0, 2)], sequence: 31, epoch: 3)
        func message(_ index: Int, _ x: Int) -> String {
            let text =
                "<132>1 1970-01-01T00:00:00.000000Z web-1 S - tick "
                + #"[tidemark@32473 feed="\#(Self.feed)" epoch="3" sequence="31" index="\#(index)" relay="alpha" "#
                + #"session="S" trace="ust/uid/1000/64-bit" stream="43" time_ns="\#(x)"]"#
                + #"[fields@32473 x="\#(x)"] tick"#
            return "\(text.utf8.count) \(text)"
        }
        let (text, events, damaged) = messages(frame)
        #expect(text == message(0, 5) + message(1, 6))
        #expect(events == 2 && damaged == 0)
    }

    @Test
    func `an event that is too long or too deep is counted, and those behind it are sent`() throws {
        let say = """
            trace { major = 1; minor = 8; byte_order = le; }; stream {};
            event { name = "say"; id = 0; fields := struct { string x; }; };
            """
        let long = [UInt8](repeating: 0x61, count: 70_000) + [0]
        let slices = [
            try HandmadeTrace(say).slice(long + [0x62, 0], events: 2),
            try HandmadeTrace(HandmadeTrace.nested(40)).slice([9], events: 1),
            try HandmadeTrace(HandmadeTrace.nested(2)).slice([7], events: 1),
        ]
        let (text, events, damaged) = messages(ForwardedFrame(slices, order: [(0, 2), (1, 1), (2, 1)]))
        #expect(events == 2 && damaged == 2)
        #expect(text.contains(#"[fields@32473 x="b"]"#) && text.contains(#"[fields@32473 s.s.x="7"]"#))
    }
}
