import Feed
import FeedLog
import Logging
import NIOCore

/// Keeps the subscribers' cursors, in the log's directory where there is one. Confined to the feed's event loop.
final class CursorKeeper {
    /// Between two writes of the file: after a crash a cursor may stand so much further back.
    private static let saveDelay = TimeAmount.milliseconds(100)

    private let loop: any EventLoop
    private let logger: Logger
    private let save: (@Sendable (CursorTable) -> Void)?
    private(set) var table: CursorTable
    private var isSaveScheduled = false

    /// - Parameter save: stores the table, soon; nil where nothing outlives the process.
    init(
        _ table: CursorTable,
        loop: any EventLoop,
        logger: Logger,
        save: (@Sendable (CursorTable) -> Void)?
    ) {
        self.table = table
        self.loop = loop
        self.logger = logger
        self.save = save
    }

    func move(_ key: CursorTable.Key, to token: ResumeToken) {
        if let gone = table.move(key, to: token) {
            logger.warning(
                "too many cursors: one is forgotten",
                metadata: ["identity": "\(gone.identity)", "cursor": "\(printable(gone.name))"]
            )
        }
        guard save != nil, !isSaveScheduled else { return }
        isSaveScheduled = true
        let bound = NIOLoopBound(self, eventLoop: loop)
        loop.scheduleTask(in: Self.saveDelay) { bound.value.saveNow() }
    }

    /// Stores what has changed.
    func saveNow() {
        guard isSaveScheduled else { return }
        isSaveScheduled = false
        save?(table)
    }
}
