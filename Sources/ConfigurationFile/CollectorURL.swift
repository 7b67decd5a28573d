/// Where a collector listens: `tls://HOST:PORT` (syslog), `http://HOST[:PORT][/PATH]` or `https://…` (OTLP).
struct CollectorURL: Equatable {
    var endpoint: NetworkEndpoint
    /// Empty, or with its slash.
    var path: String
    var isTLS: Bool

    /// The longest URL that is read, in bytes.
    private static let bytesMax = 2_048
    /// RFC 6587 and RFC 5425.
    private static let syslogPort: UInt16 = 6514
    private static let otlpPort: UInt16 = 4318

    init(syslog text: String) throws(ValueError) {
        let (scheme, authority, path) = try Self.split(text, expected: "tls://HOST[:PORT]")
        guard scheme == "tls" else { throw ValueError("'\(scheme)://' is not known: tls:// is expected") }
        guard path.isEmpty || path == "/" else { throw ValueError("a tls:// URL has no path: '\(path)'") }
        endpoint = try NetworkEndpoint(authority, defaultPort: Self.syslogPort)
        (self.path, isTLS) = ("", true)
    }

    init(otlp text: String) throws(ValueError) {
        let (scheme, authority, path) = try Self.split(text, expected: "https://HOST[:PORT][/v1/logs]")
        guard scheme == "https" || scheme == "http" else {
            throw ValueError("'\(scheme)://' is not known: https:// or http:// is expected")
        }
        guard path.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "#") }) else {
            throw ValueError("'\(path)' is not the path of a request: spaces and others are written as %20")
        }
        endpoint = try NetworkEndpoint(authority, defaultPort: Self.otlpPort)
        self.path = path.isEmpty || path == "/" ? "/v1/logs" : path
        isTLS = scheme == "https"
    }

    private static func split(
        _ text: String,
        expected: String
    ) throws(ValueError) -> (scheme: String, authority: String, path: String) {
        guard text.utf8.count <= bytesMax, !text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F })
        else { throw ValueError("is not a URL: too long, or with control characters in it") }
        guard let colon = text.firstRange(of: "://") else {
            throw ValueError("'\(text)' is not a URL: \(expected) is expected")
        }
        let rest = text[colon.upperBound...]
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        guard !rest[..<slash].contains("@") else {
            throw ValueError("has a name or a password in it: headers are the place for those")
        }
        return (String(text[..<colon.lowerBound]), String(rest[..<slash]), String(rest[slash...]))
    }
}
