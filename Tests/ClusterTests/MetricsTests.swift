import Foundation
import Glibc
import Testing

extension RealCluster {
    /// What is measured, held against what has happened, and against those who read it.
    @Suite(.timeLimit(.minutes(5)))
    struct Metrics {
        private static let everything = ["--from", "earliest", "--format", "json", "--all"]
        private static var loopback: Coordinator.Options { .init(http: { _ in [] }) }

        @Test
        func `events, sessions, streams, log and subscribers are what they were, and promtool has no complaint`() throws
        {
            let cluster = try Cluster(hosts: 2)
            for host in cluster.hosts { for session in ["a", "b"] { try host.startSession(session) } }
            var options = Self.loopback
            options.log = cluster.file("log")
            let coordinator = try Coordinator(cluster, options: options)
            let tail = try coordinator.tail(Self.everything)
            for (number, host) in cluster.hosts.enumerated() {
                let count = 1000 * (number + 1)
                try host.start(program: "tick", id: number + 1, arguments: ["--count", "\(count)", "--rate", "0"]).end()
            }
            // Each session of a host sees its program.
            try eventually("all events", of: tail, and: coordinator.process) { try tail.feed().events.count == 6000 }
            try eventually("the streams' events in the metrics") {
                try coordinator.scrape().sum("tidemark_relay_events_total") == 6000
            }
            let scrape = try coordinator.scrape()
            for (number, host) in cluster.hosts.enumerated() {
                try Self.expect(host, count: Double(1000 * (number + 1)), in: scrape)
            }
            let lag = try #require(scrape.value("tidemark_watermark_lag_seconds"))
            #expect((0...5).contains(lag), "\(lag)")
            #expect(scrape.value("tidemark_subscribers") == 1)
            #expect(
                scrape.value("tidemark_subscriber_sent_bytes_total", ["identity": "tidemark:client/default"]) == nil
            )
            #expect(scrape.all("tidemark_subscriber_sent_bytes_total")[0].value > 6000 * 20)
            #expect(scrape.value("tidemark_log_segments") == 1 && scrape.value("tidemark_log_failing") == 0)
            let logged = try FileManager.default.attributesOfItem(atPath: try Self.segment(cluster.file("log")))
            #expect(scrape.value("tidemark_log_size_bytes") ?? 0 <= Double(logged[.size] as? Int ?? 0))
            #expect(scrape.sum("tidemark_log_size_bytes") > 6000 * 20)
            let now = Date().timeIntervalSince1970
            #expect(abs(now - (scrape.value("tidemark_log_oldest_timestamp_seconds") ?? 0)) < 300)
            #expect(abs(now - (scrape.value("process_start_time_seconds") ?? 0)) < 300)
            #expect(scrape.value("tidemark_tls_expiry_timestamp_seconds", ["kind": "certificate"]) ?? 0 > now + 86_400)
            let batches = try #require(scrape.value("tidemark_feed_log_delay_seconds_count"))
            #expect(batches > 0 && batches <= scrape.value("tidemark_feed_batches_total") ?? 0)
            #expect(scrape.value("tidemark_feed_event_delay_seconds_count") ?? 0 > 0)
            #expect(scrape.value("process_resident_memory_bytes") ?? 0 > 1_000_000)
            #expect(scrape.value("tidemark_build_info") == 1)

            let file = cluster.file("metrics")
            try scrape.text.write(toFile: file, atomically: false, encoding: .utf8)
            let judged = try Command.result(["sh", "-c", "promtool check metrics < '\(file)'"])
            #expect(judged.status == 0 && judged.text.isEmpty && judged.error.isEmpty, "\(judged.text)\(judged.error)")

            #expect(try coordinator.ask("/healthz").body == "ok\n")
            let ready = try coordinator.ask("/readyz")
            #expect(ready.status == 200 && ready.body.contains(#""ready":true,"reasons":[]"#), "\(ready)")
        }

