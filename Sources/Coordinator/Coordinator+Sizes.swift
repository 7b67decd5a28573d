import EventMerge
import LTTngLive

/// How much the coordinator keeps, for tests and metrics.
package struct CoordinatorSizes: Sendable, Equatable {
    /// Over all connections.
    package var traces: Int
    package var streams: Int
    /// Ended streams of which events have still to leave.
    package var draining: Int
    /// Of other coordinators' feeds: what has ended and is not said, before its last events have left.
    package var waitingEnds: Int
    /// Used and vacant places of the viewers' tables.
    package var viewerPlaces: Int
    /// Events in the merge.
    package var pendingEvents: Int
    /// Bytes of packets that are kept or asked for, of the relay that has most.
    package var pendingBytesOfRelayMax: Int
    /// Requests sent and not answered, of the connection that has most.
    package var requestsOfConnectionMax: Int
    /// Connections to sessions, the lost ones included.
    package var sessionConnections: Int
}

extension Coordinator {
    /// - Complexity: O(connections).
    package var sizes: CoordinatorSizes {
        var sizes = CoordinatorSizes(
            traces: 0,
            streams: 0,
            draining: draining.count,
            waitingEnds: 0,
            viewerPlaces: 0,
            pendingEvents: merge.pendingEventCount,
            pendingBytesOfRelayMax: 0,
            requestsOfConnectionMax: 0,
            sessionConnections: 0
        )
        for link in links {
            sizes.traces += link.traces.count
            sizes.streams += link.streams.count
            sizes.traces += link.feed?.traces.count ?? 0
            sizes.streams += link.feed?.streams.count ?? 0
            sizes.waitingEnds += link.feed?.segments.endCount ?? 0
            sizes.viewerPlaces += link.viewer.tableSizes.places
            sizes.pendingBytesOfRelayMax = max(sizes.pendingBytesOfRelayMax, link.pendingBytes)
            sizes.requestsOfConnectionMax = max(sizes.requestsOfConnectionMax, link.viewer.requestsOutstanding)
            sizes.sessionConnections += link.children.count
        }
        return sizes
    }
}
