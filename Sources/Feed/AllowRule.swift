/// Who may see what (`feed: allow:`). Patterns know `*` for any characters, and `?` for one.
package struct AllowRule: Sendable, Hashable {
    /// Pattern of a name in the subscriber's certificate.
    package var identity: String
    /// Patterns of relay names.
    package var relays: [String]
    /// Patterns of host names, as the relays name them.
    package var hosts: [String]
    /// Patterns of session names.
    package var sessions: [String]
    /// Patterns of event names.
    package var events: [String]

    package init(
        identity: String,
        relays: [String] = ["*"],
        hosts: [String] = ["*"],
        sessions: [String] = ["*"],
        events: [String] = ["*"]
    ) {
        self.identity = identity
        self.relays = relays
        self.hosts = hosts
        self.sessions = sessions
        self.events = events
    }
}

/// The names that a subscriber's certificate, already verified, carries.
package struct PeerIdentity: Sendable, Equatable {
    /// Subject alternative names: URIs and DNS names.
    package var alternativeNames: [String]
    /// The subject's common name; counts only without alternative names.
    package var commonName: String?

    package init(alternativeNames: [String], commonName: String?) {
        self.alternativeNames = alternativeNames
        self.commonName = commonName
    }

    /// The names that rules are matched with.
    package var names: [String] {
        alternativeNames.isEmpty ? commonName.map { [$0] } ?? [] : alternativeNames
    }
}

/// What a subscriber may see of the feed: the rules that name it. Equal scopes see the same frames.
package struct ViewScope: Sendable, Hashable {
    private let rules: [AllowRule]
    /// Whether nothing is hidden: such a subscriber shares the log's own bytes.
    package let isFull: Bool

    /// - Returns: nil when no rule names the peer: it may not subscribe.
    package init?(peer: PeerIdentity, rules: [AllowRule]) {
        let names = peer.names
        let matching = rules.filter { rule in names.contains { Glob.matches(rule.identity, $0) } }
        guard !matching.isEmpty else { return nil }
        isFull = matching.contains {
            $0.relays.contains("*") && $0.hosts.contains("*") && $0.sessions.contains("*") && $0.events.contains("*")
        }
        self.rules = matching
    }

    /// Sees everything.
    package static let full = ViewScope()

    /// Sees nothing.
    package static let nothing = ViewScope(isFull: false)

    private init(isFull: Bool = true) {
        rules = []
        self.isFull = isFull
    }

    /// Whether a session's events, states and losses may be seen.
    package func allows(relay: String, host: String, session: String) -> Bool {
        isFull
            || rules.contains {
                ViewScope.matches($0.relays, relay) && ViewScope.matches($0.hosts, host)
                    && ViewScope.matches($0.sessions, session)
            }
    }

    /// Whether what concerns a host as a whole may be seen: by whom every session of it may be.
    package func allows(relay: String, host: String) -> Bool {
        isFull
            || rules.contains {
                ViewScope.matches($0.relays, relay) && ViewScope.matches($0.hosts, host) && $0.sessions.contains("*")
            }
    }

    /// Whether events of a name may be seen, of a trace that may be.
    func allows(event: String, of trace: FeedTrace) -> Bool {
        isFull
            || rules.contains {
                ViewScope.matches($0.relays, trace.relay) && ViewScope.matches($0.hosts, trace.host)
                    && ViewScope.matches($0.sessions, trace.session) && ViewScope.matches($0.events, event)
            }
    }

    /// Whether some events of traces that may be seen may not be.
    package var namesEvents: Bool { !isFull && rules.contains { !$0.events.contains("*") } }

    /// Whether a relay's own state may be seen.
    package func allows(relay: String) -> Bool {
        isFull || rules.contains { ViewScope.matches($0.relays, relay) }
    }

    /// Whether everything of a relay may be seen.
    package func allowsAll(relay: String) -> Bool {
        isFull
            || rules.contains {
                ViewScope.matches($0.relays, relay) && $0.hosts.contains("*") && $0.sessions.contains("*")
            }
    }

    private static func matches(_ patterns: [String], _ text: String) -> Bool {
        patterns.contains { Glob.matches($0, text) }
    }
}
