import Foundation
import Glibc
import Testing

extension RealCluster {
    /// Attaching late, again, or where somebody else is.
    @Suite(.timeLimit(.minutes(5)))
    struct Resume {
        /// The log of the feed does not outlive the coordinator: the second one begins a new feed, which has all that
        /// the relays still have, so that nothing between the two is missing.
        @Test
        func `scenario 18: a coordinator that is killed and restarted attaches at once and has every event`() throws {
            let cluster = try Cluster(hosts: 2)
            for host in cluster.hosts { try host.startSession("s") }
            let coordinator = try Coordinator(cluster)
            let first = try coordinator.tail()
            let programs = try cluster.hosts.map { host in
                try host.start(program: "tick", id: 1, arguments: ["--count", "3000", "--rate", "1000"])
            }
            try eventually("the first part", of: first) { first.outputLines > 1000 }
            coordinator.process.signal(SIGKILL)
            try coordinator.process.end()
            try coordinator.restart()
            // What the first subscriber was in the middle of is not there any more.
            #expect(try first.end().status == 1, "\(first.summary)")
            #expect(first.errorText.contains("new one"), "\(first.errorText)")

            let second = try coordinator.tail()
            for program in programs { try program.end() }
            try eventually("all events", of: second, and: coordinator.process) { second.outputLines >= 6000 }
            for host in cluster.hosts { try host.destroy("s") }
            #expect(try second.terminate().status == 0, "\(second.summary)")
            try expectSameLines(second.output, Babeltrace.text(cluster.traces))
            #expect(FeedText(second.output).problems == [])
            expectSameLines(first.output, second.output.prefix(first.output.count))
            #expect(!coordinator.process.errorText.contains("held"), "\(coordinator.process.errorText)")
        }

        /// The coordinator is behind a network of its own that vanishes first, so that no word of its death comes to
        /// the relay daemon, which then still holds the sessions for it. Making networks needs root.
        @Test(.enabled(if: getuid() == 0, "making a network needs root"))
        func `scenario 19: a coordinator that lost power attaches at once when it is back`() throws {
            let network = try OwnNetwork()
            let cluster = try Cluster(hosts: 1, liveAddress: network.hostAddress)
            let host = cluster.hosts[0]
            try host.startSession("s")
            let identities = try Identities()
            let folder = try ScratchFolder()
            let text = Coordinator.configuration(
                [.init(name: "far", url: host.url)],
                options: .init(),
                port: 7443,
                identities: identities
            )
            let file = try folder.write(text, to: "tidemark.yaml")
            let serve = network.inside([Repository.tidemark, "serve", "--config", file])
            let subscribe =
                [Repository.tidemark, "tail", "tls://127.0.0.1:7443", "--from", "earliest"] + identities.options()

            let first = try ChildProcess(serve, environment: cluster.environment)
            try host.start(program: "tick", id: 1, arguments: ["--count", "50", "--rate", "0"]).end()
            let before = try ChildProcess(network.inside(subscribe))
            try eventually("the events", of: before, and: first) { before.outputLines == 50 }

            try network.vanish()
            for process in [first, before] {
                process.signal(SIGKILL)
                try process.end()
            }
            let listed = try Tidemark.run(["sessions", "--format", "json", host.url]).text
            #expect(listed.contains(#""clients":1"#), "the relay daemon was to believe in its dead viewer: \(listed)")
            try network.comeBack()

            let second = try ChildProcess(network.inside([Repository.tidemark, "serve", "--config", file]))
            try host.start(program: "tick", id: 2, arguments: ["--count", "50", "--rate", "0"]).end()
            let after = try ChildProcess(network.inside(subscribe))
            try eventually("all events", of: after, and: second) { after.outputLines == 100 }
            #expect(FeedText(after.output).problems == [])
            #expect(!second.errorText.contains("held"), "\(second.errorText)")
        }

