import CTF
import ConfigurationFile
import Coordinator
import Feed
import NIOCore
import NIOPosix
import Observability
import ReExport
import SimulatedRelay
import Testing

@testable import Runtime

/// The feed shown to LTTng live viewers.
@Suite(.timeLimit(.minutes(1)))
struct ViewerListenerTests {
    private static let hosts: [GeneratedHost] = (1...3).map { number in
        var host = GeneratedHost(hostname: "host-\(number)", seed: UInt64(number))
        host.cpuCount = 2
        host.liveTimerUs = 50_000
        return host
    }

    /// Of which packet an event is, whoever numbers packets.
    private struct Origin: Hashable, Sendable {
        var trace: TraceUUID?
        var stream: UInt64?
        var sequence: UInt64?

        init(_ packet: FeedPacket) {
            trace = packet.preamble.traceUUID
            stream = packet.preamble.streamInstanceID
            sequence = packet.preamble.sequenceNumber
        }

        /// Of the events of a batch, in their order.
        static func all(of batch: FeedBatch) -> [Origin] {
            batch.records.flatMap { record -> [Origin] in
                guard case .events(let group) = record else { return [] }
                return group.order.flatMap { run in
                    [Origin](repeating: Origin(group.slices[Int(run.slice)].packet), count: Int(run.count))
                }
            }
        }
    }

    @Test
    func `a coordinator that looks at a coordinator's cluster merges the same feed again`() async throws {
        try await RunningDaemon.with(hosts: Self.hosts, showsLive: true) { running in
            let port = await running.livePort()
            let seen = Recorder<[Origin]>([])
            let count = 1_000
            let printing = PrintingLane<FeedBatch> { batch in
                seen.update { $0 += Origin.all(of: batch) }
                return seen.seen.count < count ? .goOn : .stop
            }
            let subscriber = try running.subscribe()
            await subscriber.recorder.until { $0.events.count >= 100 }
            let source = RelaySource(
                name: "again",
                sessions: [.exactly(host: "tidemark", session: "cluster")],
                start: .beginning
            )
            let run = MergeRun(
                configuration: CoordinatorConfiguration(
                    relays: [source],
                    stallAfterNs: nil,
                    lifetime: .service,
                    seed: 1
                ),
                addresses: [.relay(RelayAddress(host: "127.0.0.1", port: port))],
                printing: printing,
                group: MultiThreadedEventLoopGroup.singleton,
                notes: { _ in }
            )
            try await run.run()
            let again = seen.seen
            let first = await subscriber.recorder.until { $0.events.count >= count }
                .frames.flatMap { Origin.all(of: $0.batch) }
            #expect(again.prefix(count) == first.prefix(count))
            #expect(Set(again.prefix(count).map(\.trace)).count == 3)
            await printing.drain {}
        }
    }

    @Test
    func `what is no request is answered and ends the connection, after all that was asked before it`() async throws {
        try await RunningDaemon.with(hosts: [Self.hosts[0]], showsLive: true) { running in
            let peer = try await RawPeer(
                port: await running.livePort(),
                from: "127.0.0.1",
                saying: LiveText.connect + LiveText.request(99, [])
            )
            let reply = await peer.recorder.until { $0.isClosed }.plaintext
            #expect(reply.count == 24)
            #expect(reply.suffix(4) == [0, 0, 0, 11])
            _ = await running.log.until { lines in
                lines.contains { $0.hasPrefix("viewer left") && $0.contains("unknownCommand(99)") }
            }
        }
    }

    @Test
    func `where there are as many viewers as may be, the oldest that looks at nothing gives way`() async throws {
        let shown = try await ShownFeed { $0.viewers = 3 }
        let looking = try await shown.peer(saying: LiveText.opening + LiveText.attachCluster)
        _ = await shown.log.until { $0.contains { $0.hasPrefix("viewer has attached") } }
        let idle = try await shown.peer(saying: LiveText.opening)
        await idle.recorder.until { $0.plaintext.count == LiveText.openingReplyBytes }
        let second = try await shown.peer(saying: LiveText.opening)
        await second.recorder.until { $0.plaintext.count == LiveText.openingReplyBytes }
        let next = try await shown.peer(saying: LiveText.opening)
        await next.recorder.until { $0.plaintext.count == LiveText.openingReplyBytes }
        await idle.recorder.until { $0.isClosed }
        #expect(!looking.recorder.seen.isClosed && !second.recorder.seen.isClosed)
        #expect(!shown.log.seen.contains { $0.hasPrefix("viewer refused: too many") })
        for peer in [looking, second, next] { try await peer.close() }
        try await shown.end()
    }

