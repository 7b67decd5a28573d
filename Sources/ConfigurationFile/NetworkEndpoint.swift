#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// A host and a port, as `HOST:PORT`, an IPv6 address in brackets.
package struct NetworkEndpoint: Sendable, Hashable {
    /// A name or an address, without brackets.
    package let host: String
    package let port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Reads an address to listen on: `HOST:PORT`; port 0 lets the system choose one.
    package init(listening text: String) throws(ValueError) { try self.init(text, defaultPort: nil, allowsZero: true) }

    /// - Parameter defaultPort: nil where a port must be given.
    init(_ text: String, defaultPort: UInt16?, allowsZero: Bool = false) throws(ValueError) {
        let (host, rest) = try Self.splitHost(text)
        self.host = host
        guard let rest else {
            guard let defaultPort else { throw ValueError("needs a port, as in \(Self.bracketed(host)):7443") }
            port = defaultPort
            return
        }
        let isNumber = (1...5).contains(rest.utf8.count) && rest.utf8.allSatisfy { (0x30...0x39).contains($0) }
        guard isNumber, let number = UInt16(rest), number > 0 || allowsZero else {
            throw ValueError("'\(rest)' is not a port: a number up to 65535 is expected")
        }
        port = number
    }

    /// - Returns: the host, and the text behind its colon; nil where there is no colon.
    private static func splitHost(_ text: String) throws(ValueError) -> (String, String?) {
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { throw ValueError("'\(text)' lacks the closing bracket") }
            let address = String(text[text.index(after: text.startIndex)..<end])
            guard isAddress6(address) else { throw ValueError("'\(address)' is not an IPv6 address") }
            let rest = text[text.index(after: end)...]
            if rest.isEmpty { return (address, nil) }
            guard rest.hasPrefix(":") else { throw ValueError("'\(rest)' behind the bracket is not a port") }
            return (address, String(rest.dropFirst()))
        }
        let parts = text.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count <= 2 else { throw ValueError("'\(text)': an IPv6 address is written in brackets") }
        let host = String(parts[0])
        guard isName(host) else {
            throw ValueError(host.isEmpty ? "needs a host" : "'\(host)' is not a host name or address")
        }
        return (host, parts.count == 2 ? String(parts[1]) : nil)
    }

    private static func isName(_ text: String) -> Bool {
        (1...253).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }

    /// An IPv6 address, a zone behind `%` allowed.
    private static func isAddress6(_ text: String) -> Bool {
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        guard text.utf8.count <= 100, parts.count == 1 || isName(String(parts[1])) else { return false }
        var address = in6_addr()
        return inet_pton(AF_INET6, String(parts[0]), &address) == 1
    }

    /// Whether nobody but this machine can reach it. Of names only `localhost` is known to be so.
    package var isLoopback: Bool {
        let host = host.lowercased()
        if host == "localhost" || host == "::1" { return true }
        var address = in_addr()
        return inet_pton(AF_INET, host, &address) == 1 && UInt32(bigEndian: address.s_addr) >> 24 == 127
    }

    private static func bracketed(_ host: String) -> String { host.contains(":") ? "[\(host)]" : host }
}

extension NetworkEndpoint: CustomStringConvertible {
    package var description: String { "\(Self.bracketed(host)):\(port)" }
}
