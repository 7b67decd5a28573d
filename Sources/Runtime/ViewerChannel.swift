import Feed
import FeedLog
import LTTngLive
import Logging
import NIOCore
import ReExport

/// One LTTng live viewer's connection, and its cursor in the log.
///
/// A viewer is answered while it takes the replies; one that does not read, or does not ask, costs what `ReExport`
/// keeps for it, and falls out of the log in the end. Confined to the feed's event loop, which `@unchecked Sendable`
/// stands for.
final class ViewerChannel: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let listener: ViewerListener
    private var export: ReExport
    private var position = LogPosition(sequence: 0)
    private var context: ChannelHandlerContext?
    private let closePromise: EventLoopPromise<Void>
    /// What is wrong with what it asked; all before that is answered.
    private var fault: LiveServerError?
    private var isPumping = false
    /// What comes next is being read from disk.
    private var isReading = false
    private var hasAsked = false
    private var peer = "?"
    private var number: UInt64?
    private var attached: [String] = []
    private var attachmentChanges: UInt64 = 0
    private var leaveReason = "it closed the connection"
    private var deadline: Scheduled<Void>?
    /// What it was sent, bytes.
    private(set) var sentBytes: UInt64 = 0
    /// The last state of `export.totals`.
    private(set) var totals = ReExport.Totals()

    init(_ listener: ViewerListener) {
        self.listener = listener
        export = ReExport(feed: listener.hub.feed, limits: listener.limits.export)
        closePromise = listener.hub.loop.makePromise()
    }

    private var hub: FeedHub { listener.hub }

    /// Succeeds when the connection is closed.
    var closed: EventLoopFuture<Void> { closePromise.futureResult }

    var snapshot: ViewersSnapshot.Viewer {
        ViewersSnapshot.Viewer(peer: peer, number: number ?? 0, sequence: position.sequence, sessions: attached)
    }

    private var metadata: Logger.Metadata { ["peer": "\(peer)", "viewer": "\(number ?? 0)"] }

    // MARK: Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        peer = context.remoteAddress?.hostAndPort ?? "?"
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        ended()
    }

    func channelActive(context: ChannelHandlerContext) {
        number = listener.add(self)
        guard number != nil else { return context.close(promise: nil) }
        listener.logger.info("viewer connected", metadata: metadata)
        deadline = hub.loop.scheduleTask(in: listener.limits.handshake) {
            if !self.hasAsked { self.giveWay("it has asked nothing") }
        }
        context.read()
    }

    func channelInactive(context: ChannelHandlerContext) {
        ended()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard fault == nil else { return }
        unwrapInboundIn(data).withUnsafeReadableBytes { bytes in
            do throws(LiveServerError) {
                try export.received(bytes)
            } catch {
                fault = error
            }
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        pump()
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { pump() }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        giveWay(describe(error))
    }

    // MARK: Answering

    /// Answers what was asked, as far as the socket takes it and others are not kept waiting.
    private func pump() {
        guard !isPumping, !isReading, let context else { return }
        isPumping = true
        defer {
            isPumping = false
            note()
        }
        var answers = 0
        do {
            while context.channel.isWritable {
                guard answers < listener.limits.turnRequests else {
                    context.flush()
                    return hub.loop.execute { self.pump() }
                }
                switch try export.advance(newest: hub.newestState) {
                case .idle:
                    context.flush()
                    return fault.map { refuse($0) } ?? context.read()
                case .answered:
                    hasAsked = true
                    answers += 1
                    write(context)
                case .open(let seek):
                    try wait(for: hub.opening(seek == .last ? .latest : .earliest)) { try $0.opened($1) }
                case .read:
                    let limit = listener.limits.export.readBytes
                    try wait(for: hub.read(after: position, limitBytes: limit)) { try $0.took($1) }
                }
                guard !isReading else { return context.flush() }
            }
            context.flush()
        } catch let error as Refusal {
            giveWay(error.text)
        } catch {
            listener.logger.error("the log cannot be shown to a viewer", metadata: metadata)
            giveWay("\(error)")
        }
    }

    private func write(_ context: ChannelHandlerContext) {
        guard export.hasOutput else { return }
        let buffer = export.takeOutput { context.channel.allocator.buffer(bytes: $0) }
        sentBytes += UInt64(buffer.readableBytes)
        context.write(wrapOutboundOut(buffer), promise: nil)
    }

    /// Calls `body` with what is read: now, or when it has been.
    private func wait(
        for reading: FeedHub.Reading,
        _ body: @escaping @Sendable (ViewerChannel, StoredRead) throws -> Void
    ) throws {
        switch reading {
        case .now(let read): try body(self, read)
        case .later(let future):
            isReading = true
            future.whenComplete { result in
                self.isReading = false
                guard self.context != nil else { return }
                do {
                    try body(self, try result.get())
                    self.pump()
                } catch {
                    self.giveWay("the log cannot be read: \(error)")
                }
            }
        }
    }

    private func opened(_ read: StoredRead) throws {
        guard case .fallenOut(let opening) = found(read).found else { return giveWay("the log cannot be read") }
        try export.opened(opening)
    }

    private func took(_ read: StoredRead) throws {
        switch found(read).found {
        case .frames(let frames): try export.took(frames)
        case .atEnd: export.tookNothing()
        case .fallenOut(let opening):
            listener.logger.warning("viewer has fallen out of the log", metadata: metadata)
            try export.opened(opening)
        case .unreadable: giveWay("the log cannot be read")
        }
    }

    /// Takes the position that a read has led to.
    private func found(_ read: StoredRead) -> StoredRead {
        var read = read
        if let damage = read.damage { listener.logger.error("the log is damaged: \(damage)", metadata: metadata) }
        if case .unreadable = read.found { read = hub.goOnInMemory(after: position) }
        position = read.position
        return read
    }

    /// What it has come to, for others to see.
    private func note() {
        totals = export.totals
        guard export.attachmentChanges != attachmentChanges else { return }
        attachmentChanges = export.attachmentChanges
        let names = export.attachedNames
        attached = names
        var metadata = self.metadata
        metadata["sessions"] = "\(printable(names.joined(separator: ", ")))"
        listener.logger.info("viewer has attached", metadata: metadata)
    }

    /// All that it asked before what is no request is answered.
    private func refuse(_ fault: LiveServerError) {
        if case .unknownCommand = fault, let context {
            export.replyToUnknownCommand()
            write(context)
            context.flush()
        }
        giveWay("broke the protocol: \(fault)")
    }

    /// Sessions end for the viewer when it has all.
    func endAtLogEnd() {
        export.feedEnds()
    }

    /// Ends the connection, at once.
    func giveWay(_ reason: String) {
        leaveReason = reason
        context?.close(promise: nil)
    }

    private func ended() {
        guard context != nil else { return }
        context = nil
        deadline?.cancel()
        totals = export.totals
        listener.remove(self)
        if number != nil {
            var metadata = self.metadata
            metadata["reason"] = "\(printable(leaveReason))"
            metadata["packets"] = "\(totals.packets)"
            metadata["withheld"] = "\(totals.withheldPackets)"
            listener.logger.info("viewer left", metadata: metadata)
        }
        closePromise.succeed()
    }
}
