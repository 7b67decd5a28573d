import ConfigurationFile
import Feed
import Logging
import NIOCore
import NIOHTTP1
import Runtime
import TLS

/// Posts events to a collector of OpenTelemetry's, in batches, several at a time.
final class OTLPSink: ForwarderSink {
    private let collector: Configuration.OTLPCollector
    private let loop: any EventLoop
    private let logger: Logger
    private weak var lane: ForwarderLane?
    private var tls: TLSContext?
    private var window: DeliveryWindow
    private var builder: LogBatchBuilder?
    /// Bodies as they are sent, of batches that are not done with.
    private var bodies: [DeliveryWindow.BatchID: ByteBuffer] = [:]
    private var waitingBytes = 0
    private var connections: [HTTPConnection] = []
    private var deadline: Scheduled<Void>?
    private var wake: Scheduled<Void>?
    private var damagedEvents: UInt64 = 0
    private var isFinishing = false
    private var isStopped = false
    private var refusalsSaidAt: NIODeadline?

    init(_ collector: Configuration.OTLPCollector, loop: any EventLoop, logger: Logger) {
        self.collector = collector
        self.loop = loop
        self.logger = logger
        window = DeliveryWindow(concurrency: collector.concurrency)
    }

    func begin(isResumed: Bool, _ lane: ForwarderLane) {
        self.lane = lane
        builder = LogBatchBuilder(collector.batch, feed: lane.feed)
        renewCredentials()
    }

    func renewCredentials() {
        guard let wanted = collector.tls else { return }
        do throws(TLSError) {
            tls = try ForwarderChecks.context(of: wanted, protocols: [])
            for connection in connections where connection.isUsable { connection.close() }
        } catch {
            logger.error("certificates cannot be used", metadata: ["error": "\(error)"])
        }
    }

    /// Two batches more than are on their way are made ready.
    var hasRoom: Bool { window.count < collector.concurrency + 2 }

    // MARK: Batches

    func take(_ frames: [ForwardedFrame]) {
        guard let builder else { return }
        let observedNs = UInt64(max(WallClock.nowNs, 0))
        for frame in frames {
            let passed = builder.append(frame, observedNs: observedNs) { self.add($0) }
            if let token = passed?.token, let done = window.passed(token) { acknowledge(done) }
        }
        lane?.damaged(events: builder.damagedEvents - damagedEvents)
        damagedEvents = builder.damagedEvents
        if !builder.isEmpty, deadline == nil {
            let bound = NIOLoopBound(self, eventLoop: loop)
            deadline = loop.scheduleTask(in: .nanoseconds(collector.batch.afterNs)) {
                bound.value.deadline = nil
                bound.value.closeBatch()
            }
        }
        pump()
    }

    private func closeBatch() {
        deadline?.cancel()
        deadline = nil
        if let batch = builder?.close() { add(batch) }
        pump()
    }

    private func add(_ batch: LogBatch) {
        let id = window.add(batch.progress)
        let bytes = collector.usesGzip ? Gzip.compress(batch.bytes) : batch.bytes
        bodies[id] = ByteBuffer(bytes: bytes)
        waitingBytes += bytes.count
        lane?.waiting(waitingBytes)
    }

    /// Sends what may be sent.
    private func pump() {
        guard !isStopped else { return }
        let nowNs = Self.nowNs
        while let id = window.next(nowNs: nowNs) { send(id) }
        if window.hasWaiting, window.pausedUntilNs > nowNs, wake == nil {
            let bound = NIOLoopBound(self, eventLoop: loop)
            wake = loop.scheduleTask(in: .nanoseconds(window.pausedUntilNs - nowNs)) {
                bound.value.wake = nil
                bound.value.pump()
            }
        }
    }

    private static var nowNs: Int64 { Int64(clamping: NIODeadline.now().uptimeNanoseconds) }

    // MARK: Requests

    private func send(_ id: DeliveryWindow.BatchID) {
        guard let body = bodies[id] else { return }
        let bound = NIOLoopBound(self, eventLoop: loop)
        let timeout = TimeAmount.nanoseconds(collector.timeoutNs)
        connection().flatMap { connection in
            bound.value.lane?.sent(body.readableBytes)
            return connection.send(bound.value.head(body), body, within: timeout)
        }.whenComplete { result in
            bound.value.ended(id, result)
        }
    }

