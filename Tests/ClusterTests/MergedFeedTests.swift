import Foundation
import Glibc
import Testing

extension RealCluster {
    /// Many hosts, one feed, several subscribers.
    @Suite(.timeLimit(.minutes(10)))
    struct MergedFeed {
        /// Which programs a host runs, and when: each wave starts while the one before it still writes.
        private struct Wave {
            var host: Int
            var id: Int
            var program: String
            var arguments: [String]
            var events: Int
        }

        /// 300,000 events on three hosts.
        private static func waves(lingerMilliseconds: Int) -> [[Wave]] {
            let linger = ["--linger-ms", "\(lingerMilliseconds)"]
            let load = { (host: Int, id: Int, threads: Int, count: Int) in
                let arguments = ["--count", "\(count)", "--threads", "\(threads)", "--rate", "8000", "--burst", "200"]
                return Wave(
                    host: host,
                    id: id,
                    program: "load",
                    arguments: arguments + linger,
                    events: count * threads
                )
            }
            let tick = { (host: Int, id: Int, count: Int) in
                let arguments = [
                    "--count", "\(count)", "--rate", "4000", "--burst", "50", "--kinds", "tick,tock,types",
                ]
                return Wave(host: host, id: id, program: "tick", arguments: arguments + linger, events: count)
            }
            return [
                [load(0, 1, 2, 20_000), load(1, 1, 1, 30_000), load(2, 1, 1, 30_000), tick(0, 2, 10_000)],
                [load(0, 3, 1, 30_000), load(1, 2, 2, 20_000), tick(2, 2, 10_000), tick(1, 3, 10_000)],
                [load(0, 4, 1, 30_000), load(1, 4, 1, 30_000), load(2, 3, 1, 30_000), load(2, 4, 2, 5_000)],
            ]
        }

        @Test
        func `three hosts become one ordered feed, complete, each event once, the same for every subscriber`() throws {
            let cluster = try Cluster(hosts: 3)
            try cluster.hosts[0].startSession("users")
            try cluster.hosts[1].startSession("processes", buffers: .perProcess)
            try cluster.hosts[2].startSession("users")
            let sessions = [(0, "users"), (1, "processes"), (2, "users")]

            let coordinator = try Coordinator(cluster)
            let subscribers = [try coordinator.tail(), try coordinator.tail()]
            let waves = Self.waves(lingerMilliseconds: cluster.lingerMilliseconds)
            var expected: [FeedText.Writer: Int] = [:]
            var programs: [TracedProgram] = []
            for wave in waves {
                for part in wave {
                    let host = cluster.hosts[part.host]
                    programs.append(try host.start(program: part.program, id: part.id, arguments: part.arguments))
                    let threads =
                        part.arguments.firstIndex(of: "--threads").flatMap { Int(part.arguments[$0 + 1]) } ?? 1
                    for thread in 0..<threads {
                        let writer = FeedText.Writer(host: host.name, program: part.id, thread: thread)
                        expected[writer] = part.events / threads
                    }
                }
                // The next wave starts while the longest programs of this one still run.
                _ = try programs.last?.written()
            }
            for program in programs { try program.end() }
            let total = waves.joined().reduce(0) { $0 + $1.events }
            #expect(total == 300_000)

            for subscriber in subscribers {
                try eventually("\(total) events", of: subscriber, and: coordinator.process, within: 240) {
                    subscriber.outputLines >= total
                }
            }
            for (host, session) in sessions.reversed() {
                #expect(try cluster.hosts[host].discarded(session) == 0)
                try cluster.hosts[host].destroy(session)
            }
            for subscriber in subscribers { #expect(try subscriber.terminate().status == 0, "\(subscriber.summary)") }
            #expect(try coordinator.process.terminate().status == 0, "\(coordinator.process.summary)")

            let feed = subscribers[0].output
            expectSameLines(feed, subscribers[1].output)
            let text = FeedText(feed)
            #expect(text.problems == [])
            #expect(text.events == expected)
            try expectSameLines(feed, Babeltrace.text(cluster.traces))
        }

        @Test
        func `two sessions of one relay are both in the feed, whole`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            let buffers: [(String, Host.Buffers, String)] = [
                ("ticks", .perUser, "demo:tick"), ("tocks", .perUser, "demo:tock"),
                ("types", .perProcess, "demo:types"),
            ]
            for (session, buffers, events) in buffers {
                try host.startSession(session, buffers: buffers, events: events)
            }
            let view = try Tidemark.start(["view", host.url], environment: cluster.environment)
            try eventually("the viewer is attached", of: view) {
                let sessions = try Tidemark.run(["sessions", "--format", "json", host.url]).text
                return sessions.split(separator: "\n").count { $0.contains(#""clients":1"#) } == buffers.count
            }
            // After the attach, so that all streams are new to the viewer.
            let linger = ["--linger-ms", "\(cluster.lingerMilliseconds)"]
            let arguments = ["--count", "300", "--rate", "1000", "--kinds", "tick,tock,types"]
            try host.start(program: "tick", id: 1, arguments: arguments + linger).end()
            for (session, _, _) in buffers.reversed() { try host.destroy(session) }
            #expect(try view.end(within: 30).status == 0, "\(view.summary)")
            #expect(FeedText(view.output).problems == [])
            try expectSameLines(view.output, Babeltrace.text(cluster.traces))
        }

        @Test
        func `a subscriber in Python, with the decoded encoding, sees the same events`() throws {
            let cluster = try Cluster(hosts: 2)
            for host in cluster.hosts { try host.startSession("s", context: "vpid,procname") }
            let coordinator = try Coordinator(cluster)
            let tail = try coordinator.tail(["--from", "earliest", "--format", "json"])
            let count = 600
            for host in cluster.hosts {
                let arguments = ["--count", "\(count)", "--rate", "0", "--kinds", "tick,tock,types"]
                try host.start(program: "tick", id: 1, arguments: arguments).end()
            }
            let total = count * cluster.hosts.count
            try eventually("\(total) events", of: tail) { tail.outputLines == total }

            let files = ["ca.pem", "client.pem", "client.key"].map(coordinator.identities.file)
            let subscriber = try Command.run(
                ["/usr/bin/python3", Repository.python + "/subscriber.py", "127.0.0.1", "\(coordinator.port)"]
                    + files + ["\(total)"]
            )
            let theirs = try Self.objects(subscriber.output)
            let ours = try Self.objects(tail.output)
            #expect(theirs.count == total)
            #expect(zip(theirs, ours).first { $0 != $1 }.map { "\($0) is not \($1)" } == nil)
        }

        /// JSON lines as values: how a number is written does not matter.
        private static func objects(_ lines: Data) throws -> [NSDictionary] {
            try lines.split(separator: 10).map { line in
                try #require(try JSONSerialization.jsonObject(with: line) as? NSDictionary)
            }
        }
    }
}
