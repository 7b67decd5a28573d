import LTTngLive

/// A relayd without sockets: requests in, replies out, in virtual time.
///
/// It serves one viewer connection at a time and answers as relayd does: a session is attached once, streams are
/// announced once a connection, a beacon vanishes with the next packet, an end is said once. What its streams hold
/// comes from a script or is generated (`GeneratedHost`) when it is asked for: nothing is computed for a relay that
/// nobody reads, and a generated stream stores nothing but its reader's place, so that a process can hold thousands
/// of relays.
///
/// The driver's turn: `advance(to:)`, `received`, then write what `takeOutput` gives and close if `isClosing`; and
/// come back at `nextWakeNs`, if that is set.
package struct SimulatedRelay: ~Copyable {
    private let major: UInt32
    private let minor: UInt32
    var nowNs: UInt64 = 0
    var server: LiveServer
    private var isConnected = false
    private var isCut = false
    private var hasViewerSession = false
    private var connectionCount: UInt64 = 0

    var sessions: [SimulatedSession] = []
    var streams: [SimulatedStream] = []
    var streamOfID: [LiveStreamID: Int] = [:]

    private var faults: [RelayFault]
    /// Requests answered so far, by kind.
    private var requestCounts: [RelayFault.RequestKind: Int] = [:]
    /// Requests that wait for the end of a silence.
    private var waiting: [(atNs: UInt64, request: LiveRequest)] = []
    private var error: LiveServerError?
    /// Reply bytes of this connection, the waiting ones included.
    private var replyBytes: UInt64 = 0
    private var ready: [UInt8] = []
    private var delayed: [(atNs: UInt64, bytes: [UInt8])] = []

    /// A relay that has and does what the script says.
    package init(_ script: RelayScript) {
        major = script.major
        minor = script.minor
        faults = script.faults
        server = LiveServer(minor: script.minor)
        for session in script.sessions {
            sessions.append(SimulatedSession(session))
            for stream in session.streams {
                add(SimulatedStream(stream.stream, session: sessions.count - 1, content: .scripted(stream)))
            }
        }
    }

    /// A relay with the sessions of some hosts, one each. Sessions are numbered from 1, streams and traces as they
    /// come.
    package init(hosts: [GeneratedHost], minor: UInt32 = LiveVersion.minor, faults: [RelayFault] = []) {
        self.init(RelayScript(minor: minor, faults: faults))
        for host in hosts { add(host) }
    }

    mutating func add(_ stream: SimulatedStream) {
        streamOfID[stream.live.id] = streams.count
        streams.append(stream)
    }

    // MARK: Events

    /// A viewer's connection was accepted; one before it is gone.
    /// - Returns: false when the relay is down and refuses.
    package mutating func connected(nowNs: UInt64) -> Bool {
        disconnected(nowNs: nowNs)
        guard !isDown else { return false }
        isConnected = true
        isCut = false
        connectionCount += 1
        return true
    }

    /// The viewer's connection is gone; its sessions are free again.
    package mutating func disconnected(nowNs: UInt64) {
        advance(to: nowNs)
        isConnected = false
        hasViewerSession = false
        server = LiveServer(minor: minor)
        error = nil
        replyBytes = 0
        ready.removeAll()
        delayed.removeAll()
        waiting.removeAll()
        for index in sessions.indices { sessions[index].isAttached = false }
    }

    /// Bytes came from the viewer.
    package mutating func received(_ bytes: UnsafeRawBufferPointer, nowNs: UInt64) {
        advance(to: nowNs)
        guard isConnected, !isClosing else { return }
        var requests: [LiveRequest] = []
        do throws(LiveServerError) {
            try server.received(bytes, requests: &requests)
        } catch {
            self.error = error
        }
        let answerAt = silenceEnd ?? nowNs
        for request in requests { waiting.append((max(answerAt, waiting.last?.atNs ?? 0), request)) }
        answerDue()
        if case .unknownCommand = error, waiting.isEmpty {
            server.replyToUnknownCommand()
            emit()
        }
    }

    /// Time goes on. It never goes back: an earlier time does nothing.
    package mutating func advance(to nowNs: UInt64) {
        self.nowNs = max(self.nowNs, nowNs)
        if isDown, isConnected { isCut = true }
        answerDue()
        let due = delayed.prefix { $0.atNs <= self.nowNs }
        for (_, bytes) in due { ready += bytes }
        delayed.removeFirst(due.count)
    }

    // MARK: Output

    /// The connection is to be closed once the output is written.
    package var isClosing: Bool {
        isCut || (error != nil && waiting.isEmpty && delayed.isEmpty)
    }

    /// Whether bytes are to be written now.
    package var hasOutput: Bool { !ready.isEmpty }

    /// Hands the bytes to be written now to `body`, once, and forgets them.
    package mutating func takeOutput<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        defer { ready.removeAll(keepingCapacity: ready.capacity <= 1 << 16) }
        return ready.withUnsafeBytes(body)
    }

    /// When something happens without the viewer; nil if nothing will.
    package var nextWakeNs: UInt64? {
        var next = min(waiting.first?.atNs ?? .max, delayed.first?.atNs ?? .max)
        for case .down(let range) in faults where isConnected && range.lowerBound > nowNs {
            next = min(next, range.lowerBound)
        }
        return next == .max ? nil : next
    }

    // MARK: Answers

    private mutating func answerDue() {
        while let (atNs, request) = waiting.first, atNs <= nowNs, !isCut {
            waiting.removeFirst()
            let kind = request.kind
            requestCounts[kind, default: 0] += 1
            if let bytes = replacement(for: kind) { server.reply(raw: bytes) } else { answer(request) }
            emit()
        }
    }

    private mutating func answer(_ request: LiveRequest) {
        switch request {
        case .connect: server.replyToConnect(viewerSession: connectionCount, major: major)
        case .createViewerSession:
            hasViewerSession = true
            server.replyToCreateViewerSession(.ok)
        case .listSessions: server.replyToList(listedSessions())
        case .attach(let session, let seek): answerAttach(session, seek: seek, hasViewerSession: hasViewerSession)
        case .detach(let session): answerDetach(session)
        case .newStreams(let session): answerNewStreams(session)
        case .nextIndex(let stream): answerNextIndex(stream)
        case .packet(let stream, let offset, let length): answerPacket(stream, offset: offset, length: length)
        case .metadata(let stream): answerMetadata(stream)
        }
    }

    /// Moves replies on, through the faults of the connection.
    private mutating func emit() {
        var bytes: [UInt8] = []
        server.takeOutput { bytes = Array($0) }
        for index in faults.indices {
            guard case .cut(let limit) = faults[index], replyBytes + UInt64(bytes.count) >= limit else { continue }
            bytes.removeLast(Int(replyBytes + UInt64(bytes.count) - limit))
            isCut = true
            faults.remove(at: index)
            break
        }
        replyBytes += UInt64(bytes.count)
        if let delayNs {
            delayed.append((max(nowNs + delayNs, delayed.last?.atNs ?? 0), bytes))
        } else if ready.isEmpty {
            ready = bytes
        } else {
            ready += bytes
        }
    }

    // MARK: Faults

    private func replacement(for kind: RelayFault.RequestKind) -> [UInt8]? {
        for case .reply(kind, requestCounts[kind], let bytes) in faults { return bytes }
        return nil
    }

    private var delayNs: UInt64? {
        for case .delay(let duration) in faults { return duration }
        return nil
    }

    private var silenceEnd: UInt64? {
        for case .silence(let range) in faults where range.contains(nowNs) { return range.upperBound }
        return nil
    }

    private var isDown: Bool {
        for case .down(let range) in faults where range.contains(nowNs) { return true }
        return false
    }
}
