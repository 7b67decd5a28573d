import LTTngLive

/// A relayd without sockets: requests in, replies out, in virtual time.
///
/// It serves any number of viewer connections at once and answers as relayd does: a session is attached by one
/// connection at a time, streams are announced once a connection, a beacon vanishes with the next packet, an end is
/// said once. What its streams hold comes from a script or is generated (`GeneratedHost`) when it is asked for:
/// nothing is computed for a relay that nobody reads, and a generated stream stores nothing but its reader's place, so
/// that a process can hold thousands of relays.
///
/// The driver's turn for a connection: `advance(to:)`, `received`, then write what `takeOutput` gives and close if
/// `isClosing`; and come back for every connection at `nextWakeNs`, if that is set.
package struct SimulatedRelay: ~Copyable {
    private let major: UInt32
    private let minor: UInt32
    let hasOneTracingSessionPerConnection: Bool
    var nowNs: UInt64 = 0

    var sessions: [SimulatedSession] = []
    private(set) var streams: [SimulatedStream] = []
    private(set) var streamOfID: [LiveStreamID: Int] = [:]

    /// Those that are open, oldest first.
    private var connections: [RelayConnection] = []
    private var connectionCount: UInt64 = 0
    private var faults: [RelayFault]
    /// Requests answered so far, by kind.
    private var requestCounts: [RelayFault.RequestKind: Int] = [:]

    /// A relay that has and does what the script says.
    package init(_ script: RelayScript) {
        major = script.major
        minor = script.minor
        faults = script.faults
        hasOneTracingSessionPerConnection = script.hasOneTracingSessionPerConnection
        for session in script.sessions {
            add(session)
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

    /// Adds a session without streams.
    mutating func add(_ session: ScriptedSession) {
        sessions.append(SimulatedSession(session, firstSlot: streams.count))
    }

    /// Adds a stream to the session added last.
    mutating func add(_ stream: SimulatedStream) {
        precondition(stream.session == sessions.count - 1, "a session's streams lie side by side")
        streamOfID[stream.live.id] = streams.count
        streams.append(stream)
        sessions[stream.session].slots = sessions[stream.session].slots.lowerBound..<streams.count
    }

    // MARK: Events

    /// A viewer connects.
    /// - Returns: the connection; nil when the relay is down and refuses.
    package mutating func connected(nowNs: UInt64) -> RelayConnectionID? {
        advance(to: nowNs)
        guard !isDown else { return nil }
        connectionCount += 1
        let connection = RelayConnection(RelayConnectionID(number: connectionCount), minor: minor)
        connections.append(connection)
        return connection.id
    }

    /// A connection is gone, whoever closed it; its sessions are free again.
    package mutating func disconnected(_ connection: RelayConnectionID, nowNs: UInt64) {
        advance(to: nowNs)
        guard let index = connections.firstIndex(where: { $0.id == connection }) else { return }
        freeSessions(of: connections.remove(at: index))
    }

    /// Bytes came from the viewer. They are ignored on a connection that is closing or gone.
    package mutating func received(
        _ bytes: UnsafeRawBufferPointer,
        on connection: RelayConnectionID,
        nowNs: UInt64
    ) {
        advance(to: nowNs)
        guard let connection = find(connection) else { return }
        connection.received(bytes, answerAtNs: silenceEnd ?? self.nowNs)
        answerDue(on: connection)
    }

    /// Time goes on. It never goes back: an earlier time does nothing.
    package mutating func advance(to nowNs: UInt64) {
        self.nowNs = max(self.nowNs, nowNs)
        let isDown = isDown
        for connection in connections {
            if isDown { cut(connection) }
            answerDue(on: connection)
            connection.advance(to: self.nowNs)
        }
    }

    // MARK: Output

    /// The connection is to be closed once its output is written, or is gone already.
    package func isClosing(_ connection: RelayConnectionID) -> Bool { find(connection)?.isClosing ?? true }

    /// Whether bytes are to be written to the connection now.
    package func hasOutput(_ connection: RelayConnectionID) -> Bool { find(connection)?.hasOutput ?? false }

    /// Hands the bytes to be written to the connection now to `body`, once, and forgets them.
    package mutating func takeOutput<Result>(
        _ connection: RelayConnectionID,
        _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        find(connection)?.takeOutput(body) ?? body(UnsafeRawBufferPointer(start: nil, count: 0))
    }

    /// When something happens on any connection without its viewer; nil if nothing will.
    package var nextWakeNs: UInt64? {
        var next = connections.reduce(.max) { min($0, $1.nextWakeNs) }
        for case .down(let range) in faults where !connections.isEmpty && range.lowerBound > nowNs {
            next = min(next, range.lowerBound)
        }
        return next == .max ? nil : next
    }

    private func find(_ id: RelayConnectionID) -> RelayConnection? { connections.first { $0.id == id } }

    // MARK: Answers

    private mutating func answerDue(on connection: RelayConnection) {
        while let request = connection.takeDueRequest(nowNs: nowNs) {
            let kind = request.kind
            requestCounts[kind, default: 0] += 1
            if let bytes = replacement(for: kind) {
                connection.server.reply(raw: bytes)
            } else {
                answer(request, on: connection)
            }
            emit(on: connection)
        }
        if connection.takeRefusal() {
            connection.server.replyToUnknownCommand()
            emit(on: connection)
        }
    }

    private mutating func answer(_ request: LiveRequest, on connection: RelayConnection) {
        switch request {
        case .connect: connection.server.replyToConnect(viewerSession: connection.id.number, major: major)
        case .createViewerSession:
            connection.hasViewerSession = true
            connection.server.replyToCreateViewerSession(.ok)
        case .listSessions: connection.server.replyToList(listedSessions())
        case .attach(let session, let seek): answerAttach(session, seek: seek, on: connection)
        case .detach(let session): answerDetach(session, on: connection)
        case .newStreams(let session): answerNewStreams(session, on: connection)
        case .nextIndex(let stream): answerNextIndex(stream, on: connection)
        case .packet(let stream, let offset, let length):
            answerPacket(stream, offset: offset, length: length, on: connection)
        case .metadata(let stream): answerMetadata(stream, on: connection)
        }
    }

    /// Moves replies on, through the faults.
    private mutating func emit(on connection: RelayConnection) {
        let next = nextCut
        guard connection.emit(limit: next?.afterBytes ?? .max, delayNs: delayNs, nowNs: nowNs), let next else { return }
        faults.remove(at: next.index)
        cut(connection)
    }

    /// Closes a connection from our side.
    private mutating func cut(_ connection: RelayConnection) {
        connection.cut()
        freeSessions(of: connection)
    }

    // MARK: Faults

    private func replacement(for kind: RelayFault.RequestKind) -> [UInt8]? {
        for case .reply(kind, requestCounts[kind], let bytes) in faults { return bytes }
        return nil
    }

    /// The cut that a connection meets first.
    private var nextCut: (index: Int, afterBytes: UInt64)? {
        var next: (index: Int, afterBytes: UInt64)?
        for index in faults.indices {
            guard case .cut(let limit) = faults[index], limit < next?.afterBytes ?? .max else { continue }
            next = (index, limit)
        }
        return next
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
