import HTTPTypes
import Runtime

/// What a request has to be like before anything is looked up for it.
struct RequestRules {
    let limits: WebLimits
    /// The host that the configuration says to listen on.
    let listenHost: String

    /// - Returns: why the request is refused; nil where it is not.
    func refusal(of head: HTTPRequest, _ grant: HTTPAccess.Grant) -> WebAnswer? {
        guard head.method == .get || head.method == .head else {
            return WebAnswer(.methodNotAllowed, "only GET and HEAD are answered")
        }
        guard !hasBody(head) else { return WebAnswer(.contentTooLarge, "a request has no body here") }
        guard let path = head.path, path.utf8.count <= limits.targetBytes, path.hasPrefix("/") else {
            return WebAnswer(.uriTooLong, "the path is too long, or none")
        }
        guard let authority = head.authority, isOurs(authority, grant) else {
            return WebAnswer(.misdirectedRequest, "this is another host")
        }
        return nil
    }

    func hasBody(_ head: HTTPRequest) -> Bool {
        head.headerFields[.transferEncoding] != nil || (head.headerFields[.contentLength].map { $0 != "0" } ?? false)
    }

    /// A page of someone else's reaches us through a browser by a name of its own that it lets point here: so only
    /// names of ours are answered, and addresses, which cannot be made to point elsewhere.
    func isOurs(_ authority: String, _ grant: HTTPAccess.Grant) -> Bool {
        guard let host = Self.host(of: authority) else { return false }
        if host.hasPrefix("[") || Self.isAddress4(host) || host == "localhost" { return true }
        return host == listenHost.lowercased() || grant.isOurName(host)
    }

    /// The host of `HOST[:PORT]` in small letters, an IPv6 address in its brackets; nil where it is none.
    private static func host(of authority: String) -> String? {
        let text = authority.lowercased()
        let end: String.Index
        if text.hasPrefix("[") {
            guard let bracket = text.firstIndex(of: "]") else { return nil }
            end = text.index(after: bracket)
            let inside = text[..<end].dropFirst().dropLast()
            guard inside.utf8.allSatisfy({ isHexDigit($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") })
            else {
                return nil
            }
        } else {
            end = text.firstIndex(of: ":") ?? text.endIndex
        }
        let port = text[end...]
        let isPort = port.isEmpty || (port.utf8.count <= 6 && port.dropFirst().utf8.allSatisfy(isDigit))
        guard isPort, end > text.startIndex else { return nil }
        return String(text[..<end])
    }

    private static func isAddress4(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { (1...3).contains($0.utf8.count) && $0.utf8.allSatisfy(isDigit) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }

    /// Said with every answer: it is for the one who asked, as what it says it is, and a page runs nothing but what is
    /// served here.
    static let headers: HTTPFields = [
        .contentSecurityPolicy: """
        default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
        base-uri 'none'; form-action 'none'; frame-ancestors 'none'
        """,
        .xContentTypeOptions: "nosniff",
        .cacheControl: "no-store",
        name("Referrer-Policy"): "no-referrer",
        name("X-Frame-Options"): "DENY",
        name("Cross-Origin-Resource-Policy"): "same-origin",
        name("Cross-Origin-Opener-Policy"): "same-origin",
    ]

    private static func name(_ text: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(text) else { preconditionFailure("no name of a header: \(text)") }
        return name
    }
}
