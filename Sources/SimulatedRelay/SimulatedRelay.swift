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
    let version: RelayVersion
    let hasOneTracingSessionPerConnection: Bool
    var nowNs: UInt64 = 0

    var sessions: [SimulatedSession] = []
    private(set) var streams: [SimulatedStream] = []
    private(set) var streamOfID: [LiveStreamID: Int] = [:]

    /// Those that are open, oldest first.
    private var connections: [RelayConnection] = []
    private var connectionCount: UInt64 = 0
    private var faults: [RelayFault]
    /// A viewer asked for what no relayd before 2.16 survives.
    private var hasCrashed = false
    /// Requests answered so far, by kind.
    private var requestCounts: [RelayFault.RequestKind: Int] = [:]

    /// A relay that has and does what the script says.
    package init(_ script: RelayScript) {
        major = script.major
        version = script.version
        faults = script.faults
        hasOneTracingSessionPerConnection = script.hasOneTracingSessionPerConnection
        for session in script.sessions {
            add(session)
            for stream in session.streams {
                add(SimulatedStream(stream.stream, session: sessions.count - 1, content: .scripted(stream)))
            }
        }
        shareRotations()
    }

    /// A relay with the sessions of some hosts, one each. Sessions are numbered from 1, streams and traces as they
    /// come.
    package init(hosts: [GeneratedHost], version: RelayVersion = .newest, faults: [RelayFault] = []) {
        self.init(RelayScript(version: version, faults: faults))
        for host in hosts { add(host) }
    }

    /// Adds a session without streams.
    mutating func add(_ session: ScriptedSession) {
        sessions.append(SimulatedSession(session))
    }

    /// Adds a stream to its session.
    mutating func add(_ stream: SimulatedStream) {
        streamOfID[stream.live.id] = streams.count
        sessions[stream.session].add(stream, at: streams.count)
        streams.append(stream)
    }

    /// While one domain of a tracing session rotates, all its domains do.
    private mutating func shareRotations() {
        var rotations: [TracingSession: [Range<UInt64>]] = [:]
        for session in sessions { rotations[session.tracingSession, default: []] += session.rotations }
        for index in sessions.indices { sessions[index].rotations = rotations[sessions[index].tracingSession] ?? [] }
    }

    // MARK: Events

    /// A viewer connects.
    /// - Parameter sourcePort: where it connects from. A connection from the same port whose viewer has gone without
    ///   a word (`disconnected` was not called) is found out and closed.
    /// - Returns: the connection; nil when the relay is down and refuses.
    package mutating func connected(from sourcePort: UInt16? = nil, nowNs: UInt64) -> RelayConnectionID? {
        advance(to: nowNs)
        guard !isDown else { return nil }
        if let sourcePort, let ghost = connections.firstIndex(where: { $0.sourcePort == sourcePort }) {
            freeSessions(of: connections.remove(at: ghost))
        }
        connectionCount += 1
        let connection = RelayConnection(
            RelayConnectionID(number: connectionCount),
            minor: version.announcedMinor,
            sourcePort: sourcePort
        )
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
            if crashes(at: request, on: connection) {
                hasCrashed = true
                for connection in connections { cut(connection) }
                return
            }
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
        case .createViewerSession: createViewerSession(on: connection)
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
        let next = nextEnd
        guard connection.emit(limit: next?.afterBytes ?? .max, delivery, nowNs: nowNs), let next else { return }
        faults.remove(at: next.index)
        if next.isCut { cut(connection) } else { connection.mute() }
    }

    /// Closes a connection from our side.
    private mutating func cut(_ connection: RelayConnection) {
        connection.cut()
        freeSessions(of: connection)
    }

    // MARK: Faults

    /// What a viewer must not ask, since it brings the process down: anything of a session before there is a viewer
    /// session, a packet before the stream's first index, a length near 2^32.
    private func crashes(at request: LiveRequest, on connection: RelayConnection) -> Bool {
        switch request {
        case .connect, .createViewerSession, .listSessions, .attach, .detach: false
        case .newStreams, .nextIndex, .metadata: !connection.hasViewerSession
        case .packet(let stream, _, let length):
            !connection.hasViewerSession || length > UInt32.max - 64
                || streamOfID[stream].flatMap { connection.readings[$0] }?.hasSaidPacket == false
        }
    }

    private func replacement(for kind: RelayFault.RequestKind) -> [UInt8]? {
        for case .reply(kind, requestCounts[kind], let bytes) in faults { return bytes }
        return nil
    }

    /// The cut or silence that a connection meets first.
    private var nextEnd: (index: Int, afterBytes: UInt64, isCut: Bool)? {
        var next: (index: Int, afterBytes: UInt64, isCut: Bool)?
        for index in faults.indices {
            switch faults[index] {
            case .cut(let limit) where limit < next?.afterBytes ?? .max: next = (index, limit, true)
            case .mute(let limit) where limit < next?.afterBytes ?? .max: next = (index, limit, false)
            default: break
            }
        }
        return next
    }

    private var delivery: RelayConnection.Delivery {
        var delivery = RelayConnection.Delivery()
        for fault in faults {
            switch fault {
            case .delay(let duration): delivery.delayNs = duration
            case .split(let bytes, let everyNs): delivery.pieces = (bytes, everyNs)
            default: break
            }
        }
        return delivery
    }

    private var silenceEnd: UInt64? {
        for case .silence(let range) in faults where range.contains(nowNs) { return range.upperBound }
        return nil
    }

    private var isDown: Bool {
        if hasCrashed { return true }
        for case .down(let range) in faults where range.contains(nowNs) { return true }
        return false
    }
}
