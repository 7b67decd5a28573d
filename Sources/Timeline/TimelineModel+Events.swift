package import Feed

extension TimelineModel {
    /// An event of a frame.
    /// - Parameters:
    ///   - index: its place in the frame, from 0.
    ///   - view: what `scope` may see; nil: all.
    /// - Returns: nil where there is none, or none that may be seen, or one without a time.
    /// - Complexity: a scan of the frame's events.
    package func event(
        _ index: UInt32,
        of batch: FeedBatch,
        scope: ViewScope = .full,
        view: LaneView? = nil
    ) -> FoundEvent? {
        var reader = EventReader(lanes: nil, view: view, filter: nil, scope: scope)
        var found: [FoundEvent] = []
        // The greatest time there is belongs to no half-open range; no event has it.
        reader.read(batch, times: .min ..< .max, lanes, into: &found)
        return found.first { $0.position.index == index }
    }
}
