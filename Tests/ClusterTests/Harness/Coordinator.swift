import Foundation
import Glibc

/// Certificates for one coordinator and its subscribers, made by `tidemark cert`.
final class Identities {
    let folder: ScratchFolder

    init() throws {
        folder = try ScratchFolder()
        try Tidemark.run(["cert", folder.path])
    }

    func file(_ name: String) -> String { folder.file(name) }

    /// The options of `tail` for a client.
    func options(client: String = "client") -> [String] {
        ["--ca", file("ca.pem"), "--cert", file(client + ".pem"), "--key", file(client + ".key")]
    }
}

/// The product's command.
enum Tidemark {
    @discardableResult
    static func run(_ arguments: [String], within seconds: Double = 120) throws(Failure) -> Command.Result {
        try Command.run([Repository.tidemark] + arguments, within: seconds)
    }

    /// Runs it, whatever comes of it.
    static func result(
        _ arguments: [String],
        directory: String? = nil,
        within seconds: Double = 120
    ) throws(Failure) -> Command.Result {
        try Command.result([Repository.tidemark] + arguments, directory: directory, within: seconds)
    }

    static func start(
        _ arguments: [String],
        environment: [String: String] = [:],
        output: String? = nil
    ) throws -> ChildProcess {
        try ChildProcess([Repository.tidemark] + arguments, environment: environment, output: output)
    }
}

/// A running `tidemark serve`, ready to be subscribed to. Its configuration can be changed at each place that tests
/// care for.
final class Coordinator {
    struct Relay {
        var name: String
        var url: String
        var from = "beginning"
        /// Further lines.
        var lines: [String] = []
    }

    struct Options {
        var stallAfter = "30s"
        /// The lines below `allow:`.
        var allow = """
                - identity: "tidemark:client/*"
                  relays: ["*"]
                  hosts: ["*"]
                  sessions: ["*"]
            """
        /// Further lines of the section `feed`.
        var feed: [String] = []
        /// The directory of its log, as seen from its configuration; nil: the log is in memory.
        var log: String?
        /// Does something with the certificates before it starts.
        var prepare: (Identities) throws -> Void = { _ in }
        /// Further lines of the section `http`, by the certificates; nil: no HTTP.
        var http: ((Identities) -> [String])?
        /// The lines below `forward:`.
        var forward: [String] = []
        /// Where it serves LTTng live viewers; nil: nowhere.
        var livePort: Int?
    }

    let identities: Identities
    let port: Int
    /// Of HTTP; nobody listens there without the option.
    let httpPort: Int
    private(set) var process: ChildProcess
    let configurationFile: String
    private let folder: ScratchFolder
    /// What the coordinator reads from stands as long as it does.
    private let cluster: Cluster?

    private let options: Options
    private let environment: [String: String]

    init(
        _ relays: [Relay],
        options: Options = Options(),
        cluster: Cluster? = nil,
        environment: [String: String] = [:]
    ) throws {
        self.cluster = cluster
        self.options = options
        self.environment = (cluster?.environment ?? [:]).merging(environment) { _, new in new }
        folder = try ScratchFolder()
        identities = try Identities()
        try options.prepare(identities)
        port = try freePort()
        httpPort = try freePort()
        let text = Self.configuration(
            relays,
            options: options,
            port: port,
            httpPort: httpPort,
            identities: identities
        )
        configurationFile = try folder.write(text, to: "tidemark.yaml")
        process = try Self.start(configurationFile, self.environment)
        try awaitListener()
    }

    /// Writes another configuration, and has it read.
    func reconfigure(_ relays: [Relay]) throws {
        try reconfigure(
            text: Self.configuration(
                relays,
                options: options,
                port: port,
                httpPort: httpPort,
                identities: identities
            )
        )
    }

    /// Writes another configuration, and has it read.
    func reconfigure(text: String) throws {
        _ = try folder.write(text, to: "tidemark.yaml")
        process.signal(SIGHUP)
    }

    /// Starts it again, with the same configuration, after it was killed.
    func restart() throws {
        guard process.poll() != nil else { throw Failure("it runs: \(process.summary)") }
        process = try Self.start(configurationFile, environment)
        try awaitListener()
    }

    private static func start(_ file: String, _ environment: [String: String]) throws -> ChildProcess {
        try Tidemark.start(["serve", "--config", file], environment: environment)
    }

    private func awaitListener() throws {
        try eventually("the coordinator listens", of: process, within: 30) {
            if process.poll() != nil { throw Failure(process.summary) }
            return try Command.result([Repository.cluster, "listening", "\(port)"]).status == 0
        }
    }

    /// A coordinator on all hosts of a cluster.
    convenience init(_ cluster: Cluster, options: Options = Options()) throws {
        let relays = cluster.hosts.map { Relay(name: $0.name, url: $0.url) }
        try self.init(relays, options: options, cluster: cluster)
    }

    var url: String { "tls://127.0.0.1:\(port)" }

    /// Starts a subscriber.
    func tail(_ options: [String] = ["--from", "earliest"], client: String = "client") throws -> ChildProcess {
        try Tidemark.start(["tail", url] + identities.options(client: client) + options)
    }

    static func configuration(
        _ relays: [Relay],
        options: Options,
        port: Int,
        httpPort: Int = 0,
        identities: Identities
    ) -> String {
        let relayLines = relays.map { relay in
            "  - name: \(relay.name)\n    url: \(relay.url)\n    from: \(relay.from)\n"
                + relay.lines.map { "    \($0)\n" }.joined()
        }.joined()
        let allow = options.allow.isEmpty ? "  allow: []" : "  allow:\n\(options.allow)"
        let http = options.http.map { lines in
            (["http:", "  listen: 127.0.0.1:\(httpPort)"] + lines(identities).map { "  " + $0 }).joined(separator: "\n")
        }
        return """
            relays:
            \(relayLines)order:
              stall-after: \(options.stallAfter)
            feed:
              listen: 127.0.0.1:\(port)
              certificate: \(identities.file("server.pem"))
              key: \(identities.file("server.key"))
              client-ca: \(identities.file("ca.pem"))
            \(allow)
            \(options.feed.map { "  \($0)\n" }.joined())\(options.log.map { "log:\n  directory: \($0)" } ?? "")
            \(http ?? "")
            \(options.forward.isEmpty ? "" : (["forward:"] + options.forward.map { "  " + $0 }).joined(separator: "\n"))
            \(options.livePort.map { "live:\n  listen: 127.0.0.1:\($0)" } ?? "")
            """
    }
}

/// A port of loopback that nobody listens on.
func freePort() throws -> Int {
    let text = try Command.run([Repository.cluster, "ports", "1"]).text
    guard let port = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) else { throw Failure(text) }
    return port
}
