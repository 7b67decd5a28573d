import ConfigurationFile
import Feed
import SimulatedRelay
import Testing

@testable import Runtime

/// Relays, coordinator and subscribers in one process.
@Suite(.timeLimit(.minutes(1)))
struct MergedFeedTests {
    private static let hosts: [GeneratedHost] = (1...3).map { number in
        var host = GeneratedHost(hostname: "host-\(number)", seed: UInt64(number))
        host.cpuCount = 2
        host.liveTimerUs = 50_000
        return host
    }

    @Test
    func `subscribers get the same events in the same order, whenever they come`() async throws {
        try await RunningDaemon.with(hosts: Self.hosts) { running in
            let first = try running.subscribe()
            let second = try running.subscribe()
            let count = 1_000
            let one = await first.recorder.until { $0.events.count >= count }.events
            let two = await second.recorder.until { $0.events.count >= count }.events
            let third = try running.subscribe()
            let three = await third.recorder.until { $0.events.count >= count }.events
            #expect(one.prefix(count) == two.prefix(count))
            #expect(one.prefix(count) == three.prefix(count))
            #expect(Set(one).count == one.count)
        }
    }

    @Test
    func `a coordinator that stops says so, then closes in order`() async throws {
        var subscriber: TestSubscriber?
        try await RunningDaemon.with(hosts: [Self.hosts[0]]) { running in
            let one = try running.subscribe()
            await one.recorder.until { !$0.events.isEmpty }
            subscriber = one
        }
        let one = try #require(subscriber)
        #expect(await one.end == .unreachable("the coordinator closed the connection"))
        guard case .end(reason: let reason)? = one.recorder.seen.frames.last?.batch.records.last else {
            Issue.record("the feed did not end with an end record")
            return
        }
        #expect(reason == "the coordinator stops")
    }

    @Test
    func `a reload takes rules over at once, and refuses bad files`() async throws {
        try await RunningDaemon.with(hosts: [Self.hosts[0]]) { running in
            let one = try running.subscribe()
            await one.recorder.until { !$0.events.isEmpty }

            var missing = running.configuration
            missing.feed.keyFile = running.identities.file("no.key")
            #expect(throws: CredentialsError.self) { try running.daemon.reload(missing) }
            // The same again changes nothing for anybody.
            try running.daemon.reload(running.configuration)
            let count = one.recorder.seen.events.count
            await one.recorder.until { $0.events.count > count }
            #expect(one.recorder.seen.end == nil)

            var changed = running.configuration
            changed.feed.allow = []
            changed.http = .init(listen: NetworkEndpoint(host: "localhost", port: 1))
            try running.daemon.reload(changed)
            #expect(await one.end == .unreachable("the coordinator closed the connection"))
            guard case .refused = await (try running.subscribe()).end else {
                Issue.record("a client without a rule was let in")
                return
            }
            let rest = running.log.seen.filter { $0.hasPrefix("other changes of the configuration") }
            #expect(rest.count == 1 && rest.allSatisfy { $0.contains("keys=http") })
        }
    }
}
