import ConfigurationFile
import Feed
import Synchronization
import TLS

/// Who may connect, and what they may see. A reload replaces it as a whole.
final class FeedAccess: Sendable {
    struct Grant: Sendable {
        var credentials: FeedCredentials
        var rules: [AllowRule]
        var tls: TLSContext { credentials.tls }

        init(_ feed: Configuration.Feed, file: String) throws(CredentialsError) {
            credentials = try FeedCredentials(of: feed, file: file)
            rules = feed.allow.map { AllowRule($0) }
        }
    }

    private let grant: Mutex<Grant>

    init(_ grant: Grant) {
        self.grant = Mutex(grant)
    }

    var current: Grant { grant.withLock { $0 } }

    func replace(_ new: Grant) {
        grant.withLock { $0 = new }
    }
}

extension AllowRule {
    init(_ rule: Configuration.AllowRule) {
        self.init(
            identity: rule.identity.pattern,
            relays: rule.relays.map(\.pattern),
            hosts: rule.hosts.map(\.pattern),
            sessions: rule.sessions.map(\.pattern),
            events: rule.events.map(\.pattern)
        )
    }
}
