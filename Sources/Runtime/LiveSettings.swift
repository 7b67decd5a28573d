import ConfigurationFile
import Logging
import NIOCore
import Synchronization
import TLS

/// What of the configuration may change while the feed runs, and its files of certificates, which are watched.
final class LiveSettings: Sendable {
    /// How often it is looked whether files have changed.
    static let watchInterval = TimeAmount.seconds(2)
    /// How often it is said that certificates are about to run out.
    static let expiryInterval = TimeAmount.hours(24)

    private struct State {
        /// What is in force.
        var configuration: Configuration
        var watch: FileWatch
        var hub: FeedHub?
        var lane: CoordinatorLane?
    }

    let access: FeedAccess
    /// Nil where there is no HTTP.
    let http: HTTPAccess?
    private let file: String
    private let forwarding: (any FeedForwarding)?
    private let logger: Logger
    private let state: Mutex<State>
    /// What of the forwarders' certificates runs out.
    private let forwarderExpiries = Mutex<[FeedCredentials.Expiry]>([])

    /// - Parameter file: the configuration file's name, for messages.
    /// - Throws: when a certificate or key is unusable.
    init(
        _ configuration: Configuration,
        file: String,
        forwarding: (any FeedForwarding)? = nil,
        logger: Logger
    ) throws(CredentialsError) {
        self.file = file
        self.forwarding = forwarding
        self.logger = logger
        // Looked at before they are read: a change in between is found later.
        let watch = FileWatch(configuration.credentialFiles)
        try forwarding?.check(configuration.forward, file: file)
        try ClientCredentials.check(configuration, file: file)
        http = try Self.grant(configuration, file: file).map { HTTPAccess($0) }
        access = FeedAccess(try FeedAccess.Grant(configuration.feed, file: file))
        state = Mutex(State(configuration: configuration, watch: watch))
        noteForwarders(configuration.forward)
    }

    private static func grant(
        _ configuration: Configuration,
        file: String
    ) throws(CredentialsError) -> HTTPAccess.Grant? {
        guard let http = configuration.http else { return nil }
        return try HTTPAccess.Grant(http, configuration.feed, file: file)
    }

    /// What of the certificates in use runs out, and when; of a file that is used twice, once.
    var expiries: [FeedCredentials.Expiry] {
        let all =
            access.current.credentials.expiries + (http?.current.expiries ?? [])
            + forwarderExpiries.withLock { $0 }
        var seen: Set<String> = []
        return all.filter { seen.insert("\($0.what) \($0.file)").inserted }
    }

    private func noteForwarders(_ forward: [Configuration.Forwarder]) {
        let expiries = forward.compactMap { ForwarderChecks.expiry(of: $0) }
        forwarderExpiries.withLock { $0 = expiries }
    }

    /// The feed runs: changes reach it from now on.
    /// - Parameter configuration: what it was started with.
    /// - Returns: what goes on until it is cancelled.
    func begin(
        _ configuration: Configuration,
        hub: FeedHub,
        lane: CoordinatorLane,
        on loop: any EventLoop
    ) -> [RepeatedTask] {
        state.withLock { state in
            state.hub = hub
            state.lane = lane
            // What was reloaded before.
            make(ConfigurationDifference(from: configuration, to: state.configuration), state)
        }
        let watching = loop.scheduleRepeatedTask(initialDelay: Self.watchInterval, delay: Self.watchInterval) { _ in
            self.lookAtFiles()
        }
        let reminding = loop.scheduleRepeatedTask(initialDelay: .zero, delay: Self.expiryInterval) { _ in
            self.sayExpiries()
        }
        return [watching, reminding]
    }

    /// Takes over what a changed configuration says, as far as a running feed can; what it cannot is for the next
    /// start, and is named in the log. Subscribers that are not trusted any more are out, and those whose view changes
    /// have to subscribe again. May be called from any thread.
    /// - Throws: when a certificate or key is unusable; nothing has changed then.
    func reload(_ new: Configuration) throws(CredentialsError) {
        let result = state.withLock { state in
            Result { () throws(CredentialsError) in try self.apply(new, &state) }
        }
        try result.get()
    }

