import CTF
import Feed
import Testing

@testable import Rendering

/// How much of a batch's text is held at a time.
@Suite struct OutputBufferTests {
    /// A batch whose lines are much longer than its events.
    private static func batch(events: Int, eventsPerRun: Int) throws -> FeedBatch {
        let trace = try HandmadeTrace(
            """
            trace { major = 1; minor = 8; byte_order = le; };
            env { hostname = "\(String(repeating: "h", count: 20_000))"; };
            event { name = e; fields := struct { integer { size = 8; } x; }; };
            """
        )
        let slice = try trace.slice((0..<events).map { UInt8($0 % 256) }, events: events)
        let order = Array(repeating: (0, eventsPerRun), count: events / eventsPerRun)
        return FeedBatch(records: [.events(EventGroup([slice], order: order))])
    }

    @Test(arguments: [1, 600])
    func `long text leaves before its batch has ended, and unchanged`(eventsPerRun: Int) throws {
        let batch = try Self.batch(events: 600, eventsPerRun: eventsPerRun)
        let whole = try rendered(batch, RenderingOptions()).text
        var pieces: [[UInt8]] = []
        var renderer = FeedRenderer(options: RenderingOptions())
        var output = OutputBuffer { pieces.append(Array($0)) }
        _ = try renderer.render(batch, into: &output) { _ in }
        #expect(pieces.count >= 2)
        #expect(pieces.allSatisfy { $0.count <= OutputBuffer.drainBytes + 64 * 20_100 })
        output.withUnsafeBytes { pieces.append(Array($0)) }
        let isSame = pieces.reduce(into: [UInt8]()) { $0 += $1 } == Array(whole.utf8)
        #expect(isSame)
    }

    @Test func `without anyone to take it, text waits`() throws {
        var renderer = FeedRenderer(options: RenderingOptions())
        var output = OutputBuffer()
        _ = try renderer.render(try Self.batch(events: 300, eventsPerRun: 300), into: &output) { _ in }
        #expect(output.count > OutputBuffer.drainBytes)
    }
}