        /// Both sessions of the host have seen so many events, and nothing has happened to them.
        private static func expect(_ host: Host, count: Double, in scrape: Scrape) throws {
            let relay = ["relay": host.name]
            #expect(scrape.value("tidemark_relay_events_total", relay) == 2 * count)
            for session in ["a", "b"] {
                let labels = ["relay": host.name, "host": host.hostname, "session": session]
                #expect(scrape.value("tidemark_session_events_total", labels) == count)
                #expect(scrape.value("tidemark_session_lost_events_total", labels) == 0)
                #expect(scrape.value("tidemark_session_attached", labels) == 1)
                #expect(scrape.value("tidemark_session_state", labels) == 1)
                #expect(scrape.all("tidemark_session_state", labels)[0].labels["state"] == "active")
                #expect(scrape.sum("tidemark_stream_events_total", labels) == count)
                // An event of `tick` takes some fifty bytes.
                let bytes = try #require(scrape.value("tidemark_session_event_bytes_total", labels))
                #expect((20 * count...200 * count).contains(bytes), "\(bytes)")
            }
            #expect(scrape.value("tidemark_relay_sessions", relay) == 2)
            #expect(scrape.value("tidemark_relay_connected", relay) == 1)
            #expect(scrape.value("tidemark_relay_connections_total", relay) == 3)
            #expect(scrape.value("tidemark_relay_reconnects_total", relay) == 0)
            #expect(scrape.value("tidemark_relay_polls_total", relay) ?? 0 > 10)
            #expect(scrape.value("tidemark_relay_received_bytes_total", relay) ?? 0 > 2 * 20 * count)
            let lag = try #require(scrape.value("tidemark_relay_lag_seconds", relay))
            #expect((0...5).contains(lag), "\(lag)")
        }

        private static func segment(_ log: String) throws -> String {
            let names = try FileManager.default.contentsOfDirectory(atPath: log)
            let sizes = try names.map { name in
                (name, try FileManager.default.attributesOfItem(atPath: log + "/" + name)[.size] as? Int ?? 0)
            }
            return try #require(sizes.max { $0.1 < $1.1 }.map { log + "/" + $0.0 })
        }

