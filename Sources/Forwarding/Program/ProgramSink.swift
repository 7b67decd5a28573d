import ConfigurationFile
import Feed
import Glibc
import Logging
import NIOCore
import Runtime

/// Keeps a program fed with JSON lines, and starts it again when it ends.
///
/// What the program has read from its standard input is taken; what was still in the pipe when it ended is given to the
/// next one, from the start of the frame on: a program may see lines again, and loses none but those that it had read
/// itself.
final class ProgramSink: ForwarderSink {
    private static let waitingBytesMax = 4 << 20
    /// Between two looks at a pipe that is full, or not read to its end.
    private static let lookInterval = TimeAmount.milliseconds(10)
    /// For a program to end after SIGTERM.
    private static let grace = TimeAmount.seconds(1)
    /// A program that is there after so long, and has been given nothing, takes what comes.
    private static let settling = TimeAmount.seconds(1)
    /// A program that ran for so long has not failed at its start.
    private static let healthy = TimeAmount.seconds(10)
    /// Lines of standard error that are logged in a second.
    private static let linesPerSecond = 20

    private let command: [String]
    private let loop: any EventLoop
    private let logger: Logger
    private var renderer: LineRenderer
    private weak var lane: ForwarderLane?
    private var queue = TextQueue()
    private var process: ProgramProcess?
    /// It does not read any more.
    private var isGone = false
    private var startedAt = NIODeadline.now()
    private var look: Scheduled<Void>?
    private var retry: Scheduled<Void>?
    private var delay = RetryDelay()
    private var isFinishing = false
    private var isStopped = false
    /// Kept when the program has ended, after `stop`.
    private var stopping: EventLoopPromise<Void>?
    private var lines = (since: NIODeadline.now(), count: 0)

    init(_ collector: Configuration.ProgramCollector, loop: any EventLoop, logger: Logger) {
        command = collector.command
        self.loop = loop
        self.logger = logger
        renderer = LineRenderer(includesControlRecords: collector.includesControlRecords)
    }

    func begin(isResumed: Bool, _ lane: ForwarderLane) {
        self.lane = lane
        start()
    }

    var hasRoom: Bool { queue.byteCount < Self.waitingBytesMax }

    func take(_ frames: [ForwardedFrame]) {
        for frame in frames {
            let (bytes, events, damaged) = renderer.lines(frame)
            lane?.damaged(events: damaged)
            queue.append(bytes, TextQueue.Progress(token: frame.token, events: events))
        }
        pump()
    }

    // MARK: The program

    private func start() {
        retry = nil
        guard !isStopped else { return }
        isGone = false
        let bound = NIOLoopBound(self, eventLoop: loop)
        startedAt = .now()
        do throws(ProgramProcess.StartError) {
            process = try ProgramProcess(command, on: loop) {
                bound.value.said($0)
            } ended: {
                bound.value.ended($0)
            }
        } catch {
            return failed("\(error)")
        }
        queue.restart()
        pump()
        // Others show it by what they read.
        let process = process
        loop.scheduleTask(in: Self.settling) {
            guard bound.value.process === process, bound.value.queue.isEmpty else { return }
            bound.value.lane?.delivering()
        }
    }

    /// Gives the program what it takes, and looks how far it has read.
    private func pump() {
        guard let process else { return }
        var isFull = false
        while !isFull, queue.hasUnsent {
            switch queue.withNext({ process.write($0) }) {
            case .bytes(let count):
                queue.sent(count)
                lane?.sent(count)
            case .full, nil: isFull = true
            case .gone: return awaitEnd(of: process)
            }
        }
        let (hadRoom, before) = (hasRoom, queue.byteCount)
        if let progress = queue.taken(allBut: process.unreadBytes) { lane?.acknowledged(progress) }
        if queue.byteCount < before { lane?.delivering() }
        lane?.waiting(queue.byteCount)
        if queue.isEmpty {
            if isFinishing { process.closeInput() }
        } else if look == nil {
            let bound = NIOLoopBound(self, eventLoop: loop)
            look = loop.scheduleTask(in: Self.lookInterval) {
                bound.value.look = nil
                bound.value.pump()
            }
        }
        if !hadRoom, hasRoom { lane?.roomChanged() }
    }

    /// The program does not read any more: it has ended, which is told soon, or it lives on without its input.
    private func awaitEnd(of process: ProgramProcess) {
        guard !isGone else { return }
        isGone = true
        let bound = NIOLoopBound(self, eventLoop: loop)
        loop.scheduleTask(in: Self.grace) {
            guard bound.value.process === process else { return }
            bound.value.lane?.troubled("\(bound.value.command[0]) has closed its standard input, and is ended")
            process.signal(SIGTERM)
            bound.value.loop.scheduleTask(in: Self.grace) {
                if bound.value.process === process { process.signal(SIGKILL) }
            }
        }
    }

    private func said(_ line: String) {
        let now = NIODeadline.now()
        if now - lines.since > .seconds(1) {
            if lines.count > Self.linesPerSecond {
                logger.warning(
                    "more lines were not logged",
                    metadata: ["count": "\(lines.count - Self.linesPerSecond)"]
                )
            }
            lines = (now, 0)
        }
        lines.count += 1
        guard lines.count <= Self.linesPerSecond else { return }
        logger.info("the program says", metadata: ["line": "\(printable(line))"])
    }

    private func ended(_ how: String) {
        process?.close()
        process = nil
        if isStopped {
            stopping?.succeed()
            return
        }
        if isFinishing, queue.isEmpty {
            lane?.ended()
            return
        }
        if NIODeadline.now() - startedAt > Self.healthy { delay.succeeded() }
        failed("\(command[0]) \(how)")
    }

    private func failed(_ reason: String) {
        lane?.troubled(reason)
        let bound = NIOLoopBound(self, eventLoop: loop)
        retry = loop.scheduleTask(in: .nanoseconds(delay.failed(draw: .random(in: 0...1)))) { bound.value.start() }
    }

    // MARK: Ending

    func finish() {
        isFinishing = true
        if process == nil, queue.isEmpty { lane?.ended() } else { pump() }
    }

    func stop() -> EventLoopFuture<Void> {
        isStopped = true
        retry?.cancel()
        look?.cancel()
        lane = nil
        guard let process else { return loop.makeSucceededVoidFuture() }
        let promise = loop.makePromise(of: Void.self)
        stopping = promise
        // The end of its input is what it waits for; if it does not, it is told, and then made to.
        process.closeInput()
        let bound = NIOLoopBound(self, eventLoop: loop)
        loop.scheduleTask(in: Self.grace) { bound.value.process?.signal(SIGTERM) }
        loop.scheduleTask(in: Self.grace * 2) { bound.value.process?.signal(SIGKILL) }
        return promise.futureResult
    }
}
