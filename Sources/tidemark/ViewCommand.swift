import ArgumentParser
import ConfigurationFile
import Coordinator
import Feed
import NIOCore
import NIOPosix
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

    @Option(help: "beginning (all that there is), now (of relays), or a time as 2026-11-23T15:00:00Z.")
    var from: ViewStart = .beginning

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
        let configuration = CoordinatorConfiguration(
            relays: named.relays,
            stored: stored.traces,
            storedStart: from.storedStart,
            stallAfterNs: stallAfter.limitNs,
            lifetime: wait ? .service : .untilSessionsEnd,
            seed: .random(in: 0 ... .max)
        )
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let run = MergeRun(
            configuration: configuration,
            addresses: named.addresses,
            places: stored.places,
            printing: printing,
            group: group,
            notes: { note in
                switch note.level {
                case .debug, .info: return
                case .warning, .error:
                    standardError.write(line: note.relay.isEmpty ? note.text : "\(note.relay): \(note.text)")
                }
            }
        )
        try await runUntilSignal([run])
        let report = try await run.result()
        await printing.drain { printer.finish() }
        try await group.shutdownGracefully()
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
        if !report.unreachable.isEmpty || !report.withoutSession.isEmpty || !report.held.isEmpty {
            throw ExitStatus.unavailable
        }
        if printer.isDamaged || !report.damaged.isEmpty { throw ExitStatus.failure }
    }
}

/// Where `view` starts.
enum ViewStart: ExpressibleByArgument, Equatable {
    case beginning
    case now
    /// Nanoseconds since the Unix epoch.
    case at(ns: Int64)

    init?(argument: String) {
        switch argument {
        case "beginning", "earliest": self = .beginning
        case "now", "latest": self = .now
        default:
            guard let time = Timestamp(rfc3339: argument) else { return nil }
            self = .at(ns: time.nanoseconds)
        }
    }

    var relayStart: RelaySource.Start {
        switch self {
        case .beginning: .beginning
        case .now: .now
        case .at(let ns): .at(ns: ns)
        }
    }

    /// Files are there as a whole: what is in them was not traced now.
    var storedStart: RelaySource.Start { self == .now ? .beginning : relayStart }

    var defaultValueDescription: String { "beginning" }
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
