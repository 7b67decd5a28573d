import LTTngLive

/// How much the coordinator keeps, for tests and metrics.
extension Coordinator {
    /// Over all connections. `draining`: ended streams of which events have still to leave. `viewerPlaces`: used and
    /// vacant places of the viewers' tables.
    package var tableSizes: (traces: Int, streams: Int, draining: Int, viewerPlaces: Int) {
        (
            links.reduce(0) { $0 + $1.traces.count },
            links.reduce(0) { $0 + $1.streams.count },
            draining.count,
            links.reduce(0) { $0 + $1.viewer.tableSizes.places }
        )
    }
}
