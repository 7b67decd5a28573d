import Foundation
import Glibc
import Testing

extension RealCluster {
    /// Relays that are not there, are something else, die, or are taken: a message that names them, and the rest
    /// flows on.
    @Suite(.timeLimit(.minutes(5)))
    struct BadRelay {
        @Test
        func `a relay that cannot be reached is named`() throws {
            let port = try freePort()
            for arguments in [["view"], ["sessions"]] {
                let result = try Tidemark.result(arguments + ["net://127.0.0.1:\(port)"], within: 60)
                #expect(result.status == 69, "\(arguments) \(result.error)")
                #expect(result.error.contains("127.0.0.1:\(port)"), "\(result.error)")
                #expect(result.output.isEmpty)
            }
        }

        /// What answers in a relay's place.
        enum Impostor: String, CaseIterable {
            /// Greets like a mail server.
            case greeting
            /// Answers as a web server does.
            case web
            /// Takes the connection and says nothing.
            case silent
            /// Closes at once.
            case closing
            /// Answers CONNECT with another protocol major.
            case major
            /// Announces 4,294,967,295 sessions.
            case flood
        }

        @Test(arguments: Impostor.allCases)
        func `what is no relay of our protocol is refused by name`(_ impostor: Impostor) throws {
            let relay = try FakeRelay(["impostor", impostor.rawValue])
            let result = try Tidemark.result(["sessions", relay.url], within: 60)
            #expect([1, 69].contains(result.status), "\(result.status) \(result.error)")
            #expect(result.error.contains("127.0.0.1:\(relay.port)"), "\(result.error)")
        }

        @Test(arguments: Impostor.allCases)
        func `beside an impostor the other relays' feed flows on`(_ impostor: Impostor) throws {
            let cluster = try Cluster(hosts: 1)
            let relay = try FakeRelay(["impostor", impostor.rawValue])
            try cluster.hosts[0].startSession("s")
            let coordinator = try Coordinator([
                .init(name: "good", url: cluster.hosts[0].url), .init(name: "bad", url: relay.url),
            ])
            let tail = try coordinator.tail()
            try cluster.hosts[0].start(program: "tick", id: 1, arguments: ["--count", "100", "--rate", "0"]).end()
            try eventually("the good relay's events", of: tail, and: coordinator.process) {
                tail.outputLines == 100
            }
            #expect(coordinator.process.errorText.contains("bad"), "\(coordinator.process.summary)")
            #expect(coordinator.process.poll() == nil)
        }

        @Test
        func `a connection cut in the middle of a packet costs no event`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s")
            // Cuts connections in metadata, in packets, and between them. The first connection only lists, and stays.
            let cuts = "1000000000,7000,60000,150000,300001"
            let proxy = try FakeRelay(["proxy", "\(host.livePort)", "--cut-after", cuts])
            let coordinator = try Coordinator([.init(name: "cut", url: proxy.url)])
            let tail = try coordinator.tail()
            let arguments = ["--count", "10000", "--rate", "5000", "--burst", "50"]
            try host.start(program: "load", id: 1, arguments: arguments).end()
            try eventually("all events", of: tail, and: coordinator.process) {
                tail.outputLines >= 10_000
            }
            try host.destroy("s")
            #expect(try tail.terminate().status == 0, "\(tail.summary)")
            #expect(FeedText(tail.output).problems == [])
            try expectSameLines(tail.output, Babeltrace.text(cluster.traces))
            #expect(proxy.process.errorText.components(separatedBy: "cut").count == 5, "\(proxy.process.errorText)")
        }

