import ConfigurationFile
import Foundation
import Testing

@testable import Web

/// Every call of the timeline's API, on a feed of simulated relays.
@Suite(.timeLimit(.minutes(5)), .serialized)
struct TimelineAPITests {
    private typealias Query = [(String, String)]

    @Test
    func `feed and lanes tell what there is`() async throws {
        try await RunningTimeline.with { timeline in
            let feed = try await timeline.json("/api/feed")
            #expect(feed["late"] as? Int == 0 && feed["generation"] as? String != nil)
            let relays = try #require(feed["relays"] as? [[String: Any]])
            #expect(relays.map { $0["relay"] as? String } == ["host-1", "host-2"])
            #expect(relays.allSatisfy { $0["since"] is String && $0["frontier"] is String })
            // A stream's processor is known with its first packet.
            let tree = try await timeline.until("/api/lanes") { tree in
                let lanes = tree["lanes"] as? [[String: Any]] ?? []
                return lanes.count == 2 + 2 + 4 && lanes.count { $0["cpu"] is Int } == 4
            }
            let lanes = try #require(tree["lanes"] as? [[String: Any]])
            #expect(lanes.filter { $0["kind"] as? String == "host" }.count == 2)
            #expect(lanes.filter { $0["kind"] as? String == "session" }.count == 2)
            let streams = lanes.filter { $0["kind"] as? String == "stream" }
            #expect(Set(streams.map { $0["cpu"] as? Int }) == [0, 1] && streams.count == 4)
            #expect(lanes.allSatisfy { ($0["parent"] as? Int ?? 0) < ($0["id"] as? Int ?? 0) })
            // In two pages.
            let first = try await timeline.json("/api/lanes", [("limit", "3")])
            let next = try #require(first["next"] as? Int)
            let rest = try await timeline.json("/api/lanes", [("after", "\(next)")])
            #expect(((first["lanes"] as? [Any])?.count ?? 0) + ((rest["lanes"] as? [Any])?.count ?? 0) == lanes.count)
            #expect(rest["next"] is NSNull)
        }
    }

    @Test
    func `events, counts and density agree, whole and filtered`() async throws {
        try await RunningTimeline.with { timeline in
            let (from, to) = try await timeline.settledTimes()
            let range: Query = [("from", "\(from)"), ("to", "\(to)")]
            let all = try await timeline.events(range)
            #expect(all.count > 300)
            #expect(all == all.sorted { $0.ns < $1.ns } && Set(all.map(\.id)).count == all.count)
            #expect(all.allSatisfy { from <= $0.ns && $0.ns < to })
            for filter in [nil, "$name == \"web:*\"", "$host == \"host-2\"", "id > 40 && $name == \"web:request\""] {
                let filtered = range + (filter.map { [("filter", $0)] } ?? [])
                let events = try await timeline.events(filtered)
                #expect(filter == nil ? events == all : !events.isEmpty && events.count < all.count, "\(filter ?? "")")
                let known = Set(all.map(\.id))
                #expect(events.allSatisfy { known.contains($0.id) })
                var counts = try await timeline.json("/api/counts", filtered)
                while counts["next"] is String { counts = try await timeline.json("/api/counts", filtered) }
                #expect(counts["complete"] as? Bool == true)
                let rows = try #require(counts["lanes"] as? [[Int]])
                #expect(rows.first { $0[0] == 0 }?[1] == events.count, "\(filter ?? "")")
                for lane in Set(all.map(\.lane)) {
                    let counted = rows.first { $0[0] == lane }?[1] ?? 0
                    #expect(counted == events.filter { $0.lane == lane }.count, "\(filter ?? ""), lane \(lane)")
                }
                let level = 33
                let first = from >> level
                let query: Query = [
                    ("level", "\(level)"), ("from", "\(first << level)"), ("columns", "8"), ("lanes", "0"),
                ]
                let density = try await Self.density(timeline, query + (filter.map { [("filter", $0)] } ?? []))
                // Columns that end by then are whole.
                let whole = Int((to >> level) - first)
                let inColumns = events.filter { ($0.ns >> level) - first < whole }.count
                #expect(density.prefix(whole).reduce(0, +) == inColumns, "\(filter ?? "")")
            }
        }
    }

