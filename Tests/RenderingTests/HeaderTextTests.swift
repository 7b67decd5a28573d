import CTF
import Feed
import HandmadeTraces
import Rendering
import Testing

/// Headers of lines, as babeltrace2 2.0.4 prints them for the same environments and options.
struct HeaderTextTests {
    private func text(
        environment: String,
        event: String = "",
        isTimed: Bool = true,
        relay: String = "",
        _ change: (inout TextOptions) -> Void = { _ in }
    ) throws -> String {
        let timed = "integer { size = 64; align = 8; signed = false; map = clock.c.value; } timestamp;"
        let metadata = """
            trace { major = 1; minor = 8; byte_order = le; };
            env { \(environment) };
            clock { name = c; freq = 1000000000; offset_s = 1500000000; absolute = true; };
            stream { event.header := struct { \(isTimed ? timed : "") }; };
            event { name = "ev"; id = 0; \(event)
                fields := struct { integer { size = 8; align = 8; signed = true; } x; }; };
            """
        let trace = try HandmadeTrace(metadata, relay: relay)
        var options = RenderingOptions()
        options.text.clockGMT = true
        change(&options.text)
        let bytes = isTimed ? tick(5, 1) : [1]
        let group = EventGroup([try trace.slice(bytes, events: 1)], order: [(0, 1)])
        return try rendered(FeedBatch(records: [.events(group)]), options).text
    }

    private let all = #"hostname = "h"; domain = "d"; procname = "p"; vpid = 42;"#
    private let classified = #"loglevel = 6; model.emf.uri = "http://e";"#
    private let time = "[02:40:00.000000005] (+?.?????????) "
    private let namedTime = "timestamp = 02:40:00.000000005, delta = +?.?????????"

    @Test func `the defaults show host, process and its number`() throws {
        #expect(try text(environment: all, event: classified) == time + "h:p:(42) ev: { x = 1 }\n")
        #expect(try text(environment: #"hostname = "h";"#) == time + "h ev: { x = 1 }\n")
        #expect(try text(environment: "vpid = 42;") == time + "(42) ev: { x = 1 }\n")
        #expect(try text(environment: #"domain = "d";"#) == time + "ev: { x = 1 }\n")
        #expect(try text(environment: all, isTimed: false) == "h:p:(42) ev: { x = 1 }\n")
    }

    @Test func `all fields`() throws {
        let shown = "h:d:p:(42):TRACE_INFO (6):http://e ev: { x = 1 }\n"
        #expect(try text(environment: all, event: classified) { $0.fields = .all } == time + "h" + shown)
        #expect(try text(environment: all, event: classified, relay: "alpha") { $0.fields = .all } == time + shown)
        #expect(try text(environment: all, event: classified) { $0.fields = .trace } == time + "hev: { x = 1 }\n")
        #expect(
            try text(environment: all, event: classified) { $0.fields = .emfURI } == time + "http://e ev: { x = 1 }\n"
        )
    }

    @Test func `all fields with their names`() throws {
        let parts = [
            "trace:hostname = h", "trace:domain = d", "trace:procname = p", "trace:vpid = (42)",
            "loglevel = TRACE_INFO (6)", "model.emf.uri = http://e", "name = ev",
        ]
        let timed = try text(environment: all, event: classified) {
            $0.fields = .all
            $0.names = .all
        }
        #expect(
            timed == namedTime + ", trace = h, , " + parts.joined(separator: ", ") + ", event.fields = { x = 1 }\n"
        )
        let untimed = try text(environment: all, event: classified, isTimed: false) {
            $0.fields = .all
            $0.names = [.header, .payload]
        }
        #expect(untimed == "trace = h, " + parts.joined() + ", { x = 1 }\n")
    }

    @Test func `names without deltas`() throws {
        let line = try text(environment: #"hostname = "h";"#) {
            $0.names = [.header]
            $0.showsDelta = false
        }
        #expect(line == "timestamp = 02:40:00.000000005, trace:hostname = h, name = ev, { 1 }\n")
    }
}
