import Feed
import Rendering
import Runtime

/// Exports batches to an output until the range has been passed, or the feed's last frame at the start has been seen.
/// Confined to the printing thread, which `@unchecked Sendable` stands for.
final class FeedExporting: @unchecked Sendable {
    private var exporter: FeedExporter
    private var notices: NoticeFilter
    let output: ExportOutput
    /// The last frame that belongs to the export; nil: the range's end decides, or the feed's.
    private let lastSequence: UInt64?
    private let progress: ProgressLine
    /// Whether events could not be decoded, or the log let go of them before they came.
    private(set) var isDamaged = false
    private var hasBegun = false
    /// Whether all that belongs to the export has been written.
    private(set) var isWhole = false

    init(
        _ format: ExportFormat,
        range: RangeFilter,
        filter: FilterExpression?,
        lastSequence: UInt64?,
        audience: NoticeFilter.Audience,
        output: ExportOutput
    ) {
        exporter = FeedExporter(format, range: range, filter: filter) { output.write($0, $1) }
        notices = NoticeFilter(for: audience)
        self.lastSequence = lastSequence
        self.output = output
        let goal: ProgressLine.Goal =
            if let lastSequence { .sequence(lastSequence) } else if let endNs = range.endNs {
                .time(fromNs: range.beginNs, toNs: endNs)
            } else { .unknown }
        progress = ProgressLine("export", goal: goal, writesToOutput: false)
    }

    var eventCount: UInt64 { exporter.totals.events }

    func take(_ batch: FeedBatch) -> PrintVerdict {
        do throws(RenderingError) {
            try exporter.take(notices.filter(batch)) { standardError.write(line: $0) }
        } catch {
            isDamaged = true
            standardError.write(line: "\(error)")
        }
        // What is missing before the first frame was not kept: the range begins behind it.
        if hasBegun, batch.records.contains(where: { if case .gap = $0 { true } else { false } }) { isDamaged = true }
        hasBegun = true
        progress.update(batch, events: eventCount)
        if exporter.isComplete || lastSequence.map({ batch.sequence >= $0 }) == true { isWhole = true }
        return isWhole || output.fault != nil ? .stop : .goOn
    }

    /// All that there is has come.
    func endOfFeed() { isWhole = true }

    /// Writes what comes at the end.
    func finish() {
        exporter.finish()
        progress.end()
    }
}
