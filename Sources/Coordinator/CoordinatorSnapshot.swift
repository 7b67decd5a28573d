import EventMerge
package import Feed
import LTTngLive

/// How a coordinator stands at one moment: values only, for whoever watches it.
package struct CoordinatorSnapshot: Sendable {
    /// W, nanoseconds since the Unix epoch; nil before there is one.
    package var watermarkNs: Int64?
    /// Who holds W back while others go on; nil where nobody does.
    package var holder: Holder?
    /// Events that wait for W.
    package var pendingEventCount = 0
    /// Whether whoever takes the batches has no room, so that relays are asked for less.
    package var isHeld = false
    /// In the order of their numbers; those that are gone are left out.
    package var relays: [Relay] = []
    /// That are attached, or whose connection was lost and that are waited for.
    package var sessions: [Session] = []
    /// Of declared streams, by the feed's numbers: the time before which none of its events will come any more,
    /// nanoseconds since the Unix epoch.
    package var streamBoundsNs: [UInt64: Int64] = [:]

    package struct Holder: Sendable, Equatable {
        package var relay: String
        /// Empty where the relay as a whole holds W.
        package var host: String
        package var session: String
        /// The feed's number of the stream; nil where the session as a whole holds W.
        package var streamID: UInt64?
        /// Nanoseconds.
        package var heldNs: Int64
    }

    package struct Relay: Sendable, Equatable {
        package var name: String
        package var state: RelayState
        /// Whether the connection by which its sessions are listed is open.
        package var isConnected: Bool
        /// Whether it has attached, or has failed to, since the start: nothing of it is not known yet.
        package var hasSettled: Bool
        /// Why it cannot be attached, as it was said last; nil while it can.
        package var trouble: String?
        /// The time before which no event will come any more, nanoseconds since the Unix epoch; nil: not known.
        package var boundNs: Int64?
        /// Since the relay was configured, of all its connections.
        package var activity = RelayActivity()
        /// Packet bytes that have been fetched and have not left.
        package var pendingBytes: Int
        package var sessionCount: Int
        package var streamCount: Int
    }

    package struct Session: Sendable, Equatable {
        package var relay: String
        package var host: String
        package var name: String
        /// As of a relay.
        package var boundNs: Int64?
        package var streamCount: Int
        /// Whether its connection is open.
        package var isAttached: Bool
    }
}

/// What has gone to and fro between us and a relay.
package struct RelayActivity: Sendable, Equatable {
    /// Connections that were opened: one for the relay, and one for each session.
    package var connections: UInt64 = 0
    /// Those of them that are the relay's.
    package var ownConnections: UInt64 = 0
    /// Batches of requests that were sent.
    package var polls: UInt64 = 0
    package var receivedBytes: UInt64 = 0

    /// Times that the relay's own connection was opened again.
    package var reconnects: UInt64 { max(ownConnections, 1) - 1 }
}

extension Coordinator {
    /// O(streams).
    package var snapshot: CoordinatorSnapshot {
        var snapshot = CoordinatorSnapshot()
        snapshot.watermarkNs = frontier.watermarkNs
        snapshot.holder = stall.currentHolder(frontier).flatMap { named($0) }
        snapshot.pendingEventCount = merge.pendingEventCount
        snapshot.isHeld = outputIsHeld
        snapshot.streamBoundsNs.reserveCapacity(openStreamCount)
        for link in links where link.isSource && !link.isFinished {
            var relay = described(link)
            if let feed = link.feed { add(feed, link, to: &snapshot) }
            for child in link.children {
                guard let session = child.session ?? child.parked else { continue }
                relay.sessionCount += 1
                relay.streamCount += session.streamCount
                snapshot.sessions.append(
                    CoordinatorSnapshot.Session(
                        relay: link.source.name,
                        host: session.listed.hostname,
                        name: session.listed.name,
                        boundNs: frontier.boundNs(session.frontier),
                        streamCount: session.streamCount,
                        isAttached: child.session != nil
                    )
                )
                for stream in child.streams.values where stream.isDeclared {
                    guard let slot = stream.frontier, let boundNs = frontier.boundNs(slot) else { continue }
                    snapshot.streamBoundsNs[stream.declaration.id] = boundNs
                }
            }
            snapshot.relays.append(relay)
        }
        return snapshot
    }

    private func described(_ link: RelayLink) -> CoordinatorSnapshot.Relay {
        CoordinatorSnapshot.Relay(
            name: link.source.name,
            state: RelayState(stall.phase(link.frontier)),
            isConnected: link.isOpen,
            hasSettled: link.hasAnswered || link.setbackCount > 0,
            trouble: link.saidReason,
            boundNs: frontier.boundNs(link.frontier),
            activity: link.activity,
            pendingBytes: link.pendingBytes,
            sessionCount: 0,
            streamCount: 0
        )
    }

    private func named(_ held: HolderReport) -> CoordinatorSnapshot.Holder? {
        guard let (link, session, stream) = place(of: held.holder) else { return nil }
        return CoordinatorSnapshot.Holder(
            relay: link.source.name,
            host: session?.listed.hostname ?? "",
            session: session?.listed.name ?? "",
            streamID: stream?.declaration.id,
            heldNs: held.heldNs
        )
    }

    /// Whom the frontier means; nil where that is no relay.
    func place(of holder: WatermarkHolder) -> (link: RelayLink, session: RelaySession?, stream: RelayStream?)? {
        guard let link = links.first(where: { $0.frontier == holder.relay }), !link.isStored else { return nil }
        let session = link.children.lazy.compactMap { $0.session ?? $0.parked }.first { $0.frontier == holder.session }
        let stream = holder.stream.flatMap { slot in
            link.children.lazy.flatMap(\.streams.values).first { $0.frontier == slot }
        }
        return (link, session, stream)
    }
}
