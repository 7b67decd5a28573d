package import NIOCore
package import ReExport

/// Every bound of the LTTng live listener and of its viewers.
package struct ViewerLimits: Sendable {
    /// Connections, attached or not.
    package var viewers = 32
    /// From the connection to the first request.
    package var handshake = TimeAmount.seconds(10)
    /// From the feed's end until viewers are cut off that have not taken the rest.
    package var drain = TimeAmount.seconds(3)
    /// How often it is said of a viewer, at most, that packets are given up.
    package var complaints = TimeAmount.seconds(10)
    /// Replies that wait for a viewer's socket, bytes; no request is answered meanwhile.
    package var outgoingBytes = 1 << 20
    /// What is received at a time, bytes: requests, of which none is shorter than 16, that wait to be answered. Nothing
    /// more is received before they are.
    package var incomingBytes = 16 << 10
    /// Requests that are answered before others have their turn.
    package var turnRequests = 64
    /// What one viewer costs.
    package var export = ReExportLimits()

    package init() {}
}
