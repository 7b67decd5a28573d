import ArgumentParser
import ConfigurationFile
import Coordinator
import Feed
import Rendering
import Runtime

/// `tidemark view`: merges the sources and prints, without a daemon.
struct ViewCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "view",
        abstract: "Merge relays and stored traces and print their events in global timestamp order.",
        discussion: """
            A SOURCE is net://HOST[:PORT][/host/HOSTNAME/SESSION] (all live sessions of an lttng-relayd, or one), \
            tls://HOST:PORT (another coordinator's feed) or a directory with CTF traces, in any mix. Ends when every \
            session and feed has ended. Events go to standard output, all else to standard error.
            """
    )

    @Argument(help: "What to read.")
    var sources: [String]

    @Option(help: "earliest (all that there is), latest (from now on), or a time as 2026-11-23T15:00:00Z.")
    var from: FeedTime = .earliest

    @Option(help: "Go on without a relay that has been silent for so long (as 30s). Default: never.")
    var stallAfter: StallOption = .never

    @Flag(help: "Keep looking for relays and sessions, and for new ones after the last has ended.")
    var wait = false

    @Option(help: "Of tls:// sources: the CA that signed the coordinator's certificate (PEM).")
    var ca: String?

    @Option(help: "Of tls:// sources: our certificate (PEM).")
    var cert: String?

    @Option(help: "Of tls:// sources: the key of our certificate (PEM).")
    var key: String?

    @OptionGroup var rendering: RenderingOptionsGroup

    func validate() throws {
        guard !sources.isEmpty else {
            throw ValidationError("no source given: net://HOST[:PORT], tls://HOST:PORT or a directory is expected")
        }
        _ = try namedSources()
    }

    private func namedSources() throws -> ViewSources {
        var credentials: ClientCredentials?
        if let ca, let cert, let key {
            credentials = ClientCredentials(authorityFile: ca, certificateFile: cert, keyFile: key)
        }
        return try ViewSources(sources, start: from.relayStart, credentials: credentials)
    }

    func run() async throws {
        let options = try rendering.renderingOptions()
        let named = try namedSources()
        let stored = named.stored { standardError.write(line: "tidemark view: \($0)") }
        guard !named.relays.isEmpty || !stored.traces.isEmpty else { throw ExitStatus.failure }
        let printer = FeedPrinter(
            options: options,
            audience: .coordinator,
            filter: try rendering.filterExpression(),
            // What is stored may be of any time.
            progress: ProgressLine("view", goal: stored.traces.isEmpty ? .present : .unknown, writesToOutput: true)
        )
        let printing = PrintingLane<FeedBatch> { printer.print($0) }
        let report = try await named.merge(
            stored,
            from: from,
            stallAfterNs: stallAfter.limitNs,
            lifetime: wait ? .service : .untilSessionsEnd,
            to: printing
        ) { _ in printer.finish() }
        try finish(report, printer)
        if !stored.faults.isEmpty { throw ExitStatus.failure }
    }

    private func finish(_ report: FinishReport?, _ printer: FeedPrinter) throws {
        if let fault = printer.writeFault {
            standardError.write(line: "tidemark view: \(fault)")
            throw ExitStatus.failure
        }
        guard let report else {
            if printer.isDamaged { throw ExitStatus.failure }
            return
        }
        for relay in report.withoutSession {
            standardError.write(line: "\(relay): no live session matches (--wait keeps looking)")
        }
        if let status = report.unreadStatus { throw status }
        if printer.isDamaged || !report.damaged.isEmpty { throw ExitStatus.failure }
    }
}

/// `--stall-after`.
struct StallOption: ExpressibleByArgument {
    static let never = StallOption(limitNs: nil)
    var limitNs: UInt64?

    private init(limitNs: UInt64?) {
        self.limitNs = limitNs
    }

    init?(argument: String) {
        switch try? Configuration.StallLimit(argument) {
        case nil: return nil
        case .never: limitNs = nil
        case .afterNs(let limit): limitNs = UInt64(clamping: limit)
        }
    }

    var defaultValueDescription: String { "never" }
}
