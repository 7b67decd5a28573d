import Logging
import ServiceLifecycle
import UnixSignals

/// Runs services until the first of them ends by itself, or SIGINT or SIGTERM comes.
func runUntilSignal(_ services: [any Service], logger: Logger = quietLogger) async throws {
    let group = ServiceGroup(
        configuration: .init(
            services: services.map { service in
                .init(
                    service: service,
                    successTerminationBehavior: .gracefullyShutdownGroup,
                    failureTerminationBehavior: .gracefullyShutdownGroup
                )
            },
            gracefulShutdownSignals: [.sigint, .sigterm],
            logger: logger
        )
    )
    try await group.run()
}

/// A logger that says nothing below errors: what people should read is written to standard error by the commands.
let quietLogger: Logger = {
    var logger = Logger(label: "tidemark") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = .critical
    return logger
}()
