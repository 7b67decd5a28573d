import Foundation
import JSONLines
import Testing

extension RealCluster {
    /// `tidemark export` of a feed with real hosts, read back by those whom its forms are for.
    @Suite(.timeLimit(.minutes(5)))
    struct Exports {
        /// Hosts whose events are all in a coordinator's feed, and have been printed once.
        private final class Finished {
            let cluster: Cluster
            let coordinator: Coordinator
            let events: Int
            /// What `tail` prints of all of them, as text and as JSON.
            let text: Data
            let json: [Substring]

            init(hosts: Int, options: Coordinator.Options = Coordinator.Options()) throws {
                cluster = try Cluster(hosts: hosts)
                for host in cluster.hosts {
                    // A stream of every CPU, and packets that hold more than one cut.
                    try host.startSession("s", context: "vpid,procname", subbufferSize: "64K")
                }
                coordinator = try Coordinator(cluster, options: options)
                let arguments = ["--count", "1500", "--threads", "2", "--rate", "3000", "--kinds", "types,tick,tock"]
                let programs = try cluster.hosts.enumerated().map {
                    try $1.start(program: "tick", id: $0 + 1, arguments: arguments)
                }
                for program in programs { try program.end() }
                events = hosts * 3000
                for host in cluster.hosts { #expect(try host.discarded("s") == 0) }
                let limit = ["--from", "earliest", "--limit", "\(events)"]
                let texts = try coordinator.tail(limit + ["--clock-seconds", "--no-delta"])
                #expect(try texts.end().status == 0, "\(texts.summary)")
                text = texts.output
                let lines = try coordinator.tail(limit + ["--format", "json"])
                #expect(try lines.end().status == 0, "\(lines.summary)")
                json = lines.outputText.split(separator: "\n")
                #expect(json.count == events)
            }

            func file(_ name: String) -> String { cluster.file(name) }

            @discardableResult
            func export(_ format: String, _ name: String, _ options: [String] = []) throws -> Command.Result {
                let connection = coordinator.identities.options()
                let arguments = ["export", coordinator.url, "--format", format, "--output", file(name)]
                return try Tidemark.result(arguments + connection + options)
            }

            /// Times of two events, a third of the way from each end.
            func middle() throws -> (fromNs: Int64, toNs: Int64) {
                (try Exports.time(json[events / 3]), try Exports.time(json[events - events / 3]))
            }
        }

        private static func time(_ line: Substring) throws -> Int64 {
            guard case .number(let digits)? = try JSONValue(String(line))["ts"], let ns = Int64(digits) else {
                throw Failure("no time: \(line)")
            }
            return ns
        }

        private static func rfc3339(_ ns: Int64) -> String {
            let formatter = ISO8601DateFormatter()
            let seconds = formatter.string(from: Date(timeIntervalSince1970: TimeInterval(ns / 1_000_000_000)))
            let digits = String(ns % 1_000_000_000)
            return seconds.dropLast() + "." + String(repeating: "0", count: 9 - digits.count) + digits + "Z"
        }

        @Test
        func `JSON is what tail prints, cut by range and filter, and nothing is replaced unasked`() throws {
            let feed = try Finished(hosts: 2)
            #expect(try feed.export("json", "all.json").status == 0)
            let all = try String(contentsOfFile: feed.file("all.json"), encoding: .utf8)
            #expect(all.split(separator: "\n") == feed.json)

            let (fromNs, toNs) = try feed.middle()
            let range = ["--from", Self.rfc3339(fromNs), "--to", Self.rfc3339(toNs)]
            let host = feed.cluster.hosts[1].hostname
            #expect(try feed.export("json", "some.json", range + ["--filter", "$host == \"\(host)\""]).status == 0)
            let wanted = try feed.json.filter { line in
                let ns = try Self.time(line)
                return ns >= fromNs && ns < toNs && line.contains("\"host\":\"\(host)\"")
            }
            let some = try String(contentsOfFile: feed.file("some.json"), encoding: .utf8).split(separator: "\n")
            #expect(some == wanted && wanted.count > 100)

            let again = try feed.export("json", "all.json", range)
            #expect(again.status == 1 && again.error.contains("--force"), "\(again)")
            #expect(try String(contentsOfFile: feed.file("all.json"), encoding: .utf8) == all)
            #expect(try feed.export("json", "all.json", ["--force"] + range).status == 0)
            #expect(try String(contentsOfFile: feed.file("all.json"), encoding: .utf8).utf8.count < all.utf8.count)
        }

        @Test
        func `what ends early is called partial, with the exit code of its cause`() throws {
            let cluster = try Cluster(hosts: 1)
            try cluster.hosts[0].startSession("s")
            let coordinator = try Coordinator(cluster)
            let file = cluster.file("later.json")
            let export = try Tidemark.start(
                ["export", coordinator.url, "--format", "json", "--output", file, "--to", "2200-01-01T00:00:00Z"]
                    + coordinator.identities.options()
            )
            try cluster.hosts[0].start(program: "tick", id: 1, arguments: ["--count", "50", "--rate", "0"]).end()
            func partial() -> String { (try? String(contentsOfFile: file + ".partial", encoding: .utf8)) ?? "" }
            try eventually("events", of: export) { partial().split(separator: "\n").count == 50 }
            coordinator.process.signal(SIGKILL)
            #expect(try export.end().status == 69, "\(export.summary)")
            #expect(export.errorText.contains("later.json.partial"), "\(export.summary)")
            #expect(!FileManager.default.fileExists(atPath: file))
            #expect(partial().split(separator: "\n").count == 50)
        }

