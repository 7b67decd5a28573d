import Foundation
import JSONLines
import Testing

extension RealCluster {
    /// Filters, beside those of the tracer that they speak the language of.
    @Suite(.timeLimit(.minutes(5)))
    struct Filters {
        /// Events that are traced, and a filter of fields and contexts that `fields` writes; what LTTng makes of it
        /// decides.
        ///
        /// Left out is where tracer 2.13 does not do what its manual says: it takes no bitwise operation as an operand
        /// of `&&` and `||`, reads behind the end of short sequences, and knows no context of an application. Texts are
        /// ordered there by signed bytes.
        private static let filters = [
            ("*", "plain_int8 < 0"), ("*", "plain_uint8 & 7 == 3"), ("integers", "plain_uint64 > 0"),
            ("*", "plain_int64 == plain_uint64"), ("*", "plain_uint16 >> 15 == 1 || ~plain_int16 < 0"),
            ("*", "truth && letter != 0x41"), ("*", "real > 0.5 && single <= 3"), ("*", #"text == "e*""#),
            ("*", #"text != "e*" && counted != "x\*""#), ("*", "text == _underscore"),
            ("*", "signed_32 >= 1 && signed_32 < 5"), ("arrays", "plain_int16[2] != 1 && plain_int32[0x1] < 100"),
            ("arrays", "plain_uint8[3] >= 0 && !(plain_int8[0] > 5)"), ("arrays", "plain_uint64[1] == 0"),
            ("sequences", "plain_uint8[100] != 1"),
            ("*", #"$ctx.vpid > 0 && $ctx.procname == "fie*" && number << 1 != 8"#),
            ("*", "always == -1 || number == 1"), ("*", "-number < -0x10 && number < 020"),
            ("instance_*", "number ^ 3"), ("*", "$ctx.cpu_id >= 0 && number > 5"), ("*", "!number || number == 1e1"),
            ("*", "nobody == 1"),
        ]

        @Test
        func `view leaves of a trace what the tracer's own filter lets through`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            let sessions = ["all"] + Self.filters.indices.map { "filter\($0)" }
            for (session, filter) in zip(sessions, [("*", "")] + Self.filters) {
                try host.startSession(
                    session,
                    events: "nobody:nothing",
                    live: false,
                    context: "vpid,procname,$app.tide:any,$app.tide:s32",
                    subbufferSize: "128K",
                    options: ["--no-start"]
                )
                try host.enable(session, events: "fields:" + filter.0, filter: filter.1)
                try host.start(session)
            }
            try host.start(program: "fields", id: 1, arguments: ["--count", "100"]).end()
            for session in sessions.reversed() {
                #expect(try host.discarded(session) == 0)
                try host.destroy(session)
            }

            let all = try host.traces(of: "all")
            let allEvents = try Self.events(all)
            var someCount = 0
            for (session, filter) in zip(sessions.dropFirst(), Self.filters) {
                let traced = try Self.events(host.traces(of: session))
                // What a rule does not name has nothing to do with its filter.
                let isAny = filter.0 == "*"
                let expression = isAny ? filter.1 : "$name == \"fields:\(filter.0)\" && (\(filter.1))"
                let isSame = try Self.events(all, expression) == traced
                #expect(isSame, "\(expression): \(traced.count) events")
                if !traced.isEmpty, traced.count < allEvents.count { someCount += 1 }
            }
            #expect(allEvents.count > 1000)
            // The comparison says something.
            #expect(someCount > 12)
            try Self.expectContexts(all)
        }

        /// Contexts of an application, of any type, as they were traced.
        private static func expectContexts(_ trace: String) throws {
            let lines = try Tidemark.run(["view", "--format", "json", trace]).text.split(separator: "\n")
            let values = try lines.map { line -> JSONValue? in
                let context = try JSONValue(String(line))["stream_context"]
                return context?["_app_tide_any"]
            }
            let texts = values.count { if case .string? = $0 { true } else { false } }
            #expect(texts > 0 && texts < lines.count)
            #expect(try events(trace, #"$app.tide:any == "*""#).count == texts)
            #expect(try events(trace, "$app.tide:s32 <= 0 || $app.tide:s32 > 0").count == lines.count)
        }

        /// What events say of themselves; times differ from session to session.
        private static func events(_ trace: String, _ filter: String? = nil) throws -> [String] {
            let options = filter.map { ["--filter", $0] } ?? []
            return try Tidemark.run(["view", "--format", "json"] + options + [trace]).text.split(separator: "\n").map {
                line in
                let event = try JSONValue(String(line))
                return "\(event["name"] ?? .null) \(event["fields"] ?? .null)"
            }.sorted()
        }

        @Test
        func `a subscriber gets what its filter wants, of the events that its rule names`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s")
            var options = Coordinator.Options()
            options.allow += "\n      events: [\"demo:ti*\", \"demo:types\"]"
            let coordinator = try Coordinator(cluster, options: options)
            let expression = #"$name == "demo:tick" && seqno & 3 == 1 && $host == "tide-*" && $relay != "none""#
            let tail = ["--from", "earliest", "--no-delta"]
            let whole = try coordinator.tail(tail)
            let filtered = [
                try coordinator.tail(tail + ["--filter", expression]),
                try coordinator.tail(tail + ["--filter", expression]),
            ]
            let linger = ["--linger-ms", "\(cluster.lingerMilliseconds)"]
            let arguments = ["--count", "6000", "--rate", "4000", "--burst", "50", "--kinds", "tick,tock,types"]
            let program = try host.start(program: "tick", id: 1, arguments: arguments + linger)
            try program.end()
            #expect(try host.discarded("s") == 0)
            try host.destroy("s")

            let stored = try Tidemark.run(["view", "--no-delta", host.traces]).text.split(separator: "\n")
            let visible = stored.filter { !$0.contains("demo:tock") }
            let wanted = try Tidemark.run(["view", "--no-delta", "--filter", Self.stored(expression), host.traces])
                .output
            let wantedCount = wanted.split(separator: 10).count
            #expect(stored.count > visible.count && visible.count > wantedCount && wantedCount > 100)
            for (subscriber, count) in zip([whole] + filtered, [visible.count, wantedCount, wantedCount]) {
                try eventually("\(count) events", of: subscriber, and: coordinator.process) {
                    subscriber.outputLines >= count
                }
                #expect(try subscriber.terminate().status == 0, "\(subscriber.summary)")
            }
            #expect(try coordinator.process.terminate().status == 0, "\(coordinator.process.summary)")
            expectSameLines(whole.output, Data((visible.joined(separator: "\n") + "\n").utf8))
            for subscriber in filtered { expectSameLines(subscriber.output, wanted) }
        }

        /// The same about a stored trace, which no relay has and no host name is known of.
        private static func stored(_ expression: String) -> String {
            expression.replacingOccurrences(of: #" && $host == "tide-*""#, with: "")
        }

        @Test(arguments: ["view", "tail"])
        func `an expression that cannot be understood is refused with its column, before anything is asked`(
            command: String
        ) throws {
            let identities = try Identities()
            let source = command == "view" ? ["net://127.0.0.1:1"] : ["tls://127.0.0.1:1"] + identities.options()
            let result = try Tidemark.result([command] + source + ["--filter", "seqno == == 1"])
            #expect(result.status == 64)
            #expect(
                result.error.contains("column 10: ") && result.error.contains("\n           ^\n"),
                "\(result.error)"
            )
        }
    }
}
