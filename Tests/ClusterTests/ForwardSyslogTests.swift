import Foundation
import Glibc
import Testing

extension RealCluster {
    /// The feed in a real rsyslog.
    @Suite(.timeLimit(.minutes(5)))
    struct ForwardSyslog {
        /// rsyslog that takes messages over TLS of those whose certificate is good, and writes a line of each.
        private final class Collector {
            let identities: Identities
            let port: Int
            let file: String
            private let configuration: String
            private let pidFile: String
            private(set) var process: ChildProcess

            init(_ cluster: Cluster) throws {
                identities = try Identities()
                port = try freePort()
                file = cluster.file("messages")
                pidFile = cluster.file("rsyslog.pid")
                configuration = cluster.file("rsyslog.conf")
                let text = """
                    global(
                      workDirectory="\(identities.folder.path)" maxMessageSize="64k" defaultNetstreamDriver="ossl"
                      defaultNetstreamDriverCAFile="\(identities.file("ca.pem"))"
                      defaultNetstreamDriverCertFile="\(identities.file("server.pem"))"
                      defaultNetstreamDriverKeyFile="\(identities.file("server.key"))"
                    )
                    module(
                      load="imtcp" streamDriver.name="ossl" streamDriver.mode="1"
                      streamDriver.authMode="x509/certvalid"
                    )
                    template(name="line" type="string" string="\
                    %pri%\t%timereported:::date-rfc3339%\t%hostname%\t%app-name%\t%msgid%\t%structured-data%\t%msg%\\n")
                    ruleset(name="all") { action(type="omfile" file="\(file)" template="line") }
                    input(type="imtcp" address="127.0.0.1" port="\(port)" ruleset="all")

                    """
                try Data(text.utf8).write(to: URL(fileURLWithPath: configuration))
                process = try Self.start(configuration, pidFile, port)
            }

            func restart() throws {
                process.signal(SIGTERM)
                try process.end()
                process = try Self.start(configuration, pidFile, port)
            }

            private static func start(_ configuration: String, _ pidFile: String, _ port: Int) throws -> ChildProcess {
                let process = try ChildProcess(["rsyslogd", "-n", "-f", configuration, "-i", pidFile])
                try eventually("rsyslog listens", of: process) {
                    try Command.result([Repository.cluster, "listening", "\(port)"]).status == 0
                }
                return process
            }

            /// The fields of each line.
            var messages: [[String]] {
                let text = String(decoding: FileManager.default.contents(atPath: file) ?? Data(), as: UTF8.self)
                return text.split(separator: "\n").map { line in
                    line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
                }
            }

            /// One of each place in the feed, in the order of the feed.
            var unique: [(place: [Int], fields: [String])] {
                var found: [[Int]: [String]] = [:]
                for message in messages where message.count == 7 {
                    let place = ["sequence", "index"].compactMap {
                        ForwardSyslog.parameter($0, message[5]).flatMap { Int($0) }
                    }
                    found[place] = message
                }
                return found.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { ($0.key, $0.value) }
            }
        }

        static func parameter(_ name: String, _ data: String) -> String? {
            guard let start = data.range(of: " \(name)=\"") else { return nil }
            return data[start.upperBound...].split(separator: "\"", omittingEmptySubsequences: false).first.map(
                String.init
            )
        }

        @Test
        func `rsyslog has every event as a whole message, over its own restart and the coordinator's death`() throws {
            let cluster = try Cluster(hosts: 2)
            for host in cluster.hosts { try host.startSession("s") }
            let collector = try Collector(cluster)
            var options = Coordinator.Options()
            options.log = cluster.file("log")
            options.forward = [
                "- name: siem", "  syslog: tls://localhost:\(collector.port)",
                "  ca: \(collector.identities.file("ca.pem"))",
                "  certificate: \(collector.identities.file("client.pem"))",
                "  key: \(collector.identities.file("client.key"))", "  facility: local3",
            ]
            let coordinator = try Coordinator(cluster, options: options)
            let programs = try cluster.hosts.map { host in
                try host.start(program: "tick", id: 1, arguments: ["--count", "4000", "--rate", "500"])
            }
            try eventually("a part", of: coordinator.process, and: collector.process) {
                collector.messages.count > 1000
            }
            try collector.restart()
            let before = collector.messages.count
            try eventually("more", of: coordinator.process, and: collector.process) {
                collector.messages.count > before + 500
            }
            coordinator.process.signal(SIGKILL)
            try coordinator.process.end()
            #expect(coordinator.process.errorText.contains("the collector closed the connection"))
            try coordinator.restart()
            for program in programs { try program.end() }
            try eventually("all events", of: coordinator.process, and: collector.process) {
                collector.unique.count >= 8000
            }
            let tail = try coordinator.tail(["--from", "earliest", "--format", "json", "--limit", "8000"])
            #expect(try tail.end(within: 60).status == 0, "\(tail.summary)")
            let lines = try tail.outputText.split(separator: "\n").map { line in
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
            }
            let unique = collector.unique
            #expect(unique.count == 8000 && lines.count == 8000)
            for (message, line) in zip(unique, lines) {
                let data = message.fields[5]
                let seqno = (line["fields"] as? [String: Any])?["seqno"] as? Int
                let isSame =
                    Self.parameter("time_ns", data) == (line["ts"] as? Int).map { "\($0)" }
                    && Self.parameter("seqno", data) == seqno.map { "\($0)" }
                    && message.fields[2] == line["host"] as? String && message.fields[4] == line["name"] as? String
                    && message.fields[3] == "s" && message.fields[6].contains("demo:tick")
                    && message.fields[0].hasPrefix("15")  // 19 (local3) * 8 + severity
                guard isSame else {
                    Issue.record("\(message) is not \(line)")
                    break
                }
            }
            #expect(collector.messages.allSatisfy { $0.count == 7 })
            coordinator.process.signal(SIGTERM)
            #expect(try coordinator.process.end(within: 30).status == 0, "\(coordinator.process.summary)")
        }

