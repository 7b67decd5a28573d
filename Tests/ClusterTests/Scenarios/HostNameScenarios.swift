import Foundation
import Glibc
import Testing

extension RealCluster {
    /// Sessions that share names, users, or a host.
    @Suite(.timeLimit(.minutes(5)))
    struct HostNames {
        /// With buffers per user, each user's programs make a trace of their own in one session. Root's session daemon
        /// alone traces programs of others. The scenario's other halves are simulated: this machine has no 32-bit
        /// programs and no kernel tracer, whose events would come by relay sessions of their own.
        @Test(.enabled(if: getuid() == 0, "tracing another user's programs needs root"))
        func `scenario 25: programs of two users in one session are merged in order`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s")
            let coordinator = try Coordinator(cluster)
            let tail = try coordinator.tail()
            let arguments = ["--count", "1000", "--rate", "2000", "--threads", "2"]
            let programs = try [(1, nil), (2, 65534)].map { id, user in
                try host.start(program: "tick", id: id, arguments: arguments, user: user)
            }
            for program in programs { try program.end() }
            try eventually("all events", of: tail, and: coordinator.process) { tail.outputLines >= 4000 }
            #expect(try host.discarded("s") == 0)
            try host.destroy("s")
            #expect(try tail.terminate().status == 0, "\(tail.summary)")
            #expect(Set(FeedText(tail.output).events.values) == [1000])
            #expect(FeedText(tail.output).problems == [])
            try expectSameLines(tail.output, Babeltrace.text(cluster.traces))
            let users = try FileManager.default.subpathsOfDirectory(atPath: host.traces)
                .filter { $0.hasSuffix("/64-bit/metadata") }
            #expect(users.count == 2, "\(users)")
        }

        /// Both run on this machine, so that their clocks are one, as those of containers are; clocks that differ are
        /// simulated.
        @Test
        func `scenario 27: two hosts of one name with sessions of one name on one relay are two sources`() throws {
            let cluster = try Cluster(hosts: 2, hostname: "twin")
            let relay = cluster.hosts[0]
            for host in cluster.hosts { try host.startSession("s", tracerPorts: relay.tracerPorts) }
            let coordinator = try Coordinator([.init(name: "one", url: relay.url)])
            let tail = try coordinator.tail(["--from", "earliest", "--format", "json", "--all"])
            for (number, host) in cluster.hosts.enumerated() {
                let arguments = ["--count", "300", "--rate", "1000"]
                _ = try host.start(program: "tick", id: 1 + number, arguments: arguments).written()
            }
            try eventually("events of both", of: tail, and: coordinator.process) { try tail.feed().events.count >= 600 }
            let sessions = try Tidemark.run(["sessions", "--format", "json", relay.url]).text.split(separator: "\n")
            #expect(sessions.count == 2 && sessions.allSatisfy { $0.contains(#""clients":1"#) }, "\(sessions)")

            // One of them ends, the other goes on.
            try cluster.hosts[0].destroy("s")
            try eventually("one session's end", of: tail, and: coordinator.process) {
                try tail.feed().sessionStates("s").contains("ended")
            }
            try cluster.hosts[1].start(program: "tick", id: 3, arguments: ["--count", "300", "--rate", "0"]).end()
            try eventually("the other's events", of: tail, and: coordinator.process) {
                try tail.feed().programs[3] == 300
            }
            let feed = try tail.feed()
            #expect(feed.sessionStates("s").sorted() == ["active", "active", "ended"])
            #expect(feed.programs == [1: 300, 2: 300, 3: 300])
            #expect(Set(feed.events.map(\.writer.host)) == ["twin"])
            let ids = feed.events.reduce(into: [Int: Set<Int>]()) {
                $0[$1.writer.program, default: []].insert($1.writer.sessionID)
            }
            #expect(ids[1]?.count == 1 && ids[2]?.count == 1 && ids[1] != ids[2] && ids[3] == ids[2], "\(ids)")
            let (gaps, repeats) = feed.continuity()
            #expect(gaps.isEmpty && repeats.isEmpty, "\(gaps) \(repeats)")
            #expect(feed.lateCount == 0)
            #expect(feed.disorder == [])
        }

        @Test
        func `scenario 28: a session is destroyed and made anew under its name twenty times`() throws {
            let generations = 20
            let cluster = try Cluster(hosts: 1, livePeriodMicroseconds: 20_000)
            let host = cluster.hosts[0]
            let coordinator = try Coordinator(cluster)
            let tail = try coordinator.tail(["--from", "earliest", "--format", "json", "--all"])
            try host.startSession("s")
            for generation in 1...generations {
                let program = try host.start(
                    program: "tick",
                    id: generation,
                    arguments: ["--count", "20", "--rate", "0"]
                )
                try program.end()
                // Relay daemons before 2.14 forget what was not fetched when a session is destroyed.
                try eventually("the events of generation \(generation)", of: tail, and: coordinator.process) {
                    try tail.outputLines >= generation * 20 && tail.feed().programs[generation] ?? 0 >= 20
                }
                if generation < generations { try host.replaceSession("s") }
            }
            // LTTng 2.13 ends a session whose successor came too soon only after the last one.
            try host.destroy("s")
            try eventually("the ends of all", of: tail, and: coordinator.process) {
                try tail.feed().sessionStates("s").count { $0 == "ended" } == generations
            }
            let feed = try tail.feed()
            #expect(feed.programs == Dictionary(uniqueKeysWithValues: (1...generations).map { ($0, 20) }))
            let (gaps, repeats) = feed.continuity()
            #expect(gaps.isEmpty && repeats.isEmpty, "\(gaps) \(repeats)")
            #expect(Set(feed.events.map(\.writer.sessionID)).count == generations)
            #expect(feed.disorder == [])
            let states = feed.sessionStates("s")
            #expect(states.count { $0 == "active" } == generations, "\(states)")
            #expect(!states.contains("held") && !states.contains("lost"), "\(states)")
            #expect(!coordinator.process.errorText.contains("cannot be attached"), "\(coordinator.process.errorText)")
        }
    }
}