    /// The counts of lane 0, by column; asks until all is known.
    private static func density(_ timeline: RunningTimeline, _ query: Query) async throws -> [Int] {
        while true {
            let answer = try await timeline.ask("/api/density", query)
            #expect(answer.status == 200, "\(answer.text)")
            let head = try #require(answer.bytes.firstRange(of: Array("\r\n\r\n".utf8)))
            let body = Array(answer.bytes[head.upperBound...])
            guard body.count >= 24, body[5] & 2 == 0 else { continue }
            var counts = [Int](repeating: 0, count: Int(body[6]))
            var rest = body[24...]
            func varint() -> Int {
                var (number, shift) = (0, 0)
                while let byte = rest.popFirst() {
                    number |= Int(byte & 0x7F) << shift
                    shift += 7
                    if byte < 0x80 { break }
                }
                return number
            }
            guard body[20] > 0 else { return counts }
            #expect(varint() == 0)
            var column = -1
            for _ in 0..<varint() {
                column += 1 + varint()
                counts[column] = varint()
            }
            return counts
        }
    }

    @Test
    func `a range is exported as it stands, and nothing else`() async throws {
        try await RunningTimeline.with { timeline in
            let (from, to) = try await timeline.settledTimes()
            let middle = from + (to - from) / 2
            let range: Query = [("from", "\(from)"), ("to", "\(middle)")]
            for filter in [nil, "$host == \"host-2\""] {
                let query = range + (filter.map { [("filter", $0)] } ?? [])
                let events = try await timeline.events(query)
                #expect(events.count > 50)
                let answer = try await timeline.ask("/api/export", query + [("format", "json")])
                #expect(
                    answer.header("Content-Disposition") == "attachment; filename=\"tidemark-\(from)-\(middle).json\""
                )
                let text = String(decoding: try #require(answer.chunks), as: UTF8.self)
                let times = try text.split(separator: "\n").map { line in
                    let json = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                    return try #require(json?["ts"] as? Int64)
                }
                #expect(times == events.map(\.ns), "\(filter ?? "")")
            }
            let perfetto = try await timeline.ask("/api/export", range + [("format", "perfetto")])
            #expect(try #require(perfetto.chunks).first == 0x0A)
            for wrong: Query in [
                range + [("format", "ctf")], range, [("from", "5"), ("to", "5"), ("format", "json")],
                range + [("format", "json"), ("filter", "name ==")],
            ] {
                #expect(try await timeline.ask("/api/export", wrong).status == 400, "\(wrong)")
            }
        }
    }

    @Test
    func `an event has all of its fields, and is found by search`() async throws {
        try await RunningTimeline.with { timeline in
            let (from, to) = try await timeline.settledTimes()
            let all = try await timeline.events([("from", "\(from)"), ("to", "\(to)")])
            let middle = all[all.count / 2]
            let one = try await timeline.json("/api/event/\(middle.id)")
            let fields = try #require(one["event"] as? [String: Any])
            #expect(one["id"] as? String == middle.id && one["lane"] as? Int == middle.lane)
            #expect(fields["name"] as? String == middle.name && fields["fields"] is [String: Any])
            #expect(fields["ts"] as? Int64 == middle.ns)
            for (direction, step) in [("next", 1), ("previous", -1)] {
                let query: Query = [("from", middle.id), ("direction", direction)]
                let found = try await Self.search(timeline, query)
                #expect(found == all[all.count / 2 + step].id, "\(direction)")
                let ofLane = try await Self.search(timeline, query + [("lanes", "\(middle.lane)")])
                let others = step > 0 ? all[(all.count / 2 + 1)...] : all[..<(all.count / 2)]
                let expected =
                    step > 0 ? others.first { $0.lane == middle.lane } : others.last { $0.lane == middle.lane }
                #expect(ofLane == expected?.id, "\(direction)")
            }
            let none: Query = [
                ("from", "\(from)"), ("direction", "next"), ("until", "\(to)"), ("filter", "$name == \"none\""),
            ]
            #expect(try await Self.search(timeline, none) == nil)
            _ = try await timeline.json("/api/event/999999999.0", status: 404)
            let sequence = middle.id.prefix { $0 != "." }
            _ = try await timeline.json("/api/event/\(sequence).99999", status: 404)
        }
    }