        @Test
        func `what the tracer discarded is counted as the feed says it and lttng counts it`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            let tiny = ["--subbuf-size", "4096", "--subbufs", "2"]
            try host.startSession("drops", events: "load:*", channel: ["--discard"], options: tiny)
            let coordinator = try Coordinator(cluster, options: Self.loopback)
            let tail = try coordinator.tail(Self.everything)
            try host.start(program: "load", id: 1, arguments: ["--count", "20000", "--rate", "0"]).end()
            try host.stop("drops")
            let discarded = try host.discarded("drops")
            try #require(discarded > 0)
            try host.destroy("drops")
            try eventually("the session's end", of: tail, and: coordinator.process) {
                try tail.feed().sessionStates("drops").last == "ended"
            }
            let scrape = try coordinator.scrape()
            let labels = ["relay": host.name, "session": "drops"]
            let feed = try tail.feed()
            #expect(scrape.value("tidemark_session_lost_events_total", labels) == Double(discarded))
            #expect(feed.losses.compactMap(\.events).reduce(0, +) == discarded)
            #expect(scrape.value("tidemark_session_events_total", labels) == Double(feed.events.count))
            #expect(feed.events.count + discarded == 20_000)
            #expect(scrape.all("tidemark_session_state", labels).map { $0.labels["state"] } == ["ended"])
            #expect(scrape.all("tidemark_stream_events_total").isEmpty)
        }

        @Test
        func `a relay that is killed and comes back: its state, who holds W, and how often it was connected to`() throws
        {
            let cluster = try Cluster(hosts: 2)
            let (bad, good) = (cluster.hosts[0], cluster.hosts[1])
            for host in cluster.hosts { try host.startSession("s") }
            var options = Self.loopback
            options.stallAfter = "never"
            let coordinator = try Coordinator(cluster, options: options)
            let tickers = try cluster.hosts.enumerated().map {
                try $1.start(program: "tick", id: $0 + 1, arguments: ["--count", "0", "--rate", "100"])
            }
            try eventually("events of both", of: coordinator.process) {
                let scrape = try coordinator.scrape()
                return cluster.hosts.allSatisfy { scrape.sum("tidemark_relay_events_total", ["relay": $0.name]) > 100 }
            }

            // It stands still: the feed waits for it, and says so.
            try bad.pause("relay")
            try eventually("the relay that stands still holds W", of: coordinator.process) {
                let scrape = try coordinator.scrape()
                return scrape.all("tidemark_watermark_held_seconds").map { $0.labels["relay"] } == [bad.name]
                    && scrape.sum("tidemark_watermark_held_seconds") > 3
                    && scrape.value("tidemark_relay_holds_watermark", ["relay": bad.name]) == 1
                    && scrape.value("tidemark_relay_holds_watermark", ["relay": good.name]) == 0
                    && scrape.value("tidemark_relay_state", ["relay": bad.name, "state": "lagging"]) == 1
                    && scrape.value("tidemark_relay_lag_seconds", ["relay": bad.name]) ?? 0 > 3
                    && scrape.value("tidemark_watermark_lag_seconds") ?? 0 > 3
            }
            let still = try coordinator.scrape()
            #expect(still.value("tidemark_relay_lag_seconds", ["relay": good.name]) ?? .infinity < 3)
            #expect(try coordinator.ask("/readyz").status == 200)
            try bad.resume("relay")
            try eventually("W goes on", of: coordinator.process) {
                try coordinator.scrape().value("tidemark_watermark_lag_seconds") ?? .infinity < 2
            }

            // It dies, and is there again.
            try bad.kill("relay")
            try eventually("the relay is gone", of: coordinator.process) {
                try coordinator.scrape().value("tidemark_relay_connected", ["relay": bad.name]) == 0
            }
            #expect(try coordinator.ask("/readyz").body.contains(#"{"name":"\#(bad.name)","state":"#))
            try bad.restartRelay()
            try eventually("the relay is back", of: coordinator.process) {
                try coordinator.scrape().value("tidemark_relay_connected", ["relay": bad.name]) == 1
            }
            let scrape = try coordinator.scrape()
            #expect(scrape.value("tidemark_relay_reconnects_total", ["relay": bad.name]) == 1)
            #expect(scrape.value("tidemark_relay_reconnects_total", ["relay": good.name]) == 0)
            #expect(scrape.value("tidemark_relay_connections_total", ["relay": good.name]) == 2)
            for ticker in tickers { ticker.process.signal(SIGTERM) }
        }

        @Test
        func `Prometheus scrapes it for a minute, by TLS with a token, and has its values`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s")
            let token = "only-for-prometheus-and-this-test"
            let options = Coordinator.Options(http: { identities in
                [
                    "certificate: \(identities.file("server.pem"))", "key: \(identities.file("server.key"))",
                    "token: \(token)",
                ]
            })
            let coordinator = try Coordinator(cluster, options: options)
            let authority = coordinator.identities.file("ca.pem")
            #expect(try coordinator.ask("/metrics", options: ["--cacert", authority], scheme: "https").status == 401)
            #expect(try coordinator.ask("/metrics", scheme: "http").status == 0)

            let folder = try ScratchFolder()
            let port = try freePort()
            let configuration = try folder.write(
                """
                global: {scrape_interval: 1s}
                scrape_configs:
                  - job_name: tidemark
                    scheme: https
                    tls_config: {ca_file: \(authority)}
                    authorization: {credentials: \(token)}
                    static_configs: [{targets: ["localhost:\(coordinator.httpPort)"]}]
                """,
                to: "prometheus.yml"
            )
            let prometheus = try ChildProcess([
                "prometheus", "--config.file=\(configuration)", "--storage.tsdb.path=\(folder.file("data"))",
                "--web.listen-address=127.0.0.1:\(port)",
            ])
            func query(_ expression: String) throws -> String? {
                let url = "http://127.0.0.1:\(port)/api/v1/query"
                let result = try Command.result([
                    "curl", "--silent", "--get", "--data-urlencode", "query=\(expression)", url,
                ])
                let object = try? JSONSerialization.jsonObject(with: result.output) as? [String: Any]
                let found = (object?["data"] as? [String: Any])?["result"] as? [[String: Any]]
                return (found?.first?["value"] as? [Any])?.last as? String
            }
            try host.start(program: "tick", id: 1, arguments: ["--count", "321", "--rate", "0"]).end()
            try eventually("the events in Prometheus", of: prometheus, and: coordinator.process) {
                try query("tidemark_relay_events_total{relay=\"\(host.name)\"}") == "321"
            }
            try eventually("a minute of scrapes", of: prometheus, and: coordinator.process, within: 120) {
                try query("count_over_time(up[5m])").flatMap { Int($0) } ?? 0 >= 60
            }
            #expect(try query("min_over_time(up[5m])") == "1")
            #expect(try query("max(scrape_duration_seconds)").flatMap { Double($0) } ?? 9 < 1)
            #expect(try prometheus.terminate().status == 0, "\(prometheus.summary)")
            let complaints = prometheus.errorText.split(separator: "\n").filter {
                ($0.contains("level=warn") || $0.contains("level=error")) && !$0.contains("Received SIGTERM")
            }
            #expect(complaints.isEmpty, "\(complaints)")
            #expect(try coordinator.process.terminate().status == 0, "\(coordinator.process.summary)")
        }

        @Test
        func `certificates let in whom the rules name, and what changes counts at once`() throws {
            let url = "net://127.0.0.1:\(try freePort())"
            let relays = [Coordinator.Relay(name: "nowhere", url: url)]
            var options = Coordinator.Options(http: { identities in
                [
                    "certificate: \(identities.file("server.pem"))", "key: \(identities.file("server.key"))",
                    "client-ca: \(identities.file("ca.pem"))",
                ]
            })
            options.allow = """
                    - identity: "tidemark:client/all"
                    - identity: "tidemark:client/some"
                      hosts: ["web-*"]
                """
            options.prepare = { identities in
                for client in ["all", "some", "other"] {
                    try Tidemark.run(["cert", identities.folder.path, "--client", client])
                }
            }
            let coordinator = try Coordinator(relays, options: options)
            func ask(_ path: String, _ client: String) throws -> (status: Int, body: String) {
                let identities = coordinator.identities
                return try coordinator.ask(
                    path,
                    options: [
                        "--cacert", identities.file("ca.pem"), "--cert", identities.file(client + ".pem"), "--key",
                        identities.file(client + ".key"),
                    ],
                    scheme: "https"
                )
            }
            // A relay that cannot be reached keeps nobody from reading the others.
            try eventually("ready") { try ask("/readyz", "all").status == 200 }
            let ready = try ask("/readyz", "all")
            #expect(
                ready.body.contains(#""state":"connecting","trouble":"cannot connect: Connection refused""#),
                "\(ready)"
            )
            #expect(try ask("/healthz", "some").status == 200)
            #expect(try ask("/metrics", "some").status == 403)
            #expect(try ask("/healthz", "other").status == 403)
            let plain = try coordinator.ask(
                "/healthz",
                options: ["--cacert", coordinator.identities.file("ca.pem")],
                scheme: "https"
            )
            #expect(plain.status == 0, "\(plain)")

            let text = try String(contentsOfFile: coordinator.configurationFile, encoding: .utf8)
            try coordinator.reconfigure(text: text.replacingOccurrences(of: "client/some", with: "client/other"))
            try eventually("the new rule", of: coordinator.process) { try ask("/healthz", "other").status == 200 }
            #expect(try ask("/healthz", "some").status == 403)
            #expect(try coordinator.process.terminate().status == 0, "\(coordinator.process.summary)")
        }
    }
}