        // MARK: A collector that does not read

        /// Reads nothing until it is told to, from connections that come then.
        private final class MuteCollector {
            let identities: Identities
            let port: Int
            private let file: String
            private(set) var process: ChildProcess

            init(_ cluster: Cluster) throws {
                identities = try Identities()
                port = try freePort()
                file = cluster.file("messages")
                process = try Self.start(port, identities, file, [])
            }

            func restartReading() throws {
                process.signal(SIGKILL)
                try process.end()
                process = try Self.start(port, identities, file, ["--reads"])
            }

            private static func start(
                _ port: Int,
                _ identities: Identities,
                _ file: String,
                _ options: [String]
            ) throws -> ChildProcess {
                let process = try ChildProcess(
                    [
                        "/usr/bin/python3", Repository.python + "/mute_syslog.py", "\(port)",
                        identities.file("server.pem"), identities.file("server.key"), file,
                    ] + options
                )
                try eventually("the collector listens", of: process) { process.outputText.contains("listens") }
                return process
            }

            /// The numbers of the events that it has read, by their places in the feed.
            var numbers: [Int] {
                let text = String(decoding: FileManager.default.contents(atPath: file) ?? Data(), as: UTF8.self)
                var found: [[Int]: Int] = [:]
                for line in text.split(separator: "\n") {
                    let values = ["sequence", "index", "seqno"].compactMap {
                        ForwardSyslog.parameter($0, String(line)).flatMap { Int($0) }
                    }
                    if values.count == 3 { found[Array(values[..<2])] = values[2] }
                }
                return found.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map(\.value)
            }
        }

        /// A coordinator whose collector has taken three events and holds some of 2000 others unread.
        private func forward(_ cluster: Cluster, to collector: MuteCollector) throws -> Coordinator {
            let host = cluster.hosts[0]
            try host.startSession("s")
            var options = Coordinator.Options()
            options.log = cluster.file("log")
            options.http = { _ in [] }
            options.forward = [
                "- name: siem", "  syslog: tls://localhost:\(collector.port)",
                "  ca: \(collector.identities.file("ca.pem"))",
            ]
            let coordinator = try Coordinator(cluster, options: options)
            try host.start(program: "tick", id: 1, arguments: ["--count", "3", "--rate", "0"]).end()
            try eventually("its system has the first", of: coordinator.process, and: collector.process) {
                try count("events_total", coordinator) == 3
            }
            try host.start(program: "tick", id: 2, arguments: ["--count", "2000", "--rate", "0"]).end()
            try eventually("the socket has the others", of: coordinator.process, and: collector.process) {
                try count("sent_bytes_total", coordinator) > 500_000
            }
            return coordinator
        }

        private func count(_ family: String, _ coordinator: Coordinator) throws -> Int {
            let scrape = try Command.result(["curl", "-sS", "http://127.0.0.1:\(coordinator.httpPort)/metrics"]).text
            let name = #"tidemark_forwarder_\#(family){forwarder="siem",kind="syslog"} "#
            let line = scrape.split(separator: "\n").first { $0.hasPrefix(name) }
            return line.flatMap { Int($0.dropFirst(name.count)) } ?? 0
        }

        @Test
        func `what a collector's system has not acknowledged comes again when the connection breaks`() throws {
            let cluster = try Cluster(hosts: 1)
            let collector = try MuteCollector(cluster)
            let coordinator = try forward(cluster, to: collector)
            // Longer than a connection stands until bytes count as taken: nothing tells that they do not.
            Thread.sleep(forTimeInterval: 2)
            let taken = try count("events_total", coordinator)
            try #require((3..<50).contains(taken))
            collector.process.signal(SIGUSR1)
            try eventually("the rest", of: coordinator.process, and: collector.process) {
                collector.numbers.count >= 2003 - taken
            }
            #expect(collector.numbers == Array((taken - 2)...2000))
            try eventually("all are taken", of: coordinator.process, and: collector.process) {
                try count("events_total", coordinator) == 2003
            }
            coordinator.process.signal(SIGTERM)
            #expect(try coordinator.process.end(within: 30).status == 0, "\(coordinator.process.summary)")
        }

        @Test
        func `what a collector's system has not acknowledged at the end is sent at the next start`() throws {
            let cluster = try Cluster(hosts: 1)
            let collector = try MuteCollector(cluster)
            let coordinator = try forward(cluster, to: collector)
            coordinator.process.signal(SIGTERM)
            #expect(try coordinator.process.end(within: 30).status == 0, "\(coordinator.process.summary)")
            let told = coordinator.process.errorText
            #expect(told.contains("did not take the end of the feed in time"), "\(told.suffix(3000))")
            try collector.restartReading()
            try coordinator.restart()
            try eventually("the rest", of: coordinator.process, and: collector.process) {
                collector.numbers.last == 2000
            }
            let numbers = collector.numbers
            #expect(numbers.count > 1950 && Array(numbers.suffix(1950)) == Array(51...2000))
            coordinator.process.signal(SIGTERM)
            #expect(try coordinator.process.end(within: 30).status == 0, "\(coordinator.process.summary)")
        }
    }
}
