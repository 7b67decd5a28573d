import ArgumentParser
import ConfigurationFile
import Coordinator
import Feed
import NIOCore
import NIOPosix
import Rendering
import Runtime
import TLS

/// `tidemark export`: a range of the feed as a file.
struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write a range of the feed to a file, for Perfetto, for babeltrace2 or as JSON lines.",
        discussion: """
            A SOURCE is one coordinator (tls://HOST:PORT, with --ca, --cert and --key), whose feed is exported as far \
            as its log reaches back, or sources as `view` takes them: net://HOST[:PORT][/host/HOSTNAME/SESSION] and \
            directories with CTF traces, in any mix.

            An export of a range that ends with a time has what the feed had when it passed that time: events that \
            came late behind it are not in it. With --to latest they are.

            Until it is whole an export is called PATH.partial; what ends early leaves that behind, and exits with \
            1, 69 or 77.
            """
    )

    @Argument(help: "What to export.")
    var sources: [String]

    @Option(help: "The CA that signed the coordinator's certificate (PEM).")
    var ca: String?

    @Option(help: "Our certificate (PEM).")
    var cert: String?

    @Option(help: "The key of our certificate (PEM).")
    var key: String?

    @Option(help: "The first time: earliest, latest (from now on, with --to), or a time as 2026-11-23T15:00:00Z.")
    var from: FeedTime = .earliest

    @Option(
        help: """
            The first time that is left out: latest (what is there now), or a time as 2026-11-23T15:00:00Z, which is \
            waited for.
            """
    )
    var to: FeedTime = .latest

    // An expression may begin with a minus.
    @Option(parsing: .unconditional, help: "Only events for which this expression holds, as for `tail`.")
    var filter: String?

    @Option(help: "perfetto, json (one object a line) or ctf (a directory of traces).")
    var format: ExportFormat

    @Option(help: "The file, or with --format ctf the directory, to make.")
    var output: String

    @Flag(help: "Replace the file if it is there; a directory is never replaced.")
    var force = false

    func validate() throws {
        guard !sources.isEmpty else { throw ValidationError("no source given") }
        if let coordinator = sources.first(where: { $0.hasPrefix("tls://") }) {
            guard sources.count == 1 else { throw ValidationError("\(coordinator): a coordinator is exported alone") }
            _ = try coordinatorEndpoint(coordinator)
            guard ca != nil, cert != nil, key != nil else {
                throw ValidationError("\(coordinator): --ca, --cert and --key are needed")
            }
        } else {
            _ = try ViewSources(sources, start: from.relayStart, credentials: nil)
        }
        guard to != .earliest else { throw ValidationError("--to earliest: nothing is before it") }
        if from == .latest, to == .latest { throw ValidationError("--from latest needs a --to that is to come") }
        if case .at(let begin) = from, case .at(let end) = to, begin >= end {
            throw ValidationError("--to must be after --from")
        }
        _ = try filterExpression()
    }

    func run() async throws {
        let output: ExportOutput
        do throws(FileError) {
            output = try ExportOutput(self.output, format == .ctf ? .directory : .file, replaces: force)
        } catch {
            throw failed("\(error)", ExitStatus.failure)
        }
        do {
            let exporting =
                sources[0].hasPrefix("tls://") ? try await exportFeed(to: output) : try await exportSources(to: output)
            try finish(exporting)
        } catch {
            if !output.discardIfEmpty() {
                standardError.write(line: "tidemark export: \(output.partialPath) holds a part of what was asked for")
            }
            throw error
        }
    }

    private func finish(_ exporting: FeedExporting) throws {
        if let fault = exporting.output.fault { throw failed("\(fault)", ExitStatus.failure) }
        guard exporting.isWhole else { throw failed("stopped", ExitStatus.failure) }
        guard !exporting.isDamaged else {
            throw failed("some events are missing, or could not be decoded", ExitStatus.failure)
        }
        do throws(FileError) {
            try exporting.output.commit()
        } catch {
            throw failed("\(error)", ExitStatus.failure)
        }
        let count = exporting.eventCount
        standardError.write(line: "tidemark export: \(count) event\(count == 1 ? "" : "s") in \(output)")
    }

    private func failed(_ text: String, _ status: ExitCode) -> ExitCode {
        standardError.write(line: "tidemark export: \(text)")
        return status
    }

    // MARK: A coordinator's feed

    private func exportFeed(to output: ExportOutput) async throws -> FeedExporting {
        let (address, tls) = try ConnectionOptionsGroup.open(
            coordinatorEndpoint(sources[0]),
            ca: ca ?? "",
            cert: cert ?? "",
            key: key ?? "",
            command: "export"
        )
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let last: UInt64?
        if to == .latest {
            let head = FeedHead()
            let printing = PrintingLane<ReceivedFrame> { head.take($0) }
            let run = tailRun(address, tls, from: .latest, filter: "", group, printing)
            try await runUntilSignal([run])
            await printing.drain {}
            try finish(run.outcome)
            guard let sequence = head.sequence else { throw failed("stopped", ExitStatus.failure) }
            last = sequence
        } else {
            last = nil
        }
        let exporting = try exporting(.subscriber, lastSequence: last, filter: nil, to: output)
        let printing = PrintingLane<ReceivedFrame> { frame in
            exporting.take(frame.isCheckpoint ? frame.batch.onlyNews : frame.batch)
        }
        let run = tailRun(address, tls, from: from.subscriptionStart, filter: filter ?? "", group, printing)
        try await runUntilSignal([run])
        await printing.drain { exporting.finish() }
        try await group.shutdownGracefully()
        try finish(run.outcome)
        return exporting
    }

    private func tailRun(
        _ address: RelayAddress,
        _ tls: TLSContext,
        from start: SubscriptionStart,
        filter: String,
        _ group: any EventLoopGroup,
        _ printing: PrintingLane<ReceivedFrame>
    ) -> TailRun {
        TailRun(
            address: address,
            tls: tls,
            start: start,
            filter: filter,
            reconnects: false,
            group: group,
            printing: printing,
            say: { standardError.write(line: "tidemark export: \($0)") }
        )
    }

    private func finish(_ outcome: TailRun.Outcome) throws {
        try ConnectionOptionsGroup.finish(outcome, coordinator: sources[0], command: "export")
    }

    // MARK: Relays and stored traces

    private func exportSources(to output: ExportOutput) async throws -> FeedExporting {
        let named = try ViewSources(sources, start: from.relayStart, credentials: nil)
        let stored = named.stored { standardError.write(line: "tidemark export: \($0)") }
        guard !named.relays.isEmpty || !stored.traces.isEmpty else { throw ExitStatus.failure }
        let exporting = try exporting(.coordinator, lastSequence: nil, filter: filterExpression(), to: output)
        let printing = PrintingLane<FeedBatch> { exporting.take($0) }
        let report = try await named.merge(
            stored,
            from: from,
            stallAfterNs: nil,
            lifetime: .untilSessionsEnd,
            to: printing
        ) { report in
            if report != nil { exporting.endOfFeed() }
            exporting.finish()
        }
        guard let report else { return exporting }
        if let status = report.unreadStatus { throw failed("some sources could not be read", status) }
        if !report.damaged.isEmpty || !stored.faults.isEmpty { throw ExitStatus.failure }
        return exporting
    }

    // MARK: Arguments

    private func exporting(
        _ audience: NoticeFilter.Audience,
        lastSequence: UInt64?,
        filter: FilterExpression?,
        to output: ExportOutput
    ) throws -> FeedExporting {
        FeedExporting(
            format,
            range: RangeFilter(beginNs: from.nanoseconds, endNs: to.nanoseconds),
            filter: filter,
            lastSequence: lastSequence,
            audience: audience,
            output: output
        )
    }

    private func filterExpression() throws -> FilterExpression? {
        guard let filter else { return nil }
        do throws(FilterError) {
            return try FilterExpression(filter)
        } catch {
            throw ValidationError("--filter: \(error.text(filter))")
        }
    }

    private func coordinatorEndpoint(_ text: String) throws -> NetworkEndpoint {
        guard case .coordinator(let endpoint) = try sourceURL(text) else {
            throw ValidationError("\(text): a coordinator is named as tls://HOST:PORT")
        }
        return endpoint
    }
}

/// Learns where a feed stands. Confined to the printing thread until that has ended, which `@unchecked Sendable` stands
/// for.
private final class FeedHead: @unchecked Sendable {
    /// The last frame that had been published.
    private(set) var sequence: UInt64?

    func take(_ frame: ReceivedFrame) -> PrintVerdict {
        sequence = sequence ?? frame.batch.sequence
        return .stop
    }
}

extension ExportFormat: ExpressibleByArgument {}
