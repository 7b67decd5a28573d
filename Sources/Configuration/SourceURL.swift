/// `net://HOST[:PORT][/host/HOSTNAME/SESSION]` (an lttng-relayd) or `tls://HOST:PORT` (a coordinator).
package enum SourceURL: Sendable, Hashable {
    case relay(NetworkEndpoint, session: SessionPath?)
    case coordinator(NetworkEndpoint)

    /// One session of a relay.
    package struct SessionPath: Sendable, Hashable {
        package let hostname: String
        package let session: String

        package init(hostname: String, session: String) {
            self.hostname = hostname
            self.session = session
        }
    }

    /// The port on which lttng-relayd serves live viewers.
    package static let defaultRelayPort: UInt16 = 5344

    /// - Throws: what is wrong, and what is expected.
    package init(_ text: String) throws(ValueError) { throw ValueError("") }

    package var endpoint: NetworkEndpoint {
        switch self {
        case .relay(let endpoint, _), .coordinator(let endpoint): endpoint
        }
    }
}

/// A source on the command line: a URL, or else a directory.
package enum SourceArgument: Sendable, Hashable {
    case url(SourceURL)
    case directory(String)

    /// Whatever has `://` is a URL.
    package init(_ text: String) throws(ValueError) { throw ValueError("") }
}

/// Why a value cannot be read, in words that follow the key's name.
package struct ValueError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
