import Foundation
import Testing

extension RealCluster {
    /// `tidemark view`, which needs no daemon of ours.
    @Suite(.timeLimit(.minutes(5)))
    struct View {
        /// Three hosts with every kind of field, contexts, and both kinds of buffers; destroyed, so stored whole.
        private static func storedTraces() throws -> Cluster {
            let cluster = try Cluster(hosts: 3)
            let buffers: [Host.Buffers] = [.perUser, .perProcess, .perUser]
            for (host, buffers) in zip(cluster.hosts, buffers) {
                try host.startSession(
                    "s",
                    buffers: buffers,
                    context: host.name == "tide-3" ? "vpid,vtid,procname" : nil
                )
            }
            let programs = try cluster.hosts.map { host in
                let arguments = ["--count", "2000", "--threads", "2", "--rate", "0", "--kinds", "types,tick,tock"]
                return try host.start(program: "tick", id: 1, arguments: arguments)
            }
            for program in programs { try program.end() }
            for host in cluster.hosts {
                #expect(try host.discarded("s") == 0)
                try host.destroy("s")
            }
            return cluster
        }

        @Test
        func `stored traces print byte for byte as babeltrace2 prints them`() throws {
            let cluster = try Self.storedTraces()
            let options: [[String]] = [
                [], ["--clock-gmt", "--clock-date"], ["--clock-seconds"], ["--clock-cycles"], ["--no-delta"],
                ["--names", "all"], ["--names", "none"], ["--fields", "all"],
                ["--names", "none", "--fields", "trace:hostname,trace:vpid,loglevel", "--no-delta"],
            ]
            for options in options {
                let view = try Tidemark.run(["view"] + options + cluster.traces)
                let expected = try Babeltrace.text(cluster.traces, options: options)
                #expect(expected.lineCount == 12_000)
                expectSameLines(view.output, expected, "\(options)")
            }
        }

        @Test
        func `relays print as babeltrace2 prints what they stored, and view ends with the sessions`() throws {
            let cluster = try Cluster(hosts: 2)
            for host in cluster.hosts { try host.startSession("s") }
            let view = try Tidemark.start(["view"] + cluster.hosts.map(\.url), environment: cluster.environment)
            let programs = try cluster.hosts.map { host in
                let arguments = ["--count", "3000", "--rate", "3000", "--kinds", "tick,types"]
                return try host.start(program: "tick", id: 1, arguments: arguments)
            }
            for program in programs { try program.end() }
            for host in cluster.hosts { try host.destroy("s") }
            #expect(try view.end().status == 0, "\(view.summary)")
            try expectSameLines(view.output, Babeltrace.text(cluster.traces))
            #expect(FeedText(view.output).problems == [])
        }

        @Test
        func `a relay and a stored trace are merged`() throws {
            let cluster = try Cluster(hosts: 2)
            for host in cluster.hosts {
                try host.startSession("s")
                try host.start(program: "tick", id: 1, arguments: ["--count", "100", "--rate", "0"]).end()
            }
            try cluster.hosts[0].destroy("s")
            let view = try Tidemark.start(["view", cluster.hosts[0].traces, cluster.hosts[1].url(session: "s")])
            try eventually("both", of: view) { view.outputLines >= 100 }
            try cluster.hosts[1].destroy("s")
            #expect(try view.end().status == 0, "\(view.summary)")
            try expectSameLines(view.output, Babeltrace.text(cluster.traces))
        }

        @Test
        func `events that are enabled while attached are decoded, and an end record closes the feed`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s", events: "demo:tick")
            let view = try Tidemark.start(["view", "--format", "json", "--all", host.url])
            let arguments = ["--count", "100", "--rate", "0", "--kinds", "tick,tock"]
            try host.start(program: "tick", id: 1, arguments: arguments).end()
            try eventually("the first event type", of: view) { view.events("demo:tick") == 50 }
            #expect(view.events("demo:tock") == 0)

