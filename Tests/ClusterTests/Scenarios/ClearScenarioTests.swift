import Foundation
import Testing

extension RealCluster {
    /// `lttng clear` while a viewer is attached.
    @Suite(.timeLimit(.minutes(5)))
    struct ClearScenarios {
        @Test
        func `scenario 8: clearing twice while a program writes repeats nothing, and what is missing is said`() throws {
            let cluster = try Cluster(hosts: 2)
            for (host, buffers) in zip(cluster.hosts, [Host.Buffers.perUser, .perProcess]) {
                try host.startSession("s", buffers: buffers, events: "demo:tick")
            }
            let feed = try WatchedFeed(cluster)
            let arguments = ["--rate", "2000", "--linger-ms", "\(cluster.lingerMilliseconds)"]
            let programs = try cluster.hosts.map { try $0.start(program: "tick", id: 1, arguments: arguments) }
            for clears in 0...2 {
                let before = cluster.hosts.map { feed.soFar().events(of: $0).count }
                try eventually("events after \(clears) clears", of: feed.json, and: feed.coordinator.process) {
                    let records = feed.soFar()
                    return zip(cluster.hosts, before).allSatisfy { records.events(of: $0).count >= $1 + 200 }
                }
                if clears < 2 { for host in cluster.hosts { try host.clear("s") } }
            }
            let written = try programs.map { try $0.stop() }
            try eventually("the last events", of: feed.json, and: feed.coordinator.process) {
                let records = feed.soFar()
                return zip(cluster.hosts, written).allSatisfy { records.events(of: $0).last?.sequence == $1 }
            }
            for program in programs { try program.end() }
            for host in cluster.hosts {
                #expect(try host.discarded("s") == 0)
                try host.destroy("s")
            }
            let records = try feed.end()
            for host in cluster.hosts { expectGapsAreSaid(records, host) }
        }

        /// Numbers go up, and where some are missing, one notice per stream and clear says so.
        private func expectGapsAreSaid(_ feed: FeedJSON, _ host: Host) {
            let events = feed.events(of: host)
            let losses = feed.losses.filter { $0.relay == host.name }
            var gaps = 0
            for (last, next) in zip(events, events.dropFirst()) where next.sequence != last.sequence + 1 {
                #expect(next.sequence > last.sequence, "\(last), then \(next)")
                gaps += 1
                let isSaid = losses.contains { loss in
                    loss.unit == .packets && loss.fromNs ?? .max < next.timestampNs
                        && loss.toNs ?? .min > last.timestampNs
                }
                #expect(isSaid, "from \(last) to \(next), but \(losses)")
            }
            #expect(gaps <= 2, "\(host.name): two clears")
            #expect(!losses.isEmpty, "\(host.name): unread buffers were cleared under a busy program")
            for (stream, notices) in Dictionary(grouping: losses, by: { "\($0.trace) \($0.stream ?? -1)" }) {
                #expect(notices.count <= 2, "\(host.name), stream \(stream): \(notices)")
            }
        }

        @Test
        func `scenario 9: event types that are enabled after a clear are decoded`() throws {
            let cluster = try Cluster(hosts: 2, livePeriodMicroseconds: 50_000)
            try cluster.hosts[0].startSession("s", buffers: .perUser, events: "demo:tick")
            try cluster.hosts[1].startSession("s", buffers: .perProcess, events: "demo:tick")
            let feed = try WatchedFeed(cluster)
            let linger = ["--linger-ms", "\(cluster.lingerMilliseconds)"]
            let begin = cluster.file("begin")
            // One program writes before the clear; the other is traced all along, and writes after it.
            let late = try cluster.hosts.map { host in
                let arguments = ["--count", "2", "--rate", "0", "--kinds", "tock", "--start-file", begin]
                return try host.start(program: "tick", id: 2, arguments: arguments + linger)
            }
            for host in cluster.hosts {
                let arguments = ["--count", "10", "--rate", "0"] + linger
                try host.start(program: "tick", id: 1, arguments: arguments).end()
            }
            try feed.await(events: 20)
            for host in cluster.hosts { try host.clear("s") }
            for host in cluster.hosts { try host.enable("s", events: "demo:tock") }
            try Data().write(to: URL(fileURLWithPath: begin))
            for program in late { #expect(try program.written() == 2) }
            try feed.await(events: 24)
            for program in late { try program.end() }
            for host in cluster.hosts { try host.destroy("s") }
            try feed.awaitEnd(of: "s", on: cluster.hosts)
            let records = try feed.end()
            #expect(records.count("demo:tick") == 20)
            #expect(records.count("demo:tock") == 4)
            #expect(FeedText(feed.text.output).problems == [])
            #expect(records.losses.allSatisfy { $0.unit == .packets }, "\(records.losses)")
        }
    }
}
