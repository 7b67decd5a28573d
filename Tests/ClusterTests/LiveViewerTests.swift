import Foundation
import Glibc
import Testing

extension RealCluster {
    /// The feed shown to LTTng live viewers.
    @Suite(.timeLimit(.minutes(10)))
    struct LiveViewers {
        /// What runs on the hosts while viewers look on.
        private struct Program {
            var host: Int
            var id: Int
            var count: Int
        }

        /// Programs that come and go: each wave starts while the one before it still writes.
        private static let waves = [
            [Program(host: 0, id: 1, count: 3000), Program(host: 1, id: 1, count: 2000)],
            [Program(host: 2, id: 1, count: 3000), Program(host: 1, id: 2, count: 2000)],
            [Program(host: 0, id: 2, count: 1000), Program(host: 2, id: 2, count: 2000)],
        ]

        /// Runs all programs to their end.
        /// - Returns: how many events they wrote.
        private func run(on cluster: Cluster) throws -> Int {
            var programs: [TracedProgram] = []
            for wave in Self.waves {
                for part in wave {
                    let arguments = [
                        "--count", "\(part.count)", "--rate", "1000", "--kinds", "tick,tock,types", "--linger-ms",
                        "\(cluster.lingerMilliseconds)",
                    ]
                    programs.append(
                        try cluster.hosts[part.host].start(program: "tick", id: part.id, arguments: arguments)
                    )
                }
                _ = try programs.last?.written()
            }
            for program in programs { try program.end() }
            return Self.waves.joined().reduce(0) { $0 + $1.count }
        }

        /// Waits until the coordinator shows so many sessions, and the cluster.
        private func awaitSessions(_ count: Int, at url: String, _ coordinator: Coordinator) throws {
            try eventually("\(count) sessions to look at", of: coordinator.process) {
                let listed = try Tidemark.run(["sessions", "--format", "json", url]).text
                return listed.split(separator: "\n").count == count + 1
            }
        }

        private func awaitAttached(_ count: Int, _ coordinator: Coordinator) throws {
            try eventually("\(count) viewers have attached", of: coordinator.process) {
                coordinator.process.errorText.components(separatedBy: "viewer has attached").count == count + 1
            }
        }

