import Feed
import LTTngLive

/// What names a session of the feed: a relay that restarts uses its numbers again.
package struct SessionIdentity: Hashable, Comparable, Sendable {
    package var relay: String
    package var host: String
    package var session: String
    package var id: UInt64

    init(_ trace: FeedTrace) {
        (relay, host, session, id) = (trace.relay, trace.host, trace.session, trace.sessionID)
    }

    init(_ change: SessionStateChange) {
        (relay, host, session, id) = (change.relay, change.host, change.session, change.sessionID)
    }

    package static func < (left: SessionIdentity, right: SessionIdentity) -> Bool {
        (left.relay, left.host, left.session, left.id) < (right.relay, right.host, right.session, right.id)
    }
}

/// What a viewer can attach.
enum ExportedSession: Hashable, Sendable {
    /// All sessions of the feed as one.
    case cluster
    case session(SessionIdentity)

    func holds(_ identity: SessionIdentity) -> Bool {
        switch self {
        case .cluster: true
        case .session(let own): own == identity
        }
    }

    /// Its number: the same on each connection and after a restart.
    var liveID: LiveSessionID {
        guard case .session(let identity) = self else { return LiveSessionID(1) }
        var hash = StableHash()
        for part in [identity.relay, identity.host, identity.session] { hash.combine(part) }
        hash.combine(identity.id)
        // Never that of the cluster.
        return LiveSessionID(hash.value | 1 << 63)
    }

    /// What is to be listed of the sessions that live: each, and before them all together, where there are any.
    /// - Complexity: O(n log n).
    static func list(
        _ live: [FeedState.LiveSession],
        livePeriodUs: UInt32
    ) -> [(session: ExportedSession, listed: ListedSession)] {
        guard !live.isEmpty else { return [] }
        let sorted = live.map { (SessionIdentity($0.change), $0) }.sorted { $0.0 < $1.0 }
        var relayOfName: [[String]: String] = [:]
        var list = [
            (
                ExportedSession.cluster,
                ListedSession(
                    id: ExportedSession.cluster.liveID,
                    liveTimerUs: livePeriodUs,
                    streamCount: UInt32(clamping: live.reduce(0) { $0 + $1.streamCount }),
                    hostname: ReExport.clusterName.host,
                    name: ReExport.clusterName.session
                )
            )
        ]
        for (identity, session) in sorted {
            let key = [identity.host, identity.session]
            let relay = relayOfName[key] ?? identity.relay
            relayOfName[key] = relay
            list.append(
                (
                    .session(identity),
                    ListedSession(
                        id: ExportedSession.session(identity).liveID,
                        liveTimerUs: livePeriodUs,
                        streamCount: UInt32(clamping: session.streamCount),
                        hostname: identity.host,
                        // Another relay has a session of that name already.
                        name: relay == identity.relay ? identity.session : "\(identity.session)@\(identity.relay)",
                        format: session.isCTF2 ? .ctf2 : .ctf1
                    )
                )
            )
        }
        return list
    }
}

/// A number made of names that is the same in every process (FNV-1a).
struct StableHash: Sendable {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func combine(_ text: String) {
        for byte in text.utf8 { combine(byte) }
        // No byte of UTF-8.
        combine(0xFF as UInt8)
    }

    mutating func combine(_ number: UInt64) {
        for index in 0..<8 { combine(UInt8(truncatingIfNeeded: number >> UInt64(index * 8))) }
    }

    private mutating func combine(_ byte: UInt8) {
        value = (value ^ UInt64(byte)) &* 0x100_0000_01B3
    }
}
