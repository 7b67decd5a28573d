import HummingbirdCore
import Logging
import NIOCore
import Runtime

/// A connection: HTTP/1.1, inside TLS where there is TLS when it comes.
struct WebChannel: ServerChildChannel {
    let access: HTTPAccess
    let limits: WebLimits
    let http: HTTP1Channel

    init(access: HTTPAccess, limits: WebLimits, responder: @escaping HTTPChannelHandler.Responder) {
        self.access = access
        self.limits = limits
        http = HTTP1Channel(
            responder: responder,
            configuration: HTTP1Channel.Configuration(
                idleTimeout: limits.idle,
                httpDecoderConfiguration: HTTP1Channel.Configuration.DecoderConfiguration(
                    maxHeaderFieldSize: limits.headerBytes,
                    maxHeaderListSize: limits.allHeaderBytes,
                    maxHeaderFieldCount: limits.headers
                )
            )
        )
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        guard let tls = access.current.tls else { return http.setup(channel: channel, logger: logger) }
        let added = channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(TLSServerHandler(tls, limits: limits, logger: logger))
        }
        return added.flatMap { http.setup(channel: channel, logger: logger) }
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async {
        await http.handle(value: value, logger: logger)
    }
}
