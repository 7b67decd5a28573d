import NIOCore
import NIOHTTP1
import Runtime

/// One connection to a collector, for one request after the other. Confined to its event loop, which
/// `@unchecked Sendable` stands for.
final class HTTPConnection: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    struct Answer {
        var status: Int
        var reason: String
        var retryAfter: String?
        var body: [UInt8]
    }

    /// Why a request has no answer.
    struct Failure: Error {
        var reason: String
        /// The connection had been used before, and nothing came back: the collector may have closed it meanwhile.
        var mayBeStale = false
    }

    /// Of an answer's body, what is read before the collector is taken for hostile.
    private static let bodyBytesMax = 16 << 20

    /// Of an answer's body, what is kept.
    private let keptBytesMax: Int
    private var context: ChannelHandlerContext?
    private var promise: EventLoopPromise<Answer>?
    private var timeout: Scheduled<Void>?
    private var answer: Answer?
    private var bodyBytes = 0
    private var requests = 0
    private var staysOpen = true
    private var isRetired = false
    private var fault: String?

    init(keptBytesMax: Int = 64 << 10) { self.keptBytesMax = keptBytesMax }

    /// Whether another request may be sent.
    var isUsable: Bool { context != nil && promise == nil && staysOpen }

    /// Whether a request waits for its answer.
    var isBusy: Bool { promise != nil }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// - Parameter time: for the answer as a whole.
    func send(_ head: HTTPRequestHead, _ body: ByteBuffer?, within time: TimeAmount) -> EventLoopFuture<Answer> {
        guard let context else { preconditionFailure("not connected") }
        let promise = context.eventLoop.makePromise(of: Answer.self)
        self.promise = promise
        requests += 1
        answer = nil
        bodyBytes = 0
        timeout = context.eventLoop.assumeIsolated().scheduleTask(in: time) {
            self.end("no answer within \(time.nanoseconds / 1_000_000) ms")
        }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if let body { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        return promise.futureResult
    }

    /// It makes no further request.
    func retire() {
        isRetired = true
        if !isBusy { close() }
    }

    func close() {
        staysOpen = false
        context?.close(promise: nil)
    }

    // MARK: Channel

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            // 100 to 199 are followed by the answer.
            guard head.status.code >= 200 else { return }
            staysOpen = head.isKeepAlive
            answer = Answer(
                status: Int(head.status.code),
                reason: head.status.reasonPhrase,
                retryAfter: head.headers.first(name: "retry-after"),
                body: []
            )
        case .body(let part):
            bodyBytes += part.readableBytes
            guard bodyBytes <= Self.bodyBytesMax else { return end("the collector's answer is too long") }
            let room = keptBytesMax - (answer?.body.count ?? 0)
            answer?.body += part.readableBytesView.prefix(room)
        case .end:
            guard let answer, let promise else { return }
            self.promise = nil
            timeout?.cancel()
            if isRetired { staysOpen = false }
            promise.succeed(answer)
            if !staysOpen { context.close(promise: nil) }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fault = error is HTTPParserError ? "the collector does not speak HTTP: \(error)" : describe(error)
        end(fault ?? "")
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(fault ?? "the collector closed the connection")
        self.context = nil
        context.fireChannelInactive()
    }

    private func end(_ reason: String) {
        staysOpen = false
        timeout?.cancel()
        if let promise {
            self.promise = nil
            let isClosed = context?.channel.isActive != true
            promise.fail(Failure(reason: reason, mayBeStale: requests > 1 && answer == nil && isClosed))
        }
        context?.close(promise: nil)
    }
}
