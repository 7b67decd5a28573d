import Coordinator
import Feed
package import NIOCore
import NIOPosix
package import Observability
import Synchronization

/// Tells how a daemon is doing, to whoever asks, from any thread.
///
/// Lane and hub are asked on their loops, between two batches; nothing is counted for it beside what they count for
/// themselves. Whoever asks while an answer is on its way gets the same one: many who ask cost no more than one.
package final class DaemonMonitor: Sendable {
    /// A thread of the daemon's has not answered in time, or has ended.
    package struct Silent: Error {}

    /// Whether the daemon serves, and why not.
    package struct Readiness: Sendable, Equatable {
        /// What is wrong, in words; empty: it serves.
        package var reasons: [String] = []
        package var relays: [Relay] = []
        /// None of them keeps the daemon from serving, however it stands.
        package var forwarders: [ForwarderSnapshot] = []

        package struct Relay: Sendable, Equatable {
            package var name: String
            package var state: String
            /// Why it cannot be attached; nil while it can.
            package var trouble: String?
        }

        /// - Parameter reasons: what is wrong.
        package init(reasons: [String] = []) { self.reasons = reasons }

        package var isReady: Bool { reasons.isEmpty }
    }

    /// What is asked once the feed is served.
    struct Served: Sendable {
        let lane: CoordinatorLane
        let hub: FeedHub
        let settings: LiveSettings
        var forwarding: (any FeedForwarding)?
    }

    private enum Phase: Sendable {
        /// Next: served.
        case starting
        /// Next: stopping.
        case served(Served)
        /// The feed has ended, and subscribers have what is left.
        case stopping
    }

    private struct State {
        var phase = Phase.starting
        var scrape: EventLoopFuture<MetricScrape>?
    }

    private let version: String
    /// How long a thread may take to answer.
    private let patience: TimeAmount
    private let state = Mutex(State())
    /// Waits for answers; not one of those that are asked.
    private let loop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()

    /// - Parameter version: of the program.
    package init(version: String, patience: TimeAmount = .seconds(5)) {
        self.version = version
        self.patience = patience
    }

    func serves(_ served: Served) {
        state.withLock { $0.phase = .served(served) }
    }

    func stops() {
        state.withLock { $0.phase = .stopping }
    }

    private var phase: Phase { state.withLock { $0.phase } }

    // MARK: Answers

    /// All that is measured, now. Before the feed is served and after it has ended that is about the process alone.
    /// - Throws: `Silent`.
    package func scrape() async throws -> MetricScrape {
        try await pendingScrape().get()
    }

    /// The scrape that is on its way, or a new one.
    func pendingScrape() -> EventLoopFuture<MetricScrape> {
        state.withLock { state in
            if let scrape = state.scrape { return scrape }
            let scrape = begin(state.phase)
            state.scrape = scrape
            // Told on its loop, never from in here.
            scrape.whenComplete { _ in self.state.withLock { $0.scrape = nil } }
            return scrape
        }
    }

    /// Whether the threads that merge and serve answer.
    package func isAlive() async -> Bool {
        guard case .served(let served) = phase else { return true }
        let answers = served.hub.loop.submit {}.hop(to: loop).and(served.lane.ping().hop(to: loop))
        return (try? await timed(answers.map { _ in }).get()) != nil
    }

    /// - Throws: `Silent`.
    package func readiness() async throws -> Readiness {
        switch phase {
        case .starting: return Readiness(reasons: ["the feed is not served yet"])
        case .stopping: return Readiness(reasons: ["the coordinator stops"])
        case .served(let served):
            let (lane, hub, forwarders) = try await timed(snapshots(served)).get()
            var readiness = Readiness()
            for relay in lane.coordinator.relays {
                if !relay.hasSettled {
                    readiness.reasons.append("relay \(relay.name) has neither been attached nor failed to be")
                }
                readiness.relays.append(
                    Readiness.Relay(name: relay.name, state: "\(relay.state)", trouble: relay.trouble)
                )
            }
            readiness.forwarders = forwarders
            if hub.isFailing { readiness.reasons.append("the log cannot be written") }
            return readiness
        }
    }

    /// How far the feed has come since the start, in time and in events; nil while it is not served.
    /// - Throws: `Silent`.
    package func progress() async throws -> (watermarkNs: Int64?, events: UInt64)? {
        guard case .served(let served) = phase else { return nil }
        let lane = try await timed(served.lane.snapshot().hop(to: loop)).get()
        return (lane.coordinator.watermarkNs, lane.relays.values.reduce(0) { $0 &+ $1.events })
    }

    // MARK: Asking

    private func begin(_ phase: Phase) -> EventLoopFuture<MetricScrape> {
        var base = MetricScrape(FeedMetrics.registry)
        base.add(FeedMetrics.build, [version], true)
        base.add(ProcessUsage.current())
        guard case .served(let served) = phase else { return loop.makeSucceededFuture(base) }
        return timed(
            snapshots(served).map { [base] lane, hub, forwarders in
                var scrape = base
                scrape.add(lane, nowNs: WallClock.nowNs)
                scrape.add(hub)
                scrape.add(forwarders)
                scrape.add(served.settings.expiries)
                return scrape
            }
        )
    }

    private func snapshots(
        _ served: Served
    ) -> EventLoopFuture<(LaneSnapshot, HubSnapshot, [ForwarderSnapshot])> {
        let forwarders = served.forwarding?.snapshots(on: loop) ?? loop.makeSucceededFuture([])
        return served.lane.snapshot().hop(to: loop).and(served.hub.snapshot().hop(to: loop)).and(forwarders).map {
            ($0.0, $0.1, $1)
        }
    }

    private func timed<Answer: Sendable>(_ answer: EventLoopFuture<Answer>) -> EventLoopFuture<Answer> {
        let promise = loop.makePromise(of: Answer.self)
        let timeout = loop.scheduleTask(in: patience) { promise.fail(Silent()) }
        answer.whenComplete { result in
            timeout.cancel()
            switch result {
            case .success(let answer): promise.succeed(answer)
            case .failure: promise.fail(Silent())
            }
        }
        return promise.futureResult
    }
}
