import CTF
import Feed
import HandmadeTraces
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

    /// Packets whose context is longer than their events, two events in each.
    private static func contexts(_ count: Int) throws -> EventGroup {
        let trace = try HandmadeTrace(
            """
            trace { major = 1; minor = 8; byte_order = le; };
            typealias integer { size = 8; align = 8; signed = false; } := u8;
            stream { packet.context := struct { string text; }; event.header := struct { }; };
            event { name = e; fields := struct { u8 x; }; };
            """
        )
        let slices = try (0..<count).map { index in
            let text = Array(String(repeating: "t", count: 200).utf8) + Array("\(index)".utf8) + [0]
            return try trace.slice(text + [1, 2], events: 2, stream: UInt64(index))
        }
        return EventGroup(slices, order: (0..<2 * count).map { ($0 % count, 1) })
    }

    private static func walk<Printer>(
        _ group: EventGroup,
        _ walker: EventWalker<Printer>
    ) -> (text: String, capacityBytes: Int) {
        var output = OutputBuffer()
        var damage: RenderingError?
        #expect(walker.walk(group, eventLimit: .max, into: &output, damage: &damage) == UInt64(group.eventCount))
        #expect(damage == nil)
        return (output.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }, walker.sharedCapacityBytes)
    }

    @Test func `of many long packet contexts few are held, and each event shows its own`() throws {
        let group = try Self.contexts(500)
        let text = Self.walk(group, EventWalker { TextPrinter(options: TextOptions(), pen: $0) })
        let textOfFew = Self.walk(
            group,
            EventWalker(sharedBytesMax: 1000) { TextPrinter(options: TextOptions(), pen: $0) }
        )
        let json = Self.walk(group, EventWalker { JSONPrinter(pen: $0) })
        let jsonOfFew = Self.walk(group, EventWalker(sharedBytesMax: 1000) { JSONPrinter(pen: $0) })
        #expect(text.text.contains("t499\" }, { x = 2 }"))
        #expect(textOfFew.text == text.text && jsonOfFew.text == json.text)
        #expect(text.capacityBytes >= 100_000 && json.capacityBytes >= 100_000)
        #expect(textOfFew.capacityBytes <= 4096 && jsonOfFew.capacityBytes <= 4096)
    }
}
