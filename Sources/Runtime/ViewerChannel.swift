import Feed
import FeedLog
import LTTngLive
import Logging
import NIOCore
import ReExport

/// One LTTng live viewer's connection, and its cursor in the log.
///
/// A viewer is answered while it takes the replies; one that does not read, or does not ask, costs what `ReExport`
/// keeps for it, and falls out of the log in the end. The feed's event loop hands it frames, and they are decoded on
/// the viewers' own, to which it is confined: that is what `@unchecked Sendable` stands for.
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
    /// The feed has been asked for what comes next.
    private var isWaiting = false
    private var hasAsked = false
    private var peer = "?"
    /// Of the connection; nil until it is let in.
    private(set) var number: UInt64?
    private var attached: [String] = []
    private var attachmentChanges: UInt64 = 0
    private var leaveReason = "it closed the connection"
    private var deadline: Scheduled<Void>?
    private var givenUpSaidAt: NIODeadline?
    /// What it was sent, bytes.
    private(set) var sentBytes: UInt64 = 0
    /// The last state of `export.totals`.
    private(set) var totals = ReExport.Totals()

    init(_ listener: ViewerListener) {
        self.listener = listener
        export = ReExport(feed: listener.hub.feed, limits: listener.limits.export)
        closePromise = listener.loop.makePromise()
    }

    private var hub: FeedHub { listener.hub }
    private var loop: any EventLoop { listener.loop }

    /// Succeeds when the connection is closed.
    var closed: EventLoopFuture<Void> { closePromise.futureResult }

    /// Whether it has something attached.
    var looksOn: Bool { !attached.isEmpty }

    var snapshot: ViewersSnapshot.Viewer {
        ViewersSnapshot.Viewer(
            peer: peer,
            number: number ?? 0,
            sequence: position.sequence,
            sessions: attached,
            waitingRequests: export.waitingRequests,
            keptBytes: export.keptBytes
        )
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
        deadline = loop.scheduleTask(in: listener.limits.handshake) {
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
        guard !isPumping, !isWaiting, let context else { return }
        isPumping = true
        defer {
            isPumping = false
            note()
        }
        var answers = 0
        while !isWaiting {
            if !context.channel.isWritable {
                context.flush()
                // Flushing may have made it writable, which is not listened to meanwhile.
                guard context.channel.isWritable else { return }
            }
            guard answers < listener.limits.turnRequests else {
                context.flush()
                return loop.execute { self.pump() }
            }
            switch export.advance() {
            case .idle:
                context.flush()
                if let fault { return refuse(fault) }
                // Where replies wait, the socket says when they do no longer.
                if context.channel.isWritable { context.read() }
                return
            case .answered:
                hasAsked = true
                answers += 1
                write(context)
            case .look: wait(for: hub.loop.submit { [hub] in hub.liveSessions }) { $0.export.looked($1) }
            case .open(let seek):
                wait(for: hub.beginning(seek == .last ? .latest : .earliest)) { try $0.opened($1) }
            case .read:
                let limit = listener.limits.export.readBytes
                wait(for: hub.frames(after: position, limitBytes: limit)) { try $0.took($1) }
            }
        }
        context.flush()
    }

    private func write(_ context: ChannelHandlerContext) {
        guard export.hasOutput else { return }
        let buffer = export.takeOutput { context.channel.allocator.buffer(bytes: $0) }
        sentBytes += UInt64(buffer.readableBytes)
        context.write(wrapOutboundOut(buffer), promise: nil)
    }

    /// Calls `body` with what the feed answers, on the viewers' loop.
    private func wait<Answer: Sendable>(
        for answer: EventLoopFuture<Answer>,
        _ body: @escaping @Sendable (ViewerChannel, Answer) throws -> Void
    ) {
        isWaiting = true
        answer.hop(to: loop).whenComplete { result in
            self.isWaiting = false
            guard self.context != nil else { return }
            do {
                try body(self, try result.get())
                self.pump()
            } catch {
                self.listener.logger.error("the log cannot be shown to a viewer", metadata: self.metadata)
                self.giveWay("\(error)")
            }
        }
    }

    private func opened(_ read: StoredRead) throws {
        take(read)
        guard case .fallenOut(let opening) = read.found else { return giveWay("the log cannot be read") }
        try export.opened(opening)
    }

    private func took(_ read: StoredRead) throws {
        take(read)
        switch read.found {
        case .frames(let frames): try export.took(frames)
        case .atEnd: export.tookNothing()
        case .fallenOut(let opening):
            listener.logger.warning("viewer has fallen out of the log", metadata: metadata)
            try export.opened(opening)
        case .unreadable: giveWay("the log cannot be read")
        }
    }

    /// Takes the position that a read has led to.
    private func take(_ read: StoredRead) {
        if let damage = read.damage { listener.logger.error("the log is damaged: \(damage)", metadata: metadata) }
        position = read.position
    }

    /// What it has come to, for others to see.
    private func note() {
        if export.totals.givenUpPackets > totals.givenUpPackets { noteGivenUp(export.totals.givenUpPackets) }
        totals = export.totals
        guard export.attachmentChanges != attachmentChanges else { return }
        attachmentChanges = export.attachmentChanges
        let names = export.attachedNames
        let what = names.count < attached.count ? "viewer has detached" : "viewer has attached"
        attached = names
        var metadata = self.metadata
        metadata["sessions"] = "\(names.isEmpty ? "none" : printable(names.joined(separator: ", ")))"
        listener.logger.info("\(what)", metadata: metadata)
    }

    /// Says now and then that it would take more memory to show all.
    private func noteGivenUp(_ packets: UInt64) {
        let now = NIODeadline.now()
        if let said = givenUpSaidAt, now - said < listener.limits.complaints { return }
        givenUpSaidAt = now
        var metadata = self.metadata
        metadata["packets"] = "\(packets)"
        metadata["kept_bytes"] = "\(export.keptBytes)"
        listener.logger.warning("packets given up: what is kept for a viewer is at its limit", metadata: metadata)
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
            metadata["given_up"] = "\(totals.givenUpPackets)"
            listener.logger.info("viewer left", metadata: metadata)
        }
        closePromise.succeed()
    }
}
