public import ArgumentParser
import CHints
import ConfigurationFile
import FeedLog
import Forwarding
import Glibc
public import Logging
import Runtime
import ServiceLifecycle
import UnixSignals
import Web

/// `tidemark serve`: the coordinator.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the coordinator: merge the configured relays and serve the feed over TLS.",
        discussion: """
            Ends on SIGTERM or Ctrl-C, after subscribers have what is left, within ten seconds; a second signal ends \
            it at once. SIGHUP takes over what has changed in the file: relays, access, certificates, limits; what \
            needs a start is named in the log. Files of certificates are read again by themselves. Logs go to \
            standard error. Speaks to systemd where that listens (Type=notify-reload, WatchdogSec=).
            """
    )

    @Option(help: "The configuration file (YAML).")
    var config: String

    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel: Logger.Level = .info

    func run() async throws {
        // The next packet comes a tenth of a second after the last one was freed.
        tidemark_keep_freed_memory(32 << 20, 8 << 20)
        var logger = Logger(label: "tidemark") { LogAboveProgress(label: $0) }
        logger.logLevel = logLevel
        do {
            let configuration = try Configuration.load(file: config)
            let notifier = ServiceNotifier.ofProcess()
            let monitor = DaemonMonitor(version: Tidemark.version)
            let timeline = configuration.http.map { _ in FeedTimeline() }
            let daemon = try FeedDaemon(
                configuration,
                file: config,
                logger: logger,
                notifier: notifier,
                monitor: monitor,
                timeline: timeline,
                forwarding: Forwarding(logger: logger)
            )
            let reload = ReloadOnSignal(
                daemon: daemon,
                file: config,
                logger: logger,
                notifier: notifier,
                signals: await UnixSignalsSequence(trapping: .sighup)
            )
            let impatience = EndAtSecondSignal(
                logger: logger,
                signals: await UnixSignalsSequence(trapping: .sigint, .sigterm)
            )
            // Services end in the reverse order: the last signal is listened for to the end, and what is asked by HTTP
            // is answered while the feed comes to its end.
            let web = WebServer.of(daemon, configuration, monitor: monitor, timeline: timeline, logger: logger)
            try await runUntilSignal([impatience] + web + [daemon, reload, CatchUp(monitor: monitor)], logger: logger)
        } catch let error as ConfigurationError {
            for problem in error.problems { standardError.write(line: "\(problem)") }
            throw ExitStatus.configuration
        } catch let error as CredentialsError {
            for problem in error.problems { standardError.write(line: "\(problem)") }
            throw ExitStatus.configuration
        } catch let error as ListenError {
            standardError.write(line: "tidemark serve: \(error)")
            throw ExitStatus.unavailable
        } catch let error as LogDirectoryError {
            standardError.write(line: "tidemark serve: \(error)")
            if case .inUse = error { throw ExitStatus.unavailable }
            throw ExitStatus.configuration
        } catch let error as LogError {
            standardError.write(line: "tidemark serve: the log cannot be opened: \(error)")
            throw ExitStatus.failure
        }
    }
}

extension WebServer {
    /// The daemon's server; none where the configuration has no HTTP.
    fileprivate static func of(
        _ daemon: FeedDaemon,
        _ configuration: Configuration,
        monitor: DaemonMonitor,
        timeline: FeedTimeline?,
        logger: Logger
    ) -> [any Service] {
        guard let http = configuration.http, let access = daemon.http, let timeline else { return [] }
        let resources = [
            DaemonResources.all(of: monitor), PageResources.all, TimelineResources.all(of: timeline),
        ]
        let all = resources.reduce(into: [:]) { all, some in all.merge(some) { first, _ in first } }
        return [WebServer(http, access: access, resources: all, logger: logger)]
    }
}

/// Reads the configuration file again at each SIGHUP.
private struct ReloadOnSignal: Service {
    let daemon: FeedDaemon
    let file: String
    let logger: Logger
    let notifier: ServiceNotifier?
    let signals: UnixSignalsSequence

    func run() async {
        for await _ in signals.cancelOnGracefulShutdown() {
            notifier?.reloading()
            // A reload that is refused is over as well.
            defer { notifier?.ready(status: "the configuration was read again") }
            do {
                try daemon.reload(try Configuration.load(file: file))
            } catch {
                // All problems of the file, in one line each.
                for line in "\(error)".split(separator: "\n") {
                    logger.error("reload refused, nothing has changed", metadata: ["problem": "\(line)"])
                }
            }
        }
    }
}

/// The first signal ends the feed in order, which others of the services see to; the second ends the process.
private struct EndAtSecondSignal: Service {
    let logger: Logger
    let signals: UnixSignalsSequence

    func run() async {
        var isFirst = true
        for await signal in signals.cancelOnGracefulShutdown() {
            if !isFirst {
                logger.warning("ended by a second signal", metadata: ["signal": "\(signal)"])
                exit(ExitStatus.failure.rawValue)
            }
            isFirst = false
        }
    }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
