import CTF
import ConfigurationFile
import Feed
import FeedLog
import Logging
import NIOCore
import NIOPosix

/// A feed's log on disk as the hub needs it: what was recovered, where frames go, and who reads older ones.
struct StoredFeed: ~Copyable, Sendable {
    let log: SegmentedLog
    /// Whether nothing had been stored.
    let isNew: Bool
    let storage: any LogStorage
    let cursors: CursorTable
    let sync: LogLane.Sync

    /// Opens the log's directory, and what is in it; blocks.
    /// - Parameters:
    ///   - configuration: names a directory.
    ///   - storage: what stands before the directory.
    /// - Throws: `LogDirectoryError`, `LogError`.
    static func open(
        _ configuration: Configuration.Log,
        logger: Logger,
        storage: (LogDirectory) -> any LogStorage = { $0 }
    ) throws -> StoredFeed {
        let directory = try LogDirectory(configuration.directory ?? "")
        let sync: LogLane.Sync =
            switch configuration.sync {
            case .never: .never
            case .everyNs(let ns): .every(.nanoseconds(ns))
            case .always: .always
            }
        var limits = SegmentedLog.Limits()
        limits.retainedBytes = configuration.retainBytes
        limits.retainedNs = configuration.retainAgeNs
        limits.syncsEachAppend = sync == .always
        var recovery = LogRecovery()
        let storage = storage(directory)
        let log = try SegmentedLog.open(
            storage,
            limits: limits,
            newFeed: .random(),
            nowNs: WallClock.nowNs,
            mayHaveLostFrames: directory.mayHaveLostFrames,
            recovery: &recovery
        )
        for note in recovery.notes { logger.warning("the log was damaged", metadata: ["what": "\(note)"]) }
        let (oldest, epoch) = (log.catalogue.oldestSequence ?? 0, log.catalogue.history.feed.epoch)
        logger.info(
            recovery.isNew ? "a log begins" : "the log goes on",
            metadata: [
                "directory": "\(configuration.directory ?? "")", "epoch": "\(epoch)",
                "frames": "\(oldest) to \(log.state.sequence)",
            ]
        )
        let feed = log.catalogue.history.feed.id
        let cursors = cursors(in: directory, feed: feed, logger: logger)
        return StoredFeed(log: log, isNew: recovery.isNew, storage: storage, cursors: cursors, sync: sync)
    }

    private static func cursors(in directory: LogDirectory, feed: FeedID, logger: Logger) -> CursorTable {
        do throws(StorageError) {
            guard let byteCount = try directory.files()[CursorTable.fileName] else { return CursorTable() }
            let content = try directory.read(CursorTable.fileName, at: 0, count: Int(clamping: byteCount))
            let bytes = withExtendedLifetime(content) { Array(content.bytes) }
            if let cursors = CursorTable(bytes: bytes, feed: feed) { return cursors }
            logger.error("the cursors are damaged: all are forgotten", metadata: ["file": "\(CursorTable.fileName)"])
        } catch {
            logger.error("the cursors cannot be read: all are forgotten", metadata: ["error": "\(error)"])
        }
        return CursorTable()
    }
}

/// Reads the stored log on threads of its own, for subscribers that are behind what the hub has in memory.
final class StoredReading: Sendable {
    private static let threads = 2

    private let reader: LogReader
    private let pool = NIOThreadPool(numberOfThreads: threads)
    private let loop: any EventLoop

    /// - Parameter loop: where the results are told.
    init(_ storage: any LogStorage, loop: any EventLoop) {
        reader = LogReader(storage)
        self.loop = loop
        pool.start()
    }

    func run(_ body: @escaping @Sendable (LogReader) -> StoredRead) -> EventLoopFuture<StoredRead> {
        pool.runIfActive(eventLoop: loop) { [reader] in body(reader) }
    }

    func close() async {
        try? await pool.shutdownGracefully()
    }
}
