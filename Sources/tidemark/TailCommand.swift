import ArgumentParser
import ConfigurationFile
import Feed
import NIOCore
import NIOPosix
import Rendering
import Runtime
import TLS

/// `tidemark tail`: a subscriber.
struct TailCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Subscribe to a coordinator's feed and print it.",
        discussion: """
            Reconnects by itself and goes on from where it was. With --state the position survives the process; with \
            --output as well, every event is in the file exactly once, whatever was killed.
            """
    )

    @Argument(help: "tls://HOST:PORT")
    var coordinator: String

    @Option(help: "The CA that signed the coordinator's certificate (PEM).")
    var ca: String

    @Option(help: "Our certificate (PEM).")
    var cert: String

    @Option(help: "The key of our certificate (PEM).")
    var key: String

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

    @Flag(help: "End when the connection cannot be made or is lost (exit code 69).")
    var noReconnect = false

    @OptionGroup var rendering: RenderingOptionsGroup

    func validate() throws {
        _ = try endpoint()
        _ = try start()
        guard cursor.utf8.count <= SubscribeRequest.cursorBytesMax else {
            throw ValidationError("--cursor: a name has at most \(SubscribeRequest.cursorBytesMax) bytes")
        }
    }

    func run() async throws {
        let options = try rendering.renderingOptions()
        let endpoint = try endpoint()
        let tls = try context()
        let (saved, output) = try files()
        let printer = FeedPrinter(options: options, audience: .subscriber, output: output)
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
            address: RelayAddress(host: endpoint.host, port: Int(endpoint.port)),
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

    private func finish(_ outcome: TailRun.Outcome, _ printer: FeedPrinter, _ keeper: StateKeeper) throws {
        if let fault = printer.writeFault ?? keeper.fault {
            standardError.write(line: "tidemark tail: \(fault)")
            throw ExitStatus.failure
        }
        switch outcome {
        case .done: if printer.isDamaged { throw ExitStatus.failure }
        case .unreachable(let reason):
            standardError.write(line: "tidemark tail: \(coordinator): \(reason)")
            throw ExitStatus.unavailable
        case .refused(let reason):
            standardError.write(line: "tidemark tail: \(coordinator): \(reason)")
            throw ExitStatus.refused
        case .wrongFilter(let reason):
            standardError.write(line: "tidemark tail: \(coordinator): \(reason)")
            throw ExitStatus.usage
        case .failed(let reason):
            standardError.write(line: "tidemark tail: \(coordinator): \(reason)")
            throw ExitStatus.failure
        }
    }

    // MARK: Arguments

    private func endpoint() throws -> NetworkEndpoint {
        guard case .coordinator(let endpoint) = try sourceURL(coordinator) else {
            throw ValidationError("\(coordinator): a coordinator is named as tls://HOST:PORT")
        }
        return endpoint
    }

    private func start() throws -> SubscriptionStart {
        switch from {
        case "latest", "now": return .latest
        case "earliest", "beginning": return .earliest
        default:
            if let token = ResumeToken(text: from) { return .token(token) }
            if let ns = Timestamp(rfc3339: from)?.nanoseconds { return .time(ns: ns) }
            throw ValidationError(
                "--from \(from): neither latest, earliest, a time (2026-11-23T15:00:00Z) nor a resume token"
            )
        }
    }

    private func context() throws -> TLSContext {
        do throws(TLSError) {
            let identity = try TLSIdentity(certificateFile: cert, keyFile: key)
            let trust = try TLSTrust(file: ca)
            try identity.checkValidity()
            return try TLSContext(client: identity, serverTrust: trust)
        } catch {
            standardError.write(line: "tidemark tail: \(error.plainText)")
            switch error.kind {
            case .file(_, .expired), .file(_, .notYetValid): throw ExitStatus.refused
            default: throw ExitStatus.failure
            }
        }
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
