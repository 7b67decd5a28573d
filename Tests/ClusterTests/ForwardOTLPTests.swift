import Foundation
import Glibc
import Testing

extension RealCluster {
    /// The feed in a collector of OpenTelemetry's own classes, whatever that does.
    @Suite(.timeLimit(.minutes(5)))
    struct ForwardOTLP {
        /// Starts and ends with the test; keeps its records when it is started again.
        private final class Collector {
            let identities: Identities
            let port: Int
            let file: String
            private(set) var process: ChildProcess

            init(_ cluster: Cluster, identities: Identities, _ options: [String] = []) throws {
                self.identities = identities
                port = try freePort()
                file = cluster.file("records.jsonl")
                process = try Self.start(port, identities, file, options)
            }

            func restart(_ identities: Identities? = nil, _ options: [String] = []) throws {
                process.signal(SIGKILL)
                try process.end()
                process = try Self.start(port, identities ?? self.identities, file, options)
            }

            private static func start(
                _ port: Int,
                _ identities: Identities,
                _ file: String,
                _ options: [String]
            ) throws -> ChildProcess {
                let classes = Repository.root.appendingPathComponent(".build/python").path
                guard FileManager.default.fileExists(atPath: classes + "/opentelemetry/proto") else {
                    throw Failure("opentelemetry-proto is not in \(classes): Deploy/test puts it there")
                }
                let process = try ChildProcess(
                    [
                        "/usr/bin/python3", Repository.python + "/otlp_collector.py", "\(port)",
                        identities.file("server.pem"), identities.file("server.key"), file, "--client-ca",
                        identities.file("ca.pem"),
                    ] + options,
                    environment: ["PYTHONPATH": classes]
                )
                try eventually("the collector listens", of: process) { process.outputText.contains("listens") }
                return process
            }

            var records: Int { count(file) }

            /// Records of different places.
            var uniqueRecords: Int {
                let text = String(decoding: FileManager.default.contents(atPath: file) ?? Data(), as: UTF8.self)
                let places = text.split(separator: "\n").compactMap { line in
                    line.range(
                        of: #""tidemark.sequence": .*?"tidemark.index": \["int", \d+\]"#,
                        options: .regularExpression
                    )
                    .map { String(line[$0]) }
                }
                return Set(places).count
            }

            private func count(_ file: String) -> Int {
                FileManager.default.contents(atPath: file)?.count { $0 == 10 } ?? 0
            }

            func requests() throws -> [(answer: String, at: Double)] {
                let text = try String(contentsOfFile: file + ".requests", encoding: .utf8)
                return try text.split(separator: "\n").map { line in
                    let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                    #expect(object?["path"] as? String == "/v1/logs" && object?["encoding"] as? String == "gzip")
                    #expect(object?["authorization"] as? String == "Bearer secret")
                    return (object?["answer"] as? String ?? "", object?["at"] as? Double ?? 0)
                }
            }

            func forward(_ lines: [String] = []) -> [String] {
                [
                    "- name: otel", "  otlp: https://localhost:\(port)", "  ca: \(identities.file("ca.pem"))",
                    "  certificate: \(identities.file("client.pem"))", "  key: \(identities.file("client.key"))",
                    "  headers: {Authorization: Bearer secret}",
                ] + lines.map { "  " + $0 }
            }
        }

        private func compare(_ collector: Collector, _ coordinator: Coordinator, events: Int) throws -> [String: Any] {
            let tail = try coordinator.tail(["--from", "earliest", "--format", "json", "--limit", "\(events)"])
            #expect(try tail.end(within: 60).status == 0, "\(tail.summary)")
            let compared = try Command.result([
                "/usr/bin/python3", Repository.python + "/compare_otlp.py", collector.file, tail.outputFile,
            ])
            #expect(compared.status == 0, "\(compared.text.suffix(4000))")
            guard let result = try JSONSerialization.jsonObject(with: compared.output) as? [String: Any] else {
                throw Failure(compared.text)
            }
            return result
        }

