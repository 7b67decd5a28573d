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
    /// Counts the times at which `tls` was made.
    private var renewals = 0
    private var window: DeliveryWindow
    private var builder: LogBatchBuilder?
    /// Those that are not done with.
    private var batches: [DeliveryWindow.BatchID: PartedBatch] = [:]
    private var connections: [HTTPConnection] = []
    private var deadline: Scheduled<Void>?
    private var wake: Scheduled<Void>?
    private var damagedEvents: UInt64 = 0
    private var isFinishing = false
    private var isStopped = false
    private var refusalsSaidAt: NIODeadline?
    private var splitsSaidAt: NIODeadline?

    init(_ collector: Configuration.OTLPCollector, loop: any EventLoop, logger: Logger) {
        self.collector = collector
        self.loop = loop
        self.logger = logger
        window = DeliveryWindow(concurrency: collector.concurrency)
    }

    func begin(isResumed: Bool, _ lane: ForwarderLane) {
        self.lane = lane
        builder = LogBatchBuilder(collector.batch, feed: lane.feed.id)
        renewCredentials()
    }

    func renewCredentials() {
        do throws(TLSError) {
            tls = try collector.tls.map { (wanted) throws(TLSError) in
                try ForwarderChecks.context(of: wanted, protocols: [])
            }
            renewals += 1
            for connection in connections { connection.retire() }
        } catch {
            logger.error("certificates cannot be used", metadata: ["error": "\(error)"])
        }
        // What was held against the old ones need not be held against these.
        window.resume()
        wake?.cancel()
        wake = nil
        pump()
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
        batches[id] = PartedBatch(batch)
        noteWaiting()
    }

    private func noteWaiting() {
        lane?.waiting(batches.values.reduce(0) { $0 + $1.byteCount })
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
        guard let part = batches[id]?.next else { return }
        let body = ByteBuffer(bytes: collector.usesGzip ? Gzip.compress(part.bytes) : part.bytes)
        let bound = NIOLoopBound(self, eventLoop: loop)
        let timeout = TimeAmount.nanoseconds(collector.timeoutNs)
        let number = renewals
        connection().flatMap { connection in
            bound.value.lane?.sent(body.readableBytes)
            let answer = connection.send(bound.value.head(body), body, within: timeout)
            // Made with the certificates of before: for this request only.
            if bound.value.renewals != number { connection.retire() }
            return answer
        }.whenComplete { result in
            bound.value.ended(id, result)
        }
    }

    private func connection() -> EventLoopFuture<HTTPConnection> {
        connections.removeAll { !$0.isUsable && !$0.isBusy }
        if let usable = connections.first(where: { $0.isUsable }) { return loop.makeSucceededFuture(usable) }
        guard collector.tls == nil || tls != nil else {
            return loop.makeFailedFuture(HTTPConnection.Failure(reason: "the certificates cannot be used"))
        }
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
        let answer: CollectorAnswer
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
        take(answer, to: id)
        pump()
        if isFinishing, window.isEmpty { return endNow() }
        if !hadRoom, hasRoom { lane?.roomChanged() }
    }

    private func take(_ answer: CollectorAnswer, to id: DeliveryWindow.BatchID) {
        guard let part = batches[id]?.next else { return }
        let trouble = answer.trouble ?? ""
        switch answer.verdict {
        case .accepted(let rejected): ended(part, of: id, refused: rejected, trouble)
        case .refused: ended(part, of: id, refused: part.events, trouble)
        case .tooLarge:
            guard batches[id]?.split() == true else { return ended(part, of: id, refused: part.events, trouble) }
            saySplit(part.bytes.count, trouble)
            builder?.shrink(below: part.bytes.count)
            window.unsent(id)
        case .failed(let afterNs):
            lane?.troubled(trouble)
            _ = window.ended(id, .failed(afterNs: afterNs), nowNs: Self.nowNs, draw: .random(in: 0...1))
        case .held(let afterNs):
            lane?.troubled(trouble, as: .refused)
            _ = window.ended(id, .held(afterNs: afterNs), nowNs: Self.nowNs, draw: .random(in: 0...1))
        }
    }

    /// The collector has decided on a part of a batch.
    private func ended(_ part: PartedBatch.Part, of id: DeliveryWindow.BatchID, refused: UInt64, _ trouble: String) {
        if refused < part.events { lane?.delivering() } else { lane?.refusing(trouble) }
        if refused == 0 { builder?.grow() }
        if refused > 0 { sayRefusal(trouble) }
        batches[id]?.end(refusedEvents: refused)
        if batches[id]?.next != nil {
            window.unsent(id)
        } else if let batch = batches.removeValue(forKey: id) {
            let outcome = DeliveryWindow.Outcome.done(refused: batch.refusedEvents)
            let done = window.ended(id, outcome, nowNs: Self.nowNs, draw: .random(in: 0...1))
            if let done { acknowledge(done) }
        }
        noteWaiting()
    }

    private func sayRefusal(_ trouble: String) {
        guard Self.maySay(&refusalsSaidAt) else { return }
        logger.error("events are refused, and not sent again", metadata: ["reason": "\(printable(trouble))"])
    }

    private func saySplit(_ byteCount: Int, _ trouble: String) {
        guard Self.maySay(&splitsSaidAt) else { return }
        logger.notice(
            "a batch is too large for the collector: it is sent in two, and later ones are smaller",
            metadata: ["bytes": "\(byteCount)", "reason": "\(printable(trouble))"]
        )
    }

    /// Each is said at most once a second.
    private static func maySay(_ saidAt: inout NIODeadline?) -> Bool {
        let now = NIODeadline.now()
        if let said = saidAt, now - said < .seconds(1) { return false }
        saidAt = now
        return true
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
