import ConfigurationFile
import Coordinator

/// A difference between two configurations that a running coordinator takes over.
enum RelayChange: Sendable {
    case remove(name: String, reason: String)
    case add(RelaySource, SourceAddress)
    /// Another coordinator's feed is elsewhere, or is shown other certificates.
    case move(RelaySource, SourceAddress)
    case sessions(name: String, [SessionPattern], start: RelaySource.Start)
    /// Nanoseconds; nil: for ever.
    case stallAfter(UInt64?)
}

/// What a changed configuration comes to.
struct ConfigurationDifference {
    /// In the order in which they are to be made.
    private(set) var changes: [RelayChange] = []
    /// What is taken over, by key, as `relays.alpha: added`.
    private(set) var applied: [String] = []
    /// Keys whose values are for the next start.
    private(set) var deferred: [String] = []
    /// What is in force once the changes are made.
    private(set) var result: Configuration

    init(from old: Configuration, to new: Configuration) {
        result = new
        compareRelays(old, new)
        if old.order.stallAfter != new.order.stallAfter {
            changes.append(.stallAfter(new.order.stallAfter.limitNs))
            applied.append("order.stall-after")
        }
        compareLog(old.log)
        compareFeed(old.feed, new.feed)
        postpone("order.messages", \.order.messages, old)
        // Connections are made with it.
        postpone("feed.limits.buffer", \.feed.limits.bufferBytes, old)
        postpone("feed.listen", \.feed.listen, old)
        compareHTTP(old.http)
        postpone("live", \.live, old)
        compareForwarders(old.forward, new.forward)
    }

    private mutating func postpone<Value: Equatable>(
        _ key: String,
        _ path: WritableKeyPath<Configuration, Value>,
        _ old: Configuration
    ) {
        postpone(key, path, old[keyPath: path])
    }

    private mutating func postpone<Value: Equatable>(
        _ key: String,
        _ path: WritableKeyPath<Configuration, Value>,
        _ old: Value
    ) {
        guard old != result[keyPath: path] else { return }
        result[keyPath: path] = old
        deferred.append(key)
    }

    /// A log elsewhere, or in memory instead, is another log, and so is what is kept of it.
    private mutating func compareLog(_ old: Configuration.Log) {
        if old.directory != result.log.directory {
            result.log = old
            deferred.append("log.directory")
            return
        }
        if old.sync != result.log.sync {
            result.log.sync = old.sync
            deferred.append("log.sync")
        }
        if old.retainBytes != result.log.retainBytes { applied.append("log.retain-bytes") }
        if old.retainAgeNs != result.log.retainAgeNs { applied.append("log.retain-age") }
    }

    private mutating func compareFeed(_ old: Configuration.Feed, _ new: Configuration.Feed) {
        if old.allow != new.allow { applied.append("feed.allow") }
        if old.certificateFile != new.certificateFile { applied.append("feed.certificate") }
        if old.keyFile != new.keyFile { applied.append("feed.key") }
        if old.clientAuthorityFile != new.clientAuthorityFile { applied.append("feed.client-ca") }
        if old.certificates != new.certificates { applied.append("feed.certificates") }
        if old.revocationListFiles != new.revocationListFiles { applied.append("feed.crl") }
        if old.tlsVersion != new.tlsVersion { applied.append("feed.tls-version") }
        if old.limits.connections != new.limits.connections { applied.append("feed.limits.connections") }
        if old.limits.bytesPerSecond != new.limits.bytesPerSecond { applied.append("feed.limits.bytes-per-second") }
    }

    /// Where it listens, and whether it does, is settled at the start; what protects it is meant for that place.
    private mutating func compareHTTP(_ old: Configuration.HTTP?) {
        guard let old, let new = result.http, old.listen == new.listen else { return postpone("http", \.http, old) }
        if old.certificate != new.certificate { applied.append("http.certificate") }
        if old.clientAuthorityFile != new.clientAuthorityFile { applied.append("http.client-ca") }
        if old.revocationListFiles != new.revocationListFiles { applied.append("http.crl") }
        if old.token != new.token { applied.append("http.token") }
    }

    private mutating func compareForwarders(_ old: [Configuration.Forwarder], _ new: [Configuration.Forwarder]) {
        let before = Dictionary(old.map { ($0.name, $0) }) { first, _ in first }
        let names = Set(new.map(\.name))
        for forwarder in old where !names.contains(forwarder.name) {
            applied.append("forward.\(forwarder.name): removed")
        }
        for forwarder in new where before[forwarder.name] != forwarder {
            applied.append("forward.\(forwarder.name)" + (before[forwarder.name] == nil ? ": added" : ""))
        }
    }

    private mutating func compareRelays(_ old: Configuration, _ new: Configuration) {
        let before = Dictionary(old.relays.map { ($0.name, $0) }) { first, _ in first }
        let names = Set(new.relays.map(\.name))
        for relay in old.relays where !names.contains(relay.name) {
            changes.append(.remove(name: relay.name, reason: "no longer configured"))
            applied.append("relays.\(relay.name): removed")
        }
        for (index, relay) in new.relays.enumerated() {
            guard let was = before[relay.name] else {
                changes.append(.add(RelaySource(relay), SourceAddress(relay)))
                applied.append("relays.\(relay.name): added")
                continue
            }
            compare(was, relay, at: index)
        }
    }

    private mutating func compare(_ old: Configuration.Relay, _ new: Configuration.Relay, at index: Int) {
        if old.url.endpoint != new.url.endpoint || old.isFeed != new.isFeed || old.credentials != new.credentials {
            if old.isFeed, new.isFeed {
                changes.append(.move(RelaySource(new), SourceAddress(new)))
            } else {
                changes.append(.remove(name: new.name, reason: "no longer configured at \(old.url)"))
                changes.append(.add(RelaySource(new), SourceAddress(new)))
            }
            applied.append("relays.\(new.name).url")
            return
        }
        if old.url != new.url || old.sessions != new.sessions || old.from != new.from {
            let source = RelaySource(new)
            changes.append(.sessions(name: new.name, source.sessions, start: source.start))
            applied.append("relays.\(new.name): sessions")
        }
        // Timestamps of one stream would go back.
        if old.clockOffsetNs != new.clockOffsetNs {
            result.relays[index].clockOffsetNs = old.clockOffsetNs
            deferred.append("relays.\(new.name).clock-offset")
        }
        if old.clock != new.clock {
            result.relays[index].clock = old.clock
            deferred.append("relays.\(new.name).clock")
        }
    }
}

extension Configuration.StallLimit {
    /// Nanoseconds; nil: for ever.
    var limitNs: UInt64? {
        switch self {
        case .never: nil
        case .afterNs(let limit): UInt64(clamping: limit)
        }
    }
}

extension RelaySource {
    /// What the configuration file asks of a relay.
    init(_ relay: Configuration.Relay) {
        self.init(
            name: relay.name,
            sessions: SessionPattern.all(of: relay),
            start: relay.from == .now ? .now : .beginning,
            correctionNs: relay.clockOffsetNs,
            correctsClocks: relay.clock == .measured,
            isFeed: relay.isFeed
        )
    }
}