    private func apply(_ new: Configuration, _ state: inout State) throws(CredentialsError) {
        let difference = ConfigurationDifference(from: state.configuration, to: new)
        let watch = FileWatch(difference.result.credentialFiles)
        let grant = try FeedAccess.Grant(new.feed, file: file)
        try ClientCredentials.check(new, file: file)
        let httpGrant = try Self.grant(difference.result, file: file)
        try forwarding?.check(new.forward, file: file)
        // From here on nothing fails.
        access.replace(grant)
        if let httpGrant { http?.replace(httpGrant) }
        state.watch = watch
        state.configuration = difference.result
        make(difference, state)
        let applied = difference.applied.joined(separator: ", ")
        logger.info(
            "the configuration is reloaded",
            metadata: ["file": "\(file)", "changed": "\(printable(applied.isEmpty ? "nothing" : applied))"]
        )
        sayExpiries()
        guard !difference.deferred.isEmpty else { return }
        logger.warning(
            "other changes of the configuration take effect at the next start",
            metadata: ["file": "\(file)", "keys": "\(printable(difference.deferred.joined(separator: ", ")))"]
        )
    }

    /// Tells those who run what has changed.
    private func make(_ difference: ConfigurationDifference, _ state: State) {
        state.hub?.reconfigure(log: state.configuration.log, limits: state.configuration.feed.limits)
        state.hub?.accessHasChanged()
        state.lane?.reconfigure(difference.changes)
        noteForwarders(state.configuration.forward)
        forwarding?.replace(state.configuration.forward)
    }

    /// Reads the certificates again where their files have changed. What cannot be used changes nothing: whoever
    /// replaces files one by one is in between for a moment. What subscribers are shown and what forwarders show
    /// do not wait for each other.
    func lookAtFiles() {
        state.withLock { state in
            let changed = state.watch.changes()
            let (own, forwarders) = (state.configuration.ownCredentialFiles, state.configuration.forwarderFiles)
            renew(changed.filter { own.contains($0) }) { () throws(CredentialsError) in
                let grant = try FeedAccess.Grant(state.configuration.feed, file: file)
                let httpGrant = try Self.grant(state.configuration, file: file)
                access.replace(grant)
                if let httpGrant { http?.replace(httpGrant) }
                state.hub?.accessHasChanged()
            }
            renew(changed.filter { forwarders.contains($0) }) { () throws(CredentialsError) in
                let forward = state.configuration.forward
                try forwarding?.check(forward, file: file)
                noteForwarders(forward)
                // Those that stay the same renew their certificates.
                forwarding?.replace(forward)
            }
        }
    }

    /// - Parameter changed: files; none: nothing is to be done.
    private func renew(_ changed: [String], _ body: () throws(CredentialsError) -> Void) {
        guard !changed.isEmpty else { return }
        let files = changed.joined(separator: " ")
        do throws(CredentialsError) {
            try body()
            logger.info("certificates are reloaded: their files have changed", metadata: ["changed": "\(files)"])
            sayExpiries()
        } catch {
            for problem in error.problems {
                logger.error(
                    "changed certificates cannot be used, those in use stay",
                    metadata: ["changed": "\(files)", "problem": "\(problem)"]
                )
            }
        }
    }

    /// Says for how long certificates and revocation lists are good.
    private func sayExpiries() {
        let nowSeconds = WallClock.nowNs / 1_000_000_000
        for expiry in expiries {
            let left = expiry.secondsSinceEpoch - nowSeconds
            let isSoon = left < expiry.noticeSeconds
            logger.log(
                level: isSoon ? .warning : .info,
                isSoon ? "\(expiry.what) is about to run out" : "\(expiry.what) is good",
                metadata: [
                    "path": "\(expiry.file)", "until": "\(CalendarTime(secondsSinceEpoch: expiry.secondsSinceEpoch))",
                    "days": "\(left / 86_400)",
                ]
            )
        }
    }
}

extension Configuration {
    /// All files that credentials are read from.
    fileprivate var credentialFiles: [String] { ownCredentialFiles + forwarderFiles }
    /// Of those who connect to us.
    fileprivate var ownCredentialFiles: [String] { feed.credentialFiles + (http?.credentialFiles ?? []) }
    /// Of those to whom forwarders connect.
    fileprivate var forwarderFiles: [String] { forward.flatMap { $0.collector.tls?.files ?? [] } }
}
