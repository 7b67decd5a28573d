import Foundation
import Testing

extension RealCluster {
    /// Traces whose streams lie in several files, with LTTng's indexes beside them.
    @Suite(.timeLimit(.minutes(5)))
    struct StoredFiles {
        private static let small = ["--subbuf-size", "16K", "--subbufs", "16"]

        private static func tick(_ host: Host, _ id: Int, count: Int) throws {
            let arguments = ["--count", "\(count)", "--rate", "20000", "--kinds", "types,tick,tock"]
            try host.start(program: "tick", id: id, arguments: arguments).end()
        }

        /// Files of packets and of indexes below a directory.
        private static func files(_ directory: String, isIndex: Bool) throws -> [String] {
            try Command.run(["find", directory, "-name", isIndex ? "*.idx" : "main_*[0-9]", "-size", "+0"]).text
                .split(separator: "\n").map(String.init)
        }

        /// Views a directory as it is, and without its indexes: all of it is what babeltrace2 shows.
        /// - Returns: events.
        @discardableResult
        private static func compare(_ directory: String) throws -> Int {
            let options: [[String]] = [[], ["--clock-seconds", "--names", "all"], ["--fields", "all"]]
            let expected = try options.map { try Babeltrace.text([directory], options: $0) }
            for (options, expected) in zip(options, expected) {
                let view = try Tidemark.run(["view"] + options + [directory])
                expectSameLines(view.output, expected, "\(options)")
            }
            // Snapshots have none.
            let indexes = try files(directory, isIndex: true)
            for index in indexes { try FileManager.default.removeItem(atPath: index) }
            guard !indexes.isEmpty else { return expected[0].lineCount }
            let plain = try Tidemark.run(["view", directory])
            expectSameLines(plain.output, expected[0], "without indexes")
            return expected[0].lineCount
        }

        @Test
        func `a channel that wraps prints byte for byte as babeltrace2 prints it`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            let wrap = ["--tracefile-size=65536", "--tracefile-count=3"]
            try host.startSession("s", channel: wrap, options: Self.small)
            try Self.tick(host, 1, count: 9_000)
            try host.destroy("s")
            #expect(try Self.files(host.traces, isIndex: false).contains { $0.hasSuffix("_2") })
            #expect(try !Self.files(host.traces, isIndex: true).isEmpty)
            let events = try Self.compare(host.traces)
            #expect(events > 0 && events < 9_000, "the oldest files were written over: \(events) events")
        }

        @Test
        func `the archives of a session that was rotated print byte for byte as babeltrace2 prints them`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s", live: false, options: Self.small)
            for id in 1...3 {
                try Self.tick(host, id, count: 3_000)
                try host.rotate("s")
            }
            let discarded = try host.discarded("s")
            try host.destroy("s")
            #expect(discarded == 0)
            let control = try Tidemark.run(["view", "--format", "json", "--all", host.traces]).text
            #expect(!control.contains(#""type":"lost""#))
            #expect(try Self.compare(host.traces) == 9_000)
        }

        @Test
        func `snapshots that overlap print each event once, as babeltrace2 does`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s", live: false, options: ["--snapshot", "--subbuf-size", "64K", "--subbufs", "16"])
            for id in 1...3 {
                try Self.tick(host, id, count: 1_000)
                try host.snapshot("s")
            }
            try host.destroy("s")
            #expect(try Self.compare(host.traces) == 3_000)
        }

        @Test
        func `from a time on, the rest of the trace is shown, with and without its indexes`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            let files = ["--tracefile-size=131072", "--tracefile-count=40"]
            try host.startSession("s", channel: files, options: Self.small)
            try Self.tick(host, 1, count: 9_000)
            try host.destroy("s")
            let all = try Tidemark.run(["view", "--format", "json", host.traces]).text.split(separator: "\n")
            #expect(all.count == 9_000)
            func time(_ line: Substring) throws -> Int {
                let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                return try #require(object?["ts"] as? Int)
            }
            for isIndexed in [true, false] {
                for number in [1, 2_500, 4_499, 8_999] {
                    let startNs = try time(all[number])
                    let text = ISO8601DateFormatter().string(
                        from: Date(timeIntervalSince1970: Double(startNs / 1_000_000_000))
                    )
                    let fraction = String(startNs % 1_000_000_000 + 1_000_000_000).dropFirst()
                    let start = text.dropLast() + ".\(fraction)Z"
                    let rest = try Tidemark.run(["view", "--format", "json", "--from", String(start), host.traces]).text
                    let expected = try all.filter { try time($0) >= startNs }
                    #expect(rest.split(separator: "\n") == expected, "from event \(number), indexed: \(isIndexed)")
                }
                for index in try Self.files(host.traces, isIndex: true) {
                    try FileManager.default.removeItem(atPath: index)
                }
            }
        }
    }
}