        @Test
        func `Perfetto's trace processor reads machines, tracks and events without a complaint`() throws {
            let feed = try Finished(hosts: 3)
            #expect(try feed.export("perfetto", "all.pftrace").status == 0)
            let directory = try Command.run([Repository.root.path + "/Tests/Support/perfetto"]).text
                .trimmingCharacters(in: .whitespacesAndNewlines)
            let answers = try Command.run(
                [
                    "nodejs", Repository.root.path + "/Tests/Support/trace_processor.js", directory,
                    feed.file("all.pftrace"),
                    "select count(*) from stats where value != 0 and severity in ('error', 'data_loss')",
                    "select count(*) from machine",
                    """
                    select s.ts, s.name, host.name, session.name, \
                    (select a.int_value from args a where a.arg_set_id = s.arg_set_id and a.key = 'debug.seqno') \
                    from slice s join track stream on s.track_id = stream.id \
                    join track session on stream.parent_id = session.id join track host on session.parent_id = host.id \
                    order by s.ts, s.id
                    """,
                ]
            ).text.split(separator: "\n").map { try JSONValue(String($0)) }
            try #require(answers.count == 3)
            #expect(answers[0] == .array([.array([.string("0")])]))
            #expect(answers[1] == .array([.array([.string("3")])]))
            guard case .array(let rows) = answers[2] else { throw Failure("no rows") }
            let expected = try feed.json.map { line -> JSONValue in
                let event = try JSONValue(String(line))
                guard case .string(let relay)? = event["relay"], case .string(let host)? = event["host"] else {
                    throw Failure("no host: \(line)")
                }
                let sequence: JSONValue
                if case .number(let digits)? = event["fields"]?["seqno"] {
                    sequence = .string(digits)
                } else {
                    sequence = .null
                }
                return .array([
                    .string("\(try Self.time(line))"), event["name"] ?? .null,
                    .string(host == relay ? host : "\(host) (\(relay))"), event["session"] ?? .null, sequence,
                ])
            }
            #expect(rows.count == feed.events)
            #expect(rows == expected)
            #expect(Set(expected.map { "\($0)".contains("null") }) == [false])
        }

        @Test
        func `babeltrace2 reads the CTF back as the feed, also where range and filter cut packets`() throws {
            let feed = try Finished(hosts: 3)
            let options = ["--clock-seconds", "--no-delta"]
            #expect(try feed.export("ctf", "all").status == 0)
            try expectSameLines(Babeltrace.text([feed.file("all")], options: options), feed.text)

            let (fromNs, toNs) = try feed.middle()
            let filter = "seqno & 7 == 3 || $name == \"demo:tock\""
            let cut = ["--from", Self.rfc3339(fromNs), "--to", Self.rfc3339(toNs), "--filter", filter]
            #expect(try feed.export("ctf", "cut", cut).status == 0)
            #expect(try feed.export("json", "cut.json", cut).status == 0)
            let text = try Babeltrace.text([feed.file("cut")], options: options)
            // Each line of text has its line of JSON.
            let lines = feed.text.split(separator: 10)
            let wanted = Set(try String(contentsOfFile: feed.file("cut.json"), encoding: .utf8).split(separator: "\n"))
            let expected = zip(lines, feed.json).filter { wanted.contains($0.1) }.map(\.0)
            #expect(expected.count == wanted.count && wanted.count > 500 && wanted.count < feed.events / 3)
            expectSameLines(text, Data(expected.joined(separator: [10])) + [10])

            let again = try feed.export("ctf", "cut", cut + ["--force"])
            #expect(again.status == 1, "\(again)")
        }

        @Test
        func `on a terminal a line tells how far it is, and goes; elsewhere nothing does`() throws {
            let cluster = try Cluster(hosts: 1)
            try cluster.hosts[0].startSession("s")
            let coordinator = try Coordinator(cluster)
            let ticker = try cluster.hosts[0].start(
                program: "tick",
                id: 1,
                arguments: ["--count", "0", "--rate", "200"]
            )
            let end = Self.rfc3339(Int64(Date().timeIntervalSince1970 + 6) * 1_000_000_000)
            let command =
                ["export", coordinator.url, "--format", "json", "--to", end] + coordinator.identities.options()
            let quiet = try Tidemark.start(command + ["--output", cluster.file("quiet.json")])
            let seen = try Command.result(
                ["/usr/bin/python3", Repository.python + "/terminal.py", "100", "5", "see=export: ", "see= %, ", "--"]
                    + [Repository.tidemark] + command + ["--output", cluster.file("seen.json")]
            )
            #expect(seen.status == 0, "\(seen.text)\(seen.error)")
            #expect(try quiet.end().status == 0, "\(quiet.summary)")
            _ = try ticker.stop()
            let screens = seen.text.components(separatedBy: "--- ")
            // What the terminal was sent, as a text of Python's: the line, taken away, and then the last message.
            let everything = try #require(screens.last)
            let parts = everything.components(separatedBy: #"\r\x1b[K"#)
            #expect(parts.count > 3, "\(everything)")
            #expect(parts.dropFirst().dropLast().allSatisfy { $0.hasPrefix("export: ") && !$0.contains(#"\n"#) })
            #expect(parts.last?.hasPrefix("tidemark export: ") == true, "\(everything)")
            #expect(!quiet.errorText.contains("\u{1B}") && !quiet.errorText.contains(" %"), "\(quiet.summary)")
        }
    }
}
