package import CTF

/// Where a feed was, as its log says: what a coordinator that is started again goes on from.
package struct RestoredFeed: Sendable {
    package struct Relay: Sendable {
        /// What was said last; nil where nothing was.
        package var state: RelayStateChange?
        /// Those that go on, by number.
        package var sessions: [Session] = []
        /// Sessions that were lost, and may be attached anew: what is not to be read of them again.
        package var lostStreams: [(session: SessionStateChange, streams: EndedStreams)] = []
    }

    package struct Session: Sendable {
        package var change: SessionStateChange
        /// By number.
        package var traces: [Trace] = []
        package var endedStreams = EndedStreams()
    }

    package struct Trace: Sendable {
        package var declaration: FeedTrace
        /// In the pieces in which it came.
        package var metadata: [[UInt8]]
        /// By number.
        package var streams: [Stream] = []
    }

    package struct Stream: Sendable {
        package var declaration: FeedStream
        package var place: StreamPlace
        /// The packet of which events have left, and more are to come.
        package var cutPacket: CutPacket?
    }

    /// A packet that the feed has in part.
    package struct CutPacket: Sendable, Equatable {
        package var id: UInt64
        /// From its start to its first event.
        package var preamble: [UInt8]
        package var index: FeedPacketIndex
        package var correction: TimeCorrection
        /// Where the last event that has left ends, bits from the packet's start.
        package var endBits: UInt64
    }

    /// W, nanoseconds since the Unix epoch; nil before it was set.
    package var watermarkNs: Int64?
    package var numbers: FeedNumbers
    package var relays: [String: Relay] = [:]
    /// How the hosts' clocks stood.
    package var clocks: [ClockReport]
    /// How far feeds that are sources were taken, by their names.
    package var sources: [String: SourceRecord]
    /// Whether it was said last that there is no stream that W follows.
    package var isIdle: Bool

    package init(_ state: FeedState) {
        // What has left in order was proven to be complete.
        watermarkNs = [state.watermarkNs, state.floorNs].compactMap { $0 }.max()
        numbers = state.numbers
        clocks = state.clocks.values.map { $0 }
        sources = state.sources
        isIdle = state.isIdle
        for change in state.relays.values { relays[change.relay, default: Relay()].state = change }
        var streams: [UInt64: [Stream]] = [:]
        for stream in state.streams.values.sorted(by: { $0.id < $1.id }) {
            streams[stream.traceID, default: []].append(Stream(stream, state))
        }
        var traces: [FeedState.SessionKey: [Trace]] = [:]
        for live in state.traces.values.sorted(by: { $0.trace.id < $1.trace.id }) {
            traces[FeedState.SessionKey(live.trace), default: []].append(
                Trace(declaration: live.trace, metadata: live.metadata, streams: streams[live.trace.id] ?? [])
            )
        }
        var sessions = state.sessions
        // One that took another's place is said only behind the other's end, and may have had traces by then.
        for (key, traces) in traces where sessions[key] == nil && !traces.isEmpty {
            sessions[key] = SessionStateChange(key, .active)
        }
        for (key, change) in sessions.sorted(by: { $0.key < $1.key }) {
            relays[key.relay, default: Relay()].sessions.append(
                Session(
                    change: change,
                    traces: traces[key] ?? [],
                    endedStreams: state.endedStreams[key] ?? EndedStreams()
                )
            )
        }
        for (key, ended) in state.endedStreams where sessions[key] == nil {
            relays[key.relay, default: Relay()].lostStreams.append((SessionStateChange(key, .lost), ended))
        }
    }
}

extension SessionStateChange {
    fileprivate init(_ key: FeedState.SessionKey, _ state: SessionState) {
        self.init(
            relay: key.relay,
            host: key.host,
            session: key.session,
            sessionID: key.id,
            state: state,
            reason: ""
        )
    }
}

extension RestoredFeed.Stream {
    fileprivate init(_ stream: FeedStream, _ state: FeedState) {
        declaration = stream
        place = state.places[stream.id] ?? StreamPlace()
        guard let packet = place.packet, !packet.isWhole, let open = state.openPacket(of: stream.id) else { return }
        cutPacket = RestoredFeed.CutPacket(
            id: open.id,
            preamble: open.preamble,
            index: open.index,
            correction: open.correction,
            endBits: packet.endBits
        )
    }
}