    @Test
    func `one viewer too many is turned away where all look on, and there is room again when another has left`()
        async throws
    {
        let shown = try await ShownFeed { $0.viewers = 2 }
        let looking = LiveText.opening + LiveText.attachCluster
        let first = try await shown.peer(saying: looking)
        let second = try await shown.peer(saying: looking)
        _ = await shown.log.until { lines in lines.count { $0.hasPrefix("viewer has attached") } == 2 }
        let refused = try await shown.peer(saying: looking)
        await refused.recorder.until { $0.isClosed }
        #expect(refused.recorder.seen.plaintext.isEmpty)
        #expect(shown.log.seen.contains { $0.hasPrefix("viewer refused: too many") })
        #expect(!first.recorder.seen.isClosed && !second.recorder.seen.isClosed)
        try await first.close()
        _ = await shown.log.until { $0.contains { $0.hasPrefix("viewer left") } }
        let next = try await shown.peer(saying: looking)
        _ = await shown.log.until { lines in lines.count { $0.hasPrefix("viewer has attached") } == 3 }
        for peer in [second, next] { try await peer.close() }
        try await shown.end()
    }

    @Test
    func `packets for which there is no room are given up, counted and told of`() async throws {
        try await RunningDaemon.with(hosts: [Self.hosts[0]], liveMemoryBytes: 100) { running in
            let subscriber = try running.subscribe()
            await subscriber.recorder.until { !$0.events.isEmpty }
            let peer = try await RawPeer(
                port: await running.livePort(),
                from: "127.0.0.1",
                saying: LiveText.opening + LiveText.attachCluster
            )
            _ = await running.log.until { $0.contains { $0.hasPrefix("viewer has attached") } }
            // It asks what its streams have, whose numbers are odd, as long as that is not said.
            let asks = LiveText.newStreams + stride(from: 1, to: 20, by: 2).flatMap { LiveText.nextIndex($0) }
            while !Task.isCancelled, !running.log.seen.contains(where: { $0.hasPrefix("packets given up") }) {
                let known = peer.recorder.seen.plaintext.count
                peer.say(asks)
                await peer.recorder.until { $0.plaintext.count > known }
            }
            try await peer.close()
            let left = await running.log.until { $0.contains { $0.hasPrefix("viewer left") } }
                .first { $0.hasPrefix("viewer left") }
            #expect(left?.contains("given_up=") == true && left?.contains("given_up=0 ") == false)
            #expect(left?.contains("packets=0 ") == true)
        }
    }

    @Test
    func `what viewers are shown, and are not, is measured`() {
        var scrape = MetricScrape(FeedMetrics.registry)
        let viewer = ViewersSnapshot.Viewer(
            peer: "p",
            number: 7,
            sequence: 40,
            sessions: ["tidemark/cluster"],
            waitingRequests: 3,
            keptBytes: 4096
        )
        var other = viewer
        (other.number, other.sessions) = (8, [])
        let totals = ReExport.Totals(packets: 9, withheldPackets: 2, withheldEvents: 30, givenUpPackets: 1)
        let viewers = ViewersSnapshot(
            connections: 5,
            refused: 1,
            sentBytes: 1000,
            totals: totals,
            viewers: [viewer, other]
        )
        scrape.add(viewers, newestSequence: 50)
        #expect(scrape.value(FeedMetrics.viewers, []) == .integer(2))
        #expect(scrape.value(FeedMetrics.viewerConnections, []) == .integer(5))
        #expect(scrape.value(FeedMetrics.viewersRefused, []) == .integer(1))
        #expect(scrape.value(FeedMetrics.viewerPackets, []) == .integer(9))
        #expect(scrape.value(FeedMetrics.viewerWithheld, []) == .integer(2))
        #expect(scrape.value(FeedMetrics.viewerWithheldEvents, []) == .integer(30))
        #expect(scrape.value(FeedMetrics.viewerGivenUp, []) == .integer(1))
        #expect(scrape.value(FeedMetrics.viewerLag, ["p", "7"]) == .integer(10))
        #expect(scrape.value(FeedMetrics.viewerRequests, ["p", "7"]) == .integer(3))
        #expect(scrape.value(FeedMetrics.viewerKept, ["p", "7"]) == .integer(4096))
        // One that looks at nothing is counted only.
        #expect(scrape.value(FeedMetrics.viewerLag, ["p", "8"]) == nil)
    }
}
