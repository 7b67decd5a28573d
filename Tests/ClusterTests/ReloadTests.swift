import Foundation
import Glibc
import Testing

extension RealCluster {
    /// The configuration changes while events flow.
    @Suite(.timeLimit(.minutes(5)))
    struct Reload {
        @Test
        func `a certificate changes, a relay comes and goes, and no event is lost`() throws {
            let cluster = try Cluster(hosts: 3)
            for host in cluster.hosts { try host.startSession("s") }
            let relays = cluster.hosts.map { Coordinator.Relay(name: $0.name, url: $0.url) }
            let coordinator = try Coordinator(Array(relays.prefix(2)), cluster: cluster)
            let options = ["--from", "earliest", "--no-delta"]
            let tail = try coordinator.tail(options)
            let programs = try cluster.hosts.prefix(2).map { host in
                try host.start(
                    program: "load",
                    id: 1,
                    arguments: ["--count", "120000", "--rate", "8000", "--burst", "200"]
                )
            }
            try eventually("events", of: tail, and: coordinator.process) { tail.outputLines > 10_000 }

            try Self.renewCertificate(of: coordinator)

            // A third relay, and its events.
            try coordinator.reconfigure(relays)
            let third = cluster.hosts[2]
            try eventually("the third is attached", of: coordinator.process) {
                try third.sessions().allSatisfy { $0.viewers == 1 }
            }
            try third.start(program: "tick", id: 2, arguments: ["--count", "500", "--rate", "1000"]).end()
            try eventually("the third's events", of: tail, and: coordinator.process) {
                tail.outputText.split(separator: "\n").count { $0.contains(" \(third.name) ") } == 500
            }
            #expect(try third.discarded("s") == 0)
            try coordinator.reconfigure(Array(relays.prefix(2)))
            try eventually("the third is left", of: coordinator.process) {
                try third.sessions().allSatisfy { $0.viewers == 0 }
            }
            // What it writes from now on is nobody's.
            let traces = cluster.traces
            try third.destroy("s")

            // A bad file changes nothing.
            try coordinator.reconfigure(text: "relays: []\n")
            try eventually("the bad file is refused", of: coordinator.process) {
                coordinator.process.errorText.contains("reload refused, nothing has changed")
            }
            #expect(coordinator.process.errorText.contains("\(coordinator.configurationFile):1: relays: is empty"))

            for program in programs { try program.end() }
            let total = 240_000 + 500
            try eventually("all events", of: tail, and: coordinator.process, within: 120) { tail.outputLines >= total }
            for host in cluster.hosts.prefix(2) {
                #expect(try host.discarded("s") == 0)
                try host.destroy("s")
            }
            #expect(try tail.terminate().status == 0, "\(tail.summary)")
            let expected = try Babeltrace.text(traces, options: ["--no-delta"])
            // The third's first events may be late.
            expectSameLines(Self.sorted(tail.output), Self.sorted(expected))
            let others = try Babeltrace.text(Array(traces.prefix(2)), options: ["--no-delta"])
            expectSameLines(Self.lines(tail.output) { !$0.contains(" \(third.name) ") }, others)
            // The subscriber has not noticed.
            #expect(!tail.errorText.contains("again"), "\(tail.errorText)")
            let told = coordinator.process.errorText
            #expect(told.contains("changed=relays.\(third.name): added"), "\(told.suffix(3000))")
            #expect(told.contains("changed=relays.\(third.name): removed"), "\(told.suffix(3000))")
        }

        @Test
        func `what needs a start is named, and the rest of the file is taken over`() throws {
            let coordinator = try Coordinator([.init(name: "a", url: "net://127.0.0.1:\(try freePort())")])
            let text = try String(contentsOfFile: coordinator.configurationFile, encoding: .utf8)
            let changed = text.replacingOccurrences(of: "127.0.0.1:\(coordinator.port)", with: "127.0.0.1:1")
                .replacingOccurrences(of: "stall-after: 30s", with: "stall-after: 5s")
            try coordinator.reconfigure(text: changed)
            try eventually("the reload", of: coordinator.process) {
                coordinator.process.errorText.contains("take effect at the next start")
            }
            let told = coordinator.process.errorText
            #expect(told.contains("keys=feed.listen"), "\(told)")
            #expect(told.contains("changed=order.stall-after"), "\(told)")
            // Again: what waits for the start still waits, and nothing else is said to change.
            try coordinator.reconfigure(text: changed)
            try eventually("the second reload", of: coordinator.process) {
                coordinator.process.errorText.components(separatedBy: "keys=feed.listen").count == 3
            }
            #expect(coordinator.process.errorText.contains("changed=nothing"))
        }

        /// Puts another certificate of the same authority in the place of the server's, which is then shown.
        private static func renewCertificate(of coordinator: Coordinator) throws {
            try CertificateWorkshop(coordinator.identities).make(
                "renewed",
                usage: "serverAuth",
                alternativeName: "DNS:renewed.example.org,IP:127.0.0.1"
            )
            for kind in ["pem", "key"] {
                try FileManager.default.replaceFile(
                    coordinator.identities.file("server.\(kind)"),
                    by: coordinator.identities.file("renewed.\(kind)")
                )
            }
            try eventually("the certificate is taken over", of: coordinator.process) {
                coordinator.process.errorText.contains("certificates are reloaded")
            }
            let shown = try Command.result([
                "openssl", "s_client", "-connect", "127.0.0.1:\(coordinator.port)", "-alpn", "tidemark/1",
            ])
            #expect(shown.text.contains("subject=CN = renewed"), "\(shown.text.prefix(2000))")
        }

        private static func sorted(_ text: Data) -> Data {
            Data(String(decoding: text, as: UTF8.self).split(separator: "\n").sorted().joined(separator: "\n").utf8)
        }

        private static func lines(_ text: Data, where isWanted: (Substring) -> Bool) -> Data {
            let lines = String(decoding: text, as: UTF8.self).split(separator: "\n").filter(isWanted)
            return Data((lines.joined(separator: "\n") + "\n").utf8)
        }
    }
}
