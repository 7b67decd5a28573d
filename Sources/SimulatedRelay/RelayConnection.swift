import LTTngLive

/// Names a viewer's connection to a simulated relay; never used again.
package struct RelayConnectionID: Hashable, Sendable, BitwiseCopyable {
    /// Counted from 1, in order of acceptance.
    let number: UInt64
}

/// One viewer's connection: what was asked on it, what is to be sent, and how far it has read what it has attached.
///
/// A class because it owns a `LiveServer`, which no array can hold; it belongs to its relay and to nobody else.
final class RelayConnection {
    let id: RelayConnectionID
    /// Where it comes from; nil where nobody said.
    let sourcePort: UInt16?
    var server: LiveServer
    var hasViewerSession = false
    /// The one that it attached to first.
    var tracingSession: TracingSession?
    /// The sessions that it has attached, by their places in the relay.
    var attachments: [Int: Attachment] = [:]
    /// The streams that it was told of, by their places in the relay.
    var readings: [Int: StreamReading] = [:]

    /// A session that was attached.
    struct Attachment {
        var position: SeekPosition
        var atNs: UInt64
        /// How many of the session's streams, in the order of their coming, the viewer was told of.
        var announcedCount = 0
        /// As many of them as NEW_STREAM was raised for, by a release that raises it once.
        var flaggedCount = 0
    }

    /// Requests that wait for the end of a silence.
    private var waiting: [(atNs: UInt64, request: LiveRequest)] = []
    private var error: LiveServerError?
    private var hasRefused = false
    private var isCut = false
    private var isMute = false
    /// Bytes of replies since the connection's start, the waiting ones included.
    private var replyBytes: UInt64 = 0
    private var ready: [UInt8] = []
    private var delayed: [(atNs: UInt64, bytes: ArraySlice<UInt8>)] = []

    init(_ id: RelayConnectionID, minor: UInt32, sourcePort: UInt16?) {
        self.id = id
        self.sourcePort = sourcePort
        server = LiveServer(minor: minor)
    }

    // MARK: Requests

    /// Bytes came from the viewer; requests in them are answered at a time.
    func received(_ bytes: UnsafeRawBufferPointer, answerAtNs: UInt64) {
        guard !isClosing else { return }
        var requests: [LiveRequest] = []
        do throws(LiveServerError) {
            try server.received(bytes, requests: &requests)
        } catch {
            self.error = error
        }
        for request in requests { waiting.append((max(answerAtNs, waiting.last?.atNs ?? 0), request)) }
    }

    /// The next request whose time has come.
    func takeDueRequest(nowNs: UInt64) -> LiveRequest? {
        guard let first = waiting.first, first.atNs <= nowNs else { return nil }
        return waiting.removeFirst().request
    }

    /// Whether the viewer asked for what is no command and all before it is answered: says so once.
    func takeRefusal() -> Bool {
        guard case .unknownCommand = error, !hasRefused, !isCut, waiting.isEmpty else { return false }
        hasRefused = true
        return true
    }

    // MARK: Replies

    /// How replies reach the viewer.
    struct Delivery {
        /// How much later they come; nil for at once.
        var delayNs: UInt64?
        /// The pieces that they come in: bytes, and nanoseconds from one to the next.
        var pieces: (bytes: Int, everyNs: UInt64)?
    }

    /// Moves the server's replies on.
    /// - Parameter limit: bytes from the connection's start after which nothing comes.
    /// - Returns: whether the limit was reached; what is beyond it is lost.
    func emit(limit: UInt64, _ delivery: Delivery, nowNs: UInt64) -> Bool {
        var bytes: [UInt8] = []
        server.takeOutput { bytes = Array($0) }
        guard !isMute else { return false }
        // Not negative: a connection that reached a limit sends nothing more.
        let left = limit - replyBytes
        let isReached = UInt64(bytes.count) >= left
        if isReached { bytes.removeLast(bytes.count - Int(left)) }
        replyBytes += UInt64(bytes.count)
        if let (count, everyNs) = delivery.pieces {
            var atNs = max(nowNs + (delivery.delayNs ?? 0), (delayed.last?.atNs ?? 0) + everyNs)
            for first in stride(from: 0, to: bytes.count, by: max(count, 1)) {
                delayed.append((atNs, bytes[first..<min(first + max(count, 1), bytes.count)]))
                atNs += everyNs
            }
        } else if let delayNs = delivery.delayNs {
            delayed.append((max(nowNs + delayNs, delayed.last?.atNs ?? 0), bytes[...]))
        } else if ready.isEmpty {
            ready = bytes
        } else {
            ready += bytes
        }
        return isReached
    }

    /// Replies whose time has come are to be written.
    func advance(to nowNs: UInt64) {
        guard let first = delayed.first, first.atNs <= nowNs else { return }
        let due = delayed.prefix { $0.atNs <= nowNs }
        for (_, bytes) in due { ready += bytes }
        delayed.removeFirst(due.count)
    }

    /// The relay ends it: nothing more is answered, and nothing comes but what is ready.
    func cut() {
        isCut = true
        waiting.removeAll()
        delayed.removeAll()
    }

    /// Nothing more comes, though it stays open.
    func mute() {
        isMute = true
    }

    // MARK: Output

    var isClosing: Bool { isCut || (error != nil && waiting.isEmpty && delayed.isEmpty) }

    var hasOutput: Bool { !ready.isEmpty }

    func takeOutput<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        defer { ready.removeAll(keepingCapacity: ready.capacity <= 1 << 16) }
        return ready.withUnsafeBytes(body)
    }

    /// When something happens without the viewer; `.max` if nothing will.
    var nextWakeNs: UInt64 { min(waiting.first?.atNs ?? .max, delayed.first?.atNs ?? .max) }
}
