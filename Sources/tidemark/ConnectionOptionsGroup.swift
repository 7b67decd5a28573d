import ArgumentParser
import ConfigurationFile
import Runtime
import TLS

/// Where a coordinator is, and what is shown to it: what all subscribers share.
struct ConnectionOptionsGroup: ParsableArguments {
    @Argument(help: "tls://HOST:PORT")
    var coordinator: String

    @Option(help: "The CA that signed the coordinator's certificate (PEM).")
    var ca: String

    @Option(help: "Our certificate (PEM).")
    var cert: String

    @Option(help: "The key of our certificate (PEM).")
    var key: String

    func validate() throws { _ = try endpoint() }

    private func endpoint() throws -> NetworkEndpoint {
        guard case .coordinator(let endpoint) = try sourceURL(coordinator) else {
            throw ValidationError("\(coordinator): a coordinator is named as tls://HOST:PORT")
        }
        return endpoint
    }

    /// - Throws: an exit code, after a message.
    func open(command: String) throws -> (RelayAddress, TLSContext) {
        try Self.open(endpoint(), ca: ca, cert: cert, key: key, command: command)
    }

    /// - Throws: an exit code, after a message.
    static func open(
        _ endpoint: NetworkEndpoint,
        ca: String,
        cert: String,
        key: String,
        command: String
    ) throws -> (RelayAddress, TLSContext) {
        do throws(TLSError) {
            let tls = try ClientCredentials(authorityFile: ca, certificateFile: cert, keyFile: key).context()
            return (RelayAddress(host: endpoint.host, port: Int(endpoint.port)), tls)
        } catch {
            standardError.write(line: "tidemark \(command): \(error.plainText)")
            switch error.kind {
            case .file(_, .expired), .file(_, .notYetValid): throw ExitStatus.refused
            default: throw ExitStatus.failure
            }
        }
    }

    /// - Throws: the exit code of a subscription that ended like this, after a message; nothing where all is well.
    func finish(_ outcome: TailRun.Outcome, command: String) throws {
        try Self.finish(outcome, coordinator: coordinator, command: command)
    }

    /// - Throws: the exit code of a subscription that ended like this, after a message; nothing where all is well.
    static func finish(_ outcome: TailRun.Outcome, coordinator: String, command: String) throws {
        let reason: String
        let status: ExitCode
        switch outcome {
        case .done: return
        case .unreachable(let text): (reason, status) = (text, ExitStatus.unavailable)
        case .refused(let text): (reason, status) = (text, ExitStatus.refused)
        case .wrongFilter(let text): (reason, status) = (text, ExitStatus.usage)
        case .failed(let text): (reason, status) = (text, ExitStatus.failure)
        }
        standardError.write(line: "tidemark \(command): \(coordinator): \(reason)")
        throw status
    }
}
