import Foundation
import Glibc
import Testing

extension RealCluster {
    /// `tidemark top` on a feed with real hosts, on a terminal and without one.
    @Suite(.timeLimit(.minutes(5)))
    struct Top {
        @Test
        func `without a terminal it prints lines, with what has come since its start`() throws {
            let cluster = try Cluster(hosts: 2)
            for host in cluster.hosts { try host.startSession("s") }
            let coordinator = try Coordinator(cluster)
            let (first, second) = (cluster.hosts[0], cluster.hosts[1])
            let options = coordinator.identities.options()
            let top = try Tidemark.start(["top", coordinator.url, "--interval", "0.2", "--sort", "events"] + options)
            let closer = try Tidemark.start(
                ["top", coordinator.url, "--relay", first.name, "--interval", "0.2"] + options
            )
            // Both know both relays before anything is traced.
            try eventually("the relays", of: top) { top.outputText.contains("\n\(second.name) ") }
            try eventually("the session", of: closer) { closer.outputText.contains("\n\(first.hostname)/s ") }
            try first.start(program: "tick", id: 1, arguments: ["--count", "500", "--rate", "0"]).end()
            try second.start(program: "tick", id: 2, arguments: ["--count", "70", "--rate", "0"]).end()
            func last(_ process: ChildProcess) -> [[String]] {
                let tables = process.outputText.components(separatedBy: "\n\n").filter { $0.contains("NAME") }
                return tables.last.map { table in
                    table.split(separator: "\n").dropFirst(2).map { $0.split(separator: " ").map(String.init) }
                } ?? []
            }
            try eventually("all events", of: top, and: coordinator.process) {
                last(top).map { [$0[0], $0[3], $0[4], $0[5]] } == [
                    [first.name, "500", "0", "0"], [second.name, "70", "0", "0"],
                ]
            }
            try eventually("those of the session", of: closer) {
                last(closer).map { [$0[0], $0[1], $0[3]] } == [["\(first.hostname)/s", "active", "500"]]
            }
            #expect(!top.outputText.contains("\u{1B}"))
            #expect(try top.terminate().status == 0, "\(top.summary)")
            closer.signal(SIGINT)
            #expect(try closer.end().status == 0, "\(closer.summary)")

            let counted = try Tidemark.run(["top", coordinator.url, "--count", "3", "--interval", "0.1"] + options)
            #expect(counted.text.components(separatedBy: "NAME").count == 4)
            let piped = try Command.result([
                "sh", "-c",
                (["exec", Repository.tidemark, "top", coordinator.url, "--interval", "0.1"] + options)
                    .joined(separator: " ") + " | head -n 1",
            ])
            #expect(piped.status == 0 && piped.error.isEmpty, "\(piped)")
        }

        @Test
        func `on a terminal it is a table that keys turn, and the terminal is as it was afterwards`() throws {
            let cluster = try Cluster(hosts: 2)
            for host in cluster.hosts { try host.startSession("shop") }
            let coordinator = try Coordinator(cluster)
            let (first, second) = (cluster.hosts[0], cluster.hosts[1])
            let tickers = try cluster.hosts.enumerated().map {
                try $1.start(program: "tick", id: $0 + 1, arguments: ["--count", "0", "--rate", "100"])
            }
            let seen = try Command.result(
                [
                    "/usr/bin/python3", Repository.python + "/terminal.py", "70", "12", "see=\(second.name)",
                    "press=sssss", "see=NAMEv", "press=j\\r",
                    "see=\(second.hostname)/shop",
                    "press=/nothing\\r", "see=only *nothing*", "press=b", "see=\(second.hostname)/shop", "press=b",
                    "see=\(first.name)", "press=q", "--", Repository.tidemark, "top", coordinator.url, "--interval",
                    "0.1",
                    "--sort", "rate",
                ] + coordinator.identities.options()
            )
            for ticker in tickers { _ = try ticker.stop() }
            #expect(seen.status == 0, "\(seen.text)\(seen.error)")
            let screens = seen.text.components(separatedBy: "--- ")
            let closer = try #require(screens.first { $0.hasPrefix("\(second.hostname)/shop") })
            #expect(closer.contains("sessions of \(second.name): ") && closer.contains("q quit"), "\(closer)")
            #expect(
                screens.allSatisfy {
                    $0.split(separator: "\n").dropFirst().allSatisfy { $0.count <= 70 || $0.hasPrefix("'") }
                }
            )
            let everything = try #require(screens.last)
            let begin = everything.range(of: #"\x1b[?1049h"#)?.lowerBound
            let end = everything.range(of: #"\x1b[?1049l"#)?.lowerBound
            #expect(begin != nil && end != nil && (begin ?? everything.endIndex) < (end ?? everything.startIndex))
        }

        @Test
        func `before there is a feed it prints no tables`() throws {
            let identities = try Identities()
            let top = try Tidemark.start(
                ["top", "tls://127.0.0.1:\(try freePort())", "--interval", "0.05"] + identities.options()
            )
            try eventually("an attempt", of: top) { top.errorText.contains("trying again") }
            top.signal(SIGINT)
            _ = try top.end()
            #expect(top.outputText.isEmpty, "\(top.summary)")
        }

        @Test
        func `who is refused is told so`() throws {
            let coordinator = try Coordinator([.init(name: "a", url: "net://127.0.0.1:\(try freePort())")])
            let strangers = try Identities()
            let refused = try Tidemark.result(["top", coordinator.url] + strangers.options())
            #expect(refused.status == 77, "\(refused)")
            #expect(try Tidemark.result(["top", "net://h"] + strangers.options()).status == 64)
            #expect(
                try Tidemark.result(["top", coordinator.url, "--interval", "0"] + strangers.options()).status == 64
            )
        }
    }
}
