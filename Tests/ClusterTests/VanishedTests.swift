import Foundation
import Glibc
import Testing

extension RealCluster {
    /// A coordinator whose end no relay hears of. Scenario 19 (the coordinator's host loses its power).
    @Suite(.timeLimit(.minutes(5)))
    struct VanishedCoordinator {
        static let isRoot = geteuid() == 0

        @Test(.enabled(if: isRoot, "only root can take a process's connections away in silence"))
        func `the next coordinator takes over from the same ports, where another viewer finds the session held`() throws
        {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s")
            let events = ["--count", "10", "--rate", "0"]
            try host.start(program: "tick", id: 1, arguments: events).end()
            let first = try Tidemark.start(["view", "--wait", host.url])
            try eventually("the first coordinator's events", of: first) { first.outputLines == 10 }
            let connections = try Command.run(
                ["/usr/bin/python3", Repository.python + "/vanish.py", "\(first.processID)", "\(host.livePort)"]
            )
            #expect(connections.text.trimmingCharacters(in: .whitespacesAndNewlines) == "2")

            // By another name the relay's address gives other ports: nothing tells the relay that its viewer is gone.
            let elsewhere = try Tidemark.result(["view", "net://localhost:\(host.livePort)"], within: 60)
            #expect(elsewhere.status == 69, "\(elsewhere.error)")
            #expect(elsewhere.error.contains("held by another viewer"), "\(elsewhere.error)")

            let second = try Tidemark.start(["view", "--wait", "--all", "--format", "json", host.url])
            try eventually("the session", of: second) { second.outputText.contains(#""state":"active""#) }
            try host.start(program: "tick", id: 2, arguments: events).end()
            try eventually("all events", of: second) { second.events("demo:tick") == 20 }
            #expect(!second.outputText.contains(#""state":"held""#), "\(second.outputText)")
        }
    }
}