    private static func search(_ timeline: RunningTimeline, _ query: Query) async throws -> String? {
        var query = query
        while true {
            let json = try await timeline.json("/api/search", query)
            if let found = json["found"] as? [String: Any] { return found["id"] as? String }
            guard let next = json["next"] as? String else { return nil }
            query[0].1 = next
        }
    }

    @Test
    func `what lies below W is kept by whoever asks, and is told to be the same`() async throws {
        try await RunningTimeline.with { timeline in
            let (from, _) = try await timeline.settledTimes()
            let query: Query = [
                ("level", "20"), ("from", "\((from >> 20) << 20)"), ("columns", "64"), ("lanes", "0-8"),
            ]
            let answer = try await timeline.ask("/api/density", query)
            let tag = try #require(answer.header("ETag"))
            #expect(answer.header("Cache-Control") == "private, no-cache")
            let again = try await timeline.ask("/api/density", query, headers: ["If-None-Match: \(tag)"])
            #expect(again.status == 304 && again.body.isEmpty)
            let growing = try await timeline.ask(
                "/api/density",
                [("level", "43"), ("from", "\((from >> 43) << 43)"), ("columns", "64"), ("lanes", "0")]
            )
            #expect(growing.header("ETag") == nil && growing.header("Cache-Control") == "no-store")
        }
    }