        @Test
        func `every event arrives once, with its types, whatever dies, refuses, hangs or is lost`() throws {
            let cluster = try Cluster(hosts: 2)
            for host in cluster.hosts {
                try host.startSession("s", events: "fields:*,demo:*", context: "vpid,procname")
            }
            let collector = try Collector(
                cluster,
                identities: try Identities(),
                ["--script", "429:1,503,429:date,lose,hang,partial"]
            )
            var options = Coordinator.Options()
            options.log = cluster.file("log")
            options.http = { _ in [] }
            options.forward = collector.forward(["batch-events: 500", "batch-after: 200ms", "timeout: 2s"])
            let coordinator = try Coordinator(cluster, options: options)
            let fields = try cluster.hosts[0].start(program: "fields", id: 1, arguments: ["--count", "50"])
            let ticks = try cluster.hosts.map { host in
                try host.start(program: "tick", id: 2, arguments: ["--count", "8000", "--rate", "500"])
            }
            try eventually("the script is over", of: coordinator.process, and: collector.process) {
                collector.uniqueRecords > 1500
            }
            try collector.restart()
            let before = collector.uniqueRecords
            try eventually("more", of: coordinator.process, and: collector.process) {
                collector.uniqueRecords > before + 1000
            }
            coordinator.process.signal(SIGKILL)
            try coordinator.process.end()
            let told = coordinator.process.errorText
            #expect(told.contains("the collector answered 429"), "\(told.suffix(4000))")
            #expect(told.contains("no answer within 2000 ms"), "\(told.suffix(4000))")
            #expect(told.contains("1 records were not taken: one is odd"), "\(told.suffix(4000))")
            try coordinator.restart()
            for program in [fields] + ticks { try program.end() }
            let events = 50 * 17 + 16_000
            try eventually("all events", of: coordinator.process, and: collector.process) {
                collector.uniqueRecords >= events
            }
            let result = try compare(collector, coordinator, events: events)
            #expect(result["events"] as? Int == events)
            // What was taken and lost its answer came again.
            #expect(result["twice"] as? Int ?? 0 >= 500)
            let kinds = result["kinds"] as? [String: Int] ?? [:]
            for kind in ["int", "double", "string", "array", "kvlist"] { #expect(kinds[kind] ?? 0 > 50, "\(kinds)") }
            let requests = try collector.requests()
            // Two were on their way when it asked to wait; nobody came before that was over.
            #expect(requests[..<3].map(\.answer) == ["429:1", "503", "429:date"])
            #expect(requests[2].at - requests[0].at >= 1)
            let date = try #require(requests.firstIndex { $0.answer == "429:date" })
            #expect(requests[date + 1].at - requests[date].at >= 1)
            coordinator.process.signal(SIGTERM)
            #expect(try coordinator.process.end(within: 30).status == 0, "\(coordinator.process.summary)")
        }

        @Test
        func `a wrong certificate is said and costs nothing, and what is refused for good is counted`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s")
            let right = try Identities()
            let collector = try Collector(cluster, identities: right)
            // Signed by somebody else.
            try collector.restart(try Identities())
            var options = Coordinator.Options()
            options.http = { _ in [] }
            options.forward = collector.forward(["batch-events: 100", "concurrency: 1"])
            let coordinator = try Coordinator(cluster, options: options)
            try host.start(program: "tick", id: 1, arguments: ["--count", "1000", "--rate", "0"]).end()
            func ask(_ path: String) throws -> String {
                try Command.run(["curl", "-sS", "http://127.0.0.1:\(coordinator.httpPort)/\(path)"]).text
            }
            try eventually("the certificate is refused", of: coordinator.process) {
                try ask("readyz").contains(#""name":"otel","kind":"otlp","state":"retrying""#)
            }
            #expect(try ask("readyz").contains("TLS: "))
            #expect(coordinator.process.errorText.contains("the collector does not take the feed"))
            #expect(collector.records == 0)
            try collector.restart(right, ["--script", "400,500"])
            try eventually("the others", of: coordinator.process, and: collector.process) { collector.records >= 800 }
            try eventually("all is done with", of: coordinator.process) {
                let scrape = try ask("metrics")
                return scrape.contains(#"tidemark_forwarder_refused_events_total{forwarder="otel",kind="otlp"} 200"#)
                    && scrape.contains(#"tidemark_forwarder_events_total{forwarder="otel",kind="otlp"} 800"#)
            }
            #expect(collector.records == 800)
            let told = coordinator.process.errorText
            #expect(told.contains("the collector answered 400 Bad Request"), "\(told.suffix(3000))")
        }

        @Test
        func `certificates that are replaced in their files are taken, and when they run out is told`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s")
            let (ours, theirs) = (try Identities(), try Identities())
            let collector = try Collector(cluster, identities: ours)
            try collector.restart(theirs)
            var options = Coordinator.Options()
            options.http = { _ in [] }
            options.forward = collector.forward()
            let coordinator = try Coordinator(cluster, options: options)
            try host.start(program: "tick", id: 1, arguments: ["--count", "100", "--rate", "0"]).end()
            func ask(_ path: String) throws -> String {
                try Command.run(["curl", "-sS", "http://127.0.0.1:\(coordinator.httpPort)/\(path)"]).text
            }
            try eventually("the certificate is refused", of: coordinator.process) {
                try ask("readyz").contains(#""name":"otel","kind":"otlp","state":"retrying""#)
            }
            #expect(
                try ask("metrics").contains(
                    #"tidemark_tls_expiry_timestamp_seconds{kind="certificate",file="\#(ours.file("client.pem"))"} "#
                )
            )
            for name in ["ca.pem", "client.key", "client.pem"] {
                try Data(contentsOf: URL(fileURLWithPath: theirs.file(name)))
                    .write(to: URL(fileURLWithPath: ours.file(name)))
            }
            try eventually("all events", of: coordinator.process, and: collector.process) { collector.records == 100 }
            let told = coordinator.process.errorText
            #expect(told.contains("certificates are reloaded: their files have changed"), "\(told.suffix(3000))")
        }

        @Test
        func `a collector that refuses everything is said to, and what is no fault of the events waits for it`() throws
        {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s")
            let collector = try Collector(cluster, identities: try Identities(), ["--always", "400:none of it"])
            var options = Coordinator.Options()
            options.http = { _ in [] }
            options.forward = collector.forward(["batch-events: 100", "concurrency: 1"])
            let coordinator = try Coordinator(cluster, options: options)
            func ask(_ path: String) throws -> String {
                try Command.run(["curl", "-sS", "http://127.0.0.1:\(coordinator.httpPort)/\(path)"]).text
            }
            func count(_ family: String) throws -> Int? {
                let name = #"tidemark_forwarder_\#(family){forwarder="otel",kind="otlp"} "#
                let line = try ask("metrics").split(separator: "\n").first { $0.hasPrefix(name) }
                return line.flatMap { Int($0.dropFirst(name.count)) }
            }
            func trace(_ events: Int, _ id: Int) throws {
                try host.start(program: "tick", id: id, arguments: ["--count", "\(events)", "--rate", "0"]).end()
            }
            let refused = #""name":"otel","kind":"otlp","state":"refused","lag_frames":"#
            // About the events: they are gone past.
            try trace(300, 1)
            try eventually("all are refused", of: coordinator.process, and: collector.process) {
                try count("refused_events_total") == 300
            }
            #expect(try ask("readyz").contains(refused))
            #expect(try ask("readyz").contains("the collector answered 400 Bad Request: none of it"))
            #expect(
                try ask("metrics").contains(
                    #"tidemark_forwarder_state{forwarder="otel",kind="otlp",state="refused"} 1"#
                )
            )
            // A success that takes nothing is none.
            try collector.restart(nil, ["--always", "none"])
            try trace(300, 2)
            try eventually("all are refused", of: coordinator.process, and: collector.process) {
                try count("refused_events_total") == 600
            }
            #expect(try ask("readyz").contains(refused))
            #expect(try ask("readyz").contains("records were not taken: all are odd"))
            // About us: they wait.
            try collector.restart(nil, ["--script", "401,403"])
            try trace(300, 3)
            try eventually("it is told so", of: coordinator.process, and: collector.process) {
                let ready = try ask("readyz")
                return ready.contains(refused) && ready.contains("the collector answered 401 Unauthorized")
            }
            let top = try Tidemark.start(
                ["top", coordinator.url, "--interval", "0.2", "--http", "127.0.0.1:\(coordinator.httpPort)"]
                    + coordinator.identities.options()
            )
            try eventually("it is in top", of: top) {
                top.outputText.split(separator: "\n").contains { line in
                    line.split(separator: " ").prefix(3) == ["otel", "otlp", "refused"]
                }
            }
            #expect(try top.terminate().status == 0, "\(top.summary)")
            try eventually("it is welcome again", of: coordinator.process, and: collector.process) {
                try count("events_total") == 300
            }
            #expect(collector.records == 300)
            #expect(try count("refused_events_total") == 600)
            #expect(try ask("readyz").contains(#""name":"otel","kind":"otlp","state":"delivering""#))
        }

        @Test
        func `a batch that is too large for the collector comes in parts, and nothing of it is lost`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s")
            let collector = try Collector(cluster, identities: try Identities(), ["--bytes-max", "60000"])
            var options = Coordinator.Options()
            options.http = { _ in [] }
            options.forward = collector.forward(["batch-events: 5000"])
            let coordinator = try Coordinator(cluster, options: options)
            try host.start(program: "tick", id: 1, arguments: ["--count", "5000", "--rate", "0"]).end()
            try eventually("all events", of: coordinator.process, and: collector.process) {
                collector.uniqueRecords >= 5000
            }
            #expect(collector.records == 5000)
            let answers = try collector.requests().map(\.answer)
            #expect(answers.contains("413"))
            let scrape = try Command.run(["curl", "-sS", "http://127.0.0.1:\(coordinator.httpPort)/metrics"]).text
            #expect(
                scrape.contains(#"tidemark_forwarder_refused_events_total{forwarder="otel",kind="otlp"} 0"#),
                "\(scrape)"
            )
            // Later ones are smaller from the start.
            let before = answers.count
            try host.start(program: "tick", id: 2, arguments: ["--count", "1000", "--rate", "0"]).end()
            try eventually("the others", of: coordinator.process, and: collector.process) { collector.records == 6000 }
            #expect(try collector.requests().dropFirst(before).allSatisfy { $0.answer == "200" })
        }
    }
}
