import Logging
import Runtime
import ServiceLifecycle

/// Shows, where `serve` runs on a terminal, how far it has caught up with what its relays had stored before it started.
struct CatchUp: Service {
    let monitor: DaemonMonitor

    /// Looks without a change of the watermark after which there is nothing to catch up with.
    private static let stillMax = 20

    func run() async {
        // Ends with the others only: what it shows ends when the feed is near the present, or stands.
        await cancelWhenGracefulShutdown { await show() }
        try? await gracefulShutdown()
    }

    private func show() async {
        let line = ProgressLine("catching up", goal: .present, writesToOutput: false)
        var lastNs: Int64?
        var still = 0
        while !line.isOver, still < Self.stillMax, !Task.isCancelled {
            if let progress = try? await monitor.progress(), let watermarkNs = progress.watermarkNs {
                line.update(sequence: 0, watermarkNs: watermarkNs, events: progress.events)
                still = watermarkNs == lastNs ? still + 1 : 0
                lastNs = watermarkNs
            }
            try? await Task.sleep(for: .milliseconds(250))
        }
        line.end()
    }
}

/// Log lines on standard error, which take the place of a line of progress.
struct LogAboveProgress: LogHandler {
    private var lines: StreamLogHandler

    init(label: String) {
        lines = StreamLogHandler.standardError(label: label)
    }

    var metadata: Logger.Metadata {
        get { lines.metadata }
        set { lines.metadata = newValue }
    }

    var metadataProvider: Logger.MetadataProvider? {
        get { lines.metadataProvider }
        set { lines.metadataProvider = newValue }
    }

    var logLevel: Logger.Level {
        get { lines.logLevel }
        set { lines.logLevel = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { lines[metadataKey: key] }
        set { lines[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) {
        standardError.hide()
        lines.log(event: event)
    }
}
