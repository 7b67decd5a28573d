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
    }
}
