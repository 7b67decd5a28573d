import Foundation
import Glibc
import JSONLines
import Testing

extension RealCluster {
    /// Every kind of field and of context that LTTng's user space tracer has, read as babeltrace2 reads it, stored and
    /// live.
    ///
    /// Events have the large header only: session daemon 2.13 always asks for it. The first event of each stream has
    /// its extended form. Stored traces of older tracers have the compact one.
    @Suite(.timeLimit(.minutes(5)))
    struct Fields {
        private static let events =
            "fields:*,blank:*,lttng_ust_tracef:*,lttng_ust_tracelog:*,lttng_ust_statedump:*"
        private static let appContexts = [
            "any", "none", "s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "float", "double", "string",
        ].map { "$app.tide:\($0)" }
        /// Events of one round of `fields`: of its own, of `blank`, and of the tracer's functions.
        private static let eventsPerRound = 17 + 1 + 2

        // MARK: Stored

        @Test
        func `stored traces of every kind of field and context read as babeltrace2 reads them`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            for (session, buffers) in [("uid", Host.Buffers.perUser), ("pid", .perProcess)] {
                try host.startSession(
                    session,
                    buffers: buffers,
                    events: Self.events,
                    live: false,
                    options: ["--no-start"]
                )
                try Self.addContexts(host, session)
                try host.start(session)
            }
            let rounds = 100
            let arguments = ["--count", "\(rounds)", "--threads", "2"]
            try host.start(program: "fields", id: 1, arguments: arguments).end()
            for session in ["pid", "uid"] {
                #expect(try host.discarded(session) == 0)
                try host.destroy(session)
            }

            for session in ["uid", "pid"] {
                let traces = [try host.traces(of: session)]
                let options: [[String]] = [
                    [], ["--names", "all", "--fields", "all", "--clock-gmt", "--clock-date"],
                    ["--names", "none", "--fields", "loglevel,emf,trace:vpid", "--clock-cycles"],
                ]
                for options in options {
                    let view = try Tidemark.start(["view"] + options + traces)
                    #expect(try view.end().status == 0, "\(view.summary)")
                    try Self.expectSameText(view, traces, options: options)
                }
                let view = try Tidemark.start(["view", "--format", "json"] + traces)
                #expect(try view.end().status == 0, "\(view.summary)")
                try Self.expectSameEvents(view, traces, atLeast: 2 * rounds * Self.eventsPerRound)
            }
            let metadata = try Babeltrace.metadata("\(host.traces(of: "uid"))/ust/uid/\(getuid())/64-bit")
            #expect(metadata.contains("event.header := struct event_header_large;"))
        }

        /// Adds all contexts that the tracer has for user space, but for counters that this kernel does not have.
        private static func addContexts(_ host: Host, _ session: String) throws {
            let list = try Command.run(["lttng", "add-context", "--list"]).text.split(separator: "\n").map(String.init)
            var contexts = list.filter { !$0.hasPrefix("perf:") } + appContexts
            if FileManager.default.fileExists(atPath: "/proc/sys/kernel/perf_event_paranoid") {
                contexts += ["task-clock", "page-fault", "context-switches"].map { "perf:thread:\($0)" }
            }
            // Those of the kernel alone are refused.
            let script = """
                for context in "${@:2}"; do
                    lttng --no-sessiond add-context -u -s "$1" -c main -t "$context" >&2 && echo "$context"
                done
                """
            let result = try host.result(["bash", "-c", script, "bash", session] + contexts)
            let added = Set(result.text.split(separator: "\n").map(String.init))
            let known = [
                "vpid", "vtid", "procname", "pthread_id", "ip", "cgroup_ns", "ipc_ns", "mnt_ns", "net_ns", "pid_ns",
                "time_ns", "user_ns", "uts_ns", "vuid", "veuid", "vsuid", "vgid", "vegid", "vsgid",
            ]
            #expect(added.isSuperset(of: known + appContexts), "\(result.error)")
        }

        // MARK: Live

