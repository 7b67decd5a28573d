/// Names of hosts in certificates.
enum HostName {
    /// Whether a name of a certificate stands for a host: the same, case and a last dot aside, or with `*` as its whole
    /// first label, which stands for one label of the host's (RFC 6125, 6.4).
    static func matches(_ pattern: String, _ host: String) -> Bool {
        let pattern = labels(pattern)
        let host = labels(host)
        guard pattern.count == host.count, let first = pattern.first, let firstOfHost = host.first else { return false }
        guard pattern.dropFirst() == host.dropFirst() else { return false }
        if first == firstOfHost { return true }
        // `*.org` would stand for everything there is.
        return first == "*" && pattern.count >= 3 && !firstOfHost.isEmpty
    }

    private static func labels(_ name: String) -> [Substring] {
        let lower = name.hasSuffix(".") ? name.dropLast() : name[...]
        return lower.lowercased().split(separator: ".", omittingEmptySubsequences: false)
            .map { $0[...] }
    }
}
