import Foundation
import Glibc
import Testing

extension RealCluster {
    /// Sessions that are stopped, started, destroyed, refused or killed while a viewer is attached.
    @Suite(.timeLimit(.minutes(5)))
    struct SessionScenarios {
        /// What the coordinator costs meanwhile is in `Quiet`.
        @Test
        func `scenario 7: after a stop the watermark goes on at few requests, and after a start events flow`() throws {
            let cluster = try Cluster(hosts: 1, livePeriodMicroseconds: 500_000)
            let host = cluster.hosts[0]
            try host.startSession("s")
            let proxy = try FakeRelay(["proxy", "\(host.livePort)", "--tell-requests"])
            let feed = try WatchedFeed(Coordinator([.init(name: host.name, url: proxy.url)], cluster: cluster))
            let program = try host.start(program: "tick", id: 1, arguments: ["--rate", "1000"])
            try feed.await(events: 500)
            try host.stop("s")
            // It may need some periods to learn that nothing comes any more.
            try eventually("rest", of: feed.json) { [rest = 3 * cluster.livePeriodMicroseconds] in
                let before = feed.text.outputLines
                usleep(UInt32(rest))
                return feed.text.outputLines == before
            }
            let before = (watermarks: feed.soFar().watermarks, batches: proxy.requestBatches.count)
            let begin = DispatchTime.now()
            usleep(10_000_000)
            let after = (watermarks: feed.soFar().watermarks, batches: proxy.requestBatches.count)
            let seconds = Double(DispatchTime.now().uptimeNanoseconds - begin.uptimeNanoseconds) / 1e9
            let advance = try #require(after.watermarks.last) - (try #require(before.watermarks.last))
            #expect(advance > 9_000_000_000, "the watermark went on by \(advance) ns in \(seconds) s")
            #expect(after.watermarks.count - before.watermarks.count >= 18, "one a live period is 20")
            let rate = Double(after.batches - before.batches) / seconds
            #expect(rate <= 10, "\(rate) batches of requests a second")

            let lines = feed.text.outputLines
            try host.start("s")
            try eventually("events after the start", of: feed.text) { feed.text.outputLines > lines }
            #expect(try program.stop() > 500)
            try program.end()
            try host.destroy("s")
            try feed.awaitEnd(of: "s", on: [host])
            try feed.endWhole(cluster)
        }

        /// babeltrace2 2.0.4 hangs here.
        @Test
        func `scenario 10: a viewer of a session that was stopped and cleared ends with the session`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s")
            try host.start(program: "tick", id: 1, arguments: ["--count", "100", "--rate", "0"]).end()
            try host.stop("s")
            try host.clear("s")
            let view = try Tidemark.start(
                ["view", "--format", "json", "--all", host.url],
                environment: cluster.environment
            )
            try host.awaitViewer(of: "s", view)
            try host.destroy("s")
            #expect(try view.end(within: 10).status == 0, "\(view.summary)")
            let records = FeedJSON(view.output)
            #expect(records.problems == [])
            #expect(records.events.isEmpty)
            #expect(records.states(ofSession: "s", relay: host.address) == ["active", "ended"])
            #expect(records.hasEnd)
        }

