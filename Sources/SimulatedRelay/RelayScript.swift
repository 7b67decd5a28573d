package import LTTngLive

/// What a simulated relay has and how it misbehaves: all of it known beforehand, so that a run can be repeated
/// exactly.
///
/// Times are nanoseconds of the simulation's monotonic clock.
package struct RelayScript: Sendable {
    /// The major version announced to viewers.
    package var major = LiveVersion.major
    /// The release that it behaves like.
    package var version: RelayVersion
    package var sessions: [ScriptedSession] = []
    package var faults: [RelayFault] = []
    /// Whether a connection can follow the sessions of one tracing session (of one machine) only, the first that it
    /// attaches to, as with relayd 2.13: of another it attaches, but GET_NEW_STREAMS says ERR.
    package var hasOneTracingSessionPerConnection = true

    package init(
        sessions: [ScriptedSession] = [],
        version: RelayVersion = .newest,
        faults: [RelayFault] = []
    ) {
        self.sessions = sessions
        self.version = version
        self.faults = faults
    }
}

/// A session of a script.
package struct ScriptedSession: Sendable {
    /// `clientCount` and `streamCount` are filled in by the relay.
    package var session: ListedSession
    /// From then on it is listed.
    package var appearsAtNs: UInt64
    /// From then on it is not listed; its streams hang up when they are read to their ends.
    package var endsAtNs: UInt64?
    /// Tells machines apart that give their sessions the same hostname and name.
    package var machine = 0
    /// Another viewer holds it until then.
    package var isHeldUntilNs: UInt64 = 0
    /// While a rotation or `lttng clear` goes on: GET_NEW_STREAMS says NO_NEW, streams say RETRY; also those of its
    /// siblings, the sessions of other domains with its names.
    package var rotations: [Range<UInt64>] = []
    package var streams: [ScriptedStream]

    package init(
        _ session: ListedSession,
        appearsAtNs: UInt64 = 0,
        endsAtNs: UInt64? = nil,
        streams: [ScriptedStream] = []
    ) {
        self.session = session
        self.appearsAtNs = appearsAtNs
        self.endsAtNs = endsAtNs
        self.streams = streams
    }
}

/// A stream of a script: what it says, step by step.
package struct ScriptedStream: Sendable {
    package enum Step: Sendable {
        /// A packet. The index may say anything; GET_PACKET serves `bytes` at the index's offset.
        case packet(PacketIndex, [UInt8])
        /// No event before these cycles. Said until the next step's time has come.
        case beacon(UInt64)
        /// Said once instead of a packet.
        case status(IndexStatus)
        /// Metadata, of a metadata stream: all of it whose time has come is one reply. Sent as it stands here, in
        /// packets (`MetadataPackets`) or not.
        case metadata([UInt8])
        /// Said once instead of metadata.
        case metadataStatus(MetadataStatus)
        /// The tracer closes the stream: it ends when it is read so far, with releases before 2.14 at once.
        case hangUp
    }

    package var stream: LiveStream
    /// From then on GET_NEW_STREAMS or ATTACH announces it.
    package var appearsAtNs: UInt64
    /// In order of time.
    package var steps: [(atNs: UInt64, step: Step)]

    package init(_ stream: LiveStream, appearsAtNs: UInt64 = 0, steps: [(atNs: UInt64, step: Step)] = []) {
        self.stream = stream
        self.appearsAtNs = appearsAtNs
        self.steps = steps
    }
}

/// What goes wrong on purpose.
package enum RelayFault: Sendable {
    /// A kind of request, for counting.
    package enum RequestKind: Sendable, Equatable, CaseIterable {
        case connect, createViewerSession, listSessions, attach, detach, newStreams, nextIndex, packet, metadata
    }

    /// A connection is closed after so many bytes of replies, counted from its own start; each cut happens once, on
    /// the first connection that reaches it.
    case cut(afterBytes: UInt64)
    /// A connection goes silent after so many bytes of replies, counted from its own start, and stays open; once, on
    /// the first connection that reaches it.
    case mute(afterBytes: UInt64)
    /// All replies come in pieces of so many bytes, at least 1, each so much later than the one before.
    case split(bytes: Int, everyNs: UInt64)
    /// The reply to the n-th request of a kind (from 1, over all connections) is replaced.
    case reply(to: RequestKind, number: Int, bytes: [UInt8])
    /// Requests of that time are answered only at its end (a stopped process), those of all connections.
    case silence(Range<UInt64>)
    /// Every reply on every connection comes so much later.
    case delay(UInt64)
    /// Connections are refused in that time, and all there are closed at its beginning.
    case down(Range<UInt64>)
}

extension LiveRequest {
    var kind: RelayFault.RequestKind {
        switch self {
        case .connect: .connect
        case .listSessions: .listSessions
        case .createViewerSession: .createViewerSession
        case .attach: .attach
        case .detach: .detach
        case .newStreams: .newStreams
        case .nextIndex: .nextIndex
        case .packet: .packet
        case .metadata: .metadata
        }
    }
}
