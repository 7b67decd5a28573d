package import NIOCore

extension SocketAddress {
    /// Whom a connection is with, for people: `10.0.0.5:41234`, `[2001:db8::7]:41234`.
    package var hostAndPort: String {
        guard let ipAddress, let port else { return "?" }
        return `protocol` == .inet6 ? "[\(ipAddress)]:\(port)" : "\(ipAddress):\(port)"
    }
}
