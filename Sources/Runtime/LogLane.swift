import CTF
import Feed
import FeedLog
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// Writes the log on a thread of its own: numbers and encodes batches, stores their frames, and only then hands them
/// on.
///
/// What waits is written together. Frames that the disk does not take wait here, in order, and are tried again about
/// once a second; whoever makes batches is held meanwhile. What is confined to the thread is what `@unchecked
/// Sendable` stands for.
final class LogLane: @unchecked Sendable {
    /// What becomes of batches; told on the loop.
    enum News: Sendable {
        /// These frames are stored, of so many batches.
        case stored([Publication], LogCatalogue, batches: Int)
        /// Nothing can be stored.
        case failed(StorageError)
        /// Storing goes on, after so many nanoseconds.
        case recovered(heldNs: Int64)
    }

    /// When the disk is told to make sure of what it was given.
    enum Sync: Sendable, Equatable {
        case never
        /// At most so often.
        case every(TimeAmount)
        /// Before anyone gets a frame.
        case always
    }

    private struct Queue {
        var batches: [FeedBatch] = []
        /// Whether the thread is at work, or will be.
        var isRunning = false
        var flushes: [EventLoopPromise<Void>] = []
    }

    private static let retryDelay = TimeAmount.seconds(1)

    private let loop: any EventLoop
    private let sync: Sync
    private let logger: Logger
    private let tell: @Sendable (News) -> Void
    private let storage: any LogStorage
    private let pool = NIOThreadPool(numberOfThreads: 1)
    private let queue = Mutex(Queue())
    // Confined to the thread.
    private var log: SegmentedLog
    private var encoder: FrameEncoder
    /// Encoded and not stored yet, and of how many batches.
    private var pending: [Publication] = []
    private var pendingBatches = 0
    private var failure: (at: NIODeadline, error: StorageError)?
    private var syncedAt = NIODeadline.now()
    private var isSyncScheduled = false

    /// - Parameters:
    ///   - loop: where `tell` is called, in the order in which things happen.
    ///   - log: goes on behind its newest frame.
    ///   - storage: where it is.
    init(
        _ log: consuming SegmentedLog,
        storage: any LogStorage,
        sync: Sync,
        loop: any EventLoop,
        logger: Logger,
        tell: @escaping @Sendable (News) -> Void
    ) {
        self.storage = storage
        self.loop = loop
        self.sync = sync
        self.logger = logger
        self.tell = tell
        encoder = FrameEncoder(feed: log.catalogue.history.feed, nextSequence: log.state.sequence + 1)
        self.log = log
        pool.start()
    }

    /// May be called from any thread; batches keep the order of the calls.
    func submit(_ batch: FeedBatch) {
        let starts = queue.withLock { queue in
            queue.batches.append(batch)
            defer { queue.isRunning = true }
            return !queue.isRunning
        }
        if starts { wake() }
    }

    /// How much of the log is kept from now on: bytes, and nanoseconds, or by bytes only.
    func setRetention(bytes: UInt64, ns: Int64?) {
        pool.submit { state in
            guard case .active = state else { return }
            self.log.setRetention(bytes: bytes, ns: ns)
        }
    }

