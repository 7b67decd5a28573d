import ArgumentParser
import ConfigurationFile
import Feed
import Logging
import NIOCore
import NIOPosix
import Rendering
import Runtime

/// `tidemark tail`: a subscriber.
struct TailCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Subscribe to a coordinator's feed and print it.",
        discussion: """
            Reconnects by itself and goes on from where it was. With --state the position survives the process; with \
            --output as well, every event is in the file exactly once, whatever was killed. With --live-port it prints \
            nothing: babeltrace2 and other LTTng live viewers attach to it here, at \
            net://localhost:PORT/host/tidemark/cluster, while the network between has TLS.
            """
    )

    @OptionGroup var connection: ConnectionOptionsGroup

    @Option(help: "latest, earliest, a time as 2026-11-23T15:00:00Z, or a resume token.")
    var from: String = "latest"

    @Option(help: "Keep the resume token in this file; it wins over --from when it exists.")
    var state: String?

    @Option(help: "Append to this file instead of standard output.")
    var output: String?

    @Option(
        help: """
            Go on from the coordinator's cursor of this name, and keep it up to date; it wins over --from. What was \
            printed last may come again.
            """
    )
    var cursor: String = ""

    @Option(help: "When slower than the feed: wait (and get all), skip (to now, after a gap) or disconnect.")
    private var overflow: OverflowArgument = .wait

    @Option(
        help: """
            Instead of printing: show the feed to LTTng live viewers on this port of loopback (0: one that is free). \
            What has been received is kept in memory, the newest 64 MiB.
            """
    )
    var livePort: UInt16?

    @Flag(help: "End when the connection cannot be made or is lost (exit code 69).")
    var noReconnect = false

    @OptionGroup var rendering: RenderingOptionsGroup

    func validate() throws {
        _ = try start()
        guard cursor.utf8.count <= SubscribeRequest.cursorBytesMax else {
            throw ValidationError("--cursor: a name has at most \(SubscribeRequest.cursorBytesMax) bytes")
        }
        guard livePort != nil else { return }
        guard rendering.filter == nil, state == nil, output == nil, cursor.isEmpty else {
            throw ValidationError(
                "--live-port shows whole packets to others: it takes no --filter, --state, --output or --cursor"
            )
        }
    }

    func run() async throws {
        if let livePort { return try await show(onPort: livePort) }
        let options = try rendering.renderingOptions()
        let (address, tls) = try connection.open(command: "tail")
        let (saved, output) = try files()
        let printer = FeedPrinter(
            options: options,
            audience: .subscriber,
            output: output,
            progress: ProgressLine("tail", goal: .present, writesToOutput: self.output == nil)
        )
        let keeper = StateKeeper(file: state, output: output)
        let follower = Follower()
        let printing = PrintingLane<ReceivedFrame> { frame in
            // A checkpoint repeats what is known; only a gap in it is news.
            let batch = frame.isCheckpoint ? frame.batch.onlyNews : frame.batch
            let verdict = printer.print(batch, token: frame.token)
            // Up to the limit not all of the frame has been printed.
            guard !printer.isLimitReached, printer.writeFault == nil else { return verdict }
            guard keeper.printed(frame.token) else { return .stop }
            follower.run?.printed(frame.token)
            return verdict
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let run = TailRun(
            address: address,
            tls: tls,
            start: try saved.flatMap { ResumeToken(text: $0.token) }.map { .token($0) } ?? start(),
            filter: rendering.filter ?? "",
            cursor: cursor,
            overflow: overflow.policy,
            reconnects: !noReconnect,
            group: group,
            printing: printing,
            say: { standardError.write(line: "tidemark tail: \($0)") }
        )
        follower.run = run
        try await runUntilSignal([run])
        await printing.drain {
            printer.finish()
            keeper.save()
        }
        try await group.shutdownGracefully()
        try finish(run.outcome, printer, keeper)
    }

    /// Shows the feed to LTTng live viewers.
    private func show(onPort port: UInt16) async throws {
        let (address, tls) = try connection.open(command: "tail")
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 3)
        let logger = Logger(label: "tidemark") { StreamLogHandler.standardError(label: $0) }
        let mirror: FeedMirror
        do {
            mirror = try await FeedMirror(
                on: NetworkEndpoint(host: "127.0.0.1", port: port),
                loop: group.next(),
                viewerLoop: group.next(),
                logger: logger
            )
        } catch let error as ListenError {
            standardError.write(line: "tidemark tail: \(error)")
            throw ExitStatus.unavailable
        }
        standardError.write(
            line: "tidemark tail: net://127.0.0.1:\(mirror.port)/host/tidemark/cluster is the whole feed"
        )
        let printing = PrintingLane<ReceivedFrame> { frame in
            mirror.take(frame)
            return .goOn
        }
        let run = TailRun(
            address: address,
            tls: tls,
            start: try start(),
            overflow: overflow.policy,
            reconnects: !noReconnect,
            group: group,
            printing: printing,
            say: { standardError.write(line: "tidemark tail: \($0)") }
        )
        try await runUntilSignal([run])
        await printing.drain {}
        await mirror.close()
        try await group.shutdownGracefully()
        try connection.finish(run.outcome, command: "tail")
    }

    private func finish(_ outcome: TailRun.Outcome, _ printer: FeedPrinter, _ keeper: StateKeeper) throws {
        if let fault = printer.writeFault ?? keeper.fault {
            standardError.write(line: "tidemark tail: \(fault)")
            throw ExitStatus.failure
        }
        if case .done = outcome, printer.isDamaged { throw ExitStatus.failure }
        try connection.finish(outcome, command: "tail")
    }

    // MARK: Arguments

    private func start() throws -> SubscriptionStart {
        if let token = ResumeToken(text: from) { return .token(token) }
        if let time = FeedTime(argument: from) { return time.subscriptionStart }
        throw ValidationError(
            "--from \(from): neither latest, earliest, a time (2026-11-23T15:00:00Z) nor a resume token"
        )
    }

    /// The saved state, and the output as long as it was then.
    private func files() throws -> (ResumeState?, OutputFile) {
        do throws(FileError) {
            let saved = if let state { try ResumeState.load(state) } else { ResumeState?.none }
            if let state { try ResumeState.checkWritable(state) }
            guard let output else { return (saved, .standardOutput()) }
            return (saved, try OutputFile(appendingTo: output, saved: saved))
        } catch {
            standardError.write(line: "tidemark tail: \(error)")
            throw ExitStatus.failure
        }
    }
}

/// Who is told what has been printed. Set before anything can be printed, then only read: hence `@unchecked Sendable`.
private final class Follower: @unchecked Sendable {
    weak var run: TailRun?
}

/// What `--overflow` takes.
private enum OverflowArgument: String, CaseIterable, ExpressibleByArgument {
    case wait
    case skip
    case disconnect

    var policy: OverflowPolicy {
        switch self {
        case .wait: .wait
        case .skip: .skip
        case .disconnect: .disconnect
        }
    }
}
