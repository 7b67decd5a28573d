import NIOCore
import NIOPosix
import Synchronization
import TLS

/// A connection that says what the test tells it to, and keeps what comes back.
final class HTTPClient: Sendable {
    /// What came back until the connection was closed.
    struct Answer: Sendable {
        var bytes: [UInt8] = []
        /// What TLS said.
        var fault: String?

        var text: String { String(decoding: bytes, as: UTF8.self) }
        /// Of all answers that have begun.
        var statuses: [Int] {
            text.split(separator: "HTTP/1.1 ", omittingEmptySubsequences: false).dropFirst().compactMap { answer in
                Int(answer.prefix { $0 != " " })
            }
        }
        /// Of the first answer; nil without one.
        var status: Int? { statuses.first }
        var body: String { text.firstRange(of: "\r\n\r\n").map { String(text[$0.upperBound...]) } ?? "" }

        /// The body of an answer that came in chunks; nil where its last chunk is missing.
        var chunks: [UInt8]? {
            guard let head = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
            var rest = bytes[head.upperBound...]
            var body: [UInt8] = []
            while let end = rest.firstRange(of: Array("\r\n".utf8)) {
                let size = String(decoding: rest[..<end.lowerBound], as: UTF8.self)
                guard let count = Int(size, radix: 16), rest[end.upperBound...].count >= count + 2 else { return nil }
                if count == 0 { return body }
                body += rest[end.upperBound...].prefix(count)
                rest = rest[(end.upperBound + count + 2)...]
            }
            return nil
        }

        /// The value of a header of the first answer.
        func header(_ name: String) -> String? {
            let head = text.firstRange(of: "\r\n\r\n").map { text[..<$0.lowerBound] } ?? ""
            let lines = head.split(separator: "\r\n").dropFirst()
            let line = lines.first { $0.lowercased().hasPrefix(name.lowercased() + ":") }
            return line.map { String($0.dropFirst(name.count + 1).drop { $0 == " " }) }
        }
    }

    private let channel: any Channel
    private let handler: Handler

    private init(channel: any Channel, handler: Handler) {
        self.channel = channel
        self.handler = handler
    }

    static func connect(port: Int, tls: TLSContext? = nil) async throws -> HTTPClient {
        let handler = Handler(engine: try tls.map { try TLSEngine($0, serverName: "localhost") })
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in channel.pipeline.addHandler(handler) }
            .connect(host: "127.0.0.1", port: port)
            .get()
        return HTTPClient(channel: channel, handler: handler)
    }

    func say(_ text: String) {
        channel.eventLoop.execute { self.handler.say(Array(text.utf8)) }
    }

    /// What has come once `enough` says so, or the connection is closed.
    func until(_ enough: @escaping @Sendable (Answer) -> Bool) async throws -> Answer {
        try await channel.eventLoop.flatSubmit { self.handler.until(enough) }.get()
    }

    /// What has come when the connection is closed by the other side.
    func untilClosed() async throws -> Answer { try await until { _ in false } }

    func stopReading() async throws { try await channel.setOption(.autoRead, value: false).get() }

    func close() async throws { try await channel.close() }

    /// Confined to the connection's event loop.
    private final class Handler: ChannelInboundHandler, @unchecked Sendable {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let engine: TLSEngine?
        private var context: ChannelHandlerContext?
        private var answer = Answer()
        private var isClosed = false
        private var unsaid: [UInt8] = []
        private var waiters: [(enough: (Answer) -> Bool, promise: EventLoopPromise<Answer>)] = []

        init(engine: TLSEngine?) { self.engine = engine }

        func channelActive(context: ChannelHandlerContext) {
            self.context = context
            pump()
        }

        func channelInactive(context: ChannelHandlerContext) {
            isClosed = true
            for waiter in waiters { waiter.promise.succeed(answer) }
            waiters = []
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let buffer = unwrapInboundIn(data)
            if let engine {
                do {
                    try buffer.withUnsafeReadableBytes { try engine.receive($0) }
                    var piece = [UInt8](repeating: 0, count: 16 << 10)
                    while case .bytes(let count) = try piece.withUnsafeMutableBytes({ try engine.read(into: $0) }) {
                        answer.bytes += piece[..<count]
                    }
                } catch {
                    answer.fault = "\(error)"
                }
            } else {
                answer.bytes += buffer.readableBytesView
            }
            pump()
            let done = waiters.filter { $0.enough(answer) }
            waiters.removeAll { $0.enough(answer) }
            for waiter in done { waiter.promise.succeed(answer) }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        func say(_ bytes: [UInt8]) {
            unsaid += bytes
            pump()
        }

        func until(_ enough: @escaping (Answer) -> Bool) -> EventLoopFuture<Answer> {
            guard let context else { preconditionFailure("not connected") }
            let promise = context.eventLoop.makePromise(of: Answer.self)
            if isClosed || enough(answer) { promise.succeed(answer) } else { waiters.append((enough, promise)) }
            return promise.futureResult
        }

        private func pump() {
            guard let context, !isClosed else { return }
            guard let engine else {
                if !unsaid.isEmpty { context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: unsaid)), promise: nil) }
                unsaid = []
                return
            }
            if engine.state == .established, !unsaid.isEmpty {
                _ = try? unsaid.withUnsafeBytes { try engine.write($0) }
                unsaid = []
            }
            guard engine.outputByteCount > 0 else { return }
            var buffer = context.channel.allocator.buffer(capacity: engine.outputByteCount)
            engine.withOutput { bytes in
                buffer.writeBytes(bytes)
                return bytes.count
            }
            context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        }
    }
}