        @Test
        func `three babeltrace2 at once print the cluster's events in order while programs come and go, and end`()
            throws
        {
            let cluster = try Cluster(hosts: 3)
            for host in cluster.hosts { try host.startSession("s") }
            var options = Coordinator.Options()
            let port = try freePort()
            options.livePort = port
            let coordinator = try Coordinator(cluster, options: options)
            let url = "net://127.0.0.1:\(port)"
            try awaitSessions(3, at: url, coordinator)
            let listed = try Command.run(["babeltrace2", "-i", "lttng-live", url], within: 10).text
            #expect(listed.contains("/host/tidemark/cluster (timer = 100000"), "\(listed)")
            for host in cluster.hosts { #expect(listed.contains("/host/\(host.hostname)/s (timer = "), "\(listed)") }

            let tail = try coordinator.tail()
            let whole = "\(url)/host/tidemark/cluster"
            let viewers = try (0..<3).map { _ in
                try Babeltrace.start(viewing: whole, environment: cluster.environment)
            }
            let single = try Babeltrace.start(
                viewing: "\(url)/host/\(cluster.hosts[1].hostname)/s",
                environment: cluster.environment
            )
            // A coordinator reads a coordinator.
            let view = try Tidemark.start(["view", whole], environment: cluster.environment)
            try awaitAttached(5, coordinator)
            let total = try run(on: cluster)
            for viewer in [tail] + viewers {
                try eventually("\(total) events", of: viewer, and: coordinator.process, within: 120) {
                    viewer.outputLines >= total
                }
            }
            for host in cluster.hosts.reversed() {
                #expect(try host.discarded("s") == 0)
                try host.destroy("s")
            }
            for viewer in viewers + [single, view] {
                #expect(try viewer.end(within: 60).status == 0, "\(viewer.summary)")
            }
            #expect(try tail.terminate().status == 0)
            #expect(FeedText(tail.output).problems == [])
            for viewer in viewers + [view] { expectSameLines(viewer.output, tail.output) }
            try expectSameLines(single.output, Babeltrace.text([cluster.hosts[1].traces]))
            #expect(try coordinator.process.terminate().status == 0, "\(coordinator.process.summary)")
        }

        @Test
        func `streams that come while viewers look on are seen, on a far machine as well`() throws {
            let cluster = try Cluster(hosts: 2)
            try cluster.hosts[0].startSession("s")
            try cluster.hosts[1].startSession("s", buffers: .perProcess)
            var options = Coordinator.Options()
            let port = try freePort()
            options.livePort = port
            let coordinator = try Coordinator(cluster, options: options)
            try awaitSessions(2, at: "net://127.0.0.1:\(port)", coordinator)
            let farPort = try freePort()
            let far = try coordinator.tail(["--live-port", "\(farPort)"])
            try eventually("the far machine shows the sessions", of: far) {
                let listed = try Tidemark.result(["sessions", "--format", "json", "net://127.0.0.1:\(farPort)"]).text
                return listed.split(separator: "\n").count == 3
            }
            let tail = try coordinator.tail()
            let viewers = try [port, farPort, farPort].map {
                try Babeltrace.start(
                    viewing: "net://127.0.0.1:\($0)/host/tidemark/cluster",
                    environment: cluster.environment
                )
            }
            try awaitAttached(1, coordinator)
            try eventually("two viewers have attached", of: far) {
                far.errorText.components(separatedBy: "viewer has attached").count == 3
            }
            let linger = ["--linger-ms", "\(cluster.lingerMilliseconds)"]
            // First the quiet host has a stream, then the other gets one after the other, while it has nothing to say.
            try cluster.hosts[0].start(program: "tick", id: 1, arguments: ["--count", "10", "--rate", "0"] + linger)
                .end()
            var total = 10
            for id in 1...4 {
                let arguments = ["--count", "200", "--rate", "1000", "--kinds", "tick,types"]
                try cluster.hosts[1].start(program: "tick", id: id, arguments: arguments + linger).end()
                total += 200
                for viewer in [tail] + viewers {
                    try eventually("\(total) events", of: viewer, and: far, coordinator.process) {
                        viewer.outputLines >= total
                    }
                }
            }
            for host in cluster.hosts.reversed() { try host.destroy("s") }
            for viewer in viewers { #expect(try viewer.end(within: 60).status == 0, "\(viewer.summary)") }
            #expect(try tail.terminate().status == 0)
            #expect(FeedText(tail.output).problems == [])
            for viewer in viewers { expectSameLines(viewer.output, tail.output) }
            #expect(try far.terminate().status == 0, "\(far.summary)")
            #expect(try coordinator.process.terminate().status == 0, "\(coordinator.process.summary)")
        }

        @Test
        func `a session that is stopped and started again, and one that comes later, are seen by who looks on`() throws
        {
            let cluster = try Cluster(hosts: 2)
            try cluster.hosts[0].startSession("s")
            var options = Coordinator.Options()
            let port = try freePort()
            options.livePort = port
            let coordinator = try Coordinator(cluster, options: options)
            let url = "net://127.0.0.1:\(port)"
            try awaitSessions(1, at: url, coordinator)
            let tail = try coordinator.tail()
            let viewer = try Babeltrace.start(
                viewing: "\(url)/host/tidemark/cluster",
                environment: cluster.environment
            )
            try awaitAttached(1, coordinator)
            var total = 0
            func run(_ host: Int, _ id: Int) throws {
                let arguments = ["--count", "200", "--rate", "1000", "--kinds", "tick,types"]
                try cluster.hosts[host].start(program: "tick", id: id, arguments: arguments).end()
                total += 200
                for viewer in [tail, viewer] {
                    try eventually("\(total) events", of: viewer, and: coordinator.process) {
                        viewer.outputLines >= total
                    }
                }
            }
            try run(0, 1)
            try cluster.hosts[0].stop("s")
            try cluster.hosts[0].start("s")
            try run(0, 2)
            try cluster.hosts[1].startSession("later")
            try run(1, 1)
            try run(0, 3)
            try cluster.hosts[0].destroy("s")
            try run(1, 2)
            try cluster.hosts[1].destroy("later")
            #expect(try viewer.end(within: 60).status == 0, "\(viewer.summary)")
            #expect(try tail.terminate().status == 0)
            #expect(FeedText(tail.output).problems == [])
            expectSameLines(viewer.output, tail.output)
            // The packets that a tracer writes at a stop have no events, and are not lost.
            #expect(Self.discarded(viewer.errorText, "packet") == 0, "\(viewer.summary)")
            #expect(try coordinator.process.terminate().status == 0, "\(coordinator.process.summary)")
        }

        /// How many events, or packets, babeltrace2 says the tracer has discarded.
        private static func discarded(_ text: String, _ what: String) -> Int {
            text.split(separator: "\n").reduce(0) { sum, line in
                let words = line.split(separator: " ")
                guard let verb = words.firstIndex(of: "discarded"), verb + 2 < words.count,
                    words[verb + 2].hasPrefix(what)
                else { return sum }
                return sum + (Int(words[verb + 1]) ?? 0)
            }
        }

        @Test
        func `what a tracer discards after a silence is told to who looks on, and does not end it`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            // A page holds about a hundred events.
            try host.startSession("s", channel: ["--discard"], options: ["--subbuf-size", "4096", "--subbufs", "2"])
            var options = Coordinator.Options()
            let port = try freePort()
            options.livePort = port
            let coordinator = try Coordinator(cluster, options: options)
            let url = "net://127.0.0.1:\(port)"
            try awaitSessions(1, at: url, coordinator)
            let tail = try coordinator.tail()
            let viewer = try Babeltrace.start(
                viewing: "\(url)/host/\(host.hostname)/s",
                environment: cluster.environment
            )
            try awaitAttached(1, coordinator)
            func run(_ program: String, _ id: Int, _ arguments: [String]) throws {
                try host.start(program: program, id: id, arguments: arguments).end()
            }
            /// Ten events, seen by all: then nobody's buffers are full, and what comes next comes after a silence.
            func runQuietly(_ id: Int) throws {
                try run("tick", id, ["--count", "10", "--rate", "0"])
                for viewer in [tail, viewer] {
                    try eventually("events of program \(id)", of: viewer, and: coordinator.process) {
                        viewer.outputText.components(separatedBy: "program = \(id),").count == 11
                    }
                }
            }
            // Until its buffers have been taken the tracer would discard those of the next program as well.
            func restart() throws {
                try host.stop("s")
                try host.start("s")
            }
            try runQuietly(1)
            // Two processors, one of which has been silent from the start, and buffers that are taken as they fill.
            try run("load", 2, ["--count", "20000", "--threads", "2", "--rate", "100000"])
            try restart()
            try runQuietly(3)
            try restart()
            try run("load", 4, ["--count", "20000", "--threads", "2", "--rate", "100000"])
            try restart()
            try runQuietly(5)
            try host.destroy("s")
            #expect(try viewer.end(within: 60).status == 0, "\(viewer.summary)")
            #expect(try tail.terminate().status == 0)
            let total = 2 * 2 * 20_000 + 3 * 10
            #expect(tail.outputLines < total, "nothing was discarded, so nothing is shown")
            expectSameLines(viewer.output, tail.output)
            // As much as in the stored traces, and no packets. It does not say how much is missing before a stream's
            // first packet: of the packets without events that may be stored before that a viewer does not know.
            let traced = Self.discarded(try Command.result(["babeltrace2"] + cluster.traces).error, "event")
            let shown = Self.discarded(viewer.errorText, "event")
            #expect(shown > 0)
            #expect(viewer.errorText.contains("may have discarded") ? shown <= traced : shown == traced)
            #expect(Self.discarded(viewer.errorText, "packet") == 0, "\(viewer.summary)")
        }

        @Test
        func `a coordinator that was killed shows what its log has, from the beginning on`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s")
            var options = Coordinator.Options()
            let port = try freePort()
            options.livePort = port
            options.log = "log"
            let coordinator = try Coordinator(cluster, options: options)
            let arguments = ["--count", "300", "--rate", "1000", "--kinds", "tick,tock,types"]
            let tail = try coordinator.tail()
            try host.start(program: "tick", id: 1, arguments: arguments).end()
            try eventually("300 events", of: tail, and: coordinator.process) { tail.outputLines >= 300 }
            coordinator.process.signal(SIGKILL)
            _ = try coordinator.process.end(within: 10)
            try coordinator.restart()
            let url = "net://127.0.0.1:\(port)"
            try awaitSessions(1, at: url, coordinator)
            let view = try Tidemark.start(["view", "\(url)/host/\(host.hostname)/s"], environment: cluster.environment)
            try eventually("what was before it was killed", of: view, and: coordinator.process) {
                view.outputLines >= 300
            }
            try host.start(program: "tick", id: 2, arguments: arguments).end()
            try host.destroy("s")
            #expect(try view.end(within: 60).status == 0, "\(view.summary)")
            #expect(FeedText(view.output).problems == [])
            try expectSameLines(view.output, Babeltrace.text(cluster.traces))
        }
    }
}
