import Foundation
import Glibc
import Testing

extension RealCluster {
    /// A coordinator above others.
    @Suite(.timeLimit(.minutes(10)))
    struct Tree {
        private static let session = "users"
        private static let eventsPerHost = 20_000

        /// Three coordinators with three hosts each, and one that merges them.
        private final class Coordinators {
            let cluster: Cluster
            let leaves: [Coordinator]
            let root: Coordinator

            init() throws {
                let cluster = try Cluster(hosts: 9)
                self.cluster = cluster
                for host in cluster.hosts { try host.startSession(Tree.session) }
                var options = Coordinator.Options()
                options.log = "log"
                leaves = try (0..<3).map { number in
                    let hosts = cluster.hosts[number * 3..<number * 3 + 3]
                    let relays = hosts.map { Coordinator.Relay(name: $0.name, url: $0.url) }
                    return try Coordinator(relays, options: options, cluster: cluster)
                }
                let sources = leaves.enumerated().map { number, leaf in
                    Coordinator.Relay(
                        name: "leaf\(number)",
                        url: leaf.url,
                        lines: [
                            "ca: \(leaf.identities.file("ca.pem"))",
                            "certificate: \(leaf.identities.file("client.pem"))",
                            "key: \(leaf.identities.file("client.key"))",
                        ]
                    )
                }
                root = try Coordinator(sources, options: options, cluster: cluster)
                for (index, host) in cluster.hosts.enumerated() {
                    try host.awaitViewer(of: Tree.session, leaves[index / 3].process)
                }
            }

            var all: [Coordinator] { leaves + [root] }
        }

        private static func kill(_ coordinator: Coordinator) throws {
            coordinator.process.signal(SIGKILL)
            _ = try coordinator.process.end(within: 30)
            try coordinator.restart()
        }

        @Test
        func `three coordinators over nine hosts become one feed, each event once, whoever is killed`() throws {
            let tree = try Coordinators()
            let subscriber = try tree.root.tail()
            let events = ["--count", "\(Self.eventsPerHost)", "--rate", "1000", "--burst", "20"]
            let linger = ["--linger-ms", "\(tree.cluster.lingerMilliseconds)"]
            let programs = try tree.cluster.hosts.map { host in
                try host.start(program: "tick", id: 1, arguments: events + linger)
            }
            for (turn, coordinator) in [tree.leaves[1], tree.root, tree.leaves[0], tree.leaves[2]].enumerated() {
                try eventually("events before the kill", of: subscriber, within: 120) {
                    subscriber.outputLines > (turn + 1) * 9 * Self.eventsPerHost / 8
                }
                try Self.kill(coordinator)
            }
            for program in programs { try program.end() }
            let total = 9 * Self.eventsPerHost
            try eventually("\(total) events", of: subscriber, and: tree.root.process, within: 240) {
                subscriber.outputLines >= total
            }
            for host in tree.cluster.hosts {
                #expect(try host.discarded(Self.session) == 0)
                try host.destroy(Self.session)
            }
            #expect(try subscriber.terminate().status == 0, "\(subscriber.summary)")
            let stored = try Babeltrace.text(tree.cluster.traces)
            expectSameLines(subscriber.output, stored)

            // What is logged says whose events they are.
            let relays = try Self.relays(tree.root, count: total)
            let names = tree.cluster.hosts.enumerated().map { "leaf\($0 / 3)/\($1.name)" }
            #expect(relays == Set(names))
            for coordinator in tree.all {
                #expect(try coordinator.process.terminate().status == 0, "\(coordinator.process.summary)")
            }
        }

        /// Which relays the events in a feed are of.
        private static func relays(_ coordinator: Coordinator, count: Int) throws -> Set<String> {
            let tail = try coordinator.tail(["--from", "earliest", "--format", "json", "--limit", "\(count)"])
            _ = try tail.end(within: 120)
            var relays: Set<String> = []
            for line in tail.output.split(separator: 10) {
                let record = try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any]
                if let relay = record?["relay"] as? String { relays.insert(relay) }
            }
            return relays
        }

        @Test
        func `view prints another coordinator's feed until that ends`() throws {
            let cluster = try Cluster(hosts: 2)
            for host in cluster.hosts { try host.startSession(Self.session) }
            let coordinator = try Coordinator(cluster)
            for host in cluster.hosts { try host.awaitViewer(of: Self.session, coordinator.process) }
            let view = try Tidemark.start(["view", coordinator.url] + coordinator.identities.options())
            let arguments = ["--count", "5000", "--rate", "0", "--linger-ms", "\(cluster.lingerMilliseconds)"]
            for host in cluster.hosts { try host.start(program: "tick", id: 1, arguments: arguments).end() }
            try eventually("all events", of: view, and: coordinator.process) { view.outputLines >= 10_000 }
            for host in cluster.hosts { try host.destroy(Self.session) }
            #expect(try coordinator.process.terminate().status == 0, "\(coordinator.process.summary)")
            #expect(try view.end(within: 30).status == 0, "\(view.summary)")
            try expectSameLines(view.output, Babeltrace.text(cluster.traces))

            let missing = try Tidemark.result(["view", "tls://127.0.0.1:1"])
            #expect(missing.status == 64, "\(missing.error)")
            #expect(missing.error.contains("needs --ca, --cert and --key"), "\(missing.error)")
        }

        @Test
        func `a coordinator that refuses whoever reads it ends view as refused`() throws {
            let coordinator = try Coordinator(try Cluster(hosts: 1))
            let strangers = try Identities()
            let certificate = ["--cert", strangers.file("client.pem"), "--key", strangers.file("client.key")]
            let options = ["--ca", coordinator.identities.file("ca.pem")] + certificate
            let result = try Tidemark.result(["view", coordinator.url] + options)
            #expect(result.status == 77, "\(result.status) \(result.error)")
            #expect(result.error.contains("refused: "), "\(result.error)")
        }

        @Test
        func `a coordinator that is given its own feed says so, and serves on`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession(Self.session)
            let coordinator = try Coordinator(cluster)
            try host.awaitViewer(of: Self.session, coordinator.process)
            let itself = Coordinator.Relay(
                name: "itself",
                url: coordinator.url,
                lines: [
                    "ca: \(coordinator.identities.file("ca.pem"))",
                    "certificate: \(coordinator.identities.file("client.pem"))",
                    "key: \(coordinator.identities.file("client.key"))",
                ]
            )
            let relay = Coordinator.Relay(name: host.name, url: host.url)
            try coordinator.reconfigure([relay, itself])
            try eventually("the loop is found", of: coordinator.process) {
                coordinator.process.errorText.contains("a loop: itself is this feed itself")
            }
            let subscriber = try coordinator.tail()
            try host.start(program: "tick", id: 1, arguments: ["--count", "100", "--rate", "0"]).end()
            try eventually("all events", of: subscriber, and: coordinator.process) { subscriber.outputLines == 100 }
            // Taken away again it is gone.
            try coordinator.reconfigure([relay])
            try eventually("the second reload", of: coordinator.process) {
                coordinator.process.errorText.contains("relays.itself: removed")
            }
            try host.start(program: "tick", id: 2, arguments: ["--count", "100", "--rate", "0"]).end()
            try eventually("all events", of: subscriber, and: coordinator.process) { subscriber.outputLines == 200 }
            #expect(try coordinator.process.terminate().status == 0, "\(coordinator.process.summary)")
        }
    }
}
