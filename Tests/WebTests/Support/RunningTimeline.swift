import ConfigurationFile
import Feed
import Foundation
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import SimulatedRelay
import TLS
import Testing

@testable import Runtime
@testable import Web

/// A whole coordinator on simulated relays, and a web server with the API of its timeline, all in this process.
struct RunningTimeline {
    let server: RunningServer
    private let tls: TLSContext?

    /// Two hosts of two streams each, whose feed goes on.
    private static let hosts: [GeneratedHost] = (1...2).map { number in
        var host = GeneratedHost(hostname: "host-\(number)", seed: UInt64(number))
        host.cpuCount = 2
        host.liveTimerUs = 50_000
        host.eventsPerSecond = 300
        return host
    }

    /// Runs one for as long as `body` runs; there are some hundred events by then.
    /// - Parameter allow: nil: without TLS, for everybody; else what the client of the tests may see.
    static func with(
        allow: Configuration.AllowRule? = nil,
        _ body: (RunningTimeline) async throws -> Void
    ) async throws {
        let identities = try TestIdentities()
        var relays: [any Channel] = []
        for host in hosts {
            relays.append(
                try await SimulatedRelayServer.listen(
                    on: MultiThreadedEventLoopGroup.singleton.next(),
                    startNs: NIODeadline.now().uptimeNanoseconds - 2_000_000_000
                ) { SimulatedRelay(hosts: [host]) }
            )
        }
        let feed = identities.feed(allow: allow.map { [$0] } ?? [])
        let configuration = Configuration(
            relays: zip(hosts, relays).map { host, channel in
                let port = UInt16(clamping: channel.localAddress?.port ?? 0)
                let endpoint = NetworkEndpoint(host: "127.0.0.1", port: port)
                return Configuration.Relay(name: host.hostname, url: .relay(endpoint, session: nil))
            },
            order: Configuration.Order(),
            feed: feed,
            log: Configuration.Log(),
            http: nil,
            live: nil,
            forward: []
        )
        let timeline = FeedTimeline()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let daemon = try FeedDaemon(configuration, file: "test.yaml", logger: logger, timeline: timeline)
        let services = ServiceGroup(
            configuration: .init(services: [.init(service: daemon)], gracefulShutdownSignals: [], logger: logger)
        )
        let running = Task { try await services.run() }
        let http = allow == nil ? HTTP.loopback : identities.http(clientAuthority: true)
        let tls = try allow.map { _ in try identities.clientContext() }
        try await RunningServer.with(http, feed: feed, resources: TimelineResources.all(of: timeline)) { server in
            let running = RunningTimeline(server: server, tls: tls)
            try await running.until("/api/feed") { ($0["events"] as? Int ?? 0) > 500 }
            try await body(running)
        }
        await services.triggerGracefulShutdown()
        try await running.value
        for relay in relays { try await relay.close() }
    }

    private enum HTTP {
        static let loopback = Configuration.HTTP(listen: NetworkEndpoint(host: "127.0.0.1", port: 0))
    }

    /// Asks; the query's parts are encoded.
    func ask(
        _ path: String,
        _ query: [(String, String)] = [],
        headers: [String] = []
    ) async throws -> HTTPClient.Answer {
        var allowed = CharacterSet.alphanumerics
        allowed.insert(charactersIn: "-._")
        let parts = query.map { name, value in
            "\(name)=\(value.addingPercentEncoding(withAllowedCharacters: allowed) ?? "")"
        }
        let target = parts.isEmpty ? path : path + "?" + parts.joined(separator: "&")
        return try await server.ask(target, headers: headers, tls: tls)
    }

    /// An answer's JSON.
    func json(_ path: String, _ query: [(String, String)] = [], status: Int = 200) async throws -> [String: Any] {
        let answer = try await ask(path, query)
        #expect(answer.status == status, "\(path) \(query): \(answer.text)")
        return try #require(try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any])
    }

    /// Asks again until the answer is as wanted.
    @discardableResult
    func until(_ path: String, _ enough: ([String: Any]) -> Bool) async throws -> [String: Any] {
        while true {
            let answer = try await ask(path)
            if answer.status == 200 {
                let json = try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any] ?? [:]
                if enough(json) { return json }
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// From the first event up to W, both as they are now: what lies there does not change any more.
    func settledTimes() async throws -> (from: Int64, to: Int64) {
        let feed = try await json("/api/feed")
        return (
            try #require(Int64(feed["begin"] as? String ?? "")), try #require(Int64(feed["watermark"] as? String ?? ""))
        )
    }

    /// All events of a range, by as many calls as it takes.
    func events(_ query: [(String, String)], limit: Int = 300) async throws -> [FoundEvent] {
        var found: [FoundEvent] = []
        var after: String?
        repeat {
            let json = try await json(
                "/api/events",
                query + [("limit", "\(limit)")] + (after.map { [("after", $0)] } ?? [])
            )
            found += try FoundEvent.all(in: json)
            after = json["next"] as? String
        } while after != nil
        return found
    }

    /// An event as `/api/events` tells of it.
    struct FoundEvent: Equatable {
        var ns: Int64
        var id: String
        var lane: Int
        var name: String

        static func all(in json: [String: Any]) throws -> [FoundEvent] {
            let names = try #require(json["names"] as? [String])
            var ns = try #require(Int64(json["base"] as? String ?? ""))
            var sequence = 0
            let columns = try ["dt", "lane", "name", "seq", "index"].map { try #require(json[$0] as? [Int]) }
            return columns[0].indices.map { place in
                ns += Int64(columns[0][place])
                sequence += columns[3][place]
                return FoundEvent(
                    ns: ns,
                    id: "\(sequence).\(columns[4][place])",
                    lane: columns[1][place],
                    name: names[columns[2][place]]
                )
            }
        }
    }
}
