import Foundation
import Glibc
import Testing

extension RealCluster {
    /// The timeline's page in Debian's chromium, on a coordinator and real hosts. What the browser is told to do, and
    /// what has to be seen, is in `Tests/Timeline/cluster_page.py`.
    @Suite(.timeLimit(.minutes(5)))
    struct Timeline {
        @Test
        func `the page shows what happens on the hosts, as tail prints it`() throws {
            let cluster = try Cluster(hosts: 2)
            var options = Coordinator.Options(http: { _ in [] })
            options.stallAfter = "4s"
            options.log = cluster.file("log")
            for host in cluster.hosts { try host.startSession("S") }
            let coordinator = try Coordinator(cluster, options: options)
            let tail = try coordinator.tail(["--from", "earliest", "--format", "json"])
            let programs = try cluster.hosts.enumerated().map { number, host in
                try host.start(program: "tick", id: number + 1, arguments: ["--count", "1000000", "--rate", "1000"])
            }
            try eventually("some seconds of events", of: tail, and: coordinator.process) { tail.outputLines > 10_000 }
            let stopped = try #require(cluster.hosts.last)
            func control(_ verb: String) -> String {
                "'\(Repository.cluster)' \(verb) '\(stopped.cluster)' \(stopped.name) relay"
            }
            let page = try ChildProcess([
                "/usr/bin/python3", Repository.root.path + "/Tests/Timeline/cluster_page.py",
                "--address", "http://127.0.0.1:\(coordinator.httpPort)/", "--tail", tail.outputFile,
                "--hosts", cluster.hosts.map(\.hostname).joined(separator: ","),
                "--stop", control("pause"), "--resume", control("resume"),
            ])
            let end = try page.end(within: 240)
            #expect(end.status == 0, "\(page.summary)\n\(coordinator.process.summary)")
            // A test that runs nothing would be content too.
            #expect(page.errorText.contains("Ran 6 tests"), "\(page.summary)")
            #expect(coordinator.process.poll() == nil, "\(coordinator.process.summary)")
            for program in programs { program.process.signal(SIGTERM) }
        }
    }
}
