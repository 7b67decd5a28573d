package import Feed
package import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization
package import TLS

/// A subscriber that goes on from where it was, whatever happens to its connection.
package final class TailRun: Service {
    /// How a tail ended.
    package enum Outcome: Sendable, Equatable {
        /// Stopped by us, or all that was wanted has been printed.
        case done
        case unreachable(String)
        case refused(String)
        /// The coordinator does not understand the filter.
        case wrongFilter(String)
        /// The feed cannot be served as asked.
        case failed(String)
    }

    /// How long it waits before it connects again: doubles with each failure, and half of it is drawn.
    package struct RetryDelay: Sendable {
        package var minimum: Duration = .milliseconds(200)
        package var maximum: Duration = .seconds(5)

        package init() {}
    }

    private struct State {
        var token: ResumeToken?
        /// The last frame handed on, in its feed.
        var feed: FeedIdentity?
        var sequence: UInt64 = 0
        /// What the feed's end record said, if it was the last frame.
        var endReason: String?
        /// What has been printed and was not acknowledged yet.
        var printed: ResumeToken?
        var acknowledgedAt: ContinuousClock.Instant?
        var isWelcomed = false
        var connection: FeedConnection?
        var pause: Task<Void, Never>?
        var isStopped = false
        var isHeld = false
    }

    /// Reasons that are said while there is no connection.
    private static let reasonsMax = 16

    private let address: RelayAddress
    private let tls: TLSContext
    private let start: SubscriptionStart
    private let filter: String
    private let cursor: String
    private let overflow: OverflowPolicy
    private let reconnects: Bool
    private let retryDelay: RetryDelay
    private let group: any EventLoopGroup
    private let printing: PrintingLane<ReceivedFrame>
    private let say: @Sendable (String) -> Void
    private let state = Mutex(State())
    private let outcomeBox = Mutex(Outcome.done)

    /// - Parameters:
    ///   - start: where the first connection begins; later ones go on from the last token.
    ///   - filter: which events are wanted; empty: all.
    ///   - cursor: the name under which the coordinator keeps how far we have come; empty for none.
    ///   - say: receives lines for standard error.
    package init(
        address: RelayAddress,
        tls: TLSContext,
        start: SubscriptionStart,
        filter: String = "",
        cursor: String = "",
        overflow: OverflowPolicy = .wait,
        reconnects: Bool,
        retryDelay: RetryDelay = RetryDelay(),
        group: any EventLoopGroup,
        printing: PrintingLane<ReceivedFrame>,
        say: @escaping @Sendable (String) -> Void
    ) {
        self.address = address
        self.tls = tls
        self.start = start
        self.filter = filter
        self.cursor = cursor
        self.overflow = overflow
        self.reconnects = reconnects
        self.retryDelay = retryDelay
        self.group = group
        self.printing = printing
        self.say = say
    }

    /// How it ended; meaningful once `run` has returned.
    package var outcome: Outcome { outcomeBox.withLock { $0 } }

    package func run() async throws {
        printing.connect(
            held: { [weak self] isHeld in self?.hold(isHeld) },
            stopped: { [weak self] in self?.stop() }
        )
        let outcome = await withGracefulShutdownHandler {
            await subscribe()
        } onGracefulShutdown: {
            self.stop()
        }
        outcomeBox.withLock { $0 = outcome }
    }

    private func subscribe() async -> Outcome {
        var delay = retryDelay.minimum
        // Reasons said since the last connection: once each, not at each of many vain attempts.
        var said: Set<String> = []
        while true {
            let end = await connect()
            let (isStopped, isWelcomed) = state.withLock { state in
                defer { state.isWelcomed = false }
                return (state.isStopped, state.isWelcomed)
            }
            if isStopped || Task.isCancelled { return .done }
            let reason: String
            switch end {
            case .stopped: return .done
            case .refused(let text): return .refused(text)
            case .cannotServe(let text), .foreignFeed(let text): return .failed(text)
            case .wrongFilter(let text): return .wrongFilter(text)
            case .broken(let text): reason = "the coordinator broke the protocol: \(text)"
            case .unreachable(let text): reason = endOfFeed ?? text
            }
            guard reconnects else { return .unreachable(reason) }
            if isWelcomed {
                delay = retryDelay.minimum
                said.removeAll()
            }
            if said.count < Self.reasonsMax, said.insert(reason).inserted { say("\(address): \(reason); trying again") }
            guard await pause(delay * Double.random(in: 0.5...1)) else { return .done }
            delay = min(delay * 2, retryDelay.maximum)
        }
    }

    private func connect() async -> FeedClientEnd {
        let token = state.withLock { $0.token }
        let request = SubscribeRequest(
            start: token.map { .token($0) } ?? start,
            filter: filter,
            clientName: "tidemark tail",
            // A cursor begins where it stands, and that may be behind what is here already: see `take`.
            cursor: cursor,
            overflow: overflow
        )
        return await FeedClient.run(address: address, tls: tls, request: request, group: group) { event in
            switch event {
            case .welcomed(let welcome): self.welcomed(welcome)
            case .frame(let frame): self.take(frame)
            }
        } channel: { connection in
            self.adopt(connection)
        }
    }

    /// What the coordinator's last frame said, where it ended the feed.
    private var endOfFeed: String? {
        state.withLock { state in
            defer { state.endReason = nil }
            return state.endReason.map { "the feed has ended" + ($0.isEmpty ? "" : ": \($0)") }
        }
    }

    /// - Returns: false when the tail was stopped meanwhile.
    private func pause(_ delay: Duration) async -> Bool {
        let pause = Task<Void, Never> { try? await Task.sleep(for: delay) }
        let isStopped = state.withLock { state in
            state.pause = pause
            return state.isStopped
        }
        if isStopped { pause.cancel() }
        await withTaskCancellationHandler {
            await pause.value
        } onCancel: {
            pause.cancel()
        }
        return !Task.isCancelled && !state.withLock { $0.isStopped }
    }

    // MARK: On the connection's loop

    private func welcomed(_ welcome: Welcome) {
        let isAgain = state.withLock { state in
            state.isWelcomed = true
            defer { state.feed = welcome.feed }
            guard let feed = state.feed else { return false }
            if feed.id != welcome.feed.id {
                state.sequence = 0
            } else if feed.epoch != welcome.feed.epoch {
                // What we have beyond it was lost; other frames bear these numbers now.
                state.sequence = min(state.sequence, welcome.commonSequence)
            }
            return true
        }
        if isAgain { say("\(address): connected again") }
    }

    private func take(_ frame: ReceivedFrame) {
        let isNew = state.withLock { state in
            if let token = frame.token.flatMap({ ResumeToken(text: $0) }) { state.token = token }
            if frame.isCheckpoint || frame.isNotice { return true }
            // A resume begins at the last token, which may be some frames back.
            guard frame.batch.sequence > state.sequence else { return false }
            state.sequence = frame.batch.sequence
            if case .end(let reason)? = frame.batch.records.last { state.endReason = reason }
            return true
        }
        if isNew { printing.submit(frame) }
    }

    /// All up to `token` has been printed: tells the coordinator, now and then. May be called from any thread.
    package func printed(_ token: String?) {
        guard !cursor.isEmpty, let token = token.flatMap({ ResumeToken(text: $0) }) else { return }
        let now = ContinuousClock.now
        state.withLock { state in
            state.printed = token
            if let last = state.acknowledgedAt, now - last < Self.acknowledgeInterval { return }
            state.acknowledgedAt = now
            acknowledge(&state)
        }
    }

    private static let acknowledgeInterval = Duration.milliseconds(100)

    private func acknowledge(_ state: inout State) {
        guard let token = state.printed, let connection = state.connection else { return }
        state.printed = nil
        connection.acknowledge(token)
    }

    private func adopt(_ connection: FeedConnection) {
        state.withLock { state in
            state.connection = connection
            if state.isStopped { connection.stop() } else if state.isHeld { connection.setReading(false) }
        }
    }

    private func hold(_ isHeld: Bool) {
        // Under the lock, so that a connection that is adopted meanwhile is told the same.
        state.withLock { state in
            state.isHeld = isHeld
            state.connection?.setReading(!isHeld)
        }
    }

    /// Ends the tail; what was received is printed.
    package func stop() {
        let isFirst = state.withLock { state in
            defer { state.isStopped = true }
            state.pause?.cancel()
            // With a cursor the connection is needed until what is printed has been acknowledged.
            guard !cursor.isEmpty, let connection = state.connection else {
                state.connection?.stop()
                return false
            }
            connection.setReading(false)
            return !state.isStopped
        }
        guard isFirst else { return }
        printing.afterWaiting {
            self.state.withLock { state in
                self.acknowledge(&state)
                state.connection?.stop()
            }
        }
    }
}

extension RelayAddress: CustomStringConvertible {
    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
