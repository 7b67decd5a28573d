import Glibc
import NIOCore
import NIOPosix

/// Next to the socket: how many bytes went to it, and how many of these the other side's system has acknowledged.
///
/// That a socket took bytes says nothing: they wait in it for a collector that does not read, and are lost with the
/// connection. What is acknowledged has left this machine; whether the collector has read it, TCP does not tell.
/// Confined to its channel's event loop.
final class SocketMeter: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// The beginning of Linux' `struct tcp_info`, of which the C library has less.
    private struct TCPInfo: Sendable {
        /// Up to `tcpi_bytes_acked`: 120 bytes.
        var others:
            (
                UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64,
                UInt64, UInt64
            )
        var acknowledgedBytes: UInt64
    }

    private var context: ChannelHandlerContext?
    /// What the connection itself counts as acknowledged.
    private var firstBytes: UInt64 = 0
    /// Bytes that were written, those that the socket has not taken yet included.
    private(set) var writtenBytes: UInt64 = 0

    /// Nothing has been written yet.
    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        firstBytes = total ?? 0
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        writtenBytes += UInt64(unwrapOutboundIn(data).readableBytes)
        context.write(data, promise: promise)
    }

    /// Of the bytes written, those that the other side's system has; nil once the socket is closed.
    var acknowledgedBytes: UInt64? { total.map { $0 - min(firstBytes, $0) } }

    private var total: UInt64? {
        guard let provider = context?.channel as? any SocketOptionProvider else { return nil }
        let info: EventLoopFuture<TCPInfo> = provider.unsafeGetSocketOption(level: .tcp, name: .tcp_info)
        var result: UInt64?
        // On the loop it is known at once.
        info.assumeIsolated().whenSuccess { result = $0.acknowledgedBytes }
        return result
    }
}
