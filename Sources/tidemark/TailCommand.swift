import ArgumentParser
import Configuration
import Feed
import Glibc
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

    @Flag(help: "End when the connection cannot be made or is lost (exit code 69).")
    var noReconnect = false

    @OptionGroup var rendering: RenderingOptionsGroup

    func validate() throws {
        _ = try endpoint()
        _ = try start()
    }

    func run() async throws {
        let options = try rendering.renderingOptions()
        let endpoint = try endpoint()
        let tls = try context()
        let saved = try savedState()
        let descriptor = try openOutput(saved)
        let printer = FeedPrinter(options: options, descriptor: descriptor)
        let keeper = StateKeeper(
            file: state,
            printer: printer,
            outputBytesBefore: output == nil ? nil : length(descriptor)
        )
        let printing = PrintingLane<ReceivedFrame> { frame in
            // A checkpoint repeats what is known; only a gap in it is news.
            let batch = frame.isCheckpoint ? frame.batch.onlyNews : frame.batch
            let verdict = printer.print(batch, token: frame.token)
            if !printer.isLimitReached { keeper.printed(frame.token) }
            return verdict
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let run = TailRun(
            address: RelayAddress(host: endpoint.host, port: Int(endpoint.port)),
            tls: tls,
            start: try saved.map { try token($0.token) } ?? start(),
            reconnects: !noReconnect,
            group: group,
            printing: printing,
            say: { standardError.write(line: "tidemark tail: \($0)") }
        )
        try await runUntilSignal(run)
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

    private func token(_ text: String) throws -> SubscriptionStart {
        guard let token = ResumeToken(text: text) else {
            standardError.write(line: "tidemark tail: \(state ?? ""): the token in it is damaged")
            throw ExitStatus.failure
        }
        return .token(token)
    }

    private func context() throws -> TLSContext {
        do throws(TLSError) {
            let identity = try TLSIdentity(certificateFile: cert, keyFile: key)
            return try TLSContext(client: identity, serverTrust: try TLSTrust(file: ca))
        } catch {
            standardError.write(line: "tidemark tail: \(error)")
            throw ExitStatus.refused
        }
    }

    // MARK: Files

    private func savedState() throws -> ResumeState? {
        guard let state else { return nil }
        do throws(FileError) {
            return try ResumeState.load(state)
        } catch {
            standardError.write(line: "tidemark tail: \(error)")
            throw ExitStatus.failure
        }
    }

    /// Opens the output; what was written after the saved state is cut off, since it comes again.
    private func openOutput(_ saved: ResumeState?) throws -> Int32 {
        guard let output else { return 1 }
        let descriptor = open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw fileFailure(output) }
        if let keep = saved?.outputBytes {
            guard length(descriptor) >= keep else {
                standardError.write(line: "tidemark tail: \(output): shorter than \(state ?? "") says: it was changed")
                throw ExitStatus.failure
            }
            guard ftruncate(descriptor, off_t(clamping: keep)) == 0 else { throw fileFailure(output) }
        }
        return descriptor
    }

    private func length(_ descriptor: Int32) -> UInt64 {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? UInt64(clamping: status.st_size) : 0
    }

    private func fileFailure(_ path: String) -> ExitCode {
        standardError.write(line: "tidemark tail: \(path): \(String(cString: strerror(errno)))")
        return ExitStatus.failure
    }
}

extension FeedBatch {
    /// Without what a checkpoint repeats.
    var onlyNews: FeedBatch {
        var batch = self
        batch.records = records.filter { record in
            switch record {
            case .trace, .metadata, .stream, .gap: true
            case .events, .relay, .session, .lost, .holder, .end: false
            }
        }
        return batch
    }
}
