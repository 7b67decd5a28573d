package import Feed

extension LaneTable {
    /// The lanes that are meant by some, and those below them.
    /// - Parameter ids: lanes; the feed's is 0, and means all.
    /// - Returns: nil: all.
    /// - Complexity: O(lanes).
    package func below(_ ids: [UInt32]) -> LaneSet? {
        guard !ids.contains(0) else { return nil }
        // A set takes memory up to its greatest number.
        var all = LaneSet(ids.filter { index(of: $0) != nil })
        for entry in entries.dropFirst() where all.contains(entry.lane.parent) { all.insert(entry.lane.id) }
        return all
    }

    /// What a filter that names lanes only leaves of a view.
    /// - Parameters:
    ///   - filter: nil, or one that asks for more: all.
    ///   - view: what may be seen; nil: all.
    /// - Complexity: O(lanes).
    package func narrowed(_ view: LaneView?, by filter: FilterExpression?) -> LaneView? {
        guard let filter, filter.namesLanesOnly else { return view }
        var left = LaneView(shown: LaneSet([0]), counted: LaneSet())
        for entry in entries.dropFirst() where entry.lane.kind == .session || entry.lane.kind == .stream {
            let lane = entry.lane
            if lane.kind == .stream {
                guard left.counted.contains(lane.parent) else { continue }
            } else {
                guard view?.counted.contains(lane.id) != false,
                    filter.wants(relay: lane.relay, host: lane.host, session: lane.name)
                else { continue }
            }
            left.counted.insert(lane.id)
            left.shown.insert(lane.id)
            left.shown.insert(lane.parent)
        }
        return left
    }
}