        @Test(arguments: [Host.Buffers.perUser, .perProcess])
        func `a relay's events of every kind of field read as babeltrace2 reads what it stored`(
            buffers: Host.Buffers
        ) throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            // A session has one viewer, so there is one for each format.
            let formats = ["text", "json"]
            for format in formats {
                try host.startSession(
                    format,
                    buffers: buffers,
                    events: Self.events,
                    context: "vpid,vtid,procname,ip,$app.tide:any,$app.tide:string"
                )
            }
            let views = try formats.map { format in
                try Tidemark.start(
                    ["view", "--format", format, host.url(session: format)],
                    environment: cluster.environment
                )
            }
            let rounds = 100
            let arguments = ["--count", "\(rounds)", "--threads", "2", "--linger-ms", "\(cluster.lingerMilliseconds)"]
            try host.start(program: "fields", id: 1, arguments: arguments).end()
            for format in formats.reversed() {
                #expect(try host.discarded(format) == 0)
                try host.destroy(format)
            }
            for view in views {
                #expect(try view.end().status == 0, "\(view.summary)")
            }
            try Self.expectSameText(views[0], [host.traces(of: "text")])
            try Self.expectSameEvents(views[1], [host.traces(of: "json")], atLeast: 2 * rounds * Self.eventsPerRound)
        }

        // MARK: Fields that are not written

        @Test
        func `fields that are not written can be filtered by, and do not show`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s", events: "fields:nothing", live: false, options: ["--no-start"])
            let filter = "hidden_number >= 14 && hidden_number <= 28 && hidden_text == \"e*\""
            try host.enable("s", events: "fields:unseen", filter: filter)
            try host.start("s")
            try host.start(program: "fields", id: 1, arguments: ["--count", "50"]).end()
            try host.destroy("s")

            let view = try Tidemark.run(["view", "--format", "json", host.traces])
            let unseen = try view.text.split(separator: "\n").map { try JSONValue($0) }.filter {
                $0["name"] == .string("fields:unseen")
            }
            // Of 14 texts the first one begins with an e.
            let fields = [14, 28].map { number -> JSONValue in
                let seen = JSONValue.Member(name: "seen", value: .number("\(number)"))
                return .object([seen, .init(name: "also_seen", value: .string("e"))])
            }
            #expect(unseen.map { $0["fields"] } == fields)
            try expectSameLines(Tidemark.run(["view", host.traces]).output, Babeltrace.text([host.traces]))
        }

        @Test
        func `our program declares every kind of field that the tracer's headers offer`() throws {
            let script = #"find /usr/include -path '*/lttng/ust-tracepoint-event*.h' -exec cat {} +"#
            let headers = try Command.run(["bash", "-c", script]).text
            let folder = Repository.root.appendingPathComponent("Tests/Support/traced")
            let ours = try ["fields.h", "fields_values.h"].map {
                try String(contentsOf: folder.appendingPathComponent($0), encoding: .utf8)
            }.joined()
            let kinds = Set(headers.matches(of: /#define (lttng_ust_field_[a-z_]+)\(/).map { String($0.1) })
            #expect(kinds.count >= 34, "\(kinds.sorted())")
            let missing = kinds.filter { !ours.contains("\($0)(") && !ours.contains("(\($0),") }
            #expect(missing.isEmpty)
        }

        // MARK: Comparing

        /// babeltrace2 2.0.4 shows empty texts as what an earlier event of the type had there, so events with such are
        /// compared with what was written.
        private static let blank = "blank:texts"

        private static func expectSameText(_ view: ChildProcess, _ traces: [String], options: [String] = []) throws {
            let expected = try ChildProcess(["babeltrace2"] + options + traces)
            #expect(try expected.end().status == 0, "\(expected.summary)")
            #expect(expected.errorText.isEmpty)
            let texts = try [view, expected].map { try Command.run(["grep", "-v", blank, $0.outputFile]).output }
            expectSameLines(texts[0], texts[1], "\(options)")
        }

        private static func expectSameEvents(_ view: ChildProcess, _ traces: [String], atLeast: Int) throws {
            let count = try Babeltrace.expectEvents(view.outputFile, of: traces, exceptFieldsOf: blank)
            #expect(count >= atLeast)
            let blanks = view.outputText.split(separator: "\n").filter { $0.contains(blank) }
            #expect(!blanks.isEmpty)
            for line in blanks { try expectBlank(JSONValue(line)["fields"] ?? .null) }
        }

        /// Every other event's texts are empty.
        private static func expectBlank(_ fields: JSONValue) {
            guard case .number(let text)? = fields["number"], let number = Int(text) else {
                Issue.record("\(fields)")
                return
            }
            let texts = number % 2 == 0 ? ["", "", ""] : ["full", "f", "full"]
            #expect(["text", "fixed", "counted"].map { fields[$0] } == texts.map { .string($0) })
        }
    }
}
