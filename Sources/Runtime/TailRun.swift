package import Feed
package import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization
package import TLS

/// A subscriber that goes on from where it was, whatever happens to its connection.
package final class TailRun: Service {
    /// How a tail ended.
    package enum Outcome: Sendable {
        /// Stopped by us, or all that was wanted has been printed.
        case done
        case unreachable(String)
        case refused(String)
        /// The feed cannot be served as asked.
        case failed(String)
    }

    private struct State {
        var token: ResumeToken?
        /// The last frame handed on, in its feed.
        var feed: FeedIdentity?
        var sequence: UInt64 = 0
        var connection: FeedConnection?
        var isStopped = false
        var isHeld = false
    }

    private static let retryDelayMin: Duration = .milliseconds(200)
    private static let retryDelayMax: Duration = .seconds(5)

    private let address: RelayAddress
    private let tls: TLSContext
    private let start: SubscriptionStart
    private let reconnects: Bool
    private let group: any EventLoopGroup
    private let printing: PrintingLane<ReceivedFrame>
    private let say: @Sendable (String) -> Void
    private let state = Mutex(State())
    private let stopStream: AsyncStream<Void>
    private let stopContinuation: AsyncStream<Void>.Continuation
    private let outcomeBox = Mutex(Outcome.done)

    /// - Parameters:
    ///   - start: where the first connection begins; later ones go on from the last token.
    ///   - say: receives lines for standard error.
    package init(
        address: RelayAddress,
        tls: TLSContext,
        start: SubscriptionStart,
        reconnects: Bool,
        group: any EventLoopGroup,
        printing: PrintingLane<ReceivedFrame>,
        say: @escaping @Sendable (String) -> Void
    ) {
        self.address = address
        self.tls = tls
        self.start = start
        self.reconnects = reconnects
        self.group = group
        self.printing = printing
        self.say = say
        (stopStream, stopContinuation) = AsyncStream.makeStream()
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
        var delay = Self.retryDelayMin
        while true {
            let welcomed = Mutex(false)
            let request = SubscribeRequest(
                start: state.withLock { $0.token.map { .token($0) } } ?? start,
                clientName: "tidemark tail"
            )
            let end = await FeedClient.run(address: address, tls: tls, request: request, group: group) { event in
                switch event {
                case .welcomed(let welcome):
                    welcomed.withLock { $0 = true }
                    self.welcomed(welcome)
                case .frame(let frame): self.take(frame)
                }
            } channel: { connection in
                self.adopt(connection)
            }
            if state.withLock({ $0.isStopped }) { return .done }
            let reason: String
            switch end {
            case .stopped: return .done
            case .refused(let text): return .refused(text)
            case .cannotServe(let text): return .failed(text)
            case .broken(let text): reason = "the coordinator broke the protocol: \(text)"
            case .unreachable(let text): reason = text
            }
            guard reconnects else { return .unreachable(reason) }
            if welcomed.withLock({ $0 }) { delay = Self.retryDelayMin }
            say("\(address.host):\(address.port): \(reason); trying again in \(delay)")
            guard await pause(delay) else { return .done }
            delay = min(delay * 2, Self.retryDelayMax)
        }
    }

    /// - Returns: false when the tail was stopped meanwhile.
    private func pause(_ delay: Duration) async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                try? await Task.sleep(for: delay)
                return true
            }
            group.addTask { [stopStream] in
                for await _ in stopStream { return false }
                // The stream ends with the stop, or with this task.
                return Task.isCancelled
            }
            let first = await group.next() ?? true
            group.cancelAll()
            return first && !state.withLock { $0.isStopped }
        }
    }

    // MARK: On the connection's loop

    private func welcomed(_ welcome: Welcome) {
        let isAgain = state.withLock { state in
            defer { state.feed = welcome.feed }
            guard let feed = state.feed else { return false }
            if feed != welcome.feed { state.sequence = 0 }
            return true
        }
        if isAgain { say("\(address.host):\(address.port): connected again") }
    }

    private func take(_ frame: ReceivedFrame) {
        let isNew = state.withLock { state in
            if let token = frame.token.flatMap({ ResumeToken(text: $0) }) { state.token = token }
            if frame.isCheckpoint { return true }
            // A resume begins at the last token, which may be some frames back.
            guard frame.batch.sequence > state.sequence else { return false }
            state.sequence = frame.batch.sequence
            return true
        }
        if isNew { printing.submit(frame) }
    }

    private func adopt(_ connection: FeedConnection) {
        let (isStopped, isHeld) = state.withLock { state in
            state.connection = connection
            return (state.isStopped, state.isHeld)
        }
        if isStopped { connection.stop() } else if isHeld { connection.setReading(false) }
    }

    private func hold(_ isHeld: Bool) {
        let connection = state.withLock { state in
            state.isHeld = isHeld
            return state.connection
        }
        connection?.setReading(!isHeld)
    }

    /// Ends the tail; what was received is printed.
    package func stop() {
        let connection = state.withLock { state in
            state.isStopped = true
            return state.connection
        }
        connection?.stop()
        stopContinuation.finish()
    }
}