            try host.enable("s", events: "demo:tock")
            try host.start(program: "tick", id: 2, arguments: arguments).end()
            try eventually("the second event type", of: view) { view.events("demo:tock") == 50 }
            try host.destroy("s")
            #expect(try view.end().status == 0, "\(view.summary)")
            #expect(view.events("demo:tick") == 100)
            let last = view.outputText.split(separator: "\n").last
            #expect(last?.contains(#""type":"end""#) == true, "\(view.outputText.suffix(400))")
        }

        @Test
        func `events go on after the session was stopped and started`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s")
            let view = try Tidemark.start(["view", host.url])
            try host.start(program: "tick", id: 1, arguments: ["--count", "50", "--rate", "0"]).end()
            try host.stop("s")
            try eventually("what came before the stop", of: view) { view.outputLines == 50 }
            try host.start(program: "tick", id: 2, arguments: ["--count", "50", "--rate", "0"]).end()
            try host.start("s")
            try host.start(program: "tick", id: 3, arguments: ["--count", "50", "--rate", "0"]).end()
            try eventually("what came after the start", of: view) { view.outputLines == 100 }
            try host.destroy("s")
            #expect(try view.end().status == 0, "\(view.summary)")
            #expect(Set(FeedText(view.output).events.keys.map(\.program)) == [1, 3])
        }

        @Test
        func `from now on, no event from before the attach is shown`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s")
            try host.start(program: "tick", id: 1, arguments: ["--count", "500", "--rate", "0"]).end()
            let view = try Tidemark.start(["view", "--from", "now", "--format", "json", "--all", host.url])
            try eventually("a watermark", of: view) { view.outputText.contains(#""type":"watermark""#) }
            try host.start(program: "tick", id: 2, arguments: ["--count", "300", "--rate", "0"]).end()
            try eventually("the events since", of: view) { view.events("demo:tick") >= 300 }
            try host.destroy("s")
            #expect(try view.end().status == 0, "\(view.summary)")
            #expect(view.events("demo:tick") == 300)
            #expect(!view.outputText.contains(#""program":1,"#))
        }

        @Test
        func `sessions lists what relays offer`() throws {
            let cluster = try Cluster(hosts: 2)
            try cluster.hosts[0].startSession("live")
            try cluster.hosts[1].startSession("stored-only", live: false)
            try cluster.hosts[0].start(program: "tick", id: 1, arguments: ["--count", "1"]).end()
            let lines = { (format: String) in
                try Tidemark.run(["sessions", "--format", format] + cluster.hosts.map(\.url)).text
            }
            let text = try lines("text")
            #expect(text.contains("tide-1") && text.contains("live"), "\(text)")
            let objects = try lines("json").split(separator: "\n").map {
                try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
            }
            #expect(objects.count == 2, "\(objects)")
            let live = try #require(objects.first { $0["session"] as? String == "live" })
            #expect(live["host"] as? String == "tide-1")
            #expect(live["live_timer_us"] as? Int == cluster.livePeriodMicroseconds)
            #expect(live["clients"] as? Int == 0)
            #expect((live["streams"] as? Int ?? 0) > 0)
            let stored = try #require(objects.first { $0["session"] as? String != "live" })
            #expect(stored["live_timer_us"] as? Int == 0)
        }

        @Test
        func `a closed pipe is a clean end`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s")
            try host.start(program: "load", id: 1, arguments: ["--count", "20000"]).end()
            try host.destroy("s")
            let script = "\"$0\" view \"$1\" | head -n 3; exit ${PIPESTATUS[0]}"
            let result = try Command.run(["bash", "-c", script, Repository.tidemark, host.traces])
            #expect(result.output.lineCount == 3)
            #expect(result.error == "")
        }
    }
}

extension ChildProcess {
    /// How many events of a type the JSON lines hold so far.
    func events(_ name: String) -> Int {
        outputText.split(separator: "\n").count { $0.contains(#""name":"\#(name)""#) }
    }
}