    /// Stores the cursors, soon.
    func save(_ cursors: CursorTable) {
        pool.submit { state in
            guard case .active = state else { return }
            do throws(StorageError) {
                let bytes = cursors.bytes
                let content = ByteStorage(capacity: bytes.count)
                bytes.withUnsafeBytes { content.write($0, at: 0) }
                try self.storage.replace(CursorTable.fileName, with: [content])
            } catch {
                self.logger.warning("the cursors cannot be stored", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Succeeds, on the loop, once all that was submitted has been stored and told.
    func flush() -> EventLoopFuture<Void> {
        let promise = loop.makePromise(of: Void.self)
        let starts = queue.withLock { queue in
            queue.flushes.append(promise)
            defer { queue.isRunning = true }
            return !queue.isRunning
        }
        if starts { wake() }
        return promise.futureResult
    }

    /// Ends the thread; what waits is not stored any more.
    /// - Returns: whether all that was stored is where it is to be.
    func close() async -> Bool {
        let isSafe = try? await pool.runIfActive { () -> Bool in
            do throws(StorageError) {
                if self.sync != .never { try self.log.sync() }
                return true
            } catch {
                self.logger.error("the log cannot be made safe", metadata: ["error": "\(error)"])
                return false
            }
        }
        try? await pool.shutdownGracefully()
        // Whoever still waits for what cannot be stored.
        let flushes = queue.withLock { queue in
            defer { queue.flushes = [] }
            return queue.flushes
        }
        for flush in flushes { flush.succeed() }
        return isSafe ?? false
    }

    // MARK: On the thread

    private func wake() {
        pool.submit { state in
            guard case .active = state else { return }
            self.run()
        }
    }

    private func run() {
        while true {
            if pending.isEmpty {
                guard let batches = take() else { return }
                pendingBatches += batches.count
                encode(batches)
            }
            do throws(StorageError) {
                try store()
            } catch {
                fail(error)
                loop.scheduleTask(in: Self.retryDelay) { self.wake() }
                return
            }
        }
    }

    /// - Returns: what waits; nil when nothing does, and then the thread is no longer at work.
    private func take() -> [FeedBatch]? {
        let (batches, flushes) = queue.withLock { queue in
            defer { queue.batches = [] }
            guard queue.batches.isEmpty else { return (queue.batches, [EventLoopPromise<Void>]()) }
            defer { queue.flushes = [] }
            queue.isRunning = false
            return ([], queue.flushes)
        }
        guard batches.isEmpty else { return batches }
        loop.execute { for flush in flushes { flush.succeed() } }
        return nil
    }

    private func encode(_ batches: [FeedBatch]) {
        for batch in batches {
            do throws(FeedError) {
                pending += try encoder.encode(batch)
            } catch {
                // Our own batch does not fit our own format: said, and the feed goes on behind it.
                logger.error("a batch cannot be published", metadata: ["error": "\(error)"])
            }
        }
    }

    private func store() throws(StorageError) {
        do throws(SegmentedLog.AppendError) {
            try log.append(pending, nowNs: WallClock.nowNs)
        } catch {
            switch error {
            case .storage(let error): throw error
            case .feed(let error):
                logger.critical("frames do not follow each other", metadata: ["error": "\(error)"])
                pending = []
            }
        }
        try syncIfDue()
        let (publications, batches, catalogue) = (pending, pendingBatches, log.catalogue)
        (pending, pendingBatches) = ([], 0)
        loop.execute { self.tell(.stored(publications, catalogue, batches: batches)) }
        if let failure { recover(failure) }
    }

    /// The feed itself says that it has stood still, and for how long.
    private func recover(_ failure: (at: NIODeadline, error: StorageError)) {
        self.failure = nil
        let heldNs = (NIODeadline.now() - failure.at).nanoseconds
        loop.execute { self.tell(.recovered(heldNs: heldNs)) }
        let record = LogRecord(condition: .writing, reason: failure.error.reason, heldNs: heldNs)
        // It changes nothing about W, so a subscriber may resume after it where it might before it.
        encode([FeedBatch(records: [.log(record)], watermarkNs: log.state.isResumePoint ? log.state.watermarkNs : nil)])
    }

    private func fail(_ error: StorageError) {
        guard failure == nil else { return }
        failure = (.now(), error)
        loop.execute { self.tell(.failed(error)) }
    }

    private func syncIfDue() throws(StorageError) {
        guard case .every(let period) = sync, log.isUnsynced else { return }
        let now = NIODeadline.now()
        if now - syncedAt >= period {
            try log.sync()
            syncedAt = .now()
        } else if !isSyncScheduled {
            isSyncScheduled = true
            loop.scheduleTask(deadline: syncedAt + period) {
                self.pool.submit { state in
                    guard case .active = state else { return }
                    self.syncOnTime()
                }
            }
        }
    }

    private func syncOnTime() {
        isSyncScheduled = false
        do throws(StorageError) {
            try syncIfDue()
        } catch {
            // Tried again with the next frame, which waits for it.
            logger.error("the log cannot be made safe", metadata: ["error": "\(error)"])
        }
    }
}
