import ConfigurationFile
import Feed
import Logging
import NIOCore
import Runtime
import TLS

/// Sends events as syslog messages over TLS.
///
/// Syslog has no acknowledgement, so what counts as taken is what the collector's system has acknowledged in TCP, and
/// after which the connection stood for a while; the rest goes out again on the next connection, from the start of a
/// message on. So neither a break of the network nor a collector that does not read costs anything, and messages may
/// come twice. What its system had and the collector had not read when it died is lost, and nobody is told.
final class SyslogSink: ForwarderSink {
    private static let waitingBytesMax = 16 << 20
    /// How long a connection stands after bytes were acknowledged until they count as taken.
    private static let settling = TimeAmount.seconds(1)
    /// Between two looks at what is acknowledged: TCP does not tell by itself.
    private static let lookInterval = TimeAmount.milliseconds(20)

    /// How far the bytes of this connection are.
    private struct Progress {
        /// Bytes that went out, and of these, those that count as taken.
        var outBytes = 0
        var takenBytes = 0
        /// By age: ends of what went out, in bytes and in those of the socket.
        var sent: [(bytes: Int, socketBytes: UInt64)] = []
        /// By age: ends of what was acknowledged, and since when that is known.
        var acknowledged: [(bytes: Int, since: NIODeadline)] = []

        /// Whether nothing waits to be acknowledged, or to settle.
        var isSettled: Bool { takenBytes == outBytes }

        mutating func note(acknowledged socketBytes: UInt64, at now: NIODeadline) {
            let count = sent.firstIndex { $0.socketBytes > socketBytes } ?? sent.count
            guard count > 0 else { return }
            acknowledged.append((sent[count - 1].bytes, now))
            sent.removeFirst(count)
        }

        mutating func settle(before deadline: NIODeadline) {
            let count = acknowledged.firstIndex { $0.since > deadline } ?? acknowledged.count
            guard count > 0 else { return }
            takenBytes = acknowledged[count - 1].bytes
            acknowledged.removeFirst(count)
        }
    }

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
    private var meter: SocketMeter?
    private var progress = Progress()
    private var look: Scheduled<Void>?
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
        renderer = SyslogRenderer(facility: collector.facility.number, feed: lane.feed.id)
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
            do {
                meter = try channel.pipeline.syncOperations.handler(type: SocketMeter.self)
            } catch {
                channel.close(promise: nil)
                return failed("the collector closed the connection")
            }
            self.channel = channel
            progress = Progress()
            queue.restart()
            let (bound, number) = (NIOLoopBound(self, eventLoop: loop), generation)
            // One that is refused by TLS 1.3 is told so after it has agreed.
            loop.scheduleTask(in: Self.settling) { bound.value.stood(number) }
            pump()
        }
    }

    /// The connection has stood for a while.
    private func stood(_ number: Int) {
        guard number == generation, channel != nil else { return }
        delay.succeeded()
        lane?.delivering()
    }

    /// Gives the socket what it takes.
    func pump() {
        guard let channel, let meter else { return }
        while channel.isWritable, queue.hasUnsent {
            guard let buffer = queue.withNext({ ByteBuffer(bytes: $0.prefix(256 << 10)) }) else { break }
            let before = meter.writtenBytes
            channel.write(buffer, promise: nil)
            // Else the connection has just ended, which is told.
            guard meter.writtenBytes > before else { return }
            queue.sent(buffer.readableBytes)
            progress.outBytes += buffer.readableBytes
            progress.sent.append((progress.outBytes, meter.writtenBytes))
            lane?.sent(buffer.readableBytes)
            // When there is room again this is called from within.
            channel.flush()
        }
        lane?.waiting(queue.byteCount)
        lookLater()
    }

    private func lookLater() {
        guard look == nil, !progress.isSettled else { return }
        let (bound, number) = (NIOLoopBound(self, eventLoop: loop), generation)
        look = loop.scheduleTask(in: Self.lookInterval) {
            guard bound.value.generation == number else { return }
            bound.value.look = nil
            bound.value.lookAtSocket()
        }
    }

    private func lookAtSocket() {
        guard channel != nil, let socketBytes = meter?.acknowledgedBytes else { return }
        let now = NIODeadline.now()
        progress.note(acknowledged: socketBytes, at: now)
        // At the end as well: one that refuses us says so after it has agreed.
        progress.settle(before: now - Self.settling)
        takeSettled()
        lookLater()
    }

    private func takeSettled() {
        let hadRoom = hasRoom
        let taken = queue.taken(allBut: progress.outBytes - progress.takenBytes)
        if let taken { lane?.acknowledged(taken) }
        lane?.waiting(queue.byteCount)
        if isFinishing, queue.isEmpty { return endNow() }
        if !hadRoom, hasRoom { lane?.roomChanged() }
    }

    /// The connection has ended, or could not be made.
    func ended(_ reason: String, generation number: Int) {
        guard number == generation, channel != nil else { return }
        failed(reason)
    }

    /// What belongs to the connection is over.
    private func disconnected() {
        generation += 1
        look?.cancel()
        (channel, meter, look) = (nil, nil, nil)
    }

    private func failed(_ reason: String) {
        guard !isStopped else { return }
        disconnected()
        lane?.troubled(reason)
        let bound = NIOLoopBound(self, eventLoop: loop)
        retry = loop.scheduleTask(in: .nanoseconds(delay.failed(draw: .random(in: 0...1)))) { bound.value.connect() }
    }

    // MARK: Ending

    func finish() {
        isFinishing = true
        if queue.isEmpty { endNow() } else { pump() }
    }

    /// All is taken: says goodbye.
    private func endNow() {
        guard let lane, !isStopped else { return }
        isStopped = true
        let channel = channel
        disconnected()
        guard let channel else { return lane.ended() }
        channel.close().whenComplete { [weak lane] _ in lane?.ended() }
    }

    func stop() -> EventLoopFuture<Void> {
        isStopped = true
        retry?.cancel()
        channel?.close(promise: nil)
        disconnected()
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
