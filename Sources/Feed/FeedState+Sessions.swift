extension FeedState {
    /// A session that is being read.
    package struct LiveSession: Sendable, Equatable {
        package var change: SessionStateChange
        package var streamCount: Int
        /// Some of its traces are in CTF 2.
        package var isCTF2: Bool
    }

    /// The sessions that are being read, in no order.
    /// - Complexity: O(sessions + traces + streams).
    package var liveSessions: [LiveSession] {
        var counts: [SessionKey: Int] = [:]
        var isCTF2: Set<SessionKey> = []
        for trace in traces.values where trace.metadata.first?.first == 0x1E { isCTF2.insert(SessionKey(trace.trace)) }
        for stream in streams.values {
            if let trace = traces[stream.traceID] { counts[SessionKey(trace.trace), default: 0] += 1 }
        }
        return sessions.compactMap { key, change in
            guard change.state == .active else { return nil }
            return LiveSession(change: change, streamCount: counts[key] ?? 0, isCTF2: isCTF2.contains(key))
        }
    }

    /// What is known of the last packet of a stream of which events have left; nil before the first, and of a peer's
    /// frames.
    package func lastPacket(ofStream id: UInt64) -> StreamPlace.Packet? { places[id]?.packet }
}