    private func connection() -> EventLoopFuture<HTTPConnection> {
        connections.removeAll { !$0.isUsable && !$0.isBusy }
        if let usable = connections.first(where: { $0.isUsable }) { return loop.makeSucceededFuture(usable) }
        let connection = HTTPConnection()
        let bound = NIOLoopBound(self, eventLoop: loop)
        return CollectorConnection.open(collector.endpoint, tls: tls, on: loop) { channel in
            try channel.pipeline.syncOperations.addHTTPClientHandlers()
            try channel.pipeline.syncOperations.addHandler(connection)
        }.map { _ in
            bound.value.connections.append(connection)
            return connection
        }
    }

    private func head(_ body: ByteBuffer) -> HTTPRequestHead {
        var headers = HTTPHeaders()
        headers.add(name: "Host", value: "\(collector.endpoint)")
        headers.add(name: "User-Agent", value: "tidemark")
        headers.add(name: "Content-Type", value: "application/x-protobuf")
        headers.add(name: "Content-Length", value: "\(body.readableBytes)")
        if collector.usesGzip { headers.add(name: "Content-Encoding", value: "gzip") }
        for header in collector.headers { headers.replaceOrAdd(name: header.name, value: header.value) }
        return HTTPRequestHead(version: .http1_1, method: .POST, uri: collector.path, headers: headers)
    }

    private func ended(_ id: DeliveryWindow.BatchID, _ result: Result<HTTPConnection.Answer, any Error>) {
        guard !isStopped else { return }
        var answer: CollectorAnswer
        switch result {
        case .success(let response):
            answer = CollectorAnswer(
                status: response.status,
                reason: response.reason,
                body: response.body,
                retryAfter: response.retryAfter,
                nowSeconds: WallClock.nowNs / 1_000_000_000
            )
        case .failure(let failure as HTTPConnection.Failure):
            if failure.mayBeStale {
                window.unsent(id)
                return pump()
            }
            answer = CollectorAnswer(failure: failure.reason)
        case .failure(let error): answer = CollectorAnswer(failure: "\(error)")
        }
        let hadRoom = hasRoom
        let done = window.ended(id, answer.outcome, nowNs: Self.nowNs, draw: .random(in: 0...1))
        note(answer)
        if answer.isOver, let body = bodies.removeValue(forKey: id) {
            waitingBytes -= body.readableBytes
            lane?.waiting(waitingBytes)
        }
        if let done { acknowledge(done) }
        pump()
        if isFinishing, window.isEmpty { return endNow() }
        if !hadRoom, hasRoom { lane?.roomChanged() }
    }

    /// Says what the collector does not take, what it refuses for good at most once a second.
    private func note(_ answer: CollectorAnswer) {
        switch answer.outcome {
        case .failed: lane?.troubled(answer.trouble ?? "")
        case .accepted, .refused:
            lane?.delivering()
            guard let trouble = answer.trouble else { return }
            let now = NIODeadline.now()
            if let said = refusalsSaidAt, now - said < .seconds(1) { return }
            refusalsSaidAt = now
            logger.error("events are refused, and not sent again", metadata: ["reason": "\(printable(trouble))"])
        }
    }

    private func acknowledge(_ done: DeliveryWindow.Done) {
        if done.refusedEvents > 0 { lane?.refused(events: done.refusedEvents) }
        lane?.acknowledged(done.progress)
    }

    // MARK: Ending

    func finish() {
        isFinishing = true
        closeBatch()
        if window.isEmpty { endNow() }
    }

    private func endNow() {
        for connection in connections { connection.close() }
        lane?.ended()
    }

    func stop() -> EventLoopFuture<Void> {
        isStopped = true
        deadline?.cancel()
        wake?.cancel()
        for connection in connections { connection.close() }
        lane = nil
        return loop.makeSucceededVoidFuture()
    }
}

extension CollectorAnswer {
    /// There is none.
    init(failure reason: String) {
        outcome = .failed(afterNs: 0)
        trouble = reason
    }

    /// Whether the batch is done with.
    var isOver: Bool {
        if case .failed = outcome { return false }
        return true
    }
}
