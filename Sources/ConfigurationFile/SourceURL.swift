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
    /// The longest URL that is read, in bytes.
    private static let bytesMax = 2_048

    /// Names in the path stand as they are, with nothing escaped: babeltrace2 reads them so.
    /// - Throws: what is wrong, and what is expected.
    package init(_ text: String) throws(ValueError) {
        guard text.utf8.count <= Self.bytesMax,
            !text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F })
        else { throw ValueError("is not a URL: too long, or with control characters in it") }
        guard let colon = text.firstRange(of: "://") else {
            throw ValueError("'\(text)' is not a URL: net://HOST[:PORT] or tls://HOST:PORT is expected")
        }
        let scheme = text[..<colon.lowerBound]
        let rest = text[colon.upperBound...]
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let authority = String(rest[..<slash])
        let path = rest[slash...]
        switch scheme {
        case "net":
            let endpoint = try NetworkEndpoint(authority, defaultPort: Self.defaultRelayPort)
            self = .relay(endpoint, session: try Self.session(path))
        case "tls":
            let endpoint = try NetworkEndpoint(authority, defaultPort: nil)
            guard path.isEmpty || path == "/" else { throw ValueError("a tls:// URL has no path: '\(path)'") }
            self = .coordinator(endpoint)
        default: throw ValueError("'\(scheme)://' is not known: net:// or tls:// is expected")
        }
    }

    private static func session(_ path: Substring) throws(ValueError) -> SessionPath? {
        if path.isEmpty || path == "/" { return nil }
        let parts = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "host", !parts[1].isEmpty, !parts[2].isEmpty else {
            throw ValueError("'\(path)' does not name a session: /host/HOSTNAME/SESSION is expected")
        }
        return SessionPath(hostname: String(parts[1]), session: String(parts[2]))
    }

    package var endpoint: NetworkEndpoint {
        switch self {
        case .relay(let endpoint, _), .coordinator(let endpoint): endpoint
        }
    }
}

extension SourceURL: CustomStringConvertible {
    /// The URL in full, its port too.
    package var description: String {
        switch self {
        case .coordinator(let endpoint): "tls://\(endpoint)"
        case .relay(let endpoint, nil): "net://\(endpoint)"
        case .relay(let endpoint, let path?): "net://\(endpoint)/host/\(path.hostname)/\(path.session)"
        }
    }
}

/// A source on the command line: a URL, or else a directory.
package enum SourceArgument: Sendable, Hashable {
    case url(SourceURL)
    case directory(String)

    /// Whatever has `://` is a URL.
    package init(_ text: String) throws(ValueError) {
        if text.contains("://") {
            self = .url(try SourceURL(text))
        } else if text.isEmpty || text.contains("\0") {
            throw ValueError("is neither a URL nor a directory")
        } else {
            self = .directory(text)
        }
    }
}
