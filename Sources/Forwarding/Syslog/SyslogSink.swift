import ConfigurationFile
import Feed
import Logging
import NIOCore
import Runtime
import TLS

/// Sends events as syslog messages over TLS.
///
/// Syslog has no acknowledgement: a collector that dies takes with it what it had not stored, and nobody is told. What
/// counts as taken is what the socket took and after which the connection stood for a while; the rest goes out again on
/// the next connection, from the start of a message on. So a break of the network costs nothing, and messages may come
/// twice; the death of a collector may cost what it had received and not stored.
final class SyslogSink: ForwarderSink {
    private static let waitingBytesMax = 16 << 20
    /// How long a connection stands after bytes until they count as taken.
    private static let settling = TimeAmount.seconds(1)

    private let collector: Configuration.SyslogCollector
    private let loop: any EventLoop
    private let logger: Logger
    private weak var lane: ForwarderLane?
    private var tls: TLSContext?
    private var renderer: SyslogRenderer?
    private var queue = TextQueue()
    private var channel: (any Channel)?
    /// Of connections: what belongs to an earlier one is over.
    private var generation = 0
    /// Bytes that went out on this connection, and how many of these the socket took, and have settled.
    private var outBytes = 0
    private var settledBytes = 0
    private var socketBytes = 0
    private var retry: Scheduled<Void>?
    private var delay = RetryDelay()
    private var isFinishing = false
    private var isStopped = false

    init(_ collector: Configuration.SyslogCollector, loop: any EventLoop, logger: Logger) {
        self.collector = collector
        self.loop = loop
        self.logger = logger
    }

    func begin(isResumed: Bool, _ lane: ForwarderLane) {
        self.lane = lane
        renderer = SyslogRenderer(facility: collector.facility.number, feed: lane.feed)
        renewCredentials()
        connect()
    }

    /// A connection that stands goes on with those that it was made with.
    func renewCredentials() {
        do throws(TLSError) {
            tls = try ForwarderChecks.context(of: collector.tls, protocols: [])
        } catch {
            logger.error("certificates cannot be used", metadata: ["error": "\(error)"])
        }
    }

    var hasRoom: Bool { queue.byteCount < Self.waitingBytesMax }

    func take(_ frames: [ForwardedFrame]) {
        guard let renderer else { return }
        for frame in frames {
            let (bytes, events, damaged) = renderer.messages(frame)
            lane?.damaged(events: damaged)
            queue.append(bytes, TextQueue.Progress(token: frame.token, events: events))
        }
        pump()
        takeSettled()
    }

    // MARK: The connection

    private func connect() {
        retry = nil
        guard let tls else { return failed("the certificates cannot be used") }
        let bound = NIOLoopBound(self, eventLoop: loop)
        generation += 1
        let number = generation
        CollectorConnection.open(collector.endpoint, tls: tls, on: loop) { channel in
            try channel.pipeline.syncOperations.addHandler(SyslogChannel(bound, generation: number))
        }.whenComplete { result in
            bound.value.connected(result)
        }
    }

    private func connected(_ result: Result<any Channel, any Error>) {
        switch result {
        case .failure(let error): failed("\(error)")
        case .success(let channel):
            guard !isStopped else { return channel.close(promise: nil) }
            self.channel = channel
            (outBytes, settledBytes, socketBytes) = (0, 0, 0)
            queue.restart()
            lane?.delivering()
            pump()
        }
    }

    /// Gives the socket what it takes.
    func pump() {
        guard let channel else { return }
        while channel.isWritable, queue.hasUnsent {
            guard let buffer = queue.withNext({ ByteBuffer(bytes: $0.prefix(256 << 10)) }) else { break }
            queue.sent(buffer.readableBytes)
            outBytes += buffer.readableBytes
            lane?.sent(buffer.readableBytes)
            let (end, number) = (outBytes, generation)
            let bound = NIOLoopBound(self, eventLoop: loop)
            channel.writeAndFlush(buffer).whenSuccess { bound.value.tookBytes(upTo: end, number) }
        }
        lane?.waiting(queue.byteCount)
        if isFinishing, !queue.hasUnsent, socketBytes == outBytes { endNow() }
    }

    private func tookBytes(upTo end: Int, _ number: Int) {
        guard number == generation else { return }
        socketBytes = end
        if isFinishing { return pump() }
        let bound = NIOLoopBound(self, eventLoop: loop)
        loop.scheduleTask(in: Self.settling) {
            guard bound.value.generation == number, bound.value.channel != nil else { return }
            bound.value.settledBytes = end
            // One that stands has not failed.
            bound.value.delay.succeeded()
            bound.value.takeSettled()
        }
    }

    private func takeSettled() {
        let hadRoom = hasRoom
        if let progress = queue.taken(allBut: outBytes - settledBytes) { lane?.acknowledged(progress) }
        lane?.waiting(queue.byteCount)
        if !hadRoom, hasRoom { lane?.roomChanged() }
    }

    /// The connection has ended, or could not be made.
    func ended(_ reason: String, generation number: Int) {
        guard number == generation, channel != nil else { return }
        channel = nil
        failed(reason)
    }

    private func failed(_ reason: String) {
        guard !isStopped else { return }
        channel = nil
        generation += 1
        lane?.troubled(reason)
        let bound = NIOLoopBound(self, eventLoop: loop)
        retry = loop.scheduleTask(in: .nanoseconds(delay.failed(draw: .random(in: 0...1)))) { bound.value.connect() }
    }

    // MARK: Ending

    func finish() {
        isFinishing = true
        if queue.isEmpty { return endNow() }
        pump()
    }

    /// The socket has taken all: says goodbye.
    private func endNow() {
        guard let lane, !isStopped else { return }
        isStopped = true
        generation += 1
        if let progress = queue.taken(allBut: 0) { lane.acknowledged(progress) }
        guard let channel else { return lane.ended() }
        channel.close().whenComplete { [weak lane] _ in lane?.ended() }
    }

    func stop() -> EventLoopFuture<Void> {
        isStopped = true
        retry?.cancel()
        channel?.close(promise: nil)
        channel = nil
        lane = nil
        return loop.makeSucceededVoidFuture()
    }
}

/// Tells the sink of its connection. Collectors say nothing.
private final class SyslogChannel: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let sink: NIOLoopBound<SyslogSink>
    private let generation: Int
    private var reason = "the collector closed the connection"

    init(_ sink: NIOLoopBound<SyslogSink>, generation: Int) {
        self.sink = sink
        self.generation = generation
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { sink.value.pump() }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        reason = describe(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        sink.value.ended(reason, generation: generation)
        context.fireChannelInactive()
    }
}