        @Test
        func `scenario 11: what was flushed before a destroy is delivered, then the end is said`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s")
            let feed = try WatchedFeed(cluster)
            let count = 3000
            try host.start(program: "tick", id: 1, arguments: ["--count", "\(count)", "--rate", "0"]).end()
            try host.destroy("s")
            try feed.awaitEnd(of: "s", on: [host])
            #expect(try host.sessions().isEmpty)
            let records = try feed.endWhole(cluster)
            #expect(records.events.count == count)
            let lines = feed.json.outputText.split(separator: "\n")
            let lastEvent = try #require(lines.lastIndex { $0.contains(#""type":"event""#) })
            let end = try #require(lines.firstIndex { $0.contains(#""type":"session""#) && $0.contains(#""ended""#) })
            #expect(lastEvent < end)
        }

        @Test
        func `scenario 12: a refused rotation changes nothing, and a new statedump is in the feed`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s", events: "demo:*,lttng_ust_statedump:*")
            let feed = try WatchedFeed(cluster)
            let begin = cluster.file("begin")
            let arguments = ["--count", "50", "--rate", "0", "--start-file", begin]
            let program = try host.start(program: "tick", id: 1, arguments: arguments)
            let statedumps = { feed.soFar().count("lttng_ust_statedump:end") }
            try eventually("the program's statedump", of: feed.json) { statedumps() == 1 }

            let rotation = try host.lttng(["rotate", "s"])
            #expect(rotation.status != 0, "\(rotation.text) \(rotation.error)")
            #expect(statedumps() == 1)
            let regeneration = try host.lttng(["regenerate", "statedump", "-s", "s"])
            #expect(regeneration.status == 0, "\(regeneration.text) \(regeneration.error)")
            try eventually("the new statedump", of: feed.json) { statedumps() == 2 }

            try Data().write(to: URL(fileURLWithPath: begin))
            try program.end()
            try host.destroy("s")
            try feed.awaitEnd(of: "s", on: [host])
            let records = try feed.endWhole(cluster)
            #expect(records.count("demo:tick") == 50)
            #expect(records.count("lttng_ust_statedump:start") == 2)
        }

        /// This tracer sends a new type's metadata with the first packet that needs it, not before. Any stream's reply
        /// may flag it then, be it a beacon of another one. Beacons alone that flag it are with the simulated relay.
        @Test
        func `scenario 13: of a type that is enabled while all are idle, the first event is decoded`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s", events: "demo:tick")
            let proxy = try FakeRelay(["proxy", "\(host.livePort)", "--tell-requests"])
            let feed = try WatchedFeed(Coordinator([.init(name: host.name, url: proxy.url)], cluster: cluster))
            let begin = cluster.file("begin")
            let arguments = ["--count", "10", "--rate", "0", "--kinds", "tock", "--start-file", begin]
            let program = try host.start(program: "tick", id: 2, arguments: arguments)
            try host.start(program: "tick", id: 1, arguments: ["--count", "1"]).end()
            try feed.await(events: 1)
            let fetches = { proxy.requestBatches.count { $0.contains("GET_METADATA") } }
            let watermarks = { feed.soFar().watermarks.count }
            let before = (fetches: fetches(), watermarks: watermarks())
            try host.enable("s", events: "demo:tock")
            try eventually("beacons", of: feed.json) { watermarks() > before.watermarks + 3 }
            #expect(feed.text.outputLines == 1)
            try Data().write(to: URL(fileURLWithPath: begin))
            try program.end()
            try feed.await(events: 11)
            #expect(fetches() > before.fetches)
            try host.destroy("s")
            try feed.awaitEnd(of: "s", on: [host])
            #expect(try feed.endWhole(cluster).count("demo:tock") == 10)
        }

        @Test
        func `scenario 14: when a consumer or session daemon is killed, its streams end and the others flow on`() throws
        {
            let cluster = try Cluster(hosts: 3)
            for host in cluster.hosts { try host.startSession("s") }
            let killed = Array(cluster.hosts.prefix(2))
            let feed = try WatchedFeed(cluster)
            let programs = try cluster.hosts.map { host in
                try host.start(program: "tick", id: 1, arguments: ["--count", "200", "--rate", "1000"])
            }
            for program in programs { #expect(try program.written() == 200) }
            try feed.await(events: 600)
            try killed[0].kill("consumer")
            try killed[1].kill("session")
            try feed.awaitEnd(of: "s", on: killed)
            let reasons = feed.soFar().changes.filter { $0.type == "session" && $0.state == "ended" }.map(\.reason)
            #expect(reasons.count == 2 && reasons.allSatisfy { !$0.isEmpty }, "\(reasons)")

            let last = cluster.hosts[2]
            try last.start(program: "tick", id: 2, arguments: ["--count", "200", "--rate", "0"]).end()
            try feed.await(events: 800)
            try last.destroy("s")
            try feed.awaitEnd(of: "s", on: [last])
            try feed.endWhole(cluster)
        }

        @Test
        func `scenario 29: a session that is not live is listed as such, and left alone`() throws {
            let cluster = try Cluster(hosts: 1, livePeriodMicroseconds: 50_000)
            let host = cluster.hosts[0]
            try host.startSession("stored", live: false)
            try host.startSession("live")
            let feed = try WatchedFeed(cluster)
            try host.start(program: "tick", id: 1, arguments: ["--count", "100", "--rate", "0"]).end()
            try feed.await(events: 100)
            let stored = try #require(try host.sessions().first { $0.name == "stored" })
            #expect(stored.livePeriodMicroseconds == 0)
            #expect(stored.viewers == 0)

            // Many lists later it is still left alone, and nothing is said of it again and again.
            let said = feed.coordinator.process.errorText
            let watermarks = feed.soFar().watermarks.count
            try eventually("twenty live periods", of: feed.json) { feed.soFar().watermarks.count > watermarks + 20 }
            #expect(feed.coordinator.process.errorText == said)
            #expect(try host.sessions().allSatisfy { ($0.name == "live") == ($0.viewers == 1) })
            for session in ["live", "stored"] { try host.destroy(session) }
            try feed.awaitEnd(of: "live", on: [host])
            let records = try feed.end()
            #expect(records.losses.isEmpty)
            #expect(Set(records.events.map(\.session)) == ["live"])
            #expect(FeedText(feed.text.output).events.values.map(\.self) == [100])
            #expect(!records.changes.contains { $0.session == "stored" })
        }
    }
}
