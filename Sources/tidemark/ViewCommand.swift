import ArgumentParser
import Configuration
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
        abstract: "Merge relays and print their events in global timestamp order.",
        discussion: """
            A SOURCE is net://HOST[:PORT][/host/HOSTNAME/SESSION]: all live sessions of an lttng-relayd, or one. \
            Ends when every session has ended. Events go to standard output, all else to standard error.
            """
    )

    @Argument(help: "What to read.")
    var sources: [String]

    @Option(help: "beginning (all that the relay has) or now.")
    var from: ViewStart = .beginning

    @Option(help: "Go on without a relay that has been silent for so long (as 30s). Default: never.")
    var stallAfter: StallOption = .never

    @Flag(help: "Keep looking for relays and sessions, and for new ones after the last has ended.")
    var wait = false

    @OptionGroup var rendering: RenderingOptionsGroup

    func validate() throws {
        guard !sources.isEmpty else { throw ValidationError("no source given: net://HOST[:PORT] is expected") }
        _ = try relays()
    }

    func run() async throws {
        let options = try rendering.renderingOptions()
        let relays = try relays()
        let printer = FeedPrinter(options: options, audience: .coordinator)
        let printing = PrintingLane<FeedBatch> { printer.print($0) }
        let configuration = CoordinatorConfiguration(
            relays: relays.map(\.source),
            stallAfterNs: stallAfter.limitNs,
            lifetime: wait ? .service : .untilSessionsEnd,
            seed: .random(in: 0 ... .max)
        )
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let run = MergeRun(
            configuration: configuration,
            addresses: relays.map(\.address),
            printing: printing,
            group: group,
            notes: { note in
                switch note.level {
                case .debug, .info: return
                case .warning, .error: standardError.write(line: "\(note.relay): \(note.text)")
                }
            }
        )
        try await runUntilSignal(run)
        let report = try await run.result()
        await printing.drain { printer.finish() }
        try await group.shutdownGracefully()
        try finish(report, printer)
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

    /// The relays, those that several sources name only once.
    private func relays() throws -> [(source: RelaySource, address: RelayAddress)] {
        var relays: [(source: RelaySource, address: RelayAddress)] = []
        for text in sources {
            let (endpoint, pattern) = try relay(text)
            let address = RelayAddress(host: endpoint.host, port: Int(endpoint.port))
            if let index = relays.firstIndex(where: { $0.address == address }) {
                relays[index].source.sessions.append(pattern)
                continue
            }
            let source = RelaySource(
                name: "\(endpoint)",
                sessions: [pattern],
                start: from == .now ? .now : .beginning
            )
            relays.append((source, address))
        }
        return relays
    }

    private func relay(_ text: String) throws -> (NetworkEndpoint, SessionPattern) {
        let argument: SourceArgument
        do throws(ValueError) {
            argument = try SourceArgument(text)
        } catch {
            throw ValidationError("\(text): \(error)")
        }
        switch argument {
        case .url(.relay(let endpoint, let session)):
            return (endpoint, session.map { .exactly(host: $0.hostname, session: $0.session) } ?? .glob("*"))
        case .url(.coordinator): throw ValidationError("\(text): tls:// sources are not available in this version")
        case .directory:
            throw ValidationError(
                "'\(text)' is not net://HOST[:PORT]; directories of traces are not available in this version"
            )
        }
    }
}

/// Where `view` starts.
enum ViewStart: ExpressibleByArgument {
    case beginning
    case now

    init?(argument: String) {
        switch argument {
        case "beginning", "earliest": self = .beginning
        case "now", "latest": self = .now
        default: return nil
        }
    }

    static var allValueStrings: [String] { ["beginning", "now"] }
    var defaultValueDescription: String { self == .now ? "now" : "beginning" }
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
