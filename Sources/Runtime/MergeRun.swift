package import Coordinator
package import Feed
package import NIOCore
import ServiceLifecycle

/// A coordinator without a daemon: merges relays into a consumer until all sessions have ended, or until it is stopped.
package struct MergeRun: Service {
    private let lane: CoordinatorLane
    private let printing: PrintingLane<FeedBatch>

    package init(
        configuration: CoordinatorConfiguration,
        addresses: [SourceAddress],
        places: [TracePlace] = [],
        printing: PrintingLane<FeedBatch>,
        group: any EventLoopGroup,
        notes: @escaping @Sendable (CoordinatorNote) -> Void
    ) {
        let lane = CoordinatorLane(
            loop: group.next(),
            configuration: configuration,
            addresses: addresses,
            places: places,
            consumer: printing,
            notes: notes
        )
        self.lane = lane
        self.printing = printing
        printing.connect(
            held: { lane.setOutputIsHeld($0) },
            stopped: { lane.stop(reason: "no more is wanted") }
        )
    }

    /// - Returns: how it went; nil when it was stopped.
    package func result() async throws -> FinishReport? {
        try await lane.finished.get()
    }

    package func run() async throws {
        try await withGracefulShutdownHandler {
            lane.start()
            _ = try await lane.finished.get()
        } onGracefulShutdown: {
            lane.stop(reason: "stopped")
        }
    }
}
