package import NIOCore

/// Every bound of the HTTP server.
package struct WebLimits: Sendable {
    /// Further ones wait until others are closed.
    package var connections = 256
    /// Until a connection's TLS is agreed on.
    package var handshake = TimeAmount.seconds(10)
    /// How long a connection may be without a request, or a request's head may take.
    package var idle = TimeAmount.seconds(30)
    /// From a request until its answer has been taken; of one that is streamed, until a piece of it has.
    package var answer = TimeAmount.seconds(30)
    /// From the daemon's end until answers that are on their way have been taken.
    package var closing = TimeAmount.seconds(2)
    /// One header or a target, and all of a request together, bytes.
    package var headerBytes = 17 << 10
    package var allHeaderBytes = 18 << 10
    package var headers = 64
    /// Path and query, bytes.
    package var targetBytes = 16 << 10

    package init() {}
}
