import ConfigurationFile
import Feed
import Logging
import NIOCore
import Runtime

/// Appends JSON lines to a file that is rotated. What it says is taken is on disk.
final class FileSink: ForwarderSink {
    /// What is to be written, and where the feed is after it.
    private struct Pending {
        var bytes: [UInt8] = []
        var progress = TextQueue.Progress()
        /// Bytes up to the token's frame; those behind it come again after a restart.
        var tokenBytes = 0
    }

    private let loop: any EventLoop
    private let logger: Logger
    private let file: RotatingFile
    private var renderer: LineRenderer
    private weak var lane: ForwarderLane?
    private var pending = Pending()
    private var isOpen = false
    /// Of the file, all that was taken.
    private var goodBytes: UInt64?
    private var state: FileState?
    /// Of this feed, or of another.
    private var hasState = false
    private var isFinishing = false
    private var retry: Scheduled<Void>?
    private var delay = RetryDelay()

    init(_ collector: Configuration.FileCollector, loop: any EventLoop, logger: Logger) {
        self.loop = loop
        self.logger = logger
        file = RotatingFile(path: collector.path, rotateBytes: collector.rotateBytes, keep: collector.keep)
        renderer = LineRenderer(includesControlRecords: collector.includesControlRecords)
    }

    let keepsPlace = true

    func savedToken() throws -> ResumeToken? {
        state = try file.savedState()
        hasState = state != nil
        return state.flatMap { ResumeToken(text: $0.token) }
    }

    func begin(isResumed: Bool, _ lane: ForwarderLane) {
        self.lane = lane
        if !isResumed { state = nil }
        write()
    }

    var hasRoom: Bool { retry == nil && isOpen }

    func take(_ frames: [ForwardedFrame]) {
        for frame in frames {
            let (bytes, events, damaged) = renderer.lines(frame)
            pending.bytes += bytes
            pending.progress.events += events
            lane?.damaged(events: damaged)
            guard let token = frame.token else { continue }
            (pending.progress.token, pending.tokenBytes) = (token, pending.bytes.count)
        }
        if retry == nil { write() }
    }

    /// Writes all that is pending, or tries again later.
    private func write() {
        do throws(FileError) {
            try attempt()
            delay.succeeded()
            lane?.delivering()
        } catch {
            lane?.waiting(pending.bytes.count)
            lane?.troubled("\(error)")
            let bound = NIOLoopBound(self, eventLoop: loop)
            retry = loop.scheduleTask(in: .nanoseconds(delay.failed(draw: .random(in: 0...1)))) {
                bound.value.retry = nil
                bound.value.write()
                if bound.value.isFinishing { bound.value.finish() } else { bound.value.lane?.roomChanged() }
            }
        }
    }

    private func attempt() throws(FileError) {
        if !isOpen {
            if let surprise = try file.open(cutBackTo: state) { logger.warning("\(surprise)") }
            if !hasState, file.byteCount > 0 {
                logger.warning("there is no state beside the file: it goes on as it is, and may have events twice")
            }
            isOpen = true
            hasState = true
            goodBytes = file.byteCount
        }
        guard !pending.bytes.isEmpty || pending.progress.token != nil else { return }
        // An attempt before may have written some of it.
        if let goodBytes, file.byteCount != goodBytes { try file.cutBack(to: goodBytes) }
        let start = file.byteCount
        try file.append(pending.bytes)
        try file.sync()
        if let token = pending.progress.token {
            try file.save(token: token.text, bytes: start + UInt64(pending.tokenBytes))
        }
        goodBytes = file.byteCount
        lane?.sent(pending.bytes.count)
        lane?.waiting(0)
        lane?.acknowledged(pending.progress)
        let (token, isWhole) = (pending.progress.token, pending.tokenBytes == pending.bytes.count)
        pending = Pending()
        guard file.isLong, isWhole, let token else { return }
        // Found again by its number, should this end in the middle.
        state = try file.savedState()
        isOpen = false
        try file.rotate(token: token.text)
        isOpen = true
        goodBytes = 0
    }

    func finish() {
        isFinishing = true
        if retry == nil { lane?.ended() }
    }

    func stop() -> EventLoopFuture<Void> {
        retry?.cancel()
        file.closeFile()
        lane = nil
        return loop.makeSucceededVoidFuture()
    }
}
