package import Coordinator
package import Feed
import FeedLog
import Logging
import NIOCore
import Synchronization
package import Timeline

/// The timeline of a daemon's feed, for whoever asks, from any thread.
package final class FeedTimeline: Sendable {
    /// Something that the coordinator has said.
    package struct Notice: Sendable {
        /// Greater than those before.
        package var number: UInt64
        /// Nanoseconds since the Unix epoch.
        package var timeNs: Int64
        package var note: CoordinatorNote
    }

    /// What is asked once the feed is served.
    struct Served: Sendable {
        let coordinator: CoordinatorLane
        let hub: FeedHub
        let lane: TimelineLane
        let follower: TimelineFollower
    }

    private enum Phase {
        case starting
        case served(Served)
        case stopping
    }

    private struct State {
        var phase = Phase.starting
        var standing: (at: NIODeadline, future: EventLoopFuture<FeedStanding>)?
        var notices: [Notice] = []
        var noticeCount: UInt64 = 0
    }

    private static let noticesMax = 100
    private static let standingLife = TimeAmount.milliseconds(100)

    private let state = Mutex(State())
    private let turns = FilterTurns()
    /// Of this process: lane ids are dealt anew by the next.
    private let startNs = WallClock.nowNs

    package init() {}

    // MARK: - The daemon's side

    /// The feed is served. Called once.
    func serves(coordinator: CoordinatorLane, hub: FeedHub, logger: Logger) {
        let lane = TimelineLane()
        let follower = TimelineFollower(hub: hub, lane: lane, logger: logger)
        state.withLock {
            $0.phase = .served(Served(coordinator: coordinator, hub: hub, lane: lane, follower: follower))
        }
        hub.loop.execute { follower.start() }
    }

    /// The feed ends: nothing is answered any more.
    func stops() async {
        let served = state.withLock { state in
            defer { state.phase = .stopping }
            return if case .served(let served) = state.phase { served } else { Served?.none }
        }
        guard let served else { return }
        served.hub.loop.execute { served.follower.stop() }
        await served.lane.close()
    }

    /// Keeps what the coordinator says for whoever watches.
    func note(_ note: CoordinatorNote) {
        guard note.level != .debug else { return }
        let nowNs = WallClock.nowNs
        state.withLock { state in
            state.noticeCount += 1
            if state.notices.count >= Self.noticesMax { state.notices.removeFirst() }
            state.notices.append(Notice(number: state.noticeCount, timeNs: nowNs, note: note))
        }
    }

    private func served() throws -> Served {
        try state.withLock { state in
            switch state.phase {
            case .starting: throw TimelineUnavailable.starting(progress: 0)
            case .served(let served): served
            case .stopping: throw TimelineUnavailable.stopping
            }
        }
    }

    // MARK: - Answers

    /// What was said after a notice; of the newest ones only.
    package func notices(after number: UInt64) -> [Notice] {
        state.withLock { $0.notices.filter { $0.number > number } }
    }

    /// The number of the newest notice.
    package var noticeCount: UInt64 { state.withLock { $0.noticeCount } }

    /// Asks the book, on its thread.
    /// - Parameter body: gets also the generation: another one has given lanes other ids.
    /// - Throws: `TimelineUnavailable`, or what `body` throws.
    package func ask<Answer: Sendable>(
        _ body: @escaping @Sendable (TimelineBook, _ generation: String) throws -> Answer
    ) async throws -> Answer {
        let served = try served()
        let feed = served.hub.feed
        return try await served.lane.ask { [startNs] book, number in
            try body(book, "\(feed.id)-\(feed.epoch)-\(startNs)-\(number)")
        }
    }

    /// How the coordinator stands, at most a tenth of a second ago.
    package func standing() async throws -> FeedStanding {
        let served = try served()
        let now = NIODeadline.now()
        let future = state.withLock { state in
            if let known = state.standing, now - known.at < Self.standingLife { return known.future }
            let future = FeedStanding.ask(served.coordinator, served.hub)
            state.standing = (now, future)
            return future
        }
        return try await future.get()
    }

    /// Walks on, until enough events are found or time is over; at least one step.
    /// - Returns: whether nothing is left to look at.
    package func advance(
        _ walk: TimelineWalk,
        enough: Int,
        until deadline: ContinuousClock.Instant
    ) async throws -> Bool {
        let served = try served()
        let reading = FrameReading(hub: served.hub, lane: served.lane)
        repeat {
            let next = try await served.lane.ask { book, _ in walk.value.nextFrames(book.model) }
            guard let next else { return true }
            let batches = try await reading.batches(next)
            try await served.lane.ask { book, _ in
                for batch in batches { walk.value.take(batch, book.model.lanes) }
                walk.value.endStep()
            }
        } while walk.value.found.count < enough && ContinuousClock.now < deadline
        return false
    }

    /// Looks for the events of a filter in a range of time, until all is known that can be, or time is over. One call
    /// at a time does so for a filter; the others wait for it.
    package func look(
        for filter: FilterExpression?,
        scope: ViewScope,
        in range: Range<Int64>,
        until deadline: ContinuousClock.Instant
    ) async throws {
        let served = try served()
        let key = TimelineBook.FilterKey(filter, scope: scope)
        await turns.take(key)
        defer { turns.pass(key) }
        let reading = FrameReading(hub: served.hub, lane: served.lane)
        while ContinuousClock.now < deadline {
            let next = try await served.lane.ask { book, _ in
                book.withFilter(filter, scope: scope) { $0.nextFrames($1, in: range) }
            }
            guard let next else { return }
            let batches = try await reading.batches(next)
            try await served.lane.ask { book, _ in
                book.withFilter(filter, scope: scope) { counts, model in
                    for batch in batches { counts.take(batch, model.lanes) }
                    counts.endStep()
                }
            }
        }
    }

    /// Someone who reads the log from a place on, of which nothing is kept.
    /// - Throws: `TimelineUnavailable`.
    package func follower() throws -> FeedFollower {
        // No forwarder has this name, so that there is no cursor.
        FeedFollower(hub: try served().hub, name: "")
    }

    /// The batches of some frames, as far as they are kept.
    package func batches(_ frames: [ClosedRange<UInt64>]) async throws -> [FeedBatch] {
        let served = try served()
        return try await FrameReading(hub: served.hub, lane: served.lane).batches(frames)
    }
}

/// A walk that a task and the timeline's thread have in turn, never both, which is what `@unchecked Sendable` stands
/// for.
package final class TimelineWalk: @unchecked Sendable {
    /// To be looked at by the task while it does not walk on.
    package fileprivate(set) var value: EventWalk

    package init(_ walk: EventWalk) {
        value = walk
    }
}