    @Test
    func `live updates begin with the feed, and go on as it does`() async throws {
        try await RunningTimeline.with { timeline in
            let client = try await HTTPClient.connect(port: timeline.server.port)
            client.say("GET /api/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let seen = try await client.until { $0.text.ranges(of: "event: tick\n").count >= 5 }
            #expect(seen.status == 200 && seen.header("Content-Type") == "text/event-stream")
            let first = try #require(seen.text.firstRange(of: "event: "))
            #expect(seen.text[first.upperBound...].hasPrefix("feed\n"))
            let ticks = seen.text.split(separator: "event: tick\ndata: ").dropFirst().map { $0.prefix { $0 != "\n" } }
            var events: [Int] = []
            for tick in ticks.dropLast() {
                let json = try JSONSerialization.jsonObject(with: Data(tick.utf8)) as? [String: Any]
                events.append(try #require(json?["events"] as? Int))
                #expect(json?["watermark"] is String && json?["changed"] is [[String]])
            }
            #expect(events == events.sorted() && events.last ?? 0 > events.first ?? 0)
            try await client.close()
        }
    }

    @Test
    func `a fifth that watches is refused, until one has gone`() async throws {
        try await RunningTimeline.with { timeline in
            var clients: [HTTPClient] = []
            for _ in 0..<TimelineResources.watchersEachMax {
                let client = try await HTTPClient.connect(port: timeline.server.port)
                client.say("GET /api/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
                _ = try await client.until { $0.text.contains("event: tick") }
                clients.append(client)
            }
            let refused = try await timeline.ask("/api/live")
            #expect(refused.status == 429 && refused.header("Retry-After") == "1")
            try await clients[0].close()
            let late = try await HTTPClient.connect(port: timeline.server.port)
            while true {
                late.say("GET /api/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
                let count = try await late.until { $0.text.contains("event: tick") || $0.text.contains("\"busy\"") }
                if count.text.contains("event: tick") { break }
                try await Task.sleep(for: .milliseconds(20))
            }
            for client in clients.dropFirst() + [late] { try await client.close() }
        }
    }

    @Test
    func `filters are judged, and say which streams they mean`() async throws {
        try await RunningTimeline.with { timeline in
            let lanes = try await timeline.json("/api/filter", [("expression", "$host == \"host-1\"")])
            #expect((lanes["lanes"] as? [Int])?.count == 2)
            let fields = try await timeline.json("/api/filter", [("expression", "id > 3")])
            #expect(fields["ok"] as? Bool == true && fields["lanes"] == nil)
            let wrong = try await timeline.json("/api/filter", [("expression", "id >")], status: 400)
            let error = try #require(wrong["error"] as? [String: Any])
            #expect(error["code"] as? String == "filter" && error["column"] as? Int == 5)
        }
    }

    @Test
    func `what is malformed, too much or unknown is refused by name`() async throws {
        try await RunningTimeline.with { timeline in
            let density: Query = [("level", "20"), ("from", "0"), ("columns", "4")]
            let cases: [(String, Query, String)] = [
                ("/api/feed", [("x", "1")], "parameter"), ("/api/lanes", [("after", "-1")], "parameter"),
                ("/api/lanes", [("limit", "0")], "range"), ("/api/lanes", [("limit", "5001")], "range"),
                ("/api/density", density, "parameter"), ("/api/density", density + [("lanes", "")], "parameter"),
                ("/api/density", density + [("lanes", "0-4294967295")], "range"),
                ("/api/density", density + [("lanes", "5-3")], "parameter"),
                ("/api/density", density + [("lanes", "1,,2")], "parameter"),
                ("/api/density", [("level", "20"), ("from", "1"), ("columns", "4"), ("lanes", "1")], "parameter"),
                ("/api/density", [("level", "64"), ("from", "0"), ("columns", "4"), ("lanes", "1")], "range"),
                ("/api/density", [("level", "20"), ("from", "0"), ("columns", "1025"), ("lanes", "1")], "range"),
                (
                    "/api/density", [("level", "20"), ("from", "0"), ("columns", "1024"), ("lanes", "1-512")], "range"
                ),
                ("/api/events", [("from", "5"), ("to", "5")], "range"),
                ("/api/events", [("from", "5"), ("to", "9223372036854775808")], "parameter"),
                ("/api/events", [("from", "1"), ("to", "5"), ("limit", "20001")], "range"),
                ("/api/events", [("from", "1"), ("to", "5"), ("after", "7")], "parameter"),
                ("/api/events", [("from", "1"), ("to", "5"), ("after", "2.x.1")], "parameter"),
                ("/api/events", [("from", "1"), ("to", "5"), ("filter", "(((")], "filter"),
                ("/api/event/x", [], "parameter"), ("/api/event/1.2.3", [], "parameter"),
                ("/api/search", [("from", "1")], "parameter"),
                ("/api/search", [("from", "1"), ("direction", "up")], "parameter"),
                ("/api/counts", [("from", "7"), ("to", "1")], "range"),
                ("/api/marks", [("from", "1"), ("to", "2"), ("limit", "9999")], "range"),
                ("/api/filter", [], "parameter"),
            ]
            for (path, query, code) in cases {
                let json = try await timeline.json(path, query, status: 400)
                let error = try #require(json["error"] as? [String: Any])
                #expect(error["code"] as? String == code, "\(path) \(query): \(error)")
            }
            for target in ["/api/lanes?limit=%zz", "/api/lanes?limit=%f", "/api/lanes?limit=1&limit=2"] {
                #expect(try await timeline.server.ask(target).status == 400, "\(target)")
            }
            let none = try await timeline.json("/api/none", status: 404)
            #expect((none["error"] as? [String: Any])?["code"] as? String == "gone")
            let long: Query = [("expression", "$name == \"" + String(repeating: "x", count: 4000) + "\"")]
            #expect(try await timeline.json("/api/filter", long)["ok"] as? Bool == true)
        }
    }

    @Test
    func `ranges at the ends of time are answered`() async throws {
        try await RunningTimeline.with { timeline in
            let whole: Query = [("from", "\(Int64.min)"), ("to", "\(Int64.max)")]
            #expect((try await timeline.json("/api/counts", whole)["lanes"] as? [Any])?.isEmpty == false)
            #expect(try await timeline.json("/api/marks", whole)["more"] as? Bool == false)
            _ = try await timeline.json("/api/events", whole + [("limit", "1")])
            for (from, direction) in [(Int64.max, "next"), (.min, "next"), (.max, "previous"), (.min, "previous")] {
                _ = try await timeline.json("/api/search", [("from", "\(from)"), ("direction", direction)])
            }
            _ = try await timeline.json("/api/counts", whole + [("filter", "id == 1")])
            let edge = (Int64.max >> 43) << 43
            for from in [edge, Int64.min] {
                let query: Query = [("level", "43"), ("from", "\(from)"), ("columns", "8"), ("lanes", "0")]
                #expect(try await timeline.ask("/api/density", query).status == 200)
                #expect(try await timeline.ask("/api/density", query + [("filter", "id == 1")]).status == 200)
            }
        }
    }

    @Test
    func `whoever may see one host sees nothing of the other`() async throws {
        var rule = Configuration.AllowRule(identity: Glob("tidemark:client/*"))
        rule.hosts = [Glob("host-1")]
        try await RunningTimeline.with(allow: rule) { timeline in
            let (from, to) = try await timeline.settledTimes()
            let lanes = try #require(try await timeline.json("/api/lanes")["lanes"] as? [[String: Any]])
            #expect(lanes.compactMap { $0["relay"] as? String } == ["host-1"])
            let ids = Set(lanes.compactMap { $0["id"] as? Int })
            let range: Query = [("from", "\(from)"), ("to", "\(to)")]
            let events = try await timeline.events(range)
            #expect(!events.isEmpty && events.allSatisfy { ids.contains($0.lane) })
            let counts = try #require(try await timeline.json("/api/counts", range)["lanes"] as? [[Int]])
            #expect(counts.allSatisfy { $0[0] == 0 || ids.contains($0[0]) })
            #expect(counts.first { $0[0] == 0 }?[1] == events.count)
            // Events of the other host have ids that can be guessed.
            var hidden = 0
            let sequences = Set(events.map { $0.id.prefix { $0 != "." } }).prefix(8)
            for sequence in sequences {
                for index in 0..<4 {
                    let id = "\(sequence).\(index)"
                    let answer = try await timeline.ask("/api/event/\(id)")
                    #expect((answer.status == 200) == events.contains { $0.id == id }, "\(id)")
                    if answer.status == 404 { hidden += 1 }
                }
            }
            #expect(hidden > 0)
            let other = try await timeline.json("/api/filter", [("expression", "$host == \"host-2\"")])
            #expect((other["lanes"] as? [Int])?.isEmpty == true)
        }
    }

    @Test
    func `whoever may see some events sees their counts only`() async throws {
        var rule = Configuration.AllowRule(identity: Glob("tidemark:client/*"))
        rule.events = [Glob("web:*")]
        try await RunningTimeline.with(allow: rule) { timeline in
            let (from, to) = try await timeline.settledTimes()
            let range: Query = [("from", "\(from)"), ("to", "\(to)")]
            let events = try await timeline.events(range)
            #expect(!events.isEmpty && events.allSatisfy { $0.name.hasPrefix("web:") })
            var counts = try await timeline.json("/api/counts", range)
            while counts["next"] is String { counts = try await timeline.json("/api/counts", range) }
            let rows = try #require(counts["lanes"] as? [[Int]])
            #expect(rows.first { $0[0] == 0 }?[1] == events.count)
        }
    }
}