        @Test
        func `scenario 20: a session that babeltrace2 has is said to be held, and taken over when it leaves`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            for session in ["held", "free"] { try host.startSession(session) }
            let other = try ChildProcess(["babeltrace2", "-i", "lttng-live", host.url(session: "held")])
            try eventually("the other viewer is attached", of: other) {
                try Tidemark.run(["sessions", "--format", "json", host.url]).text.split(separator: "\n")
                    .contains { $0.contains(#""session":"held""#) && $0.contains(#""clients":1"#) }
            }
            let coordinator = try Coordinator(cluster)
            let tail = try coordinator.tail(["--from", "earliest", "--format", "json", "--all"])
            try eventually("the refusal", of: tail, and: coordinator.process) {
                try tail.feed().sessionStates("held") == ["held"]
            }
            try host.start(program: "tick", id: 1, arguments: ["--count", "100", "--rate", "0"]).end()
            try eventually("the free session's events", of: tail, and: coordinator.process) {
                try tail.feed().events.count == 100
            }
            #expect(try tail.feed().sessionStates("free") == ["active"])
            #expect(coordinator.process.errorText.contains("held"))

            other.signal(SIGINT)
            try other.end()
            try eventually("the other session's events", of: tail, and: coordinator.process) {
                try tail.feed().events.count >= 200
            }
            try host.start(program: "tick", id: 2, arguments: ["--count", "100", "--rate", "0"]).end()
            try eventually("events of both", of: tail, and: coordinator.process) { try tail.feed().events.count >= 400 }
            let feed = try tail.feed()
            #expect(feed.sessionStates("held") == ["held", "active"])
            #expect(Array(feed.counts.values) == [100, 100, 100, 100], "\(feed.counts)")
            let (gaps, repeats) = feed.continuity()
            #expect(gaps.isEmpty && repeats.isEmpty, "\(gaps) \(repeats)")
            // Only what had been before the feed's watermark when the session was taken over.
            #expect(feed.events.allSatisfy { $0.lateNs == 0 || $0.writer.program == 1 })
            #expect(feed.disorder == [])
        }

        @Test
        func `scenario 22: from the beginning of a session that has run for long, then live, without a gap`() throws {
            let cluster = try Cluster(hosts: 2, livePeriodMicroseconds: 20_000)
            let programs = try cluster.hosts.map { host in
                try host.startSession("s")
                return try host.start(program: "tick", id: 1, arguments: ["--count", "0", "--rate", "1000"])
            }
            // A packet a live period and processor, each of at least a page.
            try eventually("a history of hundreds of packets") {
                try cluster.traces.allSatisfy { try Self.bytes(in: $0) > 200 * 4096 }
            }
            let coordinator = try Coordinator(cluster)
            let tail = try coordinator.tail()
            try eventually("the history", of: tail, and: coordinator.process) { tail.outputLines > 4000 }
            let history = tail.outputLines
            try eventually("live events", of: tail, and: coordinator.process) { tail.outputLines > history + 1000 }
            let written = try programs.reduce(0) { sum, program in
                program.process.signal(SIGTERM)
                return try sum + program.written()
            }
            try eventually("all events", of: tail, and: coordinator.process) { tail.outputLines >= written }
            for host in cluster.hosts {
                #expect(try host.discarded("s") == 0)
                try host.destroy("s")
            }
            #expect(try tail.terminate().status == 0, "\(tail.summary)")
            #expect(FeedText(tail.output).problems == [])
            try expectSameLines(tail.output, Babeltrace.text(cluster.traces))
        }

        /// The size of all stream files in a folder.
        private static func bytes(in folder: String) throws -> Int {
            try FileManager.default.subpathsOfDirectory(atPath: folder).reduce(0) { sum, path in
                guard path.contains("main_"), !path.hasSuffix(".idx") else { return sum }
                return try sum + (FileManager.default.attributesOfItem(atPath: folder + "/" + path)[.size] as? Int ?? 0)
            }
        }
    }
}

/// A network namespace with a link to this machine's own, for what is to vanish without a word. Root only.
final class OwnNetwork {
    /// An address of this machine, which stays when the link goes; from the range that is set aside for measuring
    /// networks, and another in each process.
    let hostAddress: String
    private let address: String
    private let name = "tidemark-\(getpid())"
    private let link = "tide\(getpid())"

    init() throws {
        let number = getpid() % 0x4000
        let network = "198.\(18 + number >> 13).\(number >> 5 & 0xff)."
        hostAddress = network + "\((number & 0x1f) * 8 + 1)"
        address = network + "\((number & 0x1f) * 8 + 2)"
        try ip("address", "add", hostAddress, "dev", "lo")
        // Without the link, what is meant for the namespace goes nowhere, and nobody says so.
        try ip("route", "add", "blackhole", address, "metric", "9999")
        try comeBack()
    }

    deinit {
        _ = try? Command.result(["ip", "link", "delete", link])
        _ = try? Command.result(["ip", "netns", "delete", name])
        _ = try? Command.result(["ip", "route", "delete", "blackhole", address])
        _ = try? Command.result(["ip", "address", "delete", hostAddress + "/32", "dev", "lo"])
    }

    /// The command, run in the namespace.
    func inside(_ command: [String]) -> [String] { ["ip", "netns", "exec", name] + command }

    /// The link is gone on both sides.
    func vanish() throws { try ip("link", "delete", link) }

    /// A new namespace and a new link, with the same addresses.
    func comeBack() throws {
        _ = try Command.result(["ip", "netns", "delete", name])
        try ip("netns", "add", name)
        try ip("link", "add", link, "type", "veth", "peer", "name", "out", "netns", name)
        try ip("link", "set", link, "up")
        try ip("route", "add", address, "dev", link, "src", hostAddress)
        try ip("-n", name, "address", "add", address, "dev", "out")
        for device in ["lo", "out"] { try ip("-n", name, "link", "set", device, "up") }
        try ip("-n", name, "route", "add", hostAddress, "dev", "out", "src", address)
    }

    private func ip(_ arguments: String...) throws { try Command.run(["ip"] + arguments) }
}
