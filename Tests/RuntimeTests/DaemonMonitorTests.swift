import ConfigurationFile
import Coordinator
import Feed
import FeedLog
import Foundation
import Logging
import NIOCore
import NIOPosix
import Observability
import Testing

@testable import Runtime

/// What is told of a daemon, also of one whose threads do not answer.
@Suite(.timeLimit(.minutes(5)))
struct DaemonMonitorTests {
    /// A lane without relays that answer, and a hub, each on a thread of its own.
    private struct Parts {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        /// One that waits as long as a slow machine may take, and one that does not wait.
        let monitor = DaemonMonitor(version: "1.2.3", patience: .seconds(60))
        let impatient = DaemonMonitor(version: "1.2.3", patience: .milliseconds(50))
        let lane: CoordinatorLane
        let hub: FeedHub
        let laneLoop: any EventLoop

        init() throws {
            let identities = try TestIdentities()
            let feed = identities.feed(allow: [])
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            laneLoop = group.next()
            hub = FeedHub(
                loop: group.next(),
                feed: FeedIdentity(id: FeedID(high: 1, low: 2)),
                retainedBytes: 1 << 20,
                limits: SubscriberLimits(),
                logger: logger
            )
            lane = CoordinatorLane(
                loop: laneLoop,
                configuration: CoordinatorConfiguration(
                    relays: [RelaySource(name: "a", sessions: [.glob("*")], start: .beginning)],
                    stallAfterNs: nil,
                    lifetime: .service,
                    seed: 1
                ),
                addresses: [.relay(RelayAddress(host: "127.0.0.1", port: 1))],
                consumer: hub,
                notes: { _ in }
            )
            let configuration = Configuration(
                relays: [],
                order: .init(),
                feed: feed,
                log: .init(),
                http: nil,
                live: nil,
                forward: []
            )
            let settings = try LiveSettings(configuration, file: "test.yaml", logger: logger)
            for monitor in [monitor, impatient] {
                monitor.serves(DaemonMonitor.Served(lane: lane, hub: hub, settings: settings))
            }
        }

        func end() async throws {
            lane.stop(reason: "")
            _ = try await lane.finished.get()
            try await group.shutdownGracefully()
        }
    }

    @Test
    func `before the feed is served and after its end it is not ready, lives, and tells of the process alone`()
        async throws
    {
        let monitor = DaemonMonitor(version: "1.2.3")
        #expect(try await monitor.readiness().reasons == ["the feed is not served yet"])
        #expect(await monitor.isAlive())
        let scrape = try await monitor.scrape()
        #expect(scrape.value(FeedMetrics.build, ["1.2.3"]) == .integer(1))
        #expect(scrape.value(FeedMetrics.resident, []) != nil)
        #expect(scrape.value(FeedMetrics.subscribers, []) == nil)
        monitor.stops()
        #expect(try await monitor.readiness().reasons == ["the coordinator stops"])
    }

    @Test
    func `it is ready once each relay has attached or failed to, and the log can be written`() async throws {
        let parts = try Parts()
        #expect(try await parts.monitor.readiness().relays.isEmpty)
        parts.lane.start()
        // Port 1 of loopback refuses: until it has, nothing is known of the relay.
        var readiness = try await parts.monitor.readiness()
        var seen = Set(readiness.reasons)
        while !readiness.isReady {
            await Task.yield()
            readiness = try await parts.monitor.readiness()
            seen.formUnion(readiness.reasons)
        }
        #expect(seen.isSubset(of: ["relay a has neither been attached nor failed to be"]))
        #expect(readiness.relays.map(\.name) == ["a"] && readiness.relays.map(\.state) == ["connecting"])
        #expect(readiness.relays[0].trouble == "cannot connect: Connection refused")
        let scrape = try await parts.monitor.scrape()
        #expect(scrape.value(FeedMetrics.relayConnected, ["a"]) == .integer(0))
        #expect(scrape.value(FeedMetrics.relayState, ["a", "connecting"]) == .integer(1))
        #expect(scrape.value(FeedMetrics.subscribers, []) == .integer(0))
        try await parts.end()
    }

    @Test
    func `a thread that does not answer is told from outside`() async throws {
        let parts = try Parts()
        for loop in [parts.laneLoop, parts.hub.loop] {
            #expect(await parts.monitor.isAlive())
            let isBlocked = DispatchSemaphore(value: 0)
            loop.execute { isBlocked.wait() }
            #expect(await !parts.impatient.isAlive())
            await #expect(throws: DaemonMonitor.Silent.self) { try await parts.impatient.scrape() }
            await #expect(throws: DaemonMonitor.Silent.self) { try await parts.impatient.readiness() }
            isBlocked.signal()
            try await loop.submit {}.get()
        }
        #expect(await parts.monitor.isAlive())
        try await parts.end()
    }

    @Test
    func `who asks while an answer is on its way gets that one`() async throws {
        let parts = try Parts()
        let isBlocked = DispatchSemaphore(value: 0)
        parts.laneLoop.execute { isBlocked.wait() }
        let first = parts.monitor.pendingScrape()
        #expect(parts.monitor.pendingScrape() === first)
        isBlocked.signal()
        let cpu = try await first.get().value(FeedMetrics.cpu, [])
        let later = try await parts.monitor.scrape().value(FeedMetrics.cpu, [])
        #expect(later != nil && later != cpu)
        try await parts.end()
    }

    // MARK: Documentation

    @Test
    func `the documentation lists exactly what is measured`() throws {
        let file = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
            .appendingPathComponent("../../Sources/Runtime/Runtime.docc/Metrics.md")
        let text = try String(contentsOf: file, encoding: .utf8)
        let listed = text.split(separator: "\n").filter { $0.hasPrefix("| `") }.map(String.init)
        let measured = FeedMetrics.registry.families.map { family in
            let labels = family.labels.map { "`\($0)`" }.joined(separator: " ")
            return "| `\(family.name)` | \(family.kind.rawValue) | \(labels) | \(family.help) |"
        }
        let unlisted = measured.filter { !listed.contains($0) }
        let unmeasured = listed.filter { !measured.contains($0) }
        #expect(unlisted.isEmpty, "\(unlisted.joined(separator: "\n"))")
        #expect(unmeasured.isEmpty, "\(unmeasured.joined(separator: "\n"))")
        #expect(listed.count == measured.count)
    }
}
