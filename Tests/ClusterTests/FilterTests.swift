import Foundation
import JSONLines
import Testing

extension RealCluster {
    /// Filters, beside those of the tracer that they speak the language of.
    @Suite(.timeLimit(.minutes(5)))
    struct Filters {
        /// Of fields and contexts that `fields` writes; what LTTng makes of them decides.
        private static let expressions = [
            "plain_int8 < 0", "plain_uint8 & 7 == 3", "plain_uint64 > 0", "plain_int64 == plain_uint64",
            "plain_uint16 >> 15 || ~plain_int16 >= 0", "truth && letter != 0x41", "real > 0.5 && single <= 3",
            #"text == "e*""#, #"text != "e*" && counted != "x\*""#, "text == _underscore",
            "signed_32 >= 1 && signed_32 < 5", "plain_int16[2] != 0", "plain_uint8[3] >= 0 && !(plain_int8[0] > 5)",
            #"$ctx.vpid > 0 && $ctx.procname == "fie*" && number << 1 != 8"#, "$app.tide:s32 < 0 && number ^ 3",
            #"$app.tide:string == "*" && number <= 20"#, "always == -1 || number == 1",
            "-number < -0x10 && number < 020",
            "$ctx.cpu_id >= 0 && number > 5", "!number || number == 1e1", "plain_hex_none == 1",
        ]

        @Test
        func `view leaves of a trace what the tracer's own filter lets through`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            let context = "vpid,procname,$app.tide:s32,$app.tide:string"
            let sessions = ["all"] + Self.expressions.indices.map { "filter\($0)" }
            for (session, filter) in zip(sessions, [""] + Self.expressions) {
                try host.startSession(
                    session,
                    events: "nobody:nothing",
                    live: false,
                    context: context,
                    subbufferSize: "128K",
                    options: ["--no-start"]
                )
                try host.enable(session, events: "fields:*", filter: filter)
                try host.start(session)
            }
            try host.start(program: "fields", id: 1, arguments: ["--count", "100"]).end()
            for session in sessions.reversed() {
                #expect(try host.discarded(session) == 0)
                try host.destroy(session)
            }

            let all = try Self.events(["view", "--format", "json", host.traces(of: "all")])
            var someCount = 0
            for (session, expression) in zip(sessions.dropFirst(), Self.expressions) {
                let traced = try Self.events(["view", "--format", "json", host.traces(of: session)])
                let arguments = ["view", "--format", "json", "--filter", expression]
                let filtered = try Self.events(arguments + [host.traces(of: "all")])
                #expect(filtered == traced, "\(expression)")
                if !traced.isEmpty, traced.count < all.count { someCount += 1 }
            }
            #expect(all.count > 1000)
            // The comparison says something.
            #expect(someCount >= Self.expressions.count - 3)
        }

        /// What events say of themselves; times differ from session to session.
        private static func events(_ arguments: [String]) throws -> [String] {
            try Tidemark.run(arguments).text.split(separator: "\n").map { line in
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