        @Test
        func `a relay that dies is excluded after the grace time, and the others flow on`() throws {
            let cluster = try Cluster(hosts: 2)
            for host in cluster.hosts { try host.startSession("s") }
            let coordinator = try Coordinator(cluster, options: .init(stallAfter: "1s"))
            let tail = try coordinator.tail(["--from", "earliest", "--format", "json", "--all"])
            let first = ["--count", "50", "--rate", "0"]
            for host in cluster.hosts { try host.start(program: "tick", id: 1, arguments: first).end() }
            try eventually("events of both", of: tail) { tail.events("demo:tick") == 100 }
            try cluster.hosts[1].kill("relay")
            try cluster.hosts[0].start(program: "tick", id: 2, arguments: first).end()
            try eventually("events past the dead relay", of: tail, and: coordinator.process) {
                tail.events("demo:tick") == 150
            }
            let states = tail.outputText.split(separator: "\n").filter { $0.contains(#""type":"relay""#) }
            #expect(states.contains { $0.contains("tide-2") && $0.contains("excluded") }, "\(states)")
            #expect(coordinator.process.errorText.contains("tide-2"))
        }

        @Test
        func `a relay that stands still holds the feed back when it may hold it for ever, and is named`() throws {
            let cluster = try Cluster(hosts: 2)
            for host in cluster.hosts { try host.startSession("s") }
            let coordinator = try Coordinator(cluster, options: .init(stallAfter: "never"))
            let tail = try coordinator.tail()
            let events = ["--count", "50", "--rate", "0"]
            for host in cluster.hosts { try host.start(program: "tick", id: 1, arguments: events).end() }
            try eventually("events of both", of: tail) { tail.outputLines == 100 }
            try cluster.hosts[1].pause("relay")
            try cluster.hosts[0].start(program: "tick", id: 2, arguments: events).end()
            try eventually("who is waited for", of: coordinator.process, within: 30) {
                coordinator.process.errorText.contains("tide-2")
            }
            #expect(tail.outputLines == 100)
            try cluster.hosts[1].resume("relay")
            try eventually("the held events", of: tail) { tail.outputLines == 150 }
            #expect(FeedText(tail.output).problems == [])
        }

        @Test
        func `a session that another viewer holds is named, and the others are shown`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            for session in ["held", "free"] { try host.startSession(session) }
            try host.start(program: "tick", id: 1, arguments: ["--count", "10", "--rate", "0"]).end()
            let other = try ChildProcess(["babeltrace2", "-i", "lttng-live", host.url(session: "held")])
            try eventually("the other viewer is attached", of: other) {
                try Tidemark.run(["sessions", "--format", "json", host.url]).text.split(separator: "\n")
                    .contains { $0.contains(#""session":"held""#) && $0.contains(#""clients":1"#) }
            }
            let refused = try Tidemark.result(["view", host.url(session: "held")], within: 60)
            #expect(refused.status == 69)
            #expect(refused.error.contains("held") && refused.error.contains("viewer"), "\(refused.error)")

            let rest = try Tidemark.start(["view", host.url])
            try eventually("the free session's events", of: rest) { rest.outputLines == 10 }
            try host.destroy("free")
            #expect(try rest.end().status == 69, "\(rest.summary)")
            #expect(rest.errorText.contains("held"), "\(rest.errorText)")
        }

        @Test
        func `metadata that does not parse costs that relay only`() throws {
            let cluster = try Cluster(hosts: 2)
            for host in cluster.hosts { try host.startSession("s") }
            // Same length, so that the protocol around it stays whole.
            let proxy = try FakeRelay(["proxy", "\(cluster.hosts[1].livePort)", "--replace", "typealias:typealiaz"])
            let coordinator = try Coordinator(
                [.init(name: "good", url: cluster.hosts[0].url), .init(name: "spoiled", url: proxy.url)],
                options: .init(stallAfter: "1s")
            )
            let tail = try coordinator.tail()
            for host in cluster.hosts {
                try host.start(program: "tick", id: 1, arguments: ["--count", "40", "--rate", "0"]).end()
            }
            try eventually("the good relay's events", of: tail, and: coordinator.process) {
                tail.outputLines == 40
            }
            #expect(Set(FeedText(tail.output).events.keys.map(\.host)) == ["tide-1"])
            #expect(coordinator.process.errorText.contains("spoiled"), "\(coordinator.process.summary)")
            #expect(coordinator.process.errorText.contains("metadata"), "\(coordinator.process.summary)")
        }

        @Test
        func `a stored trace that is missing or damaged is named`() throws {
            let folder = try ScratchFolder()
            let missing = try Tidemark.result(["view", folder.file("nowhere")])
            #expect(missing.status == 1)
            #expect(missing.error.contains("nowhere"), "\(missing.error)")
            try FileManager.default.createDirectory(atPath: folder.file("t"), withIntermediateDirectories: true)
            _ = try folder.write("/* CTF 1.8 */\ntrace { major = 1;\n", to: "t/metadata")
            let damaged = try Tidemark.result(["view", folder.file("t")])
            #expect(damaged.status == 1)
            #expect(damaged.error.contains(folder.file("t")), "\(damaged.error)")
        }
    }
}

/// A server in a relay's place (`Tests/Support/python/fake_relay.py`).
struct FakeRelay {
    let process: ChildProcess
    let port: Int

    init(_ arguments: [String]) throws {
        let process = try ChildProcess(["/usr/bin/python3", Repository.python + "/fake_relay.py"] + arguments)
        try eventually("the fake relay's port", of: process, within: 20) { process.outputLines == 1 }
        guard let port = Int(process.outputText.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw Failure(process.summary)
        }
        self.process = process
        self.port = port
    }

    var url: String { "net://127.0.0.1:\(port)" }

    /// The batches of requests that passed so far, each with its commands' names; of a proxy with `--tell-requests`.
    var requestBatches: [Substring] { process.errorText.split(separator: "\n").filter { $0.hasPrefix("requests") } }
}
