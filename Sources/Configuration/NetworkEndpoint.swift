/// A host and a port, as `HOST:PORT`, an IPv6 address in brackets.
package struct NetworkEndpoint: Sendable, Hashable {
    /// A name or an address, without brackets.
    package let host: String
    package let port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
}

extension NetworkEndpoint: CustomStringConvertible {
    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
