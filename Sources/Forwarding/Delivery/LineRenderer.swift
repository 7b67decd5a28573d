import Feed
import Rendering

/// Frames as JSON lines, as `tail --format json` prints them.
struct LineRenderer: ~Copyable {
    private var renderer: FeedRenderer
    private var buffer = OutputBuffer()

    init(includesControlRecords: Bool) {
        renderer = FeedRenderer(
            options: RenderingOptions(format: .json, includesControlRecords: includesControlRecords)
        )
    }

    /// - Returns: the lines, and how many events they show and lack.
    mutating func lines(_ frame: ForwardedFrame) -> (bytes: [UInt8], events: UInt64, damaged: UInt64) {
        let batch = frame.isCheckpoint ? frame.batch.onlyNews : frame.batch
        var expected: UInt64 = 0
        for case .events(let group) in batch.records { expected += UInt64(max(group.eventCount, 0)) }
        let before = renderer.totals.events
        defer { buffer.removeAll() }
        // The first damage of the batch: counted below, as all of it is.
        _ = try? renderer.render(batch, token: frame.token?.text, into: &buffer) { _ in }
        let events = renderer.totals.events - before
        return (buffer.withUnsafeBytes { Array($0) }, events, expected - min(events, expected))
    }
}
