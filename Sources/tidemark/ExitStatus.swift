import ArgumentParser
import Coordinator

/// The exit codes of the command, after sysexits.
enum ExitStatus {
    /// Failed on the way: damaged data, output that cannot be written.
    static let failure = ExitCode(1)
    /// The command line is wrong (EX_USAGE).
    static let usage = ExitCode(64)
    /// A relay or coordinator cannot be reached (EX_UNAVAILABLE).
    static let unavailable = ExitCode(69)
    /// Refused by TLS or by access rules (EX_NOPERM).
    static let refused = ExitCode(77)
    /// The configuration is wrong (EX_CONFIG).
    static let configuration = ExitCode(78)
}

extension FinishReport {
    /// What the command ends with where a source could not be read; nil where all were.
    var unreadStatus: ExitCode? {
        if !refused.isEmpty { return ExitStatus.refused }
        return unreachable.isEmpty && withoutSession.isEmpty && held.isEmpty ? nil : ExitStatus.unavailable
    }
}
