public import ArgumentParser
import Configuration
import FeedLog
public import Logging
import Runtime
import ServiceLifecycle
import UnixSignals

/// `tidemark serve`: the coordinator.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the coordinator: merge the configured relays and serve the feed over TLS.",
        discussion: """
            Ends on SIGTERM or Ctrl-C, after subscribers have what is left. SIGHUP reloads certificates and allow \
            rules from the file; all else takes effect at the next start. Logs go to standard error.
            """
    )

    @Option(help: "The configuration file (YAML).")
    var config: String

    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel: Logger.Level = .info

    func run() async throws {
        var logger = Logger(label: "tidemark") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = logLevel
        do {
            let configuration = try Configuration.load(file: config)
            let daemon = try FeedDaemon(configuration, file: config, logger: logger)
            let reload = ReloadOnSignal(
                daemon: daemon,
                file: config,
                logger: logger,
                signals: await UnixSignalsSequence(trapping: .sighup)
            )
            try await runUntilSignal(daemon, reload, logger: logger)
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

/// Reads the configuration file again at each SIGHUP.
private struct ReloadOnSignal: Service {
    let daemon: FeedDaemon
    let file: String
    let logger: Logger
    let signals: UnixSignalsSequence

    func run() async {
        for await _ in signals.cancelOnGracefulShutdown() {
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

extension Logger.Level: @retroactive ExpressibleByArgument {}
