import Foundation
import Glibc
import Testing

extension RealCluster {
    /// Subscribers that do not read, and relays that have nothing to say.
    @Suite(.timeLimit(.minutes(5)))
    struct SlowPeers {
        @Test
        func `scenario 38: fifty subscribers that stop reading cost neither the feed nor the relay anything`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s")
            let coordinator = try Coordinator(cluster)
            let files = ["ca.pem", "client.pem", "client.key"].map(coordinator.identities.file)
            let mute = try ChildProcess(
                ["/usr/bin/python3", Repository.python + "/mute_subscribers.py", "127.0.0.1", "\(coordinator.port)"]
                    + files + ["50"]
            )
            try eventually("fifty subscriptions", of: mute, and: coordinator.process) { mute.outputLines == 50 }
            let tail = try coordinator.tail()
            let count = 60_000
            let arguments = ["--count", "\(count)", "--rate", "30000", "--burst", "300"]
            let program = try host.start(program: "load", id: 1, arguments: arguments)
            // Another viewer is answered all the while: every answer comes from the relay's only worker.
            var answers = 0
            while program.process.poll() == nil {
                let listed = try Command.run(["babeltrace2", "-i", "lttng-live", host.url], within: 10)
                #expect(listed.text.contains("\(host.name)/s"), "\(listed.text)")
                answers += 1
            }
            #expect(answers > 0)
            try program.end()
            try eventually("all events", of: tail, and: coordinator.process) { tail.outputLines >= count }
            #expect(mute.poll() == nil)
            #expect(try host.discarded("s") == 0)
            try host.destroy("s")
            #expect(try tail.terminate().status == 0, "\(tail.summary)")
            #expect(FeedText(tail.output).problems == [])
            try expectSameLines(tail.output, Babeltrace.text(cluster.traces))
        }

        /// A proxy between the two counts what is asked. Seconds stand for the scenario's hour: nothing adds up
        /// meanwhile but requests, which are counted.
        @Test
        func `scenario 40: a relay without sessions is asked once a second, and a session that comes is attached`()
            throws
        {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            let proxy = try FakeRelay(["proxy", "\(host.livePort)", "--tell"])
            let coordinator = try Coordinator([.init(name: "idle", url: proxy.url)])
            let tail = try coordinator.tail(["--from", "earliest", "--format", "json", "--all"])
            let lists = { proxy.requests.count { $0 == "LIST_SESSIONS" } }
            let requests = { proxy.requests.count }
            try eventually("the first list", of: proxy.process, and: coordinator.process) { lists() > 1 }

            let (begin, asked) = (DispatchTime.now().uptimeNanoseconds, requests())
            try eventually("five more", of: proxy.process) { lists() >= asked + 5 }
            let seconds = Double(DispatchTime.now().uptimeNanoseconds - begin) / 1e9
            // One more, since the time does not begin with a request.
            #expect(Double(requests() - asked) <= seconds + 1, "\(requests() - asked) requests in \(seconds) s")

            try host.startSession("s")
            try host.start(program: "tick", id: 1, arguments: ["--count", "50", "--rate", "0"]).end()
            try eventually("its events", of: tail, and: coordinator.process) { try tail.feed().programs[1] == 50 }
            let told = proxy.process.errorText.split(separator: "\n")
            let attach = try #require(told.firstIndex { $0.hasPrefix("requests") && $0.contains("ATTACH_SESSION") })
            let shown = try #require(told.firstIndex(of: "sessions 1"))
            // From the list that shows it to the attach no second list, of which one comes a second, is waited for.
            #expect(shown < attach)
            #expect(told[shown..<attach].count { $0.contains("LIST_SESSIONS") } <= 1, "\(told[shown...attach])")
        }
    }
}
