public import ArgumentParser
import Configuration
public import Logging
import Runtime
import TLS

/// `tidemark serve`: the coordinator.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the coordinator: merge the configured relays and serve the feed over TLS.",
        discussion: "Ends on SIGTERM or Ctrl-C, after subscribers have what is left. Logs go to standard error."
    )

    @Option(help: "The configuration file (YAML).")
    var config: String

    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel: Logger.Level = .info

    func run() async throws {
        let configuration: Configuration
        do throws(ConfigurationError) {
            configuration = try Configuration.load(file: config)
        } catch {
            for problem in error.problems { standardError.write(line: "\(problem)") }
            throw ExitStatus.configuration
        }
        var logger = Logger(label: "tidemark") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = logLevel
        do {
            let daemon = try FeedDaemon(configuration, logger: logger)
            try await runUntilSignal(daemon, logger: logger)
        } catch let error as TLSError {
            standardError.write(line: "tidemark serve: \(error)")
            throw ExitStatus.configuration
        } catch let error as ListenError {
            standardError.write(line: "tidemark serve: \(error)")
            throw ExitStatus.unavailable
        }
    }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
